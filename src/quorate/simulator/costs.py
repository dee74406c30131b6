"""How hard the simulated world is: the delay to the venue, and how much of the assumed slippage is paid."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quorate.core.errors import ConfigError
from quorate.core.instant import MILLISECOND


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run's venue costs beyond its instruments' own fees, spread and financing.

    ``latency_ns``: from the decision to the venue. ``slippage``: times the instrument's ``slippage_bps``; 1
    is honest, 0 and 2 show how much a result hangs on it. Raises ConfigError when either is negative.
    """

    latency_ns: int = 250 * MILLISECOND
    slippage: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if self.latency_ns < 0:
            raise ConfigError(f"latency_ns must not be negative, but is {self.latency_ns}", where="costs")
        if not self.slippage.is_finite() or self.slippage < 0:
            raise ConfigError(f"slippage must not be negative, but is {self.slippage}", where="costs")
