"""The journal as one SQLite file: written append-only, read without write access, verified value by value."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import starmap
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from quorate.adapters.journals import schema
from quorate.adapters.journals.memory import check_block
from quorate.audit.audit import Verification, verify
from quorate.core.canon import ZERO_DIGEST
from quorate.core.errors import InputError, JournalError, TamperError
from quorate.core.record import BlockRef, Record, link

_INSERT_RECORD = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_BLOCK = "INSERT INTO blocks VALUES (?, ?, ?)"
_RECORDS = "SELECT number, at, kind, payload, previous, digest FROM records ORDER BY number"
_LOCK_WAIT_S = 2.0
_BATCH = 1024
_LEVEL = 1  # columns of bars shrink to a third; level 6 gains 3 % more for four times the work
# A damaged file can make SQLite quote, in its own complaint, text that is not UTF-8.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)
_BLOCK_LIMIT = 1 << 30  # bytes a block may inflate to: an altered one must not fill the memory


class SqliteJournal:
    """The append-only chain in a new file at ``path``.

    Records are committed by ``batch`` and at ``flush``: what is committed outlives a killed process. With
    ``durable`` it outlives a power cut too, and every record is its own commit unless ``batch`` says
    otherwise. A block goes in with the next record committed, so keep it before its record is appended.
    ``resume`` takes up a partial journal where it stopped, migrated to this version and proved first.

    Raises InputError when ``path`` exists already (or, to resume, is no journal), JournalError when it cannot
    be written or not be believed. After a failed write nothing more is accepted; what was committed stays,
    and ``head`` is its head.
    """

    def __init__(self, path: Path, *, durable: bool, batch: int | None = None, resume: bool = False) -> None:
        self._path = path
        self._batch = batch or (1 if durable else _BATCH)
        self._rows: list[tuple[int, int, str, bytes, bytes, bytes]] = []
        self._blocks: list[tuple[int, bytes, bytes]] = []
        self._refusal = ""
        self._next, self._head = 0, ZERO_DIGEST
        with ExitStack() as undo:
            if resume:
                _connect(path).close()
            else:
                _claim(path)
                undo.callback(path.unlink, missing_ok=True)
            try:
                self._connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None)
                undo.callback(self._connection.close)
                self._prepare(durable, resume)
            except (*_DAMAGE, OSError) as error:
                raise _unwritable(path, error) from error
            undo.pop_all()

    def _prepare(self, durable: bool, resume: bool) -> None:
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        schema.upgrade(self._connection)
        if resume:
            self._take_up()
        # A write-ahead log: readers never stop the writer, and a kill at any point leaves the last commit.
        self._connection.execute("PRAGMA journal_mode = WAL")

    def _take_up(self) -> None:
        if not self._connection.execute("SELECT count(*) FROM records").fetchone()[0]:
            return  # killed before its first commit
        found = verify_file(self._path, allow_partial=True)
        if not found.ok:
            raise JournalError(f"cannot go on from this journal: {found.why}", where=str(self._path))
        if found.complete:
            raise JournalError("the journal is closed, it cannot go on", where=str(self._path))
        self._next, self._head = found.records, bytes.fromhex(found.head_digest)

    @property
    def next_number(self) -> int:
        """The number the next record will bear."""
        return self._next

    @property
    def head(self) -> bytes:
        """The digest of the last record, 32 bytes; zeros before the first."""
        return self._head

    def append(self, at: int, kind: str, payload: bytes) -> Record:
        """Link one record on and return it. Hot. Raises JournalError when it cannot be written."""
        if self._refusal:
            raise JournalError(self._refusal, where=str(self._path))
        number, previous = self._next, self._head
        digest = link(number, at, kind, payload, previous)
        self._rows.append((number, at, kind, payload, previous, digest))
        self._next, self._head = number + 1, digest
        if len(self._rows) >= self._batch:
            self._commit()
        return Record(number, at, kind, payload, previous, digest)

    def keep_block(self, ref: BlockRef, content: bytes) -> None:
        """Take a block's content; it is stored with the next record. Raises InvariantError when it is not
        what ``ref`` says, JournalError once closed or failed.
        """
        if self._refusal:
            raise JournalError(self._refusal, where=str(self._path))
        check_block(ref, content)
        body = zlib.compress(content, _LEVEL)
        self._blocks.append((ref.block, body, hashlib.sha256(body).digest()))

    def flush(self) -> None:
        """Commit everything so far. Raises JournalError when it cannot be written."""
        if self._refusal:
            raise JournalError(self._refusal, where=str(self._path))
        if self._rows or self._blocks:
            self._commit()

    def close(self) -> None:
        """Commit, fold the log into the one file and let go of it; a second call does nothing.

        Raises JournalError when it cannot be written, or a reader keeps it from becoming one file. After
        an earlier failure it only lets go: that one was raised already.
        """
        try:
            if not self._refusal:
                self.flush()
                self._fold()
        finally:
            self._connection.close()
            self._refusal = self._refusal or "the journal is closed, nothing more can be written"

    def _commit(self) -> None:
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(_INSERT_BLOCK, self._blocks)
                self._connection.executemany(_INSERT_RECORD, self._rows)
        except (sqlite3.Error, OSError) as error:
            failure = _unwritable(self._path, error)
            self._refusal = f"an earlier write failed: {failure.what}"
            if self._rows:  # back to what is stored: a head that can be verified
                self._next, self._head = self._rows[0][0], self._rows[0][4]
            raise failure from error
        self._rows.clear()
        self._blocks.clear()

    def _fold(self) -> None:
        try:
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA journal_mode = DELETE")
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"all records are written, but the file cannot be closed into one: {error}",
                where=str(self._path),
                todo="close whoever reads it, and keep the -wal file beside it",
            ) from error


class SqliteReader:
    """A journal file as it stood when it was opened; see ``open_journal``. Closes as a context manager."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def records(self) -> Iterator[Record]:
        """All records in order, values just as stored, of whatever type. Raises JournalError where the
        file cannot be read on.
        """
        try:
            yield from starmap(Record, self._connection.execute(_RECORDS))
        except _DAMAGE as error:
            raise _unreadable(self._path, error) from error

    def block(self, number: int) -> bytes:
        """A block's content. Raises TamperError when missing, altered or unreadable."""
        try:
            row = self._connection.execute(
                "SELECT body, stored FROM blocks WHERE number = ?", (number,)
            ).fetchone()
        except (*_DAMAGE, OverflowError) as error:
            raise TamperError(f"block {number} cannot be read: {error}", number=number) from error
        if row is None:
            raise TamperError(f"block {number} is missing", number=number)
        body, stored = row
        if type(body) is not bytes or type(stored) is not bytes or hashlib.sha256(body).digest() != stored:
            raise TamperError(f"block {number} was altered", number=number)
        inflater = zlib.decompressobj()
        try:
            content = inflater.decompress(body, _BLOCK_LIMIT)
        except zlib.error as error:
            raise TamperError(f"block {number} does not inflate: {error}", number=number) from error
        if not inflater.eof or inflater.unused_data:
            raise TamperError(f"block {number} does not end where its content ends", number=number)
        return content

    def block_numbers(self) -> Iterator[int]:
        """The numbers of all blocks stored, rising. Raises JournalError where the file cannot be read on."""
        try:
            for (number,) in self._connection.execute("SELECT number FROM blocks ORDER BY number"):
                yield number
        except _DAMAGE as error:
            raise _unreadable(self._path, error) from error

    def check_pages(self) -> None:
        """SQLite's own check of pages and column types, and that nothing follows the last page of a file
        without a log. Raises JournalError with what it finds.
        """
        try:
            finding = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            mode, pages, size = (
                self._connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "page_count", "page_size")
            )
        except _DAMAGE as error:
            raise _unreadable(self._path, error) from error
        beyond = self._path.stat().st_size - pages * size
        if finding == "ok" and mode != "wal" and beyond:
            finding = f"{beyond} bytes follow its last page"
        if finding != "ok":
            raise JournalError(f"the file is damaged: {finding}", where=str(self._path))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_journal(path: Path) -> SqliteReader:
    """A reader of the journal at ``path``, without write access: one snapshot, also while it is written.

    Raises InputError when there is no journal there, or one of a newer version; JournalError when it is one
    but damaged, altered in its tables, or cannot be opened.
    """
    with ExitStack() as undo:
        connection = _connect(path)
        undo.callback(connection.close)
        try:
            if schema.version_of(connection)[1] != schema.latest():
                raise JournalError(
                    f"the journal is not of version {schema.latest()}",
                    where=str(path),
                    todo="resume it once to migrate it",
                )
            difference = schema.shape_of(connection) ^ schema.expected()
        except _DAMAGE as error:
            raise _unreadable(path, error) from error
        if difference:
            names = ", ".join(sorted({repr(name) for _, name, _, _ in difference}))
            raise JournalError(f"the tables are not those of a journal: {names}", where=str(path))
        undo.pop_all()
    return SqliteReader(connection, path)


