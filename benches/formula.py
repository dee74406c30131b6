"""Formulas: whole histories, bar by bar and sweeps, in ns a bar, without the exchange that trades them."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benches.machine import keep, machine
from quorate.core.instant import MINUTE
from quorate.indicators.formula import Formula, compile_formula, grid, plan_formula
from quorate.native.program import Bars

BARS = 1_000_000
SWEPT = 100_000
STEPPED = 200_000
UNITS = {"tick": 0.01, "lot": 0.00001, "interval_ns": MINUTE}
CROSS = Formula(
    long="cross_above(sma(fast), sma(slow))",
    short="cross_below(sma(fast), sma(slow))",
    params={"fast": 10, "slow": 30},
)
FORMULAS = {
    "sma cross": CROSS,
    "ema cross": Formula(long="ema(12) > ema(26)", short="ema(12) < ema(26)"),
    "rsi": Formula(long="rsi(14) < 30", exit="rsi(14) > 50"),
    "macd": Formula(long="macd(12, 26, 9).hist > 0", short="macd(12, 26, 9).hist < 0"),
    "donchian": Formula(
        long="close > lag(donchian(20).upper, 1)",
        exit="close < lag(donchian(10).lower, 1)",
        stop="2 * atr(14)",
    ),
    "bollinger": Formula(long="close < bollinger(20, 2).lower", exit="close > bollinger(20, 2).middle"),
    "hourly trend": Formula(long='close > sma(20, every="1h")', exit='close < sma(20, every="1h")'),
}
CHOICES = grid({"fast": range(5, 25), "slow": range(30, 130, 5)})


def walk(count: int, seed: int = 1) -> Bars:
    """A seeded walk of minute bars."""
    rng = np.random.default_rng(seed)
    close = 6_000_000 + np.cumsum(rng.integers(-50, 51, count))
    opened = np.concatenate(([6_000_000], close[:-1]))
    high = np.maximum(opened, close) + rng.integers(0, 30, count)
    low = np.minimum(opened, close) - rng.integers(0, 30, count)
    return Bars((np.arange(count) + 1) * MINUTE, opened, high, low, close, rng.integers(0, 10**6, count))


def timed(run: Callable[[], object], bars: int, rounds: int) -> dict[str, float]:
    """Least and median ns a bar."""
    costs = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        costs.append((time.perf_counter() - began) / bars * 1e9)
    return {"ns_per_bar": round(min(costs), 3), "ns_per_bar_median": round(statistics.median(costs), 3)}


def steps(formula: Formula, rows: list[list[int]]) -> None:
    """A formula followed bar by bar from Python."""
    stepper = compile_formula(formula, **UNITS).start()
    for row in rows:
        stepper.step(*row)


def main() -> int:
    """Measure, print JSON, keep benches/results/formula.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    bars, found = walk(BARS), {}
    for name, formula in FORMULAS.items():
        compiled = compile_formula(formula, **UNITS)
        found[name] = {"changes": len(compiled.changes(bars))}
        found[name] |= timed(lambda compiled=compiled: compiled.changes(bars), BARS, rounds)
    swept = bars.upto(SWEPT)
    plan = plan_formula(CROSS, CHOICES, swept, **UNITS)
    all_bars = SWEPT * len(CHOICES)
    sweep: dict[str, Any] = {
        "combinations": len(plan),
        "bars": SWEPT,
        "plan, all columns and stances": timed(
            lambda: plan_formula(CROSS, CHOICES, swept, **UNITS), all_bars, rounds
        ),
        "telling all changes": timed(lambda: [plan.changes(i) for i in range(len(plan))], all_bars, rounds),
    }
    rows = [list(row) for row in zip(*(field[:STEPPED].tolist() for field in bars), strict=True)]
    stepped = timed(lambda: steps(CROSS, rows), STEPPED, rounds)
    result = {"batch": found, "sweep": sweep, "bar by bar from Python": stepped}
    keep("formula", result)
    sys.stdout.write(json.dumps({"machine": machine(), **result}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
