"""A Python strategy over a million minute bars: SMA 10/30 crosses at 5 bps, orders, fills, statistics."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from benches.machine import keep, machine
from quorate import Instrument, Money, Strategy
from quorate.core.instant import MINUTE
from quorate.core.instrument import Kind
from quorate.native.exchange import Market, Rows
from quorate.research.figures import figures
from quorate.research.run import Run, Setting, run_array, run_class

BARS = 1_000_000
START = 1_600_000_000 * 10**9
FREE = {
    name: Decimal(0)
    for name in ("maker_bps", "commission", "spread_bps", "slippage_bps", "financing_bps_year")
}
PERPETUAL = Instrument(
    "BTC-PERP", Kind.PERPETUAL, "USD", tick=Decimal("0.01"), lot=Decimal("0.00001"), taker_bps=Decimal(5),
    margin=Decimal("0.1"), **FREE,
)  # fmt: skip


class SmaCross(Strategy):
    """The usual first strategy."""

    fast: int = 10
    slow: int = 30

    def start(self) -> None:
        """Two lines."""
        self.quick, self.calm = self.indicator("sma", self.fast), self.indicator("sma", self.slow)

    def on_bar(self, bar: Any) -> None:
        """Turn at every cross."""
        if self.quick.crossed_above(self.calm):
            self.target(1)
        elif self.quick.crossed_below(self.calm):
            self.target(-1)


class Idle(Strategy):
    """What being asked costs."""

    def on_bar(self, bar: Any) -> None:
        """Nothing."""


def walk(count: int) -> Rows:
    """Seeded minute bars as market rows: the peers' walk (seed 7, no drift)."""
    rng = np.random.default_rng(7)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 6e-4, count)))
    open_ = np.concatenate([[30_000.0], close[:-1]])
    wick = np.abs(rng.normal(0, 3e-4, (2, count)))
    high, low = np.maximum(open_, close) * (1 + wick[0]), np.minimum(open_, close) * (1 - wick[1])
    rows = np.full((count, len(Market)), -1, np.int64)
    rows[:, Market.AT] = START + MINUTE * (np.arange(count) + 1)
    rows[:, Market.START] = rows[:, Market.AT] - MINUTE
    rows[:, [Market.KIND, Market.INSTRUMENT]] = 0
    prices = (Market.OPEN, open_), (Market.HIGH, high), (Market.LOW, low), (Market.CLOSE, close)
    for column, price in prices:
        rows[:, column] = np.rint(price * 100)
    return rows


def whole(run: Run) -> None:
    """The run and its figures."""
    figures(run)


def measure(run: Callable[[], Run], after: Callable[[Run], None] | None, rounds: int) -> dict[str, Any]:
    """Best and median of some rounds, of the wall and of this process."""
    walls, owns = [], []
    trades = equity = 0
    for _ in range(rounds):
        wall, own = time.perf_counter(), time.process_time()
        done = run()
        if after is not None:
            after(done)
        walls.append((time.perf_counter() - wall) / BARS)
        owns.append((time.process_time() - own) / BARS)
        trades, equity = len(done.trades), done.runner.equity_e8
    return {
        "bars_per_s": round(1 / min(walls)),
        "ns_per_bar": round(min(walls) * 1e9, 1),
        "ns_per_bar_median": round(statistics.median(walls) * 1e9, 1),
        "cpu_ns_per_bar": round(min(owns) * 1e9, 1),
        "trades": trades,
        "equity_e8": equity,
    }


def main() -> int:
    """Measure, print JSON, keep benches/results/runner.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    setting = Setting([PERPETUAL], walk(BARS), MINUTE, Money.of(1_000_000_000, "USD"))
    stances = np.full(BARS, np.nan)
    stances[::40], stances[20::40] = 1.0, -1.0
    ways: dict[str, tuple[Callable[[], Run], Callable[[Run], None] | None]] = {
        "class, idle": (lambda: run_class(Idle, {}, setting), None),
        "class, cross": (lambda: run_class(SmaCross, {}, setting), None),
        "class, cross, with statistics": (lambda: run_class(SmaCross, {}, setting), whole),
        "array, turning every 20 bars, look-ahead proof": (
            lambda: run_array(lambda o: stances[: len(o)], {}, setting),
            None,
        ),
    }
    found = {name: measure(*way, rounds) for name, way in ways.items()}
    keep("runner", found)
    sys.stdout.write(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
