"""What trading costs beyond the price seen: spread, slippage, delay and financing, in exact integers.

Prices are worked in *fine ticks*: a tick divided by a whole number chosen for each instrument, so that half
spreads and slippage in basis points are integers too. Only the price paid is rounded, against us.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

import msgspec

from quorate.core.errors import ConfigError
from quorate.core.events import Bar
from quorate.core.instant import MILLISECOND
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import divide_up


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How hard the simulated world is.

    ``latency_ns``: from the decision to the venue. ``slippage``: times the instrument's ``slippage_bps``; 1
    is honest, 0 and 2 show how much a result hangs on it. Raises ConfigError when either is negative.
    """

    latency_ns: int = 250 * MILLISECOND
    slippage: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if self.latency_ns < 0:
            raise ConfigError(f"latency_ns must not be negative, but is {self.latency_ns}", where="costs")
        if not self.slippage.is_finite() or self.slippage < 0:
            raise ConfigError(f"slippage must not be negative, but is {self.slippage}", where="costs")


class Offer(NamedTuple):
    """What one bar offers, in fine ticks; ``fine`` of them are a tick.

    ``half``: half the spread. ``slip``: slippage on one tick of price. ``late``: what the way there costs.
    ``adrift``: how far the open's price may have got by then, either way; ``beyond``: a stop's trigger's.
    ``prompt``: an instant in ns; an order that arrives by then meets the open, one later the bar's midst.
    """

    bar: Bar
    fine: int
    open: int
    low: int
    high: int
    close: int
    half: int
    slip: int
    late: int
    adrift: int
    beyond: int
    prompt: int


class Friction:
    """One instrument's costs with their ratios worked out once."""

    __slots__ = ("_fine", "_half", "_latency_ns", "_slip")

    def __init__(self, instrument: Instrument, costs: Costs) -> None:
        half = (instrument.spread_bps / 20_000).as_integer_ratio()
        slip = (instrument.slippage_bps * costs.slippage / 10_000).as_integer_ratio()
        self._fine = math.lcm(2, half[1], slip[1])
        self._half = half[0] * (self._fine // half[1])
        self._slip = slip[0] * (self._fine // slip[1])
        self._latency_ns = costs.latency_ns

    def offer(self, bar: Bar) -> Offer:
        """The bar with its costs: the quoted spread where it has one, else the instrument's.

        The delay costs half the bar's range in proportion to its share of the bar, rounded up.
        """
        fine = self._fine
        half = bar.spread * fine // 2 if bar.spread >= 0 else abs(bar.open) * self._half
        interval = max(1, bar.at - bar.start)
        late = (bar.high - bar.low) * fine * min(self._latency_ns, interval)
        return Offer(
            bar,
            fine,
            bar.open * fine,
            bar.low * fine,
            bar.high * fine,
            bar.close * fine,
            half,
            self._slip,
            -(-late // (2 * interval)),
            half + self._walk(bar, self._latency_ns),
            half + self._walk(bar, PAUSE),
            bar.start + (self._latency_ns if self._latency_ns < interval else 0),
        )

    def _walk(self, bar: Bar, within: int) -> int:
        """Twice the root of the time's share of the bar, of its range; the root down, the product up."""
        interval = max(1, bar.at - bar.start)
        share = math.isqrt((4 * min(within, interval) << 32) // interval)
        return -(-(bar.high - bar.low) * self._fine * share >> 16)


PAUSE = 1000 * MILLISECOND  # from a stop's trigger to the price it meets


def financing_e8(instrument: Instrument, ticks: int, lots: int, days: int) -> int:
    """1e-8 currency owed for holding ``lots`` at ``ticks`` over ``days``, rounded up.

    Perpetuals pay funding on both sides, spot and equities borrow on shorts; the rest nothing.
    """
    pays = instrument.kind is Kind.PERPETUAL or (lots < 0 and instrument.kind in (Kind.SPOT, Kind.EQUITY))
    if not pays or not instrument.financing_bps_year:
        return 0
    numerator, denominator = instrument.financing_bps_year.as_integer_ratio()
    return divide_up(abs(instrument.worth_e8(ticks, lots)) * numerator * days, denominator * 10_000 * 365)
