"""A first desk of one's own: a recipe and a fifteen-line agent, written once and never over anything."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from quorate.core.errors import InputError

# The file as the user gets it, and the template it is made of.
FILES = {"desk.toml": "desk.toml", "my_agent.py": "my_agent.py.txt"}


def write_starter(folder: Path) -> list[Path]:
    """Write the starter files into a folder, made if need be; all or none.

    Raises InputError when one exists already or the folder cannot be written.
    """
    targets = {folder / name: template for name, template in FILES.items()}
    for path in targets:
        if path.exists():
            raise InputError(
                "exists already", where=str(path), todo="nothing was written: name another folder"
            )
    templates = files("quorate.app") / "templates"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in targets.items():
            with path.open("x", encoding="utf-8") as file:
                file.write((templates / template).read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(folder), todo="name another folder"
        ) from error
    return list(targets)
