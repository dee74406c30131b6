"""How numbers are written for people: money with its currency, percentages with their sign, times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from quorate.core.instant import DAY, HOUR, MINUTE, SECOND
from quorate.core.money import E8

UNKNOWN = "–"  # what is undefined is shown so, never as zero
MINUS = "−"


def number(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """A number with thousands separated and a true minus; a dash when undefined."""
    if value is None:
        return UNKNOWN
    text = f"{abs(value):,.{digits}f}"
    if not float(text.replace(",", "")):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as a signed percentage."""
    return UNKNOWN if value is None else f"{number(100 * value, digits, signed=True)} %"


def share(value: float | None, digits: int = 1) -> str:
    """A fraction that has no sign, such as a win rate, as a percentage."""
    return UNKNOWN if value is None else f"{number(100 * value, digits)} %"


def money(amount_e8: int | None, currency: str, *, signed: bool = False) -> str:
    """1e-8 units in the currency, two decimals; small amounts with all they need, up to eight."""
    if amount_e8 is None:
        return UNKNOWN
    digits = 2 if amount_e8 == 0 or abs(amount_e8) >= E8 // 100 else 8
    return f"{number(amount_e8 / E8, digits, signed=signed)} {currency}"


def compact(value: float) -> str:
    """A number for an axis: 950, 12.5k, 3.2M, 0.043."""
    for scale, suffix in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= scale:
            return f"{value / (1e3 if suffix == 'k' else scale):.6g}{suffix}".replace("-", MINUS)
    return f"{value:,.6g}".replace("-", MINUS)


def price(value: float) -> str:
    """A price with six significant digits at least, and cents where it has them."""
    digits = 2 if abs(value) >= 1000 else 4 if abs(value) >= 1 else 6
    return f"{value:,.{digits}f}"


def stamp(at: int) -> str:
    """An instant to the minute, with its zone."""
    return datetime.fromtimestamp(at // SECOND, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def date(at: int) -> str:
    """The UTC day of an instant."""
    return datetime.fromtimestamp(at // SECOND, tz=UTC).strftime("%Y-%m-%d")


def span(length: int | None) -> str:
    """A length of time in its two largest units."""
    if length is None:
        return UNKNOWN
    parts = []
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")):
        count, length = divmod(length, size)
        if count:
            parts.append(f"{count:,} {unit}")
    return " ".join(parts[:2]) or "0 s"


def inputs(values: dict[str, Any], currency: str) -> str:
    """The named numbers a rule looked at, in a line; ``_e8`` is money, ``_ns`` a span, ``at`` an instant."""
    return ", ".join(_named(name, value, currency) for name, value in values.items())


def _named(name: str, value: Any, currency: str) -> str:
    label = name.removesuffix("_e8").removesuffix("_ns").replace("_", " ")
    if isinstance(value, bool):
        return f"{label} {'yes' if value else 'no'}"
    if isinstance(value, int) and name.endswith("_e8"):
        return f"{label} {money(value, currency)}"
    if isinstance(value, int) and name.endswith("_ns"):
        return f"{label} {span(value)}"
    if isinstance(value, int) and (name == "at" or name.endswith("_at")):
        return f"{label} {stamp(value)}"
    if isinstance(value, int):
        return f"{label} {number(value, 0)}"
    if isinstance(value, float):
        return f"{label} {value:,.6g}".replace("-", MINUS)
    return f"{label} {value}"
