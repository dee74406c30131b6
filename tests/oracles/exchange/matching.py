"""How one order meets one bar: whether it fills, at what price, and the best and worst it could have had.

Written once, for a buyer. A seller's prices are mirrored (times -1), so that for both sides a higher number
is worse, the price met is mid plus half the spread, and rounding against us is rounding up.
"""

from __future__ import annotations

from typing import NamedTuple

from quorate.core.order import Order, OrderType, Role, Side
from tests.oracles.exchange.costs import Offer

WORST_SLIPPAGE = 3  # the worst bound allows this many times the likely slippage


class Working:
    """An order at the venue, in integers. ``price``: the limit or the trigger in ticks, 0 for market orders.

    ``arrival``: when it got there. ``until``: when its cancel does, None while none is under way.
    """

    __slots__ = (
        "arrival", "bracket", "done", "heard", "id", "instrument", "lots", "number", "parent", "price",
        "reduces", "role", "sibling", "side", "sign", "type", "until",
    )  # fmt: skip

    def __init__(
        self,
        *,
        id: str,
        instrument: str,
        side: Side,
        type: OrderType,
        role: Role,
        lots: int,
        price: int,
        arrival: int,
        number: int,
        bracket: tuple[int, int | None] | None = None,
        parent: str | None = None,
        heard: int | None = None,
    ) -> None:
        self.id, self.instrument, self.side, self.type, self.role = id, instrument, side, type, role
        self.lots, self.price, self.bracket, self.parent = lots, price, bracket, parent
        self.sign = side.sign
        self.reduces = role is not Role.ENTRY
        self.arrival, self.number = arrival, number
        self.heard = arrival if heard is None else heard  # no cancel arrives before; legs are the venue's own
        self.until: int | None = None
        self.sibling: Working | None = None
        self.done = False

    @classmethod
    def of(cls, order: Order, arrival: int, number: int) -> Working:
        """The order as it arrives."""
        price = order.trigger if order.type is OrderType.STOP else order.limit
        bracket = order.bracket
        return cls(
            id=order.id,
            instrument=order.instrument,
            side=order.side,
            type=order.type,
            role=order.role,
            lots=order.quantity.count,
            price=price.count if price is not None else 0,
            arrival=arrival,
            number=number,
            bracket=(bracket.stop.count, bracket.target.count if bracket.target is not None else None)
            if bracket is not None
            else None,
            parent=order.parent,
        )

    def shift(self, ticks: int) -> None:
        """Carry all prices over into the next contract."""
        if self.type is not OrderType.MARKET:
            self.price += ticks
        if self.bracket is not None:
            stop, target = self.bracket
            self.bracket = stop + ticks, None if target is None else target + ticks


class Path(NamedTuple):
    """The part of a bar that an order lived through, mid prices in fine ticks."""

    start: int
    low: int
    high: int


class Outcome(NamedTuple):
    """A fill in ticks; from our side ``best`` is no worse and ``worst`` no better than ``price``."""

    price: int
    best: int
    worst: int
    maker: bool


def opening(offer: Offer) -> Path:
    """The bar's first moment only."""
    return Path(offer.open, offer.open, offer.open)


def whole(offer: Offer) -> Path:
    """The whole bar."""
    return Path(offer.open, offer.low, offer.high)


def meet(order: Working, offer: Offer, path: Path) -> Outcome | None:
    """What becomes of an order on a path; None when the path does not reach it.

    Market: the start, or the midst of the bar when it arrived there. Stop: at its trigger, or at the start
    when that is beyond it, with slippage. Limit: at its price, or at the start when that is better; as maker
    when it rested before.
    """
    sign, fine, half = order.sign, offer.fine, offer.half
    start = sign * path.start + half
    if order.type is OrderType.LIMIT:
        return _meet_limit(order, offer, path, start)
    if order.type is OrderType.MARKET:
        if order.arrival > offer.prompt:
            return _midst(order, offer) if path == whole(offer) else None
        return _pay(order, offer, start, abs(offer.bar.open) * offer.slip, offer.late, *[offer.adrift] * 2)
    trigger = sign * order.price * fine
    farthest = sign * (path.high if sign > 0 else path.low) + half
    if farthest < trigger:
        return None
    return _pay(order, offer, max(trigger, start), abs(order.price) * offer.slip, 0, 0, offer.beyond)


