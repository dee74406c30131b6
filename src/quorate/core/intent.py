"""The identity of an order: the digest of its decision and leg; and the one order that closes a position."""

from __future__ import annotations

from quorate.core.canon import digest
from quorate.core.instrument import Instrument
from quorate.core.order import Order, OrderType, Role, Side

ID_HEX = 16


def identify(*parts: str) -> str:
    """16 hex digits of a digest over the parts, in order."""
    return digest(*(part.encode() for part in parts)).hex()[:ID_HEX]


def flat_side(lots: int) -> Side:
    """The side that closes a position of so many signed lots."""
    return Side.SELL if lots > 0 else Side.BUY


def exit_order(decision: str, instrument: Instrument, held: int, reference: int) -> Order:
    """A market order that closes the whole position of ``held`` lots, decided at ``reference`` ticks."""
    return Order(
        id=identify(decision, instrument.id, Role.EXIT),
        decision=decision,
        instrument=instrument.id,
        side=flat_side(held),
        type=OrderType.MARKET,
        role=Role.EXIT,
        quantity=instrument.quantity(abs(held)),
        reference=instrument.price(reference),
    )
