"""The native exchange beside its readable oracle, in lockstep: the same reports and books, to the integer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from quorate.core.effects import Cancel
from quorate.core.errors import UnitError
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
from quorate.core.instant import DAY, HOUR
from quorate.core.instrument import Instrument
from quorate.core.money import Money
from quorate.core.order import ApprovedOrder, Bracket, Order, OrderType, Role, Side
from quorate.native.exchange import REASONS, Exchange, Kind, Rows, Told
from quorate.simulator.costs import Costs
from tests.exchange import CRYPTO, FUTURE, PLAIN, SMALL, START, approve
from tests.oracles.exchange.simulator import Simulator
from tests.property.test_simulator import trade

ROLE_OF = (Role.ENTRY, Role.EXIT, Role.STOP, Role.TARGET)
SIDE_OF = {1: Side.BUY, -1: Side.SELL}


def rows_of(events: Sequence[MarketEvent], places: Sequence[str]) -> Rows:
    """Core's market events as the native exchange reads them."""
    rows = []
    for event in events:
        place = places.index(event.instrument)
        if isinstance(event, Bar):
            prices = event.open, event.high, event.low, event.close
            rows.append((event.at, 0, place, event.start, *prices, event.volume, event.spread))
        elif isinstance(event, Roll):
            rows.append((event.at, 1, place, 0, event.old, 0, 0, event.new, 0, 0))
    return np.array(rows, dtype=np.int64).reshape(-1, 10)


