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
    from quorate.indicators.formula import Formula as Formula
    from quorate.research.strategy import Strategy as Strategy

_HOMES = {
    "Account": "core.account",
    "Answer": "core.order",
    "Bar": "core.events",
    "Fill": "core.events",
    "Finding": "core.order",
    "Formula": "indicators.formula",
    "Instrument": "core.instrument",
    "Money": "core.money",
    "Order": "core.order",
    "Price": "core.money",
    "Quantity": "core.money",
    "ShieldState": "core.roles",
    "Signal": "core.signal",
    "Strategy": "research.strategy",
    "View": "core.roles",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    # Loaded on first use: `import quorate` alone stays fast and needs nothing.
    if name not in _HOMES:
        raise AttributeError(f"module 'quorate' has no attribute '{name}'")
    return getattr(import_module(f"quorate.{_HOMES[name]}"), name)
