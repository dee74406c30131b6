"""The venue's own books, by cash flow: the second witness of the desk's account, which keeps cost instead.

Cash pays the full worth of what is bought and every fee and charge; equity is cash and the worth of what is
held. No cost, no realised profit: the two books share nothing but the instrument's arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping

from quorate.core.instrument import Instrument
from quorate.core.money import Money, divide_up


class Ledger:
    """Cash in 1e-8, signed lots and last prices in ticks by instrument."""

    __slots__ = ("_instruments", "_margin", "cash_e8", "currency", "lots", "marks")

    def __init__(self, cash: Money, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._margin = {
            name: instrument.margin.as_integer_ratio() for name, instrument in instruments.items()
        }
        self.currency = cash.scale
        self.cash_e8 = cash.count
        self.lots = dict.fromkeys(instruments, 0)
        self.marks = dict.fromkeys(instruments, 0)

    @property
    def cash(self) -> Money:
        """What was paid in and not paid out; not equity."""
        return Money(self.cash_e8, self.currency)

    @property
    def positions(self) -> dict[str, int]:
        """Signed lots of all that is held, by id in order."""
        return {name: lots for name, lots in sorted(self.lots.items()) if lots}

    @property
    def equity_e8(self) -> int:
        """Cash and the worth of all holdings at the last prices."""
        return self.cash_e8 + sum(
            self._instruments[name].worth_e8(self.marks[name], lots)
            for name, lots in self.lots.items()
            if lots
        )

    def trade(self, name: str, ticks: int, signed_lots: int, fee_e8: int) -> None:
        """Buy (or with negative lots sell) at a price, for a fee."""
        self.cash_e8 -= self._instruments[name].worth_e8(ticks, signed_lots) + fee_e8
        self.lots[name] += signed_lots
        self.marks[name] = self.marks[name] or ticks  # in its first bar: never worth nothing

    def roll(self, name: str, old: int, new: int, fee_e8: int) -> None:
        """Sell all that is held at ``old``, buy the same lots of the next contract at ``new``."""
        instrument, lots = self._instruments[name], self.lots[name]
        self.cash_e8 += instrument.worth_e8(old, lots) - instrument.worth_e8(new, lots) - fee_e8

    def charge(self, amount_e8: int) -> None:
        """Pay funding or borrow."""
        self.cash_e8 -= amount_e8

    def affords(self, name: str, ticks: int, signed_lots: int, fee_e8: int) -> bool:
        """Whether equity after the trade covers the initial margin of all that would be held."""
        equity, needed = self.cash_e8 - fee_e8, 0
        for other, instrument in self._instruments.items():
            held = self.lots[other]
            after = held + signed_lots if other == name else held
            if not after:
                continue
            mark = ticks if other == name else self.marks[other]
            equity += instrument.worth_e8(mark, held)
            numerator, denominator = self._margin[other]
            needed += divide_up(abs(instrument.worth_e8(mark, after)) * numerator, denominator)
        return needed <= equity
