"""`quorate config`: what is configured and from where, what a file means, another system's file as ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quorate.cli import options
from quorate.cli.output import emit, say, table, tell

if TYPE_CHECKING:
    from quorate.shield.rulebook import Rulebook

app = typer.Typer(help="What is configured, and from where.")


@app.callback()
def group() -> None:
    """What is configured, and from where."""


@app.command()
def show(
    recipe: options.Recipe = "baseline",
    overlay: options.Overlay = None,
    sets: options.Sets = [],  # noqa: B006 - typer hands over a fresh list
    seed: options.Seed = None,
    plugin: options.Plugins = [],  # noqa: B006
    rulebook: options.Rulebook = None,
    json: options.Json = False,
) -> int:
    """Every value and its source: default, recipe, file, .env, environment, option or --set; no secret."""
    from quorate.app.config import load_config, settings_of
    from quorate.app.registry import Registry
    from quorate.shield.rulebook import explain

    given = {"seed": seed, "rulebook": rulebook}
    config = load_config(
        recipe, overlay=overlay, sets=sets, options={k: v for k, v in given.items() if v is not None}
    )
    settings = settings_of(config, Registry(plugin))
    limits = [(each.key, each.value, each.unit, config.limits[each.key]) for each in explain(config.rulebook)]
    if json:
        emit(
            {
                "recipe": [{"key": key, "value": value, "source": source} for key, value, source in settings],
                "limits": [
                    {"key": key, "value": _plain(value), "unit": unit, "source": source}
                    for key, value, unit, source in limits
                ],
                "environment": [
                    {"name": name, "value": value, "source": source} for name, value, source in config.shown()
                ],
                "notes": list(config.notes),
            }
        )
        return 0
    table([["recipe", "value", "source"], *([key, str(value), source] for key, value, source in settings)])
    say()
    shown = [[key, _value(value), unit, source] for key, value, unit, source in limits]
    table([["limit", "value", "unit", "source"], *shown])
    say()
    table([["environment", "value", "source"], *map(list, config.shown())])
    for line in config.notes:
        tell(f"note: {line}")
    return 0


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(help="A recipe, an overlay or a rulebook: a file or a built-in name.")
    ],
    json: options.Json = False,
) -> int:
    """Find unknown keys and impossible values, and explain every limit; exit 1 when something is wrong."""
    from quorate.app.check import check_file
    from quorate.core.errors import ConfigError
    from quorate.shield.rulebook import explain

    try:
        kind, book, notes = check_file(file)
    except ConfigError as error:
        if json:
            emit({"ok": False, "kind": None, "why": error.line(), "limits": [], "notes": []})
        else:
            say(f"not ok: {error.line()}")
        return 1
    if json:
        limits = [
            {"key": each.key, "value": _plain(each.value), "unit": each.unit, "why": each.why}
            for each in explain(book)
        ]
        emit({"ok": True, "kind": kind, "why": "", "limits": limits, "notes": notes})
        return 0
    say(f"ok: {file} is a good {kind}; its limits (rulebook {book.name}):")
    say()
    _explain(book)
    for line in notes:
        tell(f"note: {line}")
    return 0


def _explain(book: Rulebook) -> None:
    from quorate.shield.rulebook import explain

    rows = [[each.key, _value(each.value), each.unit, each.why] for each in explain(book)]
    table([["limit", "value", "unit", "what it does"], *rows])


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="AlgoSpace's settings.yaml.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the recipe; must not exist.")
    ] = None,
    json: options.Json = False,
) -> int:
    """Turn AlgoSpace's settings.yaml into a recipe; what has no home yet is listed."""
    from quorate.app.imports import import_settings
    from quorate.core.errors import InputError

    found = import_settings(file)
    if out is not None:
        try:
            with out.open("x", encoding="utf-8") as target:
                target.write(found.toml)
        except FileExistsError as error:
            raise InputError("exists already", where=str(out), todo="name another file") from error
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(out)) from error
    if json:
        emit(found._asdict() | {"out": None if out is None else str(out)})
        return 0
    say(found.toml.rstrip() if out is None else f"wrote {out}")
    for line in found.later:
        tell(f"kept for later: {line}")
    for line in found.unknown:
        tell(f"not known, not mapped: {line}")
    if found.data is not None:
        tell(f"data: name the file with --data {found.data}")
    return 0


def _plain(value: Any) -> Any:
    """A limit as a JSON number: integers stay exact, decimals are short."""
    return value if value is None or isinstance(value, int) else float(value)


def _value(value: Any) -> str:
    return "none" if value is None else str(value)
