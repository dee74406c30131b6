"""The door to execution: keeps the account and the blotter, turns wanted orders into children, cleans up."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.core.account import Account
from quorate.core.effects import Cancel
from quorate.core.errors import InvariantError
from quorate.core.events import (
    REPORTS,
    AnyEvent,
    Bar,
    Cancelled,
    Expired,
    Fill,
    InstantClosed,
    Rejected,
    TradeClosed,
)
from quorate.core.intent import exit_order, identify
from quorate.core.order import ApprovedOrder, Order, Role
from quorate.core.roles import Tactic, View
from quorate.execution.blotter import Blotter

_REPORTS = frozenset(REPORTS)
_NOTHING = (None, None)


class Execution:
    """What we hold and have asked for, as a fold; and what to send now."""

    def __init__(self, account: Account, tactic: Tactic) -> None:
        self.account = account
        self.blotter = Blotter()
        self.tactic = tactic

    def on(self, event: AnyEvent) -> tuple[TradeClosed | None, str | None]:
        """Fold one event into account and blotter.

        Returns the trade that a fill closed, and the instrument whose entry ended without any fill.
        """
        kind = type(event)
        if kind is Bar:
            self.account.on(event)
            return _NOTHING
        if kind is InstantClosed:
            return _NOTHING
        ended = self.blotter.on(event) if kind in _REPORTS else None
        closed = self.account.on(event)
        if isinstance(event, Fill | Rejected | Cancelled | Expired):
            self.account.decisions.pop(event.order, None)
        in_vain = ended is not None and ended.role is Role.ENTRY and not ended.filled
        return closed, ended.instrument if ended is not None and in_vain else None

    def due(self, orders: Sequence[Order], view: View) -> list[Order]:
        """The children to have reviewed now. An intent that was already sent is not sent again."""
        children: list[Order] = []
        for order in orders:
            if self.blotter.knows(order.id):
                continue
            parts = self.tactic.children(order, view)
            if sum(part.quantity.count for part in parts) > order.quantity.count:
                raise InvariantError(
                    f"tactic {self.tactic.name} made more of order {order.id} than was asked for"
                )
            children.extend(parts)
        return children

    def sent(self, approved: ApprovedOrder) -> None:
        """An approved child goes out: from now on it is working."""
        self.blotter.sent(approved)
        if approved.order.role is Role.ENTRY:
            self.account.decisions[approved.order.id] = approved.order.decision

    def stand_down(self, at: int, view: View, reason: str) -> tuple[list[Cancel], list[Order]]:
        """What a halt asks for: working entries cancelled, every position closed.

        Protective legs stay at the venue until the position is flat; nothing is ever left unprotected.
        """
        cancels = [
            Cancel(at, life.id, life.instrument, reason)
            for life in self.blotter.working()
            if life.role is Role.ENTRY
        ]
        leaving = {life.instrument for life in self.blotter.working() if life.role is Role.EXIT}
        exits: list[Order] = []
        for name, position in self.account.positions.items():
            bar = view.bar(name)
            if not position.lots or name in leaving or bar is None:
                continue
            decision = identify(reason, str(at), name)
            exits.append(exit_order(decision, position.instrument, position.lots, bar.close))
        return cancels, exits
