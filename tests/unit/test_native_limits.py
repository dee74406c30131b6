"""The compiled limits fail closed: numbers too large, reports that contradict each other, wrong input."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import numpy as np
import pytest

from quorate.core.account import Account
from quorate.core.instant import HOUR, MINUTE, SECOND
from quorate.core.instrument import Instrument
from quorate.core.money import Money
from quorate.native.exchange import FOREVER, Kind, Market, Rows, Told
from quorate.native.limits import Duty, Limits, Move
from quorate.shield.mint import Mint
from quorate.shield.numbers import numbers
from quorate.shield.rulebook import explain
from tests.limits import Twin
from tests.shield_support import KEY, PRICE, PROFILES, START, future, rulebook, spot
from tests.shield_support import Desk as PythonDesk

CASH = 10_000 * 10**8
MOST = 2**63 - 1


def limits(*instruments: Instrument, cash: int = CASH, **more: Any) -> Limits:
    """Limits of the balanced rulebook over instruments that have just closed a bar."""
    made = Limits(instruments or (spot("AAA"), spot("BBB")), numbers(rulebook()), cash, **more)
    for name in ("AAA", "BBB")[: len(instruments) or 2]:
        made.watch(bar(START, name))
    made.instant_closed(START)
    return made


def bar(at: int, name: str = "AAA", close: int = PRICE) -> Rows:
    """One bar of a minute."""
    row = np.zeros((1, len(Market)), dtype=np.int64)
    row[0, [Market.AT, Market.START, Market.CLOSE]] = at, at - MINUTE, close
    row[0, Market.INSTRUMENT] = ("AAA", "BBB").index(name)
    return row


def report(kind: int, at: int = START, **terms: int) -> Rows:
    """One report, its columns by name."""
    row = np.zeros((1, len(Told)), dtype=np.int64)
    row[0, [Told.ORDER, Told.PARENT]] = -1
    row[0, [Told.AT, Told.KIND, Told.SIDE]] = at, kind, 1
    for name, value in terms.items():
        row[0, Told[name.upper()]] = value
    return row


def ask(made: Limits, id: int = 1, lots: int = 100, at: int = START, **more: Any) -> Any:
    """A market entry of AAA with a stop 1 % away."""
    terms: dict[str, Any] = {"role": "entry", "side": "buy", "stop": PRICE - PRICE // 100} | more
    side, role = terms.pop("side"), terms.pop("role")
    return made.review(id, at, "AAA", side, "market", role, lots, terms.pop("reference", PRICE), **terms)


def held(made: Limits, lots: int = 100, at: int = START) -> None:
    """Approved, filled and held."""
    assert ask(made, lots=lots, at=at).allowed
    made.hear(report(Kind.FILL, at, order=1, lots=lots, price=PRICE))
    assert made.lots("AAA") == lots


# ---- numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_a_rulebook_is_spelled_in_exact_numbers(name: str) -> None:
    rules = rulebook(name)
    spelled = numbers(rules)
    assert list(spelled) == [each.key for each in explain(rules)]
    for each in explain(rules):
        number = spelled[each.key]
        if isinstance(number, tuple):
            assert each.value is not None
            assert number[0] == each.value * number[1]
        elif each.unit == "currency" and each.value is not None:
            assert number == each.value * 10**8
        else:
            assert number == each.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exposure.cluster_share": (1, 2)}, "'exposure.cluster_share' is no limit known here"),
        ({"risk.trade_share": (1, 2**63)}, "'risk.trade_share' needs more than 63 bits"),
        ({"risk.trade_share": 1}, "'risk.trade_share' needs more than 63 bits, or is no such number"),
        ({"risk.trade_share": (0, 1)}, "a share of the rulebook must not be 0/1"),
        ({"losses.streak_max": 0}, "must be above zero, not 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Limits([spot("AAA")], numbers(rulebook()) | change, CASH)


def test_every_number_is_needed() -> None:
    for key in numbers(rulebook()):
        some = {name: value for name, value in numbers(rulebook()).items() if name != key}
        with pytest.raises(ValueError, match=f"'{key}' is missing"):
            Limits([spot("AAA")], some, CASH)


def test_an_instrument_too_fine_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="instrument AAA: max_lots needs more than 63 bits"):
        Limits([spot("AAA", max_lots=2**63)], numbers(rulebook()), CASH)


# ---- fail closed -----------------------------------------------------------------------------------------


def test_a_review_that_overflows_denies_and_halts_and_exits_still_pass() -> None:
    made = limits()
    held(made)
    answer = ask(made, 4, lots=MOST)
    assert not answer.allowed
    assert "exposure.position" in answer.denied  # what is held and asked for needs more than 63 bits
    assert made.breaker == "halted"
    assert made.duty() is Duty.LEAVE
    assert made.failure == ""
    assert ask(made, 7, lots=10, stop=None, side="sell", role="exit").allowed
    assert ask(made, 10, lots=10).denied == {"halt.breaker"}


def test_numbers_at_the_extremes_never_wrap() -> None:
    """Where the native side can calculate it answers as Python; where it cannot, it denies and halts."""
    dice, agreed, halted = Random(1), 0, 0
    for _ in range(600):
        traded = dice.choice((spot("AAA", fee_bps=7), future("AAA")))
        cash = dice.choice((10**12, 10**17, 9 * 10**18))
        account = Account(Money(cash, "USD"), {"AAA": traded})
        twin = Twin(rulebook(), account, {"AAA": traded}, Mint(KEY))
        desk = PythonDesk([traded], cash=1)
        desk.account, desk.shield, desk.prices = account, twin, {"AAA": dice.choice((1, PRICE, 2**40, 2**62))}
        desk.tick()
        lots = dice.choice((1, 2**31, 2**53, 2**62, MOST)) - dice.choice((0, 1))
        order = desk.order(lots=max(lots, 1), away=dice.choice((1, max(1, desk.prices["AAA"] // 30))))
        try:
            desk.review(order)
            agreed += 1
        except AssertionError:
            assert twin.native.breaker == "halted", "they differ, and not for an overflow"
            assert not twin.native.entries()
            halted += 1
    assert agreed > 100
    assert halted > 50


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ((report(Kind.CHARGED, money=-MOST),), "instrument AAA: the account needs more than 63 bits"),
        (
            (report(Kind.FILL, order=9, role=0, lots=MOST, price=MOST),),
            "instrument AAA: a product needs more than 127 bits",
        ),
        (
            (report(Kind.FILL, order=9, role=1, side=-1, lots=101, price=PRICE),),
            "instrument AAA: a fill turns a position",
        ),
        ((report(Kind.FILL, order=9, role=1, side=-1, lots=0, price=PRICE),), "no lots"),
        ((report(Kind.SETTLED, money=CASH, lots=1),), "the account: cash differs"),
        ((report(Kind.SETTLED, money=CASH - 100 * 10**8, lots=0),), "positions differ"),
        (
            (
                report(Kind.SETTLED, money=CASH - 100 * 10**8, lots=1),
                report(Kind.HELD, instrument=0, lots=99),
            ),
            "a position differs",
        ),
        ((report(99),), "a kind that is not known"),
    ],
)
def test_books_that_fail_are_closed_for_good(rows: tuple[Rows, ...], why: str) -> None:
    made = limits(cool_down_ns=HOUR)
    held(made)
    for each in rows:
        made.hear(each)
    made.instant_closed(START)
    assert re.search(why, made.failure), made.failure
    assert made.moves == [Move(START, "normal", "halted", "books")]
    assert made.resume_at == FOREVER
    assert not made.resume(START + 1)
    made.hear(report(Kind.CHARGED, START + 1, money=5))
    assert made.breaker == "halted"
    for role in ("entry", "exit"):
        answer = ask(made, 40, at=START + 1, side="sell", role=role, stop=None)
        assert not answer.allowed
        assert len(answer.denied) == 27
        assert "books" in answer.denied


def test_a_settlement_that_agrees_closes_nothing() -> None:
    made = limits()
    held(made)
    made.hear(report(Kind.SETTLED, money=CASH - 100 * 10**8, lots=1))
    made.hear(report(Kind.HELD, instrument=0, lots=100))
    assert made.failure == ""
    made.hear(report(Kind.HELD, instrument=0, lots=100))  # one row more than was told
    assert made.failure == "instrument AAA: a position differs from the venue's"


def test_wrong_input_is_refused_and_changes_nothing() -> None:
    made = limits()
    for wrong, message in (
        (lambda: made.watch(bar(START - 1)), "time ran backwards"),
        (lambda: made.hear(report(Kind.FILL, instrument=2, lots=1, price=1)), "instrument 2 is not known"),
        (lambda: made.watch(np.zeros((1, 3), dtype=np.int64)), "rows have 3 columns, not"),
        (lambda: ask(made, at=START - 1), "time ran backwards"),
        (lambda: Limits([spot("AAA"), spot("AAA")], numbers(rulebook()), CASH), "the same id"),
        (lambda: Limits([spot("AAA")], numbers(rulebook()), 2**63), "cash_e8 needs more than 63 bits"),
        (lambda: limits(cool_down_ns=-1), "cool_down must not be negative"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()
    assert (made.failure, made.breaker, made.equity_e8) == ("", "normal", CASH)
    assert ask(made).allowed


@pytest.mark.parametrize("terms", [{}, {"limit": PRICE}, {"trigger": PRICE}])
def test_an_order_type_that_the_desk_does_not_have_is_denied(terms: dict[str, int]) -> None:
    made = limits()
    for type_ in (-1, 3, 7):
        answer = made.core.review(1, START, 0, 1, type_, 0, 100, PRICE, stop=PRICE - 100, **terms)
        assert answer == (False, 0, 1 << 1, 0)


# ---- what a runner needs ---------------------------------------------------------------------------------


def test_a_fall_says_what_to_do_once_and_the_operator_resumes_when_due() -> None:
    made = limits(cool_down_ns=HOUR, until=START + 2 * HOUR)
    for order in (7, 1, 4):
        assert ask(made, order, lots=order).allowed
    assert made.duty() is Duty.NONE
    made.hear(report(Kind.CHARGED, money=CASH // 5))  # a fifth lost: REDUCING, then HALTED by the hour
    made.instant_closed(START)
    assert [each.rule for each in made.moves] == ["losses.day", "losses.hour"]
    assert made.core.halted_now
    assert made.duty() is Duty.LEAVE
    assert made.duty() is Duty.NONE
    assert made.entries() == [1, 4, 7]
    made.hear(report(Kind.FILL, START + 1, order=4, lots=4, price=PRICE))  # before its cancel arrived
    assert made.duty() is Duty.LEAVE
    made.operate(START + HOUR - 1)
    assert made.breaker == "halted"
    made.operate(START + HOUR)
    assert made.breaker == "normal"
    made.halt(START + HOUR + 1)
    assert made.resume_at == FOREVER  # it would be past the end


def test_a_loss_of_the_day_only_cancels_entries() -> None:
    made = Limits([spot("AAA")], numbers(rulebook(losses__hour_share=1)), CASH)
    made.watch(bar(START))
    made.hear(report(Kind.CHARGED, money=CASH // 8))
    made.instant_closed(START)
    assert made.breaker == "reducing"
    assert made.duty() is Duty.CANCEL_ENTRIES


def test_the_last_stop_of_what_is_held_may_not_be_cancelled() -> None:
    made = limits()
    held(made)
    made.hear(report(Kind.ACCEPTED, order=2, parent=1, role=2, side=-1, lots=100))
    made.hear(report(Kind.ACCEPTED, order=5, role=2, side=-1, lots=99))
    assert not made.may_cancel(2)
    made.hear(report(Kind.ACCEPTED, order=8, role=2, side=-1, lots=1))
    assert made.may_cancel(2)
    assert made.may_cancel(99)


def test_approvals_expire_and_never_wrap() -> None:
    made = limits()
    assert made.expires_at(START) == START + 5 * SECOND
    assert made.expires_at(MOST - 1) == FOREVER
