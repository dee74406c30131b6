"""What a strategy's verbs speak to on the desk: the research runner's words, answered by desk and account.

Every word means what it means in `native/runner.cpp`, so that the same body says the same there and here;
orders leave through the desk's hands alone, which review them at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quorate.core.account import Account
from quorate.core.errors import ConfigError, InputError
from quorate.core.events import Accepted, AnyEvent, Cancelled, Expired, Fill, Rejected
from quorate.core.instrument import Instrument
from quorate.core.intent import identify
from quorate.core.order import Bracket, Order, OrderType, Role, Side
from quorate.core.roles import Hands, View
from quorate.native._native import Line, Streams

Floats = NDArray[np.float64]

BARS_MAX = 1 << 21  # bars a stream has room for; memory is taken as they come
STAYS = "under a rulebook an order stays as it was reviewed"
REFUSED = -2  # in place of a number: no such order went out
FAMILY = 3  # numbers an order takes: its own, its stop's, its target's
WHOLE_E6 = 1_000_000

_SENT, _WORKING, _FILLED, _CANCELLED, _REJECTED, _EXPIRED = 1, 2, 3, 4, 5, 6  # as `STATUSES`
_TYPES = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP)
_ROLES = (Role.ENTRY, Role.EXIT)
_LEGS = {Role.STOP: 1, Role.TARGET: 2}
_ENDS: dict[type, int] = {Cancelled: _CANCELLED, Rejected: _REJECTED, Expired: _EXPIRED}


class Candle(NamedTuple):
    """A closed bar as `on_bar` reads it: in currency, carried over rolls; ``number`` from 0."""

    instrument: str
    interval_ns: int
    number: int
    start: int
    at: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Desire:
    """What is wanted of one instrument, and what the last decision about it sent."""

    __slots__ = ("bracket", "entry", "exit", "limit", "rests", "stance_e6", "waits", "wanted_e6")

    def __init__(self) -> None:
        self.wanted_e6 = self.stance_e6 = 0
        self.limit: int | None = None
        self.bracket: tuple[int, int | None] | None = None
        self.entry = self.exit = -1
        self.rests = self.waits = False


class Subscription:
    """Bars somebody wants to be told of."""

    __slots__ = ("every_ns", "place", "seen")

    def __init__(self, place: int, every_ns: int, seen: int) -> None:
        self.place, self.every_ns, self.seen = place, every_ns, seen


class Course:
    """The state of one hosted strategy. A stance of 1 is a ``share`` of equity, or ``lots`` from 0 on."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        interval_ns: int,
        *,
        share: Decimal | None,
        lots: int,
        latency_ns: int,
    ) -> None:
        self.instruments = list(instruments)
        self.places = {each.id: place for place, each in enumerate(self.instruments)}
        self._interval_ns, self._latency_ns = interval_ns, latency_ns
        self._share, self._size = (share or Decimal(1)).as_integer_ratio(), lots
        self._streams = [Streams(interval_ns, BARS_MAX) for _ in self.instruments]
        self._adjust = [1.0] * len(self.instruments)
        self._desires = [Desire() for _ in self.instruments]
        self._numbers: dict[str, int] = {}
        self._ids: list[str] = []
        self._states: dict[int, list[int]] = {}
        self._account: Account | None = None
        self._view: View | None = None
        self._hands: Hands | None = None
        self._in_instant = 0
        self._waiting = False
        self.subscriptions: list[Subscription] = []
        self.heard: set[int] = set()
        self.now = 0
        self.orders = self.unsized = 0

    # ---- what the host feeds ---------------------------------------------------------------------------

    def begin(self, at: int, view: View, account: Account, hands: Hands) -> None:
        """An instant at which the strategy may act."""
        self.now, self._view, self._account, self._hands = at, view, account, hands
        self._in_instant = 0

    def note(self, event: AnyEvent) -> int:
        """An order's report; returns the order's number, -1 for one that the strategy did not send."""
        if isinstance(event, Accepted):
            if event.parent is not None and event.role in _LEGS and event.parent in self._numbers:
                self._numbers[event.order] = self._numbers[event.parent] + _LEGS[event.role]
            number = self._numbers.get(event.order, -1)
            filled = self._states[number][2] if number in self._states else 0
            self._states[number] = [_WORKING, filled + event.quantity.count, filled]
            return number
        if not isinstance(event, Fill | Cancelled | Rejected | Expired):
            return -1
        number = self._numbers.get(event.order, -1)
        state = self._states.setdefault(number, [0, 0, 0])
        if isinstance(event, Fill):
            state[2] += event.quantity.count
            if state[2] >= state[1]:
                state[0] = _FILLED
        elif state[0] != _FILLED:
            state[0] = _ENDS[type(event)]
        return number

    def roll(self, place: int, old: int, new: int) -> None:
        """Prices go on in the next contract."""
        self._adjust[place] *= old / new

    def show(self, place: int, view: View) -> None:
        """The instrument's bar that has just closed."""
        terms = self.instruments[place]
        bar = view.bar(terms.id)
        if bar is None:
            return
        scale = terms.tick_float * self._adjust[place]
        volume = math.nan if bar.volume < 0 else bar.volume * terms.lot_float
        prices = (bar.open * scale, bar.high * scale, bar.low * scale, bar.close * scale)
        self._streams[place].push(bar.start, bar.at, *prices, volume)

    def next_bar(self, subscription: Subscription) -> Candle | None:
        """The oldest bar not told yet, taken."""
        streams = self._streams[subscription.place]
        if subscription.seen >= streams.bars(subscription.every_ns):
            return None
        number, subscription.seen = subscription.seen, subscription.seen + 1
        start, at, open, high, low, close, volume = streams.candle(subscription.every_ns, number)
        name = self.instruments[subscription.place].id
        every = subscription.every_ns or self._interval_ns
        return Candle(name, every, number, start, at, open, high, low, close, volume)

    def decide_waiting(self) -> None:
        """Decisions that waited for orders on their way are made when those have ended."""
        if not self._waiting:
            return
        self._waiting = False
        for place, desire in enumerate(self._desires):
            if desire.waits:
                self._decide(place)

    # ---- the runner's words: what is read --------------------------------------------------------------

    def line(self, place: int, every_ns: int, indicator: str, column: str) -> Line:
        """As the runner's."""
        return self._streams[place].line(every_ns, indicator, column)

    def subscribe(self, place: int, every_ns: int) -> None:
        """As the runner's."""
        self.subscriptions.append(Subscription(place, every_ns, self.bars(place, every_ns)))

    def listen(self, kind: int) -> None:
        """As the runner's."""
        self.heard.add(kind)

    def bars(self, place: int, every_ns: int) -> int:
        """As the runner's."""
        return self._streams[place].bars(every_ns)

    def view(self, place: int, every_ns: int, column: int) -> Floats:
        """As the runner's."""
        return self._streams[place].view(every_ns, column)

    def instants(self, place: int, every_ns: int) -> NDArray[np.int64]:
        """As the runner's."""
        return self._streams[place].instants(every_ns)

    def last(self, place: int, every_ns: int, column: int, count: int) -> Floats:
        """As the runner's."""
        return self.view(place, every_ns, column)[-count:].copy()

    def held(self, place: int) -> int:
        """Signed lots."""
        return 0 if self._account is None else self._account.lots(self.instruments[place].id)

    def leaving(self, place: int) -> int:
        """As the runner's."""
        return 0 if self._hands is None else self._hands.leaving(self.instruments[place].id)

    def mark(self, place: int) -> int:
        """The last close in ticks; 0 before any."""
        return 0 if self._account is None else self._account.positions[self.instruments[place].id].mark

    def entry(self, place: int) -> tuple[int, int]:
        """(worth in 1e-8, lots) of the open trade's entries."""
        if self._account is None:
            return 0, 0
        position = self._account.positions[self.instruments[place].id]
        return position.entry_e8, position.entry_lots

    def unrealised_e8(self, place: int) -> int:
        """Profit of the open trade after its fees; 0 when flat."""
        if self._account is None or not self.held(place):
            return 0
        position = self._account.positions[self.instruments[place].id]
        return position.realised_e8 - position.fees_e8 + position.worth_e8 - position.cost_e8

    @property
    def equity_e8(self) -> int:
        """At the last closes."""
        return 0 if self._account is None else self._account.equity_e8

    @property
    def cash_e8(self) -> int:
        """Paid in and not paid out: what is held at cost is not in it."""
        if self._account is None:
            return 0
        return self._account.cash_e8 - sum(each.cost_e8 for each in self._account.positions.values())

    def tick_now(self, place: int) -> float:
        """Currency a tick, carried over rolls."""
        return self.instruments[place].tick_float * self._adjust[place]

    def state(self, number: int) -> tuple[int, int, int]:
        """(status, lots, filled) of an order."""
        if number == REFUSED:
            return _REJECTED, 0, 0
        status, lots, filled = self._states[number]
        return status, lots, filled

    # ---- the runner's words: what is done --------------------------------------------------------------

    def timer(self, at: int, every_ns: int) -> int:
        """Raises InputError: a desk rings for nobody yet."""
        todo = "count bars in on_bar, or run it without --desk"
        raise InputError("a desk has no timers", where="timer", todo=todo)

    def submit(
        self,
        place: int,
        side: int,
        type: int,
        role: int,
        lots: int,
        price: int | None = None,
        stop: int | None = None,
        target: int | None = None,
    ) -> int:
        """An order past the shield; its number, or REFUSED."""
        if self._view is None or self._hands is None:
            raise InputError("nothing can be ordered before the first bar", where="start", todo="use on_bar")
        terms = self.instruments[place]
        bar = self._view.bar(terms.id)
        if bar is None:
            return REFUSED
        kind = _TYPES[type]
        asked = None if price is None or kind is OrderType.MARKET else terms.price(price)
        bracket = None
        if stop is not None:
            bracket = Bracket(terms.price(stop), None if target is None else terms.price(target))
        name = identify("strategy", str(self.now), str(self._in_instant))
        self._in_instant += 1
        order = Order(
            id=name,
            decision=identify("strategy", str(self.now)),
            instrument=terms.id,
            side=Side.BUY if side > 0 else Side.SELL,
            type=kind,
            role=_ROLES[role],
            quantity=terms.quantity(lots),
            reference=terms.price(bar.close),
            limit=asked if kind is OrderType.LIMIT else None,
            trigger=asked if kind is OrderType.STOP else None,
            bracket=bracket,
        )
        allowed = self._hands.send(order)
        if allowed < 1:
            return REFUSED
        number = len(self._ids) * FAMILY
        self._ids.append(name)
        self._numbers[name] = number
        self._states[number] = [_SENT, allowed, 0]
        self.orders += 1
        return number

    def submit_order(self, order: object) -> int:
        """Raises InputError: `Wish.check_reviewed` lets none through that a desk does not know."""
        raise InputError("a desk takes market, limit and stop orders", todo="leave the other words out")

    def replace(self, number: int, lots: int | None = None, price: int | None = None) -> bool:
        """Raises ValueError as the runner's under limits: what was reviewed stays as it was."""
        raise ValueError(STAYS)

    def cancel(self, number: int) -> bool:
        """Ask for an order to stop working; False when it has ended."""
        if not self._alive(number) or self._hands is None:
            return False
        name = self._ids[number // FAMILY]
        return self._hands.cancel(name)

    def close(self, place: int) -> bool:
        """As the runner's."""
        lots, desire = self.held(place), self._desires[place]
        if not self._want(place, 0, None, None) and lots and not self._alive(desire.exit):
            desire.exit = self._leave(place, lots, abs(lots))
        return lots != 0

    def target(
        self,
        place: int,
        stance: float,
        limit: int | None = None,
        stop: int | None = None,
        target: int | None = None,
    ) -> bool:
        """As the runner's."""
        if not -1.0 <= stance <= 1.0:
            raise ValueError(f"a stance is a number from -1 to 1, not {stance:f}")
        if target is not None and stop is None:
            raise ValueError("a bracket with a target needs a stop")
        return self._want(place, nearest_e6(stance), limit, None if stop is None else (stop, target))

    def _want(
        self, place: int, stance_e6: int, limit: int | None, bracket: tuple[int, int | None] | None
    ) -> bool:
        desire = self._desires[place]
        if stance_e6 == desire.wanted_e6:
            return False
        desire.wanted_e6, desire.limit, desire.bracket = stance_e6, limit, bracket
        if self._hands is not None:
            name = self.instruments[place].id
            self._hands.tell("stance", f"{name}: {stance_e6 / WHOLE_E6:+g} of the size is wanted")
        self._decide(place)
        return True

    def _decide(self, place: int) -> None:
        desire = self._desires[place]
        desire.waits = False
        if desire.wanted_e6 == desire.stance_e6:
            return
        if not self._settled(desire):
            desire.waits = self._waiting = True
            return
        desire.stance_e6 = desire.wanted_e6
        desire.entry = desire.exit = -1
        held = self.held(place)
        wanted = self._sized(place, desire.stance_e6) if desire.stance_e6 else 0
        if desire.stance_e6 and not wanted:
            self.unsized += 1
        stays = wanted != 0 and (held > 0) == (desire.stance_e6 > 0)
        kept = min(wanted, abs(held)) if stays else 0
        if abs(held) > kept:
            desire.exit = self._leave(place, held, abs(held) - kept)
        if wanted <= kept:
            return
        desire.rests = desire.limit is not None
        stop, target = desire.bracket if desire.bracket is not None else (None, None)
        side = 1 if desire.stance_e6 > 0 else -1
        desire.entry = self.submit(
            place, side, 1 if desire.rests else 0, 0, wanted - kept, desire.limit, stop, target
        )

    def _leave(self, place: int, held: int, lots: int) -> int:
        return self.submit(place, -1 if held > 0 else 1, 0, 1, lots)

    def _sized(self, place: int, stance_e6: int) -> int:
        part = abs(stance_e6)
        if self._size >= 0:
            return self._size * part // WHOLE_E6
        worth = abs(self.instruments[place].worth_e8(self.mark(place), 1))
        if not worth or self.equity_e8 <= 0:
            return 0
        numerator, denominator = self._share
        return self.equity_e8 * numerator * part // (worth * denominator * WHOLE_E6)

    def _alive(self, number: int) -> bool:
        return number >= 0 and self._states[number][0] in (_SENT, _WORKING)

    def _settled(self, desire: Desire) -> bool:
        """Whether what the last decision sent can change nothing more; a resting entry is taken back."""
        if self._alive(desire.exit):
            return False
        if not self._alive(desire.entry):
            return True
        if not desire.rests:
            return False
        self.cancel(desire.entry)
        return self._latency_ns < self._interval_ns


def nearest_e6(stance: float) -> int:
    """A stance in millionths, to the nearest, half away from zero."""
    scaled = stance * 1e6
    whole = math.trunc(scaled)
    return whole + (int(math.copysign(1, scaled)) if abs(scaled - whole) >= 0.5 else 0)


def lots_of(units: Decimal, instruments: Mapping[str, Instrument]) -> int:
    """A size in base units as lots. Raises ConfigError where instruments differ or it is below one lot."""
    sizes = {each.lot for each in instruments.values()}
    if len(sizes) > 1:
        what = "a size in units fits instruments of one lot only"
        raise ConfigError(what, where="size", todo="write a share, such as 10%")
    lots = int(units / sizes.pop())
    if lots < 1:
        raise ConfigError(f"{units} is less than one lot", where="size", todo="write more, or a share")
    return lots
