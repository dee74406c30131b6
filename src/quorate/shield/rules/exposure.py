"""Exposure: notional per trade, position, gross, net and leverage, and how many positions there may be.

Exchange futures are limited by the futures rules instead; they count only as open positions.
"""

from __future__ import annotations

from typing import ClassVar

from quorate.core.instrument import Instrument, Kind
from quorate.core.order import Finding, Order
from quorate.shield.rulebook import ExposureLimits
from quorate.shield.rules.base import Cap, EntryLimit, highest_price, most_lots
from quorate.shield.state import State


class NotionalLimit(EntryLimit):
    """A cap on notional. What is before the order in lots and beside it in money is for each limit to say."""

    def __init__(self, cap: Cap, reason: str) -> None:
        self._cap = cap
        self._reason = reason

    def beside(self, order: Order, state: State) -> tuple[int, int]:
        """(lots of this instrument that count with the order, 1e-8 of everything else that counts)."""
        raise NotImplementedError

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Cut the order to the lots for which there is room."""
        if instrument.kind is Kind.FUTURE:
            return self.allow({"kind": instrument.kind.value})
        before, others = self.beside(order, state)
        price, asked = highest_price(order, state), order.quantity.count
        cap = self._cap.of(state.equity_e8)
        exposure = others + instrument.worth_e8(price, before + asked)
        inputs = {
            "exposure_e8": exposure,
            "cap_e8": cap,
            "equity_e8": state.equity_e8,
            "others_e8": others,
            "price_ticks": price,
            "before_lots": before,
            "asked_lots": asked,
        }
        if exposure <= cap:
            return self.allow(inputs)
        total = most_lots(lambda lots: instrument.worth_e8(price, lots), cap - others, before + asked)
        return self.cut(total - before, inputs, self._reason)


class TradeNotional(NotionalLimit):
    """One entry's own notional."""

    name: ClassVar[str] = "exposure.trade"

    def __init__(self, limits: ExposureLimits) -> None:
        super().__init__(Cap(limits.trade_share, limits.trade_money), "the trade is too large")

    def beside(self, order: Order, state: State) -> tuple[int, int]:
        """Nothing but the order."""
        return 0, 0


class PositionNotional(NotionalLimit):
    """One instrument's notional on the order's side: held, working and asked for."""

    name: ClassVar[str] = "exposure.position"

    def __init__(self, limits: ExposureLimits) -> None:
        super().__init__(Cap(limits.position_share), "the position would be too large")

    def beside(self, order: Order, state: State) -> tuple[int, int]:
        """The lots on this side."""
        return state.on_side(order.instrument, order.side.sign), 0


class Gross(NotionalLimit):
    """Longs and shorts added up."""

    name: ClassVar[str] = "exposure.gross"

    def __init__(self, limits: ExposureLimits) -> None:
        super().__init__(Cap(limits.gross_share, limits.gross_money), "gross exposure would be too large")

    def beside(self, order: Order, state: State) -> tuple[int, int]:
        """The lots on this side, and all other instruments."""
        return state.on_side(order.instrument, order.side.sign), state.gross_besides_e8(order.instrument)


class Leverage(Gross):
    """Gross exposure as a multiple of equity."""

    name: ClassVar[str] = "exposure.leverage"

    def __init__(self, limits: ExposureLimits) -> None:
        NotionalLimit.__init__(self, Cap(limits.leverage_max), "leverage would be too high")


class Net(NotionalLimit):
    """Longs less shorts, on the order's side; a hedge counts once it is filled and not being closed."""

    name: ClassVar[str] = "exposure.net"

    def __init__(self, limits: ExposureLimits) -> None:
        super().__init__(Cap(limits.net_share), "net exposure would be too large")

    def beside(self, order: Order, state: State) -> tuple[int, int]:
        """The lots on this side, and the net of all other instruments."""
        sign = order.side.sign
        others = state.net_side_e8(sign) - state.side_e8(order.instrument, sign)
        return state.on_side(order.instrument, sign), others


class OpenPositions(EntryLimit):
    """How many instruments may be open at once, futures too."""

    name: ClassVar[str] = "exposure.positions"

    def __init__(self, limits: ExposureLimits) -> None:
        self._most = limits.positions_max

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny one more; adding to an open one is not one more."""
        count = state.open_count()
        after = count if state.lots(order.instrument) else count + 1
        inputs = {"positions": count, "positions_after": after, "positions_max": self._most}
        if after <= self._most:
            return self.allow(inputs)
        return self.deny(inputs, "too many open positions")


class InstrumentCap(EntryLimit):
    """The instrument's own cap in lots, where it has one."""

    name: ClassVar[str] = "exposure.lots"

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Cut the order to the lots left."""
        before, asked = state.on_side(order.instrument, order.side.sign), order.quantity.count
        inputs = {"before_lots": before, "asked_lots": asked, "lots_max": instrument.max_lots}
        if not instrument.max_lots or before + asked <= instrument.max_lots:
            return self.allow(inputs)
        return self.cut(instrument.max_lots - before, inputs, "more lots than the instrument allows")
