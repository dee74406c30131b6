"""Units, money arithmetic, spelling and the account under random values."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core import events
from quorate.core.account import Account
from quorate.core.canon import digest, read, spell
from quorate.core.errors import InvariantError, UnitError
from quorate.core.instant import parse_instant, parse_span, spell_instant, spell_span
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money, Notional, Price, Quantity, Ratio, divide_half_even, divide_up
from quorate.core.order import Role, Side

ints = st.integers(min_value=-(2**80), max_value=2**80)
counts = st.integers(min_value=-(2**62), max_value=2**62)
UNITS = (Price, Quantity, Money, Notional, Ratio)


@given(ints, st.integers(min_value=1, max_value=2**70))
def test_half_even_is_the_decimal_rule(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    whole = divide_half_even(numerator, denominator)
    assert whole == round(exact)  # Fraction rounds half to even
    assert divide_up(numerator, denominator) >= exact > divide_up(numerator, denominator) - 1


def test_a_rule_that_rounds_half_up_is_caught() -> None:
    def half_up(numerator: int, denominator: int) -> int:
        return (2 * numerator + denominator) // (2 * denominator)

    assert half_up(5, 2) != round(Fraction(5, 2)) == divide_half_even(5, 2)


kinds, scales = st.sampled_from(UNITS), st.sampled_from("AB")


@given(kinds, kinds, counts, counts, scales, scales)
def test_units_meet_only_their_own(left: type, right: type, x: int, y: int, s: str, t: str) -> None:
    a, b = left(x, s), right(y, t)
    if left is right and s == t:
        assert (a == b, a < b, a <= b) == (x == y, x < y, x <= y)
        assert (a + b).count == x + y
        assert (a - b).count == x - y
        return
    for act in (lambda: a == b, lambda: a < b, lambda: a >= b, lambda: a + b, lambda: a - b):
        with pytest.raises(UnitError):
            act()


def test_fifteen_dollars_never_meet_fifteen_bitcoin() -> None:
    with pytest.raises(UnitError, match="USD"):
        _ = Money.of(15, "USD") < Quantity(15, "BTC")  # type: ignore[operator]
    with pytest.raises(UnitError, match="BTC"):
        _ = Money.of(15, "USD") + Money.of(15, "BTC")
    with pytest.raises(UnitError, match="float"):
        Money.of(1.5, "USD")  # type: ignore[arg-type]


@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=11))
def test_money_of_a_decimal_rounds_half_even(amount: Decimal) -> None:
    expected = amount.quantize(Decimal("1e-8"), rounding=ROUND_HALF_EVEN)
    assert Money.of(amount, "USD").decimal() == expected


@given(st.integers(min_value=0, max_value=4_000_000_000 * 10**9))
def test_instants_and_spans_are_read_back(at: int) -> None:
    microseconds = at // 1000 * 1000  # what a datetime can hold
    assert parse_instant(spell_instant(microseconds)) == microseconds
    assert parse_span(spell_span(at)) == at


@given(st.lists(st.binary(max_size=8), max_size=5), st.lists(st.binary(max_size=8), max_size=5))
def test_no_two_splits_share_a_digest(left: list[bytes], right: list[bytes]) -> None:
    assert (digest(*left) == digest(*right)) == (left == right)


EVENT = st.one_of(
    st.builds(
        events.Bar,
        at=counts, instrument=st.text(max_size=8), start=counts, open=counts, high=counts, low=counts,
        close=counts, volume=counts, spread=counts,
    ),
    st.builds(events.Halt, at=counts, principal=st.text(max_size=20), reason=st.text(max_size=20)),
    st.builds(events.Roll, at=counts, instrument=st.text(max_size=8), old=counts, new=counts),
)  # fmt: skip


@given(EVENT)
def test_events_are_read_back_as_spelled(event: events.AnyEvent) -> None:
    text = spell(event)
    assert read(type(event), text) == event
    assert spell(read(type(event), text)) == text


# ---- the account --------------------------------------------------------------------------------------

ES = Instrument(
    "ES", Kind.FUTURE, "USD", Decimal("0.25"), Decimal(1), Decimal(50), "cme", commission=Decimal("2.25")
)
BTC = Instrument("BTC", Kind.SPOT, "USD", Decimal("0.01"), Decimal("0.00001"), taker_bps=Decimal(10))
BOTH = {"ES": ES, "BTC": BTC}


class Witness:
    """A second bookkeeper, by cash flow in exact fractions."""

    def __init__(self, cash: int) -> None:
        self.cash = cash
        self.lots = dict.fromkeys(BOTH, 0)

    def equity(self, marks: dict[str, int]) -> int:
        return self.cash + sum(BOTH[name].worth_e8(marks[name], lots) for name, lots in self.lots.items())


def fill(number: int, instrument: Instrument, side: Side, lots: int, ticks: int, fee: int) -> events.Fill:
    price = instrument.price(ticks)
    return events.Fill(
        at=number, id=str(number), order=str(number), instrument=instrument.id, side=side, role=Role.ENTRY,
        quantity=instrument.quantity(lots), price=price, fee=instrument.money(fee), filled_at=number,
        best=price, worst=price,
    )  # fmt: skip


steps = st.lists(
    st.tuples(
        st.sampled_from(["ES", "BTC"]),
        st.sampled_from([Side.BUY, Side.SELL]),
        st.integers(min_value=1, max_value=500),
        st.integers(min_value=1, max_value=9_000_000),
    ),
    max_size=40,
)


@given(steps)
def test_two_bookkeepers_agree_to_the_last_unit(moves: list[tuple[str, Side, int, int]]) -> None:
    account, witness = Account(Money.of(10**6, "USD"), BOTH), Witness(10**14)
    marks = dict.fromkeys(BOTH, 1)
    for number, (name, side, lots, ticks) in enumerate(moves, 1):
        instrument, held = BOTH[name], account.lots(name)
        if held and (held > 0) != (side is Side.BUY):
            lots = min(lots, abs(held))  # exits only reduce
        fee = instrument.fee_e8(ticks, lots, maker=False)
        account.on(fill(number, instrument, side, lots, ticks, fee))
        witness.cash -= instrument.worth_e8(ticks, lots * side.sign) + fee
        witness.lots[name] += lots * side.sign
        marks[name] = ticks
        account.on(events.Bar(number, name, number - 1, ticks, ticks, ticks, ticks))
        assert account.equity_e8 == witness.equity(marks)
        account.on(events.Settled(number, Money(witness.cash, "USD"), witness.lots))


def test_a_difference_of_one_unit_halts() -> None:
    account = Account(Money.of(10**6, "USD"), BOTH)
    account.on(fill(1, ES, Side.BUY, 1, 16_000, 225_000_000))
    cash = 10**14 - ES.worth_e8(16_000, 1) - 225_000_000
    account.on(events.Settled(1, Money(cash, "USD"), {"ES": 1}))
    with pytest.raises(InvariantError, match="ledger"):
        account.on(events.Settled(1, Money(cash - 1, "USD"), {"ES": 1}))
    with pytest.raises(InvariantError, match="holds"):
        account.on(events.Settled(1, Money(cash, "USD"), {"ES": 2}))


def test_a_fill_that_turns_a_position_is_refused() -> None:
    account = Account(Money.of(10**6, "USD"), BOTH)
    account.on(fill(1, ES, Side.BUY, 1, 16_000, 0))
    with pytest.raises(InvariantError, match="turns"):
        account.on(fill(2, ES, Side.SELL, 2, 16_000, 0))


def test_a_report_in_another_unit_never_reaches_the_books() -> None:
    """A fee in BNB is no fee in USD, and a bound in lots of another instrument bounds nothing."""
    account, honest = Account(Money.of(10**6, "USD"), BOTH), fill(1, ES, Side.BUY, 1, 16_000, 225)
    replaced = msgspec.structs.replace
    for report in (
        replaced(honest, fee=Money(225, "BNB")),
        replaced(honest, price=BTC.price(16_000)),
        replaced(honest, quantity=BTC.quantity(1)),
        replaced(honest, best=BTC.price(16_000)),
        replaced(honest, worst=BTC.price(16_000)),
        events.Charged(1, "ES", Money(1, "BNB"), "borrow"),
        events.Rolled(1, "ES", ES.price(1), ES.price(2), Money(1, "BNB")),
        events.Settled(1, Money(10**14, "BNB"), {}),
    ):
        with pytest.raises(UnitError):
            account.on(report)
    assert (account.equity_e8, account.fees_e8, account.charges_e8) == (10**14, 0, 0)
    account.on(honest)
    assert account.fees_e8 == 225


def test_a_roll_is_never_profit() -> None:
    account = Account(Money.of(10**6, "USD"), BOTH)
    account.on(fill(1, ES, Side.BUY, 2, 16_000, 0))
    account.on(events.Bar(1, "ES", 0, 16_000, 16_000, 16_000, 16_040))
    before = account.equity_e8
    account.on(events.Rolled(2, "ES", ES.price(16_040), ES.price(16_100), Money(9 * 10**8, "USD")))
    assert account.equity_e8 == before - 9 * 10**8
    account.on(events.Bar(3, "ES", 2, 16_100, 16_100, 16_100, 16_101))
    assert account.equity_e8 - before + 9 * 10**8 == ES.worth_e8(1, 2)


@given(st.integers(min_value=1, max_value=10**9), st.integers(min_value=1, max_value=10**6))
def test_worth_and_fees_are_exact(ticks: int, lots: int) -> None:
    for each in BOTH.values():
        exact = Fraction(each.tick) * Fraction(each.lot) * Fraction(each.multiplier) * ticks * lots * 10**8
        assert each.worth_e8(ticks, lots) == round(exact)
        assert each.worth_e8(ticks, -lots) == -round(exact)
        owed = round(exact) * Fraction(each.taker_bps) / 10_000 + Fraction(each.commission) * lots * 10**8
        fee = each.fee_e8(ticks, lots, maker=False)
        assert owed <= fee < owed + 2  # never rounded in our favour


def test_an_instrument_survives_spelling() -> None:
    for each in BOTH.values():
        assert msgspec.json.decode(spell(each), type=Instrument) == each
