"""Halt: below NORMAL the breaker lets nothing in that adds exposure."""

from __future__ import annotations

from typing import ClassVar

from quorate.core.events import Breaker
from quorate.core.instrument import Instrument
from quorate.core.order import Finding, Order
from quorate.shield.rules.base import EntryLimit
from quorate.shield.state import State


class BreakerDown(EntryLimit):
    """Entries need a breaker at NORMAL."""

    name: ClassVar[str] = "halt.breaker"

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny when it is REDUCING or HALTED."""
        inputs = {"breaker": state.breaker.value}
        if state.breaker is Breaker.NORMAL:
            return self.allow(inputs)
        return self.deny(inputs, f"the breaker is {state.breaker}")
