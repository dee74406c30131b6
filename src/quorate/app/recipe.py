"""A recipe: one strict TOML file that says which desk to build. Unknown keys are errors."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec

from quorate.app.registry import convert, nearest
from quorate.app.venue_settings import VenueSettings
from quorate.core.errors import ConfigError
from quorate.core.instant import parse_span
from quorate.decide.decide import DecideSettings
from quorate.portfolio.portfolio import SizingSettings
from quorate.shield.rulebook import Rulebook


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chair's filler by name, with its settings."""

    name: str
    settings: dict[str, Any] = {}


class CostSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What simulated trading costs beyond an instrument's fees and spread; on by default.

    ``latency``: span from decision to the venue. ``slippage``: multiple of the instrument's assumed slippage.
    """

    latency: str = "250ms"
    slippage: int = 1

    @property
    def latency_ns(self) -> int:
        """The latency in nanoseconds."""
        return parse_span(self.latency)


class OperatorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """People. ``cool_down``: how long a backtest's automatic operator waits to resume a stopped desk."""

    cool_down: str = "3d"

    @property
    def cool_down_ns(self) -> int:
        """The cool-down in nanoseconds."""
        return parse_span(self.cool_down)


class StrategySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One strategy in Python in the place of agents, decide and portfolio. ``file``: its path, as from where
    the run is started; ``settings``: its parameters; ``size``: what a stance of 1 is, ``95%`` or base units.
    """

    file: str
    settings: dict[str, int | float | str | bool] = {}
    size: str = "95%"


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole desk as data: who sits in which chair, how it decides, sizes, pays, and by which rulebook.

    ``mode``: backtest, paper or live; ``rulebook``: a built-in name or a path; ``agents``: settings by name;
    ``rules``: plugin rules beside the rulebook's own (they may only tighten). ``strategy`` excludes agents.
    """

    name: str
    about: str = ""
    mode: str = "backtest"
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1
    rulebook: str = "balanced"
    agents: dict[str, dict[str, Any]] = {}
    decide: DecideSettings = DecideSettings()
    sizing: SizingSettings = SizingSettings()
    allocator: Named = Named("inverse-volatility")
    tactic: Named = Named("immediate")
    rules: dict[str, dict[str, Any]] = {}
    costs: CostSettings = CostSettings()
    operator: OperatorSettings = OperatorSettings()
    strategy: StrategySettings | None = None
    venue: VenueSettings = VenueSettings()

    def without_places(self) -> Recipe:
        """The same with its strategy's file by name alone: where things lie stays out of journals."""
        if self.strategy is None:
            return self
        named = msgspec.structs.replace(self.strategy, file=Path(self.strategy.file).name)
        return msgspec.structs.replace(self, strategy=named)

    def values(self) -> dict[str, Any]:
        """The recipe as plain values; without a strategy, or with the usual venue, that key is left out."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        if self.strategy is None:
            del found["strategy"]
        if self.venue == VenueSettings():
            del found["venue"]
        return found


MODES = ("backtest", "paper", "live")
FOLDERS = {"recipe": "strategies", "rulebook": "rulebooks"}


def built_in(kind: str) -> list[str]:
    """Names of the built-in recipes or rulebooks, sorted."""
    folder = files("quorate") / FOLDERS[kind]
    return sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def read_values(kind: str, name_or_path: str) -> tuple[dict[str, Any], str]:
    """(values, where) of a recipe or rulebook by built-in name or path. Raises ConfigError for neither."""
    if name_or_path in built_in(kind):
        text = (files("quorate") / FOLDERS[kind] / f"{name_or_path}.toml").read_text("utf-8")
        return parse_toml(text, f"{kind} {name_or_path}"), f"{kind} {name_or_path}"
    path = Path(name_or_path)
    if path.suffix != ".toml" and not path.exists():
        raise ConfigError(f"no {kind} is called '{name_or_path}'", todo=nearest(name_or_path, built_in(kind)))
    try:
        return parse_toml(path.read_text("utf-8"), str(path)), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """TOML as a dict; raises ConfigError with the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not TOML: {error}", where=where) from error


_SECTIONS: dict[str, type[Any]] = {
    "decide": DecideSettings,
    "sizing": SizingSettings,
    "allocator": Named,
    "tactic": Named,
    "costs": CostSettings,
    "operator": OperatorSettings,
    "strategy": StrategySettings,
    "venue": VenueSettings,
}


def recipe_of(values: dict[str, Any], where: str) -> Recipe:
    """The recipe that these values spell; raises ConfigError naming the bad key and the nearest good one."""
    for section, kind in _SECTIONS.items():
        if section in values:
            if not isinstance(values[section], dict):
                raise ConfigError(f"[{section}] must be a table", where=where)
            convert(values[section], kind, f"{where} [{section}]")
    recipe: Recipe = convert(values, Recipe, where)
    if recipe.mode not in MODES:
        raise ConfigError(f"unknown mode '{recipe.mode}'", where=where, todo=nearest(recipe.mode, MODES))
    if recipe.strategy is not None and recipe.agents:
        what = f"[strategy] and agents ({', '.join(sorted(recipe.agents))}) exclude each other"
        raise ConfigError(what, where=where, todo="leave one of them out")
    if not recipe.agents and recipe.strategy is None:
        raise ConfigError("no agents", where=where, todo="add [agents.momentum]")
    for span in (recipe.costs.latency, recipe.operator.cool_down):
        parse_span(span)
    recipe.venue.read()
    return recipe


def rulebook_of(values: dict[str, Any], where: str) -> Rulebook:
    """The rulebook that these values spell; raises ConfigError naming the bad key."""
    for field in msgspec.structs.fields(Rulebook):
        section = values.get(field.encode_name)
        if (
            isinstance(section, dict)
            and isinstance(field.type, type)
            and issubclass(field.type, msgspec.Struct)
        ):
            convert(section, field.type, f"{where} [{field.encode_name}]")
    book: Rulebook = convert(values, Rulebook, where)
    return book


def override(values: dict[str, Any], assignment: str) -> dict[str, Any]:
    """The values with ``a.b.c=value`` set; the value is read as TOML, else as a string. A new dict."""
    path, equals, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise ConfigError(f"'{assignment}' is not an override", todo="write agents.momentum.fast=7")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    changed = dict(values)
    level = changed
    for key in keys[:-1]:
        inner = level.get(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"'{key}' is not a table", where=assignment)
        level[key] = level = dict(inner)
    level[keys[-1]] = value
    return changed
