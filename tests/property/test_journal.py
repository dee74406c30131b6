"""Whatever is done to a stored value, row or byte of a journal is found, no later than where it was done."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quorate.adapters.journals.memory import MemoryJournal
from quorate.adapters.journals.sqlite import SqliteJournal, open_journal, verify_file
from quorate.audit.audit import Verification, verify
from quorate.core.errors import InputError, TamperError
from quorate.core.record import Record, link
from tests.unit import journal_samples as samples

EXAMPLES = 300
RECORDS, BLOCKS = 60, 3
COLUMNS = ("number", "at", "kind", "payload", "previous", "digest")

_honest = MemoryJournal()
samples.write(_honest)
HONEST = list(_honest.records())
BLOCK_RECORDS = [record.number for record in HONEST if record.kind == "block"]

Check = Callable[[Path], Verification]
Rng = random.Random
seeds = st.integers(min_value=0, max_value=2**64).map(Rng)  # repeatable: a red run is red again
# An alteration changes the rows in place and answers the lowest record number it touched, None when it only
# touched what no record names.
Alteration = Callable[[sqlite3.Connection, Rng], int | None]


class Bench:
    """An honest closed journal, and altered copies of it with the schema's guards out of the way."""

    def __init__(self, folder: Path) -> None:
        honest = folder / "honest.db"
        samples.write(SqliteJournal(honest, durable=False))
        self.honest = honest.read_bytes()
        self.path = folder / "altered.db"
        connection = self._open(self.honest)
        self.schema = connection.execute("SELECT name, sql FROM sqlite_schema").fetchall()
        lax = [(sql.replace(" STRICT", "").replace(" NOT NULL", ""), name) for name, sql in self.schema]
        self.lax = self._redefine(connection, lax)

    @staticmethod
    def _open(data: bytes) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.deserialize(data)
        return connection

    @staticmethod
    def _redefine(connection: sqlite3.Connection, tables: list[tuple[str, str]]) -> bytes:
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany("UPDATE sqlite_schema SET sql = ? WHERE name = ?", tables)
        data = connection.serialize()
        connection.close()
        return data

    def write(self, alteration: Alteration, rng: Rng) -> int | None:
        connection = self._open(self.lax)
        touched = alteration(connection, rng)
        self.path.write_bytes(self._redefine(connection, [(sql, name) for name, sql in self.schema]))
        return touched


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("journal"))


# ---- what can be done to a value ---------------------------------------------------------------------


def flip(value: Any, rng: Rng) -> Any:
    """One byte of it, or one bit of a number, changed."""
    if isinstance(value, int):
        flipped = value ^ (1 << rng.randrange(63))
        return -value - 1 if rng.random() < 0.05 else flipped
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    return bytes(data)


def truncate(value: Any, rng: Rng) -> Any:
    if isinstance(value, int):
        return value // 2 if value > 1 else value - 1
    return value[: rng.randrange(len(value))]


def extend(value: Any, rng: Rng) -> Any:
    if isinstance(value, int):
        return value * 2 + 1
    tail = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
    return bytes(value.encode() if isinstance(value, str) else value) + rng.choice([tail, b" ", b"\n", b"\0"])


def nullify(value: Any, rng: Rng) -> Any:
    return None


def retype(value: Any, rng: Rng) -> Any:
    """The same bytes or the same number as another type."""
    if isinstance(value, int):
        return rng.choice([str(value) + "x", str(value).encode()])
    return value.encode() if isinstance(value, str) else Text(value)


class Text(bytes):
    """Bytes to be stored as TEXT, whether they are UTF-8 or not."""


CHANGES = {"flip": flip, "truncate": truncate, "extend": extend, "null": nullify, "retype": retype}


def put(
    connection: sqlite3.Connection, table: str, column: str, number: int, value: Any, *, text: bool
) -> None:
    place = "CAST(? AS TEXT)" if text or isinstance(value, Text) else "?"
    connection.execute(f"UPDATE {table} SET {column} = {place} WHERE number = ?", (value, number))


def get(connection: sqlite3.Connection, table: str, column: str, number: int) -> Any:
    return connection.execute(f"SELECT {column} FROM {table} WHERE number = ?", (number,)).fetchone()[0]


def renumber(number: int, count: int, rng: Rng) -> int:
    """A number that no row has: beyond the end, below zero, or one bit away."""
    return rng.choice([-1 - rng.randrange(9), count + rng.randrange(9), number + (1 << rng.randrange(8, 62))])


