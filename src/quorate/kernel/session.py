"""The shell round the desk, the same in every mode: next event, stamp, record, step, gate, send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quorate.core.canon import spell
from quorate.core.effects import AnyEffect, Ask, Cancel
from quorate.core.errors import InvariantError, JournalError, QuorateError
from quorate.core.events import MARKET_EVENTS, AnyEvent, InstantClosed
from quorate.core.instant import NEVER
from quorate.core.order import ApprovedOrder
from quorate.core.ports import Clock, Council, Feed, Journal, Observer, Operator, Venue
from quorate.core.record import BLOCK, CLOSED, OPENED, Closed, Opened
from quorate.kernel.agenda import Agenda
from quorate.kernel.desk import Desk

_MARKET = frozenset(MARKET_EVENTS)


class Gate(Protocol):
    """Checks a seal in the line before an order is sent; made by the composition root."""

    def check(self, approved: ApprovedOrder, *, now: int, record: int) -> None:
        """Raises SealError unless the order is exactly what the shield sealed, fresh and for this record."""
        ...


class Session:
    """Runs one desk over its sources. Whatever fails here stops the session: nothing is sent unrecorded."""

    def __init__(
        self,
        *,
        desk: Desk,
        clock: Clock,
        feed: Feed,
        venue: Venue,
        council: Council,
        operator: Operator,
        journal: Journal,
        gate: Gate,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.desk, self.clock, self.feed, self.venue = desk, clock, feed, venue
        self.council, self.operator, self.journal, self.gate = council, operator, journal, gate
        self.observers = tuple(observers)
        self.blocks = 0
        self.events = 0
        self.at = 0
        self._in_blocks = False
        self._stopped = ""

    def stop(self, reason: str) -> None:
        """Ask the session to end with the instant it is at, waiting for no other; signal handlers may."""
        self._stopped = reason
        self.clock.release()

    def run(self, opened: Opened, *, ending: Closed | None = None, until: int = NEVER) -> Closed:
        """From the opening record to the closing one. Raises what went wrong after closing the journal.

        ``ending`` is how a recorded run ended: where a person stopped it, a replay ends for the same reason
        after the same instant, ``until``. What came to its end by itself must do so again.
        """
        self._record(0, OPENED, opened)
        reason, complete = "the feed ended", True
        try:
            for event in Agenda(self.feed, (self.venue, self.council, self.operator)):
                self.clock.advance(event.at)
                if event.at > until or (self._stopped and event.at > self.at):
                    reason, complete = self._stopped, False
                    break
                self.step(event)
        except JournalError:
            self.journal.close()
            raise
        except QuorateError as error:
            self._finish(f"{type(error).__name__}: {error}", complete=False)
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {error}"  # a defect, of a plugin maybe: it closes like the rest
            self._finish(what, complete=False)
            raise InvariantError(what) from error
        if ending is not None and not ending.complete:
            reason, complete = ending.reason, False
        return self._finish(reason, complete=complete)

    def step(self, event: AnyEvent) -> list[AnyEffect]:
        """One event through the desk, recorded before and after, its effects sent."""
        self.at = event.at
        self._take(event)
        effects = self.desk.on(event, self.journal.next_number)
        for effect in effects:
            self._put(effect)
        for observer in self.observers:
            observer.saw(event, effects, self.desk.account)
        return effects

    def _take(self, event: AnyEvent) -> None:
        """Record an input; bulk market data by its block, once, before the block's first event."""
        kind = type(event)
        if kind is InstantClosed:
            return
        self.events += 1
        if kind in _MARKET:
            block = self.feed.block()
            if block is not None:
                ref, content = block
                self.journal.keep_block(ref, content)
                self._record(event.at, BLOCK, ref)
                self.blocks += 1
                self._in_blocks = True
            if self._in_blocks:
                return
        self._record(event.at, kind.__struct_config__.tag, event)

    def _put(self, effect: AnyEffect) -> None:
        """Record an effect, then let it out; an order only past the gate."""
        kind = type(effect)
        shown = effect.unsealed() if isinstance(effect, ApprovedOrder) else effect
        number = self._record(effect.at, kind.__struct_config__.tag, shown)
        if isinstance(effect, ApprovedOrder):
            self.gate.check(effect, now=self.clock.now(), record=number)
            self.venue.submit(effect)
        elif isinstance(effect, Cancel):
            self.venue.cancel(effect)
        elif isinstance(effect, Ask):
            self.council.ask(effect, number)
        else:
            self.operator.tell(effect)

    def _record(self, at: int, kind: object, value: object) -> int:
        if not isinstance(kind, str):
            raise InvariantError(f"{type(value).__name__} has no journal tag")
        return self.journal.append(at, kind, spell(value)).number

    def _finish(self, reason: str, *, complete: bool) -> Closed:
        account = self.desk.account
        closed = Closed(
            records=self.journal.next_number,
            blocks=self.blocks,
            complete=complete,
            reason=reason,
            equity=(account.equity_e8, account.currency),
            breaker=self.desk.shield.breaker,
        )
        self._record(self.at, CLOSED, closed)
        self.journal.close()
        return closed
