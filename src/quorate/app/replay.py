"""Replay: the desk is run again on a journal's inputs, and every record compared byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from quorate.adapters.journals.memory import MemoryJournal
from quorate.adapters.journals.sqlite import open_journal
from quorate.adapters.recorded import Recording
from quorate.app.compose import build_session, plan_replay
from quorate.app.recipe import override, recipe_of
from quorate.app.registry import Registry
from quorate.core.errors import InputError, JournalError, QuorateError
from quorate.core.instant import NEVER
from quorate.core.ports import JournalReader, Observer
from quorate.core.record import OPENED, Opened, Record


class Divergence(msgspec.Struct, frozen=True):
    """The first record where the desk did something else: what the journal says, what was done now."""

    number: int
    kind: str
    recorded: str
    replayed: str


class Replayed(msgspec.Struct, frozen=True):
    """What a replay found. ``head_digest`` is recomputed; ``identical`` means every byte of every record."""

    identical: bool
    head_digest: str
    records: int
    first_divergence: int | None
    divergence: Divergence | None
    partial: bool = False


class _DivergedError(Exception):
    """Ends a replay at once: no QuorateError, after which a session would write its closing record."""

    def __init__(self, divergence: Divergence) -> None:
        self.divergence = divergence
        super().__init__(f"record {divergence.number} differs")


class _ExhaustedError(Exception):
    """Ends the replay of a journal that was never closed: all that it holds came out the same."""


class ComparedJournal(MemoryJournal):
    """A journal that already knows what must be written next, and stops at the first difference."""

    def __init__(self, recorded: Iterator[Record], *, by_payload: bool, closed: bool) -> None:
        super().__init__()
        self._recorded = recorded
        self._closed_one = closed
        self._by_payload = by_payload

    def append(self, at: int, kind: str, payload: bytes) -> Record:
        """Append and compare: with the recorded digest, or by payload alone when record 0 was overridden."""
        told = next(self._recorded, None)
        if told is None and not self._closed_one:
            raise _ExhaustedError
        record = super().append(at, kind, payload)
        if told is None:
            raise _DivergedError(Divergence(record.number, kind, "(the journal ends here)", _brief(record)))
        same = (told.kind, told.at, told.payload) == (record.kind, record.at, record.payload)
        if kind != OPENED or not self._by_payload:
            same = same and (self._by_payload or told.digest == record.digest)
            if not same:
                raise _DivergedError(Divergence(record.number, told.kind, _brief(told), _brief(record)))
        return record

    def rest(self) -> Record | None:
        """The next recorded line that nobody wrote again."""
        return next(self._recorded, None)


def replay(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    observers: Sequence[Observer] = (),
) -> Replayed:
    """Run a journal's desk again. ``overrides`` change its recipe: the first affected record is named.

    Raises InputError or JournalError when the file is no journal or cannot be read back.
    """
    with open_journal(path) as reader:
        return replay_reader(reader, overrides=overrides, plugins=plugins, observers=observers)


def replay_reader(
    reader: JournalReader,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    observers: Sequence[Observer] = (),
) -> Replayed:
    """As ``replay``, on a journal that is already open."""
    recording = Recording(reader)
    opened = recording.opened
    if opened is None:
        raise InputError("the journal has no opening record")
    registry = registry_for(opened, plugins)
    values: dict[str, Any] = opened.recipe
    for assignment in overrides:
        values = override(values, assignment)
    plan = plan_replay(recording, recipe_of(values, "override" if overrides else "record 0"), registry)
    closed = recording.closed
    journal = ComparedJournal(reader.records(), by_payload=bool(overrides), closed=closed is not None)
    session = build_session(plan, "replay", journal, observers)
    until = NEVER if closed is None or closed.complete else recording.closed_at
    divergence: Divergence | None = None
    try:
        session.run(opened, ending=closed, until=until)
    except _DivergedError as diverged:
        divergence = diverged.divergence
    except _ExhaustedError:
        pass
    except JournalError:
        raise
    except QuorateError:
        pass  # the recorded run ended by this very error: its closing record, with the error, was compared
    if divergence is None and (left := journal.rest()) is not None:
        divergence = Divergence(left.number, left.kind, _brief(left), "(the replay ended before it)")
    return Replayed(
        identical=divergence is None,
        head_digest=journal.head.hex(),
        records=recording.count,
        first_divergence=None if divergence is None else divergence.number,
        divergence=divergence,
        partial=closed is None or not closed.complete,
    )


def registry_for(opened: Opened, plugins: Sequence[Path]) -> Registry:
    """A registry with the very plugin files the run was made with. Raises InputError when one differs."""
    registry = Registry(plugins)
    for name, sha256 in opened.plugins:
        if (name, sha256) not in registry.sources:
            raise InputError(
                f"the run used plugin {name} ({sha256[:12]})",
                where="replay",
                todo=f"name that very file: --plugin {name}",
            )
    return registry


def _brief(record: Record) -> str:
    return f"{record.kind} {record.payload.decode('utf-8', 'replace')[:400]}"
