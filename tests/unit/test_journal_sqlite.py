"""The SQLite journal: one file at the end, nothing committed is lost, and every failure says what to do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from quorate.adapters.journals import schema
from quorate.adapters.journals.sqlite import SqliteJournal, open_journal, verify_file
from quorate.core.errors import InputError, JournalError
from tests.support import ROOT
from tests.unit import journal_samples as samples


def closed(path: Path) -> Path:
    samples.write(SqliteJournal(path, durable=False))
    return path


def test_a_closed_journal_is_one_file_with_one_row_a_record(tmp_path: Path) -> None:
    head = samples.write(SqliteJournal(tmp_path / "j.db", durable=True, batch=16))
    assert [file.name for file in tmp_path.iterdir()] == ["j.db"]
    found = verify_file(tmp_path / "j.db", head=head, rows_in=samples.rows_in)
    assert found.ok and found.records == 60, found.why
    assert [file.name for file in tmp_path.iterdir()] == ["j.db"]  # reading leaves nothing either


def test_same_inputs_same_rows_whatever_the_batch(tmp_path: Path) -> None:
    rows = []
    for batch in (1, 9, 1024):
        path = tmp_path / f"{batch}.db"
        samples.write(SqliteJournal(path, durable=False, batch=batch))
        with sqlite3.connect(path) as connection:
            rows.append(
                list(connection.execute("SELECT * FROM records UNION ALL SELECT *, 0, 0, 0 FROM blocks"))
            )
        connection.close()
    assert rows[0] == rows[1] == rows[2]


def test_an_existing_path_is_never_touched(tmp_path: Path) -> None:
    path = closed(tmp_path / "j.db")
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        SqliteJournal(path, durable=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["no/folder/j.db", "file/j.db"])
def test_a_folder_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot be written: .*see that its folder exists"):
        SqliteJournal(tmp_path / name, durable=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError, match="cannot be written: Permission denied"):
        SqliteJournal(tmp_path / "j.db", durable=True)


@pytest.mark.parametrize("batch", [1, 50])
def test_a_full_disk_loses_nothing_that_was_flushed(tmp_path: Path, batch: int) -> None:
    path = tmp_path / "j.db"
    journal = SqliteJournal(path, durable=False, batch=batch)
    samples.begin(journal)
    journal.flush()
    flushed = journal.next_number
    journal._connection.execute("PRAGMA max_page_count = 20")  # SQLite then says just what a full disk says
    with pytest.raises(JournalError, match=r"j\.db: .*database or disk is full .*space"):
        for event in samples.events(5_000):
            journal.append(*event)
    with pytest.raises(JournalError, match=r"an earlier write failed: .*full"):
        journal.append(0, "tell", b"{}")
    with pytest.raises(JournalError, match="an earlier write failed"):
        journal.flush()
    journal.close()
    found = verify_file(path, allow_partial=True)
    assert found.ok and found.records >= flushed, found.why
    assert (journal.next_number, journal.head.hex()) == (found.records, found.head_digest)


LIMITED = """
import resource, sys
from pathlib import Path
from quorate.adapters.journals.sqlite import SqliteJournal
from quorate.core.errors import JournalError
from tests.unit import journal_samples as samples
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
journal = SqliteJournal(Path(sys.argv[1]), durable=True, batch=20)
try:
    samples.begin(journal, count=5_000)
except JournalError as error:
    sys.stdout.write(error.line())
journal.close()
"""

ENDLESS = """
import sys
from pathlib import Path
from quorate.adapters.journals.sqlite import SqliteJournal
from tests.unit import journal_samples as samples
journal = SqliteJournal(Path(sys.argv[1]), durable=True, batch=int(sys.argv[2]))
samples.begin(journal)
for event in samples.events(10**9):
    journal.append(*event)
    if journal.next_number % journal._batch == 0:
        sys.stdout.write(f"{journal.next_number}\\n")
        sys.stdout.flush()
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_disk_that_refuses_to_write(tmp_path: Path) -> None:
    process = start(LIMITED, str(tmp_path / "j.db"))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "the journal cannot be written" in said
    found = verify_file(tmp_path / "j.db", allow_partial=True)
    assert found.ok and found.records > 100 and not found.complete, found.why


@pytest.mark.parametrize("batch", ["1", "40"])
def test_a_killed_process_leaves_all_it_committed(tmp_path: Path, batch: str) -> None:
    path = tmp_path / "j.db"
    process = start(ENDLESS, str(path), batch)
    assert process.stdout is not None
    committed = 0
    while committed < 300:
        committed = int(process.stdout.readline())
    process.kill()
    rest = process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    whole = [int(line) for line in rest[:-1]]  # the last line may be cut
    committed = max([committed, *whole])
    found = verify_file(path)
    assert (found.ok, found.why, found.first_bad) == (False, "partial: no closing record", found.records)
    assert found.records >= committed
    assert verify_file(path, allow_partial=True).ok
    journal = SqliteJournal(path, durable=True, batch=10, resume=True)
    assert (journal.next_number, journal.head.hex()) == (found.records, found.head_digest)
    journal.append(1, "closed", samples.closing(journal.next_number, 3))
    journal.close()
    assert verify_file(path).ok
    assert [file.name for file in tmp_path.iterdir()] == ["j.db"]


def test_a_locked_journal_says_so_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quorate.adapters.journals.sqlite._LOCK_WAIT_S", 0.05)
    path = tmp_path / "j.db"
    journal = SqliteJournal(path, durable=True)
    samples.begin(journal)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match=r"database is locked .*nobody else writes it"):
        journal.append(1, "tell", b"{}")
    other.close()
    journal.close()
    assert verify_file(path, allow_partial=True).records == 59