def _midst(order: Working, offer: Offer) -> Outcome:
    """A market order sent while the bar was under way: its open was past, and the price at an instant within
    it is not known. Likely on the line from open to close; at best and worst the bar's own extremes.
    """
    sign, fine, bar = order.sign, offer.fine, offer.bar
    line = offer.open + (offer.close - offer.open) * (order.arrival - bar.start) // (bar.at - bar.start)
    taken = _pay(order, offer, sign * line + offer.half, abs(line) // fine * offer.slip, 0)
    if offer.high == offer.low:
        return taken
    best, worst = sorted((sign * offer.low, sign * offer.high))
    return taken._replace(
        best=sign * -(-(best + offer.half) // fine), worst=sign * -(-(worst + offer.half) // fine)
    )


def _meet_limit(order: Working, offer: Offer, path: Path, start: int) -> Outcome | None:
    sign, fine = order.sign, offer.fine
    ticks = order.price
    limit = sign * ticks * fine
    nearest = sign * (path.low if sign > 0 else path.high) + offer.half
    if nearest > limit:
        return None
    if start > limit:
        return Outcome(ticks, ticks, ticks, maker=True)
    if order.arrival < offer.bar.start:  # it rested, and the market opened through it
        price = sign * -(-start // fine)
        return Outcome(price, price, ticks, maker=True)
    taken = _pay(order, offer, start, abs(offer.bar.open) * offer.slip, offer.late, *[offer.adrift] * 2)
    price, best, worst = (sign * min(sign * each, sign * ticks) for each in taken[:3])
    return Outcome(price, best, worst, maker=False)


def _pay(
    order: Working, offer: Offer, base: int, slip: int, late: int, better: int = 0, worse: int = 0
) -> Outcome:
    """Take the price ``base`` with costs, never beyond the bar's extremes and half the spread.

    ``better``, ``worse``: what else its bounds leave open.

    A bar without a range (close-only data) shows no extremes, so there the costs stand in full.
    """
    sign, fine = order.sign, offer.fine
    likely, best = base + slip + late, base - better
    worst = base + WORST_SLIPPAGE * slip + late + worse
    if offer.high > offer.low:
        low, high = sorted((sign * offer.low, sign * offer.high))
        likely, worst = min(likely, high + offer.half), min(worst, high + offer.half)
        best = min(max(best, low), likely)
    return Outcome(sign * -(-likely // fine), sign * -(-best // fine), sign * -(-worst // fine), maker=False)


def with_rival(outcome: Outcome, stop: Working, target: Working, offer: Offer, path: Path) -> Outcome:
    """The stop's outcome, at best the target where the bar reaches both, in unknown order."""
    sign, fine = stop.sign, offer.fine
    at_once = sign * path.start + offer.half >= sign * stop.price * fine
    if at_once or meet(target, offer, whole(offer)) is None:
        return outcome
    other = meet(target, offer, path)
    best = sign * min(sign * outcome.best, sign * (other.best if other else target.price))
    return outcome._replace(best=best)


def aftermath(entry: Working, offer: Offer, outcome: Outcome, path: Path) -> Path:
    """What an entry's legs live through in the bar of its fill, seen with suspicion.

    At the open: all of it. A limit reached later: the adverse extreme came after the fill, of the favourable
    side only the close is sure. A stop reached later: the whole range, whichever end came first.
    """
    if path.low == path.high:
        return whole(offer)
    start = outcome.price * offer.fine - entry.sign * offer.half
    start = min(max(start, offer.low), offer.high)
    if entry.type is OrderType.STOP:
        return Path(start, offer.low, offer.high)
    if entry.sign > 0:
        return Path(start, offer.low, max(start, offer.close))
    return Path(start, min(start, offer.close), offer.high)
