"""What a fast agent thinks: a probability that the price is higher at a horizon, with its reasons."""

from __future__ import annotations

import msgspec


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """``probability`` that ``instrument`` closes higher ``horizon`` bars on; 0.5 says nothing.

    ``reasons`` are the named numbers the agent looked at.
    """

    at: int
    agent: str
    instrument: str
    probability: float
    horizon: int
    reasons: tuple[tuple[str, float], ...] = ()