def change_record(change: str, columns: tuple[str, ...] = COLUMNS) -> Alteration:
    def alter(connection: sqlite3.Connection, rng: Rng) -> int:
        column, number = rng.choice(columns), rng.randrange(RECORDS)
        if column == "number":  # a row id is always an integer: it can only be another one
            put(connection, "records", column, number, renumber(number, RECORDS, rng), text=False)
            return number
        old = get(connection, "records", column, number)
        text = column == "kind" and change in ("flip", "truncate", "extend")
        put(connection, "records", column, number, CHANGES[change](old, rng), text=text)
        return number

    return alter


def change_block(change: str, columns: tuple[str, ...] = ("number", "body", "stored")) -> Alteration:
    def alter(connection: sqlite3.Connection, rng: Rng) -> int:
        column, number = rng.choice(columns), rng.randrange(BLOCKS)
        if column == "number":
            put(connection, "blocks", column, number, renumber(number, BLOCKS, rng), text=False)
        else:
            old = get(connection, "blocks", column, number)
            put(connection, "blocks", column, number, CHANGES[change](old, rng), text=False)
        return BLOCK_RECORDS[number]

    return alter


# ---- what can be done to rows ------------------------------------------------------------------------


def delete(connection: sqlite3.Connection, rng: Rng) -> int:
    first = rng.choice([rng.randrange(RECORDS), RECORDS - 1 - rng.randrange(3)])
    last = rng.choice([first, rng.randrange(first, RECORDS), RECORDS])
    connection.execute("DELETE FROM records WHERE number BETWEEN ? AND ?", (first, last))
    if rng.random() < 0.5:  # and close the gap
        connection.execute("UPDATE records SET number = number - 1000000 WHERE number > ?", (first,))
        connection.execute("UPDATE records SET number = number + 999999 WHERE number < 0")
    return first


def swap(columns: tuple[str, ...]) -> Alteration:
    def alter(connection: sqlite3.Connection, rng: Rng) -> int:
        names = ", ".join(columns)
        row = f"SELECT {names} FROM records WHERE number = ?"
        one = other = a = b = None
        while one == other:  # records of one instant share their stamp: swapping it alters nothing
            a, b = sorted(rng.sample(range(RECORDS), 2))
            one, other = (connection.execute(row, (number,)).fetchone() for number in (a, b))
        assert a is not None
        sets = ", ".join(f"{name} = ?" for name in columns)
        connection.execute(f"UPDATE records SET {sets} WHERE number = ?", (*other, a))
        connection.execute(f"UPDATE records SET {sets} WHERE number = ?", (*one, b))
        return a

    return alter


def insert(connection: sqlite3.Connection, rng: Rng) -> int:
    """A copy of a row, put anywhere, the end included, all after it renumbered."""
    source, place = rng.randrange(RECORDS), rng.randrange(RECORDS + 1)
    row = connection.execute(
        "SELECT at, kind, payload, previous, digest FROM records WHERE number = ?", (source,)
    ).fetchone()
    connection.execute("UPDATE records SET number = -number - 2 WHERE number >= ?", (place,))
    connection.execute("UPDATE records SET number = -number - 1 WHERE number < 0")
    digest = link(place, *row[:4]) if rng.random() < 0.5 else row[4]  # a careful hand hashes its line anew
    connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", (place, *row[:4], digest))
    return place + 1 if source == place else place


def delete_block(connection: sqlite3.Connection, rng: Rng) -> int:
    number = rng.randrange(BLOCKS)
    connection.execute("DELETE FROM blocks WHERE number = ?", (number,))
    return BLOCK_RECORDS[number]


def add_block(connection: sqlite3.Connection, rng: Rng) -> None:
    connection.execute(
        "INSERT INTO blocks SELECT ?, body, stored FROM blocks WHERE number = ?",
        (renumber(0, BLOCKS, rng), rng.randrange(BLOCKS)),
    )


def swap_blocks(connection: sqlite3.Connection, rng: Rng) -> int:
    a, b = sorted(rng.sample(range(BLOCKS), 2))
    for old, new in ((a, -1), (b, a), (-1, b)):
        connection.execute("UPDATE blocks SET number = ? WHERE number = ?", (new, old))
    return BLOCK_RECORDS[a]


ALTERATIONS: dict[str, Alteration] = {
    **{f"record: {change}": change_record(change) for change in CHANGES},
    **{f"block: {change}": change_block(change) for change in CHANGES},
    "records deleted": delete,
    "payloads swapped": swap(("payload",)),
    "instants swapped": swap(("at",)),
    "rows swapped": swap(("at", "kind", "payload", "previous", "digest")),
    "record inserted": insert,
    "block deleted": delete_block,
    "block added": add_block,
    "blocks swapped": swap_blocks,
}


