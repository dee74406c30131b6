"""Quorate: a trading desk that trades only when it is quorate. These are the names a plugin author needs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quorate.core.account import Account as Account
    from quorate.core.events import Bar as Bar
    from quorate.core.events import Fill as Fill
    from quorate.core.instrument import Instrument as Instrument
    from quorate.core.money import Money as Money
    from quorate.core.money import Price as Price
    from quorate.core.money import Quantity as Quantity
    from quorate.core.order import Answer as Answer
    from quorate.core.order import Finding as Finding
    from quorate.core.order import Order as Order
    from quorate.core.roles import ShieldState as ShieldState
    from quorate.core.roles import View as View
    from quorate.core.signal import Signal as Signal

_HOMES = {
    "Account": "account",
    "Answer": "order",
    "Bar": "events",
    "Fill": "events",
    "Finding": "order",
    "Instrument": "instrument",
    "Money": "money",
    "Order": "order",
    "Price": "money",
    "Quantity": "money",
    "ShieldState": "roles",
    "Signal": "signal",
    "View": "roles",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    # Loaded on first use: `import quorate` alone stays fast and needs nothing.
    if name not in _HOMES:
        raise AttributeError(f"module 'quorate' has no attribute '{name}'")
    return getattr(import_module(f"quorate.core.{_HOMES[name]}"), name)
