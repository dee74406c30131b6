"""The doors to the outside: Clock, Feed, Venue, Council, Operator, Journal. The only impurity.

Feed, Venue, Council and Operator are sources of events: ``peek`` shows the next one without taking it,
``pop`` takes it. A source that has nothing now shows None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from quorate.core.account import Account
from quorate.core.effects import AnyEffect, Ask, Cancel
from quorate.core.events import AnyEvent
from quorate.core.order import ApprovedOrder
from quorate.core.record import BlockRef, Record


class Clock(Protocol):
    """What time it is: simulated, or the wall."""

    def now(self) -> int:
        """Nanoseconds, never running backwards."""
        ...

    def advance(self, at: int) -> None:
        """Move to ``at``: at once when simulated, by waiting when paced."""
        ...

    def release(self) -> None:
        """Wait for nothing any more: the session is ending."""
        ...


class Source(Protocol):
    """A source of events in order of ``at``."""

    def peek(self) -> AnyEvent | None:
        """The next event, left in place; None when there is none now."""
        ...

    def pop(self) -> AnyEvent:
        """The next event, taken."""
        ...


class Feed(Source, Protocol):
    """Market events and facts. A feed of bulk data hands over blocks, journalled by digest."""

    def announce(self) -> None:
        """The next instant is about to begin, all before it is done: who must see it first, sees it now."""
        ...

    def block(self) -> tuple[BlockRef, bytes] | None:
        """The block that holds the next event, once, before its first event; None when not in blocks."""
        ...

    @property
    def total(self) -> int:
        """Events this feed will give, 0 when unknown: for progress bars."""
        ...


class Venue(Source, Protocol):
    """Where orders go. It takes ApprovedOrders only and answers by events."""

    def submit(self, order: ApprovedOrder) -> None:
        """Send an order whose seal the session has just checked."""
        ...

    def cancel(self, cancel: Cancel) -> None:
        """Ask for an order to stop working."""
        ...


class Council(Source, Protocol):
    """The slow mind: takes questions, answers by Deliberated events, or stays silent."""

    def ask(self, ask: Ask, number: int) -> None:
        """Put a question; never blocks."""
        ...


class Operator(Source, Protocol):
    """People: their halts, resumes and approvals come in; what they should know goes out."""

    def tell(self, effect: AnyEffect) -> None:
        """Something happened that people may want to act on."""
        ...


class Journal(Protocol):
    """The append-only chain. Every failure to write raises JournalError, and the desk halts."""

    @property
    def next_number(self) -> int:
        """The number the next record will bear."""
        ...

    @property
    def head(self) -> bytes:
        """The digest of the last record, 32 bytes."""
        ...

    def append(self, at: int, kind: str, payload: bytes) -> Record:
        """Write one record and return it."""
        ...

    def keep_block(self, ref: BlockRef, content: bytes) -> None:
        """Store a block's canonical bytes; its record is appended by the session."""
        ...

    def flush(self) -> None:
        """Make everything so far durable."""
        ...

    def close(self) -> None:
        """Leave one self-contained store behind."""
        ...


class JournalReader(Protocol):
    """A journal as it stands on disk or in memory, to verify and replay."""

    def records(self) -> Iterator[Record]:
        """All records in the order of their numbers, exactly as stored."""
        ...

    def block(self, number: int) -> bytes:
        """The canonical bytes of a block. Raises TamperError when missing or altered."""
        ...


class Observer(Protocol):
    """Someone who watches a session from outside the chain: progress, live view, equity curve."""

    def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Account) -> None:
        """After each event, with what the desk made of it."""
        ...


class Registry(Protocol):
    """Where chairs' fillers are found by name."""

    def get(self, chair: str, name: str) -> Any:
        """The class registered under a name. Raises ConfigError naming the nearest known one."""
        ...
