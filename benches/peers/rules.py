"""Three strategies as plain decisions, so that two engines can be asked the same thing: numpy alone.

Each takes the highs, lows and closes up to now (the last bars), the signed position and how many entry orders
wait, and answers with at most one `Ask`. Prices are rounded to the tick here, for both engines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WINDOW = 60  # the most bars that any rule looks back
FAST, SLOW = 10, 30
CHANNEL, RANGE = 20, 14
STOP, TARGET = 2.0, 3.0
BAND, BELOW = 20, 1.5
PATIENCE = 5  # bars that a limit order waits


class Ask(NamedTuple):
    """``turn``: close what is held first. ``side`` 0: only close. ``cancel``: entries that wait go."""

    side: int
    turn: bool = False
    stop: float | None = None
    target: float | None = None
    limit: float | None = None
    cancel: bool = False


class Seen(NamedTuple):
    """What a rule looks at: the last `WINDOW` bars or fewer, oldest first."""

    high: Floats
    low: Floats
    close: Floats
    position: int
    waiting: int
    waited: int  # bars since the entry that waits was sent
    tick: float


def to_tick(price: float, tick: float) -> float:
    """The nearest price on the tick."""
    return round(round(price / tick) * tick, 10)


def sma_cross(seen: Seen) -> Ask | None:
    """Long over the slow average, short under it, from the first cross on."""
    close = seen.close
    if close.size < SLOW + 1:
        return None
    before = close[-FAST - 1 : -1].mean() - close[-SLOW - 1 : -1].mean()
    now = close[-FAST:].mean() - close[-SLOW:].mean()
    if before < 0 < now and seen.position <= 0:
        return Ask(1, turn=True)
    if before > 0 > now and seen.position >= 0:
        return Ask(-1, turn=True)
    return None


def breakout(seen: Seen) -> Ask | None:
    """Out of the channel of the bars before, with a stop and a target in mean ranges."""
    if seen.close.size < CHANNEL + 1 or seen.position or seen.waiting:
        return None
    close, reach = float(seen.close[-1]), float((seen.high[-RANGE:] - seen.low[-RANGE:]).mean())
    side = int(close > seen.high[-CHANNEL - 1 : -1].max()) - int(close < seen.low[-CHANNEL - 1 : -1].min())
    if not side or reach <= 4 * seen.tick:
        return None
    stop, target = close - side * STOP * reach, close + side * TARGET * reach
    return Ask(side, stop=to_tick(stop, seen.tick), target=to_tick(target, seen.tick))


def reversion(seen: Seen) -> Ask | None:
    """Bids below a falling market with a limit order that waits some bars; out when the mean is back."""
    if seen.close.size < BAND:
        return None
    close, mean = float(seen.close[-1]), float(seen.close[-BAND:].mean())
    if seen.position:
        return Ask(0) if close > mean else None
    if seen.waiting:
        return Ask(0, cancel=True) if seen.waited >= PATIENCE else None
    noise = float((seen.high[-BAND:] - seen.low[-BAND:]).mean())
    if close < mean - BELOW * noise:
        return Ask(1, limit=to_tick(close - noise / 2, seen.tick))
    return None


RULES: dict[str, Callable[[Seen], Ask | None]] = {
    "sma cross": sma_cross,
    "breakout": breakout,
    "reversion": reversion,
}
