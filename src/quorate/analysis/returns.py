"""Period, exposure and returns: how long the run was, how much of it was invested, what each stretch gave."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import numpy as np

from quorate.analysis.entry import Basis, Section, Unit, entries
from quorate.analysis.result import Floats, Ints
from quorate.analysis.sample import Sample
from quorate.core.instant import DAY


def window_return(sample: Sample, months: int, *, annual: bool = False) -> float | None:
    """Return over the last ``months`` calendar months; ``annual`` makes it a rate a year.

    From the last close on or before the same day ``months`` earlier; None when the run does not reach back.
    """
    days, _ = sample.by_day
    if not days.size:
        return None
    since = _months_before(_date(days[-1]), months).toordinal() - _EPOCH
    if since < int(days[0]) - 1:
        return None
    value = _since(sample, since)
    if value is None or not annual:
        return value
    return math.expm1(math.log1p(value) * 12 / months) if value > -1 else -1.0


def month_to_date(sample: Sample) -> float | None:
    """Return since the end of last month (UTC), or since the start when the run began this month."""
    days, _ = sample.by_day
    return _since(sample, _date(days[-1]).replace(day=1).toordinal() - _EPOCH - 1) if days.size else None


def year_to_date(sample: Sample) -> float | None:
    """Return since the end of last year (UTC), or since the start when the run began this year."""
    days, _ = sample.by_day
    if not days.size:
        return None
    return _since(sample, _date(days[-1]).replace(month=1, day=1).toordinal() - _EPOCH - 1)


def by_year(sample: Sample) -> Floats:
    """The return of each calendar year (UTC), float64[years]; the first and last may be parts of a year."""
    products: dict[int, float] = {}
    for month in sample.metrics.months:
        products[month.year] = products.get(month.year, 1.0) * (1.0 + month.value)
    return np.array(list(products.values())) - 1.0


def expected(returns: Floats) -> float | None:
    """The geometric mean: prod(1 + r)^(1 / n) - 1. None for none; -1 when all was lost."""
    if not returns.size:
        return None
    if float(returns.min()) <= -1.0:
        return -1.0
    return math.expm1(float(np.mean(np.log1p(returns))))


def market_change(sample: Sample) -> float | None:
    """The mean change of the instruments' prices from first to last close, without costs."""
    if not sample.closes:
        return None
    changes = [float(series.close[-1] / series.close[0]) - 1.0 for series in sample.closes.values()]
    return sum(changes) / len(changes)


def duration(sample: Sample) -> int | None:
    """From the first bar's open to the last close, ns."""
    at = sample.stats.curve.at
    return int(at[-1] - at[0]) + sample.stats.interval if at.size else None


def idle_start(sample: Sample) -> int | None:
    """From the first bar's open to the first fill, ns: warm-up and waiting."""
    if not sample.stats.fills or not sample.stats.curve.at.size:
        return None
    return sample.stats.fills[0].at - (int(sample.stats.curve.at[0]) - sample.stats.interval)


def share_up(returns: Floats) -> float | None:
    """The share of returns above zero among those that are not zero; None when none moved."""
    moved = int(np.count_nonzero(returns))
    return int(np.count_nonzero(returns > 0)) / moved if moved else None


def _since(sample: Sample, day: int) -> float | None:
    """Return from the last close on or before UTC ``day`` (the start cash before the first) to the end."""
    days, closes = sample.by_day
    index = int(np.searchsorted(days, day, side="right")) - 1
    before = int(closes[index]) if index >= 0 else sample.start
    return int(closes[-1]) / before - 1.0 if before > 0 else None


_EPOCH = date(1970, 1, 1).toordinal()


