"""One journal line: number, instant, kind, payload, and the digest that links it to the line before."""

from __future__ import annotations

from typing import Any

import msgspec

from quorate.core.canon import digest

INPUT_KINDS = frozenset(
    {
        "opened", "block", "bar", "trade", "quote", "depth", "roll", "fact", "degraded", "deliberated",
        "approval", "halt", "resume", "wake", "accepted", "rejected", "cancelled", "expired", "fill",
        "rolled", "charged", "settled",
    }
)  # fmt: skip
OPENED, BLOCK, CLOSED = "opened", "block", "closed"


class Record(msgspec.Struct, frozen=True):
    """One line. ``payload`` is the canonical spelling; ``previous`` and ``digest`` are 32 bytes."""

    number: int
    at: int
    kind: str
    payload: bytes
    previous: bytes
    digest: bytes

    @property
    def is_input(self) -> bool:
        """True when the record came in from outside; replay feeds these and recomputes all others."""
        return self.kind in INPUT_KINDS


def link(number: int, at: int, kind: str, payload: bytes, previous: bytes) -> bytes:
    """The digest of a line: over every column and the digest before it."""
    return digest(
        number.to_bytes(8, "big", signed=True),
        at.to_bytes(8, "big", signed=True),
        kind.encode(),
        payload,
        previous,
    )


class Opened(msgspec.Struct, frozen=True):
    """Record 0: everything a replay needs. No wall time, path or run id: same inputs, same digest."""

    canon: int
    product: str
    mode: str
    seed: int
    recipe: dict[str, Any]
    rulebook: dict[str, Any]
    instruments: tuple[dict[str, Any], ...]
    cash: tuple[int, str]
    interval: int
    data: tuple[dict[str, Any], ...]
    policy: str
    trust_level: str
    plugins: tuple[tuple[str, str], ...] = ()


class BlockRef(msgspec.Struct, frozen=True):
    """A run of market events kept beside the records: its digest stands for them in the chain."""

    block: int
    rows: int
    first: int
    last: int
    sha256: str


class Closed(msgspec.Struct, frozen=True):
    """The counted last record. ``records`` counts all lines before this one."""

    records: int
    blocks: int
    complete: bool
    reason: str
    equity: tuple[int, str]
    breaker: str
