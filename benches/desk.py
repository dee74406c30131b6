"""Workload E in small: the whole desk over 5-minute bars, journal on and off, and where its time goes."""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benches.machine import ROOT, keep
from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.series import Series
from quorate.adapters.feeds.synthetic import SyntheticSpec, synthetic
from quorate.adapters.journals.sqlite import SqliteJournal
from quorate.app.compose import Plan, plan_run
from quorate.app.recipe import read_values, recipe_of, rulebook_of
from quorate.app.registry import Registry
from quorate.app.run import default_cash, run_in_memory, run_session

ROUNDS = 5
REAL = ROOT.parent / "shared" / "data" / "crypto" / "spot_5m" / "BTCUSDT.parquet"


def series() -> tuple[Series, ...]:
    """Real BTCUSDT 5-minute bars where they are at hand, else as many seeded synthetic ones."""
    if REAL.is_file():
        return load([REAL])
    return (synthetic(SyntheticSpec(seed=1, bars=72_000)),)


def plan(bars: tuple[Series, ...]) -> Plan:
    """The baseline recipe over these bars."""
    recipe = recipe_of(*read_values("recipe", "baseline"))
    rulebook = rulebook_of(*read_values("rulebook", recipe.rulebook))
    return plan_run(recipe, rulebook, Registry(), bars, default_cash(bars)[0])


def memory(made: Plan) -> tuple[int, float]:
    """(bars, seconds) with the journal in memory only: linked, not stored."""
    began = time.perf_counter()
    collector, _ = run_in_memory(made, "backtest")
    return collector.bars, time.perf_counter() - began


def stored(made: Plan) -> tuple[int, float]:
    """(bars, seconds) with the SQLite journal, closed."""
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder) / "journal.db", durable=False)
        began = time.perf_counter()
        collector, _, error = run_session(made, "backtest", journal)
        if error:
            raise SystemExit(error)
        return collector.bars, time.perf_counter() - began


def top(made: Plan, count: int = 3) -> list[dict[str, Any]]:
    """The functions with most time of their own."""
    profile = cProfile.Profile()
    profile.runcall(run_in_memory, made, "backtest")
    stats = pstats.Stats(profile)
    whole = stats.total_tt  # type: ignore[attr-defined]
    rows = sorted(stats.stats.items(), key=lambda row: -row[1][2])[:count]  # type: ignore[attr-defined]
    return [
        {
            "function": f"{Path(place[0]).name}:{place[2]}",
            "share": round(cost[2] / whole, 3),
            "calls": cost[1],
        }
        for place, cost in rows
    ]


def main() -> int:
    """Measure, print JSON, keep benches/results/desk.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    made = plan(series())
    found: dict[str, Any] = {"data": made.opened.data[0]["name"], "unit": "bars/s"}
    for name, run in (("journal off", memory), ("journal on", stored)):
        rates = [bars / seconds for bars, seconds in (run(made) for _ in range(rounds))]
        found[name] = {"min": round(min(rates)), "median": round(statistics.median(rates))}
    found["profile"] = top(made)
    keep("desk", found)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
