"""A small honest journal, written by the port alone, for all tests of journals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from quorate.core.canon import CANON_VERSION, spell
from quorate.core.effects import Tell, WakeAt
from quorate.core.events import Bar
from quorate.core.ports import Journal
from quorate.core.record import BlockRef, Closed, Opened

START = 1_700_000_000_000_000_000


def opened(canon: int = CANON_VERSION) -> bytes:
    """Record 0's payload."""
    return spell(
        Opened(
            canon=canon, product="quorate", mode="test", seed=7, recipe={"name": "baseline"}, rulebook={},
            instruments=(), cash=(10**13, "USD"), interval=60, data=(), policy="", trust_level="synthetic",
        )
    )  # fmt: skip


def bar(i: int) -> Bar:
    """The i-th bar of a slow climb."""
    at = START + i * 60_000_000_000
    return Bar(at, "ACME", at - 60_000_000_000, 1_000 + i, 1_010 + i, 990 + i, 1_001 + i, 5)


def block(number: int, rows: int = 20) -> tuple[BlockRef, bytes]:
    """A block of bars, one a line."""
    bars = [bar(number * rows + i) for i in range(rows)]
    content = b"\n".join(spell(each) for each in bars)
    return BlockRef(number, rows, bars[0].at, bars[-1].at, hashlib.sha256(content).hexdigest()), content


def rows_in(content: bytes) -> int:
    """Rows of such a block."""
    return content.count(b"\n") + 1


def closing(records: int, blocks: int) -> bytes:
    """The last record's payload."""
    return spell(Closed(records, blocks, True, "end of data", (10**13, "USD"), "normal"))


def events(count: int) -> Iterator[tuple[int, str, bytes]]:
    """Bars, timers and lines for people in turn."""
    for i in range(count):
        at = START + i * 60_000_000_000
        kind, event = (
            ("bar", bar(i)),
            ("wake_at", WakeAt(at, f"timer {i}", at + i)),
            ("tell", Tell(at, "é", f"line {i}")),
        )[i % 3]
        yield at, kind, spell(event)


def begin(journal: Journal, count: int = 55, blocks: int = 3) -> None:
    """An opening, blocks and events; no end."""
    journal.append(0, "opened", opened())
    every = max(1, count // max(1, blocks))
    kept = 0
    for i, (at, kind, payload) in enumerate(events(count)):
        if i % every == 0 and kept < blocks:
            ref, content = block(kept)
            journal.keep_block(ref, content)
            journal.append(at, "block", spell(ref))
            kept += 1
        journal.append(at, kind, payload)


def write(journal: Journal, count: int = 55, blocks: int = 3) -> bytes:
    """A whole closed journal; its head."""
    begin(journal, count, blocks)
    journal.append(START + count * 60_000_000_000, "closed", closing(journal.next_number, blocks))
    journal.close()
    return journal.head
