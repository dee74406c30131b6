"""The fast lane beside the exchange it must equal: fills, fees, trades, cash and equity, to the integer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from quorate.core.instant import DAY, HOUR, MINUTE
from quorate.core.instrument import CALENDARS, Instrument
from quorate.native.backtest import Filled, Result, Settings, Tape, Traded, run
from quorate.native.exchange import ROLES, Exchange, Kind, Market, Rows, Told
from tests.exchange import CRYPTO, FUTURE, PLAIN, SMALL, START
from tests.support import DATA, needs_data

ENDS = {Kind.FILL, Kind.REJECTED, Kind.CANCELLED, Kind.EXPIRED}
ROLE = {code: name for name, code in ROLES.items()}


# ---- the oracle: stances as orders at the exchange, bar by bar -----------------------------------------


@dataclass
class Case:
    """A market, what a strategy wants in it, and on what terms."""

    rows: Rows
    stances: np.ndarray[Any, np.dtype[np.float64]]
    settings: Settings
    interval: int
    days_per_year: int

    def tape(self, rows: Rows | None = None) -> Tape:
        given = self.rows if rows is None else rows
        return Tape.of_rows(given, days_per_year=self.days_per_year, interval_ns=self.interval)


@dataclass
class Oracle:
    """The rule of `native.backtest`, spelled out with the exchange at hand."""

    case: Case
    fills: list[tuple[int, ...]] = field(default_factory=list)
    equity: list[int] = field(default_factory=list)
    charges: int = 0
    refused: int = 0
    stance: int = 0
    pending: set[str] = field(default_factory=set)

    def run(self) -> Oracle:
        case, terms = self.case, self.case.settings
        self.venue = Exchange(
            [terms.instrument], terms.cash_e8, latency_ns=terms.latency_ns, slippage=terms.slippage
        )
        wanted = 0
        for bar, row in enumerate(case.rows):
            for report in self.venue.watch(row[None]).tolist():
                self.hear(bar, report)
            self.equity.append(self.venue.equity_e8)
            if not math.isnan(case.stances[bar]):
                wanted = round(case.stances[bar] * 1e6)
            if not self.pending and wanted != self.stance:
                self.stance = wanted
                self.decide(bar, row.tolist())
        return self

    def hear(self, bar: int, report: list[int]) -> None:
        kind = Kind(report[Told.KIND])
        if kind in ENDS:
            self.pending.discard(self.venue.name(report[Told.ORDER]))
        if kind is Kind.FILL:
            columns = (
                Told.AT, Told.SIDE, Told.ROLE, Told.LOTS, Told.PRICE, Told.MONEY, Told.FILLED_AT, Told.BEST,
                Told.WORST,
            )  # fmt: skip
            self.fills.append((bar, *(report[each] for each in columns)))
        elif kind is Kind.CHARGED:
            self.charges += report[Told.MONEY]
        elif kind is Kind.REJECTED:
            self.refused += 1

    def decide(self, bar: int, row: list[int]) -> None:
        held, target = self.venue.lots(self.case.settings.instrument.id), self.target(row[Market.CLOSE])
        kept = 0 if held * target <= 0 else min(abs(held), abs(target)) * (1 if held > 0 else -1)
        if held != kept:
            self.send(f"{bar}x", bar, row, kept - held, "exit")
        if target != kept:
            self.send(f"{bar}e", bar, row, target - kept, "entry")

    def target(self, close: int) -> int:
        terms = self.case.settings
        sign = -1 if self.stance < 0 else 1
        if terms.quantity is not None:
            return sign * math.floor(
                abs(self.stance) * Decimal(terms.quantity) / terms.instrument.lot / 10**6
            )
        assert terms.share is not None
        worth = terms.instrument.worth_e8(close, 1)
        if self.stance == 0 or worth <= 0 or self.equity[-1] <= 0:
            return 0
        numerator, denominator = terms.share.as_integer_ratio()
        return sign * (abs(self.stance) * numerator * self.equity[-1] // (10**6 * denominator * worth))

    def send(self, name: str, bar: int, row: list[int], lots: int, role: str) -> None:
        terms, sign, close = self.case.settings, (1 if lots > 0 else -1), row[Market.CLOSE]
        stop = target = None
        if role == "entry" and terms.stop is not None and terms.stop[bar] > 0:
            stop = close - sign * int(terms.stop[bar])
            if terms.target is not None and terms.target[bar] > 0:
                target = close + sign * int(terms.target[bar])
        self.pending.add(name)
        self.venue.submit(
            name, row[Market.AT], terms.instrument.id, "buy" if lots > 0 else "sell", "market", role,
            abs(lots), stop=stop, target=target,
        )  # fmt: skip

    def trades(self) -> list[tuple[int, ...]]:
        """From flat to flat, from the fills alone."""
        found, lots, worth = [], 0, self.case.settings.instrument.worth_e8
        for bar, at, side, role, count, price, fee, filled_at, best, worst in self.fills:
            if lots == 0:
                first, entry, leave, fees, flow, better, worse, entered = (
                    (bar, filled_at, side),
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                )
            paid = worth(price, count * side)
            lots, fees, flow = lots + count * side, fees + fee, flow - paid
            better += paid - worth(best, count * side)
            worse += paid - worth(worst, count * side)
            if side == first[2]:
                entry, entered = entry + abs(paid), entered + count
            else:
                leave += abs(paid)
            if lots == 0:
                pnl = flow - fees
                found.append((
                    first[0], bar, first[1], at, first[2], entered, entry, leave, fees, pnl, pnl + better,
                    pnl + worse, role,
                ))  # fmt: skip
        return found


# ---- markets -------------------------------------------------------------------------------------------


def bars(dice: Random, count: int, interval: int, *, wild: bool) -> Rows:
    """Bars with gaps, freezes and, when wild, anything that 64 bits can be made to hold."""
    level, scale = dice.choice((25, 60_000, 3_000_000)), dice.choice((2, 30, 400))
    scale = scale if wild else min(scale, level // 12)
    spreads = dice.choice(((-1,), (-1,), (0, 3, 8, -1)))
    freezes, gaps = dice.choice((0, 0, 0.2)), dice.choice((0, 0, 0.1))
    rows, at = [], START
    for _ in range(count):
        start = at
        at += interval * (dice.choice((2, 5, 40, 300)) if dice.random() < gaps else 1)
        open_, close = (max(1, level + dice.randint(-scale, scale)) for _ in range(2))
        high, low = (
            max(open_, close) + dice.randint(0, scale),
            max(1, min(open_, close) - dice.randint(0, scale)),
        )
        volume = dice.choice((-1, 9))
        if dice.random() < freezes:
            open_ = high = low = close = level
            volume = 0
        if wild and dice.random() < 0.3:
            start = at - dice.choice((0, 1, interval, 3 * DAY, -5, 2 * interval))
            open_, high, low, close = (level + dice.randint(-3 * scale, 3 * scale) for _ in range(4))
        rows.append(
            (at, 0, 0, max(start, at - interval), open_, high, low, close, volume, dice.choice(spreads))
        )
        level = max(5, close)
    return np.array(rows, np.int64)


def wanted(dice: Random, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Stances that hold for a while, or hardly."""
    pace = dice.choice((0.05, 0.3, 0.8))
    kinds = dice.choice(((-1.0, 1.0), (-1.0, 0.0, 1.0), (0.0, 0.3, -0.55, 1.0, -1.0, 1e-6, math.nan)))
    now, stances = math.nan if dice.random() < 0.5 else 0.0, []
    for _ in range(count):
        if dice.random() < pace:
            now = dice.choice(kinds)
        stances.append(now)
    return np.array(stances)


