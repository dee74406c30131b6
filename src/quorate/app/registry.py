"""Where chairs' fillers are found: by entry point, or in a file named with ``--plugin``. One door for all."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from quorate.core.errors import ConfigError, InputError

# A class fills the chair whose one method it has.
CHAIRS = {
    "agents": "hear",
    "indicators": "update",
    "allocators": "weigh",
    "tactics": "children",
    "rules": "review",
    "feeds": "read",
}


class Registry:
    """Classes by chair and name. Built-ins and installed plugins come by entry point, others by file."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self._found: dict[str, dict[str, Any]] = {chair: {} for chair in CHAIRS}
        self._entries = {
            chair: {entry.name: entry for entry in entry_points(group=f"quorate.{chair}")} for chair in CHAIRS
        }
        self.sources: list[tuple[str, str]] = []
        self.from_files: dict[str, list[str]] = {chair: [] for chair in CHAIRS}
        for path in files:
            for chair, kind in load_file(path):
                if kind.name in self._found[chair] or kind.name in self._entries[chair]:
                    raise ConfigError(
                        f"{chair} already has '{kind.name}'", where=str(path), todo="choose another name"
                    )
                self._found[chair][kind.name] = kind
                self.from_files[chair].append(kind.name)
            self.sources.append((path.name, hashlib.sha256(path.read_bytes()).hexdigest()))

    def names(self, chair: str) -> list[str]:
        """Every name registered for a chair, sorted."""
        return sorted({*self._entries[chair], *self._found[chair]})

    def get(self, chair: str, name: str) -> Any:
        """The class under a name. Raises ConfigError naming the nearest known one."""
        if name in self._found[chair]:
            return self._found[chair][name]
        entry = self._entries[chair].get(name)
        if entry is None:
            raise ConfigError(
                f"no {chair[:-1]} is called '{name}'", where=chair, todo=nearest(name, self.names(chair))
            )
        self._found[chair][name] = entry.load()
        return self._found[chair][name]

    def build(self, chair: str, name: str, settings: dict[str, Any]) -> Any:
        """An instance from its settings; a wrong setting is a ConfigError that names the nearest one."""
        kind = self.get(chair, name)
        where = f"{chair}.{name}"
        if issubclass(kind, msgspec.Struct):
            return convert(settings, kind, where)
        try:
            return kind(**settings)
        except TypeError as error:
            raise ConfigError(str(error), where=where) from error


def convert(values: dict[str, Any], kind: type[Any], where: str) -> Any:
    """Values as a struct of ``kind``; raises ConfigError naming the key, and the nearest known one."""
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for key in values:
        if key not in known:
            raise ConfigError(f"unknown key '{key}'", where=where, todo=nearest(key, known))
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=where) from error


def nearest(name: str, known: Sequence[str]) -> str:
    """'did you mean X?', or the list of what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known) or 'none'}"


def load_file(path: Path) -> list[tuple[str, Any]]:
    """(chair, class) for every class in a Python file that fills one. Raises InputError when none does."""
    if not path.is_file():
        raise InputError("no such plugin file", where=str(path))
    spec = importlib.util.spec_from_file_location(f"quorate_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError("is not a Python file", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"does not load: {type(error).__name__}: {error}", where=str(path)) from error
    found = [
        (chair, value)
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == spec.name
        and isinstance(getattr(value, "name", None), str)
        for chair, method in CHAIRS.items()
        if callable(getattr(value, method, None))
    ]
    if not found:
        raise InputError(
            "fills no chair",
            where=str(path),
            todo=f"a class with a name and one of {', '.join(CHAIRS.values())}",
        )
    return found
