"""From a file's columns to one checked table of bars an instrument; the first bad row is refused by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quorate.adapters.feeds.layout import PRICES, QUOTES, Layout
from quorate.adapters.feeds.stamps import Ints, Stamps
from quorate.core.errors import DataError
from quorate.core.instant import spell_instant

Floats = npt.NDArray[np.float64]

# Sources that compute their prices leave noise in the last bits; no real tick is this fine.
NOISE = 1e-9

# Nothing is quoted beyond these; indicators and 64-bit books would not hold it.
PRICE_MIN, PRICE_MAX = 1e-18, 1e15


@dataclass(frozen=True)
class BarTable:
    """Bars of one instrument as floats, oldest first; ``label``: its ticker or contract, '' for the only one.

    ``start``: open times in ns. ``volume``, ``spread`` (full, in price) and ``factor`` (source price over
    traded price) are None where the file has none. ``exact`` is False where prices are mids that we made.
    """

    label: str
    start: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats | None = None
    spread: Floats | None = None
    factor: Floats | None = None
    exact: bool = True
    closes_only: bool = False
    side: Ints | None = None  # of trades: who took


class Labels:
    """A text column as small integers, gathered chunk by chunk."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._parts: list[Ints] = []

    def extend(self, cells: Iterable[str | None]) -> None:
        """Take the next cells."""
        codes = self._codes
        part = [codes.setdefault((cell or "").strip(), len(codes)) for cell in cells]
        self._parts.append(np.array(part, np.int64))

    def column(self) -> tuple[Ints, tuple[str, ...]]:
        """Codes by row, and the texts they stand for."""
        return np.concatenate(self._parts), tuple(self._codes)


@dataclass(frozen=True)
class Columns:
    """A file's columns as read: nothing checked yet."""

    layout: Layout
    time: Stamps
    numbers: dict[str, Floats]
    labels: tuple[Ints, tuple[str, ...]] | None = None
    sides: tuple[Ints, tuple[str, ...]] | None = None


class Checker:
    """Refuses the first row, in file order, for which a condition holds."""

    def __init__(self, where: str, time: Ints) -> None:
        self.where, self.time = where, time

    def refuse(
        self, bad: npt.NDArray[np.bool_], what: str, *values: Floats, todo: str = "repair or drop the row"
    ) -> None:
        """Raise DataError at the first True; ``what`` is formatted with the values of that row."""
        if not bad.any():
            return
        row = int(np.argmax(bad))
        shown = what.format(*(f"{column[row]:.10g}" for column in values))
        raise DataError(
            f"row {row + 1} ({spell_instant(int(self.time[row]))}): {shown}", where=self.where, todo=todo
        )

    def prices(self, name: str, values: Floats) -> None:
        """Every price is finite and above zero."""
        self.refuse(~np.isfinite(values), name + " is {}", values)
        self.refuse(values <= 0, name + " is {}: a price must be above zero", values)
        strange = (values < PRICE_MIN) | (values > PRICE_MAX)
        self.refuse(strange, name + f" is {{}}: prices go from {PRICE_MIN:g} to {PRICE_MAX:g}", values)

    def bars(self, side: str, open_: Floats, high: Floats, low: Floats, close: Floats) -> None:
        """High and low bound the bar."""
        slack = NOISE * high
        self.refuse(high < low - slack, f"{side}high {{}} is below {side}low {{}}", high, low)
        for name, values in (("open", open_), ("close", close)):
            outside = (values > high + slack) | (values < low - slack)
            self.refuse(
                outside, f"{side}{name} {{}} is outside {side}low {{}} to {side}high {{}}", values, low, high
            )


def split_tables(columns: Columns, where: str, notes: list[str]) -> tuple[BarTable, ...]:
    """One checked table an instrument, in the order of labels; what people should know goes to ``notes``.

    Raises DataError at the first row that is not a bar.
    """
    check = Checker(where, columns.time.ns)
    layout = columns.layout
    if layout.panel:
        tables = _panel(columns, check)
        notes.append("closes only: open, high and low are set to the close")
    elif layout.quoted:
        tables = _quoted(columns, check, notes)
    else:
        tables = _plain(columns, check)
    return tuple(sorted(tables, key=lambda table: table.label))


def common_interval(tables: tuple[BarTable, ...], where: str) -> int:
    """The most common distance between bars in ns, over all tables; the smallest where several are."""
    steps = np.concatenate([np.diff(table.start) for table in tables])
    if not steps.size:
        raise DataError("one bar does not tell the interval", where=where, todo="give at least two bars")
    sizes, counts = np.unique(steps, return_counts=True)
    return int(sizes[np.argmax(counts)])


