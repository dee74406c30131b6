"""Every order's life as a fold over what was sent and what came back."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.core.errors import InvariantError
from quorate.core.events import Accepted, AnyEvent, Cancelled, Expired, Fill, Rejected
from quorate.core.order import ApprovedOrder, Order, OrderType, Role, Side, Status

_LEGS = frozenset((Role.STOP, Role.TARGET))


class Life:
    """One order's state: who it is, what it is for, and how much of it is left."""

    __slots__ = (
        "at_market", "decision", "filled", "id", "instrument", "lots", "parent", "role", "side", "status",
    )  # fmt: skip

    def __init__(
        self,
        order: str,
        decision: str,
        instrument: str,
        side: Side,
        role: Role,
        lots: int,
        parent: str | None,
        *,
        at_market: bool = False,
    ) -> None:
        self.id, self.decision, self.instrument = order, decision, instrument
        self.side, self.role, self.lots, self.parent = side, role, lots, parent
        self.at_market = at_market
        self.filled = 0
        self.status = Status.SUBMITTED

    @property
    def left(self) -> int:
        """Lots still working."""
        return self.lots - self.filled


class Blotter:
    """All orders that are not done, and the ids of all that ever were."""

    def __init__(self) -> None:
        self._working: dict[str, Life] = {}
        self._known: set[str] = set()

    def knows(self, order: str) -> bool:
        """True when this intent was ever sent: sending it twice is impossible."""
        return order in self._known

    def sent(self, approved: ApprovedOrder) -> None:
        """An approved order goes out. Raises InvariantError when its intent already did."""
        order: Order = approved.order
        if order.id in self._known:
            raise InvariantError(f"intent {order.id} was already sent")
        self._known.add(order.id)
        self._working[order.id] = Life(
            order.id,
            order.decision,
            order.instrument,
            order.side,
            order.role,
            order.quantity.count,
            order.parent,
            at_market=order.type is OrderType.MARKET,
        )

    def working(self, instrument: str | None = None) -> Iterator[Life]:
        """Orders that are not done, oldest first."""
        return (
            life for life in self._working.values() if instrument is None or life.instrument == instrument
        )

    def get(self, order: str) -> Life | None:
        """A working order by id."""
        return self._working.get(order)

    def on(self, event: AnyEvent) -> Life | None:
        """Fold one report in; returns the order it ended. Raises InvariantError for one we never sent."""
        if isinstance(event, Accepted):
            self._accept(event)
        elif isinstance(event, Fill):
            life = self._find(event.order)
            life.filled += event.quantity.count
            if life.filled > life.lots:
                raise InvariantError(f"order {life.id} filled {life.filled} of {life.lots} lots")
            life.status = Status.FILLED if life.left == 0 else Status.PARTIAL
            if life.status.is_done:
                return self._working.pop(life.id)
        elif isinstance(event, Rejected | Cancelled | Expired):
            self._find(event.order)
            return self._working.pop(event.order)
        return None

    def _accept(self, event: Accepted) -> None:
        life = self._working.get(event.order)
        if life is None:
            if event.parent is None or event.parent not in self._known:
                raise InvariantError(f"the venue reports an order {event.order} that was never sent")
            life = Life(
                event.order,
                event.parent,
                event.instrument,
                event.side,
                event.role,
                event.quantity.count,
                event.parent,
            )
            self._working[event.order] = life
        elif life.role in _LEGS:
            life.lots = life.filled + event.quantity.count
        elif event.parent is None and event.quantity.count != life.lots:
            raise InvariantError(
                f"the venue works {event.quantity.count} lots of order {life.id}, not {life.lots}"
            )
        life.status = Status.PARTIAL if life.filled else Status.ACCEPTED

    def _find(self, order: str) -> Life:
        life = self._working.get(order)
        if life is None:
            raise InvariantError(f"the venue reports on order {order}, which is not working")
        return life
