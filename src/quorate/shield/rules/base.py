"""What every limit is made of: its chair, its findings, and the largest size that a cap leaves room for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from quorate.core.instrument import Instrument
from quorate.core.money import decimal_to_e8
from quorate.core.order import Answer, Finding, Order, OrderType, Side
from quorate.shield.state import State


class Limit(Protocol):
    """A rule as the shield holds it. Every ``core.roles.Rule`` is one; built-ins read more of the state."""

    @property
    def name(self) -> str:
        """``family.limit``."""
        ...

    def review(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """The finding on one order, with every input that was looked at."""
        ...


class EntryLimit:
    """A limit on new exposure: orders that only reduce pass it, and the finding says so."""

    name: ClassVar[str]

    def review(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """Let exits pass; ask ``limit`` about entries."""
        if order.reduces:
            return Finding(self.name, Answer.ALLOW, {"role": order.role.value})
        return self.limit(order, instrument, state)

    def limit(self, order: Order, instrument: Instrument, state: State) -> Finding:
        """The finding on an entry."""
        raise NotImplementedError

    def allow(self, inputs: dict[str, Any]) -> Finding:
        """The order is within the limit."""
        return Finding(self.name, Answer.ALLOW, inputs)

    def deny(self, inputs: dict[str, Any], reason: str) -> Finding:
        """The order is not."""
        return Finding(self.name, Answer.DENY, inputs, reason)

    def cut(self, lots_max: int, inputs: dict[str, Any], reason: str) -> Finding:
        """The order is too large; at no room for a single lot it is denied."""
        if lots_max <= 0:
            return Finding(self.name, Answer.DENY, inputs, reason)
        return Finding(self.name, Answer.REDUCE, inputs, reason, lots_max)


class Cap:
    """A share of equity, and at most an amount of money. Exact: floor(equity x share) bounds integers."""

    __slots__ = ("_denominator", "_money_e8", "_numerator")

    def __init__(self, share: Decimal, money: Decimal | None = None) -> None:
        self._numerator, self._denominator = share.as_integer_ratio()
        self._money_e8 = None if money is None else decimal_to_e8(money)

    def of(self, equity_e8: int) -> int:
        """The cap in 1e-8; zero when equity is."""
        cap = max(equity_e8, 0) * self._numerator // self._denominator
        return cap if self._money_e8 is None else min(cap, self._money_e8)


def last_close(order: Order, state: State) -> int:
    """Ticks of the last closed bar; 0 when there is none."""
    bar = state.view.bar(order.instrument)
    return 0 if bar is None else bar.close


def highest_price(order: Order, state: State) -> int:
    """The highest price in ticks at which the order's exposure could count."""
    price = max(last_close(order, state), order.reference.count)
    if order.limit is not None:
        price = max(price, order.limit.count)
    if order.trigger is not None:
        price = max(price, order.trigger.count)
    return price


def worst_entry(order: Order, state: State) -> int:
    """The price in ticks at which an entry would stand farthest from its stop, slippage aside."""
    if order.type is OrderType.LIMIT and order.limit is not None:
        return order.limit.count
    prices = [order.reference.count, last_close(order, state) or order.reference.count]
    if order.trigger is not None:
        prices.append(order.trigger.count)
    return max(prices) if order.side is Side.BUY else min(prices)


def most_lots(cost: Callable[[int], int], room_e8: int, asked: int) -> int:
    """The most lots in [0, asked] whose cost fits. ``cost`` grows with lots, almost in proportion to them.

    A guess by proportion, then doubling steps and bisection: exact, and two or three costs as a rule.
    """
    whole = cost(asked)
    if whole <= room_e8:
        return asked
    if room_e8 <= 0:
        return 0
    low = room_e8 * asked // whole
    high, step = low, 1
    while low > 0 and cost(low) > room_e8:
        high, low, step = low, max(low - step, 0), 2 * step
    if high == low:
        high, step = low + 1, 1
        while high < asked and cost(high) <= room_e8:
            low, high, step = high, min(high + step, asked), 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        if cost(middle) <= room_e8:
            low = middle
        else:
            high = middle
    return low
