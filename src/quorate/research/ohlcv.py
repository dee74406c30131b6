"""Bars as arrays: a whole history for array functions, and a view that ends now for signal functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quorate.native.runner import Column, Runner
from quorate.research.book import Floats

Ints = NDArray[np.int64]
NAMES = ("open", "high", "low", "close", "volume", "ts")


@dataclass(frozen=True, eq=False)
class Ohlcv:
    """Closed bars, oldest first: float64[n] in currency and base units, ``ts`` int64[n] ns of their closes.

    ``volume`` is NaN where it is unknown. Read by attribute or as ``ohlcv["close"]``.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    ts: Ints

    def __len__(self) -> int:
        return len(self.close)

    def __getitem__(self, name: str) -> Any:
        return _named(self, name)

    def until(self, bars: int) -> Ohlcv:
        """The first bars alone, in memory of their own."""
        return sealed(*(getattr(self, name)[:bars].copy() for name in NAMES))


def sealed(*columns: Any) -> Ohlcv:
    """An Ohlcv whose arrays cannot be written to."""
    for each in columns:
        each.flags.writeable = False
    return Ohlcv(*columns)


class View:
    """The same names over a run under way: each read is all bars up to now, without a copy."""

    __slots__ = ("_place", "_runner")

    def __init__(self, runner: Runner, place: int = 0) -> None:
        self._runner, self._place = runner, place

    @property
    def open(self) -> Floats:
        """Opens, in currency."""
        return self._runner.view(self._place, 0, Column.OPEN)

    @property
    def high(self) -> Floats:
        """Highs, in currency."""
        return self._runner.view(self._place, 0, Column.HIGH)

    @property
    def low(self) -> Floats:
        """Lows, in currency."""
        return self._runner.view(self._place, 0, Column.LOW)

    @property
    def close(self) -> Floats:
        """Closes, in currency."""
        return self._runner.view(self._place, 0, Column.CLOSE)

    @property
    def volume(self) -> Floats:
        """Volumes in base units; NaN where unknown."""
        return self._runner.view(self._place, 0, Column.VOLUME)

    @property
    def ts(self) -> Ints:
        """Instants of the closes, in ns."""
        return self._runner.instants(self._place, 0)

    def __len__(self) -> int:
        return self._runner.bars(self._place, 0)

    def __getitem__(self, name: str) -> Any:
        return _named(self, name)


def _named(bars: Ohlcv | View, name: str) -> Any:
    if name not in NAMES:
        raise KeyError(f"bars have no '{name}': they have {', '.join(NAMES)}")
    return getattr(bars, name)
