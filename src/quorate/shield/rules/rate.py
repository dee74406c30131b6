"""Rate: so many orders a minute, and no entry twice within moments."""

from __future__ import annotations

from typing import ClassVar

from quorate.core.instant import MINUTE, SECOND
from quorate.core.instrument import Instrument
from quorate.core.order import Finding, Order
from quorate.shield.rulebook import RateLimits
from quorate.shield.rules.base import EntryLimit
from quorate.shield.state import State


class OrdersPerMinute(EntryLimit):
    """Orders approved within the last minute, exits counted though never held up."""

    name: ClassVar[str] = "rate.minute"

    def __init__(self, limits: RateLimits) -> None:
        self._most = limits.orders_per_minute_max

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny one more."""
        sent = state.sent_since(state.at - MINUTE + 1)
        inputs = {"orders_in_minute": sent, "orders_max": self._most}
        return self.allow(inputs) if sent < self._most else self.deny(inputs, "too many orders in a minute")


class Duplicate(EntryLimit):
    """The same instrument, side and size again within the window is taken for a mistake."""

    name: ClassVar[str] = "rate.duplicate"

    def __init__(self, limits: RateLimits) -> None:
        self._window_ns = limits.duplicate_window_s * SECOND

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny within the window."""
        since = state.at - state.last_like(order)
        inputs = {"window_ns": self._window_ns, "since_like_ns": min(since, 10 * self._window_ns)}
        if since >= self._window_ns:
            return self.allow(inputs)
        return self.deny(inputs, "the same entry was approved moments ago")
