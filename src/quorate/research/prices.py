"""What people write in currency and base units, in whole ticks and lots."""

from __future__ import annotations

import math

from quorate.core.errors import InputError

_WHOLE = 1e-6  # of a tick or a lot: this close to one, a float means that one


def ticks_of(price: float, tick: float, way: int = 0) -> int:
    """A price as ticks: ``way`` -1 down, +1 up, 0 to the nearest, half to even; a hair off a tick is it.

    Raises InputError for a price that is not finite and above zero.
    """
    if not math.isfinite(price) or price <= 0:
        raise InputError(f"{price} is not a price")
    scaled = price / tick
    near = round(scaled)
    if way == 0 or abs(scaled - near) <= _WHOLE:
        return near
    return math.floor(scaled) if way < 0 else math.ceil(scaled)


def lots_of(units: float, lot: float) -> int:
    """Base units as lots, rounded down; a hair below a lot is it. Raises InputError unless above zero."""
    if not math.isfinite(units) or units <= 0:
        raise InputError(f"{units} is no quantity", todo="a number above zero")
    scaled = units / lot
    near = round(scaled)
    return near if abs(scaled - near) <= _WHOLE else math.floor(scaled)
