"""The journal file's tables, made by numbered migrations, and the proof that they are just these."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from importlib.resources import files

APPLICATION_ID = 0x51524A31  # 'QRJ1', as the first migration writes it

Step = tuple[int, str]
Shape = frozenset[tuple[str, str, str, str | None]]

_SHAPE = "SELECT type, name, tbl_name, sql FROM sqlite_schema"


@cache
def steps() -> tuple[Step, ...]:
    """The migrations as (number, SQL), rising: the files ``NNNN_what.sql``."""
    folder = files("quorate.adapters.journals") / "migrations"
    found = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return tuple(sorted((int(file.name[:4]), file.read_text(encoding="utf-8")) for file in found))


def latest() -> int:
    """The version this Quorate writes and reads."""
    return steps()[-1][0]


def version_of(connection: sqlite3.Connection) -> tuple[int, int]:
    """(application id, version) from the file's header."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    return application, connection.execute("PRAGMA user_version").fetchone()[0]


def upgrade(connection: sqlite3.Connection, path: tuple[Step, ...] | None = None) -> None:
    """Apply every migration above the file's version, each whole or not at all. Raises sqlite3.Error."""
    version = version_of(connection)[1]
    for number, script in steps() if path is None else path:
        if number > version:
            with connection:
                connection.executescript(
                    f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
                )


def shape_of(connection: sqlite3.Connection) -> Shape:
    """All tables, indexes, views and triggers with the text that made them."""
    return frozenset(connection.execute(_SHAPE))


@cache
def expected() -> Shape:
    """The shape the migrations make: what a file of this version must have, no more and no less."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection)
        return shape_of(connection)
