"""Return for risk: the Sharpe and Sortino families, ratios to drawdown, and what they say of staking.

Ratios annualise by the instruments' own calendar; the risk-free rate is zero. None where undefined.
"""

from __future__ import annotations

import math

import numpy as np

from quorate.analysis.entry import Basis, Section, Unit, entries
from quorate.analysis.result import Floats
from quorate.analysis.returns import duration
from quorate.analysis.risk import expected_shortfall, tail_ratio, ulcer
from quorate.analysis.sample import Sample
from quorate.core.instant import YEAR
from quorate.core.money import E8

_SIGMA_MAX, _TAU = 0.20, 2.0  # the variability that VWR allows, and how steeply it punishes


def ratio(above: float | None, below: float | None) -> float | None:
    """A quotient; None where a side is unknown or the lower one is not above zero."""
    return above / below if above is not None and below is not None and below > 0 else None


def trade_sharpe(sample: Sample) -> float | None:
    """mean(pnl) / std(pnl, n - 1) x sqrt(trades a year): Sharpe from closed trades alone.

    Trades a year are trades over the run's length. It does not see what open positions went through.
    """
    span, pnl = duration(sample), sample.pnl
    if pnl.size < 2 or not span:
        return None
    score = ratio(float(pnl.mean()), float(pnl.std(ddof=1)))
    return score * math.sqrt(pnl.size * YEAR / span) if score is not None else None


def autocorrelation_penalty(returns: Floats) -> float | None:
    """sqrt(1 + 2 sum_{k=1}^{n-1} (n - k) / n rho^k), rho = |first autocorrelation| (after Lo 2002)."""
    n = returns.size
    if n < 3 or float(returns[:-1].std()) < 1e-15 or float(returns[1:].std()) < 1e-15:
        return None
    rho = abs(float(np.corrcoef(returns[:-1], returns[1:])[0, 1]))
    lags = np.arange(1, n)
    return math.sqrt(1.0 + 2.0 * float(np.sum((n - lags) / n * rho**lags)))


def omega(returns: Floats, threshold: float = 0.0) -> float | None:
    """sum(max(r - t, 0)) / sum(max(t - r, 0)) (Keating and Shadwick 2002)."""
    excess = returns - threshold
    return ratio(float(np.maximum(excess, 0.0).sum()), float(np.maximum(-excess, 0.0).sum()))


def gain_to_pain(returns: Floats) -> float | None:
    """sum(r) / |sum of negative r| (Schwager 2012)."""
    return ratio(float(returns.sum()), float(-np.minimum(returns, 0.0).sum()))


def serenity(sample: Sample) -> float | None:
    """CAGR / (ulcer x pitfall), pitfall = expected shortfall 95 % of falls / volatility (KeyQuant 2014)."""
    pitfall = ratio(expected_shortfall(-sample.depths, 0.95), sample.metrics.volatility)
    index = ulcer(sample.depths)
    return ratio(sample.metrics.cagr, index * pitfall if index is not None and pitfall is not None else None)


def variability_weighted_return(sample: Sample) -> float | None:
    """VWR: growth a year in per cent, less the more equity strays from a steady curve (Navarro 2013).

    100 (exp(g periods) - 1) max(0, 1 - (std(d) / 0.20)^2), g = ln(end / start) / n, d = equity over the
    steady curve - 1.
    """
    closes = sample.by_day[1]
    if closes.size < 3 or int(closes.min()) <= 0:
        return None
    growth = math.log(int(closes[-1]) / sample.start) / closes.size
    steady = sample.start * np.exp(growth * np.arange(1, closes.size + 1))
    stray = float(np.std(closes / steady - 1.0, ddof=1))
    return 100.0 * math.expm1(growth * sample.periods) * max(0.0, 1.0 - math.pow(stray / _SIGMA_MAX, _TAU))


def kelly(win_rate: float | None, payoff: float | None) -> float | None:
    """The stake that grows capital fastest: win rate - (1 - win rate) / payoff (Kelly 1956)."""
    return None if win_rate is None or not payoff else win_rate - (1.0 - win_rate) / payoff


