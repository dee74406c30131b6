"""Figures over a moving window of daily returns: how steady what the whole run shows was."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from quorate.analysis.result import Floats

WINDOWS = (126, 63, 21)  # half a year, a quarter, a month of trading days


def window_for(count: int) -> int | None:
    """The widest of the usual windows that a third of the returns fill; None for too few."""
    return next((window for window in WINDOWS if count >= 3 * window), None)


def rolling_sharpe(returns: Floats, window: int, periods: float) -> Floats:
    """Annualised Sharpe over each ``window`` returns, float64[n - window + 1]; NaN where nothing moved."""
    seen = _windows(returns, window)
    deviation = seen.std(axis=1, ddof=1)
    mean = seen.mean(axis=1)
    moved = deviation > 1e-9 * np.abs(mean)
    ratio: Floats = np.divide(mean, deviation, out=np.full(mean.shape, np.nan), where=moved)
    return ratio * math.sqrt(periods)


def rolling_volatility(returns: Floats, window: int, periods: float) -> Floats:
    """Annualised volatility over each ``window`` returns, float64[n - window + 1]."""
    result: Floats = _windows(returns, window).std(axis=1, ddof=1) * math.sqrt(periods)
    return result


def rolling_beta(returns: Floats, benchmark: Floats, window: int) -> Floats:
    """Beta over each ``window`` returns, float64[n - window + 1]; NaN where the benchmark stood still."""
    own, other = _windows(returns, window), _windows(benchmark, window)
    apart = other - other.mean(axis=1, keepdims=True)
    below = (apart**2).sum(axis=1)
    above = (apart * own).sum(axis=1)
    ratio: Floats = np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 1e-18)
    return ratio


def rolling_drawdown(returns: Floats, window: int) -> Floats:
    """The deepest fall within each ``window`` returns, positive fractions, float64[n - window + 1]."""
    level = np.cumsum(np.log1p(_windows(returns, window)), axis=1)
    peak = np.maximum(np.maximum.accumulate(level, axis=1), 0.0)
    result: Floats = -np.expm1((level - peak).min(axis=1))
    return result


def _windows(values: Floats, window: int) -> Floats:
    """float64[n - window + 1, window]; no rows when there are fewer values than the window."""
    if window < 2 or values.size < window:
        return np.empty((0, max(window, 2)))
    return sliding_window_view(values, window)
