"""A strategy's body in the desk's strategist chair: the same one as in a research run."""

from __future__ import annotations

from typing import Any, cast

from quorate.core.account import Account
from quorate.core.events import REPORTS, AnyEvent, Fill, InstantClosed, Rejected, Roll
from quorate.core.roles import Hands, View
from quorate.native.exchange import REASONS, ROLES, SIDES, Kind
from quorate.native.runner import Runner
from quorate.research.course import Course
from quorate.research.desk import Desk
from quorate.research.run import one_line
from quorate.research.strategy import Strategy

_REPORTS = frozenset(REPORTS)


class Host:
    """Fills the chair `core.roles.Strategist`. Reports and rolls are kept until their instant has closed:
    then the strategy hears, in the research runner's order, its reports, the bars, and what it waited for.
    """

    def __init__(self, strategy: Strategy, course: Course, interval_ns: int, name: str, where: str) -> None:
        """Starts the strategy of the file ``where``. Raises what it raises."""
        self.name, self._where = name, where
        self._strategy, self._course = strategy, course
        self._pending: list[AnyEvent] = []
        self._desk = Desk(cast("Runner", course), course.instruments, interval_ns, reviewed=True)
        strategy._desk = self._desk
        strategy.start()
        if not self._desk.subscribed:
            for each in course.instruments:
                self._desk.subscribe(each.id, None)
        kind = type(strategy)
        self._hears_fills = kind.on_fill is not Strategy.on_fill
        self._hears_rejects = kind.on_reject is not Strategy.on_reject

    def on(self, event: AnyEvent, view: View, account: Account, hands: Hands) -> None:
        """Fold one event; at the close of an instant the strategy acts, through ``hands``."""
        kind = type(event)
        if kind is Roll or kind in _REPORTS:
            self._pending.append(event)
        if kind is InstantClosed:
            with one_line(self._where, self._course):
                self._act(event.at, view, account, hands)

    def _act(self, at: int, view: View, account: Account, hands: Hands) -> None:
        course, strategy = self._course, self._strategy
        events, self._pending = self._pending, []
        course.begin(at, view, account, hands)
        numbers = [course.note(event) for event in events]
        for event, number in zip(events, numbers, strict=True):
            self._hear(event, number)
        for event in events:
            if isinstance(event, Roll):
                course.roll(course.places[event.instrument], event.old, event.new)
        for name in view.fresh:
            course.show(course.places[name], view)
        told = 0
        while told < len(course.subscriptions):  # more may come meanwhile
            while (bar := course.next_bar(course.subscriptions[told])) is not None:
                strategy.on_bar(cast("Any", bar))
            told += 1
        course.decide_waiting()

    def _hear(self, event: AnyEvent, number: int) -> None:
        if isinstance(event, Fill) and self._hears_fills:
            place = self._course.places[event.instrument]
            side, role = SIDES[event.side], ROLES[event.role]
            row = (
                int(Kind.FILL), number, place, role, side, event.quantity.count, event.price.count,
                event.fee.count, event.at, 0,
            )  # fmt: skip
            self._strategy.on_fill(self._desk.notice(row))
        if isinstance(event, Rejected) and self._hears_rejects:
            reason = REASONS.index(event.reason) if event.reason in REASONS else 0
            row = (int(Kind.REJECTED), number, -1, 0, 0, 0, 0, 0, event.at, reason)
            self._strategy.on_reject(self._desk.notice(row))
