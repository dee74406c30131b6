"""What the tests of the documents share: pages, their blocks, and what exists to be named in them."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import typer

from quorate.cli.main import LOUD, app
from tests.support import ROOT

PAGES = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
# A path in a page is meant from the root of the repository, or from the package.
BASES = (ROOT, ROOT / "src" / "quorate", ROOT / "src" / "quorate" / "shield" / "rules")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_TARGET = re.compile(r"^([a-z%-]+):", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block: its language, its text, and the line it starts in."""

    language: str
    text: str
    line: int


def name(page: Path) -> str:
    """The page as a person calls it."""
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 1) for found in _FENCE.finditer(text)
    ]


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """All inline code of a page."""
    return _SPAN.findall(prose(text))


def commands(text: str) -> Iterator[str]:
    """Every `quorate ...` in a page: inline, and at the prompt of a console block."""
    yield from (span for span in spans(text) if span == "quorate" or span.startswith("quorate "))
    for block in blocks(text):
        if block.language == "console":
            lines = (line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ "))
            yield from (line for line in lines if line.startswith("quorate"))


def exists(path: str) -> bool:
    """Whether a path named in a page is there."""
    return any((base / path).exists() for base in BASES)


def wrong_command(line: str) -> str:
    """What is wrong with a `quorate ...` line against the command as it is; empty when nothing is."""
    words = [word for word in shlex.split(line)[1:] if word not in LOUD]
    node = _tree()
    while words and hasattr(node, "commands") and not words[0].startswith("-"):
        if words[0] not in node.commands:
            return f"'{line}': there is no command '{words[0]}'"
        node = node.commands[words.pop(0)]
    known = {each for option in node.params for each in (*option.opts, *option.secondary_opts)} | {"--help"}
    for word in words:
        option = word.partition("=")[0]
        if option.startswith("--") and option not in known:
            return f"'{line}': {node.name} has no {option}"
    return ""


@cache
def _tree() -> Any:
    return typer.main.get_command(app)


@cache
def _targets() -> tuple[str, ...]:
    return tuple(_TARGET.findall((ROOT / "Makefile").read_text("utf-8")))


def wrong_target(line: str) -> str:
    """What is wrong with a `make ...` line; empty when its target is in the Makefile."""
    goal = next((word for word in line.split()[1:] if "=" not in word), "")
    parts = [target.split("%") for target in _targets() if "%" in target]
    found = not goal or goal in _targets() or any(goal.startswith(part[0]) for part in parts)
    return "" if found else f"'{line}': the Makefile has no '{goal}'"


@cache
def tests_in(path: Path) -> frozenset[str]:
    """Names of the tests in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def wrong_test(named: str) -> str:
    """What is wrong with `tests/x.py` or `tests/x.py::test_name`; empty when it is there."""
    path, _, test = named.partition("::")
    if not (ROOT / path).exists():
        return f"{named}: there is no {path}"
    return f"{named}: no such test in {path}" if test and test not in tests_in(ROOT / path) else ""
