"""Closed trades: how often they win, what they bring, how long they last, and what they went through."""

from __future__ import annotations

import numpy as np

from quorate.analysis.entry import Basis, Section, Unit, entries
from quorate.analysis.result import Floats
from quorate.analysis.sample import Sample
from quorate.analysis.significance import mean_test


def streak(pnl: Floats, sign: int) -> int:
    """The longest run of trades in a row that won (``sign`` 1) or lost (-1); one that breaks even ends it."""
    hits = np.concatenate(([False], pnl * sign > 0, [False]))
    edges = np.flatnonzero(hits[1:] != hits[:-1])
    return int((edges[1::2] - edges[0::2]).max()) if edges.size else 0


def open_trades(sample: Sample) -> int:
    """Instruments in which the run ended with a position."""
    lots: dict[str, int] = {}
    for fill in sample.stats.fills:
        lots[fill.instrument] = lots.get(fill.instrument, 0) + fill.quantity.count * fill.side.sign
    return sum(held != 0 for held in lots.values())


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if values.size else None


def _met(sample: Sample, which: str, most: bool = False) -> float | None:
    """The mean or the most of an excursion; None where no bars are known."""
    if sample.excursions is None:
        return None
    values: Floats = getattr(sample.excursions, which)
    return float(values.max()) if most else float(values.mean())


_T = Basis.TRADES
_BY = Section.TRADES

