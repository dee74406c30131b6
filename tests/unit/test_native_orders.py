"""Each order type, time in force and model of the native exchange, by examples worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from quorate.native.exchange import FOREVER, REASONS, Exchange, Kind, Latency, Row, Rows, Rules, Told
from tests.exchange import PLAIN

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
HALF = replace(PLAIN, spread_bps=Decimal(2))  # at 10 000 ticks half a spread is one tick


def bar(at: int, *prices: int, volume: int = -1) -> tuple[int, ...]:
    """One hour's bar: open, high, low, close; or one price for all four."""
    return (at, Row.BAR, 0, at - HOUR, *(prices if len(prices) == 4 else prices * 4), volume, -1)


def trade(at: int, price: int, lots: int = -1, aggressor: int = 0) -> tuple[int, ...]:
    return (at, Row.TRADE, 0, 0, price, 0, 0, aggressor, lots, -1)


def quote(at: int, bid: int, ask: int, bid_lots: int = -1, ask_lots: int = -1) -> tuple[int, ...]:
    return (at, Row.QUOTE, 0, 0, bid, ask_lots, bid_lots, ask, -1, -1)


def mark(at: int, price: int, kind: Row = Row.MARK) -> tuple[int, ...]:
    return (at, kind, 0, 0, price, 0, 0, 0, -1, -1)


class Market:
    """An exchange in PLAIN with ten million of cash, shown row after row."""

    def __init__(self, instrument: Any = PLAIN, latency_ns: int = 0, **rules: Any) -> None:
        self.exchange = Exchange([instrument], 10**15, latency_ns=latency_ns, rules=Rules(**rules))
        self.told: list[list[int]] = []

    def send(
        self,
        name: str,
        type: str,
        side: str = "buy",
        lots: int = 10,
        *,
        role: str = "entry",
        at: int = 0,
        **more: Any,
    ) -> None:
        self.exchange.submit(name, at, "PLAIN", side, type, role, lots, more.pop("price", None), **more)

    def see(self, *rows: tuple[int, ...]) -> None:
        self.told += self.exchange.watch(np.array(rows, np.int64)).tolist()

    def of(self, kind: Kind) -> list[list[int]]:
        return [row for row in self.told if row[Told.KIND] == kind]

    @property
    def fills(self) -> list[tuple[str, int, int]]:
        """(order, lots, price) of each fill."""
        name = self.exchange.name
        return [(name(row[Told.ORDER]), row[Told.LOTS], row[Told.PRICE]) for row in self.of(Kind.FILL)]

    @property
    def ends(self) -> list[tuple[str, str]]:
        """(order, reason) of each that ended otherwise."""
        name = self.exchange.name
        return [
            (name(row[Told.ORDER]), REASONS[row[Told.REASON]] or "expired")
            for row in self.told
            if row[Told.KIND] in (Kind.REJECTED, Kind.CANCELLED, Kind.EXPIRED)
        ]

    def long(self, lots: int = 10, price: int = 10_000) -> int:
        """Buys first; returns the instant after which all goes on."""
        self.send("first", "market", lots=lots)
        self.see(bar(HOUR, price))
        self.told.clear()
        return HOUR


# ---- driven by trades and quotes -----------------------------------------------------------------------


def test_a_market_order_takes_the_first_quote_after_it_arrived_at_its_ask() -> None:
    market = Market(latency_ns=5)
    market.send("e", "market")
    market.see(quote(5, 9_990, 10_000))
    assert market.fills == [], "it arrives at this very instant"
    market.see(quote(6, 9_995, 10_007))
    assert market.fills == [("e", 10, 10_007)]
    market.send("x", "market", "sell", role="exit", at=6)
    market.see(quote(12, 9_990, 10_100))
    assert market.fills[1:] == [("x", 10, 9_990)]


def test_a_trade_costs_half_the_spread_more() -> None:
    market = Market(HALF)
    market.send("e", "market")
    market.see(trade(1, 10_000))
    assert market.fills == [("e", 10, 10_001)]


