"""`quorate audit`: proofs about a journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quorate.cli import options
from quorate.cli.output import emit, say

app = typer.Typer(help="Proofs about a journal.")


@app.callback()
def group() -> None:
    """Proofs about a journal."""


@app.command()
def verify(
    journal: Annotated[Path, typer.Argument(help="The journal.db of a run.")],
    head: Annotated[str | None, typer.Option("--head", help="The head digest that you kept.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Accept a journal without its closing record.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Prove that every stored value is what was written; 0 only when it is, else 1."""
    import msgspec

    from quorate.adapters.feeds.blocks import unpack
    from quorate.adapters.journals.sqlite import verify_file

    def rows_in(content: bytes) -> int:
        return int(unpack(content).table.shape[1])

    found = verify_file(journal, _digest(head), partial, rows_in)
    if json:
        emit(msgspec.to_builtins(found))
    elif found.ok:
        whole = "closed" if found.complete else "partial"
        say(f"ok: {found.records:,} records, {whole}, head {found.head_digest}")
        if head is None:
            say("no anchor was given: a chain wholly re-hashed shows only against a --head you kept")
    else:
        place = "" if found.first_bad is None else f"record {found.first_bad}: "
        say(f"not ok after {found.records:,} good records: {place}{found.why}")
    return 0 if found.ok else 1


def _digest(text: str | None) -> bytes | None:
    """The 32 bytes of a digest in hex. Raises InputError otherwise."""
    from quorate.core.errors import InputError

    if text is None:
        return None
    try:
        head = bytes.fromhex(text)
    except ValueError:
        head = b""
    if len(head) != 32:
        raise InputError(
            f"'{text}' is not a digest", where="--head", todo="64 hex digits, as a run prints them"
        )
    return head
