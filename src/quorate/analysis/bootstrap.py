"""How far a figure might have come out otherwise: block bootstrap intervals (Politis and Romano 1992, 1994).

Blocks keep what one day owes to the day before. The generator is given: the same seed, the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np

from quorate.analysis.result import Floats, Ints

DRAWS = 1000
DRAWS_MIN = 200
CELLS = 500_000  # draws times values: what keeps the intervals of a run within a fifth of a second
LEVEL = 0.90
_CHUNK = 250_000

Statistic = Callable[[Floats], Floats]
"""float64[draws, n] resampled values to float64[draws]; NaN where a draw leaves the figure undefined."""


class Spread(msgspec.Struct, frozen=True):
    """The middle ``level`` of a figure over ``draws`` resamples: from ``low`` to ``high``."""

    low: float
    high: float
    level: float
    draws: int


def seeded(seed: int) -> np.random.Generator:
    """A counter-based generator."""
    return np.random.Generator(np.random.Philox(seed))


def block_length(count: int) -> int:
    """Values a block: the cube root of their number, the order that Hall, Horowitz and Jing (1995) found."""
    return max(1, round(math.cbrt(count)))


def stationary(count: int, draws: int, generator: np.random.Generator, block: float) -> Ints:
    """Indices int64[draws, count] of resamples whose blocks have geometric lengths, ``block`` on average."""
    restart = generator.random((draws, count), dtype=np.float32) < 1.0 / block
    restart[:, 0] = True
    first = np.flatnonzero(restart)
    begin = generator.integers(0, count, first.size)
    shift = np.repeat(begin - first % count, np.diff(np.append(first, restart.size)))
    indices: Ints = shift.reshape(draws, count) + np.arange(count)
    indices[indices >= count] -= count
    return indices


def circular(count: int, draws: int, generator: np.random.Generator, block: int) -> Ints:
    """Indices int64[draws, count] of resamples made of blocks of one length, wrapped round at the end."""
    blocks = -(-count // block)
    starts = generator.integers(0, count, (draws, blocks))
    indices: Ints = ((starts[:, :, None] + np.arange(block)) % count).reshape(draws, -1)[:, :count]
    return indices


def interval(
    values: Floats,
    statistics: dict[str, Statistic],
    generator: np.random.Generator,
    *,
    draws: int | None = None,
    level: float = LEVEL,
) -> dict[str, Spread | None]:
    """The percentile interval of each statistic over the same stationary resamples of ``values``.

    ``draws`` defaults to ``DRAWS``, fewer where the values are many, never under ``DRAWS_MIN``. None for a
    statistic that is undefined in more than half of the draws, and for fewer than three values.
    """
    count = values.size
    if count < 3:
        return dict.fromkeys(statistics)
    draws = draws or max(DRAWS_MIN, min(DRAWS, CELLS // count))
    found: dict[str, list[Floats]] = {name: [] for name in statistics}
    step = max(1, _CHUNK // count)
    for first in range(0, draws, step):
        indices = stationary(count, min(step, draws - first), generator, block_length(count))
        drawn = values[indices]
        for name, statistic in statistics.items():
            found[name].append(statistic(drawn))
    return {name: _spread(np.concatenate(parts), level) for name, parts in found.items()}


def sharpe_of(periods: float) -> Statistic:
    """The annualised Sharpe of each draw."""

    def statistic(drawn: Floats) -> Floats:
        deviation = drawn.std(axis=1, ddof=1)
        return _ratio(drawn.mean(axis=1), deviation) * math.sqrt(periods)

    return statistic


def growth_of(periods: float) -> Statistic:
    """The growth a year of each draw: (prod(1 + r))^(periods / n) - 1."""

    def statistic(drawn: Floats) -> Floats:
        grown: Floats = np.log1p(np.maximum(drawn, -1.0 + 1e-12)).mean(axis=1) * periods
        return np.expm1(grown)

    return statistic


def deepest(drawn: Floats) -> Floats:
    """The deepest fall of each draw as a positive fraction of the peak."""
    level = np.cumsum(np.log1p(np.maximum(drawn, -1.0 + 1e-12)), axis=1)
    peak = np.maximum(np.maximum.accumulate(level, axis=1), 0.0)
    result: Floats = -np.expm1((level - peak).min(axis=1))
    return result


def profit_factor(drawn: Floats) -> Floats:
    """Gains over losses of each draw."""
    return _ratio(np.maximum(drawn, 0.0).sum(axis=1), np.maximum(-drawn, 0.0).sum(axis=1))


def win_rate(drawn: Floats) -> Floats:
    """The share above zero of each draw."""
    result: Floats = (drawn > 0).mean(axis=1)
    return result


def _ratio(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratio


def _spread(drawn: Floats, level: float) -> Spread | None:
    known = drawn[np.isfinite(drawn)]
    if 2 * known.size < drawn.size:
        return None
    edge = 50.0 * (1.0 - level)
    low, high = (float(value) for value in np.percentile(known, (edge, 100.0 - edge)))
    return Spread(low, high, level, int(drawn.size))
