"""`quorate init`: a recipe and an agent of one's own to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quorate.cli import options
from quorate.cli.output import emit, say


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if need be.")] = Path(),
    json: options.Json = False,
) -> int:
    """Write desk.toml and my_agent.py, never over anything."""
    from quorate.app.init import write_starter

    written = write_starter(folder)
    recipe, agent = written
    following = f"quorate run --recipe {recipe} --plugin {agent}"
    if json:
        emit({"written": [str(path) for path in written], "next": following})
    else:
        for path in written:
            say(f"wrote {path}")
        say(f"next: {following}")
        say(f"      quorate doctor {agent}")
    return 0
