"""The standard indicators again, written to be read: exact window statistics, plain recursions, no speed.

Each function takes the bars so far and returns its columns, suffix -> values, NaN where undefined.
The windows go through `statistics`, whose sums are exact, so what is compared with is the formula itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import mean, pstdev, stdev
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NAN = math.nan
Series = list[float]
Columns = dict[str, Series]


class Bars(NamedTuple):
    """Closed bars as five sequences of one length, oldest first."""

    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    volume: Sequence[float]

    def upto(self, count: int) -> Bars:
        return Bars(*(field[:count] for field in self))

    def since(self, start: int) -> Bars:
        return Bars(*(field[start:] for field in self))


def rolled(xs: Sequence[float], n: int, fold: Callable[[Sequence[float]], float]) -> Series:
    """`fold` over the last n values; NaN while there are fewer, or while one of them is NaN."""
    out = []
    for t in range(len(xs)):
        window = xs[max(0, t - n + 1) : t + 1]
        out.append(NAN if len(window) < n or any(map(math.isnan, window)) else fold(window))
    return out


def smoothed(xs: Iterable[float], n: int, rate: float) -> Series:
    """Recursive average, seeded with the mean of the first n values that are defined."""
    out: Series = []
    seed: Series = []
    for x in xs:
        if math.isnan(x):
            out.append(NAN)
        elif len(seed) < n:
            seed.append(x)
            out.append(mean(seed) if len(seed) == n else NAN)
        else:
            out.append((1 - rate) * out[-1] + rate * x)
    return out


def exponential(xs: Iterable[float], n: int) -> Series:
    return smoothed(xs, n, 2 / (n + 1))


def wilder(xs: Iterable[float], n: int) -> Series:
    return smoothed(xs, n, 1 / n)


def true_range(bars: Bars) -> Series:
    ranges = [NAN]
    for t in range(1, len(bars.close)):
        top, bottom = max(bars.high[t], bars.close[t - 1]), min(bars.low[t], bars.close[t - 1])
        ranges.append(top - bottom)
    return ranges[: len(bars.close)]


def sma(bars: Bars, n: int) -> Columns:
    return {"": rolled(bars.close, n, mean)}


def ema(bars: Bars, n: int) -> Columns:
    return {"": exponential(bars.close, n)}


def wma(bars: Bars, n: int) -> Columns:
    def weighted(window: Sequence[float]) -> float:
        return math.fsum((i + 1) * x for i, x in enumerate(window)) / (n * (n + 1) / 2)

    return {"": rolled(bars.close, n, weighted)}


def rsi(bars: Bars, n: int) -> Columns:
    changes = [NAN, *(b - a for a, b in pairwise(bars.close))][: len(bars.close)]
    gains = wilder((c if math.isnan(c) else max(c, 0.0) for c in changes), n)
    losses = wilder((c if math.isnan(c) else max(-c, 0.0) for c in changes), n)
    return {"": [50.0 if g + b == 0 else 100 * g / (g + b) for g, b in zip(gains, losses, strict=True)]}


def atr(bars: Bars, n: int) -> Columns:
    return {"": wilder(true_range(bars), n)}


def wilder_total(xs: Series, n: int) -> Series:
    """Wilder's decaying total; xs[0] is undefined, the first n - 1 values after it are summed plainly."""
    out, total = [], 0.0
    for t, x in enumerate(xs):
        if t >= 1:
            total = total + x if t < n else total * (n - 1) / n + x
        out.append(total if t >= n else NAN)
    return out


def adx(bars: Bars, n: int) -> Columns:
    count = len(bars.close)
    rises = [NAN] + [bars.high[t] - bars.high[t - 1] for t in range(1, count)]
    falls = [NAN] + [bars.low[t - 1] - bars.low[t] for t in range(1, count)]
    up = wilder_total([u if u > max(d, 0) else 0.0 for u, d in zip(rises, falls, strict=True)], n)
    down = wilder_total([d if d > max(u, 0) else 0.0 for u, d in zip(rises, falls, strict=True)], n)
    span = wilder_total(true_range(bars), n)
    plus = [0.0 if r == 0 else 100 * u / r for u, r in zip(up, span, strict=True)]
    minus = [0.0 if r == 0 else 100 * d / r for d, r in zip(down, span, strict=True)]

    out: Series = []
    seed: Series = []
    for p, m in zip(plus, minus, strict=True):
        dx = NAN if math.isnan(p) or p + m == 0 else 100 * abs(p - m) / (p + m)
        if math.isnan(p):
            out.append(NAN)
        elif len(seed) < n:
            seed.append(0.0 if math.isnan(dx) else dx)
            out.append(mean(seed) if len(seed) == n else NAN)
        else:
            out.append(out[-1] if math.isnan(dx) else (out[-1] * (n - 1) + dx) / n)
    return {"": out, "plus_di": plus, "minus_di": minus}


