"""A first look at whether bars can be believed; what it finds is said and lowers the run's trust level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quorate.adapters.feeds.series import Series

BARS_MIN = 500
# Real bars stay within +-0.12 (57 files, 2026-11); two contracts mixed in one file give -0.4 and below.
REVERSAL = -0.25


def reversal(series: Series) -> float:
    """Lag-1 autocorrelation of log returns over closes, rolls left out; 0 where it is undefined."""
    returns = np.diff(np.log(series.close.astype(np.float64)))
    returns[series.rolls.index - 1] = 0.0
    if len(returns) < BARS_MIN or returns[1:].std() == 0.0 or returns[:-1].std() == 0.0:
        return 0.0
    return float(np.corrcoef(returns[1:], returns[:-1])[0, 1])


def looked_at(series: Sequence[Series]) -> tuple[list[Series], bool]:
    """(the series with a note where one is suspect, whether any is)."""
    found: list[Series] = []
    suspect = False
    for each in series:
        back = reversal(each)
        if back < REVERSAL:
            suspect = True
            note = (
                f"{each.instrument.id}: returns reverse one bar later (autocorrelation {back:.2f}): "
                "two series may be mixed in this file; no profit on it can be believed"
            )
            each = replace(each, notes=(*each.notes, note))
        found.append(each)
    return found, suspect
