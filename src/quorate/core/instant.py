"""Instants and spans: nanoseconds since 1970-01-01 UTC as plain integers, and their spelling."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from quorate.core.errors import InputError

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY  # a calendar year of a market that never sleeps
NEVER = 2**63 - 1  # sorts after every instant; fits a signed 64-bit column

_UNITS = {
    "ns": 1,
    "us": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": 7 * DAY,
}
_SPAN = re.compile(r"(\d+)\s*(ns|us|ms|s|m|h|d|w)")


def parse_instant(text: str) -> int:
    """Nanoseconds of an RFC 3339 stamp or a date; a stamp without a zone is read as UTC.

    Raises InputError when the text is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise InputError(
            f"'{text}' is not a date or an RFC 3339 time", todo="write 2024-01-31 or 2024-01-31T12:00:00Z"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * MICROSECOND


def spell_instant(at: int) -> str:
    """RFC 3339 in UTC; the fraction is written only when there is one."""
    seconds, fraction = divmod(at, SECOND)
    text = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else f"{text}Z"


SPAN_LENGTH_MAX = 100


def parse_span(text: str) -> int:
    """Nanoseconds of ``90s``, ``5m``, ``1h30m``, ``2d``.

    Raises InputError when the text is not a span, or one beyond all instants.
    """
    if len(text) > SPAN_LENGTH_MAX:
        raise InputError("that is no span of time: it is longer than a line", todo="write 30s, 5m or 2d")
    matches = _SPAN.findall(text)
    if not matches or _SPAN.sub("", text).strip():
        raise InputError(f"'{text}' is not a span of time", todo="write 30s, 5m, 1h30m or 2d")
    span = sum(int(count) * _UNITS[unit] for count, unit in matches)
    if span >= 2**63:
        raise InputError(f"'{text}' is beyond all instants", todo="290 years, 106000d, are the most")
    return span


def spell_span(span: int) -> str:
    """The shortest exact spelling that ``parse_span`` reads back."""
    if span == 0:
        return "0s"
    parts: list[str] = []
    for unit in ("w", "d", "h", "m", "s", "ms", "us", "ns"):
        count, span = divmod(span, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