def risk_of_ruin(sample: Sample) -> float | None:
    """Chance of losing all the start cash: ((1 - a) / (1 + a))^u (Kaufman 2013).

    a = mean(pnl) / mean(|pnl|) is the edge, u = start cash / mean loss the units of capital. 1 without edge.
    """
    pnl = sample.pnl
    losses = pnl[pnl < 0]
    if not pnl.size or not losses.size:
        return None
    edge = float(pnl.mean()) / float(np.abs(pnl).mean())
    if edge <= 0:
        return 1.0
    return math.pow((1.0 - edge) / (1.0 + edge), sample.start / E8 / -float(losses.mean()))


def system_quality(pnl: Floats) -> float | None:
    """SQN: sqrt(n) x mean(pnl) / std(pnl, n - 1) (Tharp 2008)."""
    if pnl.size < 2:
        return None
    score = ratio(float(pnl.mean()), float(pnl.std(ddof=1)))
    return score * math.sqrt(pnl.size) if score is not None else None


def k_ratio(returns: Floats, periods: float) -> float | None:
    """slope / its standard error x sqrt(periods) / n, of cumulated log returns (Kestner 2013)."""
    n = returns.size
    if n < 3 or float(returns.min()) <= -1.0:
        return None
    level = np.cumsum(np.log1p(returns))
    time = np.arange(n) - (n - 1) / 2.0
    square = float(time @ time)
    slope = float(time @ level) / square
    rest = level - level.mean() - slope * time
    error = math.sqrt(float(rest @ rest) / (n - 2) / square)
    return slope / error * math.sqrt(periods) / n if error > 1e-15 else None


def _smart(value: float | None, sample: Sample) -> float | None:
    return ratio(value, autocorrelation_penalty(sample.returns))


def cpc(sample: Sample) -> float | None:
    """Profit factor x win rate x payoff."""
    found = sample.metrics
    if found.profit_factor is None or found.win_rate is None or found.payoff is None:
        return None
    return found.profit_factor * found.win_rate * found.payoff


def common_sense(sample: Sample) -> float | None:
    """Omega of daily returns x their tail ratio."""
    gains, tails = omega(sample.returns), tail_ratio(sample.returns)
    return gains * tails if gains is not None and tails is not None else None


