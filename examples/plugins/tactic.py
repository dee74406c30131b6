"""A tactic in one file: `[tactic] name = "halves"` in a recipe, `--plugin tactic.py`.

A tactic turns one wanted order into the orders that are sent now. It may send less, never more; every child
keeps its side, instrument and stop, and passes the shield by itself. Check it: `quorate doctor tactic.py`.
"""

from collections.abc import Sequence

import msgspec

from quorate import Order, View
from quorate.core.intent import identify


class Halves:
    """Large orders go out as two; small ones as they are."""

    name = "halves"

    def __init__(self, whole_below: int = 10) -> None:
        self.whole_below = whole_below

    def children(self, order: Order, view: View) -> Sequence[Order]:
        """An id is the digest of what the order is for, so that asking twice is asking once."""
        lots = order.quantity.count
        if lots < self.whole_below or order.reduces:
            return (order,)
        return tuple(
            msgspec.structs.replace(
                order,
                id=identify(order.id, self.name, str(number)),
                quantity=msgspec.structs.replace(order.quantity, count=part),
            )
            for number, part in enumerate((lots - lots // 2, lots // 2))
        )
