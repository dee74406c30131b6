"""What the verbs of a strategy do: names to numbers, prices to ticks, units to lots, orders to the runner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from quorate.core.errors import InputError
from quorate.core.instant import parse_span
from quorate.core.instrument import Instrument
from quorate.native import _native
from quorate.native.exchange import REASONS, ROLES, SIDES, TYPES, Kind, Row
from quorate.research.book import Floats, Holding, Notice, Ticket
from quorate.research.orders import Groups, Wish, Words
from quorate.research.parameters import nearest
from quorate.research.prices import lots_of, ticks_of

if TYPE_CHECKING:
    from quorate.native.runner import Line, Runner
    from quorate.research.strategy import Strategy

NOTES_MAX = 20
_SIDES = {code: word for word, code in SIDES.items()}
_ROLES = {code: word for word, code in ROLES.items()}


class Desk:
    """One run's verbs. ``interval_ns``: of the data's own bars. ``notes``: what people should know after.
    ``reviewed``: a rulebook stands behind the runner, so that orders are of the kinds it has rules for.
    """

    def __init__(
        self, runner: Runner, instruments: Sequence[Instrument], interval_ns: int, *, reviewed: bool = False
    ) -> None:
        self.runner = runner
        self._reviewed = reviewed
        self.instruments = instruments
        self.interval_ns = interval_ns
        self.subscribed = False
        self.notes: list[str] = []
        self.small = 0  # orders below one lot
        self._places = {each.id: place for place, each in enumerate(instruments)}
        self._tickets: list[Ticket] = []
        self._groups = Groups()

    # ---- what is read ----------------------------------------------------------------------------------

    def line(
        self, name: str, arguments: Sequence[float], column: str, instrument: str | None, every: str | None
    ) -> Line:
        """The line of an indicator."""
        text = ":".join([name, *(f"{each:g}" for each in arguments)])
        try:
            return self.runner.line(self.place(instrument), self._every(every), text, column)
        except ValueError as error:
            raise InputError(str(error), where="indicator") from error

    def subscribe(self, instrument: str | None, every: str | None) -> None:
        """Bars to be told of."""
        self.subscribed = True
        try:
            self.runner.subscribe(self.place(instrument), self._every(every))
        except ValueError as error:
            raise InputError(str(error), where="bars") from error

    def last(self, column: int, count: int, instrument: str | None, every: str | None) -> Floats:
        """The last numbers of a column."""
        if count < 1:
            raise InputError(f"the last {count} bars are none", todo="count from 1")
        return self.runner.last(self.place(instrument), self._every(every), column, count)

    def holding(self, instrument: str | None) -> Holding:
        """What is held of an instrument."""
        place = self.place(instrument)
        terms, lots = self.instruments[place], self.runner.held(place)
        worth, entered = self.runner.entry(place)
        unit = float(terms.lot * terms.multiplier) * 1e8
        average = worth / entered / unit if lots else math.nan
        return Holding(lots, lots * terms.lot_float, average, self.runner.unrealised_e8(place) / 1e8)

    def working(self) -> list[Ticket]:
        """Orders that may still fill."""
        self._tickets = [each for each in self._tickets if not each.is_done]
        return list(self._tickets)

    # ---- what is done ----------------------------------------------------------------------------------

    def target(
        self,
        stance: float,
        instrument: str | None,
        stop: float | None,
        target: float | None,
        limit: float | None,
    ) -> bool:
        """Want a stance."""
        if instrument is None and stop is None and target is None and limit is None:
            return self._want(0, stance)
        place = self.place(instrument)
        tick = self.runner.tick_now(place)
        way = -1 if stance > 0 else 1
        return self._want(
            place,
            stance,
            None if limit is None else ticks_of(limit, tick, way),
            None if stop is None else ticks_of(stop, tick),
            None if target is None else ticks_of(target, tick),
        )

    def _want(self, place: int, stance: float, *prices: int | None) -> bool:
        try:
            return self.runner.target(place, stance, *prices)
        except (ValueError, TypeError) as error:
            raise InputError(str(error).partition("\n")[0], where="target") from error

    def trade(
        self,
        side: int,
        units: float | None,
        share: float | None,
        limit: float | None,
        trigger: float | None,
        stop_loss: float | None,
        take_profit: float | None,
        instrument: str | None,
        words: Words,
    ) -> Ticket:
        """Buy or sell: what is held the other way is closed first, the rest is entered."""
        if (units is None) == (share is None):
            raise InputError("an order is of units, or of a share of equity", where=_verb(side))
        wish = Wish(side, limit, trigger, stop_loss, take_profit, words)
        wish.check()
        if self._reviewed:
            wish.check_reviewed()
        place = self.place(instrument)
        terms, lots = self.instruments[place], self._lots(place, units, share)
        parent = words.get("after")
        if lots < 1:
            return self._too_small(side, terms)
        if parent is not None and not parent.numbers:
            return Ticket(self.runner, (), terms.lot_float, f"waits for an order that is none: {parent.note}")
        if self._reviewed or not (words or (limit is not None and trigger is not None)):
            numbers, way = self._send_plain(wish, place, lots)
        else:
            numbers, way = self._send(wish, place, lots)
        ticket = Ticket(self.runner, numbers, terms.lot_float, place=place, side=side, way=way)
        self._tickets.append(ticket)
        return ticket

    def _send_plain(self, wish: Wish, place: int, lots: int) -> tuple[tuple[int, ...], int]:
        """A market, limit or stop order: (numbers, how its price is rounded). Hot."""
        side, tick, way = wish.side, self.runner.tick_now(place), 0
        kind, price = TYPES["market"], None
        if wish.limit is not None:  # never worse than asked
            way = -side
            kind, price = TYPES["limit"], ticks_of(wish.limit, tick, way)
        elif wish.trigger is not None:
            kind, price = TYPES["stop"], ticks_of(wish.trigger, tick)
        stop = None if wish.stop_loss is None else ticks_of(wish.stop_loss, tick)
        target = None if wish.take_profit is None else ticks_of(wish.take_profit, tick)
        out = lots if wish.words and wish.get("reduce_only") else min(lots, self._open(place, side))
        numbers: list[int] = []
        if out:
            numbers.append(self.runner.submit(place, side, kind, ROLES["exit"], out, price))
        if lots > out:
            entry = self.runner.submit(place, side, kind, ROLES["entry"], lots - out, price, stop, target)
            numbers.append(entry)
        return tuple(numbers), way

    def _send(self, wish: Wish, place: int, lots: int) -> tuple[tuple[int, ...], int]:
        """An order of any kind: (numbers, how its price is rounded)."""
        runner, instrument = self.runner, self.instruments[place]
        terms = {**wish.terms(runner, place, instrument, lots), **self._groups.terms(wish)}
        parent = wish.get("after")
        if parent is not None:
            terms["after"] = parent.numbers[-1]
        bracket = wish.bracket(runner.tick_now(place))
        numbers = []
        for role, part in self._parts(wish, place, lots):
            more = dict(terms, **bracket) if role == "entry" else terms
            if "display" in terms:
                more = dict(more, display=min(part, terms["display"]))
            order = _native.order(
                at=runner.now, instrument=place, side=wish.side, role=ROLES[role], lots=part, **more
            )
            numbers.append(runner.submit_order(order))
        return tuple(numbers), -wish.side if wish.limit is not None else 0

    def _parts(self, wish: Wish, place: int, lots: int) -> list[tuple[str, int]]:
        """(role, lots) of the orders that one wish becomes: what is held the other way goes out first."""
        parent = wish.get("after")
        closes = parent is not None and (parent.place, parent.side) == (place, -wish.side)
        if wish.get("reduce_only") or (closes and wish.stop_loss is None):
            return [("exit", lots)]
        out = 0 if parent is not None else min(lots, self._open(place, wish.side))
        if 0 < out < lots and wish.is_single:
            what = f"{wish.verb} of more than is held would be two orders, an exit and an entry"
            raise InputError(what, where=wish.verb, todo="add reduce_only=True, or close() first")
        parts = [("exit", out), ("entry", lots - out)]
        return [each for each in parts if each[1] > 0]

    def _open(self, place: int, side: int) -> int:
        """Lots held the other way and not yet on their way out: close() and buy() at once turn a position."""
        against = -side * self.runner.held(place)
        return max(0, against - self.runner.leaving(place)) if against > 0 else 0

    def close(self, instrument: str | None) -> bool:
        """Out of an instrument, whichever verb led into it."""
        return self.runner.close(self.place(instrument))

    def timer(self, at: int | None, every: str | None) -> int:
        """A timer."""
        if (at is None) == (every is None):
            raise InputError("a timer rings at an instant, or every span", where="timer")
        span = 0 if every is None else parse_span(every)
        try:
            return self.runner.timer(self.runner.now + span if at is None else at, span)
        except ValueError as error:
            raise InputError(str(error), where="timer") from error

    # ---- small ------------------------------------------------------------------------------------------

    def place(self, instrument: str | None) -> int:
        """The number of an instrument; the first when none is named. Raises InputError for an unknown one."""
        if instrument is None:
            return 0
        place = self._places.get(instrument)
        if place is None:
            raise InputError(
                f"no instrument is called '{instrument}'", todo=nearest(instrument, [*self._places])
            )
        return place

    def _every(self, every: str | None) -> int:
        return 0 if every is None else parse_span(every)

    def _lots(self, place: int, units: float | None, share: float | None) -> int:
        terms = self.instruments[place]
        if units is not None:
            return lots_of(units, terms.lot_float)
        if share is None or not math.isfinite(share) or share <= 0:
            raise InputError(f"{share} is no quantity", todo="a number above zero")
        worth = abs(terms.worth_e8(self.runner.mark(place), 1))
        numerator, denominator = share.as_integer_ratio()
        return max(0, self.runner.equity_e8) * numerator // (worth * denominator) if worth else 0

    def _too_small(self, side: int, terms: Instrument) -> Ticket:
        self.small += 1
        note = f"{terms.id}: {_verb(side)} of less than one lot ({terms.show_quantity(1)}) is no order"
        if note not in self.notes and len(self.notes) < NOTES_MAX:
            self.notes.append(note)
        return Ticket(self.runner, (), terms.lot_float, note)

    def notice(self, row: Sequence[int]) -> Notice:
        """A report as people read it; ``row`` is what the runner tells."""
        _, order, place, role, side, lots, price, fee, at, reason = row
        terms = self.instruments[place] if place >= 0 else None
        return Notice(
            order=order,
            instrument="" if terms is None else terms.id,
            side=_SIDES[side] if terms is not None else "",
            role=_ROLES[role] if terms is not None else "",
            units=lots * terms.lot_float if terms is not None else 0.0,
            price=price * self.runner.tick_now(place) if terms is not None else 0.0,
            fee=fee / 1e8,
            at=at,
            reason=REASONS[reason],
        )


def _verb(side: int) -> str:
    return "buy" if side > 0 else "sell"


def drive(strategy: Strategy, desk: Desk) -> None:
    """Run a class body to the end: start, then whatever it listens to."""
    from quorate.research.strategy import Strategy as Base

    strategy._desk = desk
    strategy.start()
    kind, runner = type(strategy), desk.runner
    if not desk.subscribed:
        for each in desk.instruments:
            desk.subscribe(each.id, None)
    heard: dict[int, Any] = {}
    if kind.on_fill is not Base.on_fill:
        heard[Kind.FILL] = strategy.on_fill
    if kind.on_reject is not Base.on_reject:
        heard[Kind.REJECTED] = strategy.on_reject
    for code in heard:
        runner.listen(int(code))

    def on_report(*row: int) -> None:
        heard[row[0]](desk.notice(row))

    hears_ticks = kind.on_tick is not Base.on_tick
    if hears_ticks and not any(runner.shows(each) for each in (Row.TRADE, Row.QUOTE)):
        desk.notes.append("on_tick was never called: the data hold bars, and no trades or quotes")
    desk.notes += unheard(kind, Base)
    runner.run(strategy.on_bar, on_report, strategy.on_timer, strategy.on_tick if hears_ticks else None)


def unheard(kind: type, base: type) -> list[str]:
    """Methods that look as if they were called and are not; and that nothing is."""
    calls = [name for name in vars(base) if name.startswith("on_")]
    own = [name for name in dir(kind) if name.startswith("on_") and name not in calls]
    near = {name: get_close_matches(name, calls, 1, 0.8) for name in own}
    notes = [
        f"{name} is none of the calls (did you mean {found[0]}?)" for name, found in near.items() if found
    ]
    deaf = all(getattr(kind, name) is getattr(base, name) for name in ("on_bar", "on_tick", "on_timer"))
    return [*notes, *(["nothing is ever asked: there is no on_bar, on_tick or on_timer"] if deaf else [])]
