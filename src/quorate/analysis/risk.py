"""Risk and drawdown: how far returns swing, how bad the bad days are, how deep and how long equity falls."""

from __future__ import annotations

import math

import numpy as np

from quorate.analysis.entry import Basis, Section, Unit, entries
from quorate.analysis.falls import Falls
from quorate.analysis.result import Floats
from quorate.analysis.sample import Sample


def downside_deviation(returns: Floats, periods: float) -> float | None:
    """sqrt(mean(min(r, 0)^2)) x sqrt(periods), target 0, over all n (Sortino and Price 1994)."""
    if returns.size < 2:
        return None
    return math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)) * periods)


def variance(returns: Floats, periods: float) -> float | None:
    """Variance of returns (n - 1) times the periods in a year."""
    return float(np.var(returns, ddof=1)) * periods if returns.size >= 2 else None


def skew(returns: Floats) -> float | None:
    """Adjusted Fisher-Pearson: sqrt(n (n - 1)) / (n - 2) x m3 / m2^1.5; None under three or without risk."""
    n = returns.size
    if n < 3:
        return None
    centred = returns - returns.mean()
    square = float(np.mean(centred**2))
    if square <= 1e-24:
        return None
    return math.sqrt(n * (n - 1)) / (n - 2) * float(np.mean(centred**3)) / math.pow(square, 1.5)


def kurtosis(returns: Floats) -> float | None:
    """Excess G2 = (n - 1) / ((n - 2)(n - 3)) x ((n + 1) (m4 / m2^2 - 3) + 6); 0 for the normal."""
    n = returns.size
    if n < 4:
        return None
    centred = returns - returns.mean()
    square = float(np.mean(centred**2))
    if square <= 1e-24:
        return None
    excess = float(np.mean(centred**4)) / square**2 - 3.0
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6.0)


def value_at_risk(returns: Floats, confidence: float) -> float | None:
    """The daily loss that is exceeded on one day in 1 / (1 - confidence): historical, a positive fraction.

    The negated (1 - confidence) quantile of returns, linear between order statistics; None under 20 returns.
    """
    if returns.size < 20:
        return None
    return -float(np.quantile(returns, 1.0 - confidence))


def expected_shortfall(returns: Floats, confidence: float) -> float | None:
    """CVaR: the mean loss of the days at or beyond the value at risk (Acerbi and Tasche 2002), positive."""
    if returns.size < 20:
        return None
    edge = float(np.quantile(returns, 1.0 - confidence))
    return -float(np.mean(returns[returns <= edge]))


def tail_ratio(returns: Floats) -> float | None:
    """|95 % quantile| / |5 % quantile| of returns; None under 20 returns or without a lower tail."""
    if returns.size < 20:
        return None
    low, high = (abs(float(value)) for value in np.quantile(returns, (0.05, 0.95)))
    return high / low if low > 0 else None


def outlier_win(returns: Floats) -> float | None:
    """99 % quantile of returns over their mean where not negative; None under 20 returns."""
    ups = returns[returns >= 0]
    if returns.size < 20 or not ups.size or float(ups.mean()) <= 0:
        return None
    return float(np.quantile(returns, 0.99)) / float(ups.mean())


def outlier_loss(returns: Floats) -> float | None:
    """1 % quantile of returns over their mean where negative; None under 20 returns or without a loss."""
    downs = returns[returns < 0]
    if returns.size < 20 or not downs.size:
        return None
    return float(np.quantile(returns, 0.01)) / float(downs.mean())


def ulcer(depths: Floats) -> float | None:
    """sqrt(mean(fall^2)) over daily closes, falls as positive fractions (Martin and McCann 1989)."""
    return math.sqrt(float(np.mean(depths**2))) if depths.size else None


def under_water(sample: Sample) -> float | None:
    """The share of the run's time that equity was below an earlier peak."""
    at = sample.stats.curve.at
    span = int(at[-1] - at[0]) + sample.stats.interval if at.size else 0
    return float(sample.falls.spans.sum()) / span if span else None


def _deepest(falls: Falls) -> int | None:
    return int(np.argmax(falls.depth)) if falls.depth.size else None


