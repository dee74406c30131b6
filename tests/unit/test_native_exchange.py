"""The native exchange's face: what it takes, what it refuses, and that it closes rather than be inexact."""

from __future__ import annotations

from decimal import Decimal
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from quorate.native import _native
from quorate.native.exchange import FOREVER, REASONS, Exchange, Kind, Market, Rows, Told
from tests.exchange import CRYPTO, FUTURE, PLAIN

HOUR = 3_600_000_000_000
BIG = 2**63 - 1


def bar(at: int, *prices: int, instrument: int = 0, volume: int = -1) -> tuple[int, ...]:
    """One row: open, high, low, close; or one price for all four."""
    four = prices if len(prices) == 4 else prices * 4
    return (at, 0, instrument, at - HOUR, *four, volume, -1)


def rows(*each: tuple[int, ...]) -> Rows:
    return np.array(each, dtype=np.int64).reshape(-1, 10)


def kinds(table: Rows) -> list[Kind]:
    return [Kind(kind) for kind in table[:, Told.KIND]]


def entry(exchange: Exchange, name: str = "e", at: int = 0, lots: int = 1, **terms: Any) -> int:
    return exchange.submit(name, at, "PLAIN", "buy", "market", "entry", lots, **terms)


# ---- a life --------------------------------------------------------------------------------------------


def test_an_entry_its_stop_and_its_target_from_first_to_last() -> None:
    exchange = Exchange([PLAIN], 10**14)
    number = entry(exchange, stop=9_900, target=10_200)
    assert exchange.due == 0
    first = exchange.watch(rows(bar(HOUR, 10_000)))
    assert kinds(first) == [Kind.ACCEPTED, Kind.FILL, Kind.ACCEPTED, Kind.ACCEPTED, Kind.SETTLED, Kind.HELD]
    assert [exchange.name(order) for order in first[:4, Told.ORDER]] == ["e", "e", "e/stop", "e/target"]
    assert first[2, Told.PARENT] == number
    assert (exchange.lots("PLAIN"), exchange.working) == (1, 2)
    second = exchange.watch(rows(bar(2 * HOUR, 10_000, 10_300, 9_950, 10_250)))
    assert kinds(second) == [Kind.FILL, Kind.CANCELLED, Kind.SETTLED]
    assert second[0, Told.PRICE] == 10_200
    assert REASONS[second[1, Told.REASON]] == "oco"
    assert exchange.equity_e8 == exchange.cash_e8 == 10**14 + 200 * 10**6
    assert (exchange.working, exchange.now, exchange.mark("PLAIN"), exchange.due) == (
        0, 2 * HOUR, 10_250, FOREVER,
    )  # fmt: skip


def test_legs_can_be_cancelled_by_name_once_they_live() -> None:
    exchange = Exchange([PLAIN], 10**14)
    entry(exchange, stop=9_900)
    with pytest.raises(ValueError, match="never was an order 'e/stop'"):
        exchange.cancel("e/stop", 0)
    exchange.watch(rows(bar(HOUR, 10_000)))
    assert exchange.cancel("e/stop", HOUR)
    assert not exchange.cancel("e/stop", HOUR), "one is under way"
    assert not exchange.cancel("e", HOUR), "it was filled"
    with pytest.raises(ValueError, match="never was"):
        exchange.cancel("e/target", HOUR)
    told = exchange.watch(rows(bar(2 * HOUR, 10_000, 10_000, 9_000, 9_000)))
    assert kinds(told) == [Kind.CANCELLED]
    assert exchange.lots("PLAIN") == 1


def test_the_same_name_again_is_rejected_also_a_legs() -> None:
    exchange = Exchange([PLAIN], 10**14)
    number = entry(exchange, stop=9_900)
    assert entry(exchange) == number
    exchange.watch(rows(bar(HOUR, 10_000)))
    entry(exchange, "e/stop", HOUR)
    told = exchange.drain()
    assert [REASONS[row[Told.REASON]] for row in told] == ["duplicate"]
    assert exchange.name(told[0, Told.ORDER]) == "e/stop"
    with pytest.raises(ValueError, match="belong to brackets"):
        entry(exchange, "other/target", HOUR)


def test_slots_are_used_again_and_never_mixed_up() -> None:
    exchange = Exchange([PLAIN], 10**15)
    for step in range(1, 400):
        entry(exchange, f"e{step}", (step - 1) * HOUR, stop=9_900, target=10_100)
        up = step % 2 == 0
        exchange.watch(
            rows(bar(step * HOUR, 10_000, 10_150 if up else 10_000, 10_000 if up else 9_850, 10_000))
        )
        assert exchange.working == exchange.lots("PLAIN") == 0
    assert exchange.cash_e8 == 10**15 + (199 * 100 - 200 * 100) * 10**6