def verify_file(
    path: Path,
    head: bytes | None = None,
    allow_partial: bool = False,
    rows_in: Callable[[bytes], int] | None = None,
) -> Verification:
    """Prove the journal at ``path``: its tables, every value of every row, every block, the file's pages.

    Arguments as in ``audit.verify``. Raises InputError when there is no journal at ``path``; all else that is
    wrong is the answer.
    """
    try:
        reader = open_journal(path)
    except JournalError as error:
        return Verification(False, 0, None, error.line(), False, ZERO_DIGEST.hex())
    with reader:
        found = verify(
            reader.records(),
            reader.block,
            head=head,
            allow_partial=allow_partial,
            stored=reader.block_numbers(),
            rows_in=rows_in,
        )
        if not found.ok:
            return found
        try:
            reader.check_pages()
        except JournalError as error:
            return msgspec.structs.replace(found, ok=False, why=error.line())
        return found


def _claim(path: Path) -> None:
    """Make the file, or fail: two desks can never write one journal."""
    try:
        path.open("xb").close()
    except FileExistsError as error:
        raise InputError(
            "exists already", where=str(path), todo="name another file, journals are never overwritten"
        ) from error
    except OSError as error:
        raise _unwritable(path, error) from error


def _connect(path: Path) -> sqlite3.Connection:
    """A reading connection, one snapshot. Raises InputError unless a journal we know lies at ``path``."""
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), todo="name the journal.db of a run")
    if path.stat().st_size == 0:
        raise InputError("the file is empty, not a journal", where=str(path))
    with ExitStack() as undo:
        try:
            address = f"{path.resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(address, uri=True, timeout=_LOCK_WAIT_S, isolation_level=None)
            undo.callback(connection.close)
            connection.execute("BEGIN")
            application, version = schema.version_of(connection)
        except _DAMAGE as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
                raise InputError("not a journal: not an SQLite file", where=str(path)) from error
            raise _unreadable(path, error) from error
        if application != schema.APPLICATION_ID:
            raise InputError("an SQLite file, but not a journal of Quorate", where=str(path))
        if version > schema.latest():
            raise InputError(
                f"written by a newer Quorate: journal version {version}, this one knows {schema.latest()}",
                where=str(path),
                todo="upgrade quorate",
            )
        undo.pop_all()
    # Text that is not UTF-8 must come out as a value to be judged, not as an error.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def _unwritable(path: Path, error: Exception) -> JournalError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return JournalError(
        f"the journal cannot be written: {why}",
        where=str(path),
        todo="see that its folder exists, may be written to, has space, and that nobody else writes it",
    )


def _unreadable(path: Path, error: Exception) -> JournalError:
    why = "the file is damaged, its text is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
    return JournalError(f"the journal cannot be read: {why}", where=str(path))
