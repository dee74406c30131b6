"""What a strategy's verbs answer with: holdings, orders under way, and what the exchange said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quorate.native.runner import STATUSES

if TYPE_CHECKING:
    from quorate.native.runner import Runner

Floats = NDArray[np.float64]

_DONE = frozenset({"filled", "cancelled", "rejected", "expired"})


class Holding(NamedTuple):
    """A position: signed lots and base units, average entry price, profit not yet taken in currency."""

    lots: int
    units: float
    average: float
    pnl: float

    def __bool__(self) -> bool:
        return self.lots != 0


class Notice(NamedTuple):
    """A fill or a refusal. ``units``, ``price`` and ``fee`` in base units and currency; 0 in a refusal."""

    order: int
    instrument: str
    side: str
    role: str
    units: float
    price: float
    fee: float
    at: int
    reason: str = ""


class Ticket:
    """An order as its sender holds it: one, or two where it first closes what is held the other way."""

    def __init__(self, runner: Runner, numbers: tuple[int, ...], lot: float, note: str = "") -> None:
        self._runner, self.numbers, self._lot, self.note = runner, numbers, lot, note

    @property
    def status(self) -> str:
        """submitted, accepted, filled, cancelled, rejected, expired; 'none' where nothing was sent."""
        words = [STATUSES[self._runner.state(number)[0]] for number in self.numbers]
        return next((word for word in words if word not in _DONE), words[-1] if words else "none")

    @property
    def is_done(self) -> bool:
        """Whether nothing more can come of it."""
        return self.status in _DONE or not self.numbers

    @property
    def filled(self) -> float:
        """Base units filled so far."""
        lots = sum(self._runner.state(number)[2] for number in self.numbers)
        return float(lots * self._lot)

    def cancel(self) -> bool:
        """Ask for it to stop working; False when it has ended."""
        asked = [self._runner.cancel(number) for number in self.numbers]
        return any(asked)
