"""AlgoSpace's settings.yaml as a recipe of ours: what maps is mapped, what has no home yet is listed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from quorate.app.config import flatten
from quorate.app.recipe import MODES, read_values
from quorate.core.errors import ConfigError

LATER = (
    "data_handler.live_settings.", "data_handler.backtest_settings.", "marl_core.", "rde.",
)  # fmt: skip
# Limits of theirs, the rulebook's key that means the same, and whether it counts whole things.
LIMITS = {
    "risk_management.max_position_size": ("futures.contracts_max", True),
    "risk_management.max_daily_drawdown": ("losses.day_share", False),
}
DATA = "data_handler.backtest_settings.file_path"
MODE = "system.mode"


class Imported(NamedTuple):
    """The recipe as TOML, its limits by dotted key, and what is to be said: by what is not in it, and why."""

    toml: str
    mode: str
    limits: dict[str, str]
    later: tuple[str, ...]
    unknown: tuple[str, ...]
    data: str | None


def import_settings(path: Path) -> Imported:
    """Read a settings.yaml. Raises ConfigError when it is none, or a value cannot be meant."""
    where = str(path)
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where, todo="check the path") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"is not YAML: {error}", where=where) from error
    if not isinstance(values, dict):
        raise ConfigError("holds no settings", where=where, todo="give AlgoSpace's settings.yaml")
    mode, data = "backtest", None
    limits: dict[str, str] = {}
    later: list[str] = []
    unknown: list[str] = []
    for key, value in flatten(values):
        if key == MODE:
            mode = str(value)
        elif key == DATA:
            data = str(value)
        elif key in LIMITS:
            name, whole = LIMITS[key]
            limits[name] = _number(value, key, where, whole=whole)
        else:
            (later if key.startswith(LATER) else unknown).append(f"{key} = {value}")
    if mode not in MODES:
        raise ConfigError(f"system.mode '{mode}' is none", where=where, todo=f"one of {', '.join(MODES)}")
    found = Imported("", mode, limits, tuple(later), tuple(unknown), data)
    return found._replace(toml=_toml(found, path.name))


def _number(value: Any, key: str, where: str, *, whole: bool) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ConfigError(f"{key} is '{value}', not a number", where=where) from error
    if not number.is_finite() or number <= 0 or (whole and number != number.to_integral_value()):
        raise ConfigError(
            f"{key} cannot be {value}", where=where, todo="a whole number" if whole else "above zero"
        )
    return str(int(number)) if whole else f"{number:f}"


def _toml(found: Imported, name: str) -> str:
    """The baseline's desk under the imported limits; `--recipe` and `--config` both take it."""
    agents = read_values("recipe", "baseline")[0]["agents"]
    lines = [
        f"# Imported from {name}. Limits here only tighten the rulebook.",
        'name = "algospace"',
        'about = "The baseline\'s agents under the limits of an AlgoSpace settings.yaml."',
        f'mode = "{found.mode}"',
        'rulebook = "balanced"',
        "",
        *(f"[agents.{agent}]" for agent in agents),
    ]
    for section in sorted({key.partition(".")[0] for key in found.limits}):
        lines += ["", f"[limits.{section}]"]
        lines += [
            f"{key.partition('.')[2]} = {value}"
            for key, value in found.limits.items()
            if key.startswith(section)
        ]
    lines += ["", *(f"# kept for later: {line}" for line in found.later)]
    lines += [f"# not known, not mapped: {line}" for line in found.unknown]
    if found.data is not None:
        lines.append(f"# data: name the file with --data {found.data}")
    return "\n".join(lines).rstrip() + "\n"
