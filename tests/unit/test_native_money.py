"""Margin accounts at the native exchange, by hand: liquidation, funding, currencies, shorts, extremes."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from quorate.core.instrument import Instrument
from quorate.native.clearing import Clearing, Tier
from quorate.native.exchange import REASONS, Exchange, Kind, Rows, Told
from tests.exchange import CRYPTO, PLAIN
from tests.support import DATA, needs_data

HOUR = 3_600_000_000_000
D = Decimal
USD = 10**8
EURO = replace(PLAIN, id="EURO", currency="EUR")
FIVE = Clearing((Tier(D(0), D("0.05")),))


def bar(at: int, *prices: int, instrument: int = 0) -> tuple[int, ...]:
    """One row: open, high, low, close; or one price for all four."""
    four = prices if len(prices) == 4 else prices * 4
    return (at * HOUR, 0, instrument, (at - 1) * HOUR, *four, -1, -1)


def told(at: int, kind: int, place: int, open_: int, close: int = 0) -> tuple[int, ...]:
    """A row that is no bar: a mark price, funding or a rate."""
    return (at * HOUR, kind, place, 0, open_, 0, 0, close, 0, 0)


def rows(*each: tuple[int, ...]) -> Rows:
    return np.array(each, dtype=np.int64).reshape(-1, 10)


def kinds(table: Rows) -> list[str]:
    return [Kind(kind).name.lower() for kind in table[:, Told.KIND]]


def reasons(table: Rows) -> list[str]:
    return [REASONS[row[Told.REASON]] for row in table if row[Told.REASON]]


def account(
    side: str = "buy",
    lots: int = 50,
    rules: Clearing = FIVE,
    cash: int = 1_000,
    instrument: Instrument = PLAIN,
    **terms: Any,
) -> Exchange:
    """50 units at 100.00 USD on 1,000 USD: nothing is left above 5% at 84.2105 or, short, at 114.2857."""
    exchange = Exchange([instrument], cash * USD, clearing={instrument.id: rules})
    exchange.submit("e", 0, instrument.id, side, "market", "entry", lots, **terms)
    exchange.watch(rows(bar(1, 10_000)))
    assert exchange.lots(instrument.id) == (lots if side == "buy" else -lots)
    return exchange


# ---- liquidation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "price"), [(8_422, None), (8_421, 8_421), (8_300, 8_421), (1, 8_421)])
def test_a_long_goes_at_the_first_tick_that_leaves_nothing(low: int, price: int | None) -> None:
    exchange = account()
    table = exchange.watch(rows(bar(2, 9_900, 10_100, low, 10_000)))
    if price is None:
        assert len(table) == 0
        assert exchange.free_e8 == (1_000 - 250) * USD
        return
    assert kinds(table) == ["fill", "settled"]
    assert reasons(table) == ["liquidation"]
    assert exchange.name(table[0, Told.ORDER]) == "liquidation"
    assert (table[0, Told.PRICE], table[0, Told.LOTS], table[0, Told.SIDE]) == (price, 50, -1)
    assert exchange.cash_e8 == exchange.equity_e8 == 1_000 * USD - 50 * (10_000 - price) * 10**6
    assert not exchange.bankrupt


@pytest.mark.parametrize(("high", "price"), [(11_428, None), (11_429, 11_429), (20_000, 11_429)])
def test_a_short_goes_at_the_first_tick_that_leaves_nothing(high: int, price: int | None) -> None:
    exchange = account("sell")
    table = exchange.watch(rows(bar(2, 10_000, high, 9_900, 10_000)))
    assert [row[Told.PRICE] for row in table if row[Told.KIND] == Kind.FILL] == ([price] if price else [])


def test_a_gap_beyond_it_is_taken_at_the_open_and_may_leave_nothing_at_all() -> None:
    exchange = account()
    exchange.submit("far", HOUR, "PLAIN", "buy", "limit", "entry", 1, 1)
    exchange.watch(rows(bar(2, 10_000)))
    exchange.submit("new", 2 * HOUR, "PLAIN", "buy", "market", "entry", 1)
    table = exchange.watch(rows(bar(3, 7_900, 12_000, 7_900, 12_000)))
    assert kinds(table) == ["accepted", "cancelled", "cancelled", "fill", "bankrupt", "settled"]
    assert reasons(table) == ["liquidation"] * 3
    assert table[3, Told.PRICE] == 7_900
    assert table[3, Told.FILLED_AT] == 2 * HOUR
    assert table[4, Told.MONEY] == exchange.equity_e8 == -50 * USD
    assert (exchange.bankrupt, exchange.working) == (True, 0)
    exchange.submit("again", 3 * HOUR, "PLAIN", "buy", "market", "entry", 1)
    assert reasons(exchange.watch(rows(bar(4, 12_000)))) == ["bankrupt"]


def test_what_is_on_its_way_to_a_bankrupt_account_is_refused_on_arrival() -> None:
    exchange = Exchange([PLAIN], 1_000 * USD, latency_ns=HOUR, clearing={"PLAIN": FIVE})
    exchange.submit("e", 0, "PLAIN", "buy", "market", "entry", 50)
    exchange.watch(rows(bar(2, 10_000)))
    for name in ("late", "asked"):
        exchange.submit(name, 3 * HOUR, "PLAIN", "buy", "limit", "entry", 1, 9_000)
    exchange.cancel("asked", 3 * HOUR)
    gone = exchange.watch(rows(bar(3, 5_000)))
    assert kinds(gone) == ["fill", "bankrupt", "settled"]
    late = exchange.watch(rows(bar(4, 5_000)))
    assert kinds(late) == ["rejected", "rejected"]
    assert reasons(late) == ["bankrupt", "bankrupt"]
    assert exchange.working == 0


def test_a_liquidation_pays_the_taker_fee_the_penalty_the_spread_and_the_slippage() -> None:
    terms = replace(PLAIN, taker_bps=D(5), spread_bps=D(10), slippage_bps=D(20))
    exchange = account(rules=Clearing(FIVE.maintenance, D(100)), instrument=terms)
    paid = exchange.cash_e8
    table = exchange.watch(rows(bar(2, 9_900, 9_900, 8_000, 8_000)))
    assert table[0, Told.BEST] < 8_500
    threshold = next(
        tick for tick in range(9_900, 0, -1)
        if paid + 50 * tick * 10**6 - ceil(Fraction(50 * tick * 10**6, 20)) <= 0
    )  # fmt: skip
    sold = -ceil(-threshold + Fraction(threshold * 25, 10_000))
    assert table[0, Told.PRICE] == sold
    notional = 50 * sold * 10**6
    fee = ceil(Fraction(notional * 5, 10_000)) + ceil(Fraction(notional, 100))
    assert table[0, Told.MONEY] == fee
    assert exchange.cash_e8 == paid + notional - fee


@pytest.mark.parametrize(
    ("stop", "role", "price"), [(8_500, "stop", 8_500), (8_421, "exit", 8_421), (8_000, "exit", 8_421)]
)
def test_a_stop_helps_only_before_the_price_of_the_liquidation(stop: int, role: str, price: int) -> None:
    exchange = account(stop=stop, target=20_000)
    table = exchange.watch(rows(bar(2, 10_000, 10_000, 7_000, 7_000)))
    assert table[0, Told.PRICE] == price
    assert table[0, Told.ROLE] == {"exit": 1, "stop": 2}[role]
    assert (exchange.lots("PLAIN"), exchange.working) == (0, 0)


def test_in_unknown_order_the_liquidation_comes_before_the_target() -> None:
    exchange = account(stop=7_000, target=10_500)
    table = exchange.watch(rows(bar(2, 10_000, 11_000, 8_000, 10_900)))
    assert (table[0, Told.PRICE], reasons(table)[0]) == (8_421, "liquidation")


def test_steps_of_the_table_count_the_whole_notional_less_the_deduction() -> None:
    steps = Clearing((Tier(D(0), D("0.01")), Tier(D(4_000), D("0.05"), D(160))))
    exchange = account(rules=steps)
    assert exchange.free_e8 == (1_000 - (250 - 160)) * USD
    exchange.submit("x", HOUR, "PLAIN", "sell", "market", "exit", 10)
    exchange.watch(rows(bar(2, 10_000)))
    assert exchange.free_e8 == (1_000 - 40) * USD


def test_the_worst_position_goes_first_and_the_other_stays_when_that_is_enough() -> None:
    other = replace(PLAIN, id="OTHER")
    exchange = Exchange([PLAIN, other], 1_000 * USD, clearing={"PLAIN": FIVE, "OTHER": FIVE})
    exchange.submit("a", 0, "PLAIN", "buy", "market", "entry", 10)
    exchange.submit("b", 0, "OTHER", "buy", "market", "entry", 60)
    exchange.watch(rows(bar(1, 10_000), bar(1, 10_000, instrument=1)))
    table = exchange.watch(rows(bar(2, 10_000), bar(2, 10_000, 10_000, 8_000, 8_000, instrument=1)))
    assert kinds(table) == ["fill", "settled", "held"]
    assert table[0, Told.INSTRUMENT] == 1
    assert (exchange.lots("PLAIN"), exchange.lots("OTHER")) == (10, 0)
    assert exchange.free_e8 > 0


def test_with_mark_prices_only_these_liquidate_and_the_exit_is_at_the_last_price() -> None:
    exchange = account()
    exchange.watch(rows(bar(2, 10_000), told(2, 4, 0, 10_000)))
    assert len(exchange.watch(rows(bar(3, 9_000, 9_000, 5_000, 8_000)))) == 0
    assert exchange.mark("PLAIN") == 10_000
    table = exchange.watch(rows(told(4, 4, 0, 8_421)))
    assert (table[0, Told.PRICE], reasons(table)) == (8_000, ["liquidation"])


def test_a_roll_neither_saves_nor_breaks_an_account() -> None:
    exchange = account()
    roll = (2 * HOUR, 1, 0, 0, 10_000, 0, 0, 12_000, 0, 0)
    exchange.watch(rows(roll, bar(2, 12_000)))
    assert exchange.free_e8 == (1_000 - 300) * USD
    table = exchange.watch(rows(bar(3, 12_000, 12_000, 9_000, 9_000)))
    assert table[0, Told.PRICE] == 10_526, "1,000 + 50 (p - 120) = 2.5 p"


def test_without_any_table_nobody_is_liquidated() -> None:
    exchange = account(rules=Clearing())
    assert len(exchange.watch(rows(bar(2, 5_000)))) == 0
    assert exchange.equity_e8 == -1_500 * USD


def test_a_block_liquidates_as_instant_after_instant_does() -> None:
    one, many = account(), account()
    table = rows(bar(2, 9_900, 9_950, 9_000, 9_100), bar(3, 9_000, 9_000, 8_000, 8_500), bar(4, 9_000))
    stepped = np.concatenate([one.watch(table[[place]]) for place in range(3)])
    assert np.array_equal(stepped, many.run(table))


# ---- funding -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "rate", "owed"),
    [("buy", 100_000_000, 50_000_000), ("sell", 100_000_000, -50_000_000), ("buy", -1, 0), ("sell", -1, 1),
     ("buy", 1, 1), ("sell", 1, 0)],
)  # fmt: skip
def test_funding_is_paid_by_longs_to_shorts_and_rounded_against_us(side: str, rate: int, owed: int) -> None:
    exchange = account(side)
    table = exchange.watch(rows(told(2, 6, 0, rate)))
    assert kinds(table) == (["charged", "settled", "held"] if owed else [])
    if owed:
        assert (table[0, Told.MONEY], reasons(table)) == (owed, ["funding"])
    assert exchange.equity_e8 == 1_000 * USD - owed


def test_rows_of_funding_take_the_place_of_the_fixed_rate() -> None:
    exchange = account(instrument=replace(CRYPTO, margin=D("0.1"), tick=D("0.01"), lot=D(1)), lots=10)
    assert reasons(exchange.watch(rows(bar(24, 10_000)))) == ["funding"]
    exchange.watch(rows(told(25, 6, 0, 0)))
    assert len(exchange.watch(rows(bar(72, 10_000)))) == 0


def test_funding_can_be_what_liquidates() -> None:
    exchange = account()
    table = exchange.watch(rows(bar(2, 8_430, 8_430, 8_430, 8_430), told(2, 6, 0, 10**11)))
    assert kinds(table) == ["charged", "fill", "bankrupt", "settled"]


@needs_data
def test_real_rates_over_real_bars_are_paid_to_the_last_unit() -> None:
    """Two months of LINK's 8-hourly rates on LINK's bars of another time: the data have no common one."""
    parquet = pytest.importorskip("pyarrow.parquet")
    assert DATA is not None
    funding = parquet.read_table(DATA / "crypto" / "funding" / "LINKUSDT_funding.parquet")["funding_rate"]
    bars = parquet.read_table(DATA / "crypto" / "perp_1h" / "LINKUSDT.parquet").to_pydict()
    rates = [round(rate * 10**12) for rate in funding.to_pylist()]
    long, short = (account(side, lots=7, cash=10_000) for side in ("buy", "sell"))
    owed = received = 0
    for number, rate in enumerate(rates):
        ticks = [round(bars[name][8 * number] * 1_000) for name in ("open", "high", "low", "close")]
        table = rows(bar(number + 2, *ticks), told(number + 2, 6, 0, rate))
        long.watch(table)
        short.watch(table)
        due = Fraction(7 * ticks[3] * 10**6 * rate, 10**12)
        owed, received = owed + ceil(due), received + ceil(-due)
    assert long.cash_e8 == 10_000 * USD - 7 * 10_000 * 10**6 - owed
    assert short.cash_e8 == 10_000 * USD + 7 * 10_000 * 10**6 - received
    assert -len(rates) <= -(owed + received) < 0 < owed, "never more than a unit a time is lost between them"


# ---- currencies and short sales ------------------------------------------------------------------------


def abroad(**rules: Any) -> Exchange:
    return Exchange([PLAIN, EURO], 1_000 * USD, clearing={"EURO": Clearing(currency=1, **rules)})


def test_without_a_rate_an_order_is_refused_and_equity_is_not_guessed() -> None:
    exchange = abroad()
    exchange.submit("e", 0, "EURO", "buy", "market", "entry", 1)
    assert reasons(exchange.watch(rows(bar(1, 10_000, instrument=1)))) == ["no exchange rate"]
    exchange.deposit(1, 5)
    with pytest.raises(ValueError, match="no rate of currency 1 is known yet: give an fx row"):
        exchange.equity_e8  # noqa: B018
    exchange.watch(rows(told(2, 7, 1, 11, 10)))
    assert exchange.equity_e8 == 1_000 * USD + 5, "5.5 rounded down"


def test_each_currency_has_its_cash_and_equity_is_in_the_accounts() -> None:
    exchange = abroad()
    exchange.watch(rows(told(1, 7, 1, 110, 100)))
    exchange.submit("e", HOUR, "EURO", "buy", "market", "entry", 10)
    table = exchange.watch(rows(bar(2, 10_000, instrument=1)))
    assert kinds(table) == ["accepted", "fill", "settled", "held", "balance"]
    assert table[-1, Told.MONEY] == exchange.balance_e8(1) == -1_000 * USD
    assert (exchange.cash_e8, exchange.equity_e8) == (1_000 * USD, 1_000 * USD)
    exchange.watch(rows(bar(3, 11_000, instrument=1), told(3, 7, 1, 120, 100)))
    assert exchange.equity_e8 == (1_000 + 120) * USD


def test_margin_abroad_is_counted_in_the_accounts_currency() -> None:
    exchange = abroad()
    exchange.watch(rows(told(1, 7, 1, 2, 1)))
    for lots in (51, 50):  # 5,000 EUR need 500 EUR, which are 1,000 USD
        exchange.submit(str(lots), HOUR, "EURO", "buy", "market", "entry", lots)
    assert reasons(exchange.watch(rows(bar(2, 10_000, instrument=1)))) == ["margin"]
    assert exchange.lots("EURO") == 50


def test_a_falling_rate_can_liquidate() -> None:
    exchange = Exchange([EURO], 0, clearing={"EURO": Clearing(FIVE.maintenance, currency=1)}, latency_ns=0)
    exchange.deposit(0, 300 * USD)
    exchange.deposit(1, 10)
    exchange.watch(rows(told(1, 7, 1, 1, 1)))
    exchange.submit("e", HOUR, "EURO", "buy", "market", "entry", 20)
    exchange.watch(rows(bar(2, 10_000, instrument=0)))
    exchange.watch(rows(bar(3, 9_000, instrument=0)))
    assert exchange.free_e8 == (300 - 200 - 90) * USD + 10
    table = exchange.watch(rows(told(4, 7, 1, 2, 1)))
    assert reasons(table) == ["liquidation"], "a loss abroad counts twice now"


def test_what_may_not_be_shorted_is_refused_and_an_exit_is_not() -> None:
    exchange = account(lots=5, rules=Clearing(shortable=False))
    exchange.submit("s", HOUR, "PLAIN", "sell", "market", "entry", 5)
    exchange.submit("x", HOUR, "PLAIN", "sell", "market", "exit", 5)
    assert reasons(exchange.watch(rows(bar(2, 10_000)))) == ["not shortable"]
    assert exchange.lots("PLAIN") == 0


def test_the_proceeds_of_a_short_sale_leave_equity_as_it_is() -> None:
    exchange = account("sell")
    assert (exchange.cash_e8, exchange.equity_e8) == (6_000 * USD, 1_000 * USD)


# ---- what is refused, and extremes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (Clearing((Tier(D(1), D("0.1")),)), "maintenance must begin at 0, with no deduction"),
        (Clearing((Tier(D(0), D("0.1"), D(1)),)), "maintenance must begin at 0, with no deduction"),
        (Clearing((Tier(D(0), D(0)),)), "maintenance from 0: the rate must be above 0 and at most 1"),
        (Clearing((Tier(D(0), D("1.01")),)), "the rate must be above 0 and at most 1"),
        (Clearing((Tier(D(0), D("0.1")), Tier(D(0), D("0.2")))), "floors must rise"),
        (Clearing((Tier(D(0), D("0.1")), Tier(D(100), D("0.2"), D(9)))), "the deduction must be"),
        (Clearing((Tier(D(0), D("0.1")), Tier(D("1e-9"), D("0.2")))), "more than eight decimals"),
        (Clearing(liquidation_bps=D(-1)), "the liquidation fee must not be negative"),
        (Clearing(currency=256), "must be below 256"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: Clearing, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Exchange([PLAIN], 0, clearing={"PLAIN": rules})


def test_rules_of_what_is_not_traded_and_money_of_no_currency_are_refused() -> None:
    with pytest.raises(ValueError, match="clearing of 'OTHER', which is not traded here"):
        Exchange([PLAIN], 0, clearing={"OTHER": FIVE})
    exchange = account()
    with pytest.raises(ValueError, match="currency 1 is not known here"):
        exchange.deposit(1, 1)
    with pytest.raises(ValueError, match="a deposit must not be negative"):
        exchange.deposit(0, -1)
    with pytest.raises(IndexError, match="currency 1"):
        exchange.balance_e8(1)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (told(2, 6, 1, 1), "row 0: instrument 1 is not known"),
        (told(2, 4, -1, 1), "row 0: instrument -1 is not known"),
        (told(2, 7, 0, 1, 1), "row 0: currency 0 is not known"),
        (told(2, 7, 2, 1, 1), "row 0: currency 2 is not known"),
    ],
)
def test_rows_about_what_is_not_there_change_nothing(row: tuple[int, ...], why: str) -> None:
    exchange = account()
    with pytest.raises(ValueError, match=why):
        exchange.watch(rows(row))
    assert exchange.now == HOUR


@pytest.mark.parametrize("rate", [(0, 1), (1, 0), (-1, 1)])
def test_a_rate_must_be_above_zero(rate: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="row 0: a rate must be above 0"):
        abroad().watch(rows(told(1, 7, 1, *rate)))


def closes(exchange: Exchange, table: Rows, why: str) -> None:
    with pytest.raises(OverflowError, match=why):
        exchange.watch(table)
    with pytest.raises(OverflowError, match="the exchange is closed"):
        exchange.watch(rows(bar(99, 1)))


def test_funding_beyond_what_is_kept_exactly_closes_the_exchange() -> None:
    closes(
        account(lots=5_000, cash=100_000),
        rows(told(2, 6, 0, 2**63 - 1)),
        "instrument PLAIN: .*needs more than",
    )


def test_a_mark_beyond_what_is_kept_exactly_closes_the_exchange() -> None:
    big = replace(PLAIN, tick=D(10) ** 6, lot=D(10) ** 4)
    exchange = Exchange([big], 2**62, clearing={"PLAIN": FIVE})
    exchange.submit("e", 0, "PLAIN", "buy", "market", "entry", 1)
    exchange.watch(rows(bar(1, 1)))
    assert exchange.lots("PLAIN") == 1
    exchange.watch(rows(told(2, 4, 0, 2**62)))
    with pytest.raises(OverflowError, match="needs more than 63 bits"):
        exchange.free_e8  # noqa: B018
    closes(exchange, rows(told(3, 6, 0, 2**62)), "instrument PLAIN")


def test_a_rate_beyond_what_is_kept_exactly_closes_the_exchange() -> None:
    exchange = abroad(maintenance=FIVE.maintenance)
    exchange.watch(rows(told(1, 7, 1, 1, 1)))
    exchange.submit("e", HOUR, "EURO", "buy", "market", "entry", 1)
    exchange.watch(rows(bar(2, 10_000, instrument=1)))
    exchange.watch(rows(bar(3, 2**50, instrument=1)))
    closes(exchange, rows(told(4, 7, 1, 2**63 - 1, 1)), "needs more than 127 bits")
