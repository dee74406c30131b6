"""Risk: what the whole trade loses when its stop is hit, fees both ways included."""

from __future__ import annotations

from typing import ClassVar

from quorate.core.instrument import Instrument
from quorate.core.order import Finding, Order
from quorate.shield.rulebook import RiskLimits
from quorate.shield.rules.base import Cap, EntryLimit, most_lots, worst_entry
from quorate.shield.state import State


class StopRisk(EntryLimit):
    """Lots held, working and asked for on this side, from the worst entry price to this order's stop."""

    name: ClassVar[str] = "risk.stop"

    def __init__(self, limits: RiskLimits) -> None:
        self._cap = Cap(limits.trade_share)

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Cut the order until the loss fits."""
        if order.bracket is None:
            return self.deny({"stop_ticks": None}, "without a stop the risk is unknown")
        entry, stop = worst_entry(order, state), order.bracket.stop.count
        distance = abs(entry - stop)
        before, asked = state.on_side(order.instrument, order.side.sign), order.quantity.count

        def loss(lots: int) -> int:
            fees = instrument.fee_e8(entry, lots, maker=False) + instrument.fee_e8(stop, lots, maker=False)
            return instrument.worth_e8(distance, lots) + fees

        risk, cap = loss(before + asked), self._cap.of(state.equity_e8)
        inputs = {
            "risk_e8": risk,
            "cap_e8": cap,
            "equity_e8": state.equity_e8,
            "entry_ticks": entry,
            "stop_ticks": stop,
            "before_lots": before,
            "asked_lots": asked,
        }
        if risk <= cap:
            return self.allow(inputs)
        return self.cut(most_lots(loss, cap, before + asked) - before, inputs, "the stop would cost too much")