RATIOS = entries(
    Section.RATIOS,
    (
        "sharpe",
        "Sharpe",
        Unit.RATIO,
        Basis.DAYS,
        "Mean daily return over its deviation, a year.",
        "mean(r) / std(r, n - 1) sqrt(periods)",
        "Sharpe 1994",
        lambda s: s.metrics.sharpe,
    ),
    (
        "sharpe_trades",
        "Sharpe of closed trades",
        Unit.RATIO,
        Basis.TRADES,
        "The same from closed trades alone, blind to what open positions went through.",
        "mean(pnl) / std(pnl, n - 1) sqrt(trades a year)",
        "Sharpe 1994",
        trade_sharpe,
    ),
    (
        "smart_sharpe",
        "Smart Sharpe",
        Unit.RATIO,
        Basis.DAYS,
        "Sharpe, less where one day foretells the next.",
        "Sharpe / sqrt(1 + 2 sum (n - k) / n |rho|^k)",
        "after Lo 2002, quantstats",
        lambda s: _smart(s.metrics.sharpe, s),
    ),
    (
        "sortino",
        "Sortino",
        Unit.RATIO,
        Basis.DAYS,
        "Mean daily return over the deviation of losses, a year.",
        "mean(r) / sqrt(mean(min(r, 0)^2)) sqrt(periods)",
        "Sortino and Price 1994",
        lambda s: s.metrics.sortino,
    ),
    (
        "smart_sortino",
        "Smart Sortino",
        Unit.RATIO,
        Basis.DAYS,
        "Sortino, less where one day foretells the next.",
        "Sortino / sqrt(1 + 2 sum (n - k) / n |rho|^k)",
        "after Lo 2002, quantstats",
        lambda s: _smart(s.metrics.sortino, s),
    ),
    (
        "adjusted_sortino",
        "Adjusted Sortino",
        Unit.RATIO,
        Basis.DAYS,
        "Sortino on the scale of Sharpe.",
        "Sortino / sqrt(2)",
        "Schwager 2012",
        lambda s: None if s.metrics.sortino is None else s.metrics.sortino / math.sqrt(2.0),
    ),
    (
        "calmar",
        "Calmar",
        Unit.RATIO,
        Basis.DAYS,
        "Growth a year over the deepest fall.",
        "CAGR / max drawdown",
        "Young 1991",
        lambda s: s.metrics.calmar,
    ),
    (
        "omega",
        "Omega",
        Unit.RATIO,
        Basis.DAYS,
        "Gains over losses of daily returns, threshold zero.",
        "sum(max(r, 0)) / sum(max(-r, 0))",
        "Keating and Shadwick 2002",
        lambda s: omega(s.returns),
    ),
    (
        "martin",
        "Martin (UPI)",
        Unit.RATIO,
        Basis.DAYS,
        "Growth a year over the ulcer index.",
        "CAGR / ulcer",
        "Martin and McCann 1989",
        lambda s: ratio(s.metrics.cagr, ulcer(s.depths)),
    ),
    (
        "serenity",
        "Serenity",
        Unit.RATIO,
        Basis.DAYS,
        "Growth a year over ulcer index and pitfall: the shape of falls and their extremes.",
        "CAGR / (ulcer CVaR95(falls) / volatility)",
        "KeyQuant 2014",
        serenity,
    ),
    (
        "gain_to_pain",
        "Gain to pain",
        Unit.RATIO,
        Basis.DAYS,
        "What was gained over all that was lost on the way.",
        "sum(r) / |sum(min(r, 0))|",
        "Schwager 2012",
        lambda s: gain_to_pain(s.returns),
    ),
    (
        "cpc",
        "CPC index",
        Unit.RATIO,
        Basis.TRADES,
        "Profit factor, win rate and payoff in one; above 1.2 is called tradable.",
        "profit factor x win rate x payoff",
        "quantstats",
        cpc,
    ),
    (
        "common_sense",
        "Common sense ratio",
        Unit.RATIO,
        Basis.DAYS,
        "Gains over losses and best days over worst in one; above 1 is called sensible.",
        "omega x tail ratio",
        "quantstats",
        common_sense,
    ),
    (
        "recovery_factor",
        "Recovery factor",
        Unit.RATIO,
        Basis.CURVE,
        "How often over the deepest fall was earned.",
        "total return / max drawdown",
        "usual",
        lambda s: ratio(s.metrics.total_return, s.metrics.max_drawdown),
    ),
    (
        "vwr",
        "Variability-weighted return",
        Unit.RATIO,
        Basis.DAYS,
        "Growth a year in per cent, less the more equity strays from a steady curve.",
        "100 (e^(g periods) - 1) max(0, 1 - (std(stray) / 0.2)^2)",
        "Navarro 2013, backtrader",
        variability_weighted_return,
    ),
    (
        "kelly",
        "Kelly",
        Unit.RETURN,
        Basis.TRADES,
        "The stake that would have grown capital fastest; below zero: none.",
        "p - (1 - p) / payoff",
        "Kelly 1956",
        lambda s: kelly(s.metrics.win_rate, s.metrics.payoff),
    ),
    (
        "risk_of_ruin",
        "Risk of ruin",
        Unit.SHARE,
        Basis.TRADES,
        "Chance of losing all the start cash at this edge and size of loss.",
        "((1 - a) / (1 + a))^u, a = mean(pnl) / mean(|pnl|), u = start / mean loss",
        "Kaufman 2013",
        risk_of_ruin,
    ),
    (
        "sqn",
        "System quality (SQN)",
        Unit.RATIO,
        Basis.TRADES,
        "How far the mean trade stands out of its noise.",
        "sqrt(n) mean(pnl) / std(pnl, n - 1)",
        "Tharp 2008",
        lambda s: system_quality(s.pnl),
    ),
    (
        "k_ratio",
        "K-ratio",
        Unit.RATIO,
        Basis.DAYS,
        "How steadily equity grows: the slope of its log over the slope's error.",
        "slope / se(slope) sqrt(periods) / n",
        "Kestner 2013",
        lambda s: k_ratio(s.returns, s.periods),
    ),
)
