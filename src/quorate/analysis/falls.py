"""Every fall of equity below a peak: how deep, from when, to which trough, and when it was made good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quorate.analysis.result import Curve, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Falls:
    """Falls in their order: ``depth`` float64[n], positive fractions of the peak; the rest int64[n] ns.

    ``start`` is the peak's instant, ``trough`` the first at the lowest point, ``end`` the recovery's; the
    last fall is ``open`` when equity never came back, and then ends with the curve.
    """

    depth: Floats
    start: Ints
    trough: Ints
    end: Ints
    open: bool

    @property
    def spans(self) -> Ints:
        """How long each lasted from peak to recovery, int64[n] ns."""
        return self.end - self.start


def falls_of(curve: Curve, start: int, interval: int) -> Falls:
    """All falls of a curve in one pass; ``start`` cash (1e-8) at the first bar's open is the first peak."""
    none = np.empty(0, np.int64)
    if not curve.at.size:
        return Falls(np.empty(0), none, none, none, open=False)
    at = np.concatenate(([curve.at[0] - interval], curve.at))
    equity = np.concatenate(([start], curve.equity))
    peak = np.maximum.accumulate(equity)
    tops = np.flatnonzero(equity == peak)
    ends = np.append(tops[1:], at.size - 1)
    under = ends - tops > 1
    under[-1] = ends[-1] > tops[-1]
    still_open = bool(under[-1])
    tops, ends = tops[under], ends[under]
    if not tops.size:
        return Falls(np.empty(0), none, none, none, open=False)
    low = np.minimum.reduceat(equity, tops)  # up to the next fall's peak: nothing between is lower
    stretch = np.repeat(low, np.diff(np.append(tops, at.size)))
    lowest = np.flatnonzero(equity[tops[0] :] == stretch) + tops[0]
    trough = lowest[np.searchsorted(lowest, tops)]
    return Falls((peak[tops] - low) / peak[tops], at[tops], at[trough], at[ends], open=still_open)


def depths(values: Ints, start: int) -> Floats:
    """The fall from the peak so far at each value, a positive fraction of it; ``start`` is the first peak."""
    peak = np.maximum(np.maximum.accumulate(values), start) if values.size else values
    result: Floats = (peak - values) / peak
    return result
