"""The simulated exchange behind the Venue port: the native exchange, spoken to in core's orders and events.

It sees an instant's market events before the desk does, so that its reports rank before the bars; an order
can only ever meet a bar that closes after the order arrived.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from quorate.core.effects import Cancel
from quorate.core.errors import VenueError
from quorate.core.events import Bar, MarketEvent, Report, Roll
from quorate.core.instrument import Instrument
from quorate.core.money import Money
from quorate.core.order import ApprovedOrder, Order, OrderType
from quorate.native.clearing import Clearing
from quorate.native.exchange import DEFAULT, Exchange, Rules
from quorate.simulator.books import Ledger
from quorate.simulator.costs import Costs
from quorate.simulator.wording import Wording

DEFAULT_COSTS = Costs()

_BAR, _ROLL = 0, 1  # kinds of the native exchange's market rows


class Simulator:
    """A venue over bars. ``watch`` it with every instant's market events before the desk sees them.

    ``rules`` and ``clearing`` (by id) are a research run's; by default nothing is capped, nobody liquidated.
    Raises VenueError when it is handed anything but an ApprovedOrder, when time runs backwards, when market
    events come that it cannot match on, and when a number leaves 63 bits: it is closed from then on.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        cash: Money,
        costs: Costs = DEFAULT_COSTS,
        *,
        rules: Rules = DEFAULT,
        clearing: Mapping[str, Clearing] | None = None,
    ) -> None:
        self._instruments = instruments
        self._places = {name: place for place, name in enumerate(instruments)}
        try:
            self._exchange = Exchange(
                list(instruments.values()),
                cash.count,
                latency_ns=costs.latency_ns,
                slippage=costs.slippage,
                rules=rules,
                clearing=clearing,
            )
        except (ValueError, OverflowError) as error:
            raise VenueError(str(error), where="simulator") from error
        self.ledger = Ledger(self._exchange, instruments, cash.scale)
        self._wording = Wording(self._exchange, instruments, cash.scale)
        self._told: deque[Report] = deque()  # reports of instants that were watched
        self._head: Report | None = None
        self._at = -1

    # ---- the Venue port ------------------------------------------------------------------------------

    def peek(self) -> Report | None:
        """The next report, left in place; None when there is none now. Hot: asked before every event."""
        return self._head

    def pop(self) -> Report:
        """The next report, taken. Raises VenueError when there is none."""
        head = self._head
        if head is None:
            raise VenueError("there is no report to take", where="simulator", todo="peek first")
        if self._told:
            self._told.popleft()
        else:
            self._exchange.take()
        self._look()
        return head

    def submit(self, order: ApprovedOrder) -> None:
        """Send an order; it arrives ``latency_ns`` later and is accepted, rejected or expired then.

        Raises VenueError for anything but an ApprovedOrder of now, UnitError for units of another instrument.
        """
        if type(order) is not ApprovedOrder:
            raise VenueError(f"a {type(order).__name__} is not an ApprovedOrder", where="simulator")
        wanted = order.order
        self._check_now(order.at, f"order {wanted.id}")
        self._check_units(wanted)
        price = wanted.trigger if wanted.type is OrderType.STOP else wanted.limit
        bracket = wanted.bracket
        target = None if bracket is None else bracket.target
        try:
            self._exchange.submit(
                wanted.id,
                order.at,
                wanted.instrument,
                wanted.side,
                wanted.type,
                wanted.role,
                wanted.quantity.count,
                None if price is None else price.count,
                stop=None if bracket is None else bracket.stop.count,
                target=None if target is None else target.count,
                expires_at=order.expires_at,
            )
        except (ValueError, OverflowError) as error:
            raise VenueError(str(error), where="simulator") from error
        if wanted.parent is not None:
            self._wording.parents.setdefault(wanted.id, wanted.parent)
        self._look()

    def cancel(self, cancel: Cancel) -> None:
        """Ask for an order to stop working; it does ``latency_ns`` later unless it ends before.

        Of an order that has ended nothing more is reported. Raises VenueError for one that never was.
        """
        self._check_now(cancel.at, f"cancel of {cancel.order}")
        try:
            asked = self._exchange.cancel(cancel.order, cancel.at)
        except (ValueError, OverflowError) as error:
            raise VenueError(str(error), where="simulator") from error
        if asked:
            self._wording.asked[cancel.order] = cancel.reason
            self._look()

    # ---- the market ----------------------------------------------------------------------------------

    def watch(self, events: Sequence[MarketEvent]) -> None:
        """All market events of the next instant, before the desk sees any. Hot: once for every bar."""
        if not events:
            return
        at = events[0].at
        if at <= self._at:
            raise VenueError(f"the market of instant {at} comes after that of {self._at}", where="simulator")
        places = self._places
        rows: list[tuple[int, ...]] = []
        for event in events:
            if type(event) is Bar and (place := places.get(event.instrument)) is not None:
                rows.append(
                    (
                        event.at, _BAR, place, event.start, event.open, event.high, event.low, event.close,
                        event.volume, event.spread,
                    )
                )  # fmt: skip
            else:
                rows.append(self._roll(event))
        try:
            told = self._exchange.step(rows)
        except (ValueError, OverflowError) as error:
            raise VenueError(str(error), where="simulator") from error
        self._at = at
        if told:
            self._told.extend(self._wording.reports(told))
            self._look()

    def _roll(self, event: MarketEvent) -> tuple[int, ...]:
        """A roll's row. Raises VenueError for all that this venue cannot match on."""
        if type(event) is Bar:
            raise VenueError(f"{event.instrument} is not traded here", where="simulator")
        if type(event) is not Roll or event.instrument not in self._places:
            what = f"a {type(event).__name__} of {event.instrument}"
            raise VenueError(f"{what} is nothing this venue can match on", where="simulator")
        return event.at, _ROLL, self._places[event.instrument], 0, event.old, 0, 0, event.new, 0, 0

    # ---- what both need ------------------------------------------------------------------------------

    def _look(self) -> None:
        """What comes next: all that was told of instants past, then what is on its way and may yet change."""
        if self._told:
            self._head = self._told[0]
        else:
            row = self._exchange.head().tolist()
            self._head = self._wording.report(row[0]) if row else None

    def _check_now(self, at: int, what: str) -> None:
        if at < self._at:
            raise VenueError(f"{what} is of {at}, the market is at {self._at}", where="simulator")

    def _check_units(self, order: Order) -> None:
        instrument = self._instruments.get(order.instrument)
        if instrument is None:
            return  # refused when it arrives
        units = [order.quantity, order.limit, order.trigger]
        if order.bracket is not None:
            units += [order.bracket.stop, order.bracket.target]
        for unit in units:
            if unit is not None:
                instrument.check(unit)