def test_a_resting_limit_fills_when_the_trade_goes_through_and_not_at_its_price() -> None:
    market = Market()
    market.send("e", "limit", price=10_000)
    market.see(trade(1, 10_010))
    market.see(trade(2, 10_000, 1_000, -1))
    assert market.fills == []
    market.see(trade(3, 9_990, 1_000, -1))
    assert market.fills == [("e", 10, 10_000)]
    assert market.of(Kind.FILL)[0][Told.MAKER]


def test_in_the_queue_what_is_left_over_by_those_in_front_fills() -> None:
    market = Market(queue=True)
    market.send("e", "limit", price=10_000)
    market.see(quote(1, 10_000, 10_010, bid_lots=30))
    market.see(trade(2, 10_000, 20, aggressor=-1))  # 10 in front are left
    market.see(trade(3, 10_000, 50, aggressor=1))  # a buyer takes from the other side
    assert market.fills == []
    market.see(trade(4, 10_000, 14, aggressor=-1))
    assert market.fills == [("e", 4, 10_000)]
    market.see(trade(5, 10_000, 14, aggressor=-1))
    assert market.fills[1:] == [("e", 6, 10_000)]


def test_nobody_is_in_front_of_the_best_bid() -> None:
    market = Market(queue=True)
    market.send("e", "limit", price=10_000)
    market.see(quote(1, 9_990, 10_010, bid_lots=500))
    market.see(trade(2, 10_000, 10, aggressor=-1))
    assert market.fills == [("e", 10, 10_000)]


def test_rows_of_one_instant_are_met_as_they_stand() -> None:
    market = Market()
    market.send("e", "stop", price=10_010)
    market.see(trade(1, 10_000), trade(1, 10_012), trade(1, 10_020))
    assert market.fills == [("e", 10, 10_012)]
    assert market.exchange.mark("PLAIN") == 10_020


# ---- partial fills -------------------------------------------------------------------------------------


def test_all_orders_together_take_no_more_than_their_share_and_legs_grow() -> None:
    market = Market(participation=Decimal("0.1"))
    market.send("a", "market", lots=30, stop=9_000, target=11_000)
    market.send("b", "market", lots=30)
    market.see(bar(HOUR, 10_000, volume=250))
    assert market.fills == [("a", 25, 10_000)]
    market.see(bar(2 * HOUR, 10_000, volume=110))
    assert market.fills[1:] == [("a", 5, 10_000), ("b", 6, 10_000)]
    assert [(market.exchange.name(row[Told.ORDER]), row[Told.LOTS]) for row in market.of(Kind.REPLACED)] == [
        ("a/stop", 30), ("a/target", 30),
    ]  # fmt: skip


def test_a_target_filled_in_part_makes_its_stop_smaller() -> None:
    market = Market(participation=Decimal("0.5"))
    market.send("e", "market", stop=9_000, target=10_100)
    market.see(bar(HOUR, 10_000, volume=100))
    market.see(bar(2 * HOUR, 10_000, 10_200, 10_000, 10_000, volume=8))
    assert market.fills[1:] == [("e/target", 4, 10_100)]
    market.see(bar(3 * HOUR, 8_900, volume=100))
    assert market.fills[2:] == [("e/stop", 6, 8_900)]
    assert market.exchange.working == market.exchange.lots("PLAIN") == 0


def test_an_entry_works_no_more_once_its_stop_was_hit() -> None:
    market = Market(participation=Decimal("0.5"))
    market.send("e", "limit", lots=10, price=10_000, stop=9_000)
    market.see(bar(HOUR, 10_000, volume=8))
    market.see(bar(2 * HOUR, 8_900, volume=8))
    assert ("e", "oco") in market.ends
    assert market.exchange.working == 0


def test_unknown_volume_is_no_cap_and_says_so() -> None:
    market = Market(participation=Decimal("0.1"))
    market.send("e", "market")
    market.see(bar(HOUR, 10_000))
    assert market.fills == [("e", 10, 10_000)]
    assert REASONS[market.of(Kind.FILL)[0][Told.REASON]] == "volume unknown"


@pytest.mark.parametrize(("force", "lots"), [("ioc", 4), ("fok", 0)])
def test_immediate_or_cancel_takes_what_there_is_and_fill_or_kill_all_or_nothing(
    force: str, lots: int
) -> None:
    market = Market(participation=Decimal(1))
    market.send("e", "limit", price=10_000, force=force)
    market.see(bar(HOUR, 10_000, volume=4))
    assert sum(fill[1] for fill in market.fills) == lots
    assert market.ends == [("e", "not filled at once")]


