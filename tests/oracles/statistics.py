"""The statistics of a run in their textbook form: plain Python, lists and loops, no numpy, nothing shared.

Takes a run apart by hand: days, returns, falls, trades. Slow and short on purpose.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

DAY = 86_400 * 10**9


def days_of(at: list[int], equity: list[int]) -> dict[date, int]:
    """The last equity of each UTC day of a market that never sleeps, gaps filled with the day before."""
    found: dict[date, int] = {}
    for instant, value in zip(at, equity, strict=True):
        day = datetime.fromtimestamp((instant - 1) // 10**9, tz=UTC).date()
        if found:
            last = max(found)
            while last + timedelta(1) < day:
                last += timedelta(1)
                found[last] = found[last - timedelta(1)]
        found[day] = value
    return found


def returns_of(values: list[int], start: int) -> list[float]:
    return [after / before - 1 for before, after in zip([start, *values[:-1]], values, strict=True)]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: list[float]) -> float:
    middle = mean(values)
    return math.sqrt(math.fsum((each - middle) ** 2 for each in values) / (len(values) - 1))


def moment(values: list[float], power: int) -> float:
    middle = mean(values)
    return math.fsum((each - middle) ** power for each in values) / len(values)


def quantile(values: list[float], share: float) -> float:
    """Linear between order statistics."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def falls(at: list[int], equity: list[int], start: int, interval: int) -> list[tuple[float, int, int, int]]:
    """(depth, peak instant, trough instant, end instant) of each fall; the last may be open."""
    found = []
    top_at, top, low, low_at = at[0] - interval, start, None, 0
    for instant, value in zip(at, equity, strict=True):
        if value >= top:
            if low is not None:
                found.append(((top - low) / top, top_at, low_at, instant))
            top, top_at, low = value, instant, None
        elif low is None or value < low:
            low, low_at = value, instant
    if low is not None:
        found.append(((top - low) / top, top_at, low_at, at[-1]))
    return found


def day_falls(values: list[int], start: int) -> list[float]:
    """How far below the peak so far each close is."""
    top, found = start, []
    for value in values:
        top = max(top, value)
        found.append((top - value) / top)
    return found


def streak(pnl: list[float], sign: int) -> int:
    most = now = 0
    for each in pnl:
        now = now + 1 if each * sign > 0 else 0
        most = max(most, now)
    return most


