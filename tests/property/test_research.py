"""Research runs: every body trades alike, the desk's account agrees, no later bar changes an order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.analysis.metrics import summary
from quorate.core.account import Account
from quorate.core.errors import InvariantError
from quorate.core.events import Charged, Rolled, Settled, TradeClosed
from quorate.core.instant import MINUTE
from quorate.indicators.formula import Formula
from quorate.native.backtest import Filled, Settings, Tape
from quorate.native.backtest import run as run_lane
from quorate.native.exchange import Kind, Market, Told
from quorate.research.figures import NAMES, figures
from quorate.research.formula import run_formula
from quorate.research.run import Run, Setting, _fill, run_class
from quorate.research.strategy import Strategy
from tests.research_support import BODIES, as_array, as_class, instrument, setting, share, walk

LATENCIES = st.sampled_from([0, 250_000_000, MINUTE // 2, MINUTE + 1, 3 * MINUTE])
SIZES = st.sampled_from(["95%", "30%", "7", "0.0015"])


@st.composite
def runs(draw: st.DrawFn, whole: bool = True) -> tuple[np.ndarray[Any, Any], Setting]:
    """(stances, setting): random bars, some frozen, and random changes of mind."""
    count, seed = draw(st.integers(2, 60)), draw(st.integers(0, 10_000))
    choices = [1.0, -1.0, 0.0] if whole else [1.0, -1.0, 0.0, 0.5, -0.25, 0.123456]
    stances = draw(st.lists(st.sampled_from([*choices, np.nan, np.nan]), min_size=count, max_size=count))
    rows = walk(count, seed, still=draw(st.sampled_from([0.0, 0.3])))
    size, latency = share(draw(SIZES)), draw(LATENCIES)
    return np.array(stances), setting(rows, size=size, latency_ns=latency)


def flow(run: Run) -> tuple[Any, ...]:
    """All that must agree between bodies."""
    end = int(run.runner.equity_e8)
    return run.orders_digest, run.reports.tolist(), run.trades.tolist(), run.runner.equity.tolist(), end


@given(runs())
@settings(max_examples=40)
def test_every_body_trades_alike(case: tuple[Any, Setting]) -> None:
    stances, where = case
    flows = {name: flow(body(stances, where)) for name, body in BODIES.items()}
    assert flows["class"] == flows["array"]
    assert flows["class"] == flows["signal"]


CROSS = Formula(
    long="cross_above(ema(fast), ema(8))", short="cross_below(ema(fast), ema(8))", exit="rsi(5) > 80",
    stop="2 * atr(5)", target="3 * atr(5)", params={"fast": 3},
)  # fmt: skip


class Cross(Strategy):
    """CROSS as a class."""

    fast: int = 3

    def start(self) -> None:
        """Its lines."""
        self.quick, self.calm = self.indicator("ema", self.fast), self.indicator("ema", 8)
        self.heat, self.range = self.indicator("rsi", 5), self.indicator("atr", 5)

    def on_bar(self, bar: Any) -> None:
        """Its decisions."""
        if len(self.quick) < 8 or self.range.value != self.range.value:
            return
        way = int(self.quick.crossed_above(self.calm)) - int(self.quick.crossed_below(self.calm))
        if self.heat > 80:
            self.target(0)
        elif way and self.range > 0:
            away, gain = 2 * self.range.value * way, 3 * self.range.value * way
            self.target(way, stop=bar.close - away, target=bar.close + gain)


@given(st.integers(0, 10_000), st.integers(12, 120), st.sampled_from([2, 3, 5]))
@settings(max_examples=40)
def test_a_formula_trades_as_its_class(seed: int, count: int, fast: int) -> None:
    where = setting(walk(count, seed), latency_ns=250_000_000)
    formula = run_formula(CROSS, {"fast": fast}, where)
    assert flow(formula) == flow(run_class(Cross, {"fast": fast}, where))


def test_a_formula_with_another_number_is_told_apart() -> None:
    where = setting(walk(200, 4))
    assert flow(run_formula(CROSS, {"fast": 4}, where)) != flow(run_class(Cross, {}, where))


def test_a_body_one_bar_late_is_told_apart() -> None:
    stances = np.array([np.nan, 1, np.nan, np.nan, -1, np.nan, 0, np.nan])
    where = setting(walk(8, 1))
    late = np.concatenate(([np.nan], stances[:-1]))
    assert flow(as_class(stances, where)) != flow(as_array(late, where))


def account_of(run: Run, fills: Any) -> tuple[Account, list[TradeClosed]]:
    """The desk's own account, told what the exchange said; its trades."""
    where = run.setting
    account = Account(where.cash, {each.id: each for each in where.instruments})
    closed = []
    for number, row in enumerate(fills.tolist()):
        terms = where.instruments[row[Told.INSTRUMENT]]
        at = row[Told.AT]
        if row[Told.KIND] == Kind.FILL:
            trade = account.on(_fill(number, row, where.instruments))
            closed += [trade] if trade is not None else []
        elif row[Told.KIND] == Kind.ROLLED:
            old, new = terms.price(row[Told.BEST]), terms.price(row[Told.PRICE])
            account.on(Rolled(at, terms.id, old, new, terms.money(row[Told.MONEY])))
        elif row[Told.KIND] == Kind.CHARGED:
            account.on(Charged(at, terms.id, terms.money(row[Told.MONEY]), "funding"))
    held = {each.id: run.runner.held(place) for place, each in enumerate(where.instruments)}
    account.on(Settled(int(where.rows[-1, Market.AT]), where.cash.__class__(run.runner.cash_e8, "USD"), held))
    return account, closed


