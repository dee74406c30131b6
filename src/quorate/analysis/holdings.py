"""What was held at every instant, from the fills and the closes: net, concentration, effective positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quorate.analysis.result import Closes, Floats, RunStats


@dataclass(frozen=True, slots=True, eq=False)
class Holdings:
    """Sums over the means of the invested instants. ``net``: float64[n], signed worth over equity at each
    instant of the curve. ``hhi``: float64[m], the sum of squared shares of gross worth where any was held.
    """

    net: Floats
    hhi: Floats


def holdings(stats: RunStats, closes: Mapping[str, Closes]) -> Holdings | None:
    """Positions marked at the closes at hand; None where a traded instrument has none.

    A rolled series is marked at its adjusted closes, so its worth is right as a share, not to the cent.
    """
    traded = sorted({fill.instrument for fill in stats.fills})
    at = stats.curve.at
    if not traded or not at.size or any(name not in closes for name in traded):
        return None
    net, gross, square = np.zeros(at.size), np.zeros(at.size), np.zeros(at.size)
    for name in traded:
        instrument, series = stats.instruments[name], closes[name]
        own = [fill for fill in stats.fills if fill.instrument == name]
        lots = np.concatenate(([0], np.cumsum([fill.quantity.count * fill.side.sign for fill in own])))
        held = lots[np.searchsorted(np.array([fill.at for fill in own]), at, side="right")]
        price = series.close[np.maximum(np.searchsorted(series.at, at, side="right") - 1, 0)]
        worth = held * price * float(instrument.lot * instrument.multiplier)
        net += worth
        gross += np.abs(worth)
        square += worth**2
    equity = np.maximum(stats.curve.equity, 1) / 1e8
    invested = gross > 0
    return Holdings(net / equity, square[invested] / gross[invested] ** 2)
