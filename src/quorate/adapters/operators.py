"""Operators: the people's side door. Automatic in a backtest, an inbox in paper, recorded in a replay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from quorate.core.effects import AnyEffect, BreakerMoved
from quorate.core.errors import VenueError
from quorate.core.events import AnyEvent, Breaker, Human, Resume
from quorate.core.instant import NEVER, spell_span

AUTOMATIC = "backtest-operator"


class AutomaticOperator:
    """Resumes a stopped desk after a stated cool-down, so that a backtest sees the rest of its data.

    Backtests only: each halt is counted and shown. It counts calls in the run's own time. Nobody resumes
    after ``until``, when the data end: a desk that is halted then has ended halted.
    """

    def __init__(self, cool_down: int, until: int = NEVER) -> None:
        self._cool_down, self._until = cool_down, until
        self._due: deque[Resume] = deque()

    def tell(self, effect: AnyEffect) -> None:
        """On a breaker going down, plan one resume; a second fall before it moves the plan."""
        if isinstance(effect, BreakerMoved) and effect.after is not Breaker.NORMAL:
            self._due.clear()
            if effect.at + self._cool_down > self._until:
                return
            reason = f"automatic, {spell_span(self._cool_down)} after {effect.rule}"
            self._due.append(Resume(effect.at + self._cool_down, (AUTOMATIC,), reason))

    def peek(self) -> AnyEvent | None:
        """The planned resume."""
        return self._due[0] if self._due else None

    def pop(self) -> AnyEvent:
        """The planned resume, taken."""
        return self._due.popleft()


class QueuedOperator:
    """People's acts in the order they were made: a paper session's inbox, or those of a recorded run."""

    def __init__(self, acts: Iterable[Human] = ()) -> None:
        self._acts = deque(sorted(acts, key=lambda act: act.at))

    def put(self, act: Human) -> None:
        """A person acts. Acts come in order of time; raises VenueError for one in the past of the last."""
        if self._acts and act.at < self._acts[-1].at:
            raise VenueError(f"an act at {act.at} came after one at {self._acts[-1].at}")
        self._acts.append(act)

    def tell(self, effect: AnyEffect) -> None:
        """People read the journal and the live view; nothing acts by itself here."""

    def peek(self) -> AnyEvent | None:
        """The next act."""
        return self._acts[0] if self._acts else None

    def pop(self) -> AnyEvent:
        """The next act, taken."""
        return self._acts.popleft()
