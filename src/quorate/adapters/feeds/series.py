"""One instrument's bars as integers: what every feed of history is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quorate.adapters.feeds.tables import BarTable
from quorate.core.errors import DataError
from quorate.core.instant import NEVER, spell_instant
from quorate.core.instrument import Instrument

Ints = npt.NDArray[np.int64]

_OFF_GRID_TICKS = 1e-6
_COUNT_MAX = float(2**62)
_ROLL_MAX = 10


class SourceInfo(NamedTuple):
    """Where bars came from: a name without folders, the SHA-256 of the bytes read, and their rows."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True, eq=False)
class Rolls:
    """Changes of contract: the first bar of the new one, the old one's last close, and its worth there."""

    index: Ints
    old: Ints
    new: Ints


@dataclass(frozen=True, eq=False)
class Series:
    """Bars of one instrument, oldest first; prices in ticks, volume in lots, times in ns since 1970 UTC.

    ``start`` is a bar's open time, ``at`` when it was known: start + interval. ``volume`` and ``spread``
    are -1 where the source has none. All arrays are int64 of one length. ``notes``: what people should know.
    ``trust``: A to D; B is history as it was given, C what only a plugin vouches for, D is made up.
    """

    instrument: Instrument
    start: Ints
    at: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    spread: Ints
    rolls: Rolls
    source: SourceInfo
    interval: int
    notes: tuple[str, ...] = ()
    trust: str = "B"

    def __len__(self) -> int:
        return len(self.start)

    def between(self, first: int = 0, end: int = NEVER) -> Series:
        """The bars that open in [first, end). A roll before the first of them has nothing to carry.

        Raises DataError when none does.
        """
        low, high = (int(place) for place in np.searchsorted(self.start, [first, end]))
        if low >= high:
            opens, closes = (spell_instant(int(self.start[place])) for place in (0, -1))
            what = f"no bar of {self.instrument.id} opens in the range asked for"
            raise DataError(what, where=self.source.name, todo=f"they open from {opens} to {closes}")
        inside = (self.rolls.index > low) & (self.rolls.index < high)
        names = ("start", "at", "open", "high", "low", "close", "volume", "spread")
        cut = {name: getattr(self, name)[low:high] for name in names}
        rolls = Rolls(self.rolls.index[inside] - low, self.rolls.old[inside], self.rolls.new[inside])
        return replace(self, rolls=rolls, **cut)


def no_rolls() -> Rolls:
    """For what never changes contract."""
    return Rolls(*(np.empty(0, np.int64) for _ in range(3)))


def to_series(
    table: BarTable,
    instrument: Instrument,
    interval: int,
    source: SourceInfo,
    notes: tuple[str, ...] = (),
    *,
    derived: bool,
) -> Series:
    """Floats to ticks and lots, half to even.

    ``derived``: the tick was found in these very prices, and where none fits they are rounded, as the notes
    then say. Mids, which are ours, are rounded too. Else a price off the tick raises DataError with its row.
    """
    exact = table.exact and not derived
    place = f"{source.name} ({instrument.id})"
    columns = {
        name: _ticks(getattr(table, name), instrument, name, table.start, place, exact=exact)
        for name in ("open", "high", "low", "close")
    }
    rolls = _rolls(table, columns["close"], instrument, place)
    mixed = _unmix(columns, rolls)
    if mixed:
        said = "opened in the old contract; what they traded there is carried over"
        notes = (*notes, f"{mixed} of the {len(rolls.index)} bars in which the contract changes {said}")
    # Noise in a source may leave its close a hair above its high; rounded to ticks the bar must hold.
    high = np.maximum.reduce(list(columns.values()))
    low = np.minimum.reduce(list(columns.values()))
    if low.min() < 1:
        bar = _bar(int(np.argmin(low)), table.start)
        what = f"{bar}: a price rounds to no tick of {instrument.tick}"
        raise DataError(what, where=place, todo="give a finer tick")
    none = np.full(len(table.start), -1, np.int64)
    volume = table.volume
    if volume is not None and not volume.any():
        volume, notes = None, (*notes, "volume is 0 in every bar: taken as unknown")
    spread = none
    if table.spread is not None:
        spread = _ticks(table.spread, instrument, "spread", table.start, place, exact=False)
    return Series(
        instrument,
        table.start,
        table.start + interval,
        columns["open"],
        high,
        low,
        columns["close"],
        none if volume is None else _lots(volume, instrument, place),
        spread,
        rolls,
        source,
        interval,
        notes,
    )


