"""The run beside buy and hold: what of its return the market explains, and what is its own.

All from daily returns of the days that both have, annualised by the own calendar, risk-free rate zero.
"""

from __future__ import annotations

import math

import numpy as np

from quorate.analysis.entry import Basis, Section, Unit, entries
from quorate.analysis.result import Floats
from quorate.analysis.sample import Sample


def beta(own: Floats, market: Floats) -> float | None:
    """cov(r, m) / var(m); None under three returns or where the market stood still."""
    if own.size < 3:
        return None
    apart = market - market.mean()
    square = float(apart @ apart)
    return float(apart @ (own - own.mean())) / square if square > 1e-18 else None


def alpha(own: Floats, market: Floats, periods: float) -> float | None:
    """(mean(r) - beta mean(m)) x periods (Jensen 1968)."""
    slope = beta(own, market)
    return None if slope is None else (float(own.mean()) - slope * float(market.mean())) * periods


def correlation(own: Floats, market: Floats) -> float | None:
    """Pearson's r of daily returns; None where one of the two stood still."""
    if own.size < 3 or float(own.std()) < 1e-12 or float(market.std()) < 1e-12:
        return None
    return float(np.corrcoef(own, market)[0, 1])


def capture(own: Floats, market: Floats, side: int) -> float | None:
    """mean(r) / mean(m) over the days the market rose (``side`` 1) or fell (-1) (Morningstar, arithmetic)."""
    days = market * side > 0
    return float(own[days].mean()) / float(market[days].mean()) if np.any(days) else None


def tracking_error(own: Floats, market: Floats, periods: float) -> float | None:
    """std(r - m, n - 1) x sqrt(periods)."""
    return float(np.std(own - market, ddof=1)) * math.sqrt(periods) if own.size >= 2 else None


def information_ratio(own: Floats, market: Floats, periods: float) -> float | None:
    """mean(r - m) / std(r - m, n - 1) x sqrt(periods) (Goodwin 1998)."""
    if own.size < 2:
        return None
    ahead = own - market
    deviation = float(ahead.std(ddof=1))
    return float(ahead.mean()) / deviation * math.sqrt(periods) if deviation > 1e-12 else None


def treynor(own: Floats, market: Floats, periods: float) -> float | None:
    """mean(r) x periods / beta (Treynor 1965); None where beta is nothing."""
    slope = beta(own, market)
    return None if slope is None or abs(slope) < 1e-12 else float(own.mean()) * periods / slope


def _explained(sample: Sample) -> float | None:
    found = correlation(*sample.paired)
    return None if found is None else found**2


_DAYS = Basis.DAYS

BENCHMARK = entries(
    Section.BENCHMARK,
    (
        "alpha",
        "Alpha a year",
        Unit.RETURN,
        _DAYS,
        "Return that exposure to buy and hold does not explain.",
        "(mean(r) - beta mean(m)) periods",
        "Jensen 1968",
        lambda s: alpha(*s.paired, s.periods),
    ),
    (
        "beta",
        "Beta",
        Unit.RATIO,
        _DAYS,
        "How much the run moves when buy and hold moves by one.",
        "cov(r, m) / var(m)",
        "Sharpe 1964",
        lambda s: beta(*s.paired),
    ),
    (
        "correlation",
        "Correlation",
        Unit.RATIO,
        _DAYS,
        "How alike the days of the two are, from -1 to 1.",
        "cov(r, m) / (std(r) std(m))",
        "Pearson 1895",
        lambda s: correlation(*s.paired),
    ),
    (
        "r_squared",
        "R squared",
        Unit.SHARE,
        _DAYS,
        "The share of the run's variance that buy and hold explains.",
        "correlation^2",
        "usual",
        _explained,
    ),
    (
        "up_capture",
        "Up capture",
        Unit.SHARE,
        _DAYS,
        "What the run made of the days that buy and hold gained.",
        "mean(r | m > 0) / mean(m | m > 0)",
        "Morningstar, arithmetic",
        lambda s: capture(*s.paired, 1),
    ),
    (
        "down_capture",
        "Down capture",
        Unit.SHARE,
        _DAYS,
        "What the run shared of the days that buy and hold lost; below zero it gained on them.",
        "mean(r | m < 0) / mean(m | m < 0)",
        "Morningstar, arithmetic",
        lambda s: capture(*s.paired, -1),
    ),
    (
        "tracking_error",
        "Tracking error",
        Unit.SHARE,
        _DAYS,
        "How far the run strays from buy and hold, a year.",
        "std(r - m, n - 1) sqrt(periods)",
        "usual",
        lambda s: tracking_error(*s.paired, s.periods),
    ),
    (
        "information_ratio",
        "Information ratio",
        Unit.RATIO,
        _DAYS,
        "Return ahead of buy and hold over how far the run strays from it.",
        "mean(r - m) / std(r - m, n - 1) sqrt(periods)",
        "Goodwin 1998",
        lambda s: information_ratio(*s.paired, s.periods),
    ),
    (
        "treynor",
        "Treynor",
        Unit.RATIO,
        _DAYS,
        "Return a year for each unit of beta.",
        "mean(r) periods / beta",
        "Treynor 1965",
        lambda s: treynor(*s.paired, s.periods),
    ),
)
