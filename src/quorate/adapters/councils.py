"""Councils: today an empty one, and said so."""

from __future__ import annotations

from quorate.core.effects import Ask
from quorate.core.errors import VenueError
from quorate.core.events import AnyEvent


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
