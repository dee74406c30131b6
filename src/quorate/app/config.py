"""Where each value of a run comes from: default, recipe, file, .env, environment or --set, later over former.

A recipe, an overlay and ``--set`` may also carry ``[limits]`` in the shape of a rulebook. Limits from there
and from the environment only tighten the rulebook; a looser one is ignored, and said.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from dotenv import dotenv_values

from quorate.app.recipe import Recipe, built_in, override, parse_toml, read_values, recipe_of, rulebook_of
from quorate.app.registry import Registry, nearest
from quorate.core.errors import ConfigError
from quorate.core.instant import parse_span
from quorate.shield.rulebook import Rulebook, explain

DEFAULT = "default"
LIMITS = "limits"
TRADING_MODES = ("auto", "manual")
SECRETS = ("HYPERLIQUID_PRIVATE_KEY", "OPENROUTER_API_KEY", "TAAPI_API_KEY")
PLAIN = ("ASSETS", "INTERVAL", "TRADING_MODE", "LLM_MODEL")

# Environment names that tighten a limit, and whether they are a share of one.
ENVIRONMENT_LIMITS = {
    "MAX_POSITION_SIZE": ("exposure.position_share", True),
    "MAX_LEVERAGE": ("exposure.leverage_max", False),
    "STOP_LOSS_PCT": ("risk.trade_share", True),
}
KNOWN = (*PLAIN, *ENVIRONMENT_LIMITS, *SECRETS)

# A smaller number is the tighter one, but for these.
LARGER_IS_TIGHTER = frozenset({"bracket.stop_ticks_min", "rate.duplicate_window_s", "losses.streak_pause_s"})

_TYPO = 0.85


class Layer(NamedTuple):
    """Values from one source; later layers lie over earlier ones."""

    source: str
    values: dict[str, Any]


class Given(NamedTuple):
    """One environment value and where it came from: ``.env`` or ``environment``."""

    value: str
    source: str


class Tightening(NamedTuple):
    """A limit that somebody asks for: dotted key, value, the name it was given by, and the source."""

    key: str
    value: Decimal
    label: str
    source: str


@dataclass(frozen=True, slots=True)
class Config:
    """The settled configuration. ``sources``, ``limits``: dotted key to source, of recipe and rulebook.

    ``environment`` holds the known names that are set, secrets among them: show it by ``shown`` only.
    """

    recipe: Recipe
    rulebook: Rulebook
    sources: Mapping[str, str]
    limits: Mapping[str, str]
    environment: Mapping[str, Given]
    notes: tuple[str, ...]

    @property
    def assets(self) -> tuple[str, ...]:
        """The instruments that ASSETS asks for, upper case; empty when it is not set."""
        given = self.environment.get("ASSETS")
        return tuple(given.value.upper().replace(",", " ").split()) if given else ()

    @property
    def interval(self) -> int:
        """The bar's length in ns that INTERVAL asks for, 0 when it is not set."""
        given = self.environment.get("INTERVAL")
        return parse_span(given.value) if given else 0

    def require_unattended(self) -> None:
        """Raises ConfigError when TRADING_MODE wants a person to approve each order."""
        given = self.environment.get("TRADING_MODE")
        if given and given.value.lower() == "manual":
            raise ConfigError(
                "TRADING_MODE=manual wants each order approved, which this version cannot ask for",
                where=given.source,
                todo="set TRADING_MODE=auto to let the desk trade unattended",
            )

    def shown(self) -> list[tuple[str, str, str]]:
        """(name, value or 'set' or 'not set', source) of every environment name; a secret is never shown."""
        rows = []
        for name in KNOWN:
            given = self.environment.get(name)
            value = "not set" if given is None else "set" if name in SECRETS else given.value
            rows.append((name, value, given.source if given else DEFAULT))
        return rows


