"""The native statistics beside analysis.metrics on the same runs, and where a figure is undefined."""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from quorate.analysis.metrics import summary
from quorate.analysis.result import Curve, RunStats
from quorate.core.account import Account
from quorate.core.events import Fill, TradeClosed
from quorate.core.instant import DAY, HOUR, MINUTE
from quorate.core.instrument import CALENDARS, Instrument
from quorate.core.money import E8, Money
from quorate.core.order import Role, Side
from quorate.native.backtest import (
    STATISTICS,
    Filled,
    Result,
    Settings,
    Sweep,
    Tape,
    changes_source,
    named,
    run,
    source_of,
    summarise,
    sweep,
)
from quorate.native.exchange import Market
from tests.exchange import CRYPTO, START
from tests.parity.test_native_lane import Case, bars, case, wanted

ROLES = (Role.ENTRY, Role.EXIT, Role.STOP, Role.TARGET)
SAME = {
    "total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown",
    "max_drawdown_duration_ns", "trades", "long_trades", "short_trades", "win_rate", "profit_factor",
    "payoff", "expectancy", "best_trade", "worst_trade", "duration_mean_ns", "exposure", "turnover", "fees",
    "days", "periods_per_year",
}  # fmt: skip


def fills_of(result: Result, instrument: Instrument) -> list[Fill]:
    return [
        Fill(
            row[Filled.AT], f"{number}/fill", str(number), instrument.id,
            Side.BUY if row[Filled.SIDE] > 0 else Side.SELL, ROLES[row[Filled.ROLE]],
            instrument.quantity(row[Filled.LOTS]), instrument.price(row[Filled.PRICE]),
            instrument.money(row[Filled.FEE]), row[Filled.FILLED_AT], instrument.price(row[Filled.BEST]),
            instrument.price(row[Filled.WORST]), False,
        )
        for number, row in enumerate(result.fills.tolist())
    ]  # fmt: skip


def by_analysis(given: Case, result: Result, instrument: Instrument) -> RunStats:
    """The same run as analysis sees it: fills folded by the desk's own account."""
    cash = Money(given.settings.cash_e8, "USD")
    account, fills = Account(cash, {instrument.id: instrument}), fills_of(result, instrument)
    trades = [closed for fill in fills if isinstance(closed := account.on(fill), TradeClosed)]
    curve = Curve(given.rows[:, Market.AT].copy(), result.equity())
    held = np.zeros(len(given.rows), np.int64)
    for row in result.fills.tolist():
        held[row[Filled.BAR] :] += row[Filled.SIDE] * row[Filled.LOTS]
    gross = np.abs(held) * given.rows[:, Market.CLOSE]
    return RunStats(
        curve, trades, fills, cash, {instrument.id: instrument}, given.interval, gross=gross,
        fees=Money(sum(fill.fee.count for fill in fills), "USD"),
    )  # fmt: skip


def close(got: float | int | None, want: float | int | None) -> bool:
    if got is None or want is None:
        return got is want
    return math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-13)


def differences(given: Case, instrument: Instrument, *, stepped: bool) -> list[str]:
    result = run(given.tape(), given.stances, given.settings, stepped=stepped)
    metrics = summary(by_analysis(given, result, instrument))
    told = result.statistics
    wants = {name: getattr(metrics, name) for name in SAME}
    wants |= {"pnl_pessimistic": metrics.pnl.pessimistic, "pnl_likely": metrics.pnl.likely,
              "pnl_optimistic": metrics.pnl.optimistic}  # fmt: skip
    return [
        f"{name}: {told[name]}, not {want}" for name, want in wants.items() if not close(told[name], want)
    ]


def long_case(seed: int) -> tuple[Case, Instrument]:
    """A case long enough for months, in its instrument's own calendar."""
    given = case(seed, count=Random(seed).choice((1, 40, 200, 400)))
    instrument = given.settings.instrument
    assert isinstance(instrument, Instrument)
    days = instrument.hours.days_per_year
    return Case(given.rows, given.stances, given.settings, given.interval, days), instrument


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**48))
def test_figures_equal_those_of_analysis(seed: int) -> None:
    given, instrument = long_case(seed)
    assert not differences(given, instrument, stepped=seed % 2 == 1)


