"""Time stamps as files spell them, turned into nanoseconds since 1970 UTC, or refused with the row named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quorate.core.errors import DataError
from quorate.core.instant import DAY, MINUTE, NEVER, SECOND, spell_instant

Ints = npt.NDArray[np.int64]

_STAMP = re.compile(
    r"((?:1[7-9]|2[01])\d\d-\d\d-\d\d)"
    r"(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|z|UTC|[+-]\d\d:?\d\d)?)?"
)
_INTEGER = re.compile(r"\d{9,19}")
# Below 1e8 s (1973) an integer is more likely 20240131 than a time.
_MAGNITUDES = (
    (10**8, 10**11, SECOND),
    (10**11, 10**14, SECOND // 10**3),
    (10**14, 10**17, SECOND // 10**6),
    (10**17, 2**63 - 1, 1),
)
_TODO = "write 2024-01-31T12:00:00Z, a date, or an integer in s, ms, us or ns"


@dataclass(frozen=True)
class Stamps:
    """Nanoseconds by row, and the first row (1-based) whose time bears no zone, 0 when all do."""

    ns: Ints
    naive_row: int = 0


def from_integers(values: Ints, where: str, first_row: int = 1) -> Stamps:
    """Integers in s, ms, us or ns, told apart by magnitude; one unit a file.

    Raises DataError naming the first row that is no time in the unit of the first.
    """
    for low, high, unit in _MAGNITUDES:
        if low <= values[0] < high:
            bad = np.flatnonzero((values < low) | (values >= high))
            if bad.size:
                row = first_row + int(bad[0])
                raise DataError(
                    f"row {row}: {values[bad[0]]} is not a time in the unit of row 1", where=where, todo=_TODO
                )
            return Stamps(values * unit)
    raise DataError(f"row {first_row}: {values[0]} is not a time", where=where, todo=_TODO)


def from_texts(cells: Sequence[str], where: str, first_row: int = 1) -> Stamps:
    """RFC 3339 stamps, dates or integers, one a cell. Raises DataError naming the first bad row."""
    if _INTEGER.fullmatch(cells[0].strip()):
        return from_integers(_integers(cells, where, first_row), where, first_row)
    bodies: list[str] = []
    shifts = np.zeros(len(cells), np.int64)
    naive_row = 0
    for index, cell in enumerate(cells):
        match = _STAMP.fullmatch(cell.strip())
        if match is None:
            raise DataError(f"row {first_row + index}: '{cell}' is not a time", where=where, todo=_TODO)
        date, clock, zone = match.groups()
        bodies.append(f"{date}T{clock}" if clock else date)
        if clock and not zone:
            naive_row = naive_row or first_row + index
        elif zone and zone[0] in "+-":
            sign = -1 if zone[0] == "-" else 1
            shifts[index] = sign * (int(zone[1:3]) * 60 + int(zone[-2:])) * MINUTE
    try:
        ns = np.array(bodies, dtype="datetime64[ns]").astype(np.int64)
    except ValueError:
        raise _impossible(cells, bodies, where, first_row) from None
    return Stamps(ns - shifts, naive_row)


def join(parts: Sequence[Stamps]) -> Stamps:
    """The stamps of consecutive chunks as one column."""
    naive = next((part.naive_row for part in parts if part.naive_row), 0)
    return Stamps(np.concatenate([part.ns for part in parts]), naive)


def require_zone(stamps: Stamps, where: str, *, assume_utc: bool) -> bool:
    """True when a missing zone was taken as UTC. Days without a clock time need none.

    Raises DataError when a clock time has no zone and nobody said which.
    """
    if not stamps.naive_row or not np.any(stamps.ns % DAY):
        return False
    if assume_utc:
        return True
    stamp = spell_instant(int(stamps.ns[stamps.naive_row - 1])).rstrip("Z")
    raise DataError(
        f"row {stamps.naive_row}: the time {stamp} has no zone",
        where=where,
        todo="end the times in Z or +00:00, or pass --assume-utc if they are UTC",
    )


def _integers(cells: Sequence[str], where: str, first_row: int) -> Ints:
    for index, cell in enumerate(cells):
        if not _INTEGER.fullmatch(cell.strip()):
            raise DataError(
                f"row {first_row + index}: '{cell}' is not a time like row 1", where=where, todo=_TODO
            )
        if int(cell) > NEVER:
            raise DataError(f"row {first_row + index}: '{cell}' is not a time", where=where, todo=_TODO)
    return np.fromiter(map(int, cells), np.int64, len(cells))


def _impossible(cells: Sequence[str], bodies: list[str], where: str, first_row: int) -> DataError:
    """The error for the first cell that looks like a time and is none: month 13, hour 25."""
    for index, body in enumerate(bodies):
        try:
            np.datetime64(body, "ns")
        except ValueError:
            return DataError(
                f"row {first_row + index}: '{cells[index]}' is not a time", where=where, todo=_TODO
            )
    return DataError("the times cannot be read", where=where, todo=_TODO)
