"""Workloads A, B and C beside the peers, in one run: `quorate bench engine` (peers by `make bench-peers`).

One tape for all: seeded one-minute bars, SMA 10/30 crosses, one unit a side, 5 bps a fill, no other cost.
Imports and reading the tape are outside everybody's clock; indicators, orders, fills and figures inside.
Outside is also making what each tool takes its bars in: the peers' frames with their indexes, our
`backtest.Tape` ("making the tape" says what that costs).

A    a Python class with on_bar, a million bars, one thread (slower peers run a part of them)
B    a formula, indicators in the clock; an array, signals given, for the peer too; a million bars, one
     thread. The peer makes order and trade records, the value of each bar, total return, Sharpe ratio and
     drawdown in the clock. So do we: fills, trades and curve are whole arrays, and the figures are all 36.
     Its Sharpe ratio is of the returns of bars, ours of those of days
C    400 pairs of averages over 100,000 bars with full statistics, on all cores
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benches.machine import ROOT, keep, machine
from benches.peers import tape
from quorate import Formula, Instrument, Money, Strategy
from quorate.core.instant import MINUTE
from quorate.core.instrument import Kind
from quorate.indicators.formula import compile_formula, grid, plan_formula
from quorate.native import backtest
from quorate.native.exchange import Market, Rows
from quorate.native.program import Bars
from quorate.research.figures import figures
from quorate.research.run import Setting, Size, run_class

BARS, SWEPT = 1_000_000, 100_000
PAIRS = len(tape.GRID_FAST) * len(tape.GRID_SLOW)
BTC = Instrument(
    "BTC", Kind.SPOT, "USD", tick=Decimal("0.01"), lot=Decimal("0.01"),
    taker_bps=Decimal(str(tape.FEE)) * 10_000, margin=Decimal("0.01"),
)  # fmt: skip
CASH_E8 = tape.CASH * 10**8
PEERS = {
    "A": {
        "backtesting.py": ("event", "run_backtesting.py", 1_000_000, 2, ""),
        "NautilusTrader": ("event", "run_nautilus.py", 100_000, 2, ""),
        "backtrader": ("event", "run_backtrader.py", 50_000, 2, ""),
    },
    "B formula": {"vectorbt[rust]": ("vector", "run_vectorbt.py", BARS, 5, "formula")},
    "B array": {"vectorbt[rust]": ("vector", "run_vectorbt.py", BARS, 5, "signals")},
    "C": {"vectorbt[rust]": ("vector", "run_vectorbt.py", SWEPT, 3, "sweep")},
}
TARGETS = {
    "A": {"backtesting.py": 40, "NautilusTrader": 250},
    "B formula": {"vectorbt[rust]": 20},
    "B array": {"vectorbt[rust]": 20},
    "C": {"vectorbt[rust]": 100},
}
CROSS = Formula(
    long="cross_above(sma(fast), sma(slow))",
    short="cross_below(sma(fast), sma(slow))",
    params={"fast": tape.FAST, "slow": tape.SLOW},
)
UNITS = {"tick": 0.01, "lot": 0.01, "interval_ns": MINUTE}
SETTINGS = backtest.Settings(BTC, CASH_E8, quantity=Decimal(1))


class Cross(Strategy):
    """Long one unit over the slow average, short one unit under it."""

    fast: int = tape.FAST
    slow: int = tape.SLOW

    def start(self) -> None:
        """Two lines."""
        self.quick, self.calm = self.indicator("sma", self.fast), self.indicator("sma", self.slow)

    def on_bar(self, bar: Any) -> None:
        """Turns at a cross."""
        if self.quick.crossed_above(self.calm):
            self.target(1)
        elif self.quick.crossed_below(self.calm):
            self.target(-1)


class Ours:
    """The tape as our own doors take it: made before any clock starts, as the peers' frames are."""

    def __init__(self, bars: tape.Bars) -> None:
        self.at = bars.seconds * 10**9 + MINUTE
        self.start = bars.seconds * 10**9
        prices = [np.rint(each * 100).astype(np.int64) for each in bars[1:5]]
        self.open, self.high, self.low, self.close = prices
        for each in (self.at, self.start, *prices):
            each.flags.writeable = False
        self.volume = np.rint(bars.volume * 100).astype(np.int64)

    def rows(self) -> Rows:
        """Market rows."""
        rows = np.full((len(self.at), len(Market)), -1, np.int64)
        columns = self.at, self.start, self.open, self.high, self.low, self.close, self.volume
        places = Market.AT, Market.START, Market.OPEN, Market.HIGH, Market.LOW, Market.CLOSE, Market.VOLUME
        for place, column in zip(places, columns, strict=True):
            rows[:, place] = column
        rows[:, [Market.KIND, Market.INSTRUMENT]] = 0
        return rows

    def tape(self) -> backtest.Tape:
        """The lane's view of the bars."""
        return backtest.Tape.of(
            self.at, self.start, self.open, self.high, self.low, self.close, days_per_year=365,
            interval_ns=MINUTE,
        )  # fmt: skip

    def bars(self) -> Bars:
        """The formulas' view of the bars."""
        return Bars(self.at, self.open, self.high, self.low, self.close, self.volume)


Told = dict[str, Any]


