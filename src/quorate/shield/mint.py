"""The seal: only a Mint makes ApprovedOrders, and only its Gate lets each one out, once.

In one process the seal stops mistakes and careless plugins, not hostile code: whoever can read this
process's memory can read the key. Generated code therefore runs in a jailed process of its own.
"""

from __future__ import annotations

import hmac

import msgspec

from quorate.core.canon import spell
from quorate.core.errors import ConfigError, SealError
from quorate.core.order import ApprovedOrder, Order, Verdict

_KEY_BYTES = 32
_HASH = "sha256"


def _tag(key: bytes, approved: ApprovedOrder) -> bytes:
    """HMAC-SHA256 (RFC 2104) over the canonical spelling of all but the seal. 32 bytes."""
    return hmac.digest(key, spell(approved.unsealed()), _HASH)


class Mint:
    """Seals approvals under a key that lives only here and in the gate."""

    __slots__ = ("_gate", "_key")

    def __init__(self, key: bytes) -> None:
        """``key``: 32 random bytes from the composition root. Raises ConfigError for any other length."""
        if len(key) != _KEY_BYTES:
            raise ConfigError(f"the mint's key has {len(key)} bytes, not {_KEY_BYTES}")
        self._key = key
        self._gate = Gate(key)

    def approve(
        self, at: int, order: Order, verdict: Verdict, policy: str, nonce: int, ttl_ns: int
    ) -> ApprovedOrder:
        """The sealed approval of an order, valid for ``ttl_ns`` and for the record numbered ``nonce``.

        Raises SealError when the verdict does not allow it.
        """
        if not verdict.allowed:
            raise SealError(f"order {order.id} was refused and cannot be sealed")
        bare = ApprovedOrder(at, order, verdict, policy, at + ttl_ns, nonce)
        return msgspec.structs.replace(bare, seal=_tag(self._key, bare))

    def gate(self) -> Gate:
        """The one gate of this mint: two would each let the same order out once."""
        return self._gate


class Gate:
    """Checks a seal in the line before an order is sent, and remembers what it let out."""

    __slots__ = ("_key", "_last")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._last = -1

    def check(self, approved: ApprovedOrder, *, now: int, record: int) -> None:
        """Return when the order is exactly what the mint sealed, fresh, first seen, and for this record.

        ``now``: nanoseconds. ``record``: the number of the record that journals the approval.
        Raises SealError that says which of these it is not.
        """
        if type(approved) is not ApprovedOrder:
            raise SealError(f"unsealed: a {type(approved).__name__} is not an ApprovedOrder")
        if not approved.seal:
            raise SealError("unsealed: it never passed the shield", where=_where(approved))
        if not hmac.compare_digest(approved.seal, _tag(self._key, approved)):
            raise SealError(
                "forged, altered or second-hand: the seal is not this mint's over this order",
                where=_where(approved),
            )
        if not approved.at <= now <= approved.expires_at:
            raise SealError(
                f"stale: valid from {approved.at} to {approved.expires_at}, now is {now}",
                where=_where(approved),
            )
        if approved.nonce <= self._last:
            raise SealError(
                f"replayed: nonce {approved.nonce} is not above {self._last}, the last let out",
                where=_where(approved),
            )
        if approved.nonce != record:
            raise SealError(
                f"second-hand: sealed for record {approved.nonce}, sent as record {record}",
                where=_where(approved),
            )
        self._last = approved.nonce


def _where(approved: ApprovedOrder) -> str:
    return f"order {approved.order.id}"