def macd(bars: Bars, fast: int, slow: int, signal: int) -> Columns:
    late = [NAN] * min(slow - fast, len(bars.close)) + list(bars.close[slow - fast :])
    line = [f - s for f, s in zip(exponential(late, fast), exponential(bars.close, slow), strict=True)]
    mark = exponential(line, signal)
    line = [NAN if math.isnan(m) else x for x, m in zip(line, mark, strict=True)]
    return {"line": line, "signal": mark, "hist": [x - m for x, m in zip(line, mark, strict=True)]}


def banded(middle: Series, width: Series) -> Columns:
    pairs = list(zip(middle, width, strict=True))
    return {
        "upper": [m + w for m, w in pairs],
        "middle": [NAN if math.isnan(w) else m for m, w in pairs],
        "lower": [m - w for m, w in pairs],
    }


def bollinger(bars: Bars, n: int, k: float) -> Columns:
    return banded(rolled(bars.close, n, mean), [k * s for s in rolled(bars.close, n, pstdev)])


def donchian(bars: Bars, n: int) -> Columns:
    upper, lower = rolled(bars.high, n, max), rolled(bars.low, n, min)
    middle = [(u + d) / 2 for u, d in zip(upper, lower, strict=True)]
    return {"upper": upper, "lower": lower, "middle": middle}


def stochastic(bars: Bars, n: int, k: int, d: int) -> Columns:
    def place(top: float, bottom: float, close: float) -> float:
        return 50.0 if top == bottom else 100 * (close - bottom) / (top - bottom)

    tops, bottoms = rolled(bars.high, n, max), rolled(bars.low, n, min)
    slow = rolled(list(map(place, tops, bottoms, bars.close)), k, mean)
    slower = rolled(slow, d, mean)
    return {"k": [NAN if math.isnan(y) else x for x, y in zip(slow, slower, strict=True)], "d": slower}


def roc(bars: Bars, n: int) -> Columns:
    out = []
    for t, close in enumerate(bars.close):
        old = bars.close[t - n] if t >= n else 0.0
        out.append((close - old) / old * 100 if old != 0 else NAN)
    return {"": out}


def cci(bars: Bars, n: int) -> Columns:
    typical = [math.fsum(hlc) / 3 for hlc in zip(bars.high, bars.low, bars.close, strict=True)]

    def index(window: Sequence[float]) -> float:
        centre = mean(window)
        distance = mean([abs(x - centre) for x in window])
        return (window[-1] - centre) / (0.015 * distance) if distance > 1e-14 * abs(centre) else 0.0

    return {"": rolled(typical, n, index)}


def log_returns(close: Sequence[float]) -> Series:
    pairs = pairwise(close)
    return [NAN, *(math.log(b) - math.log(a) if a > 0 and b > 0 else NAN for a, b in pairs)][: len(close)]


def volatility(bars: Bars, n: int) -> Columns:
    return {"": rolled(log_returns(bars.close), n, stdev)}


def zscore(bars: Bars, n: int) -> Columns:
    def score(window: Sequence[float]) -> float:
        spread = pstdev(window)
        return (window[-1] - mean(window)) / spread if spread > 0 else 0.0

    return {"": rolled(bars.close, n, score)}


def obv(bars: Bars) -> Columns:
    out, total = [], 0.0
    for t, volume in enumerate(bars.volume):
        change = bars.close[t] - bars.close[t - 1] if t else 1.0
        if not math.isnan(volume) and change:
            total += math.copysign(volume, change)
        out.append(NAN if math.isnan(volume) else total)
    return {"": out}


def keltner(bars: Bars, n: int, k: float) -> Columns:
    return banded(exponential(bars.close, n), [k * r for r in wilder(true_range(bars), n)])


FAMILY: dict[str, Callable[..., Columns]] = {
    each.__name__: each
    for each in (
        sma, ema, wma, rsi, atr, adx, macd, bollinger, donchian,
        stochastic, roc, cci, volatility, zscore, obv, keltner,
    )
}  # fmt: skip


def number(text: str) -> float:
    return float(text) if "." in text else int(text)


def table(names: Sequence[str], bars: Bars) -> tuple[list[str], NDArray[np.float64]]:
    """Column names and the (n, k) matrix that `quorate.native.tape.compute` must equal."""
    columns: Columns = {}
    for name in names:
        family, *arguments = name.split(":")
        base = name.replace(":", "_")
        for suffix, values in FAMILY[family](bars, *map(number, arguments)).items():
            columns[f"{base}_{suffix}" if suffix else base] = values
    matrix = np.array(list(columns.values()), dtype=np.float64).reshape(len(columns), len(bars.close))
    return list(columns), matrix.T


def assert_agree(names: Sequence[str], found: dict[str, NDArray[np.float64]], bars: Bars) -> None:
    """Every column equals the oracle's: names, order, NaN and values."""
    expected_columns, expected = table(names, bars)
    assert list(found) == expected_columns
    for column, values in zip(expected_columns, expected.T, strict=True):
        assert_close(column, found[column], values)


def assert_close(column: str, found: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    """Equal to 1e-9 of the value or, round a zero crossing, of the column's unit (a log return is small)."""
    unit = 1e-5 if column.startswith("volatility") else 1.0
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * unit, err_msg=column)
