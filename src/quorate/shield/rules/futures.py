"""Exchange futures: limited in contracts and in initial margin, not by notional."""

from __future__ import annotations

from typing import ClassVar

from quorate.core.instrument import Instrument, Kind
from quorate.core.order import Finding, Order
from quorate.shield.rulebook import FuturesLimits
from quorate.shield.rules.base import Cap, EntryLimit, highest_price, most_lots
from quorate.shield.state import State, margin_e8


class Contracts(EntryLimit):
    """How many contracts of one future may be held, working and asked for on one side."""

    name: ClassVar[str] = "futures.contracts"

    def __init__(self, limits: FuturesLimits) -> None:
        self._most = limits.contracts_max

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Cut the order to the contracts left; a lot is ``instrument.lot`` contracts."""
        if instrument.kind is not Kind.FUTURE:
            return self.allow({"kind": instrument.kind.value})
        before, asked = state.on_side(order.instrument, order.side.sign), order.quantity.count
        numerator, denominator = instrument.lot.as_integer_ratio()
        lots_max = self._most * denominator // numerator
        inputs = {
            "before_lots": before,
            "asked_lots": asked,
            "lots_max": lots_max,
            "contracts_max": self._most,
        }
        if before + asked <= lots_max:
            return self.allow(inputs)
        return self.cut(lots_max - before, inputs, "too many contracts")


class Margin(EntryLimit):
    """Initial margin of all futures together."""

    name: ClassVar[str] = "futures.margin"

    def __init__(self, limits: FuturesLimits) -> None:
        self._cap = Cap(limits.margin_share)

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Cut the order until the margin fits."""
        if instrument.kind is not Kind.FUTURE:
            return self.allow({"kind": instrument.kind.value})
        price = highest_price(order, state)
        before, asked = state.on_side(order.instrument, order.side.sign), order.quantity.count
        others = state.margin_e8(besides=order.instrument)

        def margin(lots: int) -> int:
            return margin_e8(instrument, instrument.worth_e8(price, lots))

        whole, cap = others + margin(before + asked), self._cap.of(state.equity_e8)
        inputs = {
            "margin_e8": whole,
            "cap_e8": cap,
            "equity_e8": state.equity_e8,
            "others_e8": others,
            "price_ticks": price,
            "before_lots": before,
            "asked_lots": asked,
        }
        if whole <= cap:
            return self.allow(inputs)
        total = most_lots(margin, cap - others, before + asked)
        return self.cut(total - before, inputs, "too much initial margin")
