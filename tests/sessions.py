"""Whole desks for tests: real rooms over seeded synthetic tapes, in memory or on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from quorate.adapters.feeds.series import Series
from quorate.adapters.feeds.synthetic import Crash, SyntheticSpec, synthetic
from quorate.adapters.journals.memory import MemoryJournal
from quorate.app.collect import Collector
from quorate.app.compose import Plan, plan_run
from quorate.app.recipe import override, read_values, recipe_of, rulebook_of
from quorate.app.registry import Registry
from quorate.app.run import default_cash, run_in_memory
from quorate.core.instant import MINUTE


def tape(seed: int = 1, bars: int = 3_000, name: str = "SYN", *, crash: bool = False) -> Series:
    """Seeded five-minute bars of one instrument."""
    fall = Crash(at=0.5, depth=-0.3, minutes=20) if crash else None
    made = synthetic(SyntheticSpec(seed=seed, bars=bars, interval=5 * MINUTE, crash=fall))
    return replace(made, instrument=msgspec.structs.replace(made.instrument, id=name))


def plan(series: Sequence[Series], *overrides: str, recipe: str = "baseline", **more: Any) -> Plan:
    """The plan of a recipe over tapes; ``limits.x.y=z`` changes the rulebook, all else the recipe."""
    values, where = read_values("recipe", recipe)
    limits, place = read_values("rulebook", values.get("rulebook", "balanced"))
    for each in overrides:
        if each.startswith("limits."):
            limits = override(limits, each.removeprefix("limits."))
        else:
            values = override(values, each)
    made = recipe_of(values, where)
    return plan_run(made, rulebook_of(limits, place), Registry(), series, default_cash(series)[0], **more)


def run(made: Plan, mode: str = "backtest") -> tuple[Collector, MemoryJournal]:
    """The plan, run in memory."""
    return run_in_memory(made, mode)
