"""The door of the analysis: a finished run in; its statistics, baselines and attribution out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.analysis.attribution import Attribution, attribute
from quorate.analysis.baselines import Baselines, baselines
from quorate.analysis.metrics import Metrics, summary
from quorate.analysis.result import Closes, Curve, RunStats


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is to be said of a run, and what it was read from. ``hold``: buy and hold, None without prices."""

    stats: RunStats
    closes: Mapping[str, Closes]
    metrics: Metrics
    baselines: Baselines
    attribution: Attribution
    hold: Curve | None


def analyse(stats: RunStats, closes: Mapping[str, Closes], seed: int) -> Analysis:
    """Judge a run. ``closes`` are what the baselines trade, ``seed`` draws the random traders."""
    compared, hold = baselines(stats, closes, seed)
    return Analysis(stats, closes, summary(stats), compared, attribute(stats), hold)
