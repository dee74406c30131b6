"""Reads one bar file (.parquet, .feather, .csv, .tsv, either text also .gz) into checked arrays of prices."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from quorate.adapters.feeds import stamps
from quorate.adapters.feeds.layout import Layout, recognise
from quorate.adapters.feeds.stamps import Ints, Stamps
from quorate.adapters.feeds.tables import BarTable, Columns, Labels, common_interval, split_tables
from quorate.core.errors import DataError, InputError

CHUNK_ROWS = 16_384
Recogniser = Callable[[Sequence[str], str], Layout]

_SUFFIXES = (".parquet", ".feather", ".csv", ".csv.gz", ".tsv", ".tsv.gz")
_BLANKS = frozenset({"", "nan", "null", "none", "na", "n/a"})


@dataclass(frozen=True)
class BarFile:
    """What one file holds: a table an instrument, their interval in ns, and what people should know."""

    path: Path
    sha256: str
    rows: int
    interval: int
    tables: tuple[BarTable, ...]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name without its folder, as text: paths stay out of journals."""
        return os.fsencode(self.path.name).decode(errors="replace")


def read(path: str | Path, *, assume_utc: bool = False) -> BarFile:
    """Read and check one bar file; the stamp of a row is the bar's open time.

    Raises DataError naming file, row (1-based), stamp and what is wrong with it, and InputError when the
    format needs an extra that is not installed.
    """
    path = Path(path)
    where = str(path)
    columns, sha256, notes = read_columns(path, recognise, assume_utc=assume_utc)
    tables = split_tables(columns, where, notes)
    return BarFile(path, sha256, len(columns.time.ns), common_interval(tables, where), tables, tuple(notes))


def read_columns(
    path: Path, recogniser: Recogniser, *, assume_utc: bool = False
) -> tuple[Columns, str, list[str]]:
    """(columns as read, SHA-256, notes) of a file whose header says what it holds. Raises as `read`."""
    where = str(path)
    suffix = next(
        (known for known in sorted(_SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(known)), ""
    )
    if not suffix and not os.path.isdir(path):  # noqa: PTH112 - Path's own raises on a name too long
        raise DataError("unknown file type", where=where, todo=f"one of {', '.join(_SUFFIXES)}")
    try:
        kind = path.stat().st_mode
        if S_ISDIR(kind):
            raise DataError("this is a folder", where=where, todo="name one file in it")
        if not S_ISREG(kind):  # a pipe would be waited for, for ever
            raise DataError("this is no plain file", where=where, todo="save it as one")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if not file.tell():
                raise DataError("the file is empty", where=where, todo="give a file with bars")
            file.seek(0)
            arrow = suffix in (".parquet", ".feather")
            reader = _read_arrow if arrow else _read_text
            columns = reader(file, suffix, where, recogniser)
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror or error}", where=where, todo="check the path and the file"
        ) from error
    notes: list[str] = []
    named_utc = columns.layout.time.lower().endswith("utc")
    if stamps.require_zone(columns.time, where, assume_utc=assume_utc or named_utc):
        why = "as its column's name says" if named_utc else "as asked"
        notes.append(f"times without a zone taken as UTC, {why}")
    return columns, sha256, notes


# ---- text --------------------------------------------------------------------------------------------


def _read_text(file: BinaryIO, suffix: str, where: str, recogniser: Recogniser) -> Columns:
    """Columns of a delimited text file, converted chunk by chunk so that no column ever is a Python list."""
    try:
        binary: Any = gzip.GzipFile(fileobj=file) if suffix.endswith(".gz") else file
        with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
            return _parse_rows(text, suffix.startswith(".tsv"), where, recogniser)
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"not a {suffix} file: {error}", where=where, todo="its ending must say what it is"
        ) from error


def _parse_rows(text: io.TextIOBase, tabs: bool, where: str, recogniser: Recogniser) -> Columns:
    first = text.readline()
    delimiter = "\t" if tabs else (";" if ";" in first and "," not in first else ",")
    header = next(csv.reader([first], delimiter=delimiter), [])
    if "\0" in first:
        raise DataError("not a text file", where=where, todo="its ending must say what it is")
    layout = recogniser(header, where)
    rows = filter(None, csv.reader(text, delimiter=delimiter))
    times: list[Stamps] = []
    numbers: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in layout.numbers}
    labels, sides = Labels(), Labels()
    done = 0
    for chunk in _chunks(rows):
        columns = dict(zip(header, _transpose(chunk, len(header), done, where), strict=True))
        times.append(stamps.from_texts(columns[layout.time], where, done + 1))
        for name, parts in numbers.items():
            parts.append(_numbers(columns[name], name, done, where))
        if layout.label is not None:
            labels.extend(columns[layout.label])
        if layout.side is not None:
            sides.extend(columns[layout.side])
        done += len(chunk)
    if not done:
        raise DataError("the file has a header and no rows", where=where, todo="give a file with bars")
    joined = {name: np.concatenate(parts) for name, parts in numbers.items()}
    named = labels.column() if layout.label is not None else None
    taken = sides.column() if layout.side is not None else None
    return Columns(layout, stamps.join(times), joined, named, taken)


