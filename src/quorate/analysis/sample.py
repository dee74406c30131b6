"""What every statistic reads, worked out once: daily returns, falls, trades as arrays, the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quorate.analysis.excursions import Excursions, excursions
from quorate.analysis.falls import Falls, depths, falls_of
from quorate.analysis.holdings import Holdings, holdings
from quorate.analysis.metrics import Metrics, day_closes, day_returns
from quorate.analysis.result import Closes, Curve, Floats, Ints, RunStats
from quorate.analysis.significance import Trials
from quorate.core.money import E8


@dataclass(frozen=True, eq=False)
class Sample:
    """A run as its statistics see it; each part is worked out when it is first asked for.

    ``hold``: equity of buy and hold, None without prices. ``trials``: how many runs were tried before this
    one was chosen, None when nobody counted.
    """

    stats: RunStats
    closes: Mapping[str, Closes]
    metrics: Metrics
    hold: Curve | None = None
    trials: Trials | None = None

    @property
    def start(self) -> int:
        """Start cash in 1e-8."""
        return self.stats.cash.count

    @property
    def periods(self) -> float:
        """Returns in a year of the own calendar."""
        return self.stats.periods_per_year

    @cached_property
    def by_day(self) -> tuple[Ints, Ints]:
        """(UTC days since 1970, equity in 1e-8 at each day's close), int64[days] each."""
        return day_closes(self.stats.curve, self.stats.calendar, self.stats.interval)

    @cached_property
    def returns(self) -> Floats:
        """Daily returns, float64[days], the first from the start cash; empty after ruin."""
        return day_returns(self.by_day[1], self.start)

    @cached_property
    def depths(self) -> Floats:
        """The fall from the peak so far at each day's close, positive, float64[days]."""
        return depths(self.by_day[1], self.start)

    @cached_property
    def falls(self) -> Falls:
        """Every fall of the curve."""
        return falls_of(self.stats.curve, self.start, self.stats.interval)

    @cached_property
    def paired(self) -> tuple[Floats, Floats]:
        """Returns of (the run, buy and hold) between the days that both have, float64[n] each."""
        none = np.empty(0)
        if self.hold is None:
            return none, none
        held_days, held = day_closes(self.hold, self.stats.calendar, self.stats.interval)
        _, own, other = np.intersect1d(self.by_day[0], held_days, assume_unique=True, return_indices=True)
        pair = day_returns(self.by_day[1][own], self.start), day_returns(held[other], self.start)
        return pair if pair[0].size == pair[1].size else (none, none)

    @cached_property
    def pnl(self) -> Floats:
        """Profit of each closed trade in currency, float64[trades], in the order they closed."""
        return np.array([row.pnl_e8 for row in self.stats.rows], dtype=np.float64) / E8

    @cached_property
    def values(self) -> Floats:
        """Return of each closed trade on its entry notional, float64[trades]."""
        return np.array([row.value for row in self.stats.rows], dtype=np.float64)

    @cached_property
    def lengths(self) -> Ints:
        """How long each closed trade was held, int64[trades] ns."""
        return np.array([row.closed_at - row.opened_at for row in self.stats.rows], dtype=np.int64)

    @cached_property
    def excursions(self) -> Excursions | None:
        """How far prices went against and for each trade; None where no bars are known."""
        return excursions(self.stats.rows, self.closes)

    @cached_property
    def holdings(self) -> Holdings | None:
        """What was held at each instant; None without prices or fills."""
        return holdings(self.stats, self.closes)
