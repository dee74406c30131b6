"""Orders, costs and holdings: what was sent and what became of it, what it cost, how capital was used."""

from __future__ import annotations

from collections import Counter

import numpy as np

from quorate.analysis.entry import Basis, Section, Unit, entries
from quorate.analysis.sample import Sample
from quorate.core.instant import YEAR
from quorate.core.money import E8

_BPS = 1e4


def traded(sample: Sample) -> float:
    """Notional traded, both ways, in currency."""
    stats = sample.stats
    return (
        sum(
            abs(stats.instruments[fill.instrument].worth_e8(fill.price.count, fill.quantity.count))
            for fill in stats.fills
        )
        / E8
    )


def shortfall(sample: Sample) -> float | None:
    """Implementation shortfall: what fills cost beyond the prices the orders were decided at, in currency.

    sum of side x (fill price - decision price) x quantity, fees apart (Perold 1988). Over the fills of
    orders with a known decision price; None where none is.
    """
    stats = sample.stats
    if stats.references is None:
        return None
    total, known = 0, False
    for fill in stats.fills:
        reference = stats.references.get(fill.order)
        if reference is not None:
            signed = fill.quantity.count * fill.side.sign
            instrument = stats.instruments[fill.instrument]
            total += instrument.worth_e8(fill.price.count, signed) - instrument.worth_e8(reference, signed)
            known = True
    return total / E8 if known else None


def shortfall_bps(sample: Sample) -> float | None:
    """Implementation shortfall in 1e-4 of the notional traded."""
    cost, notional = shortfall(sample), traded(sample)
    return None if cost is None or not notional else cost / notional * _BPS


def break_even_bps(sample: Sample) -> float | None:
    """The fee on notional, each way, at which the run would have earned nothing: (profit + fees) / traded."""
    notional = traded(sample)
    if not notional:
        return None
    profit = (sample.stats.end_e8 - sample.start + sample.stats.fees_e8) / E8
    return profit / notional * _BPS


def turnover_year(sample: Sample) -> float | None:
    """Turnover a year: notional traded over mean equity over the run's length in years of 365 days."""
    at, turnover = sample.stats.curve.at, sample.metrics.turnover
    if turnover is None or not at.size:
        return None
    return turnover * YEAR / (int(at[-1] - at[0]) + sample.stats.interval)


def _filled(sample: Sample) -> Counter[str]:
    """Fills by order."""
    return Counter(fill.order for fill in sample.stats.fills)


def _hhi(sample: Sample) -> float | None:
    held = sample.holdings
    return float(held.hhi.mean()) if held is not None and held.hhi.size else None


def _effective(sample: Sample) -> float | None:
    held = sample.holdings
    return float((1.0 / held.hhi).mean()) if held is not None and held.hhi.size else None


def _net(sample: Sample, *, most: bool = False) -> float | None:
    held = sample.holdings
    if held is None or not held.net.size:
        return None
    return float(held.net[np.argmax(np.abs(held.net))]) if most else float(held.net.mean())


_F, _H = Basis.FILLS, Basis.HELD