TRADES = entries(
    _BY,
    (
        "trades",
        "Closed trades",
        Unit.COUNT,
        _T,
        "From flat to flat in one instrument.",
        "count",
        "definition",
        lambda s: s.metrics.trades,
    ),
    (
        "long_trades",
        "Long",
        Unit.COUNT,
        _T,
        "Trades opened by buying.",
        "count",
        "definition",
        lambda s: s.metrics.long_trades,
    ),
    (
        "short_trades",
        "Short",
        Unit.COUNT,
        _T,
        "Trades opened by selling.",
        "count",
        "definition",
        lambda s: s.metrics.short_trades,
    ),
    (
        "open_trades",
        "Open at the end",
        Unit.COUNT,
        _T,
        "Positions still held at the end; their profit is in the return, not in these figures.",
        "count",
        "definition",
        open_trades,
    ),
    (
        "won",
        "Won",
        Unit.COUNT,
        _T,
        "Trades with a profit after fees.",
        "#(pnl > 0)",
        "definition",
        lambda s: int(np.count_nonzero(s.pnl > 0)),
    ),
    (
        "lost",
        "Lost",
        Unit.COUNT,
        _T,
        "Trades with a loss after fees.",
        "#(pnl < 0)",
        "definition",
        lambda s: int(np.count_nonzero(s.pnl < 0)),
    ),
    (
        "even",
        "Broke even",
        Unit.COUNT,
        _T,
        "Trades that came out at exactly nothing.",
        "#(pnl = 0)",
        "definition",
        lambda s: int(np.count_nonzero(s.pnl == 0)),
    ),
    (
        "win_rate",
        "Win rate",
        Unit.SHARE,
        _T,
        "The share of closed trades that won.",
        "won / trades",
        "usual",
        lambda s: s.metrics.win_rate,
    ),
    (
        "profit_factor",
        "Profit factor",
        Unit.RATIO,
        _T,
        "All gains over all losses.",
        "sum(pnl > 0) / |sum(pnl < 0)|",
        "usual",
        lambda s: s.metrics.profit_factor,
    ),
    (
        "payoff",
        "Payoff",
        Unit.RATIO,
        _T,
        "The mean gain over the mean loss.",
        "mean(pnl > 0) / |mean(pnl < 0)|",
        "usual",
        lambda s: s.metrics.payoff,
    ),
    (
        "expectancy",
        "Expectancy",
        Unit.MONEY,
        _T,
        "The mean profit of a trade.",
        "mean(pnl)",
        "usual",
        lambda s: s.metrics.expectancy,
    ),
    (
        "trade_median",
        "Median trade",
        Unit.MONEY,
        _T,
        "Half of the trades did better.",
        "median(pnl)",
        "definition",
        lambda s: _median(s.pnl),
    ),
    (
        "best_trade",
        "Best trade",
        Unit.MONEY,
        _T,
        "The largest profit.",
        "max(pnl)",
        "definition",
        lambda s: s.metrics.best_trade,
    ),
    (
        "worst_trade",
        "Worst trade",
        Unit.MONEY,
        _T,
        "The largest loss.",
        "min(pnl)",
        "definition",
        lambda s: s.metrics.worst_trade,
    ),
    (
        "win_mean",
        "Mean gain",
        Unit.MONEY,
        _T,
        "Of the trades that won.",
        "mean(pnl | pnl > 0)",
        "definition",
        lambda s: _mean(s.pnl[s.pnl > 0]),
    ),
    (
        "loss_mean",
        "Mean loss",
        Unit.MONEY,
        _T,
        "Of the trades that lost.",
        "mean(pnl | pnl < 0)",
        "definition",
        lambda s: _mean(s.pnl[s.pnl < 0]),
    ),
    (
        "trade_return_mean",
        "Mean trade return",
        Unit.RETURN,
        _T,
        "On the entry notional, after fees.",
        "mean(pnl / notional)",
        "definition",
        lambda s: _mean(s.values),
    ),
    (
        "trade_return_median",
        "Median trade return",
        Unit.RETURN,
        _T,
        "On the entry notional, after fees.",
        "median(pnl / notional)",
        "definition",
        lambda s: _median(s.values),
    ),
    (
        "trade_mean_p",
        "p-value of the mean trade",
        Unit.RATIO,
        _T,
        "How often chance alone moves the mean this far from nothing, trades taken as independent.",
        "2 P(T > |mean / (std / sqrt(n))|), n - 1 d.f.",
        "Student 1908",
        lambda s: mean_test(s.pnl),
    ),
    (
        "streak_won",
        "Longest winning streak",
        Unit.COUNT,
        _T,
        "Trades won in a row.",
        "count",
        "definition",
        lambda s: streak(s.pnl, 1),
    ),
    (
        "streak_lost",
        "Longest losing streak",
        Unit.COUNT,
        _T,
        "Trades lost in a row.",
        "count",
        "definition",
        lambda s: streak(s.pnl, -1),
    ),
    (
        "duration_mean_ns",
        "Mean trade duration",
        Unit.SPAN,
        _T,
        "From opening to close.",
        "mean(closed - opened)",
        "definition",
        lambda s: s.metrics.duration_mean_ns,
    ),
    (
        "duration_median_ns",
        "Median trade duration",
        Unit.SPAN,
        _T,
        "From opening to close.",
        "median(closed - opened)",
        "definition",
        lambda s: int(np.median(s.lengths)) if s.lengths.size else None,
    ),
    (
        "duration_max_ns",
        "Longest trade",
        Unit.SPAN,
        _T,
        "From opening to close.",
        "max(closed - opened)",
        "definition",
        lambda s: int(s.lengths.max()) if s.lengths.size else None,
    ),
    (
        "mae_mean",
        "Mean adverse excursion (MAE)",
        Unit.SHARE,
        _T,
        "How far prices went against a trade before it closed, of the entry price.",
        "mean(worst price against the entry / entry)",
        "Sweeney 1997",
        lambda s: _met(s, "adverse"),
    ),
    (
        "mae_max",
        "Worst adverse excursion",
        Unit.SHARE,
        _T,
        "The furthest that prices went against one trade.",
        "max(worst price against the entry / entry)",
        "Sweeney 1997",
        lambda s: _met(s, "adverse", most=True),
    ),
    (
        "mfe_mean",
        "Mean favourable excursion (MFE)",
        Unit.SHARE,
        _T,
        "How far prices went a trade's way before it closed, of the entry price.",
        "mean(best price for the entry / entry)",
        "Sweeney 1997",
        lambda s: _met(s, "favourable"),
    ),
    (
        "mfe_max",
        "Best favourable excursion",
        Unit.SHARE,
        _T,
        "The furthest that prices went one trade's way.",
        "max(best price for the entry / entry)",
        "Sweeney 1997",
        lambda s: _met(s, "favourable", most=True),
    ),
    (
        "etd_mean",
        "Mean end-trade drawdown",
        Unit.SHARE,
        _T,
        "What a trade gave back of its best before it closed.",
        "mean(favourable - kept)",
        "Sweeney 1997",
        lambda s: _met(s, "given_back"),
    ),
)
