"""What a command says: one JSON object or lines on stdout, one clear line an error on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

USAGE = 2
INTERNAL = 4
INTERRUPTED = 130


def emit(value: Mapping[str, Any]) -> None:
    """The one JSON object of a command; what is undefined is null."""
    sys.stdout.write(json.dumps(plain(value), allow_nan=False, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """The value with every number that JSON cannot spell as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def say(line: str = "") -> None:
    """One line of the answer, for people."""
    sys.stdout.write(line + "\n")


def tell(line: str) -> None:
    """One line beside the answer: progress, notes, errors."""
    sys.stderr.write(line + "\n")


def fail(line: str, code: int, *, as_json: bool) -> int:
    """Say what went wrong in one line, as JSON too when that was asked for; returns the exit code."""
    line = " ".join(line.split())
    tell(f"quorate: {line}")
    if as_json:
        emit({"error": line, "exit_code": code})
    return code


def table(rows: list[list[str]], *, head: bool = True) -> None:
    """Columns of text, as wide as they need be."""
    if not rows:
        return
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for number, row in enumerate(rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if head and number == 0:
            say("  ".join("-" * width for width in widths))