@given(runs(whole=False))
@settings(max_examples=40)
def test_the_desks_account_is_a_second_witness(case: tuple[Any, Setting]) -> None:
    run = as_class(*case)
    account, closed = account_of(run, run.reports)  # raises where the two ledgers differ
    assert len(run.trades) == len(closed)
    for mine, theirs in zip(run.stats.trades, closed, strict=True):
        for name in ("at", "instrument", "side", "opened_at", "quantity", "pnl", "fees", "best", "worst"):
            assert getattr(mine, name) == getattr(theirs, name), name
        assert mine.entry == pytest.approx(theirs.entry, rel=1e-12)
        assert mine.exit == pytest.approx(theirs.exit, rel=1e-12)
        assert mine.exit_role == theirs.exit_role
    assert account.fees_e8 == run.runner.fees_e8
    assert account.charges_e8 == run.runner.charges_e8


@given(runs(whole=False))
@settings(max_examples=30)
def test_figures_are_those_of_the_analysis(case: tuple[Any, Setting]) -> None:
    run = as_class(*case)
    told = summary(run.stats)
    assert figures(run) == {name: getattr(told, name) for name in NAMES}


def lane_of(stances: Any, where: Setting) -> Any:
    """The same stances in the fast lane."""
    terms, size = where.instruments[0], where.size
    tape = Tape.of_rows(where.rows, days_per_year=terms.hours.days_per_year, interval_ns=where.interval_ns)
    wish = Settings(
        terms, where.cash.count, share=size.share, quantity=size.units, latency_ns=where.latency_ns
    )
    return run_lane(tape, stances, wish)


@given(runs(whole=False))
@settings(max_examples=40)
def test_the_fast_lane_trades_alike(case: tuple[Any, Setting]) -> None:
    stances, where = case
    run, lane = as_array(stances, where), lane_of(stances, where)
    columns = [Told.AT, Told.SIDE, Told.ROLE, Told.LOTS, Told.PRICE, Told.MONEY, Told.FILLED_AT]
    fast = [Filled.AT, Filled.SIDE, Filled.ROLE, Filled.LOTS, Filled.PRICE, Filled.FEE, Filled.FILLED_AT]
    assert run.fills[:, columns].tolist() == lane.fills[:, fast].tolist()
    assert run.runner.equity.tolist() == lane.equity().tolist()
    told = figures(run)
    for name, value in told.items():
        other = lane.statistics[name]
        assert (value is None) == (other is None), name
        assert value is None or value == pytest.approx(other, rel=1e-9), name


def test_a_wrong_fill_is_found_by_the_second_witness() -> None:
    run = as_class(np.array([1.0, np.nan, -1.0, np.nan, 0.0, np.nan]), setting(walk(6, 2)))
    bent = run.reports.copy()
    bent[0, Told.PRICE] += 1
    with pytest.raises(InvariantError):
        account_of(run, bent)


def with_rolls(count: int, seed: int) -> Any:
    """A walk whose contract changes twice, a thousand ticks apart."""
    rows = walk(count, seed)
    parts = np.array_split(rows, 3)
    told = [parts[0]]
    for number, part in enumerate(parts[1:], 1):
        roll = np.full((1, len(Market)), -1, np.int64)
        old = int(told[-1][-1, Market.CLOSE])
        roll[0, [Market.AT, Market.START]] = part[0, Market.AT], 0
        roll[0, [Market.KIND, Market.INSTRUMENT, Market.OPEN, Market.CLOSE]] = 1, 0, old, old + 1_000
        part[:, [Market.OPEN, Market.HIGH, Market.LOW, Market.CLOSE]] += 1_000 * number
        told += [roll, part]
    return np.concatenate(told)


