"""Every Journal keeps the same promises: same inputs, same bytes, linked, readable, closed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from quorate.adapters.journals.memory import MemoryJournal
from quorate.adapters.journals.sqlite import SqliteJournal, SqliteReader, open_journal
from quorate.audit.audit import verify
from quorate.core.canon import ZERO_DIGEST, spell
from quorate.core.errors import InvariantError, JournalError, TamperError
from quorate.core.ports import Journal, JournalReader
from quorate.core.record import Record, link
from tests.unit import journal_samples as samples

Read = Callable[[], JournalReader]
Plug = tuple[Journal, Read]


@pytest.fixture(params=["memory", "sqlite", "sqlite durable", "sqlite durable in blocks"])
def plug(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plug]:
    """A fresh journal and how to read it back."""
    if request.param == "memory":
        memory = MemoryJournal()
        yield memory, lambda: memory
        return
    path, readers = tmp_path / "journal.db", []
    batch = 7 if "blocks" in request.param else None

    def read() -> SqliteReader:
        readers.append(open_journal(path))
        return readers[-1]

    yield SqliteJournal(path, durable="durable" in request.param, batch=batch), read
    for reader in readers:
        reader.close()


def take(reader: JournalReader) -> list[Record]:
    """All records, and let go of the file: whoever reads on keeps a journal from closing into one file."""
    found = list(reader.records())
    if isinstance(reader, SqliteReader):
        reader.close()
    return found


def test_what_was_appended_is_read_back(plug: Plug) -> None:
    journal, read = plug
    assert (journal.next_number, journal.head) == (0, ZERO_DIGEST)
    records = [journal.append(0, "opened", samples.opened())]
    records += [journal.append(*event) for event in samples.events(20)]
    assert records[7] == Record(
        7, records[7].at, records[7].kind, records[7].payload, records[6].digest,
        link(7, records[7].at, records[7].kind, records[7].payload, records[6].digest),
    )  # fmt: skip
    assert (journal.next_number, journal.head) == (21, records[-1].digest)
    journal.flush()
    assert take(read()) == records
    journal.close()
    assert take(read()) == records


def test_same_inputs_same_bytes_in_every_journal(plug: Plug) -> None:
    journal, read = plug
    reference = MemoryJournal()
    assert samples.write(journal) == samples.write(reference)
    assert list(read().records()) == list(reference.records())
    assert all(read().block(i) == reference.block(i) for i in range(3))


def test_a_closed_journal_verifies_and_a_missing_block_is_named(plug: Plug) -> None:
    journal, read = plug
    head = samples.write(journal)
    reader = read()
    found = verify(reader.records(), reader.block, head=head, rows_in=samples.rows_in)
    assert found.ok, found.why
    assert (found.records, found.first_bad, found.complete, found.head_digest) == (60, None, True, head.hex())
    with pytest.raises(TamperError, match="block 9 is missing"):
        reader.block(9)


def test_nothing_is_written_after_close_and_close_may_be_repeated(plug: Plug) -> None:
    journal, read = plug
    samples.write(journal)
    journal.close()
    ref, content = samples.block(8)
    with pytest.raises(JournalError, match="closed"):
        journal.append(1, "wake", b"{}")
    with pytest.raises(JournalError, match="closed"):
        journal.keep_block(ref, content)
    assert sum(1 for _ in read().records()) == 60


def test_a_block_that_is_not_its_reference_is_refused(plug: Plug) -> None:
    journal, _ = plug
    ref, content = samples.block(0)
    with pytest.raises(InvariantError, match="block 0"):
        journal.keep_block(ref, content + b" ")
    journal.close()


def test_a_block_number_cannot_be_used_twice(plug: Plug) -> None:
    journal, _ = plug
    ref, content = samples.block(0)
    other = msgspec.structs.replace(ref, block=0)
    journal.keep_block(ref, content)
    with pytest.raises(JournalError):
        journal.keep_block(other, content)
        journal.append(0, "block", spell(other))
        journal.flush()
    journal.close()
