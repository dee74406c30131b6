"""What a command says: one JSON object or lines on stdout, one clear line an error on stderr."""

from __future__ import annotations

import json
import math
import os
import select
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

USAGE = 2
INTERNAL = 4
INTERRUPTED = 130


_answers: list[TextIO] = []  # stdout, while it is kept for the one JSON object


@contextmanager
def kept_for_json(wanted: bool) -> Iterator[None]:
    """Within, stdout takes the JSON object only: what anybody else prints, such as a plugin, is on stderr."""
    if not wanted:
        yield
        return
    _answers.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _answers.pop()


class Unread(Exception):  # noqa: N818 - nothing went wrong
    """Nobody reads on, as after `| head`."""


@contextmanager
def read_to_the_end() -> Iterator[None]:
    """Within, an answer that nobody reads on ends in Unread, whatever the closed pipe was made into."""
    try:
        yield
    except BaseException as error:
        unread = [number for number in (1, 2) if _is_unread(number)]
        if not unread or not _began_with_pipe(error):
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in unread:  # what is still to be flushed goes there, also at the very end
            os.dup2(nowhere, number)
        os.close(nowhere)
        raise Unread from error


def _is_unread(number: int) -> bool:
    """Whether a descriptor is a pipe without a reader: a venue's broken connection is none."""
    if not hasattr(select, "poll"):  # Windows
        return number == 1
    poll = select.poll()
    poll.register(number, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _began_with_pipe(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, BrokenPipeError):
        error = error.__cause__ or error.__context__
    return error is not None


def open_streams() -> None:
    """Make stdout and stderr streams that can be written to, even where the shell closed them."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that lacks a sign shows another, and works on


def emit(value: Mapping[str, Any]) -> None:
    """The one JSON object of a command; what is undefined is null."""
    stream = _answers[-1] if _answers else sys.stdout
    stream.write(json.dumps(plain(value), allow_nan=False, ensure_ascii=False) + "\n")
    stream.flush()


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
    with suppress(OSError):  # where nobody can be told, the exit code still says it
        tell(f"quorate: {line}")
    if as_json:
        with suppress(OSError):
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
