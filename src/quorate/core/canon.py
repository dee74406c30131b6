"""The one canonical spelling of every value that is journalled, sealed or compared, and its digest.

Spelling 1: JSON in UTF-8 without white space, struct fields in the order they are declared, mapping keys
sorted, integers as integers, floats by their shortest exact form, bytes in base64. NaN and infinities have
no spelling. A change of any of this is a new version, and old journals are read by the old rules.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, TypeVar

import msgspec

from quorate.core.errors import InvariantError

CANON_VERSION = 1
ZERO_DIGEST = bytes(32)

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="deterministic")


def spell(value: Any) -> bytes:
    """The canonical bytes of a struct, mapping, sequence or scalar."""
    return _encoder.encode(value)


def read(kind: type[T], text: bytes) -> T:
    """The value that ``spell`` wrote; raises msgspec.DecodeError when it is not one of ``kind``."""
    try:
        return msgspec.json.decode(text, type=kind)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8: {error.reason}") from error


def digest(*parts: bytes) -> bytes:
    """SHA-256 over the parts, each led by its length, so that no two splits collide. 32 bytes."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def probability(value: float) -> float:
    """A probability as it may count: finite, within [0, 1], rounded to 1e-6.

    Raises InvariantError otherwise: an agent that says NaN is silenced, not believed.
    """
    if not math.isfinite(value) or not 0.0 <= value <= 1.0:
        raise InvariantError(f"{value} is not a probability")
    return round(value, 6)


def finite(value: float) -> float | None:
    """The float, or None where JSON has no spelling for it."""
    return value if math.isfinite(value) else None
