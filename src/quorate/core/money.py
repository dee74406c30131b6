"""Units are types: Price, Quantity, Money, Notional and Ratio over scaled integers.

Price counts an instrument's ticks, Quantity its lots, Money and Notional 1e-8 of a currency, Ratio 1e-8
of one. Two values meet only when class and scale agree; everything else does not type-check and raises
UnitError at run time. There is one rounding rule, half to even; fees round up, against us.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Self

import msgspec

from quorate.core.errors import UnitError

E8 = 100_000_000
_E8_EXPONENT = -8


def divide_half_even(numerator: int, denominator: int) -> int:
    """numerator / denominator, rounded half to even. denominator > 0; any magnitude."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


def divide_up(numerator: int, denominator: int) -> int:
    """The smallest integer >= numerator / denominator: how fees round, against us."""
    return -((-numerator) // denominator)


class Unit(msgspec.Struct, frozen=True, array_like=True, eq=False):
    """A scaled integer and the scale it is counted in. Spelled ``[count, scale]``."""

    count: int
    scale: str

    def _peer(self, other: object) -> Self:
        if type(other) is not type(self):
            raise UnitError(f"{self!r} cannot meet {other!r}")
        if other.scale != self.scale:
            raise UnitError(
                f"{type(self).__name__} in {self.scale} cannot meet {type(other).__name__} in {other.scale}"
            )
        return other

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Unit):
            return NotImplemented
        return self.count == self._peer(other).count

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.count, self.scale))

    def __lt__(self, other: Self) -> bool:
        return self.count < self._peer(other).count

    def __le__(self, other: Self) -> bool:
        return self.count <= self._peer(other).count

    def __gt__(self, other: Self) -> bool:
        return self.count > self._peer(other).count

    def __ge__(self, other: Self) -> bool:
        return self.count >= self._peer(other).count

    def __add__(self, other: Self) -> Self:
        return type(self)(self.count + self._peer(other).count, self.scale)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.count - self._peer(other).count, self.scale)

    def __neg__(self) -> Self:
        return type(self)(-self.count, self.scale)

    def __abs__(self) -> Self:
        return type(self)(abs(self.count), self.scale)

    def __bool__(self) -> bool:
        return self.count != 0


class Price(Unit, frozen=True, array_like=True, eq=False):
    """Ticks of the instrument named by ``scale``."""


class Quantity(Unit, frozen=True, array_like=True, eq=False):
    """Lots of the instrument named by ``scale``; the sign is the side of a position."""


class Money(Unit, frozen=True, array_like=True, eq=False):
    """1e-8 of the currency named by ``scale``: cash, profit, fees, equity."""

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Self:
        """Exact for up to 8 decimals, half-even beyond. Floats are refused: they are not money."""
        if isinstance(amount, float):
            raise UnitError("a float is not money: pass a Decimal, an int or a string")
        return cls(decimal_to_e8(Decimal(amount)), currency)

    def decimal(self) -> Decimal:
        """The exact amount in the currency."""
        return Decimal(self.count).scaleb(_E8_EXPONENT)

    def __str__(self) -> str:
        return f"{self.decimal():,.2f} {self.scale}"


class Notional(Unit, frozen=True, array_like=True, eq=False):
    """1e-8 of a currency's worth of exposure: never cash, never added to Money."""

    def decimal(self) -> Decimal:
        """The exact worth in the currency."""
        return Decimal(self.count).scaleb(_E8_EXPONENT)

    def __str__(self) -> str:
        return f"{self.decimal():,.2f} {self.scale}"


class Ratio(Unit, frozen=True, array_like=True, eq=False):
    """1e-8 of one; ``scale`` says one of what: 'equity', 'price'."""

    def decimal(self) -> Decimal:
        """The exact ratio; 0.015 is 1.5 %."""
        return Decimal(self.count).scaleb(_E8_EXPONENT)


def decimal_to_e8(amount: Decimal) -> int:
    """1e-8 units of a decimal amount, half-even. Raises UnitError when it is not finite."""
    if not amount.is_finite():
        raise UnitError(f"{amount} is not a finite amount")
    with localcontext() as context:
        context.prec = 60
        return int(amount.scaleb(8).to_integral_value(rounding="ROUND_HALF_EVEN"))