def _plain(columns: Columns, check: Checker) -> list[BarTable]:
    open_, high, low, close = (columns.numbers[columns.layout.prices[role]] for role in PRICES)
    for role, values in zip(PRICES, (open_, high, low, close), strict=True):
        check.prices(role, values)
    check.bars("", open_, high, low, close)
    volume = columns.numbers[columns.layout.volume] if columns.layout.volume is not None else None
    if volume is not None:
        check.refuse(~np.isfinite(volume), "volume is {}", volume)
        check.refuse(volume < 0, "volume is {}: it must not be negative", volume)
    factor = _factor(columns, check)
    tables = []
    for label, rows in groups(columns, check):
        table = BarTable(
            label, columns.time.ns[rows], open_[rows], high[rows], low[rows], close[rows],
            volume=volume[rows] if volume is not None else None,
            factor=factor[rows] if factor is not None else None,
        )  # fmt: skip
        tables.append(table)
    return tables


def _quoted(columns: Columns, check: Checker, notes: list[str]) -> list[BarTable]:
    """Mids and real spreads. A row that lacks a whole side is a one-sided market: left out and counted."""
    quotes = [columns.numbers[columns.layout.prices[role]] for role in QUOTES]
    absent = [
        np.logical_and.reduce([np.isnan(values) for values in side]) for side in (quotes[:4], quotes[4:])
    ]
    kept = ~(absent[0] | absent[1])
    if not kept.any():
        raise DataError("no row has both bid and ask", where=check.where, todo="give a file with both sides")
    for role, values in zip(QUOTES, quotes, strict=True):
        check.prices(role, np.where(kept, values, 1.0))
    for side, group in (("bid_", quotes[:4]), ("ask_", quotes[4:])):
        check.bars(side, *(np.where(kept, values, 1.0) for values in group))
    open_, high, low, close = ((bid + ask) / 2 for bid, ask in zip(quotes[:4], quotes[4:], strict=True))
    high = np.maximum.reduce([open_, high, low, close])
    low = np.minimum.reduce([open_, high, low, close])
    spread = quotes[7] - quotes[3]
    crossed = int((kept & (spread < 0)).sum())
    spread = np.maximum(spread, 0.0)
    notes.append("prices are mids of bid and ask; the spread is the real one at the close")
    if not kept.all():
        notes.append(f"{int((~kept).sum())} of {len(kept)} bars have one side only and were left out")
    if crossed:
        notes.append(f"{crossed} of {len(kept)} bars close with bid above ask; their spread is taken as 0")
    factor = _factor(columns, check)
    tables = []
    for label, rows in groups(columns, check):
        rows = rows[kept[rows]]
        if rows.size:
            table = BarTable(
                label, columns.time.ns[rows], open_[rows], high[rows], low[rows], close[rows],
                spread=spread[rows],
                factor=factor[rows] if factor is not None else None,
                exact=False,
            )  # fmt: skip
            tables.append(table)
    return tables


def _panel(columns: Columns, check: Checker) -> list[BarTable]:
    time = columns.time.ns
    _in_order(time, np.arange(len(time)), check)
    tables = []
    for name in columns.layout.panel:
        close = columns.numbers[name]
        check.prices(name, close)
        tables.append(BarTable(name.strip(), time, close, close, close, close, closes_only=True))
    return tables


def _factor(columns: Columns, check: Checker) -> Floats | None:
    if columns.layout.factor is None:
        return None
    factor = columns.numbers[columns.layout.factor]
    check.prices("adj_factor", factor)
    return factor


def groups(columns: Columns, check: Checker, *, repeats: bool = False) -> list[tuple[str, Ints]]:
    """(label, row numbers) of each instrument, its times rising; strictly, unless times may repeat."""
    time = columns.time.ns
    if columns.labels is None:
        everything = np.arange(len(time))
        _in_order(time, everything, check, repeats=repeats)
        return [("", everything)]
    codes, names = columns.labels
    found = [(name, np.flatnonzero(codes == code)) for code, name in enumerate(names)]
    for name, rows in found:
        if not name:
            raise DataError(
                f"row {rows[0] + 1}: {columns.layout.label} is empty",
                where=check.where,
                todo="name the instrument",
            )
        _in_order(time, rows, check, repeats=repeats)
    return found


def _in_order(time: Ints, rows: Ints, check: Checker, *, repeats: bool = False) -> None:
    """Times must rise; duplicates, a file newest first and single strays are told apart."""
    steps = np.diff(time[rows])
    if steps.size and (steps < 0).all():
        raise DataError(
            "the rows run from the newest to the oldest",
            where=check.where,
            todo="sort it by time, oldest first",
        )
    bad = np.zeros(len(time), np.bool_)
    bad[rows[1:][steps == 0]] = not repeats
    check.refuse(bad, "this time is there twice", todo="keep one row a time")
    bad[rows[1:][steps < 0]] = True
    check.refuse(bad, "this time is before the row above", todo="sort it by time, oldest first")
