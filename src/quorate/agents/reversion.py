"""The reversion agent: a price far from its recent mean, with no trend behind it, tends to come back."""

from __future__ import annotations

from collections.abc import Sequence
from math import tanh
from typing import ClassVar

import msgspec

from quorate.agents.squash import told
from quorate.core.roles import View
from quorate.core.signal import Signal


class Reversion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Standard scores from the mean of ``window`` closes, against the move; silent within ``quiet``.

    ``reach``: the most it moves the probability. ``horizon``: bars ahead that the probability is about.
    """

    name: ClassVar[str] = "reversion"

    window: int = 48
    quiet: float = 1.0
    reach: float = 0.2
    horizon: int = 12

    def features(self) -> Sequence[str]:
        """The standard score of the close."""
        return (f"zscore:{self.window}",)

    def hear(self, view: View, instrument: str) -> Signal | None:
        """None within the quiet zone and before warm-up."""
        score = view.feature(instrument, f"zscore_{self.window}")
        if not abs(score) >= self.quiet:
            return None
        beyond = abs(score) - self.quiet
        pull = tanh(beyond) if score < 0 else -tanh(beyond)
        return told(self.name, view, instrument, 0.5 + self.reach * pull, self.horizon, score=score)
