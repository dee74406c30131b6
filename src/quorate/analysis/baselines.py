"""What the same money would have done without the desk: buy and hold, a random trader, and nothing.

A result means little alone. Each baseline pays the instruments' own fees, half their assumed spread and
their assumed slippage, so none is flattered by free trading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from quorate.analysis.metrics import day_closes, day_returns, drawdown, sharpe
from quorate.analysis.result import Closes, Curve, Floats, Ints, RunStats, TradeRow
from quorate.core.instrument import Instrument
from quorate.core.money import E8

DRAWS = 200
_BPS = 1e-4


class BuyAndHold(msgspec.Struct, frozen=True):
    """Equal weight bought at each instrument's first close and held. Fractions; ``sharpe`` as in metrics."""

    total_return: float
    max_drawdown: float
    sharpe: float | None


class RandomTrader(msgspec.Struct, frozen=True):
    """Total returns of ``draws`` random traders: 5, 50, 95 % lie below ``low``, ``median``, ``high``.

    ``beaten`` is the share of draws that the desk did better than.
    """

    low: float
    median: float
    high: float
    beaten: float
    draws: int


class Baselines(msgspec.Struct, frozen=True):
    """The three, side by side; None where there was nothing to hold or to copy. Doing nothing returns 0."""

    buy_and_hold: BuyAndHold | None
    random: RandomTrader | None
    nothing: float = 0.0


def baselines(stats: RunStats, closes: Mapping[str, Closes], seed: int) -> tuple[Baselines, Curve | None]:
    """The baselines of a run, and the buy-and-hold curve for the chart."""
    start = stats.cash.count
    curve = hold_curve(closes, stats.instruments, start)
    hold = None
    if curve is not None:
        _, ends = day_closes(curve, stats.calendar, stats.interval)
        hold = BuyAndHold(
            total_return=int(curve.equity[-1]) / start - 1.0,
            max_drawdown=drawdown(curve, start, stats.interval)[0],
            sharpe=sharpe(day_returns(ends, start), stats.periods_per_year),
        )
    draws = random_returns(stats.rows, closes, stats.instruments, start, seed)
    return Baselines(hold, _placed(draws, stats.end_e8 / start - 1.0)), curve


def cost_rate(instrument: Instrument, price: float) -> float:
    """Cost of one taker side as a fraction of notional: fee, commission, half the spread, slippage."""
    bps = instrument.taker_bps + instrument.spread_bps / 2 + instrument.slippage_bps
    lot_worth = abs(price) * float(instrument.lot * instrument.multiplier)
    return float(bps) * _BPS + (float(instrument.commission) / lot_worth if lot_worth else 0.0)


def hold_curve(
    closes: Mapping[str, Closes], instruments: Mapping[str, Instrument], start: int
) -> Curve | None:
    """Equity in 1e-8 of ``start`` spread equally and held, unlevered, after the costs of buying.

    Fractions of a lot are allowed; an instrument's share is cash until its first close. None
    without data.
    """
    if not closes:
        return None
    at = np.sort(np.concatenate([series.at for series in closes.values()]))
    at = at[np.append(at[1:] != at[:-1], True)]  # np.unique hashes, and is ten times slower here
    share = start / len(closes)
    equity = np.zeros(at.size)
    for name, series in sorted(closes.items()):
        held = np.searchsorted(series.at, at, side="right") - 1
        first = float(series.close[0])
        worth = (
            share / (1.0 + cost_rate(instruments[name], first)) * series.close[np.maximum(held, 0)] / first
        )
        equity += np.where(held >= 0, worth, share)
    return Curve(at, np.rint(equity).astype(np.int64))


def random_returns(
    rows: Sequence[TradeRow],
    closes: Mapping[str, Closes],
    instruments: Mapping[str, Instrument],
    start: int,
    seed: int,
    draws: int = DRAWS,
) -> Floats | None:
    """Total returns, float64[draws], of traders who do what the desk did at random times and in random order.

    Each keeps the desk's number of trades an instrument, their lengths in bars, sizes in currency and mix of
    sides, and never holds two trades of one instrument at once: lengths and sides are shuffled, and the bars
    left over are spread at random between the trades. None when there is no trade to copy.
    """
    generator = np.random.default_rng(seed)
    gains = np.zeros(draws)
    copied = 0
    for name in sorted(closes):
        own = [row for row in rows if row.instrument == name]
        if own and closes[name].at.size >= 2:
            gains += _random_gains(own, closes[name], instruments[name], generator, draws)
            copied += len(own)
    return gains * E8 / start if copied else None


def _random_gains(
    rows: Sequence[TradeRow],
    closes: Closes,
    instrument: Instrument,
    generator: np.random.Generator,
    draws: int,
) -> Floats:
    """Profit in currency of each draw in one instrument, after costs, float64[draws]."""
    at, close = closes.at, closes.close
    lengths = _lengths(rows, at)
    sizes = np.array([row.notional for row in rows])
    sides = np.array([row.side.sign for row in rows])
    spare = max(0, at.size - 1 - int(lengths.sum()))
    rate = cost_rate(instrument, float(np.median(close)))
    gains = np.empty(draws)
    for draw in range(draws):
        order = generator.permutation(len(rows))
        gaps = np.sort(generator.integers(0, spare + 1, len(rows)))
        ends = np.cumsum(lengths[order])
        entry = np.minimum(gaps + ends - lengths[order], at.size - 1)
        leave = np.minimum(gaps + ends, at.size - 1)
        growth = close[leave] / close[entry]
        side = generator.permutation(sides)
        gains[draw] = np.sum(sizes[order] * (side * (growth - 1.0) - rate * (1.0 + growth)))
    return gains


def _lengths(rows: Sequence[TradeRow], at: Ints) -> Ints:
    """How many bars each trade was held, at least one, int64[trades]."""
    opened = np.searchsorted(at, np.array([row.opened_at for row in rows]))
    closed = np.searchsorted(at, np.array([row.closed_at for row in rows]))
    lengths: Ints = np.maximum(1, closed - opened)
    return lengths


def _placed(draws: Floats | None, desk: float) -> RandomTrader | None:
    """Where the desk stands among the draws."""
    if draws is None:
        return None
    low, median, high = (float(value) for value in np.percentile(draws, (5, 50, 95)))
    return RandomTrader(low, median, high, float(np.mean(draws < desk)), int(draws.size))
