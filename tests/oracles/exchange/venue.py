"""The readable oracle of the whole exchange: every order type over bars, trades, quotes, marks and rolls.

Orders are `Ask`s, rows and reports the plain numbers of `quorate.native.exchange`, 16 a report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quorate.core.instant import DAY as DAY_NS
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money
from quorate.native.exchange import REASONS, Told
from quorate.native.exchange import Kind as Say
from tests.oracles.exchange import prices
from tests.oracles.exchange.costs import financing_e8
from tests.oracles.exchange.ledger import Ledger
from tests.oracles.exchange.prices import (
    ANY,
    BAR,
    BY_INDEX,
    BY_MARK,
    DAY,
    FOK,
    FOREVER,
    GTD,
    INDEX,
    LAST,
    LIMIT,
    LIT,
    MARK,
    MARKET,
    NO_CAP,
    ON_OPEN,
    QUOTE,
    ROLL,
    SESSION,
    STOP,
    STOP_LIMIT,
    STOPS,
    TO_LIMIT,
    TOUCH,
    TOUCHED,
    TRADE,
    TRAIL_LIMIT,
    TRAILING,
    Ask,
    Got,
    Live,
    Offer,
    Path,
    Row,
    World,
    meet,
    meet_tick,
)  # fmt: skip

OPENING, REST, TICK = range(3)
Report = list[int]


@dataclass
class Market:
    """One instrument's book and what is known of it."""

    instrument: Instrument
    book: list[Live] = field(default_factory=list)
    day: int = -1
    seen: int = -1
    marked: bool = False


@dataclass
class Meeting:
    """An order before an offer; ``again``: an iceberg's second turn."""

    order: Live
    offer: Offer
    path: Path
    again: bool = False