def hold(bench: Bench, alteration: Alteration, check: Check, examples: int = EXAMPLES) -> None:
    """The property: the check finds the alteration, and names no later record than was touched."""

    @settings(
        max_examples=examples, database=None, deadline=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(seeds)
    def alter(rng: Rng) -> None:
        touched = bench.write(alteration, rng)
        found = check(bench.path)
        assert not found.ok
        assert found.why
        if touched is not None:
            assert found.first_bad is not None, found.why
            assert found.first_bad <= touched, found.why

    alter()


def test_an_unaltered_copy_verifies(bench: Bench) -> None:
    bench.write(lambda connection, rng: None, Rng(0))
    found = verify_file(bench.path)
    assert found.ok, found.why
    assert (found.records, found.head_digest) == (RECORDS, HONEST[-1].digest.hex())


@pytest.mark.parametrize("name", ALTERATIONS)
def test_every_alteration_is_found(bench: Bench, name: str) -> None:
    hold(bench, ALTERATIONS[name], verify_file)


# ---- planted defects: a verifier that does not look at one column ------------------------------------


def blind_to(column: str) -> Check:
    """The same verifier with one column put right before it looks."""

    def healed(records: Iterator[Record]) -> Iterator[Record]:
        for place, record in enumerate(records):
            honest = getattr(HONEST[min(place, RECORDS - 1)], column)
            yield msgspec.structs.replace(record, **{column: honest})

    def check(path: Path) -> Verification:
        with open_journal(path) as reader:
            records = list(reader.records())
            if column == "number":  # blind to it in the order, too
                records.sort(key=lambda record: record.at)
            return verify(healed(iter(records)), reader.block, stored=reader.block_numbers())

    return check


@pytest.mark.parametrize("column", COLUMNS)
def test_a_verifier_blind_to_one_column_is_caught(bench: Bench, column: str) -> None:
    hold(bench, change_record("flip", (column,)), verify_file, 50)
    with pytest.raises(AssertionError):
        hold(bench, change_record("flip", (column,)), blind_to(column), 50)


def blind_to_bodies(path: Path) -> Verification:
    with open_journal(path) as reader:
        return verify(reader.records(), None, stored=reader.block_numbers())


def blind_to_stored(path: Path) -> Verification:
    def block(number: int) -> bytes:
        try:
            return reader.block(number)
        except TamperError:
            return _honest.block(number)

    with open_journal(path) as reader:
        return verify(reader.records(), block, stored=reader.block_numbers())


def blind_to_strays(path: Path) -> Verification:
    with open_journal(path) as reader:
        return verify(reader.records(), reader.block)


@pytest.mark.parametrize(
    ("name", "columns", "check"),
    [
        ("block: flip", ("body",), blind_to_bodies),
        ("block: flip", ("stored",), blind_to_stored),
        ("block added", (), blind_to_strays),
    ],
)
def test_a_verifier_blind_to_blocks_is_caught(
    bench: Bench, name: str, columns: tuple[str, ...], check: Check
) -> None:
    alteration = change_block("flip", columns) if columns else ALTERATIONS[name]
    with pytest.raises(AssertionError):
        hold(bench, alteration, check, 50)


# ---- the file itself ---------------------------------------------------------------------------------


def dump(data: bytes) -> list[list[Any]]:
    """Every stored value, read by another hand than the verifier's."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(data)
    try:
        return [list(connection.execute(f"SELECT * FROM {table}")) for table in ("records", "blocks")]
    finally:
        connection.close()


def damage(data: bytes, rng: Rng) -> bytes:
    """Some bytes changed anywhere, headers and page structure preferred now and then; sometimes cut short."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        page = rng.randrange(len(found) // 4096) * 4096
        place = rng.choice([rng.randrange(len(found)), rng.randrange(100), page + rng.randrange(16)])
        found[place] = rng.choice([rng.randrange(256), found[place] ^ (1 << rng.randrange(8))])
    return bytes(found[: rng.randrange(len(found))] if rng.random() < 0.05 else found)


@settings(max_examples=600, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=seeds)
def test_a_damaged_file_never_crashes_and_never_passes_with_other_values(bench: Bench, rng: Rng) -> None:
    data = damage(bench.honest, rng)
    bench.path.write_bytes(data)
    try:
        found = verify_file(bench.path)
    except InputError as error:  # not recognisable as a journal any more
        assert error.line().encode()
        return
    if found.ok:
        assert dump(data) == dump(bench.honest)
    else:
        assert found.why.encode()  # it can be printed
