"""The bracket: no entry without a stop, and both legs on their right sides."""

from __future__ import annotations

from typing import Any, ClassVar

from quorate.core.instrument import Instrument
from quorate.core.order import Finding, Order
from quorate.shield.rulebook import BracketLimits
from quorate.shield.rules.base import EntryLimit
from quorate.shield.state import State


def entry_prices(order: Order) -> list[int]:
    """The prices in ticks between which and the legs there must be room: reference, limit, trigger."""
    return [each.count for each in (order.reference, order.limit, order.trigger) if each is not None]


class StopMandatory(EntryLimit):
    """An entry carries a stop: below its price when it buys, above when it sells."""

    name: ClassVar[str] = "bracket.stop"

    def __init__(self, limits: BracketLimits) -> None:
        self._ticks_min = limits.stop_ticks_min

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny an entry without a stop, on the wrong side of it, or closer than the least distance."""
        inputs: dict[str, Any] = {"side": order.side.value, "distance_ticks_min": self._ticks_min}
        if order.bracket is None:
            inputs["stop_ticks"] = None
            return self.deny(inputs, "an entry needs a stop")
        stop = order.bracket.stop.count
        distance = min((price - stop) * order.side.sign for price in entry_prices(order))
        inputs["stop_ticks"], inputs["distance_ticks"] = stop, distance
        if distance <= 0:
            return self.deny(inputs, "the stop is not on the losing side of the price")
        if distance < self._ticks_min:
            return self.deny(inputs, "the stop is too close to the price")
        return self.allow(inputs)


class TargetSide(EntryLimit):
    """A target, where there is one, lies on the winning side of the price."""

    name: ClassVar[str] = "bracket.target"

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny a target that would close the trade at a loss."""
        inputs: dict[str, Any] = {"side": order.side.value, "target_ticks": None}
        if order.bracket is None or order.bracket.target is None:
            return self.allow(inputs)
        target = order.bracket.target.count
        distance = min((target - price) * order.side.sign for price in entry_prices(order))
        inputs["target_ticks"], inputs["distance_ticks"] = target, distance
        if distance <= 0:
            return self.deny(inputs, "the target is not on the winning side of the price")
        return self.allow(inputs)
