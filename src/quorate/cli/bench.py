"""`quorate bench`: measures again what the documents claim, from a checkout of the sources."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from quorate.cli import options
from quorate.core.errors import InputError

ROOT = Path(__file__).resolve().parents[3]  # of a checkout, where the package lies in src/


def names() -> list[str]:
    """Every bench in the checkout; empty when there is no checkout."""
    place = ROOT / "benches" / "__main__.py"
    if not place.is_file():
        return []
    text = place.read_text("utf-8").split("ALL = (")[1].split(")")[0]
    return [word.strip(' "\n').replace("_", "-") for word in text.split(",") if word.strip()]


def bench(
    name: Annotated[str, typer.Argument(help="Which one: desk, engine, journal, first-run ...")],
    json: options.Json = False,
) -> int:
    """Run one bench and print its JSON; benches are run alone."""
    known = names()
    if not known:
        raise InputError(
            "benches come with the sources, not with the wheel", where="bench", todo="clone the repository"
        )
    if name not in known:
        raise InputError(f"no bench is called '{name}'", where="bench", todo=f"there are: {', '.join(known)}")
    module = f"benches.{name.replace('-', '_')}"
    command = [sys.executable, "-m", module]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - one of our own names
