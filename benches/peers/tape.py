"""The bars that every tool in `quorate bench engine` trades: seeded one-minute bars, made once, read by all.

Needs numpy alone, so that it runs in the peers' environments too. An open is the close before it: a tool that
fills at the signal's close and one that fills at the next open then pay the same price.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FIRST = 1_600_000_000  # seconds since 1970
LEVEL = 30_000.0
CASH = 1_000_000_000
FEE = 0.0005
FAST, SLOW = 10, 30
GRID_FAST, GRID_SLOW = range(5, 25), range(60, 80)


class Bars(NamedTuple):
    """float64[n] in currency to the cent, ``seconds`` int64[n] since 1970 at each bar's open."""

    seconds: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


def make(count: int, seed: int = 7) -> Bars:
    """A geometric random walk of so many bars with a deviation of 6 bps a minute."""
    rng = np.random.default_rng(seed)
    close = LEVEL * np.exp(np.cumsum(rng.normal(0.0, 6e-4, count)))
    open_ = np.concatenate(([LEVEL], close[:-1]))
    wick = np.abs(rng.normal(0.0, 3e-4, (2, count)))
    high = np.maximum(open_, close) * (1.0 + wick[0])
    low = np.minimum(open_, close) * (1.0 - wick[1])
    volume = rng.lognormal(2.0, 1.0, count)
    seconds = FIRST + 60 * np.arange(count, dtype=np.int64)
    return Bars(seconds, *(np.round(each, 2) for each in (open_, high, low, close)), np.round(volume, 4))


def save(bars: Bars, path: Path) -> None:
    """One .npz for all tools."""
    np.savez(path, **bars._asdict())


def read(path: str, count: int) -> Bars:
    """The first bars of a file that was saved."""
    held = np.load(path)
    return Bars(*(held[name][:count] for name in Bars._fields))
