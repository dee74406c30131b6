"""Is a file a good recipe, overlay or rulebook, and which limits does it come to?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from quorate.app.config import load_config, read_toml
from quorate.app.recipe import built_in, read_values, rulebook_of
from quorate.app.registry import Registry
from quorate.app.strategy import load_strategy
from quorate.core.errors import InputError
from quorate.research.run import Size
from quorate.shield.rulebook import Rulebook


def check_file(name: str) -> tuple[str, Rulebook, list[str]]:
    """(kind, the rulebook it comes to, notes). Raises ConfigError for what is wrong in it, InputError when
    there is no such file.
    """
    if name in built_in("rulebook"):
        return "rulebook", rulebook_of(*read_values("rulebook", name)), []
    if name in built_in("recipe"):
        return _recipe(name, None)
    path = Path(name)
    if not path.is_file():
        known = ", ".join([*built_in("recipe"), *built_in("rulebook")])
        raise InputError("there is no such file", where=name, todo=f"a path, or one of {known}")
    values = read_toml(path)
    if _is_rulebook(values):
        return "rulebook", rulebook_of(values, name), []
    if "name" in values and values.keys() & {"agents", "strategy"}:
        return _recipe(name, None)
    return _recipe("baseline", path)


def _is_rulebook(values: dict[str, Any]) -> bool:
    """True when a file speaks of limits at its top, right or wrong: no recipe has these tables."""
    families = {
        field.encode_name
        for field in msgspec.structs.fields(Rulebook)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
    }
    return bool(families & values.keys())


def _recipe(name: str, overlay: Path | None) -> tuple[str, Rulebook, list[str]]:
    config = load_config(name, overlay=overlay)
    registry, recipe = Registry(), config.recipe
    notes = list(config.notes)
    for chair, wanted in (("agents", recipe.agents), ("rules", recipe.rules)):
        for filler, settings in wanted.items():
            if filler in registry.names(chair):
                registry.build(chair, filler, settings)
            else:
                notes.append(f"{chair}.{filler} is not built in: run with the --plugin that has it")
    for chair, named in (("allocators", recipe.allocator), ("tactics", recipe.tactic)):
        registry.build(chair, named.name, named.settings)
    if recipe.strategy is not None:
        Size.read(recipe.strategy.size)
        load_strategy(Path(recipe.strategy.file)).bind(recipe.strategy.settings)
    return ("recipe" if overlay is None else "overlay (over baseline)"), config.rulebook, notes
