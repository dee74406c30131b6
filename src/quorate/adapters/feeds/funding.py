"""Files of funding rates: which share of a perpetual's worth longs paid shorts, and when."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quorate.adapters.feeds import stamps
from quorate.adapters.feeds.files import _arrow_numbers, _arrow_stamps, _numbers
from quorate.adapters.feeds.stamps import Ints, Stamps
from quorate.analysis.result import Floats
from quorate.core.errors import DataError, InputError

E12 = 10**12
RATES = ("funding_rate", "fundingrate", "rate")
TIMES = ("ts", "timestamp", "timestamp_utc", "datetime", "time", "date", "funding_time", "fundingtime")


@dataclass(frozen=True, eq=False)
class Funding:
    """``at``: int64[n] ns, rising; ``rate_e12``: int64[n], 1e-12 of the worth that longs pay shorts."""

    name: str
    sha256: str
    at: Ints
    rate_e12: Ints


def read_funding(path: Path, *, assume_utc: bool = False) -> Funding:
    """Read and check one CSV, Parquet or Feather file with a time and a rate column.

    Raises DataError naming file and row, InputError when the format needs an extra that is not installed.
    """
    where, suffix = str(path), path.suffix.lower()
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for, for ever
            raise DataError("this is no plain file", where=where, todo="save it as one")
        content = path.read_bytes()
        if suffix == ".csv":
            time, rate = _text(content, where)
        elif suffix in (".parquet", ".feather"):
            time, rate = _arrow(path, suffix, where)
        else:
            raise DataError("unknown file type", where=where, todo="one of .csv, .parquet, .feather")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=where) from error
    stamps.require_zone(time, where, assume_utc=assume_utc)
    _check(time.ns, rate, where)
    return Funding(
        path.name, hashlib.sha256(content).hexdigest(), time.ns, np.rint(rate * E12).astype(np.int64)
    )


def _check(at: Ints, rate: Floats, where: str) -> None:
    if not at.size:
        raise DataError("holds no rates", where=where, todo="give a file with rates")
    wrong = np.flatnonzero(~(np.abs(rate) < 1))  # NaN too
    if wrong.size:
        row = int(wrong[0])
        what = f"row {row + 1}: {rate[row]} is no funding rate"
        raise DataError(what, where=where, todo="write shares of the worth, such as 0.0001")
    back = np.flatnonzero(np.diff(at) <= 0)
    if back.size:
        what = f"row {int(back[0]) + 2} is not later than the row before"
        raise DataError(what, where=where, todo="sort it by time, one row an instant")


def _columns(names: Sequence[str], where: str) -> tuple[str, str]:
    found = []
    for known, what in ((TIMES, "time"), (RATES, "funding_rate")):
        fitting = [name for name in names if name.strip().lower() in known]
        if len(fitting) != 1:
            why = f"holds {len(fitting)} columns of a {what}, not one"
            raise DataError(why, where=where, todo=f"call the columns {TIMES[0]} and {RATES[0]}")
        found.append(fitting[0])
    return found[0], found[1]


def _text(content: bytes, where: str) -> tuple[Stamps, Floats]:
    try:
        rows = [row for row in csv.reader(content.decode("utf-8-sig").splitlines()) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"not a .csv file: {error}", where=where) from error
    if not rows:
        raise DataError("the file is empty", where=where, todo="give a file with rates")
    names, body = rows[0], rows[1:]
    short = next((number for number, row in enumerate(body, 1) if len(row) != len(names)), 0)
    if short:
        raise DataError(f"row {short}: not {len(names)} values", where=where, todo="repair or drop the row")
    if not body:
        raise DataError("holds no rates", where=where, todo="give a file with rates")
    time, rate = (names.index(name) for name in _columns(names, where))
    at = stamps.from_texts([row[time].strip() for row in body], where)
    return at, _numbers([row[rate] for row in body], names[rate], 0, where)


def _arrow(path: Path, suffix: str, where: str) -> tuple[Stamps, Floats]:
    try:
        import pyarrow as pa
        import pyarrow.feather
        import pyarrow.parquet
    except ImportError as error:
        todo = "pip install 'quorate[data]', or save the file as CSV"
        what = f"reading {suffix} files needs pyarrow, which is not installed"
        raise InputError(what, where=where, todo=todo) from error
    read: Any = pyarrow.parquet.read_table if suffix == ".parquet" else pyarrow.feather.read_table
    try:
        table = read(path)
        time, rate = _columns(table.schema.names, where)
        return _arrow_stamps(table.column(time), where), _arrow_numbers(table.column(rate), rate, where)
    except pa.ArrowException as error:
        raise DataError(f"not a {suffix} file: {error}", where=where) from error