def test_an_iceberg_shows_little_and_goes_behind_the_others() -> None:
    market = Market(participation=Decimal(1))
    market.send("ice", "limit", lots=20, price=10_000, display=5)
    market.send("plain", "limit", lots=6, price=10_000)
    market.see(bar(HOUR, 10_100))
    market.see(bar(2 * HOUR, 10_050, 10_050, 9_990, 10_050, volume=14))
    assert market.fills == [("ice", 5, 10_000), ("plain", 6, 10_000), ("ice", 3, 10_000)]


# ---- types ---------------------------------------------------------------------------------------------


def test_a_stop_limit_waits_at_its_limit_when_the_market_jumps_over_it() -> None:
    market = Market()
    market.send("e", "stop_limit", price=10_100, limit=10_120)
    market.see(bar(HOUR, 10_000, 10_090, 9_990, 10_050))
    assert not market.of(Kind.TRIGGERED)
    market.see(bar(2 * HOUR, 10_200, 10_300, 10_150, 10_200))
    assert market.of(Kind.TRIGGERED)[0][Told.PRICE] == 10_100
    assert market.fills == []
    market.see(bar(3 * HOUR, 10_180, 10_200, 10_110, 10_150))
    assert market.fills == [("e", 10, 10_120)]


def test_a_trailing_stop_follows_and_then_sells() -> None:
    market = Market()
    at = market.long()
    market.send("x", "trailing_stop", "sell", role="stop", at=at, trail=100)
    market.see(bar(2 * HOUR, 10_000, 10_050, 9_960, 10_040))  # to 9 950
    market.see(bar(3 * HOUR, 10_040, 10_300, 10_030, 10_290))  # to 10 200
    assert market.fills == []
    market.see(bar(4 * HOUR, 10_290, 10_295, 10_100, 10_110))
    assert market.fills == [("x", 10, 10_200)]


def test_a_trailing_stop_in_bps_from_an_activation_on() -> None:
    market = Market()
    at = market.long()
    market.send(
        "x",
        "trailing_stop_limit",
        "sell",
        role="stop",
        at=at,
        trail_bps=100,
        activation=10_500,
        limit_offset=7,
    )
    market.see(bar(2 * HOUR, 10_000, 10_400, 9_000, 9_900))
    assert not market.of(Kind.TRIGGERED), "not active before"
    market.see(bar(3 * HOUR, 10_400, 10_599, 10_490, 10_590))  # 1 % of 10 599, rounded up: 106
    market.see(trade(3 * HOUR + 1, 10_494))
    assert not market.of(Kind.TRIGGERED)
    market.see(trade(3 * HOUR + 2, 10_493))
    assert market.of(Kind.TRIGGERED)[0][Told.PRICE] == 10_493
    assert market.fills == [("x", 10, 10_493)], "within its limit of 10 486"


@pytest.mark.parametrize(
    ("type", "more", "price"),
    [("market_if_touched", {}, 9_900), ("limit_if_touched", {"limit": 9_890}, 9_890)],
)
def test_what_is_touched_comes_to_life(type: str, more: dict[str, int], price: int) -> None:
    market = Market()
    market.send("e", type, price=9_900, **more)
    market.see(bar(HOUR, 10_000, 10_000, 9_950, 9_960))
    assert market.fills == []
    market.see(bar(2 * HOUR, 9_960, 9_960, 9_880, 9_940))
    assert market.fills == [("e", 10, price)]


def test_market_to_limit_rests_at_the_price_it_got() -> None:
    market = Market(participation=Decimal(1))
    market.send("e", "market_to_limit")
    market.see(bar(HOUR, 10_000, volume=4))
    market.see(bar(2 * HOUR, 10_050, volume=100))
    assert market.fills == [("e", 4, 10_000)]
    market.see(bar(3 * HOUR, 10_050, 10_050, 9_990, 10_000, volume=100))
    assert market.fills[1:] == [("e", 6, 10_000)]


