"""Shows each instant to the simulated venue before the desk: its reports rank before the bars."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from quorate.core.errors import InvariantError
from quorate.core.events import AnyEvent, MarketEvent
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
    """The inner feed, with a venue that is shown each instant as it is announced.

    ``peek`` looks ahead only: the venue must not see an instant before all of the last one is done with.
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

    def announce(self) -> None:
        """The next instant begins: the venue sees all of it, once. Nothing happens within an instant."""
        if self._events:
            return
        # The inner feed is at the block's first event now and will have moved on when we are asked for it.
        self._fresh = self._feed.block()
        self._events.extend(self._feed.instant())
        if self._events:
            self._venue.watch(self._events)

    def peek(self) -> AnyEvent | None:
        """The next event, left in place; None at the end."""
        return self._events[0] if self._events else self._feed.peek()

    def pop(self) -> MarketEvent:
        """The next event, taken. Raises InvariantError when its instant was not announced."""
        if not self._events:
            raise InvariantError("an instant is announced before its events are taken")
        return self._events.popleft()

    def block(self) -> tuple[BlockRef, bytes] | None:
        """The block that holds the events of this instant, once; None within a block."""
        fresh, self._fresh = self._fresh, None
        return fresh
