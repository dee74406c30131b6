"""Built-in tactics: how one wanted order is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from quorate.core.order import Order
from quorate.core.roles import View


class Immediate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole order, now."""

    name: ClassVar[str] = "immediate"

    def children(self, order: Order, view: View) -> Sequence[Order]:
        """The order itself."""
        return (order,)