def test_on_open_and_on_close_take_the_first_and_the_last_price_of_a_session() -> None:
    market = Market()
    market.send("open", "on_open", at=1, session=2 * HOUR)
    market.send("close", "on_close", at=1, session=4 * HOUR)
    market.send("dear", "on_close", at=1, session=4 * HOUR, limit=10_000)
    market.see(bar(2 * HOUR, 9_000, 9_500, 9_000, 9_500))
    market.see(bar(3 * HOUR, 10_000, 10_100, 9_900, 10_050))
    assert market.fills == [("open", 10, 10_000)]
    market.see(bar(4 * HOUR, 10_050, 10_100, 10_000, 10_077))
    assert market.fills[1:] == [("close", 10, 10_077)]
    assert market.of(Kind.FILL)[1][Told.FILLED_AT] == 4 * HOUR
    assert market.ends == [("dear", "missed its session")]


def test_a_day_order_ends_with_its_utc_day_and_a_dated_one_at_its_instant() -> None:
    market = Market()
    market.send("day", "limit", price=9_000, force="day", at=HOUR)
    market.send("gtd", "limit", price=9_000, force="gtd", good_until=3 * HOUR, at=HOUR)
    market.send("gtc", "limit", price=9_000, at=HOUR)
    market.see(bar(3 * HOUR, 10_000))
    market.see(bar(4 * HOUR, 10_000))
    assert market.ends == [("gtd", "expired")]
    market.see(bar(DAY, 10_000, 10_000, 9_000, 10_000))
    assert market.fills == [("day", 10, 9_000), ("gtc", 10, 9_000)]
    late = Market()
    late.send("day", "limit", price=9_000, force="day", at=HOUR)
    late.see(bar(DAY + 1, 8_000))
    assert (late.fills, late.ends) == ([], [("day", "expired")])


def test_post_only_is_rejected_when_it_would_take() -> None:
    market = Market()
    market.send("e", "limit", price=10_001, post_only=True)
    market.send("f", "limit", price=9_999, post_only=True)
    market.see(quote(1, 9_999, 10_000))
    assert market.ends == [("e", "post-only would take")]
    market.see(quote(2, 9_990, 9_999))
    assert market.fills == [("f", 10, 9_999)]


@pytest.mark.parametrize(("shrinks", "left"), [(False, []), (True, [("b", 6)])])
def test_a_group_ends_or_shrinks_with_a_fill(shrinks: bool, left: list[tuple[str, int]]) -> None:
    market = Market(participation=Decimal(1))
    for name, price in (("a", 10_000), ("b", 9_900)):
        market.send(name, "limit", price=price, group=7, shrinks=shrinks)
    market.see(bar(HOUR, 10_050, 10_050, 10_000, 10_050, volume=4))
    replaced = [(market.exchange.name(row[Told.ORDER]), row[Told.LOTS]) for row in market.of(Kind.REPLACED)]
    assert replaced == left
    assert market.ends == ([] if shrinks else [("b", "oco")])


def test_one_triggers_the_other_and_without_it_the_other_ends() -> None:
    market = Market()
    market.send("a", "limit", price=9_950)
    market.send("b", "limit", "sell", role="exit", price=10_050, after="a")
    market.see(bar(HOUR, 10_100))
    assert market.fills == [], "b waits, though its price was there"
    market.see(bar(2 * HOUR, 9_940))
    market.see(bar(3 * HOUR, 10_060))
    assert market.fills == [("a", 10, 9_940), ("b", 10, 10_060)]
    other = Market()
    other.send("a", "limit", price=9_950)
    other.send("b", "market", "sell", role="exit", after="a")
    other.exchange.cancel("a", 0)
    other.see(bar(HOUR, 9_000))
    assert other.ends == [("a", "asked"), ("b", "the order it waits for ended")]