@given(st.integers(0, 500), st.integers(12, 60))
@settings(max_examples=25)
def test_rolls_are_booked_and_are_no_return(seed: int, count: int) -> None:
    rows = with_rolls(count, seed)
    where = setting(rows, size=share("7"))
    rng = np.random.default_rng(seed)
    stances = rng.choice([1.0, -1.0, 0.0, np.nan], count)
    runs = [body(stances, where) for body in (as_class, as_array)]
    assert flow(runs[0]) == flow(runs[1])
    account_of(runs[0], runs[0].reports)

    class Closes(Strategy):
        def on_bar(self, bar: Any) -> None:
            seen.append(bar.close)

    seen: list[float] = []
    run_class(Closes, {}, where)
    assert seen == where.ohlcv.close.tolist()


class Curious(Strategy):
    """Reads all there is to read, and decides by it."""

    def start(self) -> None:
        """Lines of two timeframes."""
        self.fast, self.slow = self.indicator("ema", 3), self.indicator("sma", 4, every="3m")
        self.range = self.indicator("bollinger:5:2", column="upper")

    def on_bar(self, bar: Any) -> None:
        """A stance of everything."""
        closes = self.closes(7)
        total = sum(map(float, (self.fast, self.slow, self.range))) + closes.sum() + self.volumes(3).sum()
        if total == total:
            self.target(
                float(np.sin(total * 100)), stop=bar.low * (0.99 if np.sin(total * 100) > 0 else 1.02)
            )


@given(st.integers(0, 1_000), st.integers(10, 80))
@settings(max_examples=40)
def test_no_order_depends_on_a_later_bar(seed: int, count: int) -> None:
    rows = walk(count, seed)
    whole = run_class(Curious, {}, setting(rows))
    for cut in {count // 2, count - 1}:
        part = run_class(Curious, {}, setting(rows[:cut].copy()))
        known = whole.reports[whole.reports[:, Told.AT] <= rows[cut - 1, Market.AT]]
        assert known.tolist() == part.reports.tolist()


def longer(rows: Any, size: int, early: bool = False) -> list[tuple[int, float]]:
    """The readable form of longer bars: (bars known when told, its close). ``early``: the usual leak."""
    told, bucket = [], []
    for place, row in enumerate(rows.tolist(), 1):
        start = row[Market.START]
        if bucket and bucket[0] != start // (size * MINUTE):
            told.append((place, bucket[1]))
            bucket = []
        bucket = [start // (size * MINUTE), row[Market.CLOSE] * 0.01]
        if row[Market.AT] % (size * MINUTE) == 0 or early:
            told.append((place, bucket[1]))
            bucket = []
    return told


@given(st.integers(0, 500), st.integers(2, 7), st.lists(st.integers(0, 59), max_size=12))
@settings(max_examples=40)
def test_longer_bars_are_told_when_they_are_over(seed: int, size: int, missing: list[int]) -> None:
    rows = np.delete(walk(60, seed), missing, axis=0)
    assert told_of(rows, size) == longer(rows, size)


def test_a_longer_bar_told_early_is_found() -> None:
    rows = walk(60, 3)
    assert told_of(rows, 5) != longer(rows, 5, early=True)


def told_of(rows: Any, size: int) -> list[tuple[int, float]]:
    """(base bars known, close) of each longer bar, as the runner tells it."""
    seen: list[tuple[int, float]] = []

    class Longer(Strategy):
        def start(self) -> None:
            self.bars(every=f"{size}m")

        def on_bar(self, bar: Any) -> None:
            seen.append((len(self.closes(1_000)), bar.close))

    run_class(Longer, {}, setting(rows))
    return seen


def test_two_instruments_see_each_other_whatever_their_order() -> None:
    one, two = walk(40, 1), walk(40, 2, place=1)
    merged = np.concatenate([one, two])
    merged = merged[np.argsort(merged[:, Market.AT], kind="stable")]
    swapped = np.concatenate([two, one])
    swapped = swapped[np.argsort(swapped[:, Market.AT], kind="stable")]

    class Both(Strategy):
        def on_bar(self, bar: Any) -> None:
            other = "B" if bar.instrument == "A" else "A"
            assert len(self.closes(99, instrument=other)) == bar.number + 1
            if bar.number % 5 == 0:
                up = self.closes(1, "A")[0] > self.closes(1, "B")[0]
                self.target(0.4 if up else -0.4, bar.instrument)

    terms = instrument("A"), instrument("B")
    ends = {run_class(Both, {}, setting(rows, *terms)).runner.equity_e8 for rows in (merged, swapped)}
    assert len(ends) == 1
