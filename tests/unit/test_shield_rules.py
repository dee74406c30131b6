"""Each limit, alone: what it lets pass, cuts and denies, and with which numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from quorate.core.account import Account
from quorate.core.effects import Cancel, Vetoed
from quorate.core.events import Accepted, Cancelled, Expired, InstantClosed, Rejected
from quorate.core.instant import HOUR, MINUTE, SECOND
from quorate.core.money import Money, Price, Quantity
from quorate.core.order import Answer, Bracket, OrderType, Role, Side
from quorate.market.market import Market
from quorate.shield.mint import Mint
from quorate.shield.shield import Shield
from tests.shield_support import KEY, PRICE, START, Desk, approved, future, refusals, rulebook, spot


def cut_by(answer: Any) -> dict[str, int]:
    return {each.rule: each.lots_max for each in answer.verdict.findings if each.answer is Answer.REDUCE}


def test_an_entry_within_all_limits_passes_with_every_finding() -> None:
    desk = Desk()
    answer = approved(desk.review(desk.order(lots=1_000)))
    assert answer.order.quantity.count == 1_000 and answer.policy == desk.shield.policy
    names = [each.rule for each in answer.verdict.findings]
    assert len(names) == len(set(names)) == len(desk.shield.rules) == 26
    assert all(each.inputs for each in answer.verdict.findings)
    desk.mint.gate().check(answer, now=desk.at, record=desk.nonce)


def test_15_percent_a_position_is_exact() -> None:
    desk = Desk()
    assert approved(desk.review(desk.order(lots=1_500))).order.quantity.count == 1_500
    desk = Desk()
    answer = approved(desk.review(desk.order(lots=1_501)))
    assert answer.order.quantity.count == 1_500
    assert cut_by(answer) == {"exposure.trade": 1_500, "exposure.position": 1_500}


def test_review_is_a_fold_and_what_works_counts_until_it_ends() -> None:
    for end in (Cancelled, Expired, Rejected):
        desk = Desk()
        first = approved(desk.review(desk.order(lots=1_000))).order
        assert approved(desk.review(desk.order(lots=1_001))).order.quantity.count == 500
        assert refusals(desk.review(desk.order(lots=1_002))) == {"exposure.position"}
        why = () if end is Expired else ("because",)
        desk.on(end(desk.at, first.id, *why))
        desk.on(end(desk.at, first.id, *why))  # said twice, released once
        assert cut_by(desk.review(desk.order(lots=1_200)))["exposure.position"] == 1_000


def test_gross_net_leverage_and_positions() -> None:
    names = [spot(each) for each in "ABCDEFGH"]
    desk = Desk(names)
    for name in "ABCD":
        approved(desk.review(desk.order(name=name, lots=1_500)))
    assert refusals(desk.review(desk.order(name="E", lots=1_500))) == {"exposure.net"}
    # A short that only works is no hedge yet; once filled it is.
    hedge = approved(desk.review(desk.order(Side.SELL, name="F", lots=1_500))).order
    assert refusals(desk.review(desk.order(name="E", lots=1_500))) == {"exposure.net"}
    desk.fill(hedge)
    assert approved(desk.review(desk.order(name="E", lots=1_500))).order.quantity.count == 1_500
    answer = desk.review(desk.order(Side.SELL, name="G", lots=1_500))
    assert cut_by(answer) == {"exposure.gross": 1_000, "exposure.leverage": 1_000}
    desk = Desk(names, rules=rulebook(exposure__positions_max=1))
    approved(desk.review(desk.order(name="A")))
    approved(desk.review(desk.order(name="A", lots=101)))
    assert refusals(desk.review(desk.order(name="B"))) == {"exposure.positions"}


def test_the_smallest_profile_means_its_dollars() -> None:
    desk = Desk(rules=rulebook("conservative-small"))
    for name in ("AAA", "BBB", "CCC"):
        assert approved(desk.review(desk.order(name=name, lots=90))).order.quantity.count == 15
    desk = Desk(rules=rulebook("conservative-small", exposure__gross_money=20))
    approved(desk.review(desk.order(lots=15)))
    assert approved(desk.review(desk.order(name="BBB", lots=15))).order.quantity.count == 5


def test_stop_risk_counts_fees_both_ways_and_the_whole_trade() -> None:
    # 1 lot = 1.00; stop 10 % away costs 0.10, fees 1 % each way 0.01 and 0.009: 200 is 1,680.67 lots
    desk = Desk([spot("AAA", fee_bps=100)], rules=rulebook(exposure__position_share=Decimal("0.5")))
    answer = approved(desk.review(desk.order(lots=1_500, away=1_000)))
    assert answer.order.quantity.count == 1_500
    assert cut_by(desk.review(desk.order(lots=1_000, away=1_000))) == {"risk.stop": 180}


def test_futures_are_limited_in_contracts_and_margin_not_by_notional() -> None:
    desk = Desk([future("NQ")], cash=1_000_000)  # one contract: 2,500.00 x 20 = 50,000, margin 5,000
    answer = approved(desk.review(desk.order(name="NQ", lots=7, away=100)))
    assert answer.order.quantity.count == 5 and cut_by(answer) == {"futures.contracts": 5}
    desk = Desk([future("NQ"), future("ES")], cash=20_000)
    assert cut_by(desk.review(desk.order(name="NQ", lots=3, away=10))) == {"futures.margin": 2}
    assert refusals(desk.review(desk.order(name="ES", lots=1, away=10))) == {"futures.margin"}


def test_the_instruments_own_cap() -> None:
    desk = Desk([spot("AAA", max_lots=70)])
    assert approved(desk.review(desk.order(lots=100))).order.quantity.count == 70
    assert refusals(desk.review(desk.order(lots=100))) == {"exposure.lots"}


@pytest.mark.parametrize(
    ("side", "stop", "target", "denied"),
    [
        (Side.BUY, PRICE - 1, PRICE + 1, set()),
        (Side.BUY, PRICE, None, {"bracket.stop"}),
        (Side.BUY, PRICE + 1, PRICE + 2, {"bracket.stop"}),
        (Side.BUY, PRICE - 1, PRICE, {"bracket.target"}),
        (Side.BUY, PRICE - 1, PRICE - 2, {"bracket.target"}),
        (Side.SELL, PRICE + 1, PRICE - 1, set()),
        (Side.SELL, PRICE - 1, PRICE - 2, {"bracket.stop"}),
        (Side.SELL, PRICE + 1, PRICE + 2, {"bracket.target"}),
    ],
)
def test_brackets_mirror(side: Side, stop: int, target: int | None, denied: set[str]) -> None:
    desk = Desk()
    bracket = Bracket(Price(stop, "AAA"), None if target is None else Price(target, "AAA"))
    assert refusals(desk.review(desk.order(side, bracket=bracket))) == denied


def test_no_entry_without_a_stop() -> None:
    desk = Desk()
    answer = desk.review(desk.order(bracket=None))
    assert refusals(answer) == {"bracket.stop", "risk.stop"}
    desk = Desk(rules=rulebook(bracket__stop_ticks_min=50))
    assert refusals(desk.review(desk.order(away=49))) == {"bracket.stop"}
    approved(desk.review(desk.order(away=50)))


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": Quantity(0, "AAA")},
        {"quantity": Quantity(-5, "AAA")},
        {"quantity": Quantity(100, "BBB")},
        {"quantity": Quantity(float("nan"), "AAA")},  # type: ignore[arg-type]
        {"quantity": Price(100, "AAA")},
        {"reference": Price(0, "AAA")},
        {"reference": Price(PRICE, "BBB")},
        {"reference": Price(float("nan"), "AAA")},  # type: ignore[arg-type]
        {"bracket": Bracket(Price(-1, "AAA"))},
        {"bracket": Bracket(Price(PRICE - 5, "BBB"))},
        {"instrument": "BBB"},
    ],
)
def test_units_that_are_wrong_deny_everywhere_and_halt_nothing(change: dict[str, Any]) -> None:
    desk = Desk()
    answer = desk.review(desk.order(**change))
    assert len(answer.verdict.refusals) == 26 and desk.shield.pending() == []
    assert all(each.reason for each in answer.verdict.refusals)


def test_an_unknown_instrument_denies() -> None:
    desk = Desk()
    assert len(refusals(desk.review(desk.order(instrument="ZZZ")))) == 26


@pytest.mark.parametrize(
    "change",
    [
        {"type": OrderType.LIMIT},
        {"type": OrderType.STOP},
        {"limit": Price(PRICE, "AAA")},
        {"trigger": Price(PRICE, "AAA")},
        {"type": OrderType.STOP, "trigger": Price(PRICE, "AAA"), "limit": Price(PRICE, "AAA")},
    ],
)
def test_terms_fit_the_type(change: dict[str, Any]) -> None:
    desk = Desk()
    assert refusals(desk.review(desk.order(**change))) == {"schema.terms"}


def test_an_intent_is_approved_once_unless_the_venue_refused_it() -> None:
    desk = Desk()
    order = desk.order()
    approved(desk.review(order))
    desk.tick()
    assert refusals(desk.review(order)) == {"schema.once"}
    desk.on(Rejected(desk.at, order.id, "no"))
    approved(desk.review(order))


def test_exits_pass_exposure_rate_and_halt_but_never_schema_and_sanity() -> None:
    desk = Desk(held={"AAA": 5_000}, rules=rulebook(rate__orders_per_minute_max=1))
    desk.shield._switch.down(desk.at, desk.shield.breaker.HALTED, "test", {})
    leave = desk.order(Side.SELL, 6_000, role=Role.EXIT)
    answer = approved(desk.review(leave))
    assert answer.order.quantity.count == 5_000 and cut_by(answer) == {"sanity.direction": 5_000}
    assert refusals(desk.review(desk.order(Side.SELL, 1, role=Role.EXIT))) == {"sanity.direction"}
    assert refusals(desk.review(desk.order(Side.BUY, 1, role=Role.EXIT))) == {"sanity.direction"}
    stop = desk.order(Side.SELL, 5_000, role=Role.STOP, type=OrderType.STOP, trigger=Price(5_000, "AAA"))
    approved(desk.review(stop))
    assert "schema.terms" in refusals(desk.review(desk.order(Side.SELL, 1, role=Role.STOP)))
    assert "schema.units" in refusals(desk.review(desk.order(Side.SELL, 0, role=Role.EXIT)))


def test_a_reversal_waits_for_its_exit_and_then_passes_in_the_same_instant() -> None:
    desk = Desk(held={"AAA": 1_500})
    assert refusals(desk.review(desk.order(Side.SELL, 1_500))) == {"sanity.direction"}
    leave = approved(desk.review(desk.order(Side.SELL, 1_500, role=Role.EXIT))).order
    turn = approved(desk.review(desk.order(Side.SELL, 1_500))).order
    assert refusals(desk.review(desk.order(Side.BUY, 10))) == {"sanity.direction", "exposure.position"}
    desk.fill(leave)
    desk.fill(turn)
    assert desk.account.lots("AAA") == -1_500 and desk.shield._state.lots("AAA") == -1_500


def test_price_collar_and_slips() -> None:
    desk = Desk()
    far = Bracket(Price(1_000, "AAA"))
    assert "price.collar" not in refusals(desk.review(desk.order(reference=Price(10_500, "AAA"))))
    assert "price.collar" in refusals(desk.review(desk.order(reference=Price(10_501, "AAA"), bracket=far)))
    limit: dict[str, Any] = {"type": OrderType.LIMIT, "limit": Price(9_499, "AAA"), "bracket": far}
    assert "price.collar" in refusals(desk.review(desk.order(lots=5, **limit)))
    assert refusals(desk.review(desk.order(lots=20_001))) == {"price.size"}


def test_no_bar_an_old_bar_and_equity_at_zero_deny() -> None:
    desk = Desk()
    desk.at += 3 * MINUTE
    desk.on(InstantClosed(desk.at))
    approved(desk.review(desk.order()))
    desk.at += 1
    desk.on(InstantClosed(desk.at))
    assert refusals(desk.review(desk.order(lots=7))) == {"freshness.bar"}
    account = Account(Money.of(10_000, "USD"), desk.instruments)
    view = Market(desk.instruments, MINUTE, ())
    shield = Shield(rulebook(), account, desk.instruments, Mint(KEY))
    shield.on(InstantClosed(START), view.on(InstantClosed(START)))
    assert refusals(shield.review(desk.order(), view, 1)) == {"freshness.bar", "price.collar"}
    desk = Desk()
    desk.account.cash_e8 = 0
    assert {"exposure.trade", "exposure.gross", "risk.stop", "losses.day"} <= refusals(
        desk.review(desk.order())
    )


def test_rate_and_duplicates() -> None:
    desk = Desk(rules=rulebook(rate__orders_per_minute_max=3))
    for lots in (10, 11, 12):
        approved(desk.review(desk.order(lots=lots)))
    assert refusals(desk.review(desk.order(lots=13))) == {"rate.minute"}
    desk.tick()
    approved(desk.review(desk.order(lots=14)))
    assert refusals(desk.review(desk.order(lots=14))) == {"rate.duplicate"}
    approved(desk.review(desk.order(Side.BUY, lots=14, name="BBB")))
    desk.at += 5 * SECOND
    desk.on(InstantClosed(desk.at))
    approved(desk.review(desk.order(lots=14)))
    desk.tick(3 * HOUR)
    approved(desk.review(desk.order(lots=14)))
    assert len(desk.shield._state._sent) == len(desk.shield._state._likes) == 1


def test_a_protective_stop_is_not_cancelled_from_under_a_position() -> None:
    desk = Desk()
    entry = approved(desk.review(desk.order(lots=100))).order
    instrument = desk.instruments["AAA"]

    def leg(name: str, role: Role, lots: int) -> None:
        terms = (name, "AAA", role, Side.SELL, instrument.quantity(lots))
        desk.on(Accepted(desk.at, *terms, trigger=Price(9_900, "AAA"), parent=entry.id))

    desk.fill(entry)
    leg("stop", Role.STOP, 100)
    leg("target", Role.TARGET, 100)
    refused = desk.shield.may_cancel(Cancel(desk.at, "stop", "AAA", "why"))
    assert refused is not None and "protects 100 lots of AAA" in refused
    assert desk.shield.may_cancel(Cancel(desk.at, "target", "AAA", "why")) is None
    leg("half", Role.STOP, 50)
    assert desk.shield.may_cancel(Cancel(desk.at, "stop", "AAA", "why")) is not None
    leg("half", Role.STOP, 100)
    assert desk.shield.may_cancel(Cancel(desk.at, "stop", "AAA", "why")) is None
    assert desk.on(desk.fill_of("AAA", Side.SELL, 100, "stop", role=Role.STOP)) == []
    assert desk.shield.may_cancel(Cancel(desk.at, "half", "AAA", "why")) is None
    assert list(desk.shield._state.orders.working) == ["target", "half"]


def test_vetoes_name_rules_with_their_numbers() -> None:
    desk = Desk()
    answer = desk.review(desk.order(lots=90_000))
    assert isinstance(answer, Vetoed)
    (finding,) = answer.verdict.refusals
    assert finding.rule == "price.size"
    assert finding.inputs == {
        "size_e8": 90_000 * 10**8, "cap_e8": 20_000 * 10**8, "equity_e8": 10_000 * 10**8
    }  # fmt: skip
