"""Shows each instant to the simulated venue before the desk: its reports rank before the bars."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from quorate.core.errors import InvariantError
from quorate.core.events import MarketEvent
from quorate.core.ports import Feed
from quorate.core.record import BlockRef


class InstantFeed(Feed, Protocol):
    """A feed that knows when an instant is complete."""

    def instant(self) -> list[MarketEvent]:
        """All events left of the next instant, taken at once; empty at the end."""
        ...


class Watcher(Protocol):
    """A venue that matches on the market it is shown."""

    def watch(self, events: Sequence[MarketEvent]) -> None:
        """All market events of one instant, once, before the desk gets any of them."""
        ...


class ShownFeed:
    """The inner feed, event by event; ``peek`` (or ``block``) at a new instant shows it to the venue first.

    An agenda therefore asks this feed before it asks the venue what is next.
    """

    def __init__(self, feed: InstantFeed, venue: Watcher) -> None:
        self._feed = feed
        self._venue = venue
        self._events: deque[MarketEvent] = deque()
        self._fresh: tuple[BlockRef, bytes] | None = None

    @property
    def total(self) -> int:
        """Events this feed will give."""
        return self._feed.total

    def _load(self) -> None:
        # The inner feed is at the block's first event now and will have moved on when we are asked for it.
        self._fresh = self._feed.block()
        events = self._feed.instant()
        if events:
            self._events.extend(events)
            self._venue.watch(events)

    def peek(self) -> MarketEvent | None:
        """The next event, left in place; None at the end."""
        if not self._events:
            self._load()
        return self._events[0] if self._events else None

    def pop(self) -> MarketEvent:
        """The next event, taken. Raises InvariantError at the end."""
        if self.peek() is None:
            raise InvariantError("the feed is at its end: peek before pop")
        return self._events.popleft()

    def block(self) -> tuple[BlockRef, bytes] | None:
        """The block that holds the next event, once, before its first event; None within a block."""
        if not self._events:
            self._load()
        fresh, self._fresh = self._fresh, None
        return fresh
