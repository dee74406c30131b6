"""The simulated exchange as a venue: arrival, cancels, duplicates, margin, rolls, financing and refusals."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from quorate.core.effects import Cancel
from quorate.core.errors import ConfigError, UnitError, VenueError
from quorate.core.events import (
    Accepted,
    Bar,
    Cancelled,
    Charged,
    Expired,
    Fill,
    Quote,
    Rejected,
    Roll,
    Rolled,
    Settled,
)
from quorate.core.instant import DAY, HOUR, MINUTE
from quorate.core.instrument import Kind
from quorate.core.money import E8, Money
from quorate.core.order import Bracket, Role
from quorate.core.ports import Venue
from quorate.simulator.costs import Costs
from quorate.simulator.simulator import Simulator
from tests.exchange import CRYPTO, FREE, FUTURE, PLAIN, START, Desk, approve
from tests.oracles.exchange import simulator
from tests.oracles.exchange.costs import financing_e8

SLOW = Costs(latency_ns=90_000_000_000)  # a bar and a half


@pytest.fixture(autouse=True, params=["native", "oracle"])
def _venue(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case by hand holds for the product and for the readable oracle."""
    if request.param == "oracle":
        monkeypatch.setattr(Desk, "kind", simulator.Simulator)


def test_it_is_a_venue() -> None:
    venue: Venue = Simulator({PLAIN.id: PLAIN}, Money.of(1, "USD"))
    assert venue.peek() is None
    with pytest.raises(VenueError, match="no report"):
        venue.pop()


def test_orders_arrive_after_the_latency() -> None:
    desk = Desk(PLAIN, costs=Costs())
    desk.send("e", "buy", 1)
    assert desk.venue.peek() == Accepted(
        START + 250_000_000, "e", "PLAIN", Role.ENTRY, desk.send("f", "buy", 1).side, PLAIN.quantity(1)
    )


def test_a_late_acceptance_never_overtakes_earlier_reports() -> None:
    desk = Desk(PLAIN, costs=SLOW)
    desk.send("a", "buy", 1)
    for price in (10_000, 10_010, 10_020, 10_030):
        desk.bar(price)
        desk.send(f"b{price}", "buy", 1)
    desk.finish()  # Desk checks the order of all reports
    assert desk.fills[0].price.count == 10_010


def test_the_same_order_twice_is_one_execution() -> None:
    desk = Desk(PLAIN)
    desk.send("e", "buy", 1)
    desk.send("e", "buy", 1)
    desk.bar(10_000)
    desk.send("e", "buy", 1)
    desk.bar(10_000)
    assert desk.lots() == 1
    assert [r.reason for r in desk.reports if isinstance(r, Rejected)] == ["duplicate", "duplicate"]


def test_only_approved_orders_of_now_get_in() -> None:
    desk = Desk(PLAIN)
    order = desk.send("e", "buy", 1)
    with pytest.raises(VenueError, match="not an ApprovedOrder"):
        desk.venue.submit(order)  # type: ignore[arg-type]
    desk.bar(10_000)
    with pytest.raises(VenueError, match="the market is at"):
        desk.venue.submit(approve(replace(order, id="late"), START))
    with pytest.raises(UnitError):
        desk.venue.submit(approve(replace(order, id="units", quantity=CRYPTO.quantity(1)), desk.at))
    with pytest.raises(UnitError):
        bracket = Bracket(CRYPTO.price(1))
        desk.venue.submit(approve(replace(order, id="bracket", bracket=bracket), desk.at))


