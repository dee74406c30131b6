"""The canonical bytes of a run of market events: integer columns behind a header, a digest's worth of tape.

Version 1, all little-endian: magic (8 bytes), version, length of names, rows (uint32 each), the instruments'
ids in canonical spelling, then nine int64 columns of ``rows`` values: at, who, start, open, high, low, close,
volume, spread. ``who`` is twice the instrument's place among the ids, plus one for a Bar. A Roll has its old
and new ticks in open and high, zeros elsewhere. Rows rise strictly by (at, who): a Roll stands before its
Bar, instruments by id. One run of events has one spelling.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from quorate.adapters.feeds.series import Series
from quorate.core.canon import read, spell
from quorate.core.errors import JournalError
from quorate.core.events import Bar, MarketEvent, Roll
from quorate.core.record import BlockRef

Ints = npt.NDArray[np.int64]

MAGIC = b"QRT-BARS"
VERSION = 1
BLOCK_ROWS = 16_384
AT, WHO, START, OPEN, HIGH, LOW, CLOSE, VOLUME, SPREAD = range(9)
_COLUMNS = 9
_HEADER = struct.Struct("<8sIII")


@dataclass(frozen=True, eq=False)
class Rows:
    """Market events as columns: ``names`` sorted, ``table`` int64 [9, rows] in the order of the tape."""

    names: tuple[str, ...]
    table: Ints


def merge(series: Sequence[Series]) -> Rows:
    """All bars and rolls of several series, by (at, instrument id), a roll before its bar."""
    ordered = sorted(series, key=lambda each: each.instrument.id)
    parts: list[Ints] = []
    for place, each in enumerate(ordered):
        who = np.full(len(each), 2 * place + 1, np.int64)
        prices = (each.open, each.high, each.low, each.close)
        parts.append(np.stack([each.at, who, each.start, *prices, each.volume, each.spread]))
        rolls = np.zeros((_COLUMNS, len(each.rolls.index)), np.int64)
        rolls[[AT, WHO, OPEN, HIGH]] = [
            each.at[each.rolls.index],
            np.full(len(each.rolls.index), 2 * place),
            each.rolls.old,
            each.rolls.new,
        ]
        parts.append(rolls)
    table = np.concatenate(parts, axis=1)
    order = np.lexsort((table[WHO], table[AT]))
    return Rows(tuple(each.instrument.id for each in ordered), table[:, order])


def cut(at: Ints, size: int = BLOCK_ROWS) -> Iterator[tuple[int, int]]:
    """[first, end) of each block of at most ``size`` rows. An instant is never split, however large."""
    first = 0
    while first < len(at):
        end = min(first + size, len(at))
        if end < len(at) and at[end] == at[end - 1]:
            end = int(np.searchsorted(at, at[end], side="left"))
            if end <= first:
                end = int(np.searchsorted(at, at[first], side="right"))
        yield first, end
        first = end


def encode(rows: Rows) -> bytes:
    """The canonical bytes of the rows."""
    names = spell(rows.names)
    header = _HEADER.pack(MAGIC, VERSION, len(names), rows.table.shape[1])
    return header + names + np.ascontiguousarray(rows.table, dtype="<i8").tobytes()


def refer(number: int, rows: Rows, content: bytes) -> BlockRef:
    """What the journal's chain holds of block ``number``."""
    at = rows.table[AT]
    return BlockRef(number, len(at), int(at[0]), int(at[-1]), hashlib.sha256(content).hexdigest())


def unpack(content: bytes) -> Rows:
    """The rows that ``encode`` wrote. Raises JournalError when it never wrote these bytes."""
    if len(content) < _HEADER.size:
        raise JournalError("the block is cut short", where="market block")
    magic, version, length, rows = _HEADER.unpack_from(content)
    if magic != MAGIC:
        raise JournalError("not a block of market events", where="market block")
    if version != VERSION:
        raise JournalError(f"block version {version} is unknown", where="market block", todo="update quorate")
    body = _HEADER.size + length
    if not rows or len(content) != body + 8 * _COLUMNS * rows:
        raise JournalError("the block's length is not what its header says", where="market block")
    try:
        names = read(tuple[str, ...], content[_HEADER.size : body])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JournalError(
            f"the block's instruments cannot be read: {error}", where="market block"
        ) from error
    if spell(names) != content[_HEADER.size : body] or list(names) != sorted(set(names)):
        raise JournalError("the block's instruments are not in canonical order", where="market block")
    # The copy is aligned, which the bytes behind a header are not: reading it out is four times as fast.
    table = np.frombuffer(content, "<i8", offset=body).reshape(_COLUMNS, rows).astype(np.int64)
    _check_order(table, len(names))
    return Rows(names, table)


def _check_order(table: Ints, names: int) -> None:
    at, who = table[AT], table[WHO]
    if who.min() < 0 or who.max() >= 2 * names:
        raise JournalError("a row names an instrument that the block does not have", where="market block")
    rising = (at[1:] > at[:-1]) | ((at[1:] == at[:-1]) & (who[1:] > who[:-1]))
    if not rising.all():
        raise JournalError(f"row {int(np.argmin(rising)) + 2} is out of order", where="market block")
    if table[:, (who & 1) == 0][[START, LOW, CLOSE, VOLUME, SPREAD]].any():
        raise JournalError("a roll bears more than its two prices", where="market block")


def flatten(content: bytes) -> tuple[list[MarketEvent], list[int]]:
    """The events of a block in order, and where each instant begins, with the end behind the last.

    Raises JournalError when the bytes are no block. One flat list: a list an instant would be work for the
    garbage collector.
    """
    rows = unpack(content)
    table = rows.table
    at, who = table[AT], table[WHO]
    ids = [name for name in rows.names for _ in range(2)]
    whose = map(ids.__getitem__, who.tolist())
    # msgspec structs take their fields by position: the order of Bar's own declaration.
    events: list[MarketEvent] = list(
        map(Bar, at.tolist(), whose, *(column.tolist() for column in table[START:]))
    )
    for place in np.flatnonzero((who & 1) == 0).tolist():
        events[place] = Roll(
            int(at[place]), ids[who[place]], int(table[OPEN, place]), int(table[HIGH, place])
        )
    bounds = [0, *(np.flatnonzero(at[1:] != at[:-1]) + 1).tolist(), len(events)]
    return events, bounds


def decode(content: bytes) -> list[list[MarketEvent]]:
    """The instants of a block, each its events in order. Raises JournalError when the bytes are no block."""
    events, bounds = flatten(content)
    return [events[first:end] for first, end in pairwise(bounds)]
