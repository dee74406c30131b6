"""The readable oracle's prices: what one order gets from one bar, trade or quote, in Python's own integers.

All sums are in fine ticks and mirrored for a seller, so that a higher number is worse for both sides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from quorate.core.instrument import Instrument

FOREVER = 2**63 - 1
NO_CAP = FOREVER
WORST_SLIPPAGE = 3
PAUSE = 1_000_000_000  # ns from a stop's trigger to the price it meets
BAR, ROLL, TRADE, QUOTE, MARK, INDEX = range(6)
MARKET, LIMIT, STOP, STOP_LIMIT, TRAIL, TRAIL_LIMIT, MIT, LIT, TO_LIMIT, ON_OPEN, ON_CLOSE = range(11)
GTC, DAY, GTD, IOC, FOK = range(5)
ANY, LAST, TOUCH, BY_MARK, BY_INDEX = range(5)
STOPS = (STOP, STOP_LIMIT, TRAIL, TRAIL_LIMIT)
TRAILING = (TRAIL, TRAIL_LIMIT)
TOUCHED = (MIT, LIT)
SESSION = (ON_OPEN, ON_CLOSE)


class Row(NamedTuple):
    """One market row."""

    at: int
    kind: int
    instrument: int
    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    spread: int


@dataclass
class Ask:
    """What is asked, with the exchange's own defaults."""

    at: int
    instrument: int
    side: int
    type: int
    role: int
    lots: int
    price: int | None = None
    stop: int | None = None
    target: int | None = None
    expires_at: int = FOREVER
    limit: int | None = None
    force: int = GTC
    good_until: int = FOREVER
    watch: int = ANY
    trail: int = 0
    trail_bps: int = 0
    limit_offset: int = 0
    activation: int | None = None
    display: int = 0
    post_only: bool = False
    group: int = 0
    shrinks: bool = False
    after: int = -1
    session: int = FOREVER


@dataclass
class World:
    """The run's rules. ``delay(at, order, purpose)``: ns. ``path``: pessimistic -1, likely, optimistic 1."""

    delay: Any
    slippage: Decimal = Decimal(1)
    participation: Fraction = Fraction(0)
    range_slippage: Fraction = Fraction(0)
    impact: Fraction = Fraction(0)
    path: int = 0
    queue: bool = False


