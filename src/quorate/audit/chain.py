"""Proves a journal's hash chain line by line and names the first record that does not hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import get_args

import msgspec

from quorate.core.canon import CANON_VERSION, ZERO_DIGEST, read
from quorate.core.effects import AnyEffect
from quorate.core.errors import JournalError
from quorate.core.events import AnyEvent
from quorate.core.record import BLOCK, CLOSED, INPUT_KINDS, OPENED, BlockRef, Closed, Opened, Record, link
from quorate.core.signal import Signal

_STRUCTS = (*get_args(AnyEvent), *get_args(AnyEffect), Signal)

KINDS: frozenset[str] = INPUT_KINDS | {CLOSED} | {struct.__struct_config__.tag for struct in _STRUCTS}
"""Every kind a record may bear: the chain's own three, and the tags of all events, effects and signals."""

PARTIAL = "partial: no closing record"

_AT_BOUND = 2**63  # an instant is a signed 64-bit integer, in the store and in the digest
# Order is kept: a struct's fields stand as declared, so only a mapping's own order could tell, and the
# digest tells that already.
_plain = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class Verification(msgspec.Struct, frozen=True):
    """What was found. ``ok``: every stored value is what was written.

    ``records``: lines that hold, counted up to the first that does not. ``first_bad``: the number of that
    line, or of the line that is missing; None when all lines hold but something beside them does not (the
    anchor, a stray block, the file). ``complete``: a closing record ends the chain. ``head_digest``: hex
    digest of the last line that holds, zeros when none does.
    """

    ok: bool
    records: int
    first_bad: int | None
    why: str
    complete: bool
    head_digest: str


def verify(
    records: Iterable[Record],
    blocks: Callable[[int], bytes] | None,
    *,
    head: bytes | None = None,
    allow_partial: bool = False,
    stored: Iterable[int] = (),
    rows_in: Callable[[bytes], int] | None = None,
) -> Verification:
    """Check every line in order, then the end of the chain. Never raises on what it reads.

    ``blocks`` gives the content of a block by its number and raises TamperError when it cannot; None leaves
    blocks unread. ``stored`` are the numbers of all blocks at hand: each must be named by a record.
    ``rows_in`` counts the rows of a block's content. ``head`` is an anchor kept elsewhere: the digest the
    last line must have; without it a chain that was wholly re-hashed, or a partial one cut short, cannot be
    told from an honest one.
    """
    chain = _Chain(blocks, rows_in)
    try:
        for record in records:
            fault = chain.take(record)
            if fault:
                return chain.verdict(f"record {chain.count}: {fault}", chain.count)
    except JournalError as error:
        return chain.verdict(f"record {chain.count}: {error.line()}", chain.count)
    if chain.count == 0:
        return chain.verdict("record 0: the journal is empty, there is no opening record", 0)
    if not chain.closed and not allow_partial:
        return chain.verdict(PARTIAL, chain.count)
    try:
        stray = sorted(set(stored) - chain.named)
    except JournalError as error:
        return chain.verdict(error.line(), None)
    if stray:
        return chain.verdict(f"block {stray[0]} is stored, but no record names it", None)
    if head is not None and head != chain.head:
        return chain.verdict(
            f"the head is {chain.head.hex()}, not the anchor {head.hex()}: a tail cut or a chain rewritten",
            None,
        )
    return chain.verdict("", None)


class _Chain:
    """The chain so far. ``take`` answers the next line's fault, or an empty string and goes on."""

    def __init__(self, blocks: Callable[[int], bytes] | None, rows_in: Callable[[bytes], int] | None) -> None:
        self.count = 0
        self.head = ZERO_DIGEST
        self.named: set[int] = set()
        self.closed = False
        self._blocks = blocks
        self._rows_in = rows_in

    def verdict(self, why: str, first_bad: int | None) -> Verification:
        """What has been found up to here."""
        return Verification(not why, self.count, first_bad, why, self.closed, self.head.hex())

    def take(self, record: Record) -> str:
        """Check one line against all before it."""
        fault = (
            self._place(record) or self._link(record) or _spelling(record.payload) or self._content(record)
        )
        if not fault:
            self.count += 1
            self.head = record.digest
        return fault

    def _place(self, record: Record) -> str:
        if self.closed:
            return "it follows the closing record"
        for name, kind in _COLUMNS:
            if type(getattr(record, name)) is not kind:
                return f"its {name} is stored as {type(getattr(record, name)).__name__}, not {kind.__name__}"
        if record.number != self.count:
            return f"a record numbered {record.number} stands in its place"
        if not -_AT_BOUND <= record.at < _AT_BOUND:
            return f"its instant {record.at} is out of range"
        if record.kind not in KINDS:
            return f"unknown kind {record.kind!r}"
        if (record.kind == OPENED) != (self.count == 0):
            return "it is not the opening record" if self.count == 0 else "a second opening record"
        return ""

    def _link(self, record: Record) -> str:
        if record.previous != self.head:
            return "it does not link to the record before it"
        if record.digest != link(record.number, record.at, record.kind, record.payload, record.previous):
            return "its digest is not the digest of its columns"
        return ""

    def _content(self, record: Record) -> str:
        try:
            if record.kind == OPENED:
                return _opening(read(Opened, record.payload))
            if record.kind == BLOCK:
                return self._block(read(BlockRef, record.payload))
            if record.kind == CLOSED:
                return self._closing(read(Closed, record.payload))
        except msgspec.ValidationError as error:
            return f"its payload is not one of kind '{record.kind}': {error}"
        return ""

    def _block(self, ref: BlockRef) -> str:
        if ref.block in self.named:
            return f"block {ref.block} is named twice"
        if ref.rows < 1 or ref.first > ref.last:
            return f"block {ref.block} has {ref.rows} rows from {ref.first} to {ref.last}"
        if self._blocks is not None:
            content = self._blocks(ref.block)
            if hashlib.sha256(content).hexdigest() != ref.sha256:
                return f"block {ref.block} is not what its record says: another SHA-256"
            if self._rows_in is not None and self._rows_in(content) != ref.rows:
                return f"block {ref.block} has {self._rows_in(content)} rows, its record says {ref.rows}"
        self.named.add(ref.block)
        return ""

    def _closing(self, closed: Closed) -> str:
        if closed.records != self.count:
            return f"it counts {closed.records} records, {self.count} stand before it"
        if closed.blocks != len(self.named):
            return f"it counts {closed.blocks} blocks, {len(self.named)} stand before it"
        self.closed = True
        return ""


_COLUMNS: tuple[tuple[str, type], ...] = (
    ("number", int), ("at", int), ("kind", str), ("payload", bytes), ("previous", bytes), ("digest", bytes),
)  # fmt: skip


def _opening(opened: Opened) -> str:
    if opened.canon != CANON_VERSION:
        return f"it is spelled in canon {opened.canon}, this Quorate reads {CANON_VERSION}"
    return ""


def _spelling(payload: bytes) -> str:
    """Whether JSON, without white space, doubled keys or any other spelling of numbers and strings."""
    try:
        if _plain.encode(_decoder.decode(payload)) != payload:
            return "its payload is not in canonical spelling"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"its payload is not JSON: {error}"
    return ""