def test_what_cannot_be_worked_is_rejected_with_its_reason() -> None:
    desk = Desk(PLAIN)
    good = desk.send("good", "buy", 1, limit=1)
    bad = {
        "unknown instrument": replace(good, id="1", instrument="NONE"),
        "no quantity": replace(good, id="2", quantity=PLAIN.quantity(0)),
        "limit order without a limit": replace(good, id="3", limit=None),
        "stop order without a trigger": replace(desk.send("stop", "buy", 1, trigger=9), id="4", trigger=None),
        "bracket on an exit": replace(good, id="5", role=Role.EXIT, bracket=Bracket(PLAIN.price(1))),
    }
    for order in bad.values():
        desk.venue.submit(approve(order, desk.at))
    desk.finish()
    assert [r.reason for r in desk.reports if isinstance(r, Rejected)] == list(bad)


def test_an_approval_that_ran_out_on_the_way_expires() -> None:
    desk = Desk(PLAIN, costs=Costs())
    order = replace(desk.send("e", "buy", 1), id="stale")
    desk.venue.submit(approve(order, desk.at, desk.at + 1))
    desk.bar(10_000)
    assert [r.order for r in desk.reports if isinstance(r, Expired)] == ["stale"]
    assert [fill.order for fill in desk.fills] == ["e"]


# ---- cancels -------------------------------------------------------------------------------------------


def test_a_cancelled_order_fills_no_more() -> None:
    desk = Desk(PLAIN, costs=Costs())
    desk.send("e", "buy", 1, limit=9_900)
    desk.bar(10_000)
    desk.stop_working("e")
    desk.stop_working("e")
    desk.bar(9_800)
    assert not desk.fills
    assert [r for r in desk.reports if isinstance(r, Cancelled)] == [
        Cancelled(START + MINUTE + 250_000_000, "e", "asked")
    ]


def test_a_cancel_under_way_loses_to_a_fill_and_is_not_reported() -> None:
    desk = Desk(PLAIN, costs=SLOW)
    desk.send("e", "buy", 1, limit=9_900)
    desk.bar(10_000)
    desk.bar(10_000)
    desk.stop_working("e")
    desk.bar(9_800)
    desk.finish()
    assert desk.lots() == 1
    assert not desk.ended
    desk.stop_working("e")  # too late: its end is known
    assert desk.venue.peek() is None


def test_cancelling_what_never_was_is_an_error() -> None:
    desk = Desk(PLAIN)
    with pytest.raises(VenueError, match="never was"):
        desk.stop_working("nothing")
    desk.bar(10_000)
    with pytest.raises(VenueError, match="the market is at"):
        desk.venue.cancel(Cancel(START, "nothing", "PLAIN", "asked"))


# ---- the market ----------------------------------------------------------------------------------------


def test_time_never_runs_backwards_and_only_known_bars_match() -> None:
    desk = Desk(PLAIN)
    desk.venue.watch([])
    desk.bar(10_000)
    with pytest.raises(VenueError, match="comes after"):
        desk.venue.watch([Bar(desk.at, "PLAIN", START, 1, 1, 1, 1)])
    with pytest.raises(VenueError, match="not traded here"):
        desk.venue.watch([Bar(desk.at + 1, "NONE", START, 1, 1, 1, 1)])
    with pytest.raises(VenueError, match="Quote"):
        desk.venue.watch([Quote(desk.at + 2, "PLAIN", 1, 2, 1, 1)])
    with pytest.raises(VenueError, match="Roll of NONE"):
        desk.venue.watch([Roll(desk.at + 3, "NONE", 1, 2)])


def test_margin_is_refused_at_the_fill() -> None:
    desk = Desk(PLAIN, cash=1_000)  # 10 % of notional: 100 lots at 100.00
    desk.send("much", "buy", 101)
    desk.bar(10_000)
    assert [r.reason for r in desk.reports if isinstance(r, Rejected)] == ["margin"]
    desk.send("all", "buy", 100)
    desk.bar(10_000)
    desk.send("more", "buy", 1)
    desk.bar(10_000)
    assert desk.lots() == 100
    assert desk.ended == {"much": "Rejected", "more": "Rejected"}


def test_fees_count_against_margin() -> None:
    desk = Desk(replace(PLAIN, taker_bps=Decimal(1)), cash=1_000)
    desk.send("all", "buy", 100)
    desk.bar(10_000)
    assert desk.ended == {"all": "Rejected"}


