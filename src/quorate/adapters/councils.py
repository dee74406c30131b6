"""Councils: today an empty one, said so, and the recorded one of a replay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from quorate.core.effects import Ask
from quorate.core.errors import VenueError
from quorate.core.events import AnyEvent, Deliberated


class EmptyCouncil:
    """Nobody sits in it. A recipe cannot ask it anything: an Ask is an error, not silence."""

    def ask(self, ask: Ask, number: int) -> None:
        """Raises VenueError: a desk that asks must be composed with a council that answers."""
        raise VenueError(f"record {number} asks the council, but this desk has none")

    def peek(self) -> AnyEvent | None:
        """Never anything."""
        return None

    def pop(self) -> AnyEvent:
        """Never called: there is nothing to take."""
        raise VenueError("an empty council has no answer to take")


class RecordedCouncil:
    """The answers of a recorded run, at the instants they came."""

    def __init__(self, answers: Iterable[Deliberated]) -> None:
        self._answers = deque(answers)

    def ask(self, ask: Ask, number: int) -> None:
        """Already answered, or left unanswered, in the recording."""

    def peek(self) -> AnyEvent | None:
        """The next recorded answer."""
        return self._answers[0] if self._answers else None

    def pop(self) -> AnyEvent:
        """The next recorded answer, taken."""
        return self._answers.popleft()