@pytest.mark.parametrize("field", ["taker_bps", "spread_bps"])
def test_a_figure_that_is_off_is_seen(field: str) -> None:
    """The comparison bites: analysis is shown another instrument than the run had."""

    def told(seed: int) -> list[str]:
        given, instrument = long_case(seed)
        result = run(given.tape(), given.stances, given.settings)
        other = by_analysis(given, result, replace(instrument, lot=instrument.lot * 2))
        return [name for name in SAME if not close(result.statistics[name], getattr(summary(other), name))]

    assert field and any(told(seed) for seed in range(20))


def walk(count: int, seed: int = 3) -> Tape:
    rows = bars(Random(seed), count, HOUR, wild=False)
    return Tape.of_rows(rows, days_per_year=CALENDARS["always"].days_per_year, interval_ns=HOUR)


def test_streaks_and_quality_are_what_their_words_say() -> None:
    dice = Random(5)
    rows = bars(dice, 600, HOUR, wild=False)
    tape = Tape.of_rows(rows, days_per_year=365, interval_ns=HOUR)
    terms = Settings(CRYPTO, 10**14, share=Decimal("0.5"))
    result = run(tape, np.sign(np.sin(np.arange(600) / 3)), terms)
    pnl = result.trades[:, 9].astype(np.float64)
    worst = now = 0
    for each in pnl:
        now = now + 1 if each < 0 else 0
        worst = max(worst, now)
    told = result.statistics
    assert told["losing_streak"] == worst > 1
    assert told["wins"] == np.sum(pnl > 0) and told["losses"] == np.sum(pnl < 0)
    assert told["sqn"] == pytest.approx(math.sqrt(len(pnl)) * pnl.mean() / pnl.std(ddof=1), rel=1e-9)
    assert told["duration_max_ns"] == np.max(result.trades[:, 3] - result.trades[:, 2])
    assert told["end"] == result.equity()[-1] / E8


def test_what_is_undefined_is_none() -> None:
    told = run(walk(3), np.zeros(3), Settings(CRYPTO, E8, share=Decimal(1))).statistics
    for name in ("cagr", "sharpe", "sortino", "calmar", "win_rate", "profit_factor", "payoff", "expectancy",
                 "best_trade", "worst_trade", "duration_mean_ns", "duration_max_ns", "sqn"):  # fmt: skip
        assert told[name] is None, name
    assert (
        told["total_return"] == 0 and told["trades"] == 0 and told["turnover"] == 0 and told["exposure"] == 0
    )
    assert set(told) == set(STATISTICS)


@pytest.mark.parametrize("seed", [0, 3, 7])
def test_the_general_form_is_the_runs_own(seed: int) -> None:
    given, instrument = long_case(seed)
    result = run(given.tape(), given.stances, given.settings)
    rows, worth = result.fills.tolist(), instrument.worth_e8
    held = np.zeros(len(given.rows), np.int64)
    better = worse = 0
    for row in rows:
        lots = row[Filled.SIDE] * row[Filled.LOTS]
        held[row[Filled.BAR] :] += lots
        better += worth(row[Filled.PRICE], lots) - worth(row[Filled.BEST], lots)
        worse += worth(row[Filled.PRICE], lots) - worth(row[Filled.WORST], lots)
    told = summarise(
        given.rows[:, Market.AT].copy(), result.equity(), result.trades, cash_e8=given.settings.cash_e8,
        days_per_year=given.days_per_year, interval_ns=given.interval,
        fees_e8=int(result.fills[:, Filled.FEE].sum()),
        financing_e8=round((result.statistics["financing"] or 0) * E8),
        traded_e8=sum(worth(row[Filled.PRICE], row[Filled.LOTS]) for row in rows), better_e8=better,
        worse_e8=worse, exposed=int(np.count_nonzero(held)), fills=len(rows),
        refused=int(result.statistics["refused"] or 0),
    )  # fmt: skip
    for name, value in result.statistics.items():
        assert close(told[name], value), name


# ---- sweeps --------------------------------------------------------------------------------------------


