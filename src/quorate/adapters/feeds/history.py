"""A feed of history: several series merged into one tape, handed out by instants, journalled by blocks."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.adapters.feeds.blocks import AT, Rows, cut, encode, flatten, merge, refer
from quorate.adapters.feeds.series import Series
from quorate.core.errors import ConfigError, InvariantError
from quorate.core.events import MarketEvent
from quorate.core.instant import spell_span
from quorate.core.record import BlockRef


class HistoryFeed:
    """Bars and rolls in the order of (at, instrument id). The order of ``series`` does not matter.

    Events are made out of the very bytes that are journalled. Raises ConfigError when there is no series,
    when two are of one instrument, or when their intervals differ.
    """

    def __init__(self, series: Sequence[Series]) -> None:
        _check(series)
        self._rows = merge(series)
        self._cuts = list(cut(self._rows.table[AT]))
        self._number = 0
        self._fresh: tuple[BlockRef, bytes] | None = None
        self._events: list[MarketEvent] = []
        self._bounds: list[int] = [0]
        self._instant = 0
        self._next = 0
        self.total = self._rows.table.shape[1]

    def _load(self) -> bool:
        """Turn the next block into events; False when there is none."""
        if self._number == len(self._cuts):
            return False
        first, end = self._cuts[self._number]
        rows = Rows(self._rows.names, self._rows.table[:, first:end])
        content = encode(rows)
        self._fresh = (refer(self._number, rows, content), content)
        self._events, self._bounds = flatten(content)
        self._instant = self._next = 0
        self._number += 1
        return True

    def announce(self) -> None:
        """Nobody has to see an instant before the desk does."""

    def peek(self) -> MarketEvent | None:
        """The next event, left in place; None at the end."""
        if self._next == len(self._events) and not self._load():
            return None
        return self._events[self._next]

    def pop(self) -> MarketEvent:
        """The next event, taken. Raises InvariantError at the end."""
        event = self.peek()
        if event is None:
            raise InvariantError("the feed is at its end: peek before pop")
        self._next += 1
        if self._next == self._bounds[self._instant + 1]:
            self._instant += 1
        return event

    def instant(self) -> list[MarketEvent]:
        """All events left of the next instant, taken at once; empty at the end."""
        if self._next == len(self._events) and not self._load():
            return []
        self._instant += 1
        first, self._next = self._next, self._bounds[self._instant]
        return self._events[first : self._next]

    def block(self) -> tuple[BlockRef, bytes] | None:
        """The block that holds the next event, once, before its first event; None within a block."""
        if self._next == len(self._events):
            self._load()
        fresh, self._fresh = self._fresh, None
        return fresh


def _check(series: Sequence[Series]) -> None:
    if not series:
        raise ConfigError("a feed needs at least one series", todo="name a file with --data")
    seen: dict[str, Series] = {}
    for each in series:
        name = each.instrument.id
        if name in seen:
            raise ConfigError(
                f"{name} is in {seen[name].source.name} and in {each.source.name}",
                todo="give each instrument once",
            )
        seen[name] = each
    if len({each.interval for each in series}) > 1:
        listed = ", ".join(f"{name} has {spell_span(seen[name].interval)}" for name in sorted(seen))
        raise ConfigError(
            f"all bars of a run must be of one interval: {listed}", todo="choose files of one interval"
        )