def test_thousands_of_orders_and_hundreds_of_symbols() -> None:
    traded = [replace(PLAIN, id=f"S{place}") for place in range(500)]
    exchange = Exchange(traded, 10**17)
    for number in range(10_000):
        exchange.submit(
            f"o{number}", 0, f"S{number % 500}", "buy", "limit", "entry", 1, 9_000 - number // 500
        )
    table = exchange.watch(rows(*(bar(HOUR, 10_000, instrument=place) for place in range(500))))
    assert kinds(table) == [Kind.ACCEPTED] * 10_000
    table = exchange.watch(rows(*(bar(2 * HOUR, 8_990, instrument=place) for place in range(500))))
    assert kinds(table).count(Kind.FILL) == 500 * 11
    assert exchange.working == 10_000 - 500 * 11


# ---- what it refuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (rows(bar(HOUR, 1)), "row 0: instant 3600000000000 cannot come after 3600000000000"),
        (rows(bar(2 * HOUR, 1), bar(3 * HOUR, 1)), "row 1: another instant"),
        (rows(bar(2 * HOUR, 1), bar(2 * HOUR, 1, instrument=1)), "row 1: instrument 1"),
        (rows(bar(2 * HOUR, 1, instrument=-1)), "row 0: instrument -1"),
        (rows((2 * HOUR, 9, *bar(0, 1)[2:])), "row 0: kind 9"),
        (rows(bar(BIG, 1)), "cannot come after"),
    ],
)
def test_a_bad_row_changes_nothing(table: Rows, why: str) -> None:
    exchange = Exchange([PLAIN], 10**14)
    exchange.watch(rows(bar(HOUR, 10_000)))
    with pytest.raises(ValueError, match=why):
        exchange.watch(table)
    assert (exchange.now, exchange.mark("PLAIN")) == (HOUR, 10_000)
    assert len(exchange.watch(rows(bar(2 * HOUR, 10_001)))) == 0


def test_a_block_with_a_bad_row_is_not_begun() -> None:
    exchange = Exchange([PLAIN], 10**14)
    block = rows(*(bar(step * HOUR, 100) for step in (1, 2, 3, 5, 4)))
    with pytest.raises(ValueError, match="row 4: instant"):
        exchange.run(block)
    assert exchange.now == -1
    assert len(exchange.run(block[:4])) == 0
    assert exchange.now == 5 * HOUR


@pytest.mark.parametrize("table", [np.zeros((1, 10)), np.zeros((1, 9), np.int64), np.zeros(10, np.int64)])
def test_rows_of_another_shape_or_type_are_not_taken(table: Any) -> None:
    with pytest.raises(TypeError):
        Exchange([PLAIN], 0).watch(table)


def test_no_rows_are_no_instant() -> None:
    exchange = Exchange([PLAIN], 0)
    assert exchange.watch(rows()).shape == exchange.run(rows()).shape == (0, 16)
    assert exchange.now == -1


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"side": "long"}, "side 'long' is not one of buy, sell"),
        ({"type": "iceberg"}, "type 'iceberg'"),
        ({"role": "hedge"}, "role 'hedge'"),
        ({"at": -2}, "an order is of -2"),
        ({"at": BIG}, "too late"),
        ({"target": 5}, "needs a stop"),
    ],
)
def test_an_order_that_makes_no_sense_is_an_error(terms: dict[str, Any], why: str) -> None:
    exchange = Exchange([PLAIN], 0)
    usual = {"at": 0, "instrument": "PLAIN", "side": "buy", "type": "market", "role": "entry", "lots": 1}
    with pytest.raises(ValueError, match=why):
        exchange.submit("e", **usual | terms)
    assert entry(exchange) == 0, "the name is still free"


def test_settings_that_make_no_sense_are_errors() -> None:
    with pytest.raises(ValueError, match="latency_ns must not be negative"):
        Exchange([PLAIN], 0, latency_ns=-1)
    with pytest.raises(ValueError, match="same id"):
        Exchange([PLAIN, PLAIN], 0)
    with pytest.raises(ValueError, match="instrument PLAIN: spread and slippage"):
        Exchange([replace(PLAIN, spread_bps=Decimal("1.23456789012"))], 0)
    with pytest.raises(ValueError, match="instrument PLAIN: slippage must not be"):
        Exchange([replace(PLAIN, slippage_bps=Decimal(1))], 0, slippage=Decimal(-1))
    with pytest.raises(OverflowError, match="instrument PLAIN: commission as a ratio: numerator"):
        Exchange([replace(PLAIN, commission=Decimal(10) ** 12)], 0)