class Twin(Simulator):
    """The oracle with the native exchange at its side, asked the same and shown the same.

    Compares the books after every instant; ``verify`` compares all reports. Subclasses plant defects.
    """

    def __init__(self, instruments: Mapping[str, Instrument], cash: Money, costs: Costs) -> None:
        super().__init__(instruments, cash, costs)
        self.instruments, self.places = instruments, list(instruments)
        traded = [self.native_terms(each) for each in instruments.values()]
        self.native = Exchange(
            traded, cash.count, latency_ns=self.native_latency(costs.latency_ns), slippage=costs.slippage
        )
        self.dice = Random(costs.latency_ns)
        self.sent: dict[str, Order] = {}
        self.reasons: dict[str, str] = {}
        self.told: list[Report] = []
        self.heard: list[Report] = []

    # Where defects are planted.
    def native_terms(self, instrument: Instrument) -> Instrument:
        return instrument

    def native_latency(self, latency_ns: int) -> int:
        return latency_ns

    def native_expiry(self, expires_at: int) -> int:
        return expires_at

    def native_rows(self, rows: Rows) -> Rows:
        return rows

    # The same to both.
    def submit(self, order: ApprovedOrder) -> None:
        if self.dice.random() < 0.25:  # around the very instant of arrival
            order = replace(order, expires_at=order.at + self._latency_ns + self.dice.randint(-1, 1))
        super().submit(order)
        wanted = order.order
        price = wanted.trigger if wanted.type is OrderType.STOP else wanted.limit
        bracket = wanted.bracket
        self.native.submit(
            wanted.id, order.at, wanted.instrument, wanted.side, wanted.type, wanted.role,
            wanted.quantity.count, None if price is None else price.count,
            stop=None if bracket is None else bracket.stop.count,
            target=None if bracket is None or bracket.target is None else bracket.target.count,
            expires_at=self.native_expiry(order.expires_at),
        )  # fmt: skip
        self.sent.setdefault(wanted.id, wanted)

    def cancel(self, cancel: Cancel) -> None:
        super().cancel(cancel)
        if self.native.cancel(cancel.order, cancel.at):
            self.reasons[cancel.order] = cancel.reason

    def watch(self, events: Sequence[MarketEvent]) -> None:
        super().watch(events)
        self.hear(self.native.watch(rows_of(events, self.places)))
        assert self.native.cash_e8 == self.ledger.cash_e8, "cash differs"
        assert self.native.equity_e8 == self.ledger.equity_e8, "equity differs"
        for name in self.places:
            assert self.native.lots(name) == self.ledger.lots[name], f"lots of {name} differ"
            assert self.native.mark(name) == self.ledger.marks[name], f"the mark of {name} differs"

    def pop(self) -> Report:
        report = super().pop()
        self.told.append(report)
        return report

    def hear(self, rows: Rows) -> None:
        if len(rows):
            self.heard += self.reports(self.native_rows(rows))

    def verify(self) -> None:
        """Every report, in order; what is still at work, counted."""
        while self.peek() is not None:
            self.pop()
        self.hear(self.native.drain())
        for number, (wanted, got) in enumerate(zip(self.told, self.heard, strict=False)):
            assert got == wanted, f"report {number}"
        assert len(self.heard) == len(self.told)
        assert self.native.working == sum(len(market.book) for market in self._markets.values())

    # Rows back into core's reports.
    def reports(self, rows: Rows) -> list[Report]:
        found: list[Report] = []
        held: dict[str, int] = {}
        for row in rows.tolist():
            kind = Kind(row[Told.KIND])
            if kind is Kind.SETTLED:
                held = {}
                found.append(Settled(row[Told.AT], Money(row[Told.MONEY], self.ledger.currency), held))
            elif kind is Kind.HELD:
                held[self.places[row[Told.INSTRUMENT]]] = row[Told.LOTS]
            elif kind in (Kind.ROLLED, Kind.CHARGED, Kind.FILL, Kind.ACCEPTED):
                found.append(self.traded(kind, row))
            else:
                found.append(self.ended(kind, row))
        return found

    def ended(self, kind: Kind, row: list[int]) -> Report:
        at, order, why = row[Told.AT], self.native.name(row[Told.ORDER]), REASONS[row[Told.REASON]]
        if kind is Kind.EXPIRED:
            return Expired(at, order)
        if kind is Kind.REJECTED:
            return Rejected(at, order, why)
        return Cancelled(at, order, self.reasons[order] if why == "asked" else why)

    def traded(self, kind: Kind, row: list[int]) -> Report:
        instrument = self.instruments[self.places[row[Told.INSTRUMENT]]]
        at, money, price = row[Told.AT], instrument.money(row[Told.MONEY]), instrument.price(row[Told.PRICE])
        best, worst = instrument.price(row[Told.BEST]), instrument.price(row[Told.WORST])
        if kind is Kind.ROLLED:
            return Rolled(at, instrument.id, best, price, money)
        if kind is Kind.CHARGED:
            return Charged(at, instrument.id, money, REASONS[row[Told.REASON]])
        order, quantity = self.native.name(row[Told.ORDER]), instrument.quantity(row[Told.LOTS])
        side, role = SIDE_OF[row[Told.SIDE]], ROLE_OF[row[Told.ROLE]]
        if kind is Kind.FILL:
            return Fill(
                at, f"{order}/fill", order, instrument.id, side, role, quantity, price, money,
                row[Told.FILLED_AT], best, worst, bool(row[Told.MAKER]),
            )  # fmt: skip
        parent = row[Told.PARENT]
        return Accepted(
            at, order, instrument.id, role, side, quantity,
            trigger=price if row[Told.TYPE] == 2 else None, limit=price if row[Told.TYPE] == 1 else None,
            parent=self.native.name(parent) if parent >= 0 else self.sent[order].parent,
        )  # fmt: skip


# ---- flows ---------------------------------------------------------------------------------------------


def sensible(seed: int, kind: type[Twin] = Twin, steps: int = 20) -> Twin:
    """Markets and orders as a desk would see and send them, with all of the desk's own checks."""
    twin = trade(seed, steps=steps, kind=kind).venue
    assert isinstance(twin, Twin)
    twin.verify()
    return twin


def wild_bar(dice: Random, name: str, at: int, level: int, scale: int) -> Bar:
    """Any bar at all: negative prices, extremes that do not hold, lengths that do not add up."""
    near = lambda: level + dice.randint(-scale, scale)  # noqa: E731
    low, high = sorted((near(), near()))
    open_, close = (dice.randint(low, high) for _ in range(2))
    if dice.random() < 0.1:
        open_, high, low, close = (near() for _ in range(4))
    start = at - dice.choice((0, 1, HOUR, 3 * DAY, -5))
    return Bar(
        at, name, start, open_, high, low, close, dice.choice((-1, -1, 0, 7)), dice.choice((-1, -1, 0, 3, 8))
    )


