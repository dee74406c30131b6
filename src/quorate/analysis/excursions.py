"""How far prices went against each trade and for it while it was held: MAE and MFE (Sweeney 1997)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quorate.analysis.result import Closes, Floats, Ints, TradeRow
from quorate.core.order import Side


@dataclass(frozen=True, slots=True, eq=False)
class Excursions:
    """Per trade of known prices, positive fractions of the entry price, float64[n] each.

    ``adverse``: the worst price met, ``favourable``: the best, ``given_back``: favourable less what the exit
    kept (the end-trade drawdown). ``index``: int64[n] which of the run's trades these are.
    """

    index: Ints
    adverse: Floats
    favourable: Floats
    given_back: Floats


def excursions(rows: Sequence[TradeRow], closes: Mapping[str, Closes]) -> Excursions | None:
    """MAE, MFE and end-trade drawdown of all trades in instruments with highs and lows; None for none.

    A trade meets the bars published from its opening up to, not with, the one that closed it, and its own
    two prices: what the closing bar did after the exit was no longer its concern.
    """
    known = [name for name in sorted(closes) if closes[name].high is not None]
    parts = [
        _of_one([(index, row) for index, row in enumerate(rows) if row.instrument == name], closes[name])
        for name in known
        if any(row.instrument == name for row in rows)
    ]
    if not parts:
        return None
    index, adverse, favourable, given_back = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(index)
    return Excursions(index[order], adverse[order], favourable[order], given_back[order])


def _of_one(rows: Sequence[tuple[int, TradeRow]], series: Closes) -> tuple[Ints, Floats, Floats, Floats]:
    none = np.empty(0)
    high = none if series.high is None else series.high
    low = none if series.low is None else series.low
    first = np.searchsorted(series.at, np.array([row.opened_at for _, row in rows]))
    last = np.searchsorted(series.at, np.array([row.closed_at for _, row in rows]))
    entry = np.array([row.entry for _, row in rows])
    leave = np.array([row.exit for _, row in rows])
    top = np.maximum(_over(np.maximum, high, first, last, -np.inf), np.maximum(entry, leave))
    bottom = np.minimum(_over(np.minimum, low, first, last, np.inf), np.minimum(entry, leave))
    long = np.array([row.side is Side.BUY for _, row in rows])
    favourable = np.where(long, top - entry, entry - bottom) / np.abs(entry)
    adverse = np.where(long, entry - bottom, top - entry) / np.abs(entry)
    kept = np.where(long, leave - entry, entry - leave) / np.abs(entry)
    return np.array([index for index, _ in rows], dtype=np.int64), adverse, favourable, favourable - kept


def _over(reduce: np.ufunc, values: Floats, first: Ints, last: Ints, none: float) -> Floats:
    """The extreme of ``values[first:last]`` for each pair; ``none`` for an empty stretch."""
    edges = np.empty(2 * first.size, np.int64)
    edges[0::2], edges[1::2] = first, last
    found = reduce.reduceat(np.append(values, none), edges)[0::2]
    return np.where(last > first, found, none)