def _at(sample: Sample, which: str) -> int | None:
    """An instant of the deepest fall; None without one, or when it has not recovered."""
    falls, index = sample.falls, _deepest(sample.falls)
    if index is None or (which == "end" and falls.open and index == falls.depth.size - 1):
        return None
    return int(getattr(falls, which)[index])


def _open(sample: Sample) -> tuple[float, int]:
    """(fall from its peak at the end of the run as a fraction, ns since that peak); zeros when at a peak."""
    falls, curve = sample.falls, sample.stats.curve
    if not falls.open:
        return 0.0, 0
    peak = max(int(curve.equity.max()), sample.start)
    return (peak - int(curve.equity[-1])) / peak, int(falls.spans[-1])


def _recovery(sample: Sample) -> float | None:
    """How much of the open fall has been won back, as a share of it; None when no fall is open."""
    deepest, now = sample.falls.depth[-1] if sample.falls.open else 0.0, _open(sample)[0]
    return 1.0 - now / float(deepest) if deepest > 0 else None


RISK = entries(
    Section.RISK,
    (
        "volatility",
        "Volatility a year",
        Unit.SHARE,
        Basis.DAYS,
        "How much daily returns swing, by the year of the own calendar.",
        "std(r, n - 1) sqrt(periods)",
        "usual",
        lambda s: s.metrics.volatility,
    ),
    (
        "downside_deviation",
        "Downside deviation a year",
        Unit.SHARE,
        Basis.DAYS,
        "Volatility of the losing days alone.",
        "sqrt(mean(min(r, 0)^2)) sqrt(periods)",
        "Sortino and Price 1994",
        lambda s: downside_deviation(s.returns, s.periods),
    ),
    (
        "variance",
        "Variance a year",
        Unit.RATIO,
        Basis.DAYS,
        "The square of volatility.",
        "var(r, n - 1) periods",
        "usual",
        lambda s: variance(s.returns, s.periods),
    ),
    (
        "skew",
        "Skew",
        Unit.RATIO,
        Basis.DAYS,
        "Below zero: the large surprises are losses.",
        "sqrt(n (n - 1)) / (n - 2) m3 / m2^1.5",
        "Fisher and Pearson, adjusted",
        lambda s: skew(s.returns),
    ),
    (
        "kurtosis",
        "Excess kurtosis",
        Unit.RATIO,
        Basis.DAYS,
        "Above zero: surprises are larger than the normal distribution has them.",
        "(n - 1) / ((n - 2)(n - 3)) ((n + 1)(m4 / m2^2 - 3) + 6)",
        "Fisher, adjusted",
        lambda s: kurtosis(s.returns),
    ),
    *(
        entry
        for level in (95, 99)
        for entry in (
            (
                f"var_{level}",
                f"Value at risk, {level} %",
                Unit.SHARE,
                Basis.DAYS,
                f"One day in {100 // (100 - level)} lost more than this share of equity.",
                f"-quantile(r, {(100 - level) / 100:g})",
                "historical",
                lambda s, level=level: value_at_risk(s.returns, level / 100),
            ),
            (
                f"cvar_{level}",
                f"Expected shortfall, {level} %",
                Unit.SHARE,
                Basis.DAYS,
                "The mean loss of those days.",
                f"-mean(r | r <= quantile(r, {(100 - level) / 100:g}))",
                "Acerbi and Tasche 2002",
                lambda s, level=level: expected_shortfall(s.returns, level / 100),
            ),
        )
    ),
    (
        "tail_ratio",
        "Tail ratio",
        Unit.RATIO,
        Basis.DAYS,
        "How far the best twentieth of days reaches beside the worst.",
        "|q95(r)| / |q5(r)|",
        "empyrical",
        lambda s: tail_ratio(s.returns),
    ),
    (
        "outlier_win",
        "Outlier win ratio",
        Unit.RATIO,
        Basis.DAYS,
        "The best hundredth of days beside a usual winning day.",
        "q99(r) / mean(r | r >= 0)",
        "quantstats",
        lambda s: outlier_win(s.returns),
    ),
    (
        "outlier_loss",
        "Outlier loss ratio",
        Unit.RATIO,
        Basis.DAYS,
        "The worst hundredth of days beside a usual losing day.",
        "q1(r) / mean(r | r < 0)",
        "quantstats",
        lambda s: outlier_loss(s.returns),
    ),
)

