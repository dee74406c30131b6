"""The simulated exchange behind the Venue port: takes approved orders, lets bars fill them, and reports.

It sees an instant's market events before the desk does, so that its reports rank before the bars; an order
can only ever meet a bar that closes after the order arrived.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from quorate.core.effects import Cancel
from quorate.core.errors import VenueError
from quorate.core.events import (
    Accepted,
    Bar,
    Cancelled,
    Charged,
    Expired,
    Fill,
    MarketEvent,
    Rejected,
    Report,
    Roll,
    Rolled,
    Settled,
)
from quorate.core.instant import DAY
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money
from quorate.core.order import ApprovedOrder, Order, OrderType, Role
from tests.oracles.exchange.costs import Costs, Friction, Offer, financing_e8
from tests.oracles.exchange.ledger import Ledger
from tests.oracles.exchange.matching import (
    Outcome,
    Path,
    Working,
    aftermath,
    meet,
    opening,
    whole,
    with_rival,
)

DEFAULT_COSTS = Costs()


class _Market:
    """One instrument at the venue: its working orders by id, as submitted, and its last UTC day."""

    __slots__ = ("book", "day", "friction", "instrument")

    def __init__(self, instrument: Instrument, costs: Costs) -> None:
        self.instrument = instrument
        self.friction = Friction(instrument, costs)
        self.book: dict[str, Working] = {}
        self.day = -1


class _Meeting(NamedTuple):
    order: Working
    offer: Offer
    path: Path


def _exits_first(meeting: _Meeting) -> tuple[bool, int]:
    """At the open exits free what entries need, in all instruments; then as submitted."""
    return not meeting.order.reduces, meeting.order.number


def _stops_first(meeting: _Meeting) -> tuple[bool, int]:
    """Within a bar the order of things is unknown: stops before limits is the suspicious one."""
    return meeting.order.type is not OrderType.STOP, meeting.order.number


class Simulator:
    """A venue over bars. ``watch`` it with every instant's market events before the desk sees them.

    Raises VenueError when it is handed anything but an ApprovedOrder, when time runs backwards, or when
    market events come that it cannot match on.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument], cash: Money, costs: Costs = DEFAULT_COSTS
    ) -> None:
        self.ledger = Ledger(cash, instruments)
        self._latency_ns = costs.latency_ns
        self._markets = {name: _Market(instrument, costs) for name, instrument in instruments.items()}
        self._orders: dict[str, Working | None] = {}  # every id ever seen; None when it was refused
        self._queue: list[tuple[int, int, Report]] = []
        self._reports = 0
        self._at = -1
        self._unsettled = False

    # ---- the Venue port ------------------------------------------------------------------------------

    def peek(self) -> Report | None:
        """The next report, left in place; None when there is none now."""
        return self._queue[0][2] if self._queue else None

    def pop(self) -> Report:
        """The next report, taken. Raises VenueError when there is none."""
        if not self._queue:
            raise VenueError("there is no report to take", where="simulator", todo="peek first")
        return heapq.heappop(self._queue)[2]

    def submit(self, order: ApprovedOrder) -> None:
        """Send an order; it arrives ``latency_ns`` later and is accepted, rejected or expired then.

        Raises VenueError for anything but an ApprovedOrder of now, UnitError for units of another instrument.
        """
        if type(order) is not ApprovedOrder:
            raise VenueError(f"a {type(order).__name__} is not an ApprovedOrder", where="simulator")
        self._check_now(order.at, f"order {order.order.id}")
        arrival, wanted = order.at + self._latency_ns, order.order
        if wanted.id in self._orders:
            self._report(Rejected(at=arrival, order=wanted.id, reason="duplicate"))
            return
        self._orders[wanted.id] = None
        if reason := self._refusal(wanted):
            self._report(Rejected(at=arrival, order=wanted.id, reason=reason))
        elif arrival > order.expires_at:
            self._report(Expired(at=arrival, order=wanted.id))
        else:
            self._accept(Working.of(wanted, arrival, len(self._orders)), arrival)

    def cancel(self, cancel: Cancel) -> None:
        """Ask for an order to stop working; it does ``latency_ns`` later unless it ends before.

        Of an order that has ended nothing more is reported. Raises VenueError for one that never was.
        """
        self._check_now(cancel.at, f"cancel of {cancel.order}")
        if cancel.order not in self._orders:
            raise VenueError(f"there never was an order {cancel.order} to cancel", where="simulator")
        order = self._orders[cancel.order]
        if order is None or order.done or order.until is not None:
            return
        order.until = max(cancel.at + self._latency_ns, order.heard)  # it never overtakes its order
        self._report(Cancelled(at=order.until, order=order.id, reason=cancel.reason))

    # ---- the market ----------------------------------------------------------------------------------

    def watch(self, events: Sequence[MarketEvent]) -> None:
        """All market events of the next instant, before the desk sees any. Hot: once for every bar."""
        if not events:
            return
        at = events[0].at
        if at <= self._at:
            raise VenueError(f"the market of instant {at} comes after that of {self._at}", where="simulator")
        self._at = at
        bars = [event for event in events if type(event) is Bar]
        if len(bars) != len(events):
            self._carry(events)
        markets, day = self._markets, at // DAY
        meetings: list[_Meeting] = []
        for bar in bars:
            market = markets.get(bar.instrument)
            if market is None:
                raise VenueError(f"{bar.instrument} is not traded here", where="simulator")
            if market.day != day:
                self._charge(market, day)
            if market.book and (bar.volume or bar.high > bar.low):  # else a frozen price: nothing trades
                meetings += self._meetings(market, bar)
        if meetings:
            self._match(meetings)
        marks = self.ledger.marks
        for bar in bars:
            marks[bar.instrument] = bar.close
        if self._unsettled:
            self._unsettled = False
            self._report(Settled(at=at, cash=self.ledger.cash, positions=self.ledger.positions))

    def _carry(self, events: Sequence[MarketEvent]) -> None:
        """Rolls, before anything trades in the next contract: prices shift, positions follow for two fees."""
        for event in events:
            if type(event) is Bar:
                continue
            if type(event) is not Roll or event.instrument not in self._markets:
                what = f"a {type(event).__name__} of {event.instrument}"
                raise VenueError(f"{what} is nothing this venue can match on", where="simulator")
            name, old, new = event.instrument, event.old, event.new
            market = self._markets[name]
            for order in market.book.values():
                order.shift(new - old)
            instrument, lots = market.instrument, self.ledger.lots[name]
            self.ledger.marks[name] = new
            if lots:
                fee = sum(instrument.fee_e8(ticks, abs(lots), maker=False) for ticks in (old, new))
                self.ledger.roll(name, old, new, fee)
                self._unsettled = True
                prices = instrument.price(old), instrument.price(new)
                self._report(Rolled(self._at, name, *prices, fee=instrument.money(fee)))

    def _charge(self, market: _Market, day: int) -> None:
        """Financing for the days since this instrument's last bar, on what was held over them."""
        days, market.day = day - market.day, day
        instrument = market.instrument
        lots = self.ledger.lots[instrument.id]
        if not lots:
            return
        owed = financing_e8(instrument, self.ledger.marks[instrument.id], lots, days)
        if owed:
            self.ledger.charge(owed)
            self._unsettled = True
            why = "funding" if instrument.kind is Kind.PERPETUAL else "borrow"
            self._report(Charged(self._at, instrument.id, instrument.money(owed), why))

    # ---- orders --------------------------------------------------------------------------------------

    def _check_now(self, at: int, what: str) -> None:
        if at < self._at:
            raise VenueError(f"{what} is of {at}, the market is at {self._at}", where="simulator")

    def _refusal(self, order: Order) -> str:
        """Why an order cannot be worked at all; empty when it can."""
        market = self._markets.get(order.instrument)
        if market is None:
            return "unknown instrument"
        bracket = order.bracket
        prices = [order.limit, order.trigger]
        if bracket is not None:
            prices += [bracket.stop, bracket.target]
        for unit in (order.quantity, *prices):
            if unit is not None:
                market.instrument.check(unit)
        if order.quantity.count <= 0:
            return "no quantity"
        if order.type is OrderType.LIMIT and order.limit is None:
            return "limit order without a limit"
        if order.type is OrderType.STOP and order.trigger is None:
            return "stop order without a trigger"
        return "bracket on an exit" if bracket is not None and order.reduces else ""

    def _accept(self, order: Working, at: int) -> None:
        market = self._markets[order.instrument]
        self._orders[order.id] = order
        market.book[order.id] = order
        price = market.instrument.price(order.price)
        self._report(
            Accepted(
                at=at,
                order=order.id,
                instrument=order.instrument,
                role=order.role,
                side=order.side,
                quantity=market.instrument.quantity(order.lots),
                trigger=price if order.type is OrderType.STOP else None,
                limit=price if order.type is OrderType.LIMIT else None,
                parent=order.parent,
            )
        )

    def _report(self, report: Report) -> None:
        self._reports += 1
        heapq.heappush(self._queue, (report.at, self._reports, report))

    def _end(self, order: Working) -> None:
        """The order works no more; a cancel still on its way finds nothing and is not reported."""
        order.done = True
        self._markets[order.instrument].book.pop(order.id)
        if order.until is not None:
            self._queue = [
                entry
                for entry in self._queue
                if not (type(entry[2]) is Cancelled and entry[2].order == order.id)
            ]
            heapq.heapify(self._queue)

    def _drop(self, order: Working, reason: str) -> None:
        self._end(order)
        self._report(Cancelled(at=self._at, order=order.id, reason=reason))

    def _refuse(self, order: Working, reason: str) -> None:
        self._end(order)
        self._report(Rejected(at=self._at, order=order.id, reason=reason))

    # ---- matching ------------------------------------------------------------------------------------

    def _meetings(self, market: _Market, bar: Bar) -> list[_Meeting]:
        """The arrived orders that the bar reaches at all, with the bar; cancelled ones leave the book."""
        offer = market.friction.offer(bar)
        path, meetings, gone = whole(offer), [], []
        for order in market.book.values():
            if order.until is not None and order.until <= bar.at:
                gone.append(order)
            elif order.arrival < bar.at and meet(order, offer, path) is not None:
                meetings.append(_Meeting(order, offer, path))
        for order in gone:  # its Cancelled is reported already
            order.done = True
            del market.book[order.id]
        return meetings

    def _match(self, meetings: list[_Meeting]) -> None:
        """All orders meet the open, then the rest of their bars; legs join as they come to life."""
        legs: list[_Meeting] = []
        if len(meetings) > 1:
            meetings.sort(key=_exits_first)
        for order, offer, _ in meetings:
            legs += self._meet(order, offer, opening(offer))
        if len(meetings) > 1:
            meetings.sort(key=_stops_first)
        meetings += legs
        for order, offer, path in meetings:  # grows while it runs
            meetings += self._meet(order, offer, path)

    def _meet(self, order: Working, offer: Offer, path: Path) -> Sequence[_Meeting]:
        """One order on one path; returns the legs that its fill brought to life."""
        if order.done:
            return ()
        outcome = meet(order, offer, path)
        if outcome is None:
            return ()
        lots, held = order.lots, self.ledger.lots[order.instrument] * order.sign
        if order.reduces:
            lots = min(lots, -held)
            if lots <= 0:
                self._drop(order, "nothing to reduce")
                return ()
        elif held < 0:
            self._refuse(order, "would turn the position")
            return ()
        instrument = self._markets[order.instrument].instrument
        fee = instrument.fee_e8(outcome.price, lots, maker=outcome.maker)
        if not order.reduces and not self.ledger.affords(
            order.instrument, outcome.price, lots * order.sign, fee
        ):
            self._refuse(order, "margin")
            return ()
        rival = order.sibling
        if rival is not None and order.type is OrderType.STOP and not rival.done:
            outcome = with_rival(outcome, order, rival, offer, path)
        filled_at = self._fill(order, offer, path, outcome, lots, fee)
        if order.bracket is None:
            return ()
        path = aftermath(order, offer, outcome, path)
        return [_Meeting(leg, offer, path) for leg in self._protect(order, order.bracket, filled_at)]

    def _fill(self, order: Working, offer: Offer, path: Path, outcome: Outcome, lots: int, fee: int) -> int:
        """Book and report a fill, and end what it makes void; returns its modelled instant.

        At the open that is when both bar and order were there; later in the bar the middle stands for it.
        """
        bar, instrument = offer.bar, self._markets[order.instrument].instrument
        moment = bar.start if path.low == path.high else (bar.start + bar.at) // 2
        filled_at = max(moment, order.arrival)
        self.ledger.trade(order.instrument, outcome.price, lots * order.sign, fee)
        self._unsettled = True
        self._end(order)
        self._report(
            Fill(
                at=self._at,
                id=f"{order.id}/fill",
                order=order.id,
                instrument=order.instrument,
                side=order.side,
                role=order.role,
                quantity=instrument.quantity(lots),
                price=instrument.price(outcome.price),
                fee=instrument.money(fee),
                filled_at=filled_at,
                best=instrument.price(outcome.best),
                worst=instrument.price(outcome.worst),
                maker=outcome.maker,
            )
        )
        if lots < order.lots:
            self._report(Cancelled(at=self._at, order=order.id, reason="flat"))
        if order.sibling is not None and not order.sibling.done:
            self._drop(order.sibling, "oco")
        if not self.ledger.lots[order.instrument]:
            for other in list(self._markets[order.instrument].book.values()):
                if other.reduces and other.arrival <= self._at:
                    self._drop(other, "flat")
        return filled_at

    def _protect(self, entry: Working, bracket: tuple[int, int | None], at: int) -> list[Working]:
        """Bring an entry's legs to life: a stop and perhaps a target, one cancelling the other."""
        terms = [(Role.STOP, OrderType.STOP, bracket[0])]
        if bracket[1] is not None:
            terms.append((Role.TARGET, OrderType.LIMIT, bracket[1]))
        legs = []
        for role, kind, price in terms:
            leg = Working(
                id=f"{entry.id}/{role}",
                instrument=entry.instrument,
                side=entry.side.opposite,
                type=kind,
                role=role,
                lots=entry.lots,
                price=price,
                arrival=at,
                number=len(self._orders) + 1,
                parent=entry.id,
                heard=0,
            )
            self._accept(leg, self._at)
            legs.append(leg)
        if len(legs) == 2:
            legs[0].sibling, legs[1].sibling = legs[1], legs[0]
        return legs