def _chunks(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def _transpose(chunk: list[list[str]], width: int, done: int, where: str) -> list[tuple[str, ...]]:
    for index, row in enumerate(chunk):
        if len(row) != width:
            what = f"row {done + index + 1}: {len(row)} values for {width} columns"
            raise DataError(what, where=where, todo="repair or drop the row")
    return list(zip(*chunk, strict=True))


def _numbers(cells: Sequence[str], name: str, done: int, where: str) -> npt.NDArray[np.float64]:
    """Blank cells become NaN, which the checks then name; any other text is refused here."""
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        values = np.empty(len(cells))
        for index, cell in enumerate(cells):
            try:
                values[index] = np.nan if cell.strip().lower() in _BLANKS else float(cell)
            except ValueError:
                what = f"row {done + index + 1}: {name} '{cell}' is not a number"
                raise DataError(what, where=where, todo="write plain numbers with a decimal point") from None
        return values


# ---- arrow -------------------------------------------------------------------------------------------


def _read_arrow(file: BinaryIO, suffix: str, where: str, recogniser: Recogniser) -> Columns:
    """Columns of a Parquet or Feather file, as arrays from the first byte on."""
    try:
        import pyarrow as pa
        import pyarrow.feather
        import pyarrow.parquet
    except ImportError as error:
        todo = "pip install 'quorate[data]', or save the file as CSV"
        raise InputError(
            f"reading {suffix} files needs pyarrow, which is not installed", where=where, todo=todo
        ) from error
    try:
        if suffix == ".parquet":
            source = pyarrow.parquet.ParquetFile(file)
            layout = recogniser(source.schema_arrow.names, where)
            table = source.read(columns=_wanted(layout))
        else:
            table = pyarrow.feather.read_table(file)
            layout = recogniser(table.schema.names, where)
    except pa.ArrowException as error:
        raise DataError(
            f"not a {suffix} file: {error}", where=where, todo="its ending must say what it is"
        ) from error
    if not table.num_rows:
        raise DataError("the file has no rows", where=where, todo="give a file with bars")
    try:
        return _arrow_columns(table, layout, where)
    except pa.ArrowException as error:  # a year 9999, a contract that is a list
        todo = "store times between 1970 and 2262, prices as numbers, names as text"
        raise DataError(f"a column holds what no bar has: {error}", where=where, todo=todo) from error


def _arrow_columns(table: Any, layout: Layout, where: str) -> Columns:
    import pyarrow as pa

    numbers = {name: _arrow_numbers(table.column(name), name, where) for name in layout.numbers}
    words: list[tuple[Ints, tuple[str, ...]] | None] = []
    for name in (layout.label, layout.side):
        holder = Labels()
        if name is not None:
            holder.extend(table.column(name).cast(pa.string()).to_pylist())
        words.append(holder.column() if name is not None else None)
    return Columns(layout, _arrow_stamps(table.column(layout.time), where), numbers, *words)


def _wanted(layout: Layout) -> list[str]:
    words = [name for name in (layout.label, layout.side) if name is not None]
    return [layout.time, *layout.numbers, *words]


def _arrow_numbers(column: Any, name: str, where: str) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise DataError(
            f"column '{name}' holds {kind}, not numbers", where=where, todo="prices must be numbers"
        )
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(values, dtype=np.float64)


def _arrow_stamps(column: Any, where: str) -> Stamps:
    """Stamps of an Arrow column: timestamps of any unit, dates, integers or text."""
    import pyarrow as pa

    kind = column.type
    if column.null_count:
        row = 1 + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        raise DataError(f"row {row}: the time is missing", where=where, todo="repair or drop the row")
    if pa.types.is_timestamp(kind):
        naive_row = 0 if kind.tz else 1
        nanoseconds = column.cast(pa.timestamp("ns", tz=kind.tz)).cast(pa.int64())
        return Stamps(nanoseconds.to_numpy(zero_copy_only=False), naive_row)
    if pa.types.is_date(kind):
        return Stamps(column.cast(pa.timestamp("ns")).cast(pa.int64()).to_numpy(zero_copy_only=False))
    if pa.types.is_integer(kind):
        return stamps.from_integers(column.cast(pa.int64()).to_numpy(zero_copy_only=False), where)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return stamps.from_texts(column.to_pylist(), where)
    raise DataError(f"the times are {kind}", where=where, todo="store timestamps with a time zone")