def many(count: int, number: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.stack([wanted(Random(each), count) for each in range(number)])


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_sweep_is_its_runs_in_order_whatever_the_threads(threads: int) -> None:
    tape, stances, terms = (
        walk(300),
        many(300, 37),
        Settings(CRYPTO, 10**14, share=Decimal("0.9"), latency_ns=MINUTE),
    )
    found = sweep(tape, stances, terms, threads=threads)
    for row, single in zip(found, stances, strict=True):
        assert named(row) == run(tape, single, terms).statistics


def test_changes_and_stances_of_either_kind_are_the_same_runs() -> None:
    tape, terms = walk(200), Settings(CRYPTO, 10**14, share=Decimal("0.9"))
    stances = np.random.default_rng(1).integers(-1, 2, (4, 200)).astype(np.int8)
    lists = []
    for row in stances:
        places = np.flatnonzero(np.diff(row, prepend=np.int8(0)))
        lists.append(np.stack([places, row[places].astype(np.int64) * 10**6], axis=1).astype(np.int32))
    by_signal = sweep(tape, stances, terms, threads=2)
    assert np.array_equal(
        by_signal, sweep(tape, stances.astype(np.float64), terms, threads=2), equal_nan=True
    )
    assert np.array_equal(
        by_signal, sweep(tape, changes_source(lists, 200), terms, threads=2), equal_nan=True
    )


@pytest.mark.parametrize(
    "stances", [np.array([0.0, 2.0, 0.0]), np.array([0, 2, 0], np.int8), np.array([0, -np.inf, 0])]
)
def test_a_stance_out_of_range_is_named(stances: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="bar 1: a stance must lie in"):
        run(walk(3), stances, Settings(CRYPTO, E8, share=Decimal(1)))


def test_a_sweep_that_fails_says_what_its_first_failure_was() -> None:
    stances = np.zeros((9, 3))
    stances[4, 2], stances[7, 1] = 3.0, 3.0
    with pytest.raises(ValueError, match="strategy 4: bar 2: a stance"):
        sweep(walk(3), stances, Settings(CRYPTO, E8, share=Decimal(1)), threads=3)


def test_a_sweep_tells_how_far_it_is_and_stops_when_asked() -> None:
    tape, terms = walk(2_000), Settings(CRYPTO, 10**14, share=Decimal("0.9"))
    stances = np.broadcast_to(np.sign(np.sin(np.arange(2_000))), (400, 2_000))
    whole = Sweep(tape, source_of(stances), terms, threads=2)
    seen = [whole.done]
    while not whole.is_over:
        seen.append(whole.done)
    assert seen == sorted(seen) and whole.wait().shape == (len(whole), len(STATISTICS))
    assert whole.done == 400
    stopped = Sweep(tape, source_of(stances), terms, threads=1)
    stopped.cancel()
    with pytest.raises(RuntimeError, match="the sweep was stopped"):
        stopped.wait()
    assert stopped.is_over and stopped.done < 400


def test_wrong_input_is_refused_in_one_line() -> None:
    rows = bars(Random(1), 5, HOUR, wild=False)
    terms = Settings(CRYPTO, E8, share=Decimal(1))
    with pytest.raises(ValueError, match="a strategy over 4 bars cannot run over 5"):
        run(Tape.of_rows(rows, days_per_year=365, interval_ns=HOUR), np.zeros(4), terms)
    with pytest.raises(ValueError, match="row 3: instant"):
        Tape.of_rows(rows[[0, 1, 2, 2, 4]], days_per_year=365, interval_ns=HOUR)
    with pytest.raises(ValueError, match="differ in length"):
        column = np.arange(3) + START
        Tape.of(column, column, column, column, column, column[:2], days_per_year=365, interval_ns=DAY)
    with pytest.raises(ValueError, match="one of them"):
        Settings(CRYPTO, E8)
    with pytest.raises(ValueError, match="above zero"):
        Settings(CRYPTO, E8, share=Decimal(0))
    with pytest.raises(ValueError, match="cash must be above zero"):
        run(walk(3), np.zeros(3), Settings(CRYPTO, 0, share=Decimal(1)))
    with pytest.raises(ValueError, match="targets need stops"):
        given = np.ones(3, np.int64)
        run(walk(3), np.zeros(3), Settings(CRYPTO, E8, share=Decimal(1), target=given))
    with pytest.raises(TypeError, match="int8 or float64"):
        run(walk(3), np.zeros(3, np.int32), terms)  # type: ignore[arg-type]