def wild_order(dice: Random, twin: Twin, id: str, at: int, level: int, scale: int) -> None:
    """Any order at all: prices missing or on the wrong side, no quantity, brackets on exits, old names."""
    near = lambda: level + dice.randint(-scale, scale)  # noqa: E731
    maybe = lambda: dice.choice((None, near(), near(), near()))  # noqa: E731
    name = dice.choice((*twin.places, *twin.places, "NOWHERE"))
    instrument = twin.instruments.get(name) or replace(PLAIN, id=name)
    price = lambda ticks: None if ticks is None else instrument.price(ticks)  # noqa: E731
    stop, target = maybe(), maybe()
    role = dice.choice((Role.ENTRY, Role.ENTRY, Role.ENTRY, Role.EXIT, Role.STOP, Role.TARGET))
    bracketed = stop is not None and (role is Role.ENTRY or dice.random() < 0.1)
    order = Order(
        dice.choice((id, id, id, id, id, *list(twin.sent)[-1:])), "decision", name, dice.choice(tuple(Side)),
        dice.choice(tuple(OrderType)), role, instrument.quantity(dice.choice((0, 1, 2, 5, 90, 40_000))),
        instrument.price(1), price(maybe()), price(maybe()),
        Bracket(instrument.price(stop), price(target)) if bracketed else None,
        dice.choice((None, "elsewhere")),
    )  # fmt: skip
    twin.submit(approve(order, at))


def wild(seed: int, kind: type[Twin] = Twin, steps: int = 25) -> Twin:
    """Markets and orders that no desk would see or send, where only parity is asked for."""
    dice = Random(seed)
    traded = dice.sample((CRYPTO, FUTURE, SMALL, PLAIN), dice.randint(1, 4))
    costs = Costs(dice.choice((0, 1, HOUR // 7, 3 * DAY)), Decimal(dice.choice(("0", "1", "2.5", "1.123"))))
    cash = Money.of(dice.choice((0, 100, 3_000, 50_000, 10_000_000)), "USD")
    twin = kind({each.id: each for each in traded}, cash, costs)
    level, scale = dice.choice((-300, 0, 25, 60_000)), dice.choice((2, 30, 4_000))
    at = START
    for step in range(steps):
        at += dice.choice((1, HOUR, HOUR, DAY, 40 * DAY))
        names = [name for name in twin.places if dice.random() < 0.8] or twin.places[:1]
        if dice.random() < 0.1:
            names.append(dice.choice(names))
        events: list[Bar | Roll] = [wild_bar(dice, name, at, level, scale) for name in names]
        if dice.random() < 0.15:
            roll = Roll(at, dice.choice(twin.places), level, level + dice.randint(-scale, scale))
            events.insert(dice.randint(0, len(events)), roll)
        twin.watch(events)
        level += dice.randint(-scale, scale) // 2
        for each in range(dice.choice((0, 1, 2, 4))):
            moment = at + dice.choice((0, 0, 1, HOUR))
            wild_order(dice, twin, f"w{step}.{each}", moment, level, scale)
            if dice.random() < 0.3:
                known = dice.choice(list(twin._orders))
                twin.cancel(Cancel(moment, known, twin.places[0], f"asked {step}"))
    twin.verify()
    return twin


# ---- parity --------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**48))
def test_native_and_oracle_agree_on_what_a_desk_sends(seed: int) -> None:
    sensible(seed)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**48))
def test_native_and_oracle_agree_on_anything_at_all(seed: int) -> None:
    wild(seed)


def test_the_flows_reach_every_report_and_reason() -> None:
    seen: set[str] = set()
    for seed in range(60):
        for twin in (sensible(seed), wild(seed)):
            for report in twin.told:
                why = (
                    getattr(report, "reason", "") or getattr(report, "why", "") or getattr(report, "role", "")
                )
                maker = " maker" if getattr(report, "maker", False) else ""
                seen.add(f"{type(report).__name__} {'asked' if 'asked' in why else why}{maker}".strip())
    wanted = {
        "Accepted entry", "Accepted exit", "Accepted stop", "Accepted target", "Cancelled asked",
        "Cancelled flat", "Cancelled nothing to reduce", "Cancelled oco", "Charged borrow", "Charged funding",
        "Expired", "Fill entry", "Fill entry maker", "Fill exit", "Fill exit maker", "Fill stop",
        "Fill target maker", "Rejected bracket on an exit", "Rejected duplicate",
        "Rejected limit order without a limit", "Rejected margin", "Rejected no quantity",
        "Rejected stop order without a trigger", "Rejected unknown instrument",
        "Rejected would turn the position", "Rolled", "Settled",
    }  # fmt: skip
    assert wanted <= seen, wanted - seen


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**48))
def test_beyond_what_64_bits_hold_it_says_so_and_is_right_until_then(seed: int) -> None:
    """Prices and lots of any size: equal to the oracle, or one clear OverflowError and no more."""
    dice = Random(seed)
    bits = dice.choice((20, 40, 55, 62))
    twin = Twin({CRYPTO.id: CRYPTO, SMALL.id: SMALL}, Money(dice.choice((10**14, 2**62)), "USD"), Costs())
    level, scale = dice.randint(-(2**bits), 2**bits), 2 ** dice.randint(1, bits)
    at = START
    try:
        for step in range(12):
            at += HOUR
            for each in range(2):
                wild_order(dice, twin, f"w{step}.{each}", at - HOUR, level, scale)
            twin.watch([wild_bar(dice, name, at, level, scale) for name in twin.places])
    except OverflowError as error:
        assert "needs more than" in str(error)
        assert any(name in str(error) for name in (*twin.places, "equity"))
    else:
        twin.verify()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**48))
