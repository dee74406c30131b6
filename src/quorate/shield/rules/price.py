"""Price and size guards: entries near the last close, and no larger than anyone could mean."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from quorate.core.instrument import Instrument, Kind
from quorate.core.order import Finding, Order
from quorate.shield.rulebook import PriceLimits
from quorate.shield.rules.base import Cap, EntryLimit, highest_price, last_close
from quorate.shield.rules.bracket import entry_prices
from quorate.shield.state import State, margin_e8


class Collar(EntryLimit):
    """Reference, limit and trigger lie within a share of the last close."""

    name: ClassVar[str] = "price.collar"

    def __init__(self, limits: PriceLimits) -> None:
        share: Decimal = limits.collar_share
        self._numerator, self._denominator = share.as_integer_ratio()

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny a price outside, and every price when there is no close to compare with."""
        last = last_close(order, state)
        away = max(abs(price - last) for price in entry_prices(order))
        inputs: dict[str, Any] = {"last_ticks": last, "away_ticks": away}
        if last <= 0:
            return self.deny(inputs, "there is no last close")
        inputs["away_ticks_max"] = last * self._numerator // self._denominator
        if away * self._denominator <= last * self._numerator:
            return self.allow(inputs)
        return self.deny(inputs, "the price is too far from the last close")


class SlipOfSize(EntryLimit):
    """An entry far beyond equity is a slip of the finger: denied, not cut to size."""

    name: ClassVar[str] = "price.size"

    def __init__(self, limits: PriceLimits) -> None:
        self._cap = Cap(limits.order_share_max)

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny by notional; by initial margin for futures."""
        size = instrument.worth_e8(highest_price(order, state), order.quantity.count)
        if instrument.kind is Kind.FUTURE:
            size = margin_e8(instrument, size)
        cap = self._cap.of(state.equity_e8)
        inputs = {"size_e8": size, "cap_e8": cap, "equity_e8": state.equity_e8}
        return self.allow(inputs) if size <= cap else self.deny(inputs, "nobody can mean an order this large")
