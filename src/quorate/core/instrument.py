"""What is traded: tick, lot, multiplier, currency, calendar and fees, and the arithmetic they imply."""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from functools import cached_property

import msgspec

from quorate.core.errors import ConfigError, UnitError
from quorate.core.instant import DAY, HOUR, YEAR
from quorate.core.money import E8, Money, Notional, Price, Quantity, divide_half_even, divide_up

BPS = 10_000


class Kind(enum.StrEnum):
    """What the thing is; it decides defaults, never the arithmetic."""

    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    EQUITY = "equity"
    FX = "fx"


class Calendar(msgspec.Struct, frozen=True):
    """How much of a year a market trades: what annualising and bars-per-year hang on."""

    name: str
    days_per_year: int
    session_ns: int

    def bars_per_year(self, interval_ns: int) -> float:
        """Bars of ``interval_ns`` in a year of this market; a daily bar is one a trading day."""
        per_day = max(1.0, self.session_ns / interval_ns)
        return self.days_per_year * per_day if interval_ns <= DAY else YEAR / interval_ns


CALENDARS = {
    calendar.name: calendar
    for calendar in (
        Calendar("always", 365, DAY),
        Calendar("us-equity", 252, 6 * HOUR + HOUR // 2),
        Calendar("cme", 252, 23 * HOUR),
        Calendar("fx", 260, DAY),
    )
}


class Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One tradable thing. Decimals are exact; prices are counted in ticks, quantities in lots.

    ``tick``, ``lot``: sizes in quote currency and base units. ``multiplier``: currency per point per unit.
    ``taker_bps``, ``maker_bps``: fee in 1e-4 of notional. ``commission``: currency per lot and fill.
    ``spread_bps``: assumed full spread where data carry none. ``slippage_bps``: assumed beyond the spread.
    ``financing_bps_year``: charged on short notional (spot, equity: borrow) or on both sides (perpetual:
    funding paid), per 365 days. ``margin``: initial margin as a share of notional. ``max_lots``: the
    exchange's or our own cap in lots, 0 for none.
    """

    id: str
    kind: Kind
    currency: str
    tick: Decimal
    lot: Decimal
    multiplier: Decimal = Decimal(1)
    calendar: str = "always"
    taker_bps: Decimal = Decimal(0)
    maker_bps: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    spread_bps: Decimal = Decimal(0)
    slippage_bps: Decimal = Decimal(0)
    financing_bps_year: Decimal = Decimal(0)
    margin: Decimal = Decimal(1)
    max_lots: int = 0

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "multiplier", "margin"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise ConfigError(f"{name} must be above zero, not {value}", where=f"instrument {self.id}")
        for name in ("taker_bps", "commission", "spread_bps", "slippage_bps", "financing_bps_year"):
            value = getattr(self, name)
            if not value.is_finite() or value < 0:
                raise ConfigError(
                    f"{name} must not be negative, but is {value}", where=f"instrument {self.id}"
                )
        if self.spread_bps >= BPS or self.max_lots < 0:
            what = "spread_bps must be below 10000 and max_lots not negative"
            raise ConfigError(what, where=f"instrument {self.id}")
        if self.calendar not in CALENDARS:
            raise ConfigError(
                f"unknown calendar '{self.calendar}'",
                where=f"instrument {self.id}",
                todo=f"one of {', '.join(CALENDARS)}",
            )

    @cached_property
    def hours(self) -> Calendar:
        """The calendar this instrument trades by."""
        return CALENDARS[self.calendar]

    @cached_property
    def tick_float(self) -> float:
        """The tick as a float, for indicators and statistics only."""
        return float(self.tick)

    @cached_property
    def lot_float(self) -> float:
        """The lot as a float, for indicators and statistics only."""
        return float(self.lot)

    @cached_property
    def _worth(self) -> tuple[int, int]:
        """(numerator, denominator) of the 1e-8 worth of one tick times one lot, in lowest terms."""
        return (self.tick * self.lot * self.multiplier * E8).as_integer_ratio()

    @cached_property
    def _taker(self) -> tuple[int, int]:
        return (self.taker_bps / 10_000).as_integer_ratio()

    @cached_property
    def _maker(self) -> tuple[int, int]:
        return (self.maker_bps / 10_000).as_integer_ratio()

    @cached_property
    def _commission(self) -> tuple[int, int]:
        """1e-8 of currency a lot."""
        return (self.commission * E8).as_integer_ratio()

    def worth_e8(self, ticks: int, lots: int) -> int:
        """1e-8 currency of ``lots`` at ``ticks``, signed like the lots; one rounding, half to even."""
        numerator, denominator = self._worth
        product = ticks * lots * numerator
        return product if denominator == 1 else divide_half_even(product, denominator)

    def notional(self, price: Price, quantity: Quantity) -> Notional:
        """The exposure of a quantity at a price. Raises UnitError when either is another instrument's."""
        self.check(price)
        self.check(quantity)
        return Notional(self.worth_e8(price.count, quantity.count), self.currency)

    def fee_e8(self, ticks: int, lots: int, *, maker: bool) -> int:
        """1e-8 currency of the fee on a fill, rounded up: against us. A maker rebate is negative."""
        (numerator, denominator), (paid, of) = self._maker if maker else self._taker, self._commission
        worth = abs(self.worth_e8(ticks, lots))
        return divide_up(worth * numerator, denominator) + divide_up(abs(lots) * paid, of)

    def check(self, unit: Price | Quantity) -> None:
        """Raises UnitError unless the unit is counted in this instrument's scale."""
        if unit.scale != self.id:
            raise UnitError(f"{type(unit).__name__} in {unit.scale} cannot meet instrument {self.id}")

    def price(self, ticks: int) -> Price:
        """A price of so many ticks."""
        return Price(ticks, self.id)

    def quantity(self, lots: int) -> Quantity:
        """A quantity of so many lots."""
        return Quantity(lots, self.id)

    def money(self, count_e8: int) -> Money:
        """Money in the quote currency."""
        return Money(count_e8, self.currency)

    def ticks_of(self, price: float) -> int:
        """The nearest tick to a float that somebody computed. Raises ConfigError if it is not finite."""
        if not math.isfinite(price):
            raise ConfigError(f"{price} is not a price", where=f"instrument {self.id}")
        return round(price / self.tick_float)

    def show_price(self, ticks: int) -> str:
        """The price as people write it, with the tick's own decimals."""
        return f"{ticks * self.tick:,}"

    def show_quantity(self, lots: int) -> str:
        """The quantity as people write it."""
        return f"{(lots * self.lot).normalize():,f}"