def whole(held: backtest.Tape, stances: backtest.Stances | backtest.ChangeSource) -> Told:
    """A run of the lane with all it has to show: figures, fills, trades and the curve as arrays."""
    result = backtest.run(held, stances, SETTINGS, recorded=True)
    found, fills, trades, curve = result.statistics, result.fills, result.trades, result.equity()
    if len(curve) != len(held) or len(trades) != found["trades"] or len(fills) != found["fills"]:
        raise SystemExit("a run shows other trades than it counts")
    return {"trades": len(trades), "equity": int(curve[-1]) / 1e8}


def workload_a(ours: Ours) -> Callable[[], Told]:
    """A class with on_bar."""
    money = Money.of(tape.CASH, "USD")
    setting = Setting([BTC], ours.rows(), MINUTE, money, 0, Size(None, Decimal(1)))

    def run() -> Told:
        done = run_class(Cross, {}, setting)
        figures(done)
        return {"trades": len(done.trades), "equity": done.runner.equity_e8 / 1e8}

    return run


def workload_formula(ours: Ours) -> Callable[[], Told]:
    """A formula, its indicators in the clock."""
    held, bars = ours.tape(), ours.bars()

    def run() -> Told:
        changes = backtest.changes_source([compile_formula(CROSS, **UNITS).changes(bars)], len(held))
        return whole(held, changes)

    return run


def workload_array(ours: Ours) -> Callable[[], Told]:
    """Stances given."""
    held = ours.tape()
    stances = compile_formula(CROSS, **UNITS).stances(ours.bars()).astype(np.int8)
    stances.flags.writeable = False
    return lambda: whole(held, stances)


def workload_sweep(ours: Ours) -> Callable[[], Told]:
    """All pairs, plan and statistics in the clock."""
    held, bars = ours.tape(), ours.bars()
    choices = grid({"fast": tape.GRID_FAST, "slow": tape.GRID_SLOW})
    place = {name: backtest.STATISTICS.index(name) for name in ("trades", "end")}

    def run() -> Told:
        plan = plan_formula(CROSS, choices, bars, **UNITS)
        found = backtest.sweep(held, plan, SETTINGS, threads=os.cpu_count() or 1)
        return {"trades": int(found[:, place["trades"]].sum()), "equity": float(found[:, place["end"]].sum())}

    return run


def measure(run: Callable[[], Told], bars: int, rounds: int) -> Told:
    """Bars a second, best and median, and what the run came to."""
    run()
    seconds, came = [], {}
    for _ in range(rounds):
        began = time.perf_counter()
        came = run()
        seconds.append(time.perf_counter() - began)
    return speed(bars, seconds) | came


def speed(bars: int, seconds: list[float]) -> Told:
    """Best and median in bars a second."""
    return {
        "bars_per_s": round(bars / min(seconds)),
        "median": round(bars / statistics.median(seconds)),
        "bars": bars,
    }


def peer(path: Path, kind: str, script: str, count: int, rounds: int, more: str) -> Told | None:
    """One peer's figures; None where its environment was not made."""
    python = ROOT / ".peers" / kind / "bin" / "python"
    if not python.is_file():
        return None
    place = ROOT / "benches" / "peers" / script
    command = [str(python), str(place), str(path), str(count), str(rounds), *more.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place.parent)
    if done.returncode:
        raise SystemExit(f"{script}: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout)
    return speed(found["bars"], found["seconds"]) | {"trades": found["trades"], "equity": found["equity"]}


def beside(name: str, ours: Told, path: Path) -> Told:
    """One workload with its peers: ratios are of the best rounds; over fewer bars trades are fewer too."""
    held = {title: peer(path, *terms) for title, terms in PEERS[name].items()}
    found = {title: each for title, each in held.items() if each is not None}
    ratio = {title: round(ours["bars_per_s"] / each["bars_per_s"], 1) for title, each in found.items()}
    return {
        "ours": ours["bars_per_s"],
        "unit": "bars/s",
        "peers": {title: each["bars_per_s"] for title, each in found.items()},
        "ratio": ratio,
        "target": TARGETS[name],
        "reached": {title: ratio[title] >= x for title, x in TARGETS[name].items() if title in ratio},
        "runs": {"ours": ours, **found},
    }


def main() -> int:
    """Measure, print JSON, keep benches/results/engine.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="leave the peers out, keep nothing")
    asked = parser.parse_args()
    bars = tape.make(BARS)
    full, part = Ours(bars), Ours(tape.Bars(*(each[:SWEPT] for each in bars)))
    runs = {
        "A": (workload_a(full), BARS),
        "B formula": (workload_formula(full), BARS),
        "B array": (workload_array(full), BARS),
        "C": (workload_sweep(part), SWEPT * PAIRS),
    }
    ours = {name: measure(run, count, asked.rounds) for name, (run, count) in runs.items()}
    making = measure(lambda: {"trades": len(full.tape())}, BARS, asked.rounds)["bars_per_s"]
    if asked.alone:
        sys.stdout.write(json.dumps(ours | {"making the tape": making}, indent=1) + "\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        tape.save(bars, path)
        found = {name: beside(name, each, path) for name, each in ours.items()}
    found["making the tape"] = {"ours": making, "unit": "bars/s"}
    keep("engine", found)
    sys.stdout.write(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
