"""From paths and what a person said about instruments to series: the way in for files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from quorate.adapters.feeds.derive import Given, derive
from quorate.adapters.feeds.files import BarFile, read
from quorate.adapters.feeds.names import Guess, guess_file, guess_label
from quorate.adapters.feeds.series import Series, SourceInfo, to_series
from quorate.adapters.feeds.stamps import Ints
from quorate.adapters.feeds.tables import BarTable
from quorate.adapters.feeds.trades import Trades, read_trades
from quorate.core.errors import ConfigError


def load(
    paths: Sequence[str | Path], given: Sequence[Given] = (), *, assume_utc: bool = False
) -> tuple[Series, ...]:
    """All series in the files, by instrument id.

    ``given`` names instruments: of a file that holds one of them, only those named are taken. One given id
    may rename the only instrument of an only file, unless both names are known and contradict each other.
    Raises DataError for bad files and ConfigError for an instrument that no file holds.
    """
    files = [read(path, assume_utc=assume_utc) for path in paths]
    found = [(file, table, _guess(file, table)) for file in files for table in file.tables]
    series = [_series(*each) for each in _chosen(found, given)]
    return tuple(sorted(series, key=lambda each: each.instrument.id))


def load_trades(
    paths: Sequence[str | Path], given: Sequence[Given] = (), *, assume_utc: bool = False
) -> tuple[Trades, ...]:
    """The same of files of trades."""
    files = [read_trades(path, assume_utc=assume_utc) for path in paths]
    found = [(file, table, _guess(file, table)) for file in files for table in file.tables]
    trades = []
    for file, table, guess, mine in _chosen(found, given):
        series = _series(file, table, guess, mine)
        trades.append(Trades(series, _side(table)))
    return tuple(sorted(trades, key=lambda each: each.series.instrument.id))


def _side(table: BarTable) -> Ints:
    return np.zeros(len(table.start), np.int64) if table.side is None else table.side


def _chosen(
    found: Sequence[tuple[BarFile, BarTable, Guess]], given: Sequence[Given]
) -> list[tuple[BarFile, BarTable, Guess, Given | None]]:
    """The tables that are asked for, each with what was said of its instrument."""
    by_id = {each.id: each for each in given}
    if len(by_id) < len(given):
        raise ConfigError("an instrument is given twice", todo="name each once")
    held = {guess.id for _, _, guess in found}
    strangers = [name for name in by_id if name not in held]
    renamed = strangers[0] if strangers and len(found) == len(given) == 1 else None
    for name in strangers:
        if name != renamed or not _may_rename(by_id[name], found[0][2]):
            listed = ", ".join(sorted(held)[:12]) + (", ..." if len(held) > 12 else "")
            todo = f"choose one of them, or say what it is: {name},kind=equity"
            raise ConfigError(f"unknown instrument '{name}': the data hold {listed}", todo=todo)
    named_files = {file.path for file, _, guess in found if guess.id in by_id}
    chosen = []
    for file, table, guess in found:
        mine = by_id[renamed] if renamed is not None else by_id.get(guess.id)
        if mine is not None or file.path not in named_files:
            chosen.append((file, table, guess, mine))
    return chosen


def _guess(file: BarFile, table: BarTable) -> Guess:
    whole = guess_file(
        file.name.split(".")[0] if "." in file.name else file.name, file.path.absolute().parent.name
    )
    if not table.label:
        return whole
    return guess_label(table.label, None if table.closes_only else whole)


def _may_rename(given: Given, guess: Guess) -> bool:
    """A known name or a stated kind may stand for a file whose own name says nothing; nothing else may."""
    stated = "kind" in given.fields
    return stated or (not guess.certain and guess_file(given.id, "").certain)


def _series(file: BarFile, table: BarTable, guess: Guess, given: Given | None) -> Series:
    if given is not None and given.id != guess.id:
        known = guess_file(given.id, "")
        guess = known if known.certain else guess
    derived = derive(guess, table, given)
    source = SourceInfo(file.name, file.sha256, len(table.start))
    notes = (*file.notes, *derived.notes)
    return to_series(table, derived.instrument, file.interval, source, notes, derived=derived.tick_found)