def _ticks(
    values: npt.NDArray[np.float64],
    instrument: Instrument,
    name: str,
    start: Ints,
    place: str,
    *,
    exact: bool,
) -> Ints:
    numerator, denominator = instrument.tick.as_integer_ratio()
    # One division or multiplication by an exact integer: 0.1 / 0.00001 would not be whole.
    scaled = values * denominator / numerator
    if scaled.max() > _COUNT_MAX:
        what = f"{name} does not fit 64 bits in ticks of {instrument.tick}"
        raise DataError(what, where=place, todo="give a coarser tick")
    whole = np.rint(scaled)
    if exact:
        off = np.abs(scaled - whole) > np.maximum(_OFF_GRID_TICKS, 4 * np.spacing(scaled))
        if off.any():
            row = int(np.argmax(off))
            what = f"{_bar(row, start)}: {name} {values[row]:.10g} is off the tick {instrument.tick}"
            raise DataError(what, where=place, todo="correct the tick, or leave it out to have it found")
    return whole.astype(np.int64)


def _bar(row: int, start: Ints) -> str:
    return f"bar {row + 1} ({spell_instant(int(start[row]))})"


def _lots(volume: npt.NDArray[np.float64], instrument: Instrument, place: str) -> Ints:
    numerator, denominator = instrument.lot.as_integer_ratio()
    scaled = volume * denominator / numerator
    if scaled.max() > _COUNT_MAX:
        raise DataError(
            f"volume does not fit 64 bits in lots of {instrument.lot}", where=place, todo="give a larger lot"
        )
    # What traded at all never rounds to nothing: a bar of volume 0 may be taken for a frozen price.
    return np.maximum(np.rint(scaled), volume > 0).astype(np.int64)


def _rolls(table: BarTable, close: Ints, instrument: Instrument, place: str) -> Rolls:
    """A change of the back-adjustment factor is a change of contract.

    The adjusted series goes on unbroken over a roll: last close x old factor = worth in the new x new factor.
    Raises DataError for a factor that changes as no roll does.
    """
    if table.factor is None:
        return no_rolls()
    before, after = table.factor[:-1], table.factor[1:]
    index = np.flatnonzero(np.abs(after - before) > 1e-9 * before) + 1
    strange = np.flatnonzero((after > _ROLL_MAX * before) | (before > _ROLL_MAX * after)) + 1
    if strange.size:
        row = int(strange[0])
        jump = f"from {before[row - 1]:.10g} to {after[row - 1]:.10g}"
        what = f"{_bar(row, table.start)}: adj_factor goes {jump}"
        raise DataError(what, where=place, todo=f"no roll changes the price by more than {_ROLL_MAX} times")
    worth = table.close[index - 1] * (table.factor[index - 1] / table.factor[index])
    return Rolls(index, close[index - 1], np.rint(worth / instrument.tick_float).astype(np.int64))


def _unmix(columns: dict[str, Ints], rolls: Rolls) -> int:
    """Carry over what a bar traded before the contract changed within it; returns how many bars did.

    Resampled series hold such bars: the roll stands before them and they open at the old contract's level,
    which would read as a fall or rise that nobody saw. The extreme on the old contract's side goes with it.
    """
    open_, high, low, close = (columns[name] for name in ("open", "high", "low", "close"))
    opened = open_[rolls.index]
    mixed = np.abs(opened - rolls.old) < np.abs(opened - rolls.new)
    index, worth = rolls.index[mixed], rolls.new[mixed] / rolls.old[mixed]
    up = worth > 1
    open_[index] = np.rint(opened[mixed] * worth)
    ends = np.stack([open_[index], close[index]])
    low[index] = np.where(up, np.minimum(np.rint(low[index] * worth), ends.min(axis=0)), low[index])
    high[index] = np.where(up, high[index], np.maximum(np.rint(high[index] * worth), ends.max(axis=0)))
    return len(index)
