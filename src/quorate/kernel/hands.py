"""A strategist's hands: its orders past execution and shield, one by one, in the instant it acts in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from quorate.core.effects import AnyEffect, Cancel, Tell
from quorate.core.order import ApprovedOrder, Order, Role
from quorate.core.roles import View
from quorate.execution.execution import Execution
from quorate.shield.shield import Shield

Whole = TypeVar("Whole", int, bool)


class Reviewer(Protocol):
    """The desk, as far as its strategist's hands reach."""

    execution: Execution
    shield: Shield

    def review(self, child: Order, view: View, number: int, effects: list[AnyEffect]) -> None:
        """One child past the shield."""
        ...


class Hands:
    """Good for one event. ``failure``: what failed behind the hands, which is not the strategist's fault."""

    def __init__(self, desk: Reviewer, at: int, view: View, number: int, effects: list[AnyEffect]) -> None:
        self._desk, self._at, self._view, self._number, self._effects = desk, at, view, number, effects
        self.failure: Exception | None = None

    def send(self, order: Order) -> int:
        """Review and send; lots let out over all children."""
        return self._guarded(lambda: self._send(order))

    def _send(self, order: Order) -> int:
        first = len(self._effects)
        for child in self._desk.execution.due([order], self._view):
            self._desk.review(child, self._view, self._number, self._effects)
        sent = [each for each in self._effects[first:] if isinstance(each, ApprovedOrder)]
        return sum(each.order.quantity.count for each in sent)

    def cancel(self, order: str) -> bool:
        """Cancel unless that would leave what is held without its stop."""
        return self._guarded(lambda: self._cancel(order))

    def _cancel(self, order: str) -> bool:
        life = self._desk.execution.blotter.get(order)
        if life is None:
            return False
        cancel = Cancel(self._at, order, life.instrument, "strategy")
        refusal = self._desk.shield.may_cancel(cancel)
        self._effects.append(cancel if refusal is None else Tell(self._at, "cancel refused", refusal))
        return refusal is None

    def leaving(self, instrument: str) -> int:
        """Lots of exits at the market that are on their way, whoever sent them."""
        working = self._desk.execution.blotter.working(instrument)
        return sum(life.left for life in working if life.at_market and life.role is Role.EXIT)

    def tell(self, topic: str, text: str) -> None:
        """A line in the journal."""
        self._effects.append(Tell(self._at, topic, text))

    def _guarded(self, work: Callable[[], Whole]) -> Whole:
        try:
            return work()
        except Exception as error:
            self.failure = error
            raise
