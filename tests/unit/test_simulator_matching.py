"""How orders meet bars: each rule of the simulated exchange with prices worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from quorate.core.events import Accepted, Bar, Cancelled, Fill, Rejected
from quorate.core.instant import MINUTE
from quorate.core.order import Role
from quorate.simulator.costs import Costs
from tests.exchange import FREE, PLAIN, START, Desk
from tests.oracles.exchange import simulator

COSTLY = replace(PLAIN, spread_bps=Decimal(20), slippage_bps=Decimal(10))  # at 10,000: half 10, slip 10 ticks


@pytest.fixture(autouse=True, params=["native", "oracle"])
def _venue(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case by hand holds for the product and for the readable oracle."""
    if request.param == "oracle":
        monkeypatch.setattr(Desk, "kind", simulator.Simulator)


def prices(fill: Fill) -> tuple[int, int, int]:
    """(best, price, worst) in ticks."""
    return fill.best.count, fill.price.count, fill.worst.count


def ends(desk: Desk) -> list[tuple[str, str]]:
    """(order, reason) of all that was cancelled or rejected."""
    return [(r.order, r.reason) for r in desk.reports if isinstance(r, Cancelled | Rejected)]


def long(desk: Desk, open: int = 10_000, **bracket: int) -> None:
    """A long position of 10 lots, filled at the open of a bar that stays there."""
    desk.send("e", "buy", 10, **bracket)
    desk.bar(open)
    assert desk.lots() == 10


# ---- market orders -------------------------------------------------------------------------------------


def test_a_market_order_fills_in_the_next_bar_with_every_cost() -> None:
    desk = Desk(COSTLY, costs=Costs(latency_ns=6_000_000_000))  # a tenth of a minute
    desk.send("b", "buy", 10)
    desk.bar(10_000, 10_100, 9_900, 10_050)
    # half spread 10, slippage 10, half the range (100) x 0.1 = 10; meanwhile the market may get 126 either
    # way, twice the range x the root of 0.1, but not beyond the bar and half the spread
    assert prices(desk.fills[0]) == (9_900, 10_030, 10_110)
    assert desk.fills[0].filled_at == START + 6_000_000_000
    desk.send("s", "sell", 10, role=Role.EXIT)
    desk.bar(10_000, 10_100, 9_900, 10_050)
    assert prices(desk.fills[1]) == (10_100, 9_970, 9_890)
    desk.send("c", "buy", 10)
    desk.bar(10_000, 11_000, 9_000, 10_050)
    # now 1,265: from 8,735, beyond the low, to 10,010 + 30 + 100 + 10 + 1,265, beyond the high
    assert prices(desk.fills[2]) == (9_000, 10_120, 11_010)


def test_the_open_may_have_been_bid_or_ask_and_a_while_ago() -> None:
    """The bounds where no extreme cuts them: 60 ms are a thousandth of a minute, the root of that 0.0316."""
    desk = Desk(COSTLY, costs=Costs(latency_ns=60_000_000))
    desk.send("b", "buy", 10)
    desk.bar(10_000, 10_500, 9_500, 10_050)
    # 10,010 less 10 and 63.2; 10,010, 3 x 10 of slippage, 0.5 of delay, 10 and 63.2: in our disfavour both
    assert prices(desk.fills[0]) == (9_937, 10_021, 10_114)


def test_the_bars_own_spread_counts_where_it_has_one() -> None:
    desk = Desk(replace(COSTLY, slippage_bps=Decimal(0)), costs=FREE)
    desk.send("b", "buy", 1)
    desk.bar(10_000, 10_100, 9_900, spread=3)
    assert prices(desk.fills[0]) == (10_000, 10_002, 10_003)  # 1.5 ticks, rounded against us
    desk.send("s", "sell", 1, role=Role.EXIT)
    desk.bar(10_000, 10_100, 9_900, spread=3)
    assert desk.fills[1].price.count == 9_998


def test_no_fill_beyond_the_bars_extreme_and_half_the_spread() -> None:
    desk = Desk(COSTLY, costs=Costs(latency_ns=0, slippage=Decimal(50)))
    desk.send("b", "buy", 1)
    desk.bar(10_000, 10_005, 9_990)
    assert prices(desk.fills[0]) == (10_000, 10_015, 10_015)


