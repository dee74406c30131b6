"""Is it luck? Probabilistic and deflated Sharpe, the track record needed, overfitting by CSCV, t-tests.

Sharpe ratios here are per period, not annualised, unless a name says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist

import msgspec
import numpy as np
import numpy.typing as npt

from quorate.analysis.result import Floats
from quorate.core.errors import InputError

_NORMAL = NormalDist()
_EULER = 0.5772156649015329
_STEPS = 300  # of the continued fraction; it converges in tens
_TINY = 1e-300
BLOCKS = 16


class Trials(msgspec.Struct, frozen=True):
    """How many strategies were tried, and the variance (n - 1) of their Sharpe ratios per period."""

    count: int
    variance: float

    @classmethod
    def of(cls, sharpes: Sequence[float]) -> Trials:
        """From the Sharpe ratios per period of all trials, the chosen one among them."""
        if len(sharpes) < 2:
            return cls(len(sharpes), 0.0)
        return cls(len(sharpes), float(np.var(np.asarray(sharpes, dtype=np.float64), ddof=1)))


class Overfit(msgspec.Struct, frozen=True):
    """What CSCV found over ``splits`` splits.

    ``pbo``: share of splits in which the best in sample was in the lower half out of sample. ``slope``: of
    its Sharpe out of sample over that in sample (below zero: the better it looked, the worse it did).
    ``loss``: share of splits in which it lost out of sample.
    """

    pbo: float
    slope: float | None
    loss: float
    splits: int


def moments(returns: Floats) -> tuple[float, float, float] | None:
    """(Sharpe per period, skew, kurtosis with 3 for the normal), population moments; None without risk."""
    if returns.size < 3:
        return None
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance <= (1e-9 * abs(float(returns.mean()))) ** 2:
        return None
    skew = float(np.mean(centred**3)) / math.pow(variance, 1.5)
    kurtosis = float(np.mean(centred**4)) / variance**2
    sharpe = float(returns.mean()) / math.sqrt(variance * returns.size / (returns.size - 1))
    return sharpe, skew, kurtosis


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float | None:
    """Probability that the true Sharpe per period is above ``benchmark`` (Bailey, Lopez de Prado 2012).

    Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2)).
    """
    found = moments(returns)
    error = _error(found)
    if found is None or error is None:
        return None
    return _NORMAL.cdf((found[0] - benchmark) * math.sqrt(returns.size - 1) / error)


def track_length(returns: Floats, benchmark: float = 0.0, confidence: float = 0.95) -> float | None:
    """Returns needed before the Sharpe is above ``benchmark`` with ``confidence`` (2012).

    1 + (1 - skew SR + (kurtosis - 1) / 4 SR^2) (z / (SR - SR*))^2; None when the Sharpe is not above it.
    """
    found = moments(returns)
    error = _error(found)
    if found is None or error is None or found[0] <= benchmark:
        return None
    return 1.0 + (error * _NORMAL.inv_cdf(confidence) / (found[0] - benchmark)) ** 2


def best_of_luck(trials: Trials) -> float:
    """The Sharpe per period expected of the best of that many skill-less trials (2014)."""
    if trials.count < 2:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials.count)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials.count * math.e))
    return math.sqrt(trials.variance) * ((1.0 - _EULER) * first + _EULER * second)


def deflated_sharpe(returns: Floats, trials: Trials) -> float | None:
    """Probability that the Sharpe is more than the luck of the best trial (Bailey, Lopez de Prado 2014)."""
    return probabilistic_sharpe(returns, best_of_luck(trials))


def overfitting(returns: npt.NDArray[np.float64], blocks: int = BLOCKS) -> Overfit:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey et al. 2015).

    ``returns``: float64[periods, strategies]. The periods are cut into ``blocks`` equal parts (what is left
    over at the start is dropped); every half of the parts chooses a best strategy, the other half judges it.
    Raises InputError for fewer than two strategies, odd blocks, or fewer than two periods a block.
    """
    if returns.ndim != 2 or returns.shape[1] < 2 or blocks < 2 or blocks % 2 or returns.shape[0] < 2 * blocks:
        raise InputError(
            f"overfitting cannot be told from an array of shape {returns.shape} in {blocks} blocks",
            todo="give two strategies or more, two periods a block or more, an even count of blocks",
        )
    length = returns.shape[0] // blocks
    parts = returns[returns.shape[0] - length * blocks :].reshape(blocks, length, -1)
    sums, squares = parts.sum(axis=1), (parts**2).sum(axis=1)
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    picks = np.zeros((chosen.shape[0], blocks))
    np.put_along_axis(picks, chosen, 1.0, axis=1)
    size = length * blocks // 2
    inside = _sharpes(picks @ sums, picks @ squares, size)
    outside = _sharpes((1.0 - picks) @ sums, (1.0 - picks) @ squares, size)
    best = np.argmax(inside, axis=1)
    rows = np.arange(best.size)
    judged = outside[rows, best]
    rank = np.sum(outside < judged[:, None], axis=1) + 0.5 * (np.sum(outside == judged[:, None], axis=1) + 1)
    share = rank / (outside.shape[1] + 1)
    return Overfit(
        pbo=float(np.mean(share <= 0.5)),
        slope=_slope(inside[rows, best], judged),
        loss=float(np.mean(judged < 0)),
        splits=int(best.size),
    )


def mean_test(values: Floats) -> float | None:
    """Two-sided p-value of a mean of zero by Student's t (1908): mean / (std / sqrt(n)), n - 1 degrees."""
    if values.size < 2:
        return None
    deviation = float(np.std(values, ddof=1))
    if deviation == 0.0:
        return None
    t = float(np.mean(values)) / (deviation / math.sqrt(values.size))
    return student_tails(t, values.size - 1)


def student_tails(t: float, freedom: int) -> float:
    """P(|T| > |t|) with ``freedom`` degrees: the incomplete beta I_x(f / 2, 1 / 2), x = f / (f + t^2)."""
    return _beta_share(freedom / 2.0, 0.5, freedom / (freedom + t * t))


def _error(found: tuple[float, float, float] | None) -> float | None:
    """The standard error of a Sharpe times sqrt(n - 1); None where the estimate has none."""
    if found is None:
        return None
    sharpe, skew, kurtosis = found
    square = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return math.sqrt(square) if square > 0 else None


def _sharpes(sums: Floats, squares: Floats, size: int) -> Floats:
    mean = sums / size
    variance = np.maximum(squares / size - mean**2, 0.0)
    result: Floats = np.where(variance > 1e-18, mean / np.sqrt(np.maximum(variance, 1e-18)), 0.0)
    return result


def _slope(x: Floats, y: Floats) -> float | None:
    spread = x - x.mean()
    square = float(spread @ spread)
    return float(spread @ (y - y.mean())) / square if square > 1e-18 else None


def _beta_share(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) by its continued fraction (Lentz 1976)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_share(b, a, 1.0 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    fraction = numerator = 1.0
    denominator = 0.0
    for step in range(_STEPS):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1.0 / (1.0 + term * denominator or _TINY)
        numerator = 1.0 + term / numerator or _TINY
        change = numerator * denominator
        fraction *= change
        if abs(change - 1.0) < 1e-15:
            break
    return front * (fraction - 1.0) / a
