"""Losses: of the day, from the peak, within the hour, and in a row. Each is a limit on entries and a watcher.

Shares are compared by multiplying, in whole 1e-8. Equity that is not above zero counts as lost.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from quorate.core.events import Breaker
from quorate.core.instant import SECOND
from quorate.core.instrument import Instrument
from quorate.core.money import decimal_to_e8
from quorate.core.order import Finding, Order
from quorate.core.roles import ShieldState
from quorate.shield.rulebook import LossLimits
from quorate.shield.rules.base import EntryLimit
from quorate.shield.state import State


class LossCap(EntryLimit):
    """A loss since some earlier equity that denies entries and brings the breaker down."""

    falls_to: ClassVar[Breaker]

    def __init__(self, share: Decimal, money: Decimal | None = None) -> None:
        self._numerator, self._denominator = share.as_integer_ratio()
        self._money_e8 = None if money is None else decimal_to_e8(money)

    def base_e8(self, state: ShieldState) -> int:
        """The equity that the loss is counted from, in 1e-8."""
        raise NotImplementedError

    def reached(self, state: ShieldState) -> bool:
        """True when the loss is at its cap or beyond, or nothing is left to lose."""
        equity, base = state.equity_e8, self.base_e8(state)
        loss = base - equity
        if equity <= 0 or base <= 0 or loss * self._denominator >= base * self._numerator:
            return True
        return self._money_e8 is not None and loss >= self._money_e8

    def inputs(self, state: ShieldState) -> dict[str, Any]:
        """What was compared."""
        base = self.base_e8(state)
        cap = base * self._numerator // self._denominator
        cap = cap if self._money_e8 is None else min(cap, self._money_e8)
        return {
            "equity_e8": state.equity_e8,
            "base_e8": base,
            "loss_e8": base - state.equity_e8,
            "cap_e8": cap,
        }

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny entries once the cap is reached."""
        if self.reached(state):
            return self.deny(self.inputs(state), "the loss has reached its cap")
        return self.allow(self.inputs(state))

    def watch(self, state: ShieldState) -> tuple[Breaker, dict[str, Any]] | None:
        """Where the breaker must fall to."""
        return (self.falls_to, self.inputs(state)) if self.reached(state) else None


class DailyLoss(LossCap):
    """The loss since the UTC day began; exits only until people resume."""

    name: ClassVar[str] = "losses.day"
    falls_to: ClassVar[Breaker] = Breaker.REDUCING

    def __init__(self, limits: LossLimits) -> None:
        super().__init__(limits.day_share, limits.day_money)

    def base_e8(self, state: ShieldState) -> int:
        """Equity as the day began."""
        return state.day_start_e8


class Drawdown(LossCap):
    """The fall from the highest equity; halts."""

    name: ClassVar[str] = "losses.drawdown"
    falls_to: ClassVar[Breaker] = Breaker.HALTED

    def __init__(self, limits: LossLimits) -> None:
        super().__init__(limits.drawdown_share)

    def base_e8(self, state: ShieldState) -> int:
        """The peak."""
        return state.peak_e8


class HourLoss(LossCap):
    """The kill switch: the fall from the rolling hour's high; halts."""

    name: ClassVar[str] = "losses.hour"
    falls_to: ClassVar[Breaker] = Breaker.HALTED

    def __init__(self, limits: LossLimits) -> None:
        super().__init__(limits.hour_share)

    def base_e8(self, state: ShieldState) -> int:
        """The hour's high."""
        return state.hour_high_e8


class Streak(EntryLimit):
    """Losing trades in a row pause new entries for a while after the last."""

    name: ClassVar[str] = "losses.streak"

    def __init__(self, limits: LossLimits) -> None:
        self._most = limits.streak_max
        self._pause_ns = limits.streak_pause_s * SECOND

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Deny within the pause."""
        inputs = {"losses_in_a_row": state.losses_in_a_row, "losses_max": self._most}
        if state.losses_in_a_row < self._most:
            return self.allow(inputs)
        left = state.last_loss_at + self._pause_ns - state.at
        inputs["pause_left_ns"] = max(left, 0)
        return self.deny(inputs, "paused after losses in a row") if left > 0 else self.allow(inputs)
