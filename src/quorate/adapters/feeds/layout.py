"""Which column of a file means what, told by the names alone; files that hold no bars are refused here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from quorate.core.errors import DataError

PRICES = ("open", "high", "low", "close")
QUOTES = tuple(f"{side}_{price}" for side in ("bid", "ask") for price in PRICES)
_TIMES = (
    "ts",
    "timestamp",
    "timestamp_utc",
    "datetime",
    "open_time",
    "time",
    "date",
    "__index_level_0__",
    "",
)
_LABELS = ("contract", "asset", "symbol", "ticker", "instrument")
_SIZES = ("size", "volume", "qty", "quantity", "amount")
_SIDES = ("side", "aggressor", "is_buyer_maker", "isbuyermaker")
_IGNORED = frozenset({"", "index", "unnamed: 0", "__index_level_0__"})
_TICKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.^/=-]{0,19}")
_NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][+-]?\d+)?")
_BOOK = {"order_id", "bid", "ask", "asks[0].price", "bids[0].price", "bid_price", "update_id"}
_NEWS = {"headline", "title", "text", "sentiment", "value", "rating"}
_NO_BARS = (
    ({"funding_rate", "fundingrate"}, "holds funding rates, not bars"),
    (_BOOK, "holds quotes or an order book, not bars"),
    ({"price", "qty", "trade_id"}, "holds ticks, not bars"),
    (_NEWS, "holds news or an index value, not bars"),
    ({"adj_factor"}, "holds roll times, not bars"),
)


@dataclass(frozen=True)
class Layout:
    """The file's own names of the columns to read; ``prices`` by role, ``panel`` tickers of a wide file."""

    time: str
    prices: dict[str, str]
    panel: tuple[str, ...] = ()
    volume: str | None = None
    factor: str | None = None
    label: str | None = None
    side: str | None = None  # of trades: who took

    @property
    def quoted(self) -> bool:
        """True for bid and ask bars."""
        return "bid_open" in self.prices

    @property
    def numbers(self) -> tuple[str, ...]:
        """All columns that are read as numbers."""
        extra = tuple(name for name in (self.volume, self.factor) if name is not None)
        return (*self.prices.values(), *self.panel, *extra)


def recognise(header: Sequence[str], where: str) -> Layout:
    """The layout of a header, case ignored. Raises DataError naming what is missing and what was found."""
    names, found = _names(header, where, "ts, open, high, low, close[, volume]")
    any_bars = any(name in names for name in (*PRICES, *QUOTES))
    if not any_bars:
        for words, why in _NO_BARS:
            if words & names.keys():
                ticks = "; of trades --strategy makes them, with --interval 5m" if "ticks" in why else ""
                todo = f"give a file of bars{ticks}"
                raise DataError(f"the file {why} (columns {found})", where=where, todo=todo)
    time = next((names[name] for name in _TIMES if name in names), None)
    if time is None:
        raise DataError(
            f"no column of times among {found}", where=where, todo="call it ts; it is the bar's open time"
        )
    if not any_bars:
        return Layout(time, {}, panel=_panel(names, time, found, where))
    roles = QUOTES if any(name in names for name in QUOTES) and "open" not in names else PRICES
    missing = [role for role in roles if role not in names]
    if missing:
        raise DataError(
            f"missing column {', '.join(missing)}; found {found}", where=where, todo="rename or add it"
        )
    return Layout(
        time,
        {role: names[role] for role in roles},
        volume=names.get("volume") if roles is PRICES else None,
        factor=names.get("adj_factor"),
        label=next((names[name] for name in _LABELS if name in names), None),
    )


def recognise_trades(header: Sequence[str], where: str) -> Layout:
    """The layout of a file of trades: a time, a price; a size and the side that took, if they are there."""
    names, found = _names(header, where, "ts, price[, size][, side]")
    time = next((names[name] for name in _TIMES if name in names), None)
    if time is None or "price" not in names:
        todo = "leave --interval out" if any(name in names for name in (*PRICES, *QUOTES)) else ""
        what = f"no trades: expected ts, price[, size][, side], found {found}"
        raise DataError(what, where=where, todo=todo or "name the columns so")
    return Layout(
        time,
        {"price": names["price"]},
        volume=next((names[name] for name in _SIZES if name in names), None),
        label=next((names[name] for name in _LABELS if name in names), None),
        side=next((names[name] for name in _SIDES if name in names), None),
    )


def _names(header: Sequence[str], where: str, expected: str) -> tuple[dict[str, str], str]:
    """(the file's own names by lower case, the first of them in words)."""
    if not header:
        raise DataError("the file has no columns", where=where, todo=f"expected {expected}")
    if any(_NUMBER.fullmatch(name.strip()) for name in header):
        raise DataError(
            "the first line holds values, not the names of columns", where=where, todo="add a header"
        )
    names: dict[str, str] = {}
    for name in header:
        lower = name.strip().lower()
        if lower in names and lower not in _IGNORED:
            raise DataError(f"two columns are called '{lower}'", where=where, todo="rename one")
        names.setdefault(lower, name)
    found = ", ".join(name or "(unnamed)" for name in header[:12]) + (", ..." if len(header) > 12 else "")
    return names, found


def _panel(names: dict[str, str], time: str, found: str, where: str) -> tuple[str, ...]:
    """The tickers of a wide file of closes."""
    tickers = tuple(name for lower, name in names.items() if name != time and lower not in _IGNORED)
    if not tickers or not all(_TICKER.fullmatch(name.strip()) for name in tickers):
        raise DataError(
            f"neither bars nor a panel of closes; found {found}",
            where=where,
            todo="expected ts, open, high, low, close[, volume], or ts and one column a ticker",
        )
    return tickers
