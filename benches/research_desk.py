"""One recipe as a research run and on the whole desk, order by order: `make prove-research-desk`.

Random recipes with a [strategy] (class, get_signal, formula; brackets, limit and stop entries), rulebooks,
costs, latencies and sizes, over synthetic tapes and slices of real bars. Compared are all orders and what the
rules made of them, fills with prices and fees, moves of the breaker, and the final cash and equity. Resumes
after the last recipe that held, and begins anew with other sources or data.
"""

from __future__ import annotations

import hashlib
import sys
import time
from typing import Any

from tests.research_desk import any_case, differs, on_desk, research

from benches.machine import ROOT, keep, kept, sources
from benches.prove import DATA, SETS
from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.sample import sample

RECIPES, BARS, REAL_BARS = 50, 3_000, 4_000
TOGETHER = 3  # instruments of one real slice
COUNTED = ("recipes", "orders", "refused", "cut", "fills", "moves", "rolls", "real")


def slices() -> dict[str, tuple[Any, ...]]:
    """The middle of each set that is present, about a roll where it has any; the sample's first stocks."""
    found: dict[str, tuple[Any, ...]] = {"sample": tuple(sample()[:TOGETHER])}
    for name, paths in SETS.items():
        if all((DATA / path).is_file() for path in paths):
            series = load([str(DATA / path) for path in paths[:TOGETHER]])[:TOGETHER]
            first = max(int(each.start[0]) for each in series)
            end = min(int(each.at[-1]) for each in series)
            middle = first + (end - first) // 2
            rolls = series[0].rolls.index
            if len(rolls):
                middle = int(series[0].start[rolls[len(rolls) // 2]])
            span = REAL_BARS // 2 * series[0].interval
            found[name] = tuple(each.between(middle - span, middle + span) for each in series)
    return found


def mark() -> dict[str, Any]:
    """What the proof depends on: the product, and the recipes themselves."""
    state = hashlib.sha256(sources().encode())
    tests = ROOT / "tests"
    for path in (
        tests / "research_desk.py",
        tests / "limits_flow.py",
        *sorted((tests / "bodies").glob("*.py")),
    ):
        state.update(path.read_bytes())
    return {"sources": state.hexdigest()[:16]}


def main() -> int:
    """Every recipe not proved yet; 1 with the first difference."""
    real = slices()
    state = {**mark(), "data": sorted(real)}
    before = kept("research_desk")
    goes_on = all(before.get(key) == value for key, value in state.items())
    proved = before["figures"] if goes_on else dict.fromkeys(COUNTED, 0)
    spent = before["seconds"] if goes_on else 0.0
    while proved["recipes"] < RECIPES:
        seed, began = proved["recipes"], time.perf_counter()
        case = any_case(seed, bars=BARS, real=[*real.values()])
        desk = on_desk(case)
        difference = differs(desk, research(case)[1])
        if difference:
            sys.stderr.write(f"recipe {seed}: {difference}\n")
            return 1
        held = [each.lots for each in desk.orders]
        is_real = case.series[0].instrument.id != "AAA"
        refused = held.count(0)
        rolls = sum(len(each.rolls.index) for each in case.series)
        cut = sum(bool(each.lots and each.cut) for each in desk.orders)
        counts = 1, len(held), refused, cut, len(desk.fills), len(desk.moves), rolls, int(is_real)
        for key, count in zip(COUNTED, counts, strict=True):
            proved[key] += count
        spent += time.perf_counter() - began
        keep("research_desk", {**state, "figures": proved, "differences": 0, "seconds": round(spent, 1)})
    told = ", ".join(f"{proved[key]:,} {key}" for key in COUNTED)
    sys.stdout.write(f"{told}: the same in both\n")
    return 0