DRAWDOWN = entries(
    Section.DRAWDOWN,
    (
        "max_drawdown",
        "Deepest fall",
        Unit.SHARE,
        Basis.CURVE,
        "The deepest fall below an earlier peak.",
        "max((peak - equity) / peak)",
        "usual",
        lambda s: s.metrics.max_drawdown,
    ),
    (
        "max_drawdown_from",
        "Deepest fall, from",
        Unit.INSTANT,
        Basis.CURVE,
        "The peak it fell from.",
        "instant",
        "definition",
        lambda s: _at(s, "start"),
    ),
    (
        "max_drawdown_trough",
        "Deepest fall, trough",
        Unit.INSTANT,
        Basis.CURVE,
        "Its lowest point.",
        "instant",
        "definition",
        lambda s: _at(s, "trough"),
    ),
    (
        "max_drawdown_recovered",
        "Deepest fall, recovered",
        Unit.INSTANT,
        Basis.CURVE,
        "When equity was back at the peak; undefined until then.",
        "instant",
        "definition",
        lambda s: _at(s, "end"),
    ),
    (
        "drawdown_mean",
        "Mean fall",
        Unit.SHARE,
        Basis.CURVE,
        "The mean depth of all falls.",
        "mean(depth)",
        "usual",
        lambda s: float(s.falls.depth.mean()) if s.falls.depth.size else None,
    ),
    (
        "drawdowns",
        "Number of falls",
        Unit.COUNT,
        Basis.CURVE,
        "How often equity left a peak.",
        "count",
        "definition",
        lambda s: int(s.falls.depth.size),
    ),
    (
        "max_drawdown_duration_ns",
        "Longest fall",
        Unit.SPAN,
        Basis.CURVE,
        "The longest time from a peak to its recovery, or to the end.",
        "max(end - start)",
        "usual",
        lambda s: s.metrics.max_drawdown_duration_ns,
    ),
    (
        "drawdown_duration_mean_ns",
        "Mean time to recover",
        Unit.SPAN,
        Basis.CURVE,
        "The mean time from a peak to its recovery.",
        "mean(end - start)",
        "usual",
        lambda s: int(s.falls.spans.mean()) if s.falls.depth.size else None,
    ),
    (
        "drawdown_duration_median_ns",
        "Median time to recover",
        Unit.SPAN,
        Basis.CURVE,
        "The median time from a peak to its recovery.",
        "median(end - start)",
        "usual",
        lambda s: int(np.median(s.falls.spans)) if s.falls.depth.size else None,
    ),
    (
        "drawdown_now",
        "Fall at the end",
        Unit.SHARE,
        Basis.CURVE,
        "How far below its peak the run ended.",
        "(peak - end) / peak",
        "definition",
        lambda s: _open(s)[0],
    ),
    (
        "drawdown_now_ns",
        "Fall at the end, since",
        Unit.SPAN,
        Basis.CURVE,
        "How long the open fall has lasted.",
        "ended_at - peak",
        "definition",
        lambda s: _open(s)[1],
    ),
    (
        "drawdown_now_recovery",
        "Fall at the end, won back",
        Unit.SHARE,
        Basis.CURVE,
        "The part of the open fall that has been won back.",
        "1 - drawdown_now / its depth",
        "definition",
        _recovery,
    ),
    (
        "under_water",
        "Time under water",
        Unit.SHARE,
        Basis.CURVE,
        "The share of time below an earlier peak.",
        "sum(end - start) / duration",
        "usual",
        under_water,
    ),
    (
        "ulcer",
        "Ulcer index",
        Unit.SHARE,
        Basis.DAYS,
        "Depth and length of falls in one figure, from daily closes.",
        "sqrt(mean(fall^2))",
        "Martin and McCann 1989",
        lambda s: ulcer(s.depths),
    ),
)
