"""The momentum agent: what has risen over weeks of bars, in units of its own noise, tends to go on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import sqrt, tanh
from typing import ClassVar

import msgspec

from quorate.agents.squash import told
from quorate.core.roles import View
from quorate.core.signal import Signal


class Momentum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The gap between a fast and a slow EMA, divided by the noise of ``slow`` bars, squashed.

    ``fast``, ``slow``: bars. ``gain``: how steeply the gap becomes belief. ``reach``: the most it moves the
    probability away from one half. ``horizon``: bars ahead that the probability is about.
    """

    name: ClassVar[str] = "momentum"

    fast: int = 24
    slow: int = 96
    gain: float = 1.5
    reach: float = 0.2
    horizon: int = 48

    def features(self) -> Sequence[str]:
        """Two EMAs and the volatility over the slow window."""
        return (f"ema:{self.fast}", f"ema:{self.slow}", f"volatility:{self.slow}")

    @cached_property
    def _columns(self) -> tuple[str, str, str]:
        return f"ema_{self.fast}", f"ema_{self.slow}", f"volatility_{self.slow}"

    def hear(self, view: View, instrument: str) -> Signal | None:
        """None until the slow window is full or while nothing moves."""
        fast, slow, noise = [view.feature(instrument, column) for column in self._columns]
        noise *= sqrt(self.slow)
        if not noise > 0.0 or slow != slow:
            return None
        gap = (fast / slow - 1.0) / noise
        return told(
            self.name,
            view,
            instrument,
            0.5 + self.reach * tanh(self.gain * gap),
            self.horizon,
            gap=gap,
            noise=noise,
        )