def load_config(
    recipe: str = "baseline",
    *,
    strategy: Path | None = None,
    overlay: Path | None = None,
    sets: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Config:
    """Settle all layers. ``options`` are recipe values given by options of their own, such as ``seed``.
    ``strategy``: a recipe of this file alone in the place of ``recipe``.

    ``folder`` is where ``.env`` is looked for, by default the current one. Raises ConfigError with the layer.
    """
    given, notes = read_environment(folder or Path())
    layers = list(_layers(recipe, strategy, overlay, sets, options or {}))
    merged: dict[str, Any] = {}
    settled: Recipe | None = None
    for layer in layers:
        merged = _merge(merged, {key: value for key, value in layer.values.items() if key != LIMITS})
        settled = recipe_of(merged, layer.source)
    if settled is None:
        raise ConfigError("no recipe", todo=f"one of {', '.join(built_in('recipe'))}")
    values, where = read_values("rulebook", settled.rulebook)
    base = rulebook_of(values, where)
    wanted = [*_asked(layers), *_environment_limits(given)]
    rulebook, limits, said = tighten(base, wanted)
    # The rulebook's name, not the path it was read from: places stay out of journals.
    settled = msgspec.structs.replace(settled, rulebook=rulebook.name)
    sources = {key: DEFAULT for key, _ in flatten(msgspec.to_builtins(settled))}
    for layer in layers:
        sources |= {key: layer.source for key, _ in flatten(layer.values) if not key.startswith(f"{LIMITS}.")}
    all_limits = {each.key: limits.get(each.key, where) for each in explain(rulebook)}
    return Config(settled, rulebook, sources, all_limits, given, (*notes, *said))


def _layers(
    recipe: str,
    strategy: Path | None,
    overlay: Path | None,
    sets: Sequence[str],
    options: Mapping[str, Any],
) -> Iterator[Layer]:
    if strategy is None:
        values, where = read_values("recipe", recipe)
        yield Layer(where, _beside(values, Path(recipe)))
    else:
        yield Layer("--strategy", {"name": strategy.stem, "strategy": {"file": str(strategy)}})
    if overlay is not None:
        yield Layer(f"file {overlay}", _beside(read_toml(overlay), overlay))
    if options:
        yield Layer("option", dict(options))
    if sets:
        changed: dict[str, Any] = {}
        for assignment in sets:
            changed = override(changed, assignment)
        yield Layer("--set", changed)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict. Raises ConfigError when it cannot be read."""
    try:
        return parse_toml(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", where=str(path), todo="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not a text file in UTF-8", where=str(path)) from error


def _beside(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """Paths in a file, of a rulebook or a strategy, are meant from that file's folder."""
    book = values.get("rulebook")
    if isinstance(book, str) and book not in built_in("rulebook") and (path.parent / book).is_file():
        values = values | {"rulebook": str(path.parent / book)}
    strategy = values.get("strategy")
    file = strategy.get("file") if isinstance(strategy, dict) else None
    if isinstance(strategy, dict) and isinstance(file, str) and (path.parent / file).is_file():
        values = values | {"strategy": strategy | {"file": str(path.parent / file)}}
    return values


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every leaf; an empty table is a leaf."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def settings_of(config: Config, registry: Registry) -> list[tuple[str, Any, str]]:
    """(dotted key, value, source) of the whole recipe, with the defaults of whoever sits in its chairs."""
    tree = msgspec.to_builtins(config.recipe)
    for name, settings in config.recipe.agents.items():
        agent = registry.build("agents", name, settings)
        if isinstance(agent, msgspec.Struct):
            tree["agents"][name] = msgspec.to_builtins(agent)
    return [(key, value, config.sources.get(key, DEFAULT)) for key, value in flatten(tree)]


# ---- the environment ---------------------------------------------------------------------------------


def read_environment(folder: Path) -> tuple[dict[str, Given], list[str]]:
    """The known names that are set, the environment over ``.env``, and what is to be said about the rest.

    Raises ConfigError for a ``.env`` that cannot be read and for values that cannot be meant.
    """
    path = folder / ".env"
    try:
        file = dotenv_values(path, interpolate=False) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error
    given: dict[str, Given] = {}
    for source, values in ((".env", file), ("environment", os.environ)):
        for name in KNOWN:
            value = (values.get(name) or "").strip()
            if value:
                given[name] = Given(value, source)
    notes = []
    for name in file:
        close = difflib.get_close_matches(name, KNOWN, n=1, cutoff=_TYPO)
        if name not in KNOWN and close:
            notes.append(f".env: {name} is not known and does nothing (did you mean {close[0]}?)")
    mode = given.get("TRADING_MODE")
    if mode and mode.value.lower() not in TRADING_MODES:
        todo = f"one of {', '.join(TRADING_MODES)}"
        raise ConfigError(f"TRADING_MODE={mode.value} is none", where=mode.source, todo=todo)
    interval = given.get("INTERVAL")
    if interval:
        parse_span(interval.value)
    return given, notes


def _environment_limits(given: Mapping[str, Given]) -> Iterator[Tightening]:
    for name, (key, is_share) in ENVIRONMENT_LIMITS.items():
        if name not in given:
            continue
        text, source = given[name]
        value = _decimal(text, name, source)
        if is_share and value > 1:
            todo = f"write {value / 100} for {value} %"
            raise ConfigError(f"{name}={text} is more than the whole", where=source, todo=todo)
        yield Tightening(key, value, name, source)


def _asked(layers: Sequence[Layer]) -> Iterator[Tightening]:
    for source, values in layers:
        limits = values.get(LIMITS, {})
        if not isinstance(limits, dict):
            raise ConfigError(f"[{LIMITS}] must be a table", where=source)
        for key, value in flatten(limits):
            yield Tightening(key, _decimal(value, key, source), key, source)


def _decimal(value: Any, name: str, where: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ConfigError(f"{name}={value} is not a number", where=where) from error
    if not number.is_finite() or number <= 0:
        raise ConfigError(f"{name}={value} must be above zero", where=where)
    return number


def tighten(book: Rulebook, wanted: Sequence[Tightening]) -> tuple[Rulebook, dict[str, str], list[str]]:
    """(rulebook, source of each limit that moved, what is to be said): a looser limit is ignored and said.

    Raises ConfigError for a limit that no rulebook has, or a value that none may have.
    """
    moved: dict[str, str] = {}
    said: list[str] = []
    for key, value, label, source in wanted:
        known = {each.key: each for each in explain(book)}
        if key not in known:
            raise ConfigError(f"unknown limit '{key}'", where=source, todo=nearest(key, list(known)))
        limit = known[key]
        if limit.value is not None:
            if value == limit.value:
                continue
            if (value > limit.value) != (key in LARGER_IS_TIGHTER):
                told = f"{label}={value} ({source})" if label != key else f"{source}: {key} = {value}"
                held = f"rulebook {book.name}'s {limit.value} {limit.unit}"
                said.append(f"{told} is looser than {held}: ignored, limits given here only tighten")
                continue
        book = _with(book, key, value, source)
        moved[key] = source
        said.append(f"{key} tightened to {value} {limit.unit} by {label if label != key else source}")
    return book, moved, said


def _with(book: Rulebook, key: str, value: Decimal, where: str) -> Rulebook:
    whole = int(value) if value == value.to_integral_value() else str(value)
    return rulebook_of(override(book.plain(), f"{key}={_toml(whole)}"), where)


def _toml(value: int | str) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'
