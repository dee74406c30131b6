"""The parameters of a strategy: found in its code, given as text or values, checked before anything runs."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from quorate.core.errors import ConfigError

Value = int | float | str | bool
KINDS: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}

_WORDS = {"true": True, "false": False}


def bind(
    known: Mapping[str, type], defaults: Mapping[str, Value], given: Mapping[str, Any], where: str
) -> dict[str, Value]:
    """All parameters with their values; text is read as the parameter's type.

    Raises ConfigError for a name that is unknown (naming the nearest), a value of another type, and a
    parameter without any value.
    """
    for name in given:
        if name not in known:
            raise ConfigError(
                f"no parameter is called '{name}'", where=where, todo=nearest(name, list(known))
            )
    values: dict[str, Value] = {}
    for name, kind in known.items():
        if name in given:
            values[name] = read(name, kind, given[name], where)
        elif name in defaults:
            values[name] = read(name, kind, defaults[name], where)
        else:
            raise ConfigError(f"parameter '{name}' has no value", where=where, todo=f"--set {name}=...")
    return values


def read(name: str, kind: type, value: Any, where: str) -> Value:
    """One value as its parameter's type. Raises ConfigError for any other; an int serves as a float."""
    found: Any = value
    reader: Any = kind
    if isinstance(value, str) and kind is not str:
        try:
            found = _WORDS[value.lower()] if kind is bool else reader(value)
        except (ValueError, KeyError):
            found = value
    if kind is float and type(found) is int:
        found = float(found)
    if type(found) is not kind or (isinstance(found, float) and not math.isfinite(found)):
        raise ConfigError(f"{name} must be {_ARTICLES[kind]}, not {value!r}", where=where)
    checked: Any = found
    return checked  # type: ignore[no-any-return]


_ARTICLES: dict[type, str] = {
    int: "a whole number",
    float: "a finite number",
    str: "text",
    bool: "true or false",
}


def kind_of(name: str, annotation: Any, where: str) -> type:
    """The type that an annotation means. Raises ConfigError for one that no parameter can have."""
    kind: Any = KINDS.get(annotation) if isinstance(annotation, str) else annotation
    if kind not in KINDS.values():
        what = f"parameter '{name}' is annotated {annotation!r}"
        raise ConfigError(what, where=where, todo=f"one of {', '.join(KINDS)}")
    checked: type = kind
    return checked


def nearest(name: str, known: Sequence[str]) -> str:
    """'did you mean X?', or the list of what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known) or 'none'}"
