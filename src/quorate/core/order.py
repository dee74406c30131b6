"""Orders on their way to a venue: what is asked, its bracket, the verdict on it, and what comes back."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from quorate.core.money import Price, Quantity


class Side(enum.StrEnum):
    """Buy or sell; lower case everywhere."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for buy, -1 for sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(enum.StrEnum):
    """How the order meets the market."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class Role(enum.StrEnum):
    """What the order is for; exits and legs only ever reduce."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    TARGET = "target"


class Status(enum.StrEnum):
    """An order's life; UNKNOWN is resolved by query before anything is sent again."""

    CREATED = "created"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    VETOED = "vetoed"
    UNKNOWN = "unknown"

    @property
    def is_done(self) -> bool:
        """True when nothing more can come of the order."""
        return self in _DONE


_DONE = frozenset({Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REJECTED, Status.VETOED})


class Bracket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stop and a target, one cancelling the other, that live at the venue from the first fill on."""

    stop: Price
    target: Price | None = None


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One intent. ``id`` is the digest of its decision and leg: asking twice is asking once.

    ``reference`` is the price the decision was made at; ``limit`` and ``trigger`` belong to their types.
    """

    id: str
    decision: str
    instrument: str
    side: Side
    type: OrderType
    role: Role
    quantity: Quantity
    reference: Price
    limit: Price | None = None
    trigger: Price | None = None
    bracket: Bracket | None = None
    parent: str | None = None

    @property
    def reduces(self) -> bool:
        """True for exits and protective legs: they can never open or turn a position."""
        return self.role is not Role.ENTRY

    @property
    def signed_lots(self) -> int:
        """The quantity with the side's sign."""
        return self.quantity.count * self.side.sign


class Answer(enum.StrEnum):
    """What one rule says; a rule may only tighten."""

    ALLOW = "allow"
    REDUCE = "reduce"
    DENY = "deny"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule's answer with the inputs it saw. ``lots_max`` is set when the answer is REDUCE."""

    rule: str
    answer: Answer
    inputs: dict[str, Any]
    reason: str = ""
    lots_max: int | None = None


class Verdict(msgspec.Struct, frozen=True):
    """The shield's answer: every rule's finding, nothing short-circuited."""

    allowed: bool
    findings: tuple[Finding, ...]
    trust_level: str

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """The findings that denied."""
        return tuple(finding for finding in self.findings if finding.answer is Answer.DENY)


class ApprovedOrder(msgspec.Struct, frozen=True, tag="approved_order"):
    """An order the shield let pass. ``nonce`` is the number of the record that journals it.

    ``seal`` is an HMAC over the canonical spelling of all the rest; it lives in the process only and is
    never journalled.
    """

    at: int
    order: Order
    verdict: Verdict
    policy: str
    expires_at: int
    nonce: int
    seal: bytes = b""

    def unsealed(self) -> ApprovedOrder:
        """The same without its seal: what is signed and what is journalled."""
        return msgspec.structs.replace(self, seal=b"")
