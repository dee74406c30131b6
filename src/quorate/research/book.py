"""What a strategy's verbs answer with: holdings, orders under way, and what the exchange said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quorate.core.errors import InputError
from quorate.native.runner import STATUSES
from quorate.research.prices import lots_of, ticks_of

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

    # Beside a number its units are meant: as a bare tuple `position == 0` would be False for ever.

    def __eq__(self, other: object) -> bool:
        return self.units == other if isinstance(other, int | float) else tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)

    def __lt__(self, other: Any) -> bool:
        return bool(self.units < _units(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.units <= _units(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.units > _units(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.units >= _units(other))


def _units(other: Any) -> Any:
    return other.units if isinstance(other, Holding) else other


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

    def __init__(
        self,
        runner: Runner,
        numbers: tuple[int, ...],
        lot: float,
        note: str = "",
        *,
        place: int = 0,
        side: int = 0,
        way: int = 0,
    ) -> None:
        self._runner, self.numbers, self._lot, self.note = runner, numbers, lot, note
        self.place, self.side, self._way = place, side, way

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
    def units(self) -> float:
        """Base units in all, with those filled."""
        lots = sum(self._runner.state(number)[1] for number in self.numbers)
        return float(lots * self._lot)

    @property
    def filled(self) -> float:
        """Base units filled so far."""
        lots = sum(self._runner.state(number)[2] for number in self.numbers)
        return float(lots * self._lot)

    def cancel(self) -> bool:
        """Ask for it to stop working; False when it has ended."""
        asked = [self._runner.cancel(number) for number in self.numbers]
        return any(asked)

    def replace(self, *, units: float | None = None, price: float | None = None) -> bool:
        """Ask for it to go on with other units (in all, with those filled), another limit or trigger.

        It keeps its place in a queue only when nothing but its units become fewer. False when it has ended,
        or a cancel is under way. Raises InputError for an order without a price of its own (market, session
        and trailing ones), and for units of one that is an exit and an entry still.
        """
        if units is None and price is None:
            raise InputError("changes nothing", where="replace", todo="give units=, price= or both")
        working = [each for each in self.numbers if STATUSES[self._runner.state(each)[0]] not in _DONE]
        if units is not None and len(working) > 1:
            what = "units of what is two orders, an exit and an entry, cannot be changed"
            raise InputError(what, where="replace", todo="change its price, or cancel it and send another")
        lots = None if units is None else lots_of(units, self._lot)
        ticks = None if price is None else ticks_of(price, self._runner.tick_now(self.place), self._way)
        if lots == 0:
            raise InputError(f"{units} is less than one lot", where="replace", todo="cancel it")
        if lots is not None and working:  # a sibling that is done filled the rest of the units
            lots -= sum(self._runner.state(each)[2] for each in self.numbers if each not in working)
            if lots < 1:
                return self.cancel()
        try:
            asked = [self._runner.replace(each, lots, ticks) for each in working]
        except ValueError as error:
            raise InputError(str(error), where="replace", todo="cancel it and send another") from error
        return any(asked)