def case(seed: int, *, wild: bool = False, brackets: bool = False, count: int | None = None) -> Case:
    dice = Random(seed)
    instrument = dice.choice((CRYPTO, CRYPTO, FUTURE, SMALL, PLAIN))
    interval = dice.choice((MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY))
    count = count or dice.choice((1, 2, 30, 90))
    rows = bars(dice, count, interval, wild=wild)
    latency = dice.choice((0, 0, 1, interval // 7, interval, 3 * interval + 1))
    size: dict[str, Any] = dice.choice((
        {"share": Decimal("0.95")}, {"share": Decimal(3)}, {"share": Decimal("0.123")},
        {"quantity": instrument.lot * dice.choice((1, 7, 1000))}, {"quantity": instrument.lot / 2 * 5},
    ))  # fmt: skip
    more: dict[str, Any] = {}
    if brackets:
        more["stop"] = np.array([dice.choice((0, 5, 60)) for _ in range(count)], np.int64)
        if dice.random() < 0.6:
            more["target"] = np.array([dice.choice((0, 5, 90)) for _ in range(count)], np.int64)
    cash = dice.choice((10**9, 3 * 10**11, 10**14, 10**17))
    slippage = Decimal(dice.choice(("0", "1", "2.5")))
    terms = Settings(instrument, cash, latency_ns=latency, slippage=slippage, **size, **more)
    days = CALENDARS[dice.choice(("always", instrument.calendar, "us-equity"))].days_per_year
    return Case(rows, wanted(dice, count), terms, interval, days)


def compare(given: Case, *, stepped: bool = False, tape: Tape | None = None,
            settings: Settings | None = None) -> tuple[Oracle, Result]:  # fmt: skip
    oracle = Oracle(given).run()
    ruled = settings or given.settings
    recorded = ruled.cash_e8 > 10**12  # half of the cases: what is shown later is made by running again
    result = run(tape or given.tape(), given.stances, ruled, stepped=stepped, recorded=recorded)
    fills = [tuple(row) for row in result.fills.tolist()]
    for number, (want, got) in enumerate(zip(oracle.fills, fills, strict=False)):
        assert got == want, f"fill {number}"
    assert len(fills) == len(oracle.fills), "fills are missing"
    for number, (want, got) in enumerate(zip(oracle.trades(), result.trades.tolist(), strict=True)):
        assert tuple(got) == want, f"trade {number}"
    differ = np.flatnonzero(result.equity() != np.array(oracle.equity))
    assert not differ.size, f"equity from bar {differ[:1]} on"
    told = result.statistics
    assert told["refused"] == oracle.refused and told["fills"] == len(fills)
    assert math.isclose(told["financing"] or 0, oracle.charges / 1e8, abs_tol=1e-9, rel_tol=1e-12)
    return oracle, result


def agree(given: Case, *, stepped: bool = False) -> None:
    """Equal, or beyond 63 bits for both."""
    try:
        Oracle(given).run()
    except OverflowError:
        with pytest.raises(OverflowError, match="needs more than"):
            run(given.tape(), given.stances, given.settings, stepped=stepped)
    else:
        compare(given, stepped=stepped)


# ---- parity --------------------------------------------------------------------------------------------


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**48))
def test_the_lane_equals_the_exchange(seed: int) -> None:
    compare(case(seed))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**48))
