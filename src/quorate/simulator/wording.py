"""Puts the native exchange's report rows into words: one row of whole numbers, one typed event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quorate.core.errors import VenueError
from quorate.core.events import (
    Accepted,
    Cancelled,
    Charged,
    Expired,
    Fill,
    Rejected,
    Report,
    Rolled,
    Settled,
)
from quorate.core.instrument import Instrument
from quorate.core.money import Money
from quorate.core.order import Role, Side
from quorate.native.clearing import LIQUIDATION
from quorate.native.exchange import REASONS, ROLES, SIDES, TYPES, Exchange, Kind, Told

Row = list[int]

_ASKED = REASONS.index("asked")
_LIMIT, _STOP = TYPES["limit"], TYPES["stop"]
_ROLES = {code: Role(word) for word, code in ROLES.items()}
_SIDES = {code: Side(word) for word, code in SIDES.items()}


class Wording:
    """What rows do not hold is kept here: why a cancel was asked for, whose child an order is.

    ``asked``: the reason of each cancel by order. ``parents``: of the orders that were sent with one.
    """

    def __init__(self, exchange: Exchange, instruments: Mapping[str, Instrument], currency: str) -> None:
        self._exchange = exchange
        self._instruments = list(instruments.values())
        self._currency = currency
        self._fills: dict[int, int] = {}
        self._openers: dict[int, str] = {}  # by instrument: the order that filled an entry last
        self._forced: dict[str, int] = {}
        self._legs: dict[int, Row] = {}  # as they were accepted
        self._taken: dict[int, int] = {}  # lots of a leg that are filled
        self.asked: dict[str, str] = {}
        self.parents: dict[str, str] = {}

    def reports(self, rows: list[Row]) -> Iterator[Report]:
        """The events of complete rows: a SETTLED one takes the HELD rows that follow it."""
        place = 0
        while place < len(rows):
            row = rows[place]
            place += 1
            if row[Told.KIND] == Kind.SETTLED:
                held, place = rows[place : place + row[Told.LOTS]], place + row[Told.LOTS]
                yield self._settled(row, held)
            elif row[Told.KIND] == Kind.BANKRUPT:
                continue  # the books that follow show it, and every order is refused with that reason
            elif row[Told.KIND] == Kind.FILL and row[Told.ORDER] < 0:
                yield from self._liquidated(row)
            else:
                yield self.report(row)

    def report(self, row: Row) -> Report:
        """The event of one row that stands alone. Raises VenueError for a kind that no desk knows."""
        kind = row[Told.KIND]
        if kind == Kind.ACCEPTED:
            return self._accepted(row)
        if kind == Kind.FILL:
            return self._fill(row)
        if kind in (Kind.ROLLED, Kind.CHARGED):
            return self._money(row)
        if kind == Kind.REPLACED and row[Told.ORDER] in self._legs:
            return self._resized(row)
        at, order = row[Told.AT], self._exchange.name(row[Told.ORDER])
        if kind == Kind.CANCELLED:
            return Cancelled(at, order, self._why(row, order))
        if kind == Kind.REJECTED:
            return Rejected(at, order, REASONS[row[Told.REASON]])
        if kind == Kind.EXPIRED:
            return Expired(at, order)
        raise VenueError(f"a report of kind {kind} has no words", where="simulator")

    def _why(self, row: Row, order: str) -> str:
        code = row[Told.REASON]
        return self.asked[order] if code == _ASKED else REASONS[code]

    def _accepted(self, row: Row) -> Accepted:
        instrument, kind, parent = self._instruments[row[Told.INSTRUMENT]], row[Told.TYPE], row[Told.PARENT]
        order, price = self._exchange.name(row[Told.ORDER]), instrument.price(row[Told.PRICE])
        if parent >= 0:
            self._legs[row[Told.ORDER]] = row
        return Accepted(
            at=row[Told.AT],
            order=order,
            instrument=instrument.id,
            role=_ROLES[row[Told.ROLE]],
            side=_SIDES[row[Told.SIDE]],
            quantity=instrument.quantity(row[Told.LOTS]),
            trigger=price if kind == _STOP else None,
            limit=price if kind == _LIMIT else None,
            parent=self._exchange.name(parent) if parent >= 0 else self.parents.get(order),
        )

    def _resized(self, row: Row) -> Accepted:
        """A leg that covers a further fill of its entry, or no more what the other leg took."""
        leg = list(self._legs[row[Told.ORDER]])
        leg[Told.AT], leg[Told.PRICE] = row[Told.AT], row[Told.PRICE]
        leg[Told.LOTS] = row[Told.LOTS] - self._taken.get(row[Told.ORDER], 0)
        return self._accepted(leg)

    def _fill(self, row: Row) -> Fill:
        """Fills of one order after its first are numbered from 2 on."""
        number = row[Told.ORDER]
        order = self._exchange.name(number)
        count = self._fills[number] = self._fills.get(number, 0) + 1
        if number in self._legs:
            self._taken[number] = self._taken.get(number, 0) + row[Told.LOTS]
        if row[Told.ROLE] == ROLES["entry"]:
            self._openers[row[Told.INSTRUMENT]] = order
        return self._filled(row, order, f"{order}/fill" if count == 1 else f"{order}/fill/{count}")

    def _liquidated(self, row: Row) -> Iterator[Report]:
        """The exchange's own exit, told as a leg of the order that opened what it takes: accepted, filled."""
        instrument, opener = self._instruments[row[Told.INSTRUMENT]], self._openers[row[Told.INSTRUMENT]]
        count = self._forced[opener] = self._forced.get(opener, 0) + 1
        order = f"{opener}/{LIQUIDATION}" if count == 1 else f"{opener}/{LIQUIDATION}/{count}"
        yield Accepted(
            at=row[Told.AT],
            order=order,
            instrument=instrument.id,
            role=_ROLES[row[Told.ROLE]],
            side=_SIDES[row[Told.SIDE]],
            quantity=instrument.quantity(row[Told.LOTS]),
            trigger=None,
            limit=None,
            parent=opener,
        )
        yield self._filled(row, order, f"{order}/fill")

    def _filled(self, row: Row, order: str, name: str) -> Fill:
        instrument = self._instruments[row[Told.INSTRUMENT]]
        return Fill(
            at=row[Told.AT],
            id=name,
            order=order,
            instrument=instrument.id,
            side=_SIDES[row[Told.SIDE]],
            role=_ROLES[row[Told.ROLE]],
            quantity=instrument.quantity(row[Told.LOTS]),
            price=instrument.price(row[Told.PRICE]),
            fee=instrument.money(row[Told.MONEY]),
            filled_at=row[Told.FILLED_AT],
            best=instrument.price(row[Told.BEST]),
            worst=instrument.price(row[Told.WORST]),
            maker=bool(row[Told.MAKER]),
        )

    def _money(self, row: Row) -> Rolled | Charged:
        at, instrument = row[Told.AT], self._instruments[row[Told.INSTRUMENT]]
        money = instrument.money(row[Told.MONEY])
        if row[Told.KIND] == Kind.CHARGED:
            return Charged(at, instrument.id, money, REASONS[row[Told.REASON]])
        old, new = instrument.price(row[Told.BEST]), instrument.price(row[Told.PRICE])
        return Rolled(at, instrument.id, old, new, money)

    def _settled(self, row: Row, held: list[Row]) -> Settled:
        lots = {self._instruments[each[Told.INSTRUMENT]].id: each[Told.LOTS] for each in held}
        return Settled(row[Told.AT], Money(row[Told.MONEY], self._currency), dict(sorted(lots.items())))