def test_one_thread_at_a_time() -> None:
    exchange = Exchange([PLAIN], 10**14)
    at = np.arange(1, 2_000_001, dtype=np.int64) * HOUR
    block = np.zeros((len(at), 10), np.int64)
    block[:, Market.AT], block[:, Market.START] = at, at - HOUR
    begun = Event()
    runner = Thread(target=lambda: (begun.set(), exchange.run(block)))
    runner.start()
    begun.wait()
    refused = 0
    while runner.is_alive():
        try:
            assert exchange.now in (-1, 2_000_000 * HOUR), "seen at work"
        except RuntimeError as error:
            assert "at work in another thread" in str(error)
            refused += 1
    runner.join()
    assert refused
    assert exchange.now == 2_000_000 * HOUR


# ---- what it cannot keep exactly -----------------------------------------------------------------------


def closed(exchange: Exchange, why: str) -> None:
    """It says why, and says it again whatever is asked."""
    for ask in (
        lambda: exchange.watch(rows(bar(BIG - 1, 1))),
        lambda: exchange.run(rows(bar(BIG - 1, 1))),
        lambda: entry(exchange, "later", BIG - 2),
        lambda: exchange.cancel("e", BIG - 2),
    ):
        with pytest.raises(OverflowError, match=why):
            ask()


def test_a_fill_worth_too_much_names_the_order_and_closes_the_exchange() -> None:
    exchange = Exchange([FUTURE, PLAIN], 10**14)
    entry(exchange, "e", lots=BIG)
    with pytest.raises(OverflowError, match="order 0 of PLAIN: a product needs more than 127 bits"):
        exchange.watch(rows(bar(HOUR, BIG, instrument=1)))
    closed(exchange, "order 0 of PLAIN")
    assert exchange.cash_e8 == 10**14


def test_a_price_too_high_after_costs_names_the_order() -> None:
    exchange = Exchange([replace(PLAIN, slippage_bps=Decimal(100))], 10**14)
    entry(exchange, "e")
    with pytest.raises(OverflowError, match="order 0 of PLAIN: a fill price"):
        exchange.watch(rows(bar(HOUR, BIG)))


def test_a_roll_too_far_names_the_order() -> None:
    exchange = Exchange([PLAIN], 10**14)
    exchange.submit("e", 0, "PLAIN", "buy", "limit", "entry", 1, 5)
    with pytest.raises(OverflowError, match="order 0 of PLAIN: a rolled price"):
        exchange.watch(rows((HOUR, 1, 0, 0, -BIG, 0, 0, BIG, 0, 0)))


def test_a_financing_too_high_names_the_instrument() -> None:
    dear = replace(CRYPTO, financing_bps_year=Decimal(10) ** 9, taker_bps=Decimal(0))
    exchange = Exchange([dear], 10**18)
    exchange.submit("e", 0, dear.id, "buy", "market", "entry", 10**9)
    exchange.watch(rows(bar(HOUR, 10**5)))
    assert exchange.lots(dear.id) == 10**9
    with pytest.raises(OverflowError, match="instrument BTC-PERP: financing"):
        exchange.watch(rows(bar(10**5 * 24 * HOUR, 10**5)))


@pytest.mark.parametrize("field", ["lots", "price", "stop", "target", "expires_at", "at"])
def test_a_number_that_is_no_int64_is_named_before_anything_is_done(field: str) -> None:
    exchange = Exchange([PLAIN], 0)
    terms = {"at": 0, "lots": 1, "price": 5, "stop": 1, "target": 9, field: 2**63}
    with pytest.raises(OverflowError, match=f"order 'e': {field} needs more than 63 bits"):
        exchange.submit("e", instrument="PLAIN", side="buy", type="limit", role="entry", **terms)
    assert exchange.due == FOREVER


def test_the_core_itself_checks_what_it_is_handed() -> None:
    core = _native.Exchange([], 0, 0)
    with pytest.raises(ValueError, match="side 0"):
        core.submit(0, 0, 0, 0, 0, 1)
    with pytest.raises(IndexError, match="instrument -1"):
        core.lots(-1)
    with pytest.raises(ValueError, match="there never was an order 0"):
        core.duplicate(0, 0)
    with pytest.raises(ValueError, match="worth must not be 1/0"):
        _native.Exchange([_native.Terms("X", (1, 0), *[(1, 1)] * 7, 0)], 0, 0)
