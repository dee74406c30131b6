"""The door of the analysis: a finished run in; its statistics, baselines and attribution out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.analysis.attribution import Attribution, attribute
from quorate.analysis.baselines import Baselines, baselines
from quorate.analysis.bootstrap import Spread
from quorate.analysis.catalogue import statistics
from quorate.analysis.entry import Value
from quorate.analysis.metrics import Metrics, summary
from quorate.analysis.result import Closes, Curve, RunStats
from quorate.analysis.sample import Sample
from quorate.analysis.significance import Trials
from quorate.analysis.targets import Target, intervals, judge


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is to be said of a run, and what it was read from. ``hold``: buy and hold, None without prices.

    ``statistics``: every figure of the catalogue by name. ``spreads``: bootstrap intervals of the figures
    that targets are about. ``targets``: those of the recipe.
    """

    stats: RunStats
    closes: Mapping[str, Closes]
    metrics: Metrics
    baselines: Baselines
    attribution: Attribution
    hold: Curve | None
    sample: Sample
    statistics: Mapping[str, Value]
    spreads: Mapping[str, Spread | None]
    targets: tuple[Target, ...]


def analyse(
    stats: RunStats,
    closes: Mapping[str, Closes],
    seed: int,
    *,
    recipe: str = "",
    trials: Trials | None = None,
) -> Analysis:
    """Judge a run. ``closes`` are what the baselines trade, ``seed`` draws random traders and resamples.

    ``recipe`` names whose targets are meant; ``trials`` is what a search counted before it chose this run.
    """
    compared, hold = baselines(stats, closes, seed)
    metrics = summary(stats)
    sample = Sample(stats, closes, metrics, hold, trials)
    spreads = intervals(sample, seed)
    return Analysis(
        stats,
        closes,
        metrics,
        compared,
        attribute(stats),
        hold,
        sample,
        statistics(sample),
        spreads,
        judge(recipe, sample, spreads),
    )
