"""Where a user's state lives: QUORATE_HOME, by default ~/.quorate; the current folder is left alone."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from quorate.core.errors import InputError

VARIABLE = "QUORATE_HOME"


def home() -> Path:
    """The folder of all state; it need not exist yet. Raises InputError where nobody has a home."""
    named = os.environ.get(VARIABLE)
    try:
        return Path(named).expanduser() if named else Path.home() / ".quorate"
    except RuntimeError as error:
        raise InputError("you have no home folder", todo=f"set {VARIABLE} to one") from error


def runs() -> Path:
    """The folder with one folder a run."""
    return home() / "runs"


def check_place(path: Path) -> None:
    """Raises InputError, before a long run, for a place where no report can be written."""
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "is a folder" if path.is_dir() else "cannot be written there"
        raise InputError(f"the report {why}", where=str(path), todo="name a file, such as report.html")


def new_run() -> tuple[str, Path]:
    """(run id, its new folder). Raises InputError when the folder cannot be made."""
    stamp = datetime.now(tz=UTC).strftime("%Y%m%d-%H%M%S")
    run_id = f"{stamp}-{secrets.token_hex(3)}"
    folder = runs() / run_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"cannot be made: {error.strerror}", where=str(folder), todo=f"set {VARIABLE}"
        ) from error
    return run_id, folder
