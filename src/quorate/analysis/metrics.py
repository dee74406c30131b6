"""What a run was worth and what it risked: every figure with its formula, its unit and its calendar.

Figures are undefined, and None, rather than NaN, infinite or made up. Sums of money are exact integers that
become floats once, at the end, for people and JSON. Returns and shares are fractions: 0.05 is 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from quorate.analysis.result import Curve, Floats, Ints, RunStats, TradeRow
from quorate.core.events import Fill
from quorate.core.instant import DAY, YEAR
from quorate.core.instrument import Calendar, Instrument
from quorate.core.money import E8, Money
from quorate.core.order import Side

CAGR_MIN = 30 * DAY  # growth over less is not drawn out to a year
_NOISE = 1e-9  # a deviation this small beside the mean is rounding, not risk


class Interval(msgspec.Struct, frozen=True):
    """Profit or loss in currency: as modelled, and had each fill met its own worst or best price."""

    pessimistic: float
    likely: float
    optimistic: float


class Month(msgspec.Struct, frozen=True):
    """The return of one calendar month (UTC), as a fraction."""

    year: int
    month: int
    value: float


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The statistics of one run; None where a figure is undefined.

    Fractions: ``total_return``, ``cagr``, ``volatility``, ``max_drawdown`` (positive: 0.12 is a fall of
    12 %), ``win_rate``, ``exposure``. Currency: ``pnl``, ``expectancy``, ``best_trade``, ``worst_trade``,
    ``fees``, ``financing``, ``spread``, ``slippage``. Nanoseconds: ``*_ns``. The rest are plain numbers.
    """

    total_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    max_drawdown_duration_ns: int
    pnl: Interval
    trades: int
    long_trades: int
    short_trades: int
    win_rate: float | None
    profit_factor: float | None
    payoff: float | None
    expectancy: float | None
    best_trade: float | None
    worst_trade: float | None
    duration_mean_ns: int | None
    exposure: float | None
    leverage_mean: float | None
    leverage_max: float | None
    turnover: float | None
    fees: float
    financing: float | None
    spread: float | None
    slippage: float | None
    days: int
    periods_per_year: float
    calendar: str
    months: tuple[Month, ...]


def summary(stats: RunStats) -> Metrics:
    """All statistics of a run; one pass over the curve for each, all vectorised."""
    curve, start = stats.curve, stats.cash.count
    days, closes = day_closes(curve, stats.calendar, stats.interval)
    returns = day_returns(closes, start)
    total = stats.end_e8 / start - 1.0
    growth = cagr(curve, start, stats.interval)
    fall, fall_ns = drawdown(curve, start, stats.interval)
    gross = stats.gross / np.maximum(curve.equity, 1) if stats.gross.size else None
    wins, losses, durations = _won_and_lost(stats.rows)
    count = len(stats.rows)
    return Metrics(
        total_return=total,
        cagr=growth,
        volatility=volatility(returns, stats.periods_per_year),
        sharpe=sharpe(returns, stats.periods_per_year),
        sortino=sortino(returns, stats.periods_per_year),
        calmar=growth / fall if growth is not None and fall > 0 else None,
        max_drawdown=fall,
        max_drawdown_duration_ns=fall_ns,
        pnl=pnl_interval(stats),
        trades=count,
        long_trades=sum(row.side is Side.BUY for row in stats.rows),
        short_trades=sum(row.side is Side.SELL for row in stats.rows),
        win_rate=len(wins) / count if count else None,
        profit_factor=sum(wins) / -sum(losses) if losses else None,
        payoff=(sum(wins) / len(wins)) / (-sum(losses) / len(losses)) if wins and losses else None,
        expectancy=sum(row.pnl_e8 for row in stats.rows) / count / E8 if count else None,
        best_trade=max(row.pnl_e8 for row in stats.rows) / E8 if count else None,
        worst_trade=min(row.pnl_e8 for row in stats.rows) / E8 if count else None,
        duration_mean_ns=sum(durations) // count if count else None,
        exposure=float(np.mean(stats.gross > 0)) if gross is not None else None,
        leverage_mean=float(np.mean(gross)) if gross is not None else None,
        leverage_max=float(np.max(gross)) if gross is not None else None,
        turnover=turnover(stats.fills, stats.instruments, curve),
        fees=stats.fees_e8 / E8,
        financing=_amount(stats.charges),
        spread=_amount(stats.spread),
        slippage=_amount(stats.slippage),
        days=len(closes),
        periods_per_year=stats.periods_per_year,
        calendar=stats.calendar.name,
        months=months(days, closes, start),
    )


def day_closes(curve: Curve, calendar: Calendar, interval: int) -> tuple[Ints, Ints]:
    """(UTC days since 1970, equity in 1e-8 at each day's close), as the calendar has days.

    A bar that closes at midnight closes the day it ends. A market that never sleeps has every day: one
    without data keeps the equity of the day before. Other calendars have the days the curve has; what
    trades on a weekend (futures, currencies on Sunday evening) belongs to Monday. Bars of a day or longer are
    each their own.
    """
    day = (curve.at - 1) // DAY
    sleeps = calendar.days_per_year < 365
    if sleeps and interval < DAY:
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
        day = np.where(weekday >= 5, day + 7 - weekday, day)
    last = np.flatnonzero(np.append(day[1:] != day[:-1], True)) if day.size else np.empty(0, np.int64)
    days, closes = day[last], curve.equity[last]
    if not sleeps and interval <= DAY and days.size:
        every = np.arange(days[0], days[-1] + 1)
        return every, closes[np.searchsorted(days, every, side="right") - 1]
    return days, closes


