"""`quorate runs`: what was run, each in full, and two side by side."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from quorate.cli import options
from quorate.cli.output import emit, say, table

app = typer.Typer(help="The runs of the past.")
Id = Annotated[str, typer.Argument(help="A run's id, or the unique beginning or end of it.")]


@app.callback()
def group() -> None:
    """The runs of the past."""


@app.command("list")
def list_runs(json: options.Json = False) -> int:
    """All runs, oldest first."""
    from quorate.app.runs import listed

    rows = listed()
    if json:
        emit({"runs": rows})
        return 0
    if not rows:
        say("no runs yet (quorate run makes one)")
        return 0
    head = ["run", "mode", "recipe", "instruments", "bars", "trades", "return", "drawdown", "ended"]
    table([head, *([row["run_id"], *_cells(row)] for row in rows)])
    return 0


def _cells(row: dict[str, Any]) -> list[str]:
    from quorate.analysis import words

    if "error" in row:
        return [row["error"], *[""] * 7]
    names = row["instruments"] or []
    traded = ", ".join(names[:2]) + (f" +{len(names) - 2}" if len(names) > 2 else "")
    ended = "halted" if row["halted"] else "partial" if row["partial"] else "whole"
    return [
        str(row["mode"]), str(row["recipe"]), traded, f"{row['events'] or 0:,}", str(row["trades"]),
        words.percent(row["total_return"]), words.share(row["max_drawdown"]), ended,
    ]  # fmt: skip


@app.command()
def show(run: Id, json: options.Json = False) -> int:
    """One run in full."""
    from quorate.app.runs import comparable, read_run

    result = read_run(run)
    if json:
        emit(result)
        return 0
    table([["", result["run_id"]], *([key, _text(value)] for key, value in comparable(result).items())])
    for name in ("report", "journal"):
        say(f"{name}: {result.get(name) or 'none'}")
    return 0


@app.command()
def diff(a: Id, b: Id, json: options.Json = False) -> int:
    """Two runs side by side: data, code, recipe, policy, results; what differs is marked."""
    from quorate.app.runs import compare

    found = compare(a, b)
    if json:
        emit(found)
        return 0
    rows = [["", "", str(found["a"]), str(found["b"])]]
    rows += [
        ["" if row["same"] else "*", row["key"], _text(row["a"]), _text(row["b"])] for row in found["rows"]
    ]
    table(rows)
    say(
        "identical, record by record" if found["identical"] else f"{len(found['differing'])} lines differ (*)"
    )
    return 0


def _text(value: Any) -> str:
    from quorate.analysis import words

    if value is None:
        return words.UNKNOWN
    if isinstance(value, float):
        return f"{value:,.6g}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