@pytest.mark.parametrize(
    ("watch", "row"),
    [
        ("last", trade(3, 10_100)), ("touch", quote(3, 10_000, 10_100)), ("mark", mark(3, 10_100)),
        ("index", mark(3, 10_100, Row.INDEX)),
    ],
)  # fmt: skip
def test_a_trigger_watches_what_it_was_told_to(watch: str, row: tuple[int, ...]) -> None:
    market = Market()
    market.send("e", "stop", price=10_100, watch=watch)
    others = [trade(2, 10_100), quote(2, 10_000, 10_100), mark(2, 10_100), mark(2, 10_100, Row.INDEX)]
    market.see(*[other for other in others if other[1] != row[1]])
    assert not market.of(Kind.TRIGGERED)
    market.see(row)
    assert len(market.of(Kind.TRIGGERED)) == 1
    market.see(trade(4, 10_055))
    assert market.fills == [("e", 10, 10_055 if watch in ("mark", "index") else 10_100)]


def test_a_mark_price_alone_values_what_is_held() -> None:
    market = Market()
    market.long()
    market.see(mark(2 * HOUR, 10_300), trade(2 * HOUR, 10_500))
    assert market.exchange.mark("PLAIN") == 10_300
    market.see(bar(3 * HOUR, 10_600))
    assert market.exchange.equity_e8 == 10**15 + 10 * 300 * 10**6


# ---- changes -------------------------------------------------------------------------------------------


def test_a_change_keeps_its_place_only_with_fewer_lots() -> None:
    market = Market(participation=Decimal(1))
    for name in ("a", "b", "c"):
        market.send(name, "limit", lots=10, price=10_000)
    market.see(bar(HOUR, 10_100))
    assert market.exchange.replace("a", HOUR, lots=5)
    assert market.exchange.replace("b", HOUR, lots=11)
    market.see(bar(2 * HOUR, 10_050, 10_050, 9_990, 10_050, volume=18))
    assert market.fills == [("a", 5, 10_000), ("c", 10, 10_000), ("b", 3, 10_000)]
    assert market.exchange.replace("b", 2 * HOUR, lots=3), "all of which is filled"
    market.see(bar(3 * HOUR, 10_100))
    assert market.ends == [("b", "asked")]
    assert not market.exchange.replace("a", 3 * HOUR, lots=9), "it was filled"


def test_a_change_takes_its_time_and_finds_nothing_after_the_end() -> None:
    market = Market(latency_ns=HOUR)
    market.send("e", "limit", price=9_000)
    market.see(bar(2 * HOUR, 10_000))
    assert market.exchange.replace("e", 2 * HOUR, price=9_990)
    market.see(bar(3 * HOUR - 1, 9_995, 9_995, 9_989, 9_995))
    assert market.fills == []
    market.see(bar(4 * HOUR, 9_995, 9_995, 9_989, 9_995))
    assert market.fills == [("e", 10, 9_990)]
    other = Market(latency_ns=HOUR)
    other.send("e", "limit", price=9_000)
    other.see(bar(2 * HOUR, 10_000))
    other.exchange.replace("e", 2 * HOUR, price=9_990)
    other.see(bar(3 * HOUR - 1, 8_000))
    assert [row[Told.KIND] for row in other.exchange.drain().tolist()] == []


def test_a_change_that_makes_no_sense_is_an_error() -> None:
    market = Market()
    market.send("e", "market")
    with pytest.raises(ValueError, match="no lots"):
        market.exchange.replace("e", 0, lots=0)
    with pytest.raises(ValueError, match="has no price"):
        market.exchange.replace("e", 0, price=5)
    with pytest.raises(ValueError, match="never was"):
        market.exchange.replace("x", 0, lots=1)


# ---- the unknown path, delays, slippage ----------------------------------------------------------------


def exits(intrabar: str, *prices: int, **more: Any) -> list[list[int]]:
    market = Market(replace(HALF, slippage_bps=Decimal(3)), intrabar=intrabar)
    market.send("e", "market", stop=9_900, target=10_100, **more)
    market.see(bar(HOUR, *prices))
    return market.of(Kind.FILL)[1:]


def test_stop_or_target_first_is_what_the_path_says() -> None:
    both = (10_000, 10_200, 9_800, 10_000)
    names = {path: exits(path, *both)[0][Told.ROLE] for path in ("pessimistic", "likely", "optimistic")}
    assert names == {"pessimistic": 2, "likely": 2, "optimistic": 3}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**48))
