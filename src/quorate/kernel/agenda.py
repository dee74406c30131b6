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
from quorate.core.ports import Source

# Order within one instant: what the venue did, what people said, the contract roll, the market, then the rest.
_RANKS: dict[type, int] = {kind: 3 for kind in MARKET_EVENTS}
_RANKS |= {kind: 0 for kind in REPORTS}
_RANKS |= {Halt: 1, Resume: 1, Approval: 1, Roll: 2, Degraded: 4, Fact: 4, Deliberated: 5, Wake: 6}
_MARKET = frozenset(MARKET_EVENTS)


def rank(event: AnyEvent) -> int:
    """The place of an event's kind within its instant; lower comes first."""
    return _RANKS[type(event)]


class Agenda:
    """Iterates over all sources in order, with an InstantClosed after the last market event of an instant.

    The feed must be the first source: looking at its head is what lets a simulated venue report on it.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._open_at: int | None = None
        self._last = -(2**63)

    def __iter__(self) -> Iterator[AnyEvent]:
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> AnyEvent | None:
        best: Source | None = None
        head: AnyEvent | None = None
        for source in self._sources:
            event = source.peek()
            if event is None:
                continue
            if head is None or event.at < head.at or (event.at == head.at and rank(event) < rank(head)):
                best, head = source, event
        if self._open_at is not None and (
            head is None or head.at > self._open_at or _RANKS[type(head)] > _RANKS[Fact]
        ):
            closed, self._open_at = InstantClosed(self._open_at), None
            return closed
        if best is None or head is None:
            return None
        if head.at < self._last:
            raise InvariantError(
                f"{type(head).__name__} at {head.at} came after {self._last}: time ran backwards"
            )
        self._last = head.at
        if type(head) in _MARKET:
            self._open_at = head.at
        return best.pop()
