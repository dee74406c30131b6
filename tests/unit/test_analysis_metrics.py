"""Metrics against numbers worked out by hand and against pandas, calendar by calendar."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest

from quorate.analysis.metrics import (
    Metrics,
    cagr,
    day_closes,
    day_returns,
    drawdown,
    months,
    sharpe,
    sortino,
    summary,
    volatility,
)
from quorate.analysis.result import Curve, RunStats
from quorate.core.errors import InputError, InvariantError
from quorate.core.instant import DAY, HOUR, MINUTE, YEAR, parse_instant
from quorate.core.instrument import CALENDARS
from quorate.core.money import E8, Money
from tests.golden.runs import START, coin, future, make_run, stock

ALWAYS = CALENDARS["always"]


def curve(values: list[float], interval: int = DAY, start: int = START) -> Curve:
    at = start + interval * np.arange(1, len(values) + 1, dtype=np.int64)
    return Curve(at, np.rint(np.array(values) * E8).astype(np.int64))


def empty_stats(equity: Curve, interval: int = DAY, instrument=None) -> RunStats:
    instrument = instrument or coin()
    return RunStats(equity, (), (), Money.of(100, instrument.currency), {instrument.id: instrument}, interval)


def test_worked_by_hand() -> None:
    found = summary(empty_stats(curve([110, 99, 118.8])))
    returns = [0.1, -0.1, 0.2]
    mean = 0.2 / 3
    deviation = math.sqrt(sum((value - mean) ** 2 for value in returns) / 2)
    assert found.total_return == pytest.approx(0.188)
    assert found.sharpe == pytest.approx(mean / deviation * math.sqrt(365))
    assert found.sortino == pytest.approx(mean / math.sqrt(0.01 / 3) * math.sqrt(365))
    assert found.volatility == pytest.approx(deviation * math.sqrt(365))
    assert found.max_drawdown == pytest.approx(0.1)
    assert found.max_drawdown_duration_ns == 2 * DAY
    assert found.cagr is None  # three days are not drawn out to a year
    assert (found.pnl.pessimistic, found.pnl.likely, found.pnl.optimistic) == pytest.approx((18.8,) * 3)


def test_growth_over_a_year_is_the_total_return() -> None:
    assert cagr(curve([110] * 365), 100 * E8, DAY) == pytest.approx(0.1)
    assert cagr(curve([121] * 730), 100 * E8, DAY) == pytest.approx(0.1)
    assert cagr(curve([0.0] * 365), 100 * E8, DAY) == -1.0


@pytest.mark.parametrize("instrument", [coin(), stock(), future()], ids=lambda each: each.calendar)
def test_sharpe_agrees_with_pandas_by_the_own_calendar(instrument) -> None:
    interval = DAY if instrument.calendar == "us-equity" else 15 * MINUTE
    stats, _ = make_run([instrument], 4000, interval, 3, size=0.3)
    series = pd.Series(stats.curve.equity / E8, pd.to_datetime(stats.curve.at - 1, utc=True))
    daily = series.resample("1D").last()
    if instrument.calendar == "cme":  # the weekend belongs to Monday
        folded = daily.index + pd.to_timedelta(
            np.where(daily.index.day_of_week >= 5, 7 - daily.index.day_of_week, 0), "D"
        )
        daily = daily.groupby(folded).last()
    daily = daily.dropna()
    returns = pd.concat([pd.Series([stats.cash.count / E8]), daily]).pct_change().dropna()
    per_year = {"always": 365, "us-equity": 252, "cme": 252}[instrument.calendar]
    found = summary(stats)
    assert found.periods_per_year == per_year
    assert found.days == len(daily)
    assert found.sharpe == pytest.approx(returns.mean() / returns.std() * math.sqrt(per_year))
    monthly = pd.concat(
        [pd.Series([stats.cash.count / E8]), daily.groupby(daily.index.strftime("%Y-%m")).last()]
    )
    assert [each.value for each in found.months] == pytest.approx(list(monthly.pct_change().dropna()))
    wrong = 365 if per_year == 252 else 252  # the planted defect: another market's calendar
    assert found.sharpe != pytest.approx(returns.mean() / returns.std() * math.sqrt(wrong))


def test_a_market_that_never_sleeps_has_every_day() -> None:
    at = START + np.array([HOUR, 4 * DAY + HOUR], dtype=np.int64)
    gap = Curve(at, np.array([100, 110], dtype=np.int64))
    days, closes = day_closes(gap, ALWAYS, HOUR)
    assert list(closes) == [100, 100, 100, 100, 110]
    assert len(days) == 5
    assert len(day_closes(gap, CALENDARS["us-equity"], HOUR)[0]) == 2


def test_midnight_closes_the_day_it_ends_and_sunday_belongs_to_monday() -> None:
    friday = parse_instant("2024-01-05")
    at = np.array([friday + DAY, friday + 2 * DAY + 23 * HOUR, friday + 3 * DAY + HOUR], dtype=np.int64)
    days, closes = day_closes(Curve(at, np.array([1, 2, 3], dtype=np.int64)), CALENDARS["cme"], HOUR)
    assert list(days - friday // DAY) == [0, 3]
    assert list(closes) == [1, 3]


def test_daily_bars_are_a_day_each_whatever_their_stamp() -> None:
    at = parse_instant("2024-01-01") + DAY * np.arange(5, dtype=np.int64)  # stamped at the date's midnight
    days, _ = day_closes(Curve(at, np.arange(5, dtype=np.int64)), CALENDARS["us-equity"], DAY)
    assert len(days) == 5


def test_bars_longer_than_a_day_count_by_their_length() -> None:
    assert empty_stats(curve([101, 102], 7 * DAY), 7 * DAY, stock()).periods_per_year == YEAR / (7 * DAY)


@pytest.mark.parametrize("values", [[], [110]])
def test_less_than_two_days_have_no_ratio(values: list[float]) -> None:
    found = summary(empty_stats(curve(values)))
    assert (found.sharpe, found.sortino, found.volatility, found.cagr, found.calmar) == (None,) * 5


def test_no_risk_has_no_ratio() -> None:
    flat = day_returns(curve([100] * 9).equity, 100 * E8)
    assert sharpe(flat, 365) is None
    assert sortino(flat, 365) is None
    assert volatility(flat, 365) == 0.0
    steady = day_returns(curve([100 * 1.01**day for day in range(1, 9)]).equity, 100 * E8)
    assert sortino(steady, 365) is None


def test_ruin_ends_the_ratios_not_the_report() -> None:
    found = summary(empty_stats(curve([50, -10, 20])))
    assert found.sharpe is None
    assert found.max_drawdown == pytest.approx(1.1)
    assert found.total_return == pytest.approx(-0.8)


def test_drawdown_durations() -> None:
    assert drawdown(curve([101, 102, 103]), 100 * E8, DAY) == (0.0, 0)
    assert drawdown(curve([90, 95, 99]), 100 * E8, DAY)[1] == 3 * DAY  # never recovered: to the end
    fall, span = drawdown(curve([120, 60, 120, 119, 118, 130]), 100 * E8, DAY)
    assert (fall, span) == (pytest.approx(0.5), 3 * DAY)


def test_months_compound_to_the_total() -> None:
    stats, _ = make_run([coin()], 3000, HOUR, 4)
    days, closes = day_closes(stats.curve, stats.calendar, stats.interval)
    product = math.prod(1 + month.value for month in months(days, closes, stats.cash.count))
    assert product - 1 == pytest.approx(summary(stats).total_return)


def test_trades_by_hand() -> None:
    stats, _ = make_run([coin()], 2000, HOUR, 5)
    found = summary(stats)
    results = [trade.pnl.count / E8 for trade in stats.trades]
    wins, losses = [each for each in results if each > 0], [each for each in results if each < 0]
    assert found.trades == len(results) == found.long_trades + found.short_trades
    assert found.win_rate == len(wins) / len(results)
    assert found.profit_factor == pytest.approx(sum(wins) / -sum(losses))
    assert found.payoff == pytest.approx(np.mean(wins) / -np.mean(losses))
    assert found.expectancy == pytest.approx(np.mean(results))
    assert (found.best_trade, found.worst_trade) == (max(results), min(results))
    assert found.fees == pytest.approx(sum(fill.fee.count for fill in stats.fills) / E8)
    assert found.exposure == pytest.approx(np.count_nonzero(stats.gross) / stats.gross.size)


def test_the_interval_is_the_trades_own_and_what_is_open() -> None:
    stats, _ = make_run([coin()], 2000, HOUR, 5)
    if stats.fills[-1].role == "entry":  # leave only closed trades
        stats = replace(stats, fills=stats.fills[:-1])
    found = summary(stats).pnl
    worst = sum(trade.worst.count - trade.pnl.count for trade in stats.trades) / E8
    best = sum(trade.best.count - trade.pnl.count for trade in stats.trades) / E8
    assert found.pessimistic == pytest.approx(found.likely + worst)
    assert found.optimistic == pytest.approx(found.likely + best)
    assert found.pessimistic < found.likely < found.optimistic


def test_metrics_are_json() -> None:
    for stats in (make_run([coin()], 2000, HOUR, 5)[0], empty_stats(curve([]))):
        found = summary(stats)
        text = msgspec.json.encode(found)
        assert b"NaN" not in text
        assert msgspec.json.decode(text, type=Metrics) == found


def test_what_is_not_a_run_is_refused() -> None:
    with pytest.raises(InvariantError, match="backwards"):
        Curve(np.array([2, 1], dtype=np.int64), np.array([1, 1], dtype=np.int64))
    with pytest.raises(InvariantError, match="int64"):
        Curve(np.array([1, 2], dtype=np.int64), np.array([1.0, 1.0]))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="start cash"):
        replace(empty_stats(curve([])), cash=Money.of(0, "USDT"))