class Venue:
    """A simulated exchange. `watch` it with the rows of one instant after another."""

    def __init__(self, instruments: Sequence[Instrument], cash_e8: int, world: World) -> None:
        self.instruments = list(instruments)
        self.markets = [Market(each) for each in instruments]
        self.names = [each.id for each in instruments]
        self.ledger = Ledger(Money(cash_e8, "USD"), {each.id: each for each in instruments})
        self.world = world
        self.orders: dict[int, Live | None] = {}
        self.waiting: list[Report] = []
        self.changes: list[tuple[int, Live, int | None, list[int] | None]] = []
        self.out: list[Report] = []
        self.legs: list[Meeting] = []
        self.at, self.numbers, self.next_id, self.unsettled = -1, 0, 0, False

    # ---- reports -------------------------------------------------------------------------------------

    def report(self, at: int, kind: Say, reason: str = "", **columns: int) -> Report:
        row = [0] * len(Told)
        row[Told.AT], row[Told.KIND], row[Told.REASON] = at, kind, REASONS.index(reason)
        row[Told.ORDER] = row[Told.PARENT] = row[Told.INSTRUMENT] = -1
        row[Told.SIDE] = 1
        for name, value in columns.items():
            row[Told[name.upper()]] = value
        return row

    def tell(self, kind: Say, reason: str = "", **columns: int) -> None:
        self.out.append(self.report(self.at, kind, reason, **columns))

    def wait(self, at: int, kind: Say, reason: str = "", **columns: int) -> None:
        self.waiting.append(self.report(at, kind, reason, **columns))
        self.waiting.sort(key=lambda row: row[Told.AT])

    def withdraw(self, order: Live, *kinds: Say, since: int = -1) -> None:
        def gone(row: Report) -> bool:
            return row[Told.ORDER] == order.id and row[Told.KIND] in kinds and row[Told.AT] >= since

        self.waiting = [row for row in self.waiting if not gone(row)]

    def drain(self, until: int) -> list[Report]:
        due = [row for row in self.waiting if row[Told.AT] <= until]
        self.waiting = self.waiting[len(due) :]
        return due

    # ---- orders --------------------------------------------------------------------------------------

    def refusal(self, ask: Ask) -> str:
        """Why an order cannot be worked; empty when it can."""
        if not 0 <= ask.instrument < len(self.markets):
            return "unknown instrument"
        if ask.lots <= 0:
            return "no quantity"
        if (ask.type == LIMIT and ask.price is None) or (ask.type in (STOP_LIMIT, LIT) and ask.limit is None):
            return "limit order without a limit"
        if ask.type in (STOP, STOP_LIMIT, *TOUCHED) and ask.price is None:
            return "stop order without a trigger"
        if ask.stop is not None and ask.role != 0:
            return "bracket on an exit"
        offsets = ask.trail, ask.trail_bps
        if ask.type in TRAILING and (min(offsets) < 0 or (ask.trail > 0) == (ask.trail_bps > 0)):
            return "trailing order without an offset"
        if self.contradictory(ask):
            return "terms that do not go together"
        if ask.after != -1 and self.orders.get(ask.after) is None:
            return "the order it waits for does not work"
        return ""

    def contradictory(self, ask: Ask) -> bool:
        trails, session, immediate = ask.type in TRAILING, ask.type in SESSION, ask.force >= 3
        return any(
            (
                not trails and (ask.trail or ask.trail_bps or ask.activation is not None),
                trails and ask.price is not None,
                ask.limit_offset < 0 or (ask.limit_offset and ask.type != TRAIL_LIMIT),
                ask.limit is not None and ask.type not in (STOP_LIMIT, LIT, *SESSION),
                ask.watch != ANY and ask.type not in (*STOPS, *TOUCHED),
                ask.post_only and ask.type != LIMIT,
                (immediate or session) and (ask.post_only or ask.display),
                immediate and session,
                ask.good_until != FOREVER and ask.force not in (DAY, GTD),
                ask.force == GTD and ask.good_until == FOREVER,
                not 0 <= ask.display <= ask.lots,
                ask.group < 0 or (ask.shrinks and not ask.group),
                ask.session != FOREVER and not session,
            )
        )

    def submit(self, ask: Ask) -> int:
        """Sends an order; returns its number."""
        number, self.next_id = self.next_id, self.next_id + 3
        delay = self.world.delay(ask.at, number, 0)
        arrival = ask.at + delay
        until = ask.good_until
        if ask.force == DAY and until == FOREVER:
            until = (arrival // DAY_NS + 1) * DAY_NS
        reason = self.refusal(ask)
        self.orders[number] = None
        if reason:
            self.wait(arrival, Say.REJECTED, reason, order=number)
        elif arrival > min(ask.expires_at, until):
            self.wait(arrival, Say.EXPIRED, order=number)
        else:
            self.accept(self.live(number, ask, arrival, delay, until), arrival)
            if until != FOREVER:
                self.wait(until + 1, Say.EXPIRED, order=number)
        return number

    def live(self, number: int, ask: Ask, arrival: int, delay: int, until: int) -> Live:
        """The order as it arrives."""
        price = 0 if ask.price is None or ask.type == MARKET else ask.price
        order = Live(number, ask, ask.type, ask.lots, price, arrival, delay, limit=ask.limit)
        order.until = FOREVER if until == FOREVER else until + 1
        order.activation, order.session, order.heard = ask.activation, ask.session, arrival
        order.bracket = None if ask.stop is None else (ask.stop, ask.target)
        order.dormant = not order.plain and ask.type in (*STOPS, *TOUCHED)
        if ask.type == TO_LIMIT:
            order.type = MARKET
        if ask.type in SESSION and ask.session == FOREVER:
            midnight = -(-arrival // DAY_NS) * DAY_NS
            order.session = midnight if ask.type == ON_OPEN else (arrival // DAY_NS + 1) * DAY_NS
        parent = self.orders.get(ask.after)
        if parent is not None and not parent.filled:
            order.after, order.arrival = parent.id, FOREVER
        return order

    def accept(self, order: Live, at: int, *, now: bool = False) -> None:
        self.numbers += 1
        order.number = self.numbers
        self.orders[order.id] = order
        self.markets[order.ask.instrument].book.append(order)
        leg = order.id % 3
        columns = {
            "order": order.id, "parent": order.id - leg if leg else -1, "instrument": order.ask.instrument,
            "role": order.ask.role, "side": order.sign, "type": order.ask.type, "lots": order.lots,
            "price": order.price,
        }  # fmt: skip
        self.tell(Say.ACCEPTED, **columns) if now else self.wait(at, Say.ACCEPTED, **columns)

    def cancel(self, number: int, at: int) -> bool:
        order = self.orders[number]
        if order is None or order.cancelling:
            return False
        until = max(at + self.world.delay(at, number, 1), order.heard)
        if until >= order.until:
            return False
        self.withdraw(order, Say.EXPIRED)
        self.withdraw(order, Say.REPLACED, since=until)
        order.until, order.cancelling = until, True
        self.wait(until, Say.CANCELLED, "asked", order=number)
        return True

    def replace(self, number: int, at: int, lots: int | None, price: int | None) -> bool:
        order = self.orders[number]
        if order is None or order.cancelling:
            return False
        arrival = max(at + self.world.delay(at, number, 2 + order.changes), order.heard)
        if arrival >= order.until:
            return False
        order.heard = arrival
        order.changes += 1
        self.changes.append((arrival, order, lots, None if price is None else [price]))
        self.changes.sort(key=lambda change: change[0])
        self.wait(
            arrival, Say.REPLACED, order=number, lots=lots or order.lots + order.filled,
            price=order.price if price is None else price,
        )  # fmt: skip
        return True

    def arrive(self) -> None:
        """The changes that are due take effect."""
        due = [change for change in self.changes if change[0] <= self.at]
        self.changes = self.changes[len(due) :]
        for at, order, lots, price in due:
            if order.done or at >= order.until:
                continue
            keeps = True
            if price and order.priced and price[0] != order.price:
                order.price, keeps = price[0], False
            if lots is not None:
                rest = lots - order.filled
                if rest <= 0:
                    self.end(order, Say.CANCELLED, "asked")
                    continue
                keeps = keeps and rest <= order.lots
                order.lots = rest
            if not keeps:
                self.numbers += 1
                order.number, order.ahead = self.numbers, -1
                if order.arrival != FOREVER:
                    order.arrival = at

    def retire(self, order: Live) -> None:
        order.done = True
        self.orders[order.id] = None
        self.markets[order.ask.instrument].book.remove(order)
        if order.sibling:
            order.sibling.sibling = None

    def end(self, order: Live, kind: Say | None = None, reason: str = "") -> None:
        """The order works no more; what is on its way to it finds nothing."""
        self.retire(order)
        self.withdraw(order, Say.CANCELLED, Say.EXPIRED, Say.REPLACED)
        if kind is not None:
            self.tell(kind, reason, order=order.id)

    def refuse(self, order: Live, reason: str) -> None:
        self.end(order, Say.CANCELLED if order.filled else Say.REJECTED, reason)

    def working(self) -> list[Live]:
        every = [order for order in self.orders.values() if order is not None]
        return sorted(every, key=lambda order: order.number)

    def end_orphans(self) -> None:
        """Whoever waits for an order that has ended without a fill never comes to life."""
        while orphans := [each for each in self.working() if each.after >= 0 and not self.orders[each.after]]:
            self.end(orphans[0], Say.CANCELLED, "the order it waits for ended")

    # ---- the course of an instant --------------------------------------------------------------------

    def watch(self, events: Sequence[Row]) -> list[Report]:
        """All rows of the next instant; returns the reports up to and of it."""
        at = events[0].at
        self.out = self.drain(at)
        self.at = at
        self.arrive()
        self.end_orphans()
        for row in events:
            if row.kind == ROLL:
                self.carry(row)
        for row in events:
            if row.kind > ROLL:
                self.tick(row)
        meetings = [each for row in events if row.kind == BAR for each in self.bar(row)]
        self.end_orphans()
        self.match(meetings)
        self.value(events)
        if self.unsettled:
            self.settle()
        return self.out

    def carry(self, row: Row) -> None:
        market, step = self.markets[row.instrument], row.close - row.open
        for order in market.book:
            order.shift(step)
        for _, order, _, price in self.changes:
            if price and not order.done and order.ask.instrument == row.instrument:
                price[0] += step
        name, each = market.instrument.id, market.instrument
        marked = self.ledger.marks[name] + step if market.marked else row.close
        self.ledger.marks[name] = marked
        if lots := self.ledger.lots[name]:
            fee = sum(each.fee_e8(ticks, abs(lots), maker=False) for ticks in (row.open, row.close))
            self.ledger.roll(name, row.open, row.close, fee)
            self.unsettled = True
            self.tell(Say.ROLLED, instrument=row.instrument, best=row.open, price=row.close, money=fee)

    def charge(self, place: int) -> None:
        market, day = self.markets[place], self.at // DAY_NS
        days, market.day = day - market.day, day
        each = market.instrument
        lots = self.ledger.lots[each.id]
        owed = financing_e8(each, self.ledger.marks[each.id], lots, days) if days and lots else 0
        if owed:
            self.ledger.charge(owed)
            self.unsettled = True
            why = "funding" if each.kind is Kind.PERPETUAL else "borrow"
            self.tell(Say.CHARGED, why, instrument=place, money=owed)

    def value(self, events: Sequence[Row]) -> None:
        for row in events:
            market = self.markets[row.instrument]
            price = {BAR: row.close, TRADE: row.open, QUOTE: (row.open + row.close) // 2}.get(row.kind)
            if row.kind == MARK:
                self.ledger.marks[market.instrument.id] = row.open
            elif not market.marked and price is not None:
                self.ledger.marks[market.instrument.id] = price

    def settle(self) -> None:
        self.unsettled = False
        held = [(place, self.ledger.lots[name]) for place, name in enumerate(self.names)]
        held = [each for each in held if each[1]]
        self.tell(Say.SETTLED, money=self.ledger.cash_e8, lots=len(held))
        for place, lots in held:
            self.tell(Say.HELD, instrument=place, lots=lots)

    # ---- rows ----------------------------------------------------------------------------------------

    def there(self, market: Market, at: int) -> list[Live]:
        """The orders that have arrived; those whose time is over leave the book, reported already."""
        for order in [order for order in market.book if order.until <= at]:
            self.retire(order)
        return [order for order in market.book if order.arrival < at]

    def bar(self, row: Row) -> list[Meeting]:
        market = self.markets[row.instrument]
        self.charge(row.instrument)
        if not row.volume and row.high <= row.low:
            return []
        offer = prices.offer_of(row, market.instrument, self.world)
        return [
            Meeting(order, offer, offer.whole)
            for order in self.there(market, row.at)
            if not order.plain or order.type == MARKET or meet(order, offer, offer.whole)
        ]

    def tick(self, row: Row) -> None:
        market = self.markets[row.instrument]
        self.charge(row.instrument)
        if row.kind in (MARK, INDEX):
            market.marked = market.marked or row.kind == MARK
            self.trigger_by(market, row)
            return
        if row.kind == QUOTE or row.volume:
            offer = prices.offer_of(row, market.instrument, self.world)
            there = self.there(market, row.at)
            self.end_orphans()
            there = [order for order in there if not order.done]
            for order in there:
                if row.kind == QUOTE and self.world.queue:
                    prices.queue_up(order, row)
            meetings = self.sorted([Meeting(order, offer, offer.opening) for order in there], opening=True)
            self.legs = []
            for meeting in meetings:  # grows while it runs
                self.meet_one(meeting, meeting.path, TICK)
                meetings += self.legs
                self.legs = []
        if row.kind == TRADE and self.world.queue:
            for order in market.book:
                prices.queue_up(order, row)
        market.seen = self.at

    def trigger_by(self, market: Market, row: Row) -> None:
        """What watches the mark or the index."""
        watch = BY_MARK if row.kind == MARK else BY_INDEX
        for order in market.book:
            if not order.dormant or order.ask.watch != watch or not order.arrival < row.at < order.until:
                continue
            if order.type in TRAILING:
                order.follow(row.open)
                if order.peak is None:
                    continue
            ahead = order.sign * (row.open - order.price)
            if ahead <= 0 if order.type in TOUCHED else ahead >= 0:
                self.trigger(order, row.at)

    def sorted(self, meetings: list[Meeting], *, opening: bool) -> list[Meeting]:
        """Exits first at the open, stops first later (last with optimism); then by price and arrival."""
        shared = bool(self.world.participation) or self.world.queue

        def key(meeting: Meeting) -> tuple[bool, int, int]:
            order = meeting.order
            stop = order.type in STOPS
            later = not order.reduces if opening else stop if self.world.path > 0 else not stop
            price = -order.sign * order.price if shared and order.type == LIMIT else -FOREVER
            return later, price, order.number

        return sorted(meetings, key=key)

    def match(self, meetings: list[Meeting]) -> None:
        self.legs = []
        meetings = self.sorted(meetings, opening=True)
        for meeting in meetings:
            self.meet_one(meeting, meeting.offer.opening, OPENING)
        meetings = self.sorted(meetings, opening=False) + self.legs
        for meeting in meetings:  # grows while it runs
            self.legs = []
            self.meet_one(meeting, meeting.path, REST)
            meetings += self.legs

    # ---- one order, one row --------------------------------------------------------------------------

    def meet_one(self, meeting: Meeting, path: Path, part: int) -> None:
        order = meeting.order
        if order.done:
            return
        offer = prices.copied(meeting.offer, delay=order.delay)
        if self.world.impact and offer.row.kind != QUOTE:
            offer.extra += prices.impact(offer, self.world, order.lots)
        over, got = False, None
        rested = order.arrival < self.markets[order.ask.instrument].seen
        if order.plain:
            got = (
                meet_tick(order, offer, rested, self.world.queue)
                if part == TICK
                else meet(order, offer, path)
            )
        elif order.type in SESSION:
            got, path, over = self.meet_session(order, offer, path, part)
        else:
            woken = order.dormant
            if woken:
                awake = self.trailing if order.type in TRAILING else self.awaken
                left = awake(order, offer, path, part)
                if left is None:
                    return
                path, offer.delay = left, 0
            over = order.immediate and (woken or part != OPENING or order.arrival <= offer.prompt)
            got = self.meet_special(order, offer, path, part, woken=woken, rested=rested, over=over)
            if got and order.ask.post_only and not got.maker:
                self.refuse(order, "post-only would take")
        if got and not order.done:
            self.execute(meeting, offer, path, got)
        self.end_orphans()
        if over and not order.done:
            session = order.type in SESSION
            self.end(order, Say.CANCELLED, "missed its session" if session else "not filled at once")
            self.end_orphans()

    def meet_special(
        self, order: Live, offer: Offer, path: Path, part: int, *, woken: bool, rested: bool, over: bool
    ) -> Got | None:
        """What is neither plain nor for a session, once it is awake."""
        if part == TICK:
            return meet_tick(order, offer, rested and not woken, self.world.queue)
        if woken and order.type == MARKET:
            got = prices.take(order, offer, path)
            trailing = order.ask.type in TRAILING and part == REST
            return prices.widened(got, order, offer) if trailing else got
        if order.immediate:
            lived = woken or order.arrival <= offer.prompt
            return prices.meet_at_once(order, offer, path, lived) if over else None
        return meet(order, offer, path)

    def meet_session(self, order: Live, offer: Offer, path: Path, part: int) -> tuple[Got | None, Path, bool]:
        """(fill, path, whether the one chance is over) of an order for the open or the close."""
        row, got = offer.row, None
        if part == TICK:
            if row.at < order.session:
                return None, path, False
            got = meet_tick(order, offer, False, False)
        elif order.type == ON_OPEN:
            if row.start < order.session:
                return None, path, False
            if part != OPENING or order.arrival > offer.prompt:
                return None, path, part != OPENING
            base = order.sign * offer.open + offer.half
            slip = prices.open_slip(offer)
            got = prices.pay(order, offer, base, slip, offer.late, prices.at_open(offer))
        else:
            if row.at < order.session or part == OPENING:
                return None, path, False
            path = Path(offer.close, offer.close, offer.close)
            if row.start < order.session:
                base = order.sign * offer.close + offer.half
                got = prices.pay(order, offer, base, abs(row.close) * offer.slip)
        if got and order.limit is not None:
            beyond = order.sign * got.price > order.sign * order.limit
            got = None if beyond else got.capped(order.limit, order.sign)
        return got, path, True

    def execute(self, meeting: Meeting, offer: Offer, path: Path, got: Got) -> None:
        """What may be traded of what was met, and all that follows."""
        order, s = meeting.order, meeting.order.sign
        each = self.markets[order.ask.instrument].instrument
        held, most = self.ledger.lots[each.id] * s, order.lots
        rival = None if offer.tick else order.sibling
        target_first = bool(rival) and order.type == LIMIT and self.world.path > 0
        if rival and target_first and prices.is_beyond(rival, offer, path):
            return None
        if order.reduces:
            most = min(most, -held)
            if most <= 0:
                return self.end(order, Say.CANCELLED, "nothing to reduce")
        elif held < 0:
            return self.refuse(order, "would turn the position")
        if self.world.path < 0 and got.maker and not offer.tick and prices.only_touches(order, offer, path):
            return None
        left, side = meeting.offer.left, offer.side(s)
        uncapped = left[side] == NO_CAP
        lots = min(most, got.most, left[side])
        iceberg = order.ask.display > 0 and lots < most and not meeting.again
        if iceberg:
            lots = min(lots, order.ask.display)
        if lots <= 0 or (order.ask.force == FOK and lots < most):
            return None
        if self.world.path:
            got = got._replace(price=got.worst if self.world.path < 0 else got.best)
        fee = each.fee_e8(got.price, lots, maker=got.maker)
        if not order.reduces and not self.ledger.affords(each.id, got.price, lots * s, fee):
            return self.refuse(order, "margin")
        if rival and order.type == STOP:
            got = prices.with_rival(got, order, rival, offer, path)
        elif rival and target_first:
            got = prices.with_stop(got, order, rival, offer, path)
        if not uncapped:
            left[side] -= lots
        if got.most != NO_CAP:
            meeting.offer.queued += lots
        closing = order.type == prices.ON_CLOSE
        filled_at = max(offer.row.start if path.moment else offer.middle, order.arrival)
        filled_at = offer.row.at if closing else filled_at
        after = path if closing else prices.aftermath(order, offer, got, path, self.world.path > 0)
        first = not order.filled
        self.trade(order, lots, most, got, fee, filled_at, uncapped=uncapped)
        if order.bracket:
            self.protect(order, lots, filled_at, meeting.offer, after, first=first)
        self.release(order, filled_at, meeting.offer, after)
        if iceberg and not order.done:
            self.legs.append(Meeting(order, meeting.offer, path, again=True))
        return None

    def trade(
        self, order: Live, lots: int, most: int, got: Got, fee: int, filled_at: int, *, uncapped: bool
    ) -> None:
        """Books and reports a fill, and ends or makes smaller what it leaves no room for."""
        place, sibling, over = order.ask.instrument, order.sibling, lots == most
        name = self.names[place]
        self.ledger.trade(name, got.price, lots * order.sign, fee)
        self.unsettled = True
        order.filled, order.lots = order.filled + lots, order.lots - lots
        if over:
            self.end(order)
        else:
            order.ahead = min(order.ahead, 0)
            if order.ask.display:
                self.numbers += 1
                order.number = self.numbers
            if order.ask.type == TO_LIMIT and order.type == MARKET:
                order.type, order.price, order.arrival = LIMIT, got.price, filled_at
        flag = "volume unknown" if uncapped and self.world.participation else ""
        self.tell(
            Say.FILL, flag, order=order.id, instrument=place, role=order.ask.role, side=order.sign,
            type=order.ask.type, lots=lots, price=got.price, money=fee, filled_at=filled_at, best=got.best,
            worst=got.worst, maker=int(got.maker),
        )  # fmt: skip
        if over and order.lots:
            self.tell(Say.CANCELLED, "flat", order=order.id)
        if sibling:
            self.end(sibling, Say.CANCELLED, "oco") if over else self.shrink(sibling, lots)
        if order.id % 3 and (entry := self.orders[order.id - order.id % 3]):
            self.end(entry, Say.CANCELLED, "oco")
        if order.ask.group:
            self.spread_fill(order, lots)
        if not self.ledger.lots[name]:
            self.flatten(place)

    def spread_fill(self, order: Live, lots: int) -> None:
        for other in self.working():
            if other.ask.group == order.ask.group and other is not order and not other.done:
                self.shrink(other, lots) if other.ask.shrinks else self.end(other, Say.CANCELLED, "oco")

    def shrink(self, order: Live, lots: int) -> None:
        if order.lots <= lots:
            self.end(order, Say.CANCELLED, "oco")
        else:
            order.lots -= lots
            self.resized(order)

    def resized(self, order: Live) -> None:
        self.tell(Say.REPLACED, order=order.id, lots=order.lots + order.filled, price=order.price)

    def flatten(self, place: int) -> None:
        """With nothing left to reduce, exits and legs end, and with its legs an entry."""
        book = self.markets[place].book
        ended = [order for order in book if order.reduces and order.arrival <= self.at]
        for order in ended:
            self.end(order, Say.CANCELLED, "flat")
        for order in ended:
            if order.id % 3 and (entry := self.orders[order.id - order.id % 3]):
                self.end(entry, Say.CANCELLED, "flat")

    def protect(
        self, entry: Live, lots: int, filled_at: int, offer: Offer, path: Path, *, first: bool
    ) -> None:
        """Legs come to life with the first fill, and grow with the next ones."""
        assert entry.bracket
        if not first:
            for number in (entry.id + 1, entry.id + 2):
                if leg := self.orders.get(number):
                    leg.lots += lots
                    self.resized(leg)
            return
        legs = []
        for offset, kind, price in ((1, STOP, entry.bracket[0]), (2, LIMIT, entry.bracket[1])):
            if price is None:
                continue
            ask = Ask(entry.ask.at, entry.ask.instrument, -entry.sign, kind, offset + 1, lots, price)
            leg = Live(entry.id + offset, ask, kind, lots, price, filled_at, entry.delay)
            self.accept(leg, self.at, now=True)
            legs.append(leg)
        if not offer.tick:
            ranked = legs[::-1] if self.world.path > 0 else legs
            self.legs += [Meeting(leg, offer, path) for leg in ranked]
        if len(legs) == 2:
            legs[0].sibling, legs[1].sibling = legs[1], legs[0]

    def release(self, parent: Live, filled_at: int, offer: Offer, path: Path) -> None:
        """The orders that waited for this first fill are at work."""
        for child in self.working():
            if child.after != parent.id:
                continue
            child.after = -1
            child.arrival = max(child.ask.at + child.delay, filled_at)
            same = child.ask.instrument == parent.ask.instrument
            if same and not offer.tick and child.arrival < self.at:
                self.legs.append(Meeting(child, offer, path))

    # ---- triggers ------------------------------------------------------------------------------------

    def trigger(self, order: Live, at: int) -> None:
        """From now on the order is what its trigger makes of it."""
        self.tell(Say.TRIGGERED, order=order.id, price=order.price)
        if order.type in (STOP_LIMIT, LIT):
            assert order.limit is not None
            order.type, order.price = LIMIT, order.limit
        elif order.type == TRAIL_LIMIT:
            order.type, order.price = LIMIT, order.price + order.sign * order.ask.limit_offset
        else:
            order.type = MARKET
        order.dormant, order.delay, order.ahead = False, 0, -1
        order.arrival = max(order.arrival, at)

    def margin(self, order: Live, offer: Offer) -> int:
        return 0 if offer.row.kind == TRADE or order.ask.watch == LAST else offer.half

    def watches(self, order: Live, offer: Offer) -> bool:
        kinds = {ANY: (BAR, TRADE, QUOTE), LAST: (BAR, TRADE), TOUCH: (BAR, QUOTE)}
        return offer.row.kind in kinds.get(order.ask.watch, ())

    def awaken(self, order: Live, offer: Offer, path: Path, part: int) -> Path | None:
        """The path that is left once the trigger was reached."""
        if not self.watches(order, offer):
            return None
        s, margin, touched = order.sign, self.margin(order, offer), order.type in TOUCHED
        level, start = s * order.price * offer.fine, s * path.start + margin
        rising = (s > 0) != touched
        end = s * (path.high if rising else path.low) + margin
        if end > level if touched else end < level:
            return None
        met = min(level, start) if touched else max(level, start)
        self.trigger(order, offer.middle if part == REST else offer.row.start)
        if path.moment:
            return Path(s * (met - margin), s * (met - margin), s * (met - margin))
        mid = min(max(s * (met - margin), path.low), path.high)
        if rising:
            return Path(mid, min(mid, offer.close), path.high)
        return Path(mid, path.low, max(mid, offer.close))

    def trailing(self, order: Live, offer: Offer, path: Path, part: int) -> Path | None:
        """A trailing trigger, moved, looked at, and moved again."""
        if not self.watches(order, offer):
            return None
        row, s = offer.row, order.sign
        lived = order.arrival <= offer.prompt
        if part != REST:
            if not lived:
                return None
            order.follow(row.close if row.kind == QUOTE and s > 0 else row.open)
            return None if order.peak is None else self.awaken(order, offer, path, part)
        if lived and order.peak is not None and (left := self.awaken(order, offer, path, part)):
            return left
        if lived:
            order.follow(row.low if s > 0 else row.high)
        order.follow(row.close)
        level, margin = s * order.price * offer.fine, self.margin(order, offer)
        if order.peak is None or s * offer.close + margin < level:
            return None
        self.trigger(order, offer.middle)
        mid = min(max(s * (level - margin), offer.low), offer.high)
        return Path(mid, min(mid, offer.close), max(mid, offer.close))
