"""The fast lane: one run over a million bars, and a sweep of 400 parameter pairs, statistics in the clock."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.machine import keep, machine
from quorate.core.instant import MINUTE
from quorate.core.instrument import Instrument, Kind
from quorate.native.backtest import Result, Settings, Tape, changes_source, run, source_of, sweep

BARS, SWEEP_BARS = 1_000_000, 100_000
CASH_E8 = 10**17  # a billion, as in the peers' runs
FEES = Instrument("BTC", Kind.SPOT, "USD", tick=Decimal("0.01"), lot=Decimal("0.00001"), taker_bps=Decimal(5))
COSTS = Instrument(
    "BTC-PERP", Kind.PERPETUAL, "USD", tick=Decimal("0.01"), lot=Decimal("0.00001"), taker_bps=Decimal(5),
    spread_bps=Decimal(1), slippage_bps=Decimal("1.5"), financing_bps_year=Decimal(1095),
    margin=Decimal("0.1"),
)  # fmt: skip

Ints = NDArray[np.int64]


def columns(count: int, seed: int = 7) -> list[Ints]:
    """Seeded minute bars of a geometric random walk: at, start, open, high, low, close in cents."""
    rng = np.random.default_rng(seed)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 6e-4, count)))
    open_ = np.concatenate([[30_000.0], close[:-1]])
    wings = np.abs(rng.normal(0, 3e-4, (2, count)))
    high, low = np.maximum(open_, close) * (1 + wings[0]), np.minimum(open_, close) * (1 - wings[1])
    start = (1_600_000_000 + 60 * np.arange(count, dtype=np.int64)) * 10**9
    made = [
        start + MINUTE,
        start,
        *(np.round(each * 100).astype(np.int64) for each in (open_, high, low, close)),
    ]
    for each in made:
        each.flags.writeable = False  # else a tape would take copies
    return made


def crosses(close: Ints, fast: int, slow: int) -> NDArray[np.int8]:
    """Long from each cross of the fast average above the slow one, short from each below; flat before."""
    sums = np.concatenate([[0], np.cumsum(close)])
    above = np.zeros(close.size, np.int8)
    quick, calm = sums[fast:] - sums[:-fast], sums[slow:] - sums[:-slow]
    gap = quick[slow - fast :] * slow - calm * fast
    above[slow - 1 :] = np.sign(gap)
    turns = np.flatnonzero(above[slow:] != above[slow - 1 : -1])
    above[: slow + turns[0] if turns.size else above.size] = 0
    return above


def measure(work: Callable[[], object], bars: int, rounds: int) -> dict[str, float]:
    """The best and the median of some rounds by the wall clock, and the best by the processor's own."""
    walls, cpus = [], []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "million_bars_per_s": round(bars / min(walls) / 1e6, 1),
        "million_bars_per_s_median": round(bars / statistics.median(walls) / 1e6, 1),
        "ns_per_bar": round(min(walls) / bars * 1e9, 2),
        "cpu_ns_per_bar": round(min(cpus) / bars * 1e9, 2),
    }


def whole(result: Result) -> object:
    """All that a run can show: figures, fills, trades and the curve as arrays."""
    return result.statistics, result.fills, result.trades, result.equity()


def one_run(rounds: int) -> dict[str, Any]:
    """Workload B, the array body: stances are given, everything else is in the clock, on one thread."""
    data = columns(BARS)
    tape = Tape.of(*data, days_per_year=365, interval_ns=MINUTE)
    signals = crosses(data[-1], 10, 30)
    floats = signals.astype(np.float64)
    share, lots = Settings(FEES, CASH_E8, share=Decimal("0.95")), Settings(FEES, CASH_E8, quantity=Decimal(1))
    costs = Settings(COSTS, CASH_E8, quantity=Decimal(1), latency_ns=200_000_000)
    works: dict[str, Callable[[], object]] = {
        "making the tape, once per history": lambda: Tape.of(*data, days_per_year=365, interval_ns=MINUTE),
        "int8, one unit": lambda: run(tape, signals, lots),
        "int8, one unit, with curve and trades as arrays": lambda: whole(run(tape, signals, lots)),
        "float64, one unit": lambda: run(tape, floats, lots),
        "int8, 95 % of equity": lambda: run(tape, signals, share),
        "int8, one unit, spread, slippage, latency, funding": lambda: run(tape, signals, costs),
    }
    found: dict[str, Any] = {name: measure(work, BARS, rounds) for name, work in works.items()}
    told = run(tape, signals, lots).statistics
    found["what came out"] = {
        name: told[name] for name in ("end", "trades", "fills", "sharpe", "max_drawdown")
    }
    slow = run(tape, signals, lots, stepped=True)
    same = np.array_equal(slow.equity(), run(tape, signals, lots).equity())
    found["equal to the exchange at every bar"] = bool(same)
    return found


def many_runs(rounds: int) -> dict[str, Any]:
    """Workload C: 20 x 20 pairs; stances, or their changes, are made before, all figures are in the clock."""
    data = columns(SWEEP_BARS)
    tape = Tape.of(*data, days_per_year=365, interval_ns=MINUTE)
    pairs = [(fast, slow) for fast in range(5, 25) for slow in range(60, 80)]
    stances = np.stack([crosses(data[-1], fast, slow) for fast, slow in pairs])
    lists = []
    for row in stances:
        places = np.flatnonzero(np.diff(row, prepend=np.int8(0)))
        lists.append(np.stack([places, row[places] * np.int64(10**6)], axis=1).astype(np.int32))
    by_stance, by_change = source_of(stances), changes_source(lists, SWEEP_BARS)
    terms = Settings(FEES, CASH_E8, share=Decimal("0.95"))
    bars, cores = SWEEP_BARS * len(pairs), os.cpu_count() or 1
    found: dict[str, Any] = {"pairs": len(pairs), "changes": sum(len(each) for each in lists)}
    for name, source in (("stances given", by_stance), ("changes given", by_change)):
        for threads in (1, cores):
            work = lambda source=source, threads=threads: sweep(tape, source, terms, threads=threads)  # noqa: E731
            found[f"{name}, {threads} threads"] = measure(work, bars, rounds)
    return found


def main() -> int:
    """Measure, print JSON, keep benches/results/lane.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found = {"load_before": round(os.getloadavg()[0], 1), "B": one_run(rounds), "C": many_runs(rounds)}
    keep("lane", found)
    sys.stdout.write(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
