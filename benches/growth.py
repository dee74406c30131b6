"""How cost and memory grow: 1,000 to a million bars, 1 to 500 symbols, ticks in blocks; a process a point.

"linear": ns an event at the largest point over the least at any point of at least 10,000 events; what a run
costs once weighs on smaller ones. Memory: what the process held at most, less what its data took.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benches import exchange, formula, lane
from benches.machine import ROOT, keep, machine
from quorate import Instrument, Money, Strategy
from quorate.core.instant import MINUTE
from quorate.core.instrument import Kind
from quorate.indicators.formula import compile_formula
from quorate.native import backtest
from quorate.native.exchange import Exchange, Market, Rows
from quorate.research.figures import figures
from quorate.research.run import Setting, Size, run_class

BARS = (1_000, 10_000, 100_000, 1_000_000)
SYMBOLS = (1, 10, 100, 500)
INSTANTS = 2_000  # bars a symbol
BLOCK = 1_000_000  # ticks
ROUNDS = 3
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
Work = tuple[int, Callable[[], object]]  # events, and what handles them


class Cross(Strategy):
    """SMA 10/30 crosses in every symbol."""

    def start(self) -> None:
        """Two lines a symbol."""
        self.lines = {
            each.id: [self.indicator("sma", bars, instrument=each.id) for bars in (10, 30)]
            for each in self.desk.instruments
        }

    def on_bar(self, bar: Any) -> None:
        """Turns at a cross."""
        quick, calm = self.lines[bar.instrument]
        if quick.crossed_above(calm):
            self.target(1, bar.instrument)
        elif quick.crossed_below(calm):
            self.target(-1, bar.instrument)


def named(count: int) -> list[Instrument]:
    """So many perpetuals, alike but in name."""
    terms = {
        "tick": Decimal("0.01"),
        "lot": Decimal("0.00001"),
        "taker_bps": Decimal(5),
        "margin": Decimal("0.1"),
    }
    return [Instrument(f"S{number}", Kind.PERPETUAL, "USD", **terms) for number in range(count)]


def market(symbols: int, bars: int, apart: bool) -> Rows:
    """Bars of so many symbols, at the same instants, or each at its own a millisecond apart."""
    rows = np.repeat(exchange.walk(bars), symbols, axis=0)
    rows[:, Market.INSTRUMENT] = np.tile(np.arange(symbols), bars)
    if apart:
        rows[:, Market.AT] += rows[:, Market.INSTRUMENT] * 1_000_000
    return rows


def traded(bars: int) -> Work:
    """The exchange alone, an order before each ten bars."""
    rows = exchange.walk(bars)
    return bars, lambda: exchange.at_once("trading", rows)


def exchange_symbols(symbols: int) -> Work:
    """The exchange alone, a bracket at work in every symbol."""
    rows = market(symbols, INSTANTS, apart=False)
    names = named(symbols)

    def run() -> None:
        made = Exchange(names, 10**17)
        for each in names:
            made.submit(each.id, 0, each.id, "buy", "market", "entry", 100, stop=1, target=2 * exchange.LEVEL)
        made.run(rows)

    return len(rows), run


def class_of(symbols: int, bars: int, apart: bool = False) -> Work:
    """A class with on_bar, figures included."""
    setting = Setting(
        named(symbols),
        market(symbols, bars, apart),
        MINUTE,
        Money.of(10**9, "USD"),
        0,
        Size(None, Decimal("0.01")),
    )
    return symbols * bars, lambda: figures(run_class(Cross, {}, setting))


def lane_of(bars: int) -> Work:
    """The fast lane, with fills, trades and curve."""
    columns = lane.columns(bars)
    tape = backtest.Tape.of(*columns, days_per_year=365, interval_ns=MINUTE)
    stances = lane.crosses(columns[-1], 10, 30)
    setting = backtest.Settings(lane.FEES, lane.CASH_E8, quantity=Decimal(1))
    return bars, lambda: lane.whole(backtest.run(tape, stances, setting, recorded=True))


def formula_of(bars: int) -> Work:
    """A formula's changes."""
    history, compiled = formula.walk(bars), compile_formula(formula.CROSS, **formula.UNITS)
    return bars, lambda: compiled.changes(history)


def ticks_of(ticks: int) -> Work:
    """Trades through the exchange in blocks of a million, a trailing stop at work: never held all at once."""
    block = exchange.tape(min(BLOCK, ticks))

    def run() -> None:
        made = exchange.exchange("idle")
        made.submit("e", 0, "BTC-PERP", "buy", "market", "entry", 100)
        made.submit("x", 0, "BTC-PERP", "sell", "trailing_stop", "stop", 100, trail=exchange.LEVEL // 2)
        for _ in range(0, ticks, len(block)):
            made.run(block)
            block[:, Market.AT] += len(block) * 1_000_000

    return ticks, run


CURVES: dict[str, tuple[tuple[int, ...], Callable[[int], Work]]] = {
    "exchange, bars": (BARS, traded),
    "exchange, symbols": (SYMBOLS, exchange_symbols),
    "class, bars": (BARS, lambda bars: class_of(1, bars)),
    "class, symbols": (SYMBOLS, lambda symbols: class_of(symbols, INSTANTS)),
    "class, symbols, each at its own instants": (
        SYMBOLS,
        lambda symbols: class_of(symbols, INSTANTS, apart=True),
    ),
    "lane, bars": (BARS, lane_of),
    "formula, bars": (BARS, formula_of),
    "exchange, ticks": ((1_000_000, 10_000_000, 100_000_000), ticks_of),
}


def held(what: str) -> float:
    """MB that this process holds (VmRSS) or held at most (VmHWM); NaN where the system does not tell."""
    if not STATUS.is_file():
        return float("nan")
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1e3


def point(curve: str, size: int) -> dict[str, float]:
    """One point, in this process: the best of some rounds, but of one where a round is long."""
    events, run = CURVES[curve][1](size)
    if CLEAR.is_file():
        CLEAR.write_text("5")  # what was held at most begins anew, see proc(5)
    before, seconds = held("VmRSS"), []
    for _ in range(ROUNDS if events <= BLOCK else 1):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return {
        "size": size,
        "events": events,
        "ns_an_event": round(min(seconds) / events * 1e9, 1),
        "mb": round(held("VmHWM") - before, 1),
        "mb_with_data": round(held("VmHWM"), 1),
    }


def curve_of(name: str) -> dict[str, Any]:
    """All points of a curve, and whether it is straight."""
    points = []
    for size in CURVES[name][0]:
        command = [sys.executable, "-m", "benches.growth", "--point", name, str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        points.append(json.loads(done.stdout))
    costs = [each["ns_an_event"] for each in points if each["events"] >= 10_000]
    return {"points": points, "linear": round(costs[-1] / min(costs), 2)}


def main() -> int:
    """Measure, print JSON, keep benches/results/growth.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--point", nargs=2, metavar=("CURVE", "SIZE"), help="one point, in this process")
    asked = parser.parse_args()
    if asked.point:
        sys.stdout.write(json.dumps(point(asked.point[0], int(asked.point[1]))))
        return 0
    found = {name: curve_of(name) for name in CURVES}
    keep("growth", found)
    sys.stdout.write(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