def test_every_fill_s_bounds_hold_the_price_of_every_path(seed: int) -> None:
    dice = Random(seed)
    low, high = sorted(10_000 + dice.randint(-300, 300) for _ in range(2))
    four = dice.randint(low, high), high, low, dice.randint(low, high)
    found = [exits(path, *four) for path in ("pessimistic", "likely", "optimistic")]
    fills = [fill[0] for fill in found if fill]
    for one in fills:
        assert one[Told.BEST] >= one[Told.PRICE] >= one[Told.WORST]  # what sells wants more
        for other in fills:
            assert one[Told.BEST] >= other[Told.PRICE] >= one[Told.WORST]


def test_delays_by_seed_and_order_alone() -> None:
    drawn = Latency.sampled(7, [0, 100, 1_000])
    one, other = drawn.of(0, 3, 0), drawn.of(0, 6, 0)
    assert (one, other) == (drawn.of(5, 3, 0), drawn.of(5, 6, 0)) != (other, one)
    many = sorted(drawn.of(0, number, 0) for number in range(4_001))
    assert all(0 <= each <= 1_000 for each in many)
    assert 85 <= many[2_000] <= 115, "the median is the quantile in the middle"
    found = Latency.measured([10, 20], [5, 7])
    assert [found.of(at, 0, 0) for at in (0, 10, 19, 20, 99)] == [5, 5, 5, 7, 7]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Latency(-1), "must not be negative"),
        (lambda: Latency.sampled(0, []), "there are none"),
        (lambda: Latency.sampled(0, [5, 4]), "must rise"),
        (lambda: Latency.measured([1], []), "1 instants and 0 delays"),
        (lambda: Latency.measured([2, 1], [0, 0]), "instants must rise"),
        (lambda: Market(participation=Decimal("1.5")), "must not be above 1"),
        (lambda: Market(impact=Decimal(-1)), "impact must not be -1/1"),
        (lambda: Market(intrabar="hopeful"), "intrabar path 'hopeful'"),
    ],
)
def test_rules_that_make_no_sense_are_errors(make: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()


def test_size_and_range_cost_more() -> None:
    dear = Market(impact=Decimal("0.01"))
    dear.send("e", "market", lots=25)
    dear.see(bar(HOUR, 10_000, volume=100))  # 1 % times the root of a quarter
    assert dear.fills == [("e", 25, 10_050)]
    wide = Market(range_slippage=Decimal("0.1"))
    wide.send("e", "market")
    wide.see(bar(HOUR, 10_000, 10_090, 9_990, 10_000))
    assert wide.fills == [("e", 10, 10_010)]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"type": "trailing_stop"}, "trailing order without an offset"),
        ({"type": "trailing_stop", "trail": 1, "trail_bps": 1}, "trailing order without an offset"),
        ({"type": "stop_limit", "price": 5}, "limit order without a limit"),
        ({"type": "market_if_touched"}, "stop order without a trigger"),
        ({"type": "market", "post_only": True}, "terms that do not go together"),
        ({"type": "market", "watch": "mark"}, "terms that do not go together"),
        ({"type": "limit", "price": 5, "display": 11}, "terms that do not go together"),
        ({"type": "limit", "price": 5, "force": "gtd"}, "terms that do not go together"),
        ({"type": "limit", "price": 5, "good_until": 9}, "terms that do not go together"),
        ({"type": "on_open", "force": "ioc"}, "terms that do not go together"),
    ],
)
def test_what_the_venue_cannot_work_it_refuses_by_name(more: dict[str, Any], why: str) -> None:
    market = Market()
    market.send("e", **more)
    market.see(bar(HOUR, 10_000))
    assert market.ends == [("e", why)]


def test_an_order_after_one_that_has_ended_is_refused() -> None:
    market = Market()
    market.long()
    market.send("e", "market", after="first", at=HOUR)
    market.see(bar(2 * HOUR, 10_000))
    assert market.ends == [("e", "the order it waits for does not work")]


def test_the_first_report_on_its_way_can_be_seen() -> None:
    market = Market(latency_ns=5)
    assert market.exchange.head().shape == (0, 16)
    market.send("e", "market")
    head: Rows = market.exchange.head()
    assert (head[0, Told.AT], head[0, Told.KIND]) == (5, Kind.ACCEPTED)
    assert market.exchange.due == 5
    market.exchange.drain()
    assert market.exchange.due == FOREVER
