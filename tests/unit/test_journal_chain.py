"""The chain's verifier names the first bad record and says why."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from quorate.adapters.journals.memory import MemoryJournal
from quorate.audit.audit import KINDS, Verification, verify
from quorate.core.canon import ZERO_DIGEST, spell
from quorate.core.record import INPUT_KINDS, BlockRef, Record, link
from tests.unit import journal_samples as samples


def honest() -> MemoryJournal:
    journal = MemoryJournal()
    samples.write(journal)
    return journal


def relinked(records: list[Record]) -> list[Record]:
    """The same lines numbered and hashed anew: what a forger with the code can do."""
    head, found = ZERO_DIGEST, []
    for number, record in enumerate(records):
        digest = link(number, record.at, record.kind, record.payload, head)
        found.append(Record(number, record.at, record.kind, record.payload, head, digest))
        head = digest
    return found


def check(records: list[Record], **options: object) -> Verification:
    journal = honest()
    return verify(records, journal.block, stored=journal.block_numbers(), **options)  # type: ignore[arg-type]


def swap(record: Record, **changes: object) -> Record:
    return msgspec.structs.replace(record, **changes)


def test_all_kinds_of_the_union_are_known() -> None:
    assert INPUT_KINDS <= KINDS
    assert {
        "opened",
        "closed",
        "approved_order",
        "vetoed",
        "decision",
        "trade_closed",
        "instant_closed",
    } <= KINDS


ALTERED: list[tuple[str, Callable[[Record], Record]]] = [
    ("stands in its place", lambda r: swap(r, number=r.number + 1)),
    ("digest is not", lambda r: swap(r, at=r.at + 1)),
    ("digest is not", lambda r: swap(r, kind="halt")),
    ("unknown kind", lambda r: swap(r, kind="bars")),
    ("digest is not", lambda r: swap(r, payload=r.payload + b" ")),
    ("does not link", lambda r: swap(r, previous=bytes(32))),
    ("digest is not", lambda r: swap(r, digest=bytes(32))),
    ("stored as NoneType", lambda r: swap(r, payload=None)),
    ("stored as str", lambda r: swap(r, payload=r.payload.decode())),
    ("stored as bool", lambda r: swap(r, at=True)),
    ("stored as float", lambda r: swap(r, number=float(r.number))),
    ("out of range", lambda r: swap(r, at=2**63)),
]


@pytest.mark.parametrize(("why", "alter"), ALTERED)
def test_an_altered_column_is_named(why: str, alter: Callable[[Record], Record]) -> None:
    records = list(honest().records())
    records[30] = alter(records[30])
    found = check(records)
    assert (found.ok, found.first_bad, found.records) == (False, 30, 30)
    assert why in found.why and "record 30" in found.why
    assert found.head_digest == records[29].digest.hex()


FORGED: list[tuple[str, int, Callable[[list[Record]], list[Record]]]] = [
    ("not the opening record", 0, lambda r: r[1:]),
    ("second opening record", 5, lambda r: [*r[:5], r[0], *r[5:]]),
    ("follows the closing record", 60, lambda r: [*r, r[5]]),
    ("counts 59 records, 58", 58, lambda r: [*r[:5], *r[6:]]),
    ("it is spelled in canon 9", 0, lambda r: [swap(r[0], payload=samples.opened(9)), *r[1:]]),
    ("not one of kind 'opened'", 0, lambda r: [swap(r[0], payload=b"{}"), *r[1:]]),
    ("not JSON", 5, lambda r: [*r[:5], swap(r[5], payload=b"\xff"), *r[6:]]),
    ("not JSON", 5, lambda r: [*r[:5], swap(r[5], payload=b""), *r[6:]]),
    ("not JSON", 5, lambda r: [*r[:5], swap(r[5], payload=b"[" * 100_000), *r[6:]]),
    ("canonical", 5, lambda r: [*r[:5], swap(r[5], payload=b'{"a": 1}'), *r[6:]]),
    ("canonical", 5, lambda r: [*r[:5], swap(r[5], payload=b'{"a":1,"a":1}'), *r[6:]]),
    ("canonical", 5, lambda r: [*r[:5], swap(r[5], payload=b"1.50"), *r[6:]]),
    ("canonical", 5, lambda r: [*r[:5], swap(r[5], payload=b'"\\u0041"'), *r[6:]]),
    ("block 0 is named twice", 3, lambda r: [*r[:3], r[1], *r[3:]]),
    ("counts 3 blocks, 2", 59, lambda r: [r[0], swap(r[2], payload=r[2].payload), r[2], *r[3:]]),
]  # fmt: skip


@pytest.mark.parametrize(("why", "number", "forge"), FORGED)
def test_a_rehashed_chain_must_still_be_a_journal(
    why: str, number: int, forge: Callable[[list[Record]], list[Record]]
) -> None:
    found = check(relinked(forge(list(honest().records()))))
    assert (found.ok, found.first_bad) == (False, number), found.why
    assert why in found.why


@pytest.mark.parametrize(
    ("why", "changes"),
    [
        ("another SHA-256", {"sha256": "00" * 32}),
        ("has 20 rows, its record says 21", {"rows": 21}),
        ("0 rows", {"rows": 0}),
        ("rows from", {"first": 2**62}),
        ("block 7 is missing", {"block": 7}),
    ],
)
def test_a_block_must_be_what_its_record_says(why: str, changes: dict[str, object]) -> None:
    records = list(honest().records())
    ref = msgspec.json.decode(records[1].payload, type=BlockRef)
    records[1] = swap(records[1], payload=spell(msgspec.structs.replace(ref, **changes)))
    found = check(relinked(records), rows_in=samples.rows_in)
    assert (found.ok, found.first_bad) == (False, 1)
    assert why in found.why


def test_a_stray_block_is_found() -> None:
    journal = honest()
    found = verify(journal.records(), journal.block, stored=[0, 1, 2, 7])
    assert (found.ok, found.first_bad, found.complete) == (False, None, True)
    assert "block 7 is stored" in found.why


def test_a_cut_tail_is_partial_and_names_the_missing_line() -> None:
    records = list(honest().records())
    for length in (1, 30, 59):
        found = check(records[:length])
        assert (found.ok, found.first_bad, found.complete) == (False, length, False)
        assert found.why == "partial: no closing record"
    assert check(records[:59], allow_partial=True).ok
    assert not check(records[:59], allow_partial=True).complete
    assert not check([], allow_partial=True).ok


def test_the_anchor_finds_what_the_chain_alone_cannot() -> None:
    records = list(honest().records())
    head = records[-1].digest
    forged = relinked([*records[:30], swap(records[30], at=records[30].at + 1), *records[31:]])
    assert check(forged).ok  # the limit, said aloud: a wholly re-hashed chain stands by itself
    assert "not the anchor" in check(forged, head=head).why
    assert not check(records[:40], head=head, allow_partial=True).ok
    assert check(records, head=head).ok