def back(last: date, months: int) -> date:
    """The same day so many months before, or the last day of that month."""
    month = last.year * 12 + last.month - 1 - months
    first = date(month // 12, month % 12 + 1, 1)
    following = date((month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(first + timedelta(last.day - 1), following - timedelta(1))


def daily(returns: list[float], closes: list[int], start: int, periods: float) -> dict[str, float]:
    """Risk and ratios of daily returns."""
    n, root = len(returns), math.sqrt(periods)
    low, high = quantile(returns, 0.05), quantile(returns, 0.95)
    losses = [each for each in returns if each < 0]
    semi = math.sqrt(math.fsum(each**2 for each in losses) / n)
    square, third, fourth = moment(returns, 2), moment(returns, 3), moment(returns, 4)
    skewness, tails = third / square**1.5, fourth / square**2
    sharpe = mean(returns) / deviation(returns)
    before, after = returns[:-1], returns[1:]
    shared = math.fsum((a - mean(before)) * (b - mean(after)) for a, b in zip(before, after, strict=True)) / (
        n - 1
    )
    rho = abs(shared / math.sqrt(moment(before, 2) * moment(after, 2)))
    penalty = math.sqrt(1 + 2 * math.fsum((n - lag) / n * rho**lag for lag in range(1, n)))
    growth = math.log(closes[-1] / start) / n
    stray = [value / (start * math.exp(growth * day)) - 1 for day, value in enumerate(closes, 1)]
    level, total = [], 0.0
    for each in returns:
        total += math.log1p(each)
        level.append(total)
    middle = (n - 1) / 2
    across = math.fsum((day - middle) ** 2 for day in range(n))
    slope = math.fsum((day - middle) * value for day, value in enumerate(level)) / across
    rest = [value - mean(level) - slope * (day - middle) for day, value in enumerate(level)]
    error = math.sqrt(math.fsum(each**2 for each in rest) / (n - 2) / across)
    spread = math.sqrt(1 - skewness * sharpe + (tails - 1) / 4 * sharpe**2)
    under = day_falls(closes, start)
    gains = math.fsum(each for each in returns if each > 0)
    return {
        "best_day": max(returns),
        "worst_day": min(returns),
        "expected_day": math.prod(1 + each for each in returns) ** (1 / n) - 1,
        "winning_days": sum(each > 0 for each in returns) / sum(each != 0 for each in returns),
        "volatility": deviation(returns) * root,
        "downside_deviation": semi * root,
        "variance": deviation(returns) ** 2 * periods,
        "skew": math.sqrt(n * (n - 1)) / (n - 2) * skewness,
        "kurtosis": (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (tails - 3) + 6),
        "var_95": -low,
        "cvar_95": -mean([each for each in returns if each <= low]),
        "var_99": -quantile(returns, 0.01),
        "cvar_99": -mean([each for each in returns if each <= quantile(returns, 0.01)]),
        "tail_ratio": abs(high) / abs(low),
        "outlier_win": quantile(returns, 0.99) / mean([each for each in returns if each >= 0]),
        "outlier_loss": quantile(returns, 0.01) / mean(losses),
        "ulcer": math.sqrt(mean([each**2 for each in under])),
        "sharpe": sharpe * root,
        "sortino": mean(returns) / semi * root,
        "adjusted_sortino": mean(returns) / semi * root / math.sqrt(2),
        "smart_sharpe": sharpe * root / penalty,
        "smart_sortino": mean(returns) / semi * root / penalty,
        "omega": gains / -math.fsum(losses),
        "gain_to_pain": math.fsum(returns) / -math.fsum(losses),
        "common_sense": gains / -math.fsum(losses) * abs(high) / abs(low),
        "vwr": 100 * math.expm1(growth * periods) * max(0.0, 1 - (deviation(stray) / 0.2) ** 2),
        "k_ratio": slope / error * root / n,
        "psr": 0.5 * (1 + math.erf(sharpe * math.sqrt(n - 1) / spread / math.sqrt(2))),
    }


def beside(own: list[float], market: list[float], periods: float) -> dict[str, float]:
    """The run against its benchmark."""
    n = len(own)
    shared = math.fsum((a - mean(own)) * (b - mean(market)) for a, b in zip(own, market, strict=True)) / n
    slope = shared / moment(market, 2)
    alike = shared / math.sqrt(moment(own, 2) * moment(market, 2))
    ahead = [a - b for a, b in zip(own, market, strict=True)]
    up = [(a, b) for a, b in zip(own, market, strict=True) if b > 0]
    down = [(a, b) for a, b in zip(own, market, strict=True) if b < 0]
    return {
        "beta": slope,
        "alpha": (mean(own) - slope * mean(market)) * periods,
        "correlation": alike,
        "r_squared": alike**2,
        "up_capture": mean([a for a, _ in up]) / mean([b for _, b in up]),
        "down_capture": mean([a for a, _ in down]) / mean([b for _, b in down]),
        "tracking_error": deviation(ahead) * math.sqrt(periods),
        "information_ratio": mean(ahead) / deviation(ahead) * math.sqrt(periods),
        "treynor": mean(own) * periods / slope,
    }


def trades(pnl: list[float], cash: float, years: float) -> dict[str, float]:
    """Closed trades by their profit in currency."""
    won, lost = [each for each in pnl if each > 0], [each for each in pnl if each < 0]
    rate, payoff = len(won) / len(pnl), mean(won) / -mean(lost)
    factor = math.fsum(won) / -math.fsum(lost)
    edge = mean(pnl) / mean([abs(each) for each in pnl])
    ordered = sorted(pnl)
    half = len(pnl) // 2
    return {
        "won": len(won),
        "lost": len(lost),
        "even": len(pnl) - len(won) - len(lost),
        "win_rate": rate,
        "payoff": payoff,
        "profit_factor": factor,
        "expectancy": mean(pnl),
        "trade_median": ordered[half] if len(pnl) % 2 else (ordered[half - 1] + ordered[half]) / 2,
        "best_trade": max(pnl),
        "worst_trade": min(pnl),
        "win_mean": mean(won),
        "loss_mean": mean(lost),
        "streak_won": streak(pnl, 1),
        "streak_lost": streak(pnl, -1),
        "cpc": factor * rate * payoff,
        "kelly": rate - (1 - rate) / payoff,
        "sqn": math.sqrt(len(pnl)) * mean(pnl) / deviation(pnl),
        "sharpe_trades": mean(pnl) / deviation(pnl) * math.sqrt(len(pnl) / years),
        "risk_of_ruin": 1.0 if edge <= 0 else ((1 - edge) / (1 + edge)) ** (cash / -mean(lost)),
    }
