"""The typed door to native programs: operations by name and number, whole histories or bar by bar.

A program is a list of operations, each on the results of earlier ones; equal operations are one. Inputs in
brackets, then what `value`, `count`, `every_ns` and `text` mean where they mean something:

    number ()           a constant: `value`
    true ()             always
    open high low close volume ()   in currency and base units; `every_ns`: of the last closed bar of it
    hour weekday ()     of the bar's close, UTC; Monday is 0
    indicator ()        of the tape: `text` its name, `value` the place of its output, `every_ns`
    sma ()              exact mean of the last `count` closes, `every_ns`
    add sub mul div min max (a, b), abs neg (a)      NaN if an input is; a / 0 is NaN
    lag (a), lag_truth (condition)      `count` bars before; NaN, false where there is none
    highest lowest (a)  of the last `count` bars, NaN if any of them is
    since (condition)   bars since it was last true; NaN before the first time
    lt le eq ne (a, b)  false where an input is NaN
    cross_above (a, b)  a > b now and a <= b one bar before
    and or (a, b), not (a)
    streak (condition)  true on each of the last `count` bars
    ready (a)           whether the number has ever been known

A strategy (head) is made of conditions: `leave` makes the stance 0; else exactly one of `rise` and `fall`
makes it 1 or -1; else it stays; nothing happens where `ready` does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quorate.native import _native
from quorate.native._native import ChangeSource, Follower, Plan

__all__ = ["Bars", "ChangeSource", "Follower", "Ints", "Plan", "Program"]

Ints = NDArray[np.int64]
MEMORY = 256 * 2**20  # bytes for the conditions of a plan


class Bars(NamedTuple):
    """A history, oldest bar first: int64 (n,) each. ``at``: the close in ns since 1970 UTC; prices in ticks;
    volume in lots, below 0 when unknown."""

    at: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints

    def upto(self, end: int) -> Bars:
        """The first ``end`` bars."""
        return Bars(*(field[:end] for field in self))

    def whole(self) -> Bars:
        """The same, as contiguous int64. TypeError where a field holds anything but integers."""
        fields = [np.asarray(field) for field in self]
        for name, field in zip(self._fields, fields, strict=True):
            if field.dtype.kind not in "iu":
                raise TypeError(f"{name} must be integers (ns, ticks, lots), not {field.dtype}")
        return Bars(*(np.ascontiguousarray(field, dtype=np.int64) for field in fields))


class Program:
    """Operations and strategies over bars of one instrument.

    ``tick``, ``lot``: the price and the quantity of one; ``interval_ns``: how long a bar is. All methods
    raise ValueError for what does not exist, does not fit, or is a bar that cannot be (named by its number).
    """

    def __init__(self, tick: float, lot: float, interval_ns: int) -> None:
        self.native = _native.Program(tick, lot, interval_ns)

    def __len__(self) -> int:
        """Operations."""
        return len(self.native)

    def add(
        self,
        op: str,
        *inputs: int,
        value: float = 0.0,
        count: int = 0,
        every_ns: int = 0,
        text: str = "",
    ) -> int:
        """The number of an operation, new or known."""
        return self.native.add(op, list(inputs), value, count, every_ns, text)

    def add_head(self, rise: int | None, fall: int | None, leave: int | None, ready: int) -> int:
        """The number of a strategy."""
        return self.native.add_head(rise, fall, leave, ready)

    def changes(self, head: int, bars: Bars) -> NDArray[np.int32]:
        """Where a strategy changes: int32 (m, 2), the bar and the stance from its close on, in 1e-6."""
        return self.native.changes(head, *bars.whole())

    def stances(self, head: int, bars: Bars) -> NDArray[np.float64]:
        """A strategy's stance at each bar's close: float64 (n,) of -1, 0, 1."""
        changes = self.changes(head, bars)
        levels = np.concatenate(([0], changes[:, 1])) / 1e6
        return np.repeat(levels, np.diff([0, *changes[:, 0], len(bars.at)]))

    def columns(self, nodes: Sequence[int], bars: Bars) -> NDArray[np.float64]:
        """What operations give on each bar: float64 (nodes, n); a condition gives 0 or 1."""
        return self.native.columns(list(nodes), *bars.whole())

    def follow(self, head: int, nodes: Sequence[int] = ()) -> Follower:
        """A strategy bar by bar; ``value(i)`` then is what ``nodes[i]`` gave on the last bar."""
        return Follower(self.native, head, list(nodes))

    def plan(self, bars: Bars, memory: int = MEMORY) -> Plan:
        """All strategies over one history, for sweeps. ``memory``: bytes, beyond which it works in groups."""
        return Plan(self.native, *bars.whole(), memory)