def test_a_bar_without_a_range_keeps_its_slippage() -> None:
    desk = Desk(COSTLY, costs=Costs())
    desk.send("b", "buy", 1)
    desk.bar(10_000)
    assert prices(desk.fills[0]) == (10_000, 10_020, 10_050)


def test_an_order_that_arrives_after_the_bar_waits_for_the_next() -> None:
    desk = Desk(PLAIN, costs=Costs(latency_ns=MINUTE))
    desk.send("b", "buy", 1)
    desk.bar(10_000)
    assert not desk.fills
    desk.bar(10_100)
    assert desk.fills[0].price.count == 10_100


@pytest.mark.parametrize(
    ("side", "found"), [("sell", (10_100, 10_025, 9_900)), ("buy", (9_900, 10_025, 10_100))]
)
def test_an_order_sent_in_mid_bar_does_not_get_the_open_that_was_past(
    side: str, found: tuple[int, int, int]
) -> None:
    desk = Desk(PLAIN, costs=FREE)
    begin, desk.at = desk.at, desk.at + MINUTE // 2  # a person halts, or another market's bar closes
    desk.send("x", side, 1)
    desk.step(Bar(begin + MINUTE, "PLAIN", begin, 10_000, 10_100, 9_900, 10_050))
    assert prices(desk.fills[0]) == found  # half way from 10,000 to 10,050; anything the bar saw is possible
    assert desk.fills[0].filled_at == begin + MINUTE // 2


def test_a_stop_may_come_before_an_exit_sent_in_mid_bar() -> None:
    desk = Desk(PLAIN, costs=FREE)
    long(desk, stop=9_900)
    begin, desk.at = desk.at, desk.at + MINUTE // 2
    desk.send("x", "sell", 10, role=Role.EXIT)
    desk.step(Bar(begin + MINUTE, "PLAIN", begin, 10_000, 10_000, 9_850, 9_990))
    assert [(fill.order, fill.price.count) for fill in desk.fills[1:]] == [("e/stop", 9_900)]
    assert desk.lots() == 0


def test_a_bar_that_moved_without_volume_is_no_frozen_price() -> None:
    desk = Desk(PLAIN)
    long(desk, stop=9_900)
    desk.bar(10_000, volume=0)
    desk.bar(10_000, 10_000, 9_850, 9_950, volume=0)
    assert [fill.price.count for fill in desk.fills[1:]] == [9_900]


@pytest.mark.parametrize(("volume", "filled"), [(0, 0), (-1, 1), (5, 1)])
def test_a_frozen_price_fills_nothing(volume: int, filled: int) -> None:
    desk = Desk(PLAIN)
    desk.send("b", "buy", 1)
    desk.bar(10_000, volume=volume)
    assert len(desk.fills) == filled


# ---- limit orders --------------------------------------------------------------------------------------


def test_a_resting_limit_fills_at_its_price_as_maker() -> None:
    desk = Desk(COSTLY)
    desk.send("b", "buy", 1, limit=9_950)
    desk.bar(10_000, 10_000, 9_941)  # the ask falls to 9,951
    assert not desk.fills
    desk.bar(10_000, 10_000, 9_940)
    assert prices(desk.fills[0]) == (9_950, 9_950, 9_950)
    assert desk.fills[0].maker


def test_a_limit_through_the_market_on_arrival_takes_and_never_pays_more_than_its_price() -> None:
    desk = Desk(COSTLY, costs=Costs(latency_ns=0))
    desk.send("b", "buy", 1, limit=10_015)
    desk.bar(10_000, 10_100, 9_900)
    assert prices(desk.fills[0]) == (10_000, 10_015, 10_015)
    assert not desk.fills[0].maker


def test_a_resting_limit_gets_the_better_open() -> None:
    desk = Desk(PLAIN)
    desk.send("b", "buy", 1, limit=9_900)
    desk.bar(10_000)
    desk.bar(9_800, 9_850, 9_700)
    assert prices(desk.fills[0]) == (9_800, 9_800, 9_900)
    assert desk.fills[0].maker


# ---- stop orders ---------------------------------------------------------------------------------------


def test_a_stop_fills_at_its_trigger_with_slippage() -> None:
    desk = Desk(COSTLY, costs=Costs())
    desk.send("b", "buy", 1, trigger=10_100)
    desk.bar(10_000, 10_089, 9_990)  # the ask rises to 10,099
    assert not desk.fills
    desk.bar(10_000, 10_200, 9_990)
    # 10.1 ticks of slippage, against us; at worst three times that, half the spread, and what the market does
    # in a second, twice the range of 210 x the root of a sixtieth
    assert prices(desk.fills[0]) == (10_100, 10_111, 10_195)


