"""A recorded run as sources: its market, its venue's reports and its people, out of the journal again.

An input is shown only when its turn has come: when the replay is about to write the record that held it.
So the journal's own order is kept, whatever the stamps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from quorate.adapters.feeds.blocks import flatten, refer, unpack
from quorate.core.canon import read
from quorate.core.effects import AnyEffect, Ask, Cancel
from quorate.core.errors import TamperError
from quorate.core.events import MARKET_EVENTS, REPORTS, AnyEvent, Deliberated, Halt, Resume
from quorate.core.events import Approval as ApprovalEvent
from quorate.core.order import ApprovedOrder
from quorate.core.ports import JournalReader
from quorate.core.record import BLOCK, CLOSED, OPENED, BlockRef, Closed, Opened, Record

_REPORTS: dict[Any, type[Any]] = {kind.__struct_config__.tag: kind for kind in REPORTS}
_MARKET: dict[Any, type[Any]] = {kind.__struct_config__.tag: kind for kind in MARKET_EVENTS}
_HUMAN: dict[Any, type[Any]] = {kind.__struct_config__.tag: kind for kind in (ApprovalEvent, Halt, Resume)}
_COUNCIL: dict[Any, type[Any]] = {Deliberated.__struct_config__.tag: Deliberated}


Numbered = tuple[int, AnyEvent]
Turn = Callable[[], int]


class Recording:
    """All inputs of a journal with their record numbers, sorted by the door they came in through.

    Raises TamperError for a record that cannot be read back as what it says it is.
    """

    def __init__(self, reader: JournalReader) -> None:
        self.reader = reader
        self.opened: Opened | None = None
        self.closed: Closed | None = None
        self.closed_at = 0
        self.blocks: list[BlockRef] = []
        self.market: list[Numbered] = []
        self.reports: list[Numbered] = []
        self.human: list[Numbered] = []
        self.answers: list[Numbered] = []
        self.count = 0
        for record in reader.records():
            self._sort(record)
            self.count += 1

    def _sort(self, record: Record) -> None:
        kind = record.kind
        try:
            if kind == OPENED:
                self.opened = read(Opened, record.payload)
            elif kind == BLOCK:
                self.blocks.append(read(BlockRef, record.payload))
            elif kind == CLOSED:
                self.closed, self.closed_at = read(Closed, record.payload), record.at
            else:
                for kinds, place in (
                    (_REPORTS, self.reports),
                    (_MARKET, self.market),
                    (_HUMAN, self.human),
                    (_COUNCIL, self.answers),
                ):
                    if kind in kinds:
                        place.append((record.number, read(kinds[kind], record.payload)))
        except msgspec.MsgspecError as error:
            what = f"record {record.number} is no {kind}: {error}"
            raise TamperError(what, number=record.number) from error


class RecordedEvents:
    """Single recorded events, each shown when its turn has come."""

    def __init__(self, events: Iterable[Numbered], turn: Turn) -> None:
        self._events = deque(events)
        self._turn = turn

    def peek(self) -> AnyEvent | None:
        """The next event, once everything recorded before it has been written again."""
        if self._events and self._events[0][0] == self._turn():
            return self._events[0][1]
        return None

    def pop(self) -> AnyEvent:
        """The next event, taken."""
        return self._events.popleft()[1]


class RecordedFeed:
    """The market of a recorded run: blocks decoded as they are needed, or single events.

    What a block's record says is made anew out of its content, so that a false record is found.
    """

    def __init__(self, recording: Recording, turn: Turn) -> None:
        self._reader = recording.reader
        self._single = RecordedEvents(recording.market, turn)
        self._events: deque[AnyEvent] = deque()
        self._refs = deque(recording.blocks)
        self._fresh: tuple[BlockRef, bytes] | None = None
        self.total = len(recording.market) + sum(ref.rows for ref in recording.blocks)

    def _fill(self) -> None:
        while not self._events and self._refs:
            ref = self._refs.popleft()
            content = self._reader.block(ref.block)
            self._events.extend(flatten(content)[0])
            self._fresh = (refer(ref.block, unpack(content), content), content)

    def announce(self) -> None:
        """Everything that was seen first then is in the recording."""

    def block(self) -> tuple[BlockRef, bytes] | None:
        """The block whose first event was just reached, once."""
        fresh, self._fresh = self._fresh, None
        return fresh

    def peek(self) -> AnyEvent | None:
        """The next market event."""
        if not self._events:
            self._fill()
        return self._events[0] if self._events else self._single.peek()

    def pop(self) -> AnyEvent:
        """The next market event, taken."""
        return self._events.popleft() if self._events else self._single.pop()


class RecordedVenue(RecordedEvents):
    """The venue's reports of a recorded run. What the desk sends again is compared by the journal."""

    def submit(self, order: ApprovedOrder) -> None:
        """The recorded reports already answer it."""

    def cancel(self, cancel: Cancel) -> None:
        """The recorded reports already answer it."""


class RecordedOperator(RecordedEvents):
    """The people of a recorded run."""

    def tell(self, effect: AnyEffect) -> None:
        """What they did about it is in the recording."""


class RecordedCouncil(RecordedEvents):
    """The council's answers of a recorded run."""

    def ask(self, ask: Ask, number: int) -> None:
        """Already answered, or left unanswered, in the recording."""
