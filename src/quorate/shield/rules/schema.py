"""Schema and sanity: an order means what it says, was not asked before, and exits only reduce."""

from __future__ import annotations

from typing import Any, ClassVar

from quorate.core.instrument import Instrument
from quorate.core.money import Price, Quantity
from quorate.core.order import Answer, Finding, Order, OrderType, Role
from quorate.shield.state import State

_TYPE_OF_LEG = {Role.STOP: OrderType.STOP, Role.TARGET: OrderType.LIMIT}


def prices_of(order: Order) -> dict[str, Price]:
    """Every price an order carries, by name."""
    prices = {"reference": order.reference}
    if order.limit is not None:
        prices["limit"] = order.limit
    if order.trigger is not None:
        prices["trigger"] = order.trigger
    if order.bracket is not None:
        prices["stop"] = order.bracket.stop
        if order.bracket.target is not None:
            prices["target"] = order.bracket.target
    return prices


class Units:
    """Quantity in this instrument's lots, prices in its ticks, all whole numbers above zero.

    The shield asks it first: no other rule calculates with an order that fails here.
    """

    name: ClassVar[str] = "schema.units"

    def review(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny with the first unit that is wrong."""
        inputs: dict[str, Any] = {"instrument": instrument.id, "quantity_lots": str(order.quantity.count)}
        wrong = _wrong(order.quantity, Quantity, instrument)
        if wrong is not None:
            return Finding(self.name, Answer.DENY, inputs, f"quantity {wrong}")
        for name, price in prices_of(order).items():
            wrong = _wrong(price, Price, instrument)
            if wrong is not None:
                inputs["price_ticks"] = str(price.count)
                return Finding(self.name, Answer.DENY, inputs, f"{name} {wrong}")
        return Finding(self.name, Answer.ALLOW, inputs)


def _wrong(unit: Price | Quantity, kind: type, instrument: Instrument) -> str | None:
    if type(unit) is not kind or unit.scale != instrument.id:
        return f"is {type(unit).__name__} in {unit.scale}, not {kind.__name__} in {instrument.id}"
    if type(unit.count) is not int:
        return f"{unit.count} is not a whole number"
    return None if unit.count > 0 else f"{unit.count} is not above zero"


class Terms:
    """A limit order has a limit, a stop order a trigger, nothing has what it cannot use."""

    name: ClassVar[str] = "schema.terms"

    def review(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny an order that a venue could read in two ways."""
        inputs: dict[str, Any] = {
            "type": order.type.value,
            "role": order.role.value,
            "has_limit": order.limit is not None,
            "has_trigger": order.trigger is not None,
        }
        reason = ""
        if (order.limit is not None) != (order.type is OrderType.LIMIT):
            reason = f"a {order.type} order {'needs' if order.limit is None else 'takes no'} limit"
        elif (order.trigger is not None) != (order.type is OrderType.STOP):
            reason = f"a {order.type} order {'needs' if order.trigger is None else 'takes no'} trigger"
        elif _TYPE_OF_LEG.get(order.role, order.type) is not order.type:
            reason = f"a {order.role} is not a {order.type} order"
        elif order.reduces and order.bracket is not None:
            reason = "an order that only reduces carries no bracket"
        return Finding(self.name, Answer.DENY if reason else Answer.ALLOW, inputs, reason)


class Once:
    """An intent is approved once: asking twice is asking once."""

    name: ClassVar[str] = "schema.once"

    def review(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny an id that was approved before, unless the venue refused it."""
        inputs = {"order": order.id}
        if not order.id or state.orders.knows(order.id):
            return Finding(self.name, Answer.DENY, inputs, "this intent was already approved")
        return Finding(self.name, Answer.ALLOW, inputs)


class Direction:
    """Entries only open or add, exits only reduce: nothing turns a position by itself."""

    name: ClassVar[str] = "sanity.direction"

    def review(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """An exit is cut to what is held; an entry against a position waits until its exit works."""
        held, closing = state.held(order.instrument), state.orders.closing(order.instrument)
        inputs = {"held_lots": held, "closing_lots": closing, "order_lots": order.signed_lots}
        if order.reduces:
            return self._exit(order, held, closing, inputs)
        against = held * order.side.sign < 0 and closing < abs(held)
        if against:
            return Finding(self.name, Answer.DENY, inputs, "an entry against the position: close it first")
        opposite = state.orders.entering(order.instrument, -order.side.sign)
        if opposite:
            inputs["opposite_lots"] = opposite
            return Finding(self.name, Answer.DENY, inputs, "an entry works on the other side")
        return Finding(self.name, Answer.ALLOW, inputs)

    def _exit(self, order: Order, held: int, closing: int, inputs: dict[str, int]) -> Finding:
        if held * order.side.sign >= 0:
            return Finding(self.name, Answer.DENY, inputs, "there is nothing on the other side to reduce")
        # Protective legs cancel each other, so only exits share what is held.
        room = abs(held) - (closing if order.role is Role.EXIT else 0)
        if room <= 0:
            return Finding(self.name, Answer.DENY, inputs, "all that is held is already being closed")
        if order.quantity.count > room:
            return Finding(self.name, Answer.REDUCE, inputs, "more than is held", room)
        return Finding(self.name, Answer.ALLOW, inputs)