ORDERS = entries(
    Section.ORDERS,
    (
        "orders_sent",
        "Orders sent",
        Unit.COUNT,
        _F,
        "Orders that went out, at a desk past the shield; legs of brackets live at the venue and are not "
        "counted.",
        "count",
        "definition",
        lambda s: len(s.stats.approved) if s.stats.sent is None else s.stats.sent,
    ),
    (
        "orders_vetoed",
        "Vetoed",
        Unit.COUNT,
        _F,
        "Orders the shield refused; by which rule is told apart.",
        "count",
        "definition",
        lambda s: len(s.stats.vetoes),
    ),
    (
        "orders_filled",
        "Orders filled",
        Unit.COUNT,
        _F,
        "Orders and legs with at least one fill.",
        "count",
        "definition",
        lambda s: len(_filled(s)),
    ),
    (
        "orders_partial",
        "Filled in parts",
        Unit.COUNT,
        _F,
        "Of them, those that took more than one fill.",
        "count",
        "definition",
        lambda s: sum(count > 1 for count in _filled(s).values()),
    ),
    (
        "orders_rejected",
        "Rejected",
        Unit.COUNT,
        _F,
        "Orders the venue refused.",
        "count",
        "definition",
        lambda s: s.stats.rejected,
    ),
    (
        "orders_cancelled",
        "Cancelled",
        Unit.COUNT,
        _F,
        "Orders and legs that were withdrawn, the other leg of a bracket among them.",
        "count",
        "definition",
        lambda s: s.stats.cancelled,
    ),
    (
        "orders_expired",
        "Expired",
        Unit.COUNT,
        _F,
        "Orders whose time ran out.",
        "count",
        "definition",
        lambda s: s.stats.expired,
    ),
    (
        "fees",
        "Fees",
        Unit.MONEY,
        _F,
        "All fees and commissions paid.",
        "sum(fee)",
        "definition",
        lambda s: s.metrics.fees,
    ),
    (
        "spread",
        "Spread",
        Unit.MONEY,
        _F,
        "Half the spread at each fill, where the venue tells it apart.",
        "sum(spread / 2 x quantity)",
        "definition",
        lambda s: s.metrics.spread,
    ),
    (
        "slippage",
        "Slippage",
        Unit.MONEY,
        _F,
        "Beyond the spread, where the venue tells it apart.",
        "sum(slip x quantity)",
        "definition",
        lambda s: s.metrics.slippage,
    ),
    (
        "financing",
        "Funding and borrow",
        Unit.MONEY,
        _F,
        "Paid for holding; negative when received.",
        "sum(charges)",
        "definition",
        lambda s: s.metrics.financing,
    ),
    (
        "shortfall",
        "Implementation shortfall",
        Unit.MONEY,
        _F,
        "What fills cost beyond the prices that orders were decided at, fees apart.",
        "sum(side (fill - decision price) quantity)",
        "Perold 1988",
        shortfall,
    ),
    (
        "shortfall_bps",
        "Implementation shortfall, bps",
        Unit.BPS,
        _F,
        "The same in basis points of what was traded.",
        "shortfall / traded notional",
        "Perold 1988",
        shortfall_bps,
    ),
)

HOLDINGS = entries(
    Section.HOLDINGS,
    (
        "leverage_mean",
        "Gross exposure, mean",
        Unit.RATIO,
        _H,
        "Worth of all positions, both sides, over equity.",
        "mean(gross / equity)",
        "definition",
        lambda s: s.metrics.leverage_mean,
    ),
    (
        "leverage_max",
        "Gross exposure, most",
        Unit.RATIO,
        _H,
        "The most of it: leverage used.",
        "max(gross / equity)",
        "definition",
        lambda s: s.metrics.leverage_max,
    ),
    (
        "net_mean",
        "Net exposure, mean",
        Unit.RATIO,
        _H,
        "Long less short, over equity.",
        "mean(net / equity)",
        "definition",
        _net,
    ),
    (
        "net_most",
        "Net exposure, furthest",
        Unit.RATIO,
        _H,
        "The furthest from nothing, with its sign.",
        "net / equity at max |net / equity|",
        "definition",
        lambda s: _net(s, most=True),
    ),
    (
        "turnover",
        "Turnover",
        Unit.RATIO,
        _F,
        "Notional traded, both ways, over mean equity.",
        "traded / mean(equity)",
        "usual",
        lambda s: s.metrics.turnover,
    ),
    (
        "turnover_year",
        "Turnover a year",
        Unit.RATIO,
        _F,
        "The same for each year of 365 days.",
        "turnover x 365 d / duration",
        "usual",
        turnover_year,
    ),
    (
        "hhi",
        "Concentration (HHI)",
        Unit.RATIO,
        _H,
        "1 when one position is all, 1 / n when n are alike; over invested instants.",
        "mean(sum(w^2))",
        "Herfindahl 1950",
        _hhi,
    ),
    (
        "effective_positions",
        "Effective positions",
        Unit.RATIO,
        _H,
        "How many equal positions would be as spread out.",
        "mean(1 / sum(w^2))",
        "Herfindahl 1950",
        _effective,
    ),
    (
        "break_even_bps",
        "Break-even fee",
        Unit.BPS,
        _F,
        "The fee each way at which the run would have earned nothing.",
        "(profit + fees) / traded",
        "definition",
        break_even_bps,
    ),
)
