"""The interval that bars give a strategy holds what came of it over the ticks they were made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from tests.interval_flow import SOURCES, Held, held, plan
from tests.support import needs_data

pytestmark = needs_data
SEEDS = range(1000, 1012)  # the first of those that `make prove-interval` measures
SHARE = 0.95


@cache
def slice_of() -> list[Held]:
    return [held(plan(name, seed)) for name in SOURCES for seed in SEEDS]


def share(runs: list[Held]) -> float:
    return sum(each.true for each in runs) / len(runs)


def test_the_interval_holds_what_the_ticks_say() -> None:
    runs = slice_of()
    missed = [f"{each.plan.name} {each.plan.seed}" for each in runs if not each.true]
    assert share(runs) >= SHARE, f"missed: {', '.join(missed)}"
    assert sum(len(each.plan.trades) for each in runs) > 200


def test_the_interval_is_not_so_wide_that_it_says_nothing() -> None:
    """Half of its width is below what the strategies' results differ by."""
    for name in SOURCES:
        runs = [each for each in slice_of() if each.plan.name == name]
        per_lot = sorted(abs(sum(each.ticks.pnl) + each.ticks.fees) / each.plan.lots for each in runs)
        widths = sorted((sum(each.high) - sum(each.low)) / each.plan.lots for each in runs)
        assert widths[len(runs) // 2] / 2 < per_lot[-1], name


def collapsed(run: Held) -> Held:
    return replace(run, low=run.bars.pnl, high=run.bars.pnl)


def swapped(run: Held) -> Held:
    return replace(run, low=run.high, high=run.low)


def a_bar_late(run: Held) -> Held:
    return held(run.plan, late_ns=run.plan.interval)


@pytest.mark.parametrize("defect", [collapsed, swapped, a_bar_late])
def test_a_defect_drops_the_coverage(defect: Callable[[Held], Held]) -> None:
    assert share([defect(each) for each in slice_of()]) < SHARE


def test_the_same_seed_is_the_same_strategy() -> None:
    assert plan("GC", 7) == plan("GC", 7) != plan("GC", 8)
