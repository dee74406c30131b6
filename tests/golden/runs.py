"""Seeded runs to judge: random walks traded by a crossing of means, booked by the real Account."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from quorate.analysis.result import Closes, Curve, RunStats
from quorate.core.account import Account
from quorate.core.decision import Decision, Stance, Target, Vote
from quorate.core.effects import BreakerMoved, Vetoed
from quorate.core.events import Bar, Breaker, Fill
from quorate.core.instant import DAY, HOUR, MINUTE, parse_instant
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money
from quorate.core.order import Answer, Finding, Order, OrderType, Role, Side, Verdict

START = parse_instant("2024-01-01")
RULES = (
    "order_size",
    "gross_exposure",
    "daily_loss",
    "leverage",
    "order_rate",
    "stop_mandatory",
    "price_band",
)


def coin(name: str = "BTCUSDT") -> Instrument:
    return Instrument(
        id=name,
        kind=Kind.SPOT,
        currency="USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        taker_bps=Decimal(4),
        spread_bps=Decimal(1),
        slippage_bps=Decimal("0.5"),
    )


def stock(name: str = "AAPL") -> Instrument:
    return Instrument(
        id=name,
        kind=Kind.EQUITY,
        currency="USD",
        tick=Decimal("0.01"),
        lot=Decimal(1),
        calendar="us-equity",
        taker_bps=Decimal(1),
        spread_bps=Decimal(2),
    )


def future(name: str = "NQ") -> Instrument:
    return Instrument(
        id=name,
        kind=Kind.FUTURE,
        currency="USD",
        tick=Decimal("0.25"),
        lot=Decimal(1),
        multiplier=Decimal(20),
        calendar="cme",
        commission=Decimal("2.25"),
        spread_bps=Decimal("0.5"),
        margin=Decimal("0.1"),
    )


def walk(bars: int, seed: int, price: float, volatility: float) -> np.ndarray:
    """Closes with changing weather: calm and wild stretches, one fall."""
    generator = np.random.default_rng(seed)
    weather = volatility * np.exp(np.cumsum(generator.normal(0, 0.04, bars)) * 0.1)
    steps = generator.normal(0, 1, bars) * weather + volatility * 0.02
    steps[int(bars * 0.62) : int(bars * 0.62) + max(2, bars // 200)] -= volatility * 4
    return price * np.exp(np.cumsum(steps))


def make_run(
    instruments: list[Instrument],
    bars: int,
    interval: int,
    seed: int,
    *,
    fast: int = 24,
    slow: int = 96,
    size: float = 0.6,
) -> tuple[RunStats, dict[str, Closes]]:
    """A whole run: one bar of each instrument every ``interval``, long above the slow mean, short below."""
    maker = _Maker(instruments, bars, interval, seed, fast, slow, size)
    maker.play()
    return maker.stats(), maker.closes


class _Maker:
    def __init__(self, instruments, bars, interval, seed, fast, slow, size) -> None:
        self.instruments = {instrument.id: instrument for instrument in instruments}
        self.interval, self.size = interval, size
        self.generator = np.random.default_rng(seed + 99)
        self.cash = Money.of(100_000, instruments[0].currency)
        self.account = Account(self.cash, self.instruments)
        self.at = START + interval * np.arange(1, bars + 1, dtype=np.int64)
        if instruments[0].calendar == "us-equity":
            self.at = self.at[((self.at - 1) // DAY + 3) % 7 < 5]
        self.ticks, self.closes, self.want = {}, {}, {}
        for index, instrument in enumerate(instruments):
            price = 42_000.0 / (1 + 12 * index)
            volatility = 0.012 * (interval / DAY) ** 0.5
            close = walk(self.at.size, seed + index, price, volatility)
            self.ticks[instrument.id] = np.rint(close / instrument.tick_float).astype(np.int64)
            self.closes[instrument.id] = Closes(self.at, close)
            means = [np.convolve(close, np.ones(n) / n)[: close.size] for n in (fast, slow)]
            gap = means[0] / means[1] - 1
            gap[:slow] = 0
            self.want[instrument.id] = np.where(np.abs(gap) < volatility, 0, np.sign(gap)).astype(int)
        self.equity = np.empty(self.at.size, np.int64)
        self.gross = np.empty(self.at.size, np.int64)
        self.fills, self.trades, self.decisions, self.vetoes, self.approved = [], [], [], [], []
        self.moves: list[BreakerMoved] = []

    def play(self) -> None:
        halted_until = 0
        for index, at in enumerate(self.at.tolist()):
            for name, ticks in self.ticks.items():
                close = int(ticks[index])
                self.account.on(Bar(at, name, at - self.interval, close, close, close, close))
                want, lots = int(self.want[name][index]), self.account.lots(name)
                if lots and (want * lots <= 0 or self.generator.random() < 0.01):
                    role = (Role.EXIT, Role.STOP, Role.TARGET)[int(self.generator.integers(3))]
                    self.fill(at, name, Side.SELL if lots > 0 else Side.BUY, abs(lots), close, role)
                elif want and not lots and at > halted_until and self.generator.random() < 0.2:
                    self.enter(at, name, Side.BUY if want > 0 else Side.SELL, close)
            self.equity[index] = self.account.equity_e8
            self.gross[index] = sum(abs(position.worth_e8) for position in self.account.positions.values())
            if not self.moves and index > self.at.size * 0.63:
                halted_until = at + self.at.size // 25 * self.interval
                self.halt(at, halted_until)

    def enter(self, at: int, name: str, side: Side, close: int) -> None:
        instrument = self.instruments[name]
        worth = instrument.worth_e8(close, 1)
        lots = max(1, int(self.account.equity_e8 * self.size / len(self.instruments)) // worth)
        number = len(self.decisions) + len(self.vetoes)
        order = Order(
            f"o{number}",
            f"d{number}",
            name,
            side,
            OrderType.MARKET,
            Role.ENTRY,
            instrument.quantity(lots),
            instrument.price(close),
        )
        refuse = self.generator.random() < 0.08
        findings = tuple(
            Finding(
                rule,
                Answer.DENY if refuse and rule == "order_size" else Answer.ALLOW,
                {"notional_e8": lots * worth, "limit_e8": 2_500_000_000_000, "equity_share": 0.31},
                "the order is larger than one order may be" if refuse and rule == "order_size" else "",
            )
            for rule in RULES
        )
        verdict = Verdict(not refuse, findings, "B")
        if refuse:
            self.vetoes.append(Vetoed(at, order, verdict))
            return
        self.approved.append(verdict)
        lean = 0.58 if side is Side.BUY else 0.42
        votes = tuple(
            Vote(agent, lean, round(lean + float(self.generator.normal(0, 0.08)), 6), weight)
            for agent, weight in (("momentum", 0.5), ("reversion", 0.2), ("technical", 0.3))
        )
        target = Target(
            name, Stance.LONG if side is Side.BUY else Stance.SHORT, 0.58, "the means crossed", votes
        )
        self.decisions.append(Decision(at, f"d{number}", (target,)))
        self.account.decisions[f"o{number}"] = f"d{number}"
        self.fill(at, name, side, lots, close, Role.ENTRY, f"o{number}")

    def fill(
        self, at: int, name: str, side: Side, lots: int, close: int, role: Role, order: str = "x"
    ) -> None:
        instrument = self.instruments[name]
        edge = max(1, round(close * 1e-4))
        price = close + side.sign * edge
        fill = Fill(
            at=at,
            id=f"f{len(self.fills)}",
            order=order,
            instrument=name,
            side=side,
            role=role,
            quantity=instrument.quantity(lots),
            price=instrument.price(price),
            fee=instrument.money(instrument.fee_e8(price, lots, maker=False)),
            filled_at=at - self.interval + MINUTE,
            best=instrument.price(price - side.sign * 3 * edge),
            worst=instrument.price(price + side.sign * 4 * edge),
        )
        self.fills.append(fill)
        closed = self.account.on(fill)
        if closed is not None:
            self.trades.append(closed)

    def halt(self, at: int, until: int) -> None:
        numbers = {"drawdown": 0.0512, "limit": 0.05, "equity_e8": self.account.equity_e8, "window_ns": HOUR}
        self.moves += [
            BreakerMoved(
                at, Breaker.NORMAL, Breaker.REDUCING, "drawdown_hour", {**numbers, "drawdown": 0.0313}
            ),
            BreakerMoved(at + self.interval, Breaker.REDUCING, Breaker.HALTED, "drawdown_hour", numbers),
            BreakerMoved(until, Breaker.HALTED, Breaker.NORMAL, "resume", {"cooled_ns": until - at}),
        ]

    def stats(self) -> RunStats:
        return RunStats(
            Curve(self.at, self.equity),
            self.trades,
            self.fills,
            self.cash,
            self.instruments,
            self.interval,
            vetoes=self.vetoes,
            approved=self.approved,
            decisions=self.decisions,
            moves=self.moves,
            gross=self.gross,
        )
