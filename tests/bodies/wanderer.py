"""A class body that wanders: seeded whims through every verb that research and desk share."""

from __future__ import annotations

from random import Random
from zlib import crc32

from quorate import Strategy


class Wanderer(Strategy):
    """Acts on a share ``pace`` of all bars; what it sees moves its whims, so any difference shows."""

    seed: int = 1
    pace: float = 0.1
    fast: int = 5
    slow: int = 20
    risk: float = 0.02

    def start(self) -> None:
        """Lines of the base bars and of longer ones."""
        self.dice = Random(self.seed)
        self.names = [each.id for each in self.desk.instruments]
        self.lines = {
            name: (
                self.indicator("sma", self.fast, instrument=name),
                self.indicator("ema", self.slow, instrument=name),
                self.indicator("rsi", 7, instrument=name, every=self.longer(name)),
            )
            for name in self.names
        }

    def longer(self, name: str) -> str | None:
        """Four of the data's bars."""
        return None if self.desk.interval_ns >= 86_400_000_000_000 else "20m"

    def on_fill(self, fill) -> None:
        """Sometimes out at once."""
        if self.dice.random() < 0.1:
            self.close(fill.instrument)

    def on_reject(self, notice) -> None:
        """What was refused moves the dice."""
        self.dice.random()

    def on_bar(self, bar) -> None:
        """A whim, moved by everything that can be read."""
        quick, calm, strength = self.lines[bar.instrument]
        held = self.holding(bar.instrument)
        seen = (quick[0], calm[-1], strength[0], self.equity, self.cash, held.lots, held.pnl, held.average)
        mood = crc32(repr((seen, [each.status for each in self.orders])).encode())
        if self.dice.random() > self.pace or quick[0] != quick[0]:
            return
        way = 1 if quick[0] > calm[0] else -1
        if mood % 5 == 0:
            way = -way
        price, name, risk = bar.close, bar.instrument, self.risk * (0.5 + self.dice.random())
        stop, goal = price * (1 - way * risk), price * (1 + way * 2 * risk)
        near = price * (1 - way * risk / 8)
        far = price * (1 + way * risk / 8)
        whim = self.dice.randrange(10)
        if whim < 3:
            self.target(way * self.dice.choice((0.25, 0.5, 1.0)), name, stop=stop, target=goal)
        elif whim == 3:
            self.target(way, name, stop=stop, limit=near)
        elif whim == 4:
            self.target(0, name)
        elif whim == 5:
            self.close(name)
        else:
            self.trade(whim, way, name, near, far, stop, goal)

    def trade(self, whim, way, name, near, far, stop, goal) -> None:
        """An order of its own: market, limit or trigger; or an old one taken back."""
        act = self.buy if way > 0 else self.sell
        share = self.dice.choice((0.02, 0.1, 0.3))
        if whim == 6:
            act(share=share, stop_loss=stop, take_profit=goal, instrument=name)
        elif whim == 7:
            act(share=share, limit=near, stop_loss=stop, instrument=name)
        elif whim == 8:
            act(share=share, trigger=far, stop_loss=stop, take_profit=goal * 1.01 if way > 0 else goal * 0.99,
                instrument=name)  # fmt: skip
        elif self.dice.random() < 0.4:  # turned in one go: what is on its way out is not sent out again
            self.close(name)
            turn = self.sell if self.holding(name).lots > 0 else self.buy
            turn(share=share * 2, instrument=name)
        elif self.dice.random() < 0.3:
            act(share=share, limit=far if way < 0 else None, instrument=name, reduce_only=True)
        elif self.orders:
            self.dice.choice(self.orders).cancel()
