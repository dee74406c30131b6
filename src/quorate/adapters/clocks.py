"""Clocks: simulated time that jumps, and a wall clock that waits; neither ever runs backwards."""

from __future__ import annotations

import time

from quorate.core.instant import SECOND

NAP_S = 0.2  # how soon a waiting clock hears that it is released


class SimulatedClock:
    """Time is what the next event says it is."""

    def __init__(self) -> None:
        self._now = 0

    def now(self) -> int:
        """The last instant advanced to."""
        return self._now

    def advance(self, at: int) -> None:
        """Jump to ``at``; a step back is ignored."""
        self._now = max(self._now, at)

    def release(self) -> None:
        """It never waits."""


class PacedClock:
    """A tape played on the wall: one simulated second takes ``1 / speed`` seconds of real time."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._now = 0
        self._began: tuple[int, int] | None = None
        self._released = False

    def now(self) -> int:
        """The tape's instant now."""
        return self._now

    def advance(self, at: int) -> None:
        """Wait until the wall has caught up with ``at``."""
        wall = time.monotonic_ns()
        if self._began is None:
            self._began = (wall, at)
        began_wall, began_at = self._began
        due = began_wall + int((at - began_at) / self._speed)
        while not self._released and (left := due - time.monotonic_ns()) > 0:
            time.sleep(min(left / SECOND, NAP_S))
        self._now = max(self._now, at)

    def release(self) -> None:
        """Wake up within a nap, and never wait again."""
        self._released = True