def test_a_block_at_once_is_the_same_as_instant_after_instant(seed: int) -> None:
    dice = Random(seed)
    places = [CRYPTO.id, FUTURE.id]
    one, many = (Exchange([CRYPTO, FUTURE], 10**15, latency_ns=HOUR) for _ in range(2))
    for exchange in (one, many):
        exchange.submit("a", START, FUTURE.id, "buy", "market", "entry", 2, stop=59_000, target=62_000)
        exchange.submit("b", START + HOUR, CRYPTO.id, "sell", "limit", "entry", 900, 60_100)
    instants = []
    for step in range(40):
        at = START + (step + 1) * 7 * HOUR
        instants.append(rows_of([wild_bar(dice, name, at, 60_000, 900) for name in places], places))
    stepped = np.concatenate([one.watch(rows) for rows in instants])
    assert np.array_equal(stepped, many.run(np.concatenate(instants)))
    assert (one.cash_e8, one.equity_e8, one.now) == (many.cash_e8, many.equity_e8, many.now)


# ---- planted defects: the comparison above bites -------------------------------------------------------


def caught(kind: type[Twin]) -> None:
    for flow in (sensible, wild):
        with pytest.raises((AssertionError, UnitError)):
            for seed in range(40):
                flow(seed, kind)


@pytest.mark.parametrize(
    "column", [Told.LOTS, Told.PRICE, Told.MONEY, Told.FILLED_AT, Told.BEST, Told.WORST, Told.MAKER]
)
def test_a_fill_that_is_off_by_one_is_caught(column: Told) -> None:
    class Perturbed(Twin):
        def native_rows(self, rows: Rows) -> Rows:
            fills = rows[:, Told.KIND] == Kind.FILL
            rows[fills, column] = 1 - rows[fills, column] if column is Told.MAKER else rows[fills, column] + 1
            return rows

    caught(Perturbed)


def test_a_fee_that_is_off_by_one_is_caught() -> None:
    class Dearer(Twin):
        def native_terms(self, instrument: Instrument) -> Instrument:
            return replace(instrument, commission=instrument.commission + Decimal("0.00000001"))

    caught(Dearer)


@pytest.mark.parametrize("off", [-1, 1])
def test_an_expiry_that_is_off_by_one_is_caught(off: int) -> None:
    class Hasty(Twin):
        def native_expiry(self, expires_at: int) -> int:
            return expires_at + off

    caught(Hasty)


def test_a_delay_that_is_off_by_one_is_caught() -> None:
    class Slow(Twin):
        def native_latency(self, latency_ns: int) -> int:
            return latency_ns + 1

    caught(Slow)


@pytest.mark.parametrize("field", ["taker_bps", "spread_bps", "slippage_bps", "financing_bps_year", "margin"])
def test_terms_that_are_a_little_off_are_caught(field: str) -> None:
    class Other(Twin):
        def native_terms(self, instrument: Instrument) -> Instrument:
            value: Any = getattr(instrument, field) * Decimal("1.1")
            return replace(instrument, **{field: value})

    caught(Other)


def test_a_lost_report_is_caught() -> None:
    class Forgetful(Twin):
        def native_rows(self, rows: Rows) -> Rows:
            return rows[rows[:, Told.REASON] != REASONS.index("oco")]

    with pytest.raises((AssertionError, UnitError)):
        for seed in range(60):
            sensible(seed, Forgetful)