@dataclass
class Live:
    """An order at the venue."""

    id: int
    ask: Ask
    type: int
    lots: int
    price: int
    arrival: int
    delay: int
    number: int = 0
    until: int = FOREVER
    bracket: tuple[int, int | None] | None = None
    sibling: Live | None = None
    filled: int = 0
    ahead: int = -1
    peak: int | None = None
    dormant: bool = False
    done: bool = False
    cancelling: bool = False
    changes: int = 0
    heard: int = 0
    after: int = -1
    session: int = FOREVER
    limit: int | None = None
    activation: int | None = None

    @property
    def sign(self) -> int:
        return self.ask.side

    @property
    def reduces(self) -> bool:
        return self.ask.role != 0

    @property
    def immediate(self) -> bool:
        return self.ask.force in (IOC, FOK)

    @property
    def priced(self) -> bool:
        return self.type in (LIMIT, STOP, STOP_LIMIT, MIT, LIT)

    @property
    def plain(self) -> bool:
        """Nothing but a market, limit or stop order."""
        ask = self.ask
        return ask.type <= STOP and not (ask.watch or self.immediate or ask.post_only or ask.display)

    def shift(self, ticks: int) -> None:
        move = lambda price: None if price is None else price + ticks  # noqa: E731
        if self.type != MARKET:
            self.price += ticks
        if self.bracket:
            self.bracket = self.bracket[0] + ticks, move(self.bracket[1])
        if not self.plain:
            self.peak, self.limit, self.activation = map(move, (self.peak, self.limit, self.activation))

    def follow(self, seen: int) -> None:
        """A trailing trigger moves with a better price."""
        s = self.sign
        if self.peak is None and self.activation is not None and s * seen > s * self.activation:
            return
        if self.peak is None or s * seen < s * self.peak:
            self.peak = seen
            offset = self.ask.trail or -(-abs(seen) * self.ask.trail_bps // 10_000)
            self.price = seen + s * offset


class Path(NamedTuple):
    """What an order lived through, mid prices in fine ticks."""

    start: int
    low: int
    high: int

    @property
    def moment(self) -> bool:
        return self.low == self.high


class Got(NamedTuple):
    """A fill in ticks; ``most``: lots that can be had."""

    price: int
    best: int
    worst: int
    maker: bool
    most: int = NO_CAP

    def capped(self, limit: int, sign: int) -> Got:
        three = (sign * min(sign * each, sign * limit) for each in self[:3])
        return Got(*three, self.maker, self.most)


@dataclass
class Offer:
    """A row with its costs; ``left``: lots still to be bought and sold of it."""

    row: Row
    fine: int
    slip: int
    half: int
    open: int
    high: int
    low: int
    close: int
    extra: int = 0
    left: list[int] = field(default_factory=lambda: [NO_CAP, NO_CAP])
    queued: int = 0
    aggressor: int = 0
    delay: int = 0

    @property
    def tick(self) -> bool:
        return self.row.kind != BAR

    @property
    def whole(self) -> Path:
        return Path(self.open, self.low, self.high)

    @property
    def opening(self) -> Path:
        return Path(self.open, self.open, self.open)

    @property
    def interval(self) -> int:
        return max(1, self.row.at - self.row.start)

    @property
    def prompt(self) -> int:
        return self.row.start + (self.delay if self.delay < self.interval else 0)

    @property
    def late(self) -> int:
        return -(-(self.high - self.low) * min(self.delay, self.interval) // (2 * self.interval))

    @property
    def middle(self) -> int:
        return (self.row.start + self.row.at) // 2

    def side(self, sign: int) -> int:
        """Where in ``left`` a side is."""
        return 1 if self.row.kind == QUOTE and sign < 0 else 0


def offer_of(row: Row, instrument: Instrument, world: World) -> Offer:
    """A bar, trade or quote as what can be traded on."""
    half_share = Fraction(instrument.spread_bps) / 20_000
    slip_share = Fraction(instrument.slippage_bps * world.slippage / 10_000)
    fine = math.lcm(2, half_share.denominator, slip_share.denominator)
    share = lambda lots: math.floor(lots * world.participation)  # noqa: E731
    if row.kind == QUOTE:
        mid, half = (row.open + row.close) * fine // 2, (row.close - row.open) * fine // 2
        offer = Offer(row._replace(start=row.at), fine, 0, half, mid, mid, mid, mid)
        if world.participation:
            offer.left = [share(lots) if lots >= 0 else NO_CAP for lots in (row.high, row.low)]
        return offer
    aggressor = 0
    if row.kind == TRADE:
        aggressor, price = row.close, row.open
        row = row._replace(start=row.at, high=price, low=price, close=price, spread=-1)
    half = row.spread * fine // 2 if row.spread >= 0 else int(abs(row.open) * half_share * fine)
    four = (each * fine for each in (row.open, row.high, row.low, row.close))
    offer = Offer(row, fine, int(slip_share * fine), half, *four, aggressor=aggressor)
    if row.kind == BAR:
        offer.extra = math.ceil((offer.high - offer.low) * world.range_slippage)
    if world.participation and row.volume >= 0:
        offer.left[0] = share(row.volume)
    return offer


def impact(offer: Offer, world: World, lots: int) -> int:
    """Share of the price times the root of lots over volume, the root rounded down to 1/65536."""
    volume = offer.row.volume
    root = math.isqrt((lots << 32) // volume) if volume > 0 else 1 << 16
    return math.ceil(abs(offer.open) * world.impact * root / (1 << 16))


def settle(mirrored: int, sign: int, fine: int) -> int:
    """Back into ticks, rounded against us."""
    return sign * -(-mirrored // fine)


def reach(offer: Offer, within: int) -> int:
    """How far the market may get within some ns, and half a spread: the price shown was a trade's."""
    if offer.tick:
        return 0
    share = math.isqrt((4 * min(within, offer.interval) << 32) // offer.interval)
    return offer.half - (-(offer.high - offer.low) * share >> 16)


def at_open(offer: Offer) -> tuple[int, int]:
    return (reach(offer, offer.delay),) * 2


def beyond(offer: Offer) -> tuple[int, int]:
    return 0, reach(offer, PAUSE)


def pay(
    order: Live, offer: Offer, base: int, slip: int, late: int = 0, doubt: tuple[int, int] = (0, 0)
) -> Got:
    """A price with costs, at most the bar's extreme where it has a range; ``doubt``: better, worse."""
    s, slip = order.sign, slip + offer.extra
    likely, best, worst = base + slip + late, base - doubt[0], base + WORST_SLIPPAGE * slip + late + doubt[1]
    if offer.high > offer.low:
        low, high = sorted((s * offer.low, s * offer.high))
        likely, worst = min(likely, high + offer.half), min(worst, high + offer.half)
        best = min(max(best, low), likely)
    return Got(*(settle(each, s, offer.fine) for each in (likely, best, worst)), False)


def open_slip(offer: Offer) -> int:
    return abs(offer.row.open) * offer.slip if offer.row.kind != QUOTE else 0


def midst(order: Live, offer: Offer) -> Got:
    """A market order that came in the midst of a bar."""
    s, row = order.sign, offer.row
    line = offer.open + (offer.close - offer.open) * (order.arrival - row.start) // offer.interval
    got = pay(order, offer, s * line + offer.half, line_slip(line, offer))
    if offer.high == offer.low:
        return got
    best, worst = sorted((s * offer.low, s * offer.high))
    return got._replace(
        best=settle(best + offer.half, s, offer.fine), worst=settle(worst + offer.half, s, offer.fine)
    )


def line_slip(line: int, offer: Offer) -> int:
    return abs(line) // offer.fine * offer.slip


def take_limit(order: Live, offer: Offer, start: int) -> Got:
    return pay(order, offer, start, open_slip(offer), offer.late, at_open(offer)).capped(
        order.price, order.sign
    )


def meet_limit(order: Live, offer: Offer, path: Path) -> Got | None:
    s, limit = order.sign, order.sign * order.price * offer.fine
    start = s * path.start + offer.half
    if s * (path.low if s > 0 else path.high) + offer.half > limit:
        return None
    if start > limit:
        return Got(order.price, order.price, order.price, True)
    if order.arrival < offer.row.start:
        price = settle(start, s, offer.fine)
        return Got(price, price, order.price, True)
    return take_limit(order, offer, start)


def meet_stop(order: Live, offer: Offer, path: Path) -> Got | None:
    s, trigger = order.sign, order.sign * order.price * offer.fine
    if s * (path.high if s > 0 else path.low) + offer.half < trigger:
        return None
    start = s * path.start + offer.half
    return pay(order, offer, max(trigger, start), abs(order.price) * offer.slip, 0, beyond(offer))


def meet(order: Live, offer: Offer, path: Path) -> Got | None:
    """A plain order and a bar."""
    if order.type == LIMIT:
        return meet_limit(order, offer, path)
    if order.type == STOP:
        return meet_stop(order, offer, path)
    if order.arrival <= offer.prompt:
        start = order.sign * path.start + offer.half
        return pay(order, offer, start, open_slip(offer), offer.late, at_open(offer))
    return midst(order, offer) if path == offer.whole else None


def meet_at_once(order: Live, offer: Offer, path: Path, lived: bool) -> Got | None:
    """An order that will not wait."""
    if order.type != LIMIT:
        return meet(order, offer, path)
    s = order.sign
    if lived:
        start = s * path.start + offer.half
        return take_limit(order, offer, start) if start <= s * order.price * offer.fine else None
    got = midst(order, offer)
    return got.capped(order.price, s) if s * got.price <= s * order.price else None


def meet_tick(order: Live, offer: Offer, rested: bool, queue: bool) -> Got | None:
    """A trade or a quote."""
    s, trade = order.sign, offer.row.kind == TRADE
    seen, start = s * offer.open, s * offer.open + offer.half
    level = s * order.price * offer.fine
    if order.type == STOP and (seen if trade else start) < level:
        return None
    if order.type != LIMIT:
        return pay(order, offer, start, open_slip(offer))
    if not rested:
        return take_limit(order, offer, start) if start <= level else None
    here = Got(order.price, order.price, order.price, True)
    if trade and seen == level and queue:
        over = offer.row.volume - order.ahead - offer.queued
        free = order.ahead >= 0 and offer.aggressor != s and over > 0
        return here._replace(most=over) if free else None
    return here if (seen < level if trade else start <= level) else None


def queue_up(order: Live, row: Row) -> None:
    """Who is in front of a resting limit order."""
    s = order.sign
    if order.type != LIMIT:
        return
    if row.kind == TRADE:
        if order.ahead > 0 and row.open == order.price and row.close != s:
            order.ahead = max(0, order.ahead - max(0, row.volume))
        return
    best, shown = (row.open, row.low) if s > 0 else (row.close, row.high)
    if best == order.price:
        if shown >= 0:
            order.ahead = shown if order.ahead < 0 else min(order.ahead, shown)
    elif s * best < s * order.price:
        order.ahead = 0


def take(order: Live, offer: Offer, path: Path) -> Got:
    start = order.sign * path.start + offer.half
    return pay(order, offer, start, abs(order.price) * offer.slip, 0, beyond(offer))


def widened(got: Got, order: Live, offer: Offer) -> Got:
    s = order.sign
    extreme = settle(s * (offer.high if s > 0 else offer.low) + offer.half, s, offer.fine)
    return got._replace(worst=s * max(s * got.worst, s * extreme))


def is_beyond(stop: Live, offer: Offer, path: Path) -> bool:
    """Whether a path starts at a stop's trigger or beyond it."""
    return stop.sign * path.start + offer.half >= stop.sign * stop.price * offer.fine


def with_rival(got: Got, stop: Live, target: Live, offer: Offer, path: Path) -> Got:
    """At best the target, where the bar reaches both in unknown order."""
    s = stop.sign
    if is_beyond(stop, offer, path) or meet(target, offer, offer.whole) is None:
        return got
    other = meet(target, offer, path)
    return got._replace(best=s * min(s * got.best, s * (other.best if other else target.price)))


def with_stop(got: Got, target: Live, stop: Live, offer: Offer, path: Path) -> Got:
    other, s = meet(stop, offer, path), target.sign
    return got if other is None else got._replace(worst=s * max(s * got.worst, s * other.worst))


def only_touches(order: Live, offer: Offer, path: Path) -> bool:
    s = order.sign
    return s * (path.low if s > 0 else path.high) + offer.half == s * order.price * offer.fine


def aftermath(entry: Live, offer: Offer, got: Got, path: Path, hopeful: bool) -> Path:
    """What an entry's legs live through in its bar; ``hopeful``: a stop's adverse end came before."""
    if path.moment:
        return offer.whole
    start = got.price * offer.fine - entry.sign * offer.half
    start = min(max(start, offer.low), offer.high)
    if entry.type == STOP and not hopeful:
        return Path(start, offer.low, offer.high)
    if (entry.sign > 0) != (entry.type == STOP):
        return Path(start, offer.low, max(start, offer.close))
    return Path(start, min(start, offer.close), offer.high)


def copied(offer: Offer, **changes: Any) -> Offer:
    """The same offer as one order sees it."""
    return replace(offer, **changes)
