"""`quorate replay`: the desk is run again on a journal's inputs, and every byte compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quorate.cli import options
from quorate.cli.output import emit, say


def replay(
    journal: Annotated[Path, typer.Argument(help="The journal.db of a run.")],
    override: Annotated[
        list[str], typer.Option("--override", help="A change, as agents.momentum.fast=7. Repeatable.")
    ] = [],  # noqa: B006 - typer hands over a fresh list
    plugin: options.Plugins = [],  # noqa: B006
    partial: Annotated[
        bool, typer.Option("--partial", help="Accept a journal without its closing record.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Run a journal's desk again; 0 only when every record comes out the same, else 1."""
    import msgspec

    from quorate.app.replay import replay as replayed
    from quorate.core.errors import JournalError

    try:
        made = replayed(journal, overrides=override, plugins=plugin, allow_partial=partial)
        found = msgspec.to_builtins(made)
    except JournalError as error:
        # A journal that cannot be believed is not identical to anything.
        number = getattr(error, "number", None)
        found = {"identical": False, "head_digest": None, "records": None, "partial": None}
        found["first_divergence"] = number
        found["divergence"] = {"number": number, "kind": None, "recorded": error.line(), "replayed": None}
    if json:
        emit(found)
    elif found["identical"]:
        mark = " (a partial journal)" if found["partial"] else ""
        say(f"identical: {found['records']:,} records{mark}, head {found['head_digest']}")
    else:
        first = found["divergence"]
        say(f"not identical: record {first['number']} differs")
        say(f"  recorded: {first['recorded']}")
        say(f"  replayed: {first['replayed']}")
    return 0 if found["identical"] else 1
