"""Small helpers all agents share: clipping, and turning a number into a Signal with its reasons."""

from __future__ import annotations

from quorate.core.canon import probability
from quorate.core.roles import View
from quorate.core.signal import Signal

_SURE = 0.95  # no rule of thumb is surer than this


def clip(value: float, low: float, high: float) -> float:
    """The value, held within [low, high]."""
    return low if value < low else high if value > high else value


def told(agent: str, view: View, instrument: str, chance: float, horizon: int, **reasons: float) -> Signal:
    """A signal with its probability rounded to 1e-6, and the numbers the agent looked at."""
    return Signal(
        at=view.at,
        agent=agent,
        instrument=instrument,
        probability=probability(clip(chance, 1.0 - _SURE, _SURE)),
        horizon=horizon,
        reasons=tuple(reasons.items()),
    )