def _date(day: np.int64) -> date:
    return datetime.fromtimestamp(int(day) * (DAY // 10**9), tz=UTC).date()


def _months_before(last: date, months: int) -> date:
    """The same day so many months earlier, or that month's last day."""
    index = last.year * 12 + last.month - 1 - months
    for day in range(last.day, 27, -1):
        try:
            return date(index // 12, index % 12 + 1, day)
        except ValueError:
            continue
    return date(index // 12, index % 12 + 1, min(last.day, 28))


def _most(values: Floats | Ints) -> float | None:
    return float(values.max()) if values.size else None


def _least(values: Floats | Ints) -> float | None:
    return float(values.min()) if values.size else None


def _months(sample: Sample) -> Floats:
    return np.array([month.value for month in sample.metrics.months])


PERIOD = entries(
    Section.PERIOD,
    (
        "started_at",
        "Start",
        Unit.INSTANT,
        Basis.CURVE,
        "The open of the first bar.",
        "at[0] - interval",
        "definition",
        lambda s: int(s.stats.curve.at[0]) - s.stats.interval if s.stats.curve.at.size else None,
    ),
    (
        "ended_at",
        "End",
        Unit.INSTANT,
        Basis.CURVE,
        "The last close.",
        "at[-1]",
        "definition",
        lambda s: int(s.stats.curve.at[-1]) if s.stats.curve.at.size else None,
    ),
    (
        "duration_ns",
        "Duration",
        Unit.SPAN,
        Basis.CURVE,
        "From start to end.",
        "ended_at - started_at",
        "definition",
        duration,
    ),
    (
        "days",
        "Days",
        Unit.COUNT,
        Basis.CURVE,
        "Daily closes that the ratios are made of, by the instruments' own calendar.",
        "count",
        "definition",
        lambda s: s.metrics.days,
    ),
    (
        "exposure",
        "Time in the market",
        Unit.SHARE,
        Basis.CURVE,
        "The share of instants at which anything was held; warm-up counts as out of the market.",
        "mean(gross > 0)",
        "definition",
        lambda s: s.metrics.exposure,
    ),
    (
        "idle_start_ns",
        "Before the first fill",
        Unit.SPAN,
        Basis.CURVE,
        "Warm-up and waiting: from the start to the first fill.",
        "fills[0].at - started_at",
        "definition",
        idle_start,
    ),
)

RETURNS = entries(
    Section.RETURNS,
    (
        "total_return",
        "Total return",
        Unit.RETURN,
        Basis.DAYS,
        "What the start cash became, after all costs.",
        "end / start - 1",
        "definition",
        lambda s: s.metrics.total_return,
    ),
    (
        "cagr",
        "Growth a year (CAGR)",
        Unit.RETURN,
        Basis.DAYS,
        "The steady yearly rate that gives the same end; not drawn out from under 30 days.",
        "(end / start)^(365 d / duration) - 1",
        "compound interest",
        lambda s: s.metrics.cagr,
    ),
    (
        "return_mtd",
        "Month to date",
        Unit.RETURN,
        Basis.DAYS,
        "Since the end of last month (UTC), or since the start.",
        "end / close(last month) - 1",
        "GIPS periods",
        month_to_date,
    ),
    *(
        (
            f"return_{months}m",
            f"{months} months",
            Unit.RETURN,
            Basis.DAYS,
            f"Over the last {months} calendar months; undefined when the run is shorter.",
            f"end / close({months} months before) - 1",
            "GIPS periods",
            lambda s, months=months: window_return(s, months),
        )
        for months in (3, 6)
    ),
    (
        "return_ytd",
        "Year to date",
        Unit.RETURN,
        Basis.DAYS,
        "Since the end of last year (UTC), or since the start.",
        "end / close(last year) - 1",
        "GIPS periods",
        year_to_date,
    ),
    (
        "return_1y",
        "1 year",
        Unit.RETURN,
        Basis.DAYS,
        "Over the last 12 calendar months; undefined when the run is shorter.",
        "end / close(12 months before) - 1",
        "GIPS periods",
        lambda s: window_return(s, 12),
    ),
    *(
        (
            f"return_{years}y",
            f"{years} years, a year",
            Unit.RETURN,
            Basis.DAYS,
            f"Over the last {years} years, as a rate a year; undefined when the run is shorter.",
            f"(end / close({years} years before))^(1 / {years}) - 1",
            "GIPS periods",
            lambda s, years=years: window_return(s, 12 * years, annual=True),
        )
        for years in (3, 5, 10)
    ),
    (
        "best_day",
        "Best day",
        Unit.RETURN,
        Basis.DAYS,
        "The best daily return.",
        "max(r)",
        "definition",
        lambda s: _most(s.returns),
    ),
    (
        "worst_day",
        "Worst day",
        Unit.RETURN,
        Basis.DAYS,
        "The worst daily return.",
        "min(r)",
        "definition",
        lambda s: _least(s.returns),
    ),
    (
        "best_month",
        "Best month",
        Unit.RETURN,
        Basis.DAYS,
        "The best calendar month (UTC).",
        "max(monthly r)",
        "definition",
        lambda s: _most(_months(s)),
    ),
    (
        "worst_month",
        "Worst month",
        Unit.RETURN,
        Basis.DAYS,
        "The worst calendar month (UTC).",
        "min(monthly r)",
        "definition",
        lambda s: _least(_months(s)),
    ),
    (
        "best_year",
        "Best year",
        Unit.RETURN,
        Basis.DAYS,
        "The best calendar year (UTC), parts of a year included.",
        "max(yearly r)",
        "definition",
        lambda s: _most(by_year(s)),
    ),
    (
        "worst_year",
        "Worst year",
        Unit.RETURN,
        Basis.DAYS,
        "The worst calendar year (UTC), parts of a year included.",
        "min(yearly r)",
        "definition",
        lambda s: _least(by_year(s)),
    ),
    (
        "expected_day",
        "Expected day",
        Unit.RETURN,
        Basis.DAYS,
        "The daily return that, repeated, gives the same end.",
        "prod(1 + r)^(1 / n) - 1",
        "geometric mean",
        lambda s: expected(s.returns),
    ),
    (
        "expected_month",
        "Expected month",
        Unit.RETURN,
        Basis.DAYS,
        "The monthly return that, repeated, gives the same end.",
        "prod(1 + monthly r)^(1 / n) - 1",
        "geometric mean",
        lambda s: expected(_months(s)),
    ),
    (
        "expected_year",
        "Expected year",
        Unit.RETURN,
        Basis.DAYS,
        "The yearly return that, repeated, gives the same end.",
        "prod(1 + yearly r)^(1 / n) - 1",
        "geometric mean",
        lambda s: expected(by_year(s)),
    ),
    (
        "winning_days",
        "Winning days",
        Unit.SHARE,
        Basis.DAYS,
        "The share of days that gained, of those that gained or lost.",
        "#(r > 0) / (#(r > 0) + #(r < 0))",
        "definition",
        lambda s: share_up(s.returns),
    ),
    (
        "winning_months",
        "Winning months",
        Unit.SHARE,
        Basis.DAYS,
        "The share of months that gained, of those that gained or lost.",
        "#(m > 0) / (#(m > 0) + #(m < 0)), m monthly",
        "definition",
        lambda s: share_up(_months(s)),
    ),
    (
        "buy_and_hold",
        "Buy and hold",
        Unit.RETURN,
        Basis.DAYS,
        "The same cash spread equally at the first closes and held, costs paid.",
        "sum of holdings / start - 1",
        "definition",
        lambda s: None if s.hold is None else int(s.hold.equity[-1]) / s.start - 1.0,
    ),
    (
        "market_change",
        "Market change",
        Unit.RETURN,
        Basis.DAYS,
        "The mean change of the instruments' prices from first to last close, without costs.",
        "mean(close[-1] / close[0] - 1)",
        "definition",
        market_change,
    ),
)