def test_a_stop_gapped_through_fills_at_the_open() -> None:
    desk = Desk(PLAIN)
    long(desk, stop=9_900)
    desk.bar(9_500, 9_600, 9_400)
    assert desk.fills[1].price.count == 9_500
    assert desk.fills[1].filled_at == desk.at - MINUTE


# ---- brackets ------------------------------------------------------------------------------------------


def test_a_fill_brings_both_legs_to_life_and_one_cancels_the_other() -> None:
    desk = Desk(PLAIN)
    long(desk, stop=9_900, target=10_200)
    stop, target = desk.accepted["e/stop"], desk.accepted["e/target"]
    assert (stop.role, stop.trigger, stop.limit, stop.parent) == (Role.STOP, PLAIN.price(9_900), None, "e")
    assert (target.role, target.trigger, target.limit, target.parent) == (
        Role.TARGET, None, PLAIN.price(10_200), "e",
    )  # fmt: skip
    desk.bar(10_000, 10_250, 9_950)
    assert (desk.fills[1].order, desk.fills[1].price.count, desk.fills[1].maker) == ("e/target", 10_200, True)
    assert ends(desk) == [("e/stop", "oco")]
    assert desk.lots() == 0


def test_both_legs_in_one_bar_is_the_stop_and_at_best_the_target() -> None:
    desk = Desk(PLAIN)
    long(desk, stop=9_900, target=10_200)
    desk.bar(10_000, 10_300, 9_800)
    assert desk.fills[1].order == "e/stop"
    assert prices(desk.fills[1]) == (10_200, 9_900, 9_800)  # a second later it may have been at the low


def test_the_stop_is_live_within_the_bar_of_the_entry() -> None:
    desk = Desk(PLAIN)
    desk.send("e", "buy", 10, stop=9_900, target=10_200)
    desk.bar(10_000, 10_300, 9_850)
    assert [fill.order for fill in desk.fills] == ["e", "e/stop"]
    assert prices(desk.fills[1]) == (10_200, 9_900, 9_850)
    assert desk.lots() == 0


def test_close_only_bars_trigger_nothing_in_the_bar_of_the_entry() -> None:
    desk = Desk(PLAIN)
    long(desk, stop=9_900, target=10_200)
    desk.bar(9_800)
    assert desk.fills[1].price.count == 9_800  # gapped through at the next one


@pytest.mark.parametrize(("close", "target_filled"), [(10_100, False), (10_250, True)])
def test_after_a_limit_entry_only_the_close_proves_the_target(close: int, target_filled: bool) -> None:
    desk = Desk(PLAIN)
    desk.send("e", "buy", 10, limit=9_950, stop=9_800, target=10_200)
    desk.bar(10_000, 10_300, 9_900, close)
    assert ("e/target" in desk.filled) == target_filled
    desk = Desk(PLAIN)
    desk.send("e", "buy", 10, limit=9_950, stop=9_920, target=10_200)
    desk.bar(10_000, 10_300, 9_900, close)
    assert prices(desk.fills[1]) == (10_200, 9_920, 9_900)  # the low came after the fill for sure


def test_an_entry_filled_beyond_its_stop_is_stopped_at_once() -> None:
    desk = Desk(COSTLY, costs=Costs(latency_ns=0))
    desk.send("e", "buy", 10, stop=9_900, target=10_200)
    desk.bar(9_500)
    assert [fill.order for fill in desk.fills] == ["e", "e/stop"]
    assert desk.fills[1].price.count < 9_500
    assert desk.lots() == 0


def test_short_brackets_mirror_long_ones() -> None:
    desk = Desk(PLAIN)
    desk.send("e", "sell", 10, stop=10_100, target=9_800)
    desk.bar(10_000)
    desk.bar(10_000, 10_200, 9_700)
    assert prices(desk.fills[1]) == (9_800, 10_100, 10_200)


# ---- exits only reduce ---------------------------------------------------------------------------------


