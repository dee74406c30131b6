"""Who is next: merges the sources by (time, rank, source), and closes each market instant once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quorate.core.errors import InvariantError
from quorate.core.events import (
    MARKET_EVENTS,
    REPORTS,
    AnyEvent,
    Approval,
    Degraded,
    Deliberated,
    Fact,
    Halt,
    InstantClosed,
    Resume,
    Roll,
    Wake,
)
from quorate.core.ports import Feed, Source

# Order within one instant: what the venue did, what people said, the contract roll, the market, the rest.
_RANKS: dict[type, int] = dict.fromkeys(MARKET_EVENTS, 3)
_RANKS |= dict.fromkeys(REPORTS, 0)
_RANKS |= {Halt: 1, Resume: 1, Approval: 1, Roll: 2, Degraded: 4, Fact: 4, Deliberated: 5, Wake: 6}
_LAST_IN_INSTANT = 4


def rank(event: AnyEvent) -> int:
    """The place of an event's kind within its instant; lower comes first."""
    return _RANKS[type(event)]


class Agenda:
    """Iterates over the feed and the other sources in order.

    After the last market event of an instant it emits InstantClosed; before the first it announces the
    instant, so that a simulated venue can report on it. Looking ahead shows the future to nobody.
    """

    def __init__(self, feed: Feed, others: Sequence[Source]) -> None:
        self._feed = feed
        self._peeks = tuple((source, source.peek) for source in (feed, *others))
        self._open_at: int | None = None
        self._last = -(2**63)

    def __iter__(self) -> Iterator[AnyEvent]:
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> AnyEvent | None:
        source, head = self._first()
        if self._open_at is not None:
            if head is None or head.at > self._open_at or rank(head) > _LAST_IN_INSTANT:
                closed, self._open_at = InstantClosed(self._open_at), None
                return closed
        elif head is not None and (bar := self._feed.peek()) is not None and bar.at == head.at:
            self._feed.announce()  # before anything of that instant, be it a person's act
            source, head = self._first()
        if source is None or head is None:
            return None
        if head.at < self._last:
            what = f"{type(head).__name__} at {head.at} came after {self._last}"
            raise InvariantError(f"{what}: time ran backwards")
        self._last = head.at
        if source is self._feed:
            self._open_at = head.at
        return source.pop()

    def _first(self) -> tuple[Source | None, AnyEvent | None]:
        first: Source | None = None
        head: AnyEvent | None = None
        for source, peek in self._peeks:
            event = peek()
            if event is not None and (
                head is None or event.at < head.at or (event.at == head.at and rank(event) < rank(head))
            ):
                first, head = source, event
        return first, head
