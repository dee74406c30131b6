"""The venue's own books, by cash flow: the second witness of the desk's account, which keeps cost instead."""

from __future__ import annotations

from collections.abc import Iterable

from quorate.core.money import Money
from quorate.native.exchange import Exchange


class Ledger:
    """Reads the native exchange's books: cash and equity in 1e-8, signed lots and last prices in ticks."""

    __slots__ = ("_exchange", "_names", "currency")

    def __init__(self, exchange: Exchange, names: Iterable[str], currency: str) -> None:
        self._exchange, self._names, self.currency = exchange, tuple(sorted(names)), currency

    @property
    def cash_e8(self) -> int:
        """What was paid in and not paid out; not equity."""
        return self._exchange.cash_e8

    @property
    def cash(self) -> Money:
        """The same as money."""
        return Money(self.cash_e8, self.currency)

    @property
    def equity_e8(self) -> int:
        """Cash and the worth of all holdings at the last prices."""
        return self._exchange.equity_e8

    @property
    def lots(self) -> dict[str, int]:
        """Signed lots by id, of all that is traded here."""
        return {name: self._exchange.lots(name) for name in self._names}

    @property
    def positions(self) -> dict[str, int]:
        """Signed lots of all that is held, by id in order."""
        return {name: lots for name, lots in self.lots.items() if lots}

    @property
    def marks(self) -> dict[str, int]:
        """The last prices in ticks; 0 before any."""
        return {name: self._exchange.mark(name) for name in self._names}