def day_returns(closes: Ints, start: int) -> Floats:
    """Simple returns from close to close, the first from the start cash, so that they compound to the total.

    Empty when equity was ever gone: what follows has no return.
    """
    values = np.concatenate(([start], closes)).astype(np.float64)
    if np.any(values[:-1] <= 0):
        return np.empty(0)
    return values[1:] / values[:-1] - 1.0


def volatility(returns: Floats, periods: float) -> float | None:
    """Standard deviation of returns (n - 1) times the root of the periods in a year; None under two."""
    return float(np.std(returns, ddof=1)) * math.sqrt(periods) if returns.size >= 2 else None


def sharpe(returns: Floats, periods: float) -> float | None:
    """mean(r) / std(r, n - 1) x sqrt(periods), risk-free rate 0 (Sharpe 1994). None under two returns."""
    if returns.size < 2:
        return None
    mean, deviation = float(np.mean(returns)), float(np.std(returns, ddof=1))
    return (
        mean / deviation * math.sqrt(periods) if deviation > _NOISE * abs(mean) and deviation > 0.0 else None
    )


def sortino(returns: Floats, periods: float) -> float | None:
    """mean(r) / sqrt(mean(min(r, 0)^2)) x sqrt(periods), target 0, over all n (Sortino and Price 1994)."""
    if returns.size < 2:
        return None
    mean, deviation = float(np.mean(returns)), math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return (
        mean / deviation * math.sqrt(periods) if deviation > _NOISE * abs(mean) and deviation > 0.0 else None
    )


def cagr(curve: Curve, start: int, interval: int) -> float | None:
    """(end / start)^(365 d / time) - 1, time from the first bar's open to the last close.

    None under 30 days; -1 when equity is gone.
    """
    if not curve.at.size:
        return None
    span = int(curve.at[-1] - curve.at[0]) + interval
    if span < CAGR_MIN:
        return None
    end = int(curve.equity[-1])
    return math.expm1(math.log1p((end - start) / start) * YEAR / span) if end > 0 else -1.0


def drawdown(curve: Curve, start: int, interval: int) -> tuple[float, int]:
    """(deepest fall as a positive fraction of its peak, longest time in ns from a peak to its recovery).

    The start cash is the first peak. A fall not made good lasts to the curve's end.
    """
    if not curve.at.size:
        return 0.0, 0
    at, equity = _from_start(curve, start, interval)
    peak = np.maximum.accumulate(equity)
    fall = float(np.max((peak - equity) / peak))
    tops = np.flatnonzero(equity == peak)
    ends = np.append(tops[1:], at.size - 1)
    under = ends - tops > 1
    under[-1] = ends[-1] > tops[-1]
    spans = np.where(under, at[ends] - at[tops], 0)
    return fall, int(spans.max())


def underwater(curve: Curve, start: int) -> Floats:
    """The fall from the peak so far at each instant of the curve, as a fraction of it, zero or negative."""
    peak = np.maximum(np.maximum.accumulate(curve.equity), start) if curve.equity.size else curve.equity
    return (curve.equity - peak) / peak


def pnl_interval(stats: RunStats) -> Interval:
    """Profit or loss at the fills' own bounds: likely, less what each fill's worst price would have cost.

    Over all fills, so open positions count too; for closed trades it is the sum of their worst and best.
    """
    likely = stats.end_e8 - stats.cash.count
    worst = best = 0
    for fill in stats.fills:
        instrument = stats.instruments[fill.instrument]
        signed = fill.quantity.count * fill.side.sign
        paid = instrument.worth_e8(fill.price.count, signed)
        worst += paid - instrument.worth_e8(fill.worst.count, signed)
        best += paid - instrument.worth_e8(fill.best.count, signed)
    return Interval((likely + worst) / E8, likely / E8, (likely + best) / E8)


def turnover(fills: Sequence[Fill], instruments: Mapping[str, Instrument], curve: Curve) -> float | None:
    """Notional traded, both ways, as a multiple of mean equity over the whole run."""
    mean = float(np.mean(curve.equity)) if curve.equity.size else 0.0
    if mean <= 0:
        return None
    traded = sum(
        instruments[fill.instrument].worth_e8(fill.price.count, fill.quantity.count) for fill in fills
    )
    return abs(traded) / mean


def months(days: Ints, closes: Ints, start: int) -> tuple[Month, ...]:
    """Returns by calendar month from day closes; the first month starts from the start cash."""
    if not days.size:
        return ()
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    last = np.flatnonzero(np.append(month[1:] != month[:-1], True))
    ends = closes[last]
    found = []
    for index, before, after in zip(month[last], [start, *ends[:-1]], ends, strict=True):
        if before <= 0:
            break
        year, number = divmod(int(index), 12)
        found.append(Month(1970 + year, number + 1, float(after / before - 1.0)))
    return tuple(found)


def _from_start(curve: Curve, start: int, interval: int) -> tuple[Ints, Ints]:
    """The curve with the start cash before it, at the first bar's open."""
    return np.concatenate(([curve.at[0] - interval], curve.at)), np.concatenate(([start], curve.equity))


def _won_and_lost(rows: Sequence[TradeRow]) -> tuple[list[int], list[int], list[int]]:
    """Profits of winners, of losers (a trade that breaks even is neither), and how long each trade lasted."""
    wins = [row.pnl_e8 for row in rows if row.pnl_e8 > 0]
    losses = [row.pnl_e8 for row in rows if row.pnl_e8 < 0]
    return wins, losses, [row.closed_at - row.opened_at for row in rows]


def _amount(money: Money | None) -> float | None:
    return None if money is None else money.count / E8
