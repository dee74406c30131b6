"""What the tests of research runs share: seeded bars as market rows, and one strategy in several bodies."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from quorate.core.instant import MINUTE
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money
from quorate.native.exchange import Market, Rows
from quorate.research.run import Run, Setting, Size, run_array, run_class, run_signal
from quorate.research.strategy import Strategy

CASH = Money.of(1_000_000, "USD")


def instrument(name: str = "X", **more: Any) -> Instrument:
    """A perpetual with every cost on."""
    terms: dict[str, Any] = {
        "tick": Decimal("0.01"), "lot": Decimal("0.001"), "taker_bps": Decimal(5), "maker_bps": Decimal(1),
        "spread_bps": Decimal(2), "slippage_bps": Decimal(1), "financing_bps_year": Decimal(1095),
        "margin": Decimal("0.1"),
    }  # fmt: skip
    return Instrument(name, Kind.PERPETUAL, "USD", **{**terms, **more})


def free(name: str = "X", **more: Any) -> Instrument:
    """The same for nothing: what is bought is worth what was paid."""
    none = {
        "taker_bps": "0",
        "maker_bps": "0",
        "spread_bps": "0",
        "slippage_bps": "0",
        "financing_bps_year": "0",
    }
    return instrument(name, **{name: Decimal(value) for name, value in none.items()}, **more)


def walk(count: int, seed: int, place: int = 0, *, still: float = 0.0, step: int = 300) -> Rows:
    """Minute bars of a seeded walk in ticks; a share of them ``still``: frozen, nothing trades."""
    rng = np.random.default_rng(seed)
    close = 300_000 + np.cumsum(rng.integers(-step, step + 1, count))
    rows = np.full((count, len(Market)), -1, np.int64)
    rows[:, Market.AT] = (np.arange(count) + 1) * MINUTE
    rows[:, Market.START] = rows[:, Market.AT] - MINUTE
    rows[:, Market.KIND], rows[:, Market.INSTRUMENT] = 0, place
    rows[:, Market.CLOSE] = close
    rows[:, Market.OPEN] = np.concatenate(([300_000], close[:-1])) + rng.integers(-20, 21, count)
    ends = rows[:, [Market.OPEN, Market.CLOSE]]
    rows[:, Market.HIGH] = ends.max(1) + rng.integers(0, step, count)
    rows[:, Market.LOW] = ends.min(1) - rng.integers(0, step, count)
    rows[:, Market.VOLUME] = rng.integers(1, 1_000, count)
    frozen = rng.random(count) < still
    for column in (Market.OPEN, Market.HIGH, Market.LOW):
        rows[frozen, column] = rows[frozen, Market.CLOSE]
    rows[frozen, Market.VOLUME] = 0
    return rows


def setting(rows: Rows, *instruments: Instrument, **more: Any) -> Setting:
    """A setting over rows."""
    return Setting(list(instruments or (instrument(),)), rows, MINUTE, more.pop("cash", CASH), **more)


def share(text: str) -> Size:
    """A size."""
    return Size.read(text)


class Follower(Strategy):
    """Follows a list of stances, NaN for no change: the same decisions for any body."""

    wanted: Any  # set by `as_class`; not a parameter

    def on_bar(self, bar: Any) -> None:
        """One stance a bar."""
        stance = self.wanted[bar.number]
        if stance == stance:
            self.target(stance)


# What is annotated above is for readers and mypy; a parameter must be a plain value.
Follower.__annotations__ = {}


def as_class(stances: Any, where: Setting) -> Run:
    """The stances as a class body."""
    kind = type("Following", (Follower,), {"wanted": stances})
    return run_class(kind, {}, where)


def as_array(stances: Any, where: Setting) -> Run:
    """The stances as an array body."""
    return run_array(lambda ohlcv: stances[: len(ohlcv)], {}, where)


def as_signal(stances: Any, where: Setting) -> Run:
    """The stances, whole ones, as a signal body."""
    words = {1.0: "Buy", -1.0: "SELL", 0.0: "close"}

    def get_signal(ohlcv: Any, state: dict[str, Any]) -> dict[str, Any]:
        return {"action": words.get(stances[len(ohlcv) - 1], "hold")}

    return run_signal(get_signal, {}, where)


BODIES: dict[str, Callable[[Any, Setting], Run]] = {
    "class": as_class,
    "array": as_array,
    "signal": as_signal,
}