def test_an_exit_is_clipped_to_what_is_held() -> None:
    desk = Desk(PLAIN)
    long(desk)
    desk.send("x", "sell", 25, role=Role.EXIT)
    desk.bar(10_000)
    assert desk.fills[1].quantity.count == 10
    assert ends(desk) == [("x", "flat")]


def test_an_exit_with_nothing_held_is_cancelled() -> None:
    desk = Desk(PLAIN)
    desk.send("x", "sell", 5, role=Role.EXIT)
    desk.bar(10_000)
    assert ends(desk) == [("x", "nothing to reduce")]


def test_flat_cancels_what_only_reduces() -> None:
    desk = Desk(PLAIN)
    long(desk, stop=9_900, target=10_200)
    desk.send("x", "sell", 10, role=Role.EXIT)
    desk.send("other", "buy", 5, limit=9_000)
    desk.bar(10_000)
    assert ends(desk) == [("e/stop", "flat"), ("e/target", "flat")]
    desk.bar(8_900)
    assert desk.lots() == 5  # the waiting entry was left alone


def test_a_partial_exit_leaves_legs_that_fill_for_the_rest() -> None:
    desk = Desk(PLAIN)
    long(desk, stop=9_900)
    desk.send("x", "sell", 4, role=Role.EXIT)
    desk.bar(10_000)
    desk.bar(9_800)
    assert [(fill.order, fill.quantity.count) for fill in desk.fills[1:]] == [("x", 4), ("e/stop", 6)]


def test_an_entry_never_turns_a_position_and_exits_go_first() -> None:
    desk = Desk(PLAIN)
    long(desk, stop=9_900)
    desk.send("turn", "sell", 20)
    desk.bar(10_000)
    assert ends(desk) == [("turn", "would turn the position")]
    desk.send("short", "sell", 20)
    desk.send("out", "sell", 10, role=Role.EXIT)
    desk.bar(10_000, 10_050, 9_800)  # the old stop lies in this bar, but the exit was out at the open
    assert [fill.order for fill in desk.fills[1:]] == ["out", "short"]
    assert desk.lots() == -20


def test_an_exit_in_one_instrument_frees_margin_for_another_in_the_same_instant() -> None:
    held, wanted = replace(PLAIN, id="Z", margin=Decimal(1)), replace(PLAIN, id="A", margin=Decimal(1))
    desk = Desk(held, wanted, cash=1_000)
    long(desk)
    desk.send("in", "buy", 10, instrument="A")
    desk.send("out", "sell", 10, role=Role.EXIT, instrument="Z")
    at = desk.at + MINUTE
    desk.step(*(Bar(at, name, desk.at, 10_000, 10_000, 10_000, 10_000) for name in ("A", "Z")))
    assert (desk.lots("A"), desk.lots("Z")) == (10, 0)


# ---- planted defects -----------------------------------------------------------------------------------


def test_a_matcher_that_ignores_gaps_fails_the_gap_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "kind", simulator.Simulator)
    honest = simulator.meet

    def dreamer(order: Any, offer: Any, path: Any) -> Any:
        outcome = honest(order, offer, path)
        dreams = outcome is not None and order.role is Role.STOP
        return outcome._replace(price=order.price, best=order.price) if dreams else outcome

    monkeypatch.setattr(simulator, "meet", dreamer)
    with pytest.raises(AssertionError):
        test_a_stop_gapped_through_fills_at_the_open()


def test_a_matcher_that_prefers_targets_fails_the_ambiguity_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "kind", simulator.Simulator)
    monkeypatch.setattr(
        simulator, "_stops_first", lambda m: (m.order.role is not Role.TARGET, m.order.number)
    )
    with pytest.raises(AssertionError):
        test_both_legs_in_one_bar_is_the_stop_and_at_best_the_target()


def test_legs_that_sleep_through_the_entrys_bar_fail_the_same_bar_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Desk, "kind", simulator.Simulator)
    monkeypatch.setattr(simulator, "aftermath", lambda order, offer, outcome, path: simulator.opening(offer))
    with pytest.raises(AssertionError):
        test_the_stop_is_live_within_the_bar_of_the_entry()


def test_reports_of_a_fill_and_its_legs_come_in_order() -> None:
    desk = Desk(PLAIN)
    desk.send("e", "buy", 10, stop=9_900, target=10_200)
    kinds = [type(report) for report in desk.bar(10_000)]
    assert kinds[:4] == [Accepted, Fill, Accepted, Accepted]