def test_the_lane_equals_the_exchange_on_any_bars_at_all(seed: int) -> None:
    agree(case(seed, wild=True))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**48))
def test_bar_by_bar_it_equals_the_exchange_too(seed: int) -> None:
    agree(case(seed, wild=seed % 2 == 0, brackets=seed % 3 != 0), stepped=seed % 3 == 0)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**48))
def test_the_figures_are_the_same_on_both_ways(seed: int) -> None:
    """Long runs, many peaks: the shortcuts of the lane against a plain look at every bar."""
    given = case(seed, count=Random(seed).choice((300, 700)))
    fast, slow = (run(given.tape(), given.stances, given.settings, stepped=way) for way in (False, True))
    for name, value in slow.statistics.items():
        got = fast.statistics[name]
        same = got == value if name != "turnover" else math.isclose(got or 0, value or 0, rel_tol=1e-9)
        assert same, f"{name}: {got} instead of {value}"
    assert np.array_equal(fast.equity(), slow.equity())
    assert slow.stepped


def test_the_cases_reach_what_matters() -> None:
    seen: set[str] = set()
    fast = 0
    for seed in range(120):
        for brackets in (False, True):
            given = case(seed, brackets=brackets)
            oracle, result = compare(given)
            roles = {ROLE[row[Filled.ROLE]] for row in oracle.fills}
            fast += not result.stepped
            seen |= roles | {"refused"} if oracle.refused else roles
            if oracle.charges:
                seen.add("charged")
            if any(row[Filled.BEST] != row[Filled.WORST] for row in oracle.fills):
                seen.add("interval")
            if any(row[Traded.PNL] > 0 for row in result.trades):
                seen.add("won")
            at = given.rows[:, Market.AT]
            if any(at[row[Filled.BAR] - 1] > row[Filled.AT] - given.interval for row in oracle.fills[1:]):
                seen.add("gap")
            if np.any(given.rows[[row[Filled.BAR] - 1 for row in oracle.fills], Market.VOLUME] == 0):
                seen.add("thaw")
    assert {
        "entry",
        "exit",
        "stop",
        "target",
        "refused",
        "charged",
        "interval",
        "won",
        "thaw",
    } <= seen


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**48))
def test_beyond_what_64_bits_hold_it_is_right_or_says_so(seed: int) -> None:
    dice = Random(seed)
    given = case(seed, count=30)
    factor = 2 ** dice.choice((8, 20, 34))
    given.rows[:, [Market.OPEN, Market.HIGH, Market.LOW, Market.CLOSE]] *= factor
    terms = Settings(given.settings.instrument, dice.choice((2**58, 2**62)), share=Decimal("0.95"))
    given = Case(given.rows, given.stances, terms, given.interval, given.days_per_year)
    agree(given)