def test_each_instant_that_moves_money_settles_once() -> None:
    desk = Desk(PLAIN)
    desk.send("a", "buy", 3)
    desk.send("b", "buy", 4)
    desk.bar(10_000)
    desk.bar(10_100)
    settled = [r for r in desk.reports if isinstance(r, Settled)]
    assert settled == [Settled(START + MINUTE, Money.of(1_000_000 - 700, "USD"), {"PLAIN": 7})]
    assert desk.reports[-1] is settled[0]
    assert desk.venue.ledger.equity_e8 == desk.account.equity_e8 == (1_000_000 + 7) * E8


def test_a_roll_carries_positions_and_prices_and_is_no_profit() -> None:
    desk = Desk(FUTURE)
    desk.send("e", "buy", 2, stop=59_000, target=61_000)
    desk.bar(60_000, spread=0)
    desk.send("wait", "buy", 1, limit=58_000, stop=57_000)
    before = desk.account.equity_e8
    at = desk.at + MINUTE
    desk.step(Roll(at, "NQ", 60_000, 60_100), Bar(at, "NQ", desk.at, 60_100, 60_100, 60_100, 60_100, -1, 0))
    rolled = next(r for r in desk.reports if isinstance(r, Rolled))
    assert rolled == Rolled(at, "NQ", FUTURE.price(60_000), FUTURE.price(60_100), Money.of(9, "USD"))
    assert desk.account.equity_e8 == before - 9 * E8 == desk.venue.ledger.equity_e8
    desk.bar(60_100, 61_099, 59_101, 60_100, spread=0)
    assert len(desk.fills) == 1  # neither leg: both moved with the contract
    desk.bar(60_100, 60_100, 58_100, 59_100, spread=0)
    assert {fill.order: fill.price.count for fill in desk.fills[1:]} == {"e/stop": 59_100, "wait": 58_100}
    desk.bar(57_000, spread=0)
    assert desk.fills[-1].order == "wait/stop"


def test_a_roll_with_nothing_held_costs_nothing() -> None:
    desk = Desk(FUTURE)
    desk.step(Roll(START + 1, "NQ", 60_000, 60_100))
    assert not desk.reports