def test_a_reader_sees_one_snapshot_and_cannot_spoil_the_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quorate.adapters.journals.sqlite._LOCK_WAIT_S", 0.05)
    path = tmp_path / "j.db"
    journal = SqliteJournal(path, durable=True, batch=10)
    samples.begin(journal)
    journal.flush()
    with open_journal(path) as reader:
        journal.append(1, "closed", samples.closing(journal.next_number, 3))
        with pytest.raises(JournalError, match="all records are written"):
            journal.close()
        assert sum(1 for _ in reader.records()) == 59
    assert verify_file(path).ok


def test_resuming_refuses_closed_and_altered_journals_and_leaves_them_alone(tmp_path: Path) -> None:
    path = closed(tmp_path / "j.db")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="closed, it cannot go on"):
        SqliteJournal(path, durable=True, resume=True)
    assert path.read_bytes() == before
    partial = tmp_path / "p.db"
    journal = SqliteJournal(partial, durable=False)
    samples.begin(journal)
    journal.close()
    with sqlite3.connect(partial) as connection:
        connection.execute("UPDATE records SET at = at + 1 WHERE number = 20")
    connection.close()
    with pytest.raises(JournalError, match="cannot go on from this journal: record 20"):
        SqliteJournal(partial, durable=True, resume=True)
    with pytest.raises(InputError, match="no such file"):
        SqliteJournal(tmp_path / "none.db", durable=True, resume=True)


# ---- what is no journal, or not any more -------------------------------------------------------------


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


@pytest.mark.parametrize(
    ("why", "make"),
    [
        ("no such file", lambda path: None),
        ("no such file", lambda path: path.mkdir()),
        ("empty", lambda path: path.write_bytes(b"")),
        ("not an SQLite file", lambda path: path.write_bytes(b"ts,open,high,low,close\n" * 100)),
        ("not an SQLite file", lambda path: path.write_bytes(b"PAR1")),
        ("not a journal of Quorate", other_database),
    ],
)
def test_what_is_no_journal_is_an_input_error(tmp_path: Path, why: str, make: object) -> None:
    path = tmp_path / "j.db"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError, match=why):
        verify_file(path)
    with pytest.raises(InputError, match=why):
        open_journal(path)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE extra (x)",
        "DROP TABLE blocks",
        "ALTER TABLE records ADD COLUMN note TEXT",
        "ALTER TABLE blocks RENAME COLUMN stored TO kept",
        "CREATE INDEX by_kind ON records (kind)",
        "CREATE VIEW v AS SELECT * FROM records",
        "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM blocks; END",
        "ANALYZE",
    ],
)
def test_other_tables_are_found(tmp_path: Path, sql: str) -> None:
    path = closed(tmp_path / "j.db")
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    connection.close()
    found = verify_file(path)
    assert not found.ok
    assert "tables are not those of a journal" in found.why
    with pytest.raises(JournalError):
        open_journal(path)


def test_every_truncation_is_found(tmp_path: Path) -> None:
    whole = closed(tmp_path / "j.db").read_bytes()
    path = tmp_path / "cut.db"
    for length in [1, 50, 99, 100, 1000, 4095, *range(4096, len(whole), 4096), len(whole) - 1]:
        path.write_bytes(whole[:length])
        try:
            assert not verify_file(path).ok, length
        except InputError:
            assert length < 4096


@pytest.mark.parametrize("tail", [b"\0", b"more", bytes(4096)])
def test_what_is_appended_to_the_file_is_found(tmp_path: Path, tail: bytes) -> None:
    path = closed(tmp_path / "j.db")
    with path.open("ab") as file:
        file.write(tail)
    found = verify_file(path)
    assert not found.ok
    assert f"{len(tail)} bytes follow its last page" in found.why


def test_the_damaged_place_is_named(tmp_path: Path) -> None:
    path = closed(tmp_path / "j.db")
    data = bytearray(path.read_bytes())
    place = data.index(b"line 38")
    data[place] ^= 1
    path.write_bytes(data)
    found = verify_file(path)
    number = next(i for i, record in enumerate(records_of(tmp_path)) if b"line 38" in record)
    assert (found.ok, found.first_bad) == (False, number)


def records_of(folder: Path) -> list[bytes]:
    with open_journal(closed(folder / "again.db")) as reader:
        return [record.payload for record in reader.records()]


# ---- versions ----------------------------------------------------------------------------------------


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in schema.steps()] == list(range(1, schema.latest() + 1))


def test_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    path = closed(tmp_path / "j.db")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    for act in (verify_file, lambda p: SqliteJournal(p, durable=True, resume=True)):
        with pytest.raises(InputError, match=r"newer Quorate: journal version 2, this one knows 1 \(upgrade"):
            act(path)


def test_an_older_version_is_migrated_on_open_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.close()
    assert "not of version 1" in verify_file(path).why
    journal = SqliteJournal(path, durable=True, batch=50, resume=True)
    samples.write(journal)
    assert verify_file(path).ok


def test_each_step_is_applied_once_in_order_and_whole() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    first = (1, "CREATE TABLE a (x); INSERT INTO a VALUES (1);")
    second = (2, "ALTER TABLE a ADD COLUMN y DEFAULT 5;")
    schema.upgrade(connection, (first,))
    schema.upgrade(connection, (first, second))
    schema.upgrade(connection, (first, second))
    assert connection.execute("SELECT * FROM a").fetchall() == [(1, 5)]
    with pytest.raises(sqlite3.Error):
        schema.upgrade(connection, (first, second, (3, "DELETE FROM a; SELECT nonsense;")))
    assert connection.execute("SELECT * FROM a").fetchall() == [(1, 5)]
    assert schema.version_of(connection)[1] == 2
    connection.close()