# ---- planted defects: the comparison above bites -------------------------------------------------------


def caught(spoil: Any) -> None:
    """Somewhere among the cases, a lane that was spoiled differs from the exchange that was not."""
    with pytest.raises(AssertionError):
        for seed in range(80):
            given = case(seed)
            tape, terms = spoil(given)
            compare(given, tape=tape, settings=terms)


@pytest.mark.parametrize("column", [Market.OPEN, Market.CLOSE, Market.START])
def test_a_price_or_an_instant_that_is_off_by_one_is_caught(column: Market) -> None:
    def spoil(given: Case) -> tuple[Tape, Settings]:
        rows = given.rows.copy()
        rows[len(rows) // 2 :, column] += 1
        return given.tape(rows), given.settings

    caught(spoil)


def test_a_fee_that_is_off_by_one_is_caught() -> None:
    def spoil(given: Case) -> tuple[Tape, Settings]:
        instrument = given.settings.instrument
        assert isinstance(instrument, Instrument)
        dearer = structs.replace(instrument, commission=instrument.commission + Decimal("0.00000001"))
        return given.tape(), replace(given.settings, instrument=dearer)

    caught(spoil)


def test_a_delay_that_is_off_by_one_is_caught() -> None:
    caught(lambda given: (given.tape(), replace(given.settings, latency_ns=given.settings.latency_ns + 1)))


def test_a_stance_that_acts_a_bar_early_is_caught() -> None:
    with pytest.raises(AssertionError):
        for seed in range(20):
            given = case(seed)
            early = Case(given.rows, np.append(given.stances[1:], math.nan), given.settings, given.interval,
                         given.days_per_year)  # fmt: skip
            oracle = Oracle(early).run()
            assert [
                tuple(row) for row in run(given.tape(), given.stances, given.settings).fills.tolist()
            ] == (oracle.fills)


def test_cash_that_is_off_by_one_is_caught() -> None:
    def spoil(given: Case) -> tuple[Tape, Settings]:
        return given.tape(), replace(given.settings, cash_e8=given.settings.cash_e8 + 1)

    caught(spoil)


# ---- real bars -----------------------------------------------------------------------------------------


@pytest.mark.data
@needs_data
@pytest.mark.parametrize("latency", [0, 400_000_000])
def test_on_real_bars_the_lane_equals_the_exchange(latency: int) -> None:
    """Average crosses over years of real five-minute bars: figures and the whole curve by both ways."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow reads the real bars")
    assert DATA is not None
    table = parquet.read_table(DATA / "crypto" / "spot_5m" / "BTCUSDT.parquet").slice(0, 60_000)
    start = table.column("ts").cast("int64").to_numpy()
    prices = [
        np.round(table.column(name).to_numpy() * 100).astype(np.int64)
        for name in ("open", "high", "low", "close")
    ]
    volume = np.round(table.column("volume").to_numpy() * 100_000).astype(np.int64)
    interval = 5 * MINUTE
    tape = Tape.of(start + interval, start, *prices, volume, days_per_year=365, interval_ns=interval)
    sums = np.concatenate([[0], np.cumsum(prices[3])])
    above = np.sign((sums[30:] - sums[20:-10]) * 3 - (sums[30:] - sums[:-30])).astype(np.float64)
    stances = np.concatenate([np.full(29, math.nan), above])
    terms = Settings(CRYPTO, 10**14, share=Decimal("0.9"), latency_ns=latency)
    fast, slow = (run(tape, stances, terms, stepped=way) for way in (False, True))
    assert np.array_equal(fast.fills, slow.fills) and len(fast.fills) > 1_000
    assert np.array_equal(fast.equity(), slow.equity()) and not fast.stepped
    for name, value in slow.statistics.items():
        assert fast.statistics[name] == (pytest.approx(value) if name == "turnover" else value), name
