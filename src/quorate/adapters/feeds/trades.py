"""Trades of one instrument as they came, read from files or made up, and the bars that they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quorate.adapters.feeds.files import BarFile, read_columns
from quorate.adapters.feeds.layout import recognise_trades
from quorate.adapters.feeds.series import Ints, Series, no_rolls
from quorate.adapters.feeds.tables import BarTable, Checker, Columns, Floats, groups
from quorate.core.errors import ConfigError, DataError
from quorate.core.instant import DAY, NEVER, spell_span

SIDES = {
    "buy": 1, "b": 1, "1": 1, "1.0": 1, "+1": 1, "sell": -1, "s": -1, "-1": -1, "-1.0": -1,
    "": 0, "0": 0, "0.0": 0,
}  # fmt: skip
MAKERS = {"true": -1, "1": -1, "false": 1, "0": 1, "": 0}  # whether the buyer was the maker: who sold, took


@dataclass(frozen=True, eq=False)
class Trades:
    """Trades, oldest first. ``series``: a trade a row, of interval 0, its price in all four places, -1 for an
    unknown size; ``side``: int64 of its length, who took: 1 a buyer, -1 a seller, 0 unknown.
    """

    series: Series
    side: Ints

    def between(self, first: int, end: int = NEVER) -> Trades:
        """The trades in [first, end). Raises DataError when there are none."""
        low, high = np.searchsorted(self.series.start, [first, end])
        return Trades(self.series.between(first, end), self.side[low:high])

    def bars(self, interval: int) -> Series:
        """Bars on the clock in UTC, each of the trades from its open time to before its end.

        A time without a trade has no bar, and the last bar, which the trades do not see closed, is left out.
        Raises ConfigError for an interval that no day is a multiple of, DataError for less than two bars.
        """
        if interval <= 0 or DAY % interval:
            todo = "write 5m, 1h or 1d"
            raise ConfigError("a day must be a multiple of it", where="--interval", todo=todo)
        made = self.series
        slot = made.at // interval
        first = np.flatnonzero(np.diff(slot, prepend=slot[0] - 1))[:-1]
        if len(first) < 2:
            what = f"the trades of {made.instrument.id} make less than two bars of {spell_span(interval)}"
            raise DataError(
                what,
                where=made.source.name,
                todo="choose a shorter --interval, or name the others with --instrument",
            )
        end = int(np.searchsorted(slot, slot[-1]))
        price, volume = made.close[:end], made.volume[:end]
        start = slot[first] * interval
        last = np.append(first[1:], end) - 1
        notes = (
            f"{made.instrument.id}: {len(made):,} trades drive the exchange; bars of {spell_span(interval)}"
            " made of them are seen when they have closed",
        )
        return replace(
            made,
            start=start,
            at=start + interval,
            open=price[first],
            high=np.maximum.reduceat(price, first),
            low=np.minimum.reduceat(price, first),
            close=price[last],
            volume=np.full(len(first), -1) if volume[0] < 0 else np.add.reduceat(volume, first),
            spread=np.full(len(first), -1),
            rolls=no_rolls(),
            interval=interval,
            notes=(*made.notes, *notes),
        )


def read_trades(path: str | Path, *, assume_utc: bool = False) -> BarFile:
    """A file of trades as tables of "bars" of one trade each, of interval 0: ts, price[, size][, side].

    Raises DataError naming file, row and what is wrong with it.
    """
    path = Path(path)
    columns, sha256, notes = read_columns(path, recognise_trades, assume_utc=assume_utc)
    check = Checker(str(path), columns.time.ns)
    price = columns.numbers[columns.layout.prices["price"]]
    check.prices("price", price)
    size = None
    if columns.layout.volume is not None:
        size = columns.numbers[columns.layout.volume]
        check.refuse(~np.isfinite(size), "size is {}", size)
        check.refuse(size < 0, "size is {}: it must not be negative", size)
    side = _sides(columns, check)
    tables = []
    for label, rows in groups(columns, check, repeats=True):
        if size is not None and size[rows].any():
            none = int((size[rows] == 0).sum())
            rows = rows[size[rows] > 0]
            notes += [f"{label} {none} trades of size 0 were left out".strip()] if none else []
        tables.append(_table(label, columns.time.ns[rows], price[rows], size, side, rows))
    return BarFile(path, sha256, len(columns.time.ns), 0, tuple(tables), tuple(notes))


def _table(label: str, at: Ints, price: Floats, size: Floats | None, side: Ints, rows: Ints) -> BarTable:
    volume = size[rows] if size is not None else None
    return BarTable(label, at, price, price, price, price, volume=volume, side=side[rows])


def _sides(columns: Columns, check: Checker) -> Ints:
    """Who took. Raises DataError for a word that does not say."""
    if columns.sides is None:
        return np.zeros(len(columns.time.ns), np.int64)
    codes, words = columns.sides
    maker = "maker" in (columns.layout.side or "").lower()
    meant = MAKERS if maker else SIDES
    known = np.array([meant.get(word.lower(), 9) for word in words], np.int64)
    side = known[codes]
    if (side == 9).any():
        row = int(np.argmax(side == 9))
        todo = "write true or false" if maker else "write buy or sell, 1 or -1"
        raise DataError(f"row {row + 1}: the side is '{words[codes[row]]}'", where=check.where, todo=todo)
    return side


def made_up(series: Series) -> Trades:
    """Every close of synthetic bars taken for one trade at the instant of its close, its side unknown."""
    notes = (*series.notes, f"{series.instrument.id}: every close taken for a trade")
    alike = series.close
    trades = replace(
        series, start=series.at, open=alike, high=alike, low=alike, interval=0, rolls=no_rolls(), notes=notes
    )
    return Trades(trades, np.zeros(len(series), np.int64))
