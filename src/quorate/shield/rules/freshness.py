"""Freshness: no entry on a price that is old or was never seen."""

from __future__ import annotations

from typing import Any, ClassVar

from quorate.core.instrument import Instrument
from quorate.core.order import Finding, Order
from quorate.shield.rulebook import FreshnessLimits
from quorate.shield.rules.base import EntryLimit
from quorate.shield.state import State


class LastBar(EntryLimit):
    """The last closed bar is at most so many of its own intervals old."""

    name: ClassVar[str] = "freshness.bar"

    def __init__(self, limits: FreshnessLimits) -> None:
        self._most = limits.bars_old_max

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny when it is older, from the future, of no length, or missing."""
        bar = state.view.bar(order.instrument)
        if bar is None:
            inputs: dict[str, Any] = {"last_bar_at_ns": None, "now_ns": state.at}
            return self.deny(inputs, "no bar was seen")
        interval = bar.at - bar.start
        inputs = {"age_ns": state.at - bar.at, "interval_ns": interval, "intervals_max": self._most}
        if interval > 0 and 0 <= state.at - bar.at <= self._most * interval:
            return self.allow(inputs)
        return self.deny(inputs, "the last bar is too old")
