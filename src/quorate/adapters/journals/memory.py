"""A journal in memory: what backtests and replays write, compare and throw away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from quorate.core.canon import ZERO_DIGEST
from quorate.core.errors import InvariantError, JournalError, TamperError
from quorate.core.record import BlockRef, Record, link


class MemoryJournal:
    """Journal and JournalReader in one. Holds every record and block until it is dropped."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._blocks: dict[int, bytes] = {}
        self._head = ZERO_DIGEST
        self._closed = False

    @property
    def next_number(self) -> int:
        """The number the next record will bear."""
        return len(self._records)

    @property
    def head(self) -> bytes:
        """The digest of the last record, 32 bytes; zeros before the first."""
        return self._head

    def append(self, at: int, kind: str, payload: bytes) -> Record:
        """Link one record on and return it. Hot. Raises JournalError once closed."""
        if self._closed:
            raise JournalError("the journal is closed, nothing more can be written")
        number = len(self._records)
        digest = link(number, at, kind, payload, self._head)
        record = Record(number, at, kind, payload, self._head, digest)
        self._records.append(record)
        self._head = digest
        return record

    def keep_block(self, ref: BlockRef, content: bytes) -> None:
        """Keep a block's content. Raises JournalError on a second one of its number or once closed."""
        if self._closed:
            raise JournalError("the journal is closed, nothing more can be written")
        if ref.block in self._blocks:
            raise JournalError(f"block {ref.block} is kept already")
        check_block(ref, content)
        self._blocks[ref.block] = content

    def flush(self) -> None:
        """Memory has nothing to flush."""

    def close(self) -> None:
        """Refuse all further writing; reading goes on."""
        self._closed = True

    def records(self) -> Iterator[Record]:
        """All records in order."""
        return iter(self._records)

    def block(self, number: int) -> bytes:
        """A block's content. Raises TamperError when there is none of this number."""
        if number not in self._blocks:
            raise TamperError(f"block {number} is missing", number=number)
        return self._blocks[number]

    def block_numbers(self) -> Iterator[int]:
        """The numbers of all blocks kept, rising."""
        return iter(sorted(self._blocks))


def check_block(ref: BlockRef, content: bytes) -> None:
    """Raises InvariantError unless the content is what the reference says: never write what cannot verify."""
    if hashlib.sha256(content).hexdigest() != ref.sha256:
        raise InvariantError(f"block {ref.block} does not have the SHA-256 its reference says")