@pytest.mark.parametrize(
    ("kind", "side", "charged"),
    [
        (Kind.PERPETUAL, "buy", "funding"), (Kind.PERPETUAL, "sell", "funding"), (Kind.SPOT, "buy", ""),
        (Kind.SPOT, "sell", "borrow"), (Kind.EQUITY, "sell", "borrow"), (Kind.FUTURE, "sell", ""),
    ],
)  # fmt: skip
def test_financing_is_charged_by_the_utc_day(kind: Kind, side: str, charged: str) -> None:
    desk = Desk(replace(PLAIN, kind=kind, financing_bps_year=Decimal(365)), interval=12 * HOUR)
    desk.send("e", side, 100)
    for price in (10_000, 20_000, 20_000):  # START is 22:13 UTC: the first bar of the next day is the first
        desk.bar(price)
    desk.at += 2 * DAY
    desk.bar(20_000)
    found = [(r.why, r.amount.count) for r in desk.reports if isinstance(r, Charged)]
    # one bp a day: of 20,000.00 first for one day, then for the two and a half that passed
    days = [(desk.at // DAY) - (desk.at - 2 * DAY - 12 * HOUR) // DAY]
    assert found == ([(charged, 2 * E8), *((charged, 2 * E8 * count) for count in days)] if charged else [])


def test_financing_rounds_up() -> None:
    tiny = replace(CRYPTO, financing_bps_year=Decimal("0.001"))
    assert financing_e8(tiny, 1, 1, 1) == 1
    assert financing_e8(tiny, 0, 1, 1) == 0


def test_maker_and_taker_fees() -> None:
    desk = Desk(CRYPTO)
    desk.send("e", "buy", 100_000)
    desk.bar(4_000_000, spread=0)
    assert desk.fills[0].fee == Money.of("18", "USD")  # 4.5 bp of 40,000
    desk.send("x", "sell", 100_000, role=Role.EXIT, limit=4_100_000)
    desk.bar(4_000_000, spread=0)
    desk.bar(4_000_000, 4_200_000, spread=0)
    assert desk.fills[1].fee == Money.of("-2.05", "USD")  # half a bp of 41,000 comes back


def test_costs_are_strict() -> None:
    assert msgspec.convert({"latency_ns": 5, "slippage": "2"}, Costs) == Costs(5, Decimal(2))
    with pytest.raises(msgspec.ValidationError, match="slipage"):
        msgspec.convert({"slipage": 2}, Costs)
    for bad in ({"latency_ns": -1}, {"slippage": Decimal(-1)}, {"slippage": Decimal("NaN")}):
        with pytest.raises(ConfigError):
            Costs(**bad)  # type: ignore[arg-type]


def test_slippage_scales_and_never_helps() -> None:
    paid = []
    for slippage in (0, 1, 2):
        desk = Desk(CRYPTO, costs=Costs(latency_ns=0, slippage=Decimal(slippage)))
        desk.send("e", "buy", 1)
        desk.bar(4_000_000, 4_100_000, 3_900_000)
        paid.append(desk.fills[0].price.count)
        assert isinstance(desk.reports[1], Fill)
    assert paid == [4_000_200, 4_000_800, 4_001_400]


# ---- the native exchange's own limits ------------------------------------------------------------------


def test_numbers_beyond_63_bits_close_the_venue() -> None:
    venue = Simulator({CRYPTO.id: CRYPTO}, Money.of(1, "USD"), FREE)
    price = 2**62
    venue.watch([Bar(1, CRYPTO.id, 0, price, price, price, price)])
    order = Desk(CRYPTO).send("e", "buy", 2**62)
    venue.submit(approve(order, 1))
    with pytest.raises(VenueError, match="the exchange is closed"):
        venue.watch([Bar(2, CRYPTO.id, 1, price, price, price, price)])
    with pytest.raises(VenueError, match="the exchange is closed"):
        venue.submit(approve(replace(order, id="f"), 2))
    with pytest.raises(VenueError, match="row 0: open needs more than 63 bits"):
        Simulator({CRYPTO.id: CRYPTO}, Money.of(1, "USD")).watch([Bar(1, CRYPTO.id, 0, 2**70, 1, 1, 1)])


def test_terms_the_exchange_cannot_keep_exactly_are_refused_at_the_start() -> None:
    with pytest.raises(VenueError, match="instrument X: half_spread"):
        Simulator({"X": replace(PLAIN, id="X", spread_bps=Decimal("0.1234567891234567"))}, Money.of(1, "USD"))


def test_names_that_belong_to_brackets_are_refused() -> None:
    venue = Simulator({PLAIN.id: PLAIN}, Money.of(1, "USD"))
    with pytest.raises(VenueError, match="belong to brackets"):
        venue.submit(approve(replace(Desk(PLAIN).send("e", "buy", 1), id="e/stop"), 0))


def test_what_is_shown_is_what_is_taken() -> None:
    venue = Simulator({PLAIN.id: PLAIN}, Money.of(1_000, "USD"), FREE)
    venue.submit(approve(Desk(PLAIN).send("e", "buy", 1), 0))
    venue.watch([Bar(1, "PLAIN", 0, 100, 100, 100, 100)])
    taken = []
    while (head := venue.peek()) is not None:
        assert venue.peek() is head is venue.pop()
        taken.append(type(head))
    assert taken == [Accepted, Fill, Settled]
    ledger = venue.ledger
    assert (ledger.cash, ledger.positions, ledger.marks) == (
        Money.of(999, "USD"),
        {"PLAIN": 1},
        {"PLAIN": 100},
    )
