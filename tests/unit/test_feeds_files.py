"""Reading bar files: every format that works, and a clear refusal with row and stamp for every bad one."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from quorate.adapters.feeds.files import CHUNK_ROWS, read
from quorate.core.errors import DataError, InputError
from quorate.core.instant import DAY, HOUR, MINUTE, parse_instant

HEAD = "ts,open,high,low,close,volume\n"
CONTRACT = "ts,open,high,low,close,volume,contract\n"
QUOTES = "ts,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close\n"
GOOD = [
    "2024-01-01T00:00:00Z,10,12,9,11,5",
    "2024-01-01T00:01:00Z,11,12,10,11,0",
    "2024-01-01T00:02:00Z,11,13,11,12,7",
]


def text(folder: Path, body: str, name: str = "X.csv") -> Path:
    path = folder / name
    path.write_text(body)
    return path


def rows(*lines: str, head: str = HEAD) -> str:
    return head + "\n".join(lines) + "\n"


def refused(path: Path, *words: str, assume_utc: bool = False) -> None:
    with pytest.raises(DataError) as caught:
        read(path, assume_utc=assume_utc)
    line = str(caught.value)
    assert str(path) in line and "\n" not in line
    for word in words:
        assert word in line


def frame(**columns: object) -> pa.Table:
    stamps = pa.array([parse_instant("2024-01-01") + k * MINUTE for k in range(3)], pa.timestamp("ns", "UTC"))
    base = {
        "ts": stamps,
        "open": [1.0, 2.0, 3.0],
        "high": [4.0] * 3,
        "low": [0.5] * 3,
        "close": [2.0, 3.0, 2.5],
    }
    return pa.table(base | columns)


# ---- what works --------------------------------------------------------------------------------------


def test_csv_is_read(tmp_path: Path) -> None:
    file = read(text(tmp_path, rows(*GOOD)))
    (table,) = file.tables
    assert file.interval == MINUTE and file.rows == 3 and file.name == "X.csv" and len(file.sha256) == 64
    assert (
        table.close.tolist() == [11, 11, 12]
        and table.volume is not None
        and table.volume.tolist() == [5, 0, 7]
    )
    assert table.start[0] == parse_instant("2024-01-01")


@pytest.mark.parametrize("name", ["X.csv.gz", "X.tsv.gz", "X.tsv"])
def test_other_text_formats_give_the_same(tmp_path: Path, name: str) -> None:
    body = rows(*GOOD)
    body = body.replace(",", "\t") if "tsv" in name else body
    path = tmp_path / name
    path.write_bytes(gzip.compress(body.encode()) if name.endswith("gz") else body.encode())
    assert read(path).tables[0].close.tolist() == [11, 11, 12]


def test_semicolons_a_byte_order_mark_and_capitals(tmp_path: Path) -> None:
    path = tmp_path / "X.csv"
    path.write_bytes(b"\xef\xbb\xbf" + rows(*GOOD).replace(",", ";").replace("open", "Open").encode())
    assert read(path).tables[0].open.tolist() == [10, 11, 11]


@pytest.mark.parametrize("writer", ["parquet", "feather"])
def test_arrow_formats(tmp_path: Path, writer: str) -> None:
    path = tmp_path / f"X.{writer}"
    (pa.parquet.write_table if writer == "parquet" else pa.feather.write_feather)(frame(), path)
    (table,) = read(path).tables
    assert (
        table.volume is None and table.close.dtype == np.float64 and table.close.tolist() == [2.0, 3.0, 2.5]
    )


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("where", ["csv", "parquet"])
def test_integer_stamps_by_magnitude(tmp_path: Path, unit: int, where: str) -> None:
    stamps = [(1_704_067_200 + 60 * k) * unit for k in range(3)]
    if where == "csv":
        path = text(tmp_path, rows(*(f"{stamp},10,12,9,11,5" for stamp in stamps)))
    else:
        path = tmp_path / "X.parquet"
        pa.parquet.write_table(frame(ts=stamps), path)
    file = read(path)
    assert file.tables[0].start[0] == parse_instant("2024-01-01") and file.interval == MINUTE


def test_offsets_fractions_and_spaces(tmp_path: Path) -> None:
    lines = [
        "2024-01-01 00:00:00.5-04:00,10,12,9,11,5",
        "2024-01-01 01:00:00.5-0400,10,12,9,11,5",
        "2024-01-01T06:00:00.500000000Z,10,12,9,11,5",
    ]
    file = read(text(tmp_path, rows(*lines)))
    assert file.tables[0].start[0] == parse_instant("2024-01-01T04:00:00.5Z") and file.interval == HOUR


def test_unnamed_first_column_and_plain_dates(tmp_path: Path) -> None:
    days = ("2024-01-02", "2024-01-03", "2024-01-05", "2024-01-06")
    body = rows(*(f"{day},1,2,1,2" for day in days), head=",Open,High,Low,Close\n")
    assert read(text(tmp_path, body)).interval == DAY


def test_naive_times_only_when_said(tmp_path: Path) -> None:
    path = text(tmp_path, rows(*(line.replace("Z", "") for line in GOOD)))
    refused(path, "row 1", "2024-01-01T00:00:00", "no zone", "--assume-utc")
    file = read(path, assume_utc=True)
    assert file.tables[0].start[0] == parse_instant("2024-01-01") and "UTC" in file.notes[0]


def test_a_naive_time_deep_in_the_file_is_named(tmp_path: Path) -> None:
    refused(text(tmp_path, rows(GOOD[0], GOOD[1].replace("Z", ""), GOOD[2])), "row 2", "no zone")


def test_a_column_named_utc_is_utc(tmp_path: Path) -> None:
    body = rows(*(line.replace("Z", "") for line in GOOD), head=HEAD.replace("ts", "timestamp_utc"))
    assert "column's name" in read(text(tmp_path, body)).notes[0]


def test_naive_parquet(tmp_path: Path) -> None:
    path = tmp_path / "X.parquet"
    pa.parquet.write_table(frame(ts=frame().column("ts").cast(pa.timestamp("us"))), path)
    refused(path, "no zone")
    pa.parquet.write_table(frame(ts=pa.array([19_000, 19_001, 19_002], pa.date32())), path)
    assert read(path).interval == DAY


def test_quotes_become_mids_and_spreads(tmp_path: Path) -> None:
    lines = [
        "2024-01-01T00:00:00Z,1.0,1.2,0.9,1.1,1.2,1.4,1.1,1.3",
        "2024-01-01T00:01:00Z,,,,,1.2,1.4,1.1,1.3",
        "2024-01-01T00:02:00Z,1.0,1.2,0.9,1.1,1.2,1.2,1.0,1.0",
    ]
    file = read(text(tmp_path, rows(*lines, head=QUOTES)))
    (table,) = file.tables
    assert table.close.tolist() == pytest.approx([1.2, 1.05]) and not table.exact
    assert table.spread is not None and table.spread.tolist() == pytest.approx([0.2, 0.0])
    notes = " ".join(file.notes)
    assert (
        "mids" in notes
        and "1 of 3 bars have one side only" in notes
        and "1 of 3 bars close with bid above" in notes
    )


def test_half_a_side_is_refused(tmp_path: Path) -> None:
    lines = ["2024-01-01T00:00:00Z,1,2,1,2,2,3,2,3", "2024-01-01T00:01:00Z,1,,1,2,2,3,2,3"]
    refused(text(tmp_path, rows(*lines, head=QUOTES)), "row 2", "bid_high is nan")


def test_panel_of_closes(tmp_path: Path) -> None:
    file = read(text(tmp_path, "Date,MSFT,AAPL,BRK.B\n2024-01-02,1,2,3\n2024-01-03,1.5,2,3\n"))
    assert [table.label for table in file.tables] == ["AAPL", "BRK.B", "MSFT"]
    assert file.tables[2].high.tolist() == file.tables[2].close.tolist() == [1, 1.5]
    assert "closes only" in file.notes[0]


def test_contracts_are_instruments(tmp_path: Path) -> None:
    lines = [f"{line},{name}" for name in ("H4", "M4") for line in GOOD]
    tables = read(text(tmp_path, rows(*lines, head=CONTRACT))).tables
    assert [table.label for table in tables] == ["H4", "M4"] and len(tables[0].start) == 3


def test_chunks_join(tmp_path: Path) -> None:
    count = CHUNK_ROWS + 3
    start = 1_704_067_200
    lines = [f"{start + 60 * k},10,12,9,{10 + k % 2},1" for k in range(count)]
    file = read(text(tmp_path, rows(*lines)))
    assert file.rows == count and file.tables[0].close[-1] == 10 + (count - 1) % 2
    lines[CHUNK_ROWS + 1] = lines[CHUNK_ROWS + 1].replace(",9,", ",x,")
    refused(text(tmp_path, rows(*lines)), f"row {CHUNK_ROWS + 2}", "low 'x' is not a number")


# ---- what is refused ---------------------------------------------------------------------------------


def changed(line: int, old: str, new: str) -> str:
    lines = list(GOOD)
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new)
    return rows(*lines)


STAMP = "2024-01-01T00:01:00Z"
BAD = {
    "missing column": (rows("2024-01-01,1,2", head="ts,open,Low\n"), ("high, close", "found ts, open, Low")),
    "no time": (rows("1,2,1,2", head="open,high,low,close\n"), ("no column of times", "open, high")),
    "no header": (rows(*GOOD, head=""), ("first line holds values",)),
    "blank price": (changed(1, "11,12,10", ",12,10"), ("row 2", STAMP, "open is nan")),
    "nan": (changed(1, ",10,", ",NaN,"), ("row 2", STAMP, "low is nan")),
    "inf": (changed(1, ",12,", ",inf,"), ("row 2", STAMP, "high is inf")),
    "text": (changed(1, ",12,", ",abc,"), ("row 2", "high 'abc' is not a number")),
    "zero": (changed(1, ",10,", ",0,"), ("row 2", STAMP, "low is 0", "above zero")),
    "negative": (changed(1, ",10,", ",-3,"), ("row 2", STAMP, "low is -3")),
    "high below low": (changed(1, ",12,10,", ",10,12,"), ("row 2", STAMP, "high 10 is below low 12")),
    "open outside": (changed(1, "Z,11", "Z,9"), ("row 2", STAMP, "open 9 is outside low 10 to high 12")),
    "close outside": (changed(1, ",11,0", ",13,0"), ("row 2", STAMP, "close 13 is outside")),
    "negative volume": (changed(1, ",11,0", ",11,-1"), ("row 2", STAMP, "volume is -1")),
    "missing volume": (changed(1, ",11,0", ",11,"), ("row 2", STAMP, "volume is nan")),
    "duplicate": (changed(1, "00:01:00", "00:00:00"), ("row 2", "2024-01-01T00:00:00Z", "twice")),
    "unsorted": (rows(GOOD[0], GOOD[2], GOOD[1]), ("row 3", STAMP, "before the row above", "sort it")),
    "newest first": (rows(*reversed(GOOD)), ("newest to the oldest", "sort it")),
    "month 13": (changed(1, "2024-01", "2024-13"), ("row 2", "2024-13-01", "is not a time")),
    "words for time": (changed(1, STAMP, "yesterday"), ("row 2", "'yesterday' is not a time")),
    "compact date": (rows("20240101,1,2,1,2,0", "20240102,1,2,1,2,0"), ("row 1", "'20240101' is not a time")),
    "units mixed": (rows("1704067200,1,2,1,2,0", "1704067260000,1,2,1,2,0"), ("row 2", "unit of row 1")),
    "ragged": (changed(1, ",0", ",0,9"), ("row 2", "7 values for 6 columns")),
    "header only": (HEAD, ("no rows",)),
    "empty": ("", ("empty",)),
    "one row": (rows(GOOD[0]), ("at least two bars",)),
    "two closes": (rows("1,1", head="ts,open,high,low,close,Close\n"), ("two columns", "close")),
    "funding": (rows("2024-01-01,0.1", head="ts,funding_rate\n"), ("funding rates, not bars",)),
    "ticks": (rows("2024-01-01,1,2", head="ts,price,size\n"), ("ticks, not bars",)),
    "book": (rows("2024-01-01,1,2", head="ts,bid,ask\n"), ("order book, not bars",)),
    "news": (rows("2024-01-01,x", head="ts,headline\n"), ("news",)),
    "rolls": (rows("2024-01-01,1", head="ts,adj_factor\n"), ("roll times, not bars",)),
    "prose": ("Dear all, this is not data\nat all, no\n", ("no column of times",)),
    "panel hole": (rows("2024-01-01,1,2", "2024-01-02,,2", head="ts,AAPL,KO\n"), ("row 2", "AAPL is nan")),
    "contract": (rows("2024-01-01,1,1,1,1,1,", head=CONTRACT), ("row 1", "contract is empty")),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_text_is_refused(tmp_path: Path, case: str) -> None:
    body, words = BAD[case]
    refused(text(tmp_path, body), *words)


def test_noise_in_the_last_bits_is_tolerated(tmp_path: Path) -> None:
    assert read(text(tmp_path, changed(1, ",12,10,11", ",12,10,12.000000000001"))).rows == 3


def nowhere(folder: Path) -> Path:
    return folder / "none.csv"


def parquet_called_csv(folder: Path) -> Path:
    pa.parquet.write_table(frame(), folder / "lie.csv")
    return folder / "lie.csv"


def csv_called(suffix: str) -> Callable[[Path], Path]:
    return lambda folder: text(folder, rows(*GOOD), f"lie{suffix}")


def cut_gzip(folder: Path) -> Path:
    (folder / "X.csv.gz").write_bytes(gzip.compress(rows(*GOOD).encode())[:-12])
    return folder / "X.csv.gz"


def cut_parquet(folder: Path) -> Path:
    pa.parquet.write_table(frame(), folder / "X.parquet")
    content = (folder / "X.parquet").read_bytes()
    (folder / "X.parquet").write_bytes(content[:100] + bytes(50) + content[150:])
    return folder / "X.parquet"


def junk(folder: Path) -> Path:
    (folder / "X.csv").write_bytes(bytes(range(256)) * 8)
    return folder / "X.csv"


def zeros(folder: Path) -> Path:
    (folder / "X.csv").write_bytes(bytes(4096))
    return folder / "X.csv"


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (nowhere, "No such file"),
        (lambda folder: folder, "folder"),
        (lambda folder: text(folder, "x", "X.xlsx"), "unknown file type"),
        (lambda folder: text(folder, "", "X.parquet"), "empty"),
        (parquet_called_csv, "not a .csv file"),
        (csv_called(".parquet"), "not a .parquet file"),
        (csv_called(".feather"), "not a .feather file"),
        (csv_called(".csv.gz"), "not a .csv.gz file"),
        (cut_gzip, "not a .csv.gz file"),
        (cut_parquet, "X.parquet"),
        (junk, "not a .csv file"),
        (zeros, "not"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, make: Callable[[Path], Path], word: str) -> None:
    refused(make(tmp_path), word)


def test_unreadable_file(tmp_path: Path) -> None:
    path = text(tmp_path, rows(*GOOD))
    path.chmod(0)
    try:
        path.open().close()
    except PermissionError:
        refused(path, "Permission denied")
    else:
        pytest.skip("this user may read everything")
    finally:
        path.chmod(0o600)


def test_text_in_parquet_prices(tmp_path: Path) -> None:
    path = tmp_path / "X.parquet"
    pa.parquet.write_table(frame(close=["a", "b", "c"]), path)
    refused(path, "'close' holds string")
    pa.parquet.write_table(frame(close=[1.0, None, 2.0]), path)
    refused(path, "row 2", "close is nan")
    pa.parquet.write_table(frame(ts=pa.array([0, None, 60], pa.timestamp("s", "UTC"))), path)
    refused(path, "row 2", "time is missing")
    pa.parquet.write_table(frame(ts=[1.5, 2.5, 3.5]), path)
    refused(path, "the times are double")
    pa.parquet.write_table(frame().slice(0, 0), path)
    refused(path, "no rows")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "X.parquet"
    pa.parquet.write_table(frame(), path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"quorate\[data\]"):
        read(path)
    assert read(text(tmp_path, rows(*GOOD))).rows == 3
