"""The measure of a chart: fewer points that keep every extreme, round ticks, and where a value lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from quorate.analysis.result import Floats, Ints
from quorate.core.instant import SECOND

POINTS = 1500  # finer than a screen shows
LOG_FROM = 8.0

_SECONDS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800)
_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Axis:
    """A map of [low, high] to pixels [start, end]: linear, or by the logarithm where ``log`` says so."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of one value."""
        return float(self.many(np.array([value]))[0])

    def many(self, values: npt.NDArray[Any]) -> Floats:
        """The pixels of many values."""
        if self.log:
            share = np.log(values / self.low) / math.log(self.high / self.low)
        else:
            share = (values - self.low).astype(np.float64) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """About ``count`` round values on the axis."""
        if not self.log:
            return ticks(self.low, self.high, count)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        return [
            factor * 10.0**power
            for power in powers
            for factor in (1, 2, 5)
            if self.low <= factor * 10.0**power <= self.high
        ]


def fitted(low: float, high: float, start: float, end: float) -> Axis:
    """An axis that holds a range with a little room; logarithmic where values differ ``LOG_FROM``-fold."""
    if low > 0 and high / low > LOG_FROM:
        return Axis(low / 1.1, high * 1.1, start, end, log=True)
    return Axis(*padded(low, high), start, end)


def thin(at: Ints, values: npt.NDArray[Any], points: int = POINTS) -> tuple[Ints, npt.NDArray[Any]]:
    """At most ``points`` of a series: the least and the greatest of each of ``points / 2`` equal buckets, in
    their order, so that no peak or trough is lost; the very first and last are kept.
    """
    if values.size <= points:
        return at, values
    edges = np.linspace(0, values.size, points // 2, dtype=np.int64)  # one bucket spared for the two ends
    chosen = {0, values.size - 1}
    for left, right in pairwise(edges.tolist()):
        bucket = values[left:right]
        chosen.add(int(left + np.argmin(bucket)))
        chosen.add(int(left + np.argmax(bucket)))
    kept = np.array(sorted(chosen))
    return at[kept], values[kept]


def padded(low: float, high: float, room: float = 0.06) -> tuple[float, float]:
    """A range a little wider than its values; never of no width."""
    gap = (high - low) * room or abs(high) * 0.01 or 1.0
    return low - gap, high + gap


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round values (1, 2, 2.5, 5 x 10^n apart) within [low, high]."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [(first + index) * step for index in range(math.floor(high / step + 1e-9) - first + 1)]


def time_ticks(first: int, last: int, count: int = 8) -> list[tuple[int, str]]:
    """About ``count`` (instant in ns, label) pairs on round UTC times within [first, last]."""
    seconds = max(1.0, (last - first) / SECOND / count)
    step = next((step for step in _SECONDS if step >= seconds), None)
    if step is None:
        return _month_ticks(first, last, seconds / (30 * 86_400))
    start = -(-first // (step * SECOND)) * step
    return [(second * SECOND, _label(second, step)) for second in range(start, last // SECOND + 1, step)]


def _label(second: int, step: int) -> str:
    """The day where a day begins, else the time of day."""
    moment = datetime.fromtimestamp(second, tz=UTC)
    if step >= 86_400 or second % 86_400 == 0:
        return f"{moment.day} {MONTHS[moment.month - 1]}"
    return f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"


def _month_ticks(first: int, last: int, months: float) -> list[tuple[int, str]]:
    """Months or years, at the step that is nearest above ``months``."""
    step = next((step for step in _STEPS if step >= months), _STEPS[-1])
    moment = datetime.fromtimestamp(first // SECOND, tz=UTC)
    index = -(-(moment.year * 12 + moment.month) // step) * step  # months since year 0: the next round one
    found: list[tuple[int, str]] = []
    while True:
        year, month = divmod(index, 12)
        at = int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * SECOND
        if at > last:
            return found
        found.append((at, f"{MONTHS[month]} {year}" if month else f"{year}"))
        index += step
