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
from quorate.app.config import LIMITS
from quorate.app.recipe import Recipe, override, recipe_of, rulebook_of
from quorate.app.registry import Registry
from quorate.app.strategy import Body, load_strategy
from quorate.core.errors import InputError, JournalError, QuorateError, TamperError
from quorate.core.instant import NEVER
from quorate.core.ports import JournalReader, Observer
from quorate.core.record import CLOSED, OPENED, Opened, Record
from quorate.shield.rulebook import Rulebook

_SHOWN = 400  # bytes of a payload that are shown
_LIMIT = f"write {LIMITS}.losses.hour_share=0.01"
# What a replay runs again; the rest of a recipe speaks of doors whose answers are in the journal.
RUN_AGAIN = ("agents", "decide", "sizing", "allocator", "tactic", "rules", "strategy")


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


class _Diverged(BaseException):
    """Ends a replay at once: no Exception, after which a session would write its closing record."""

    def __init__(self, divergence: Divergence) -> None:
        self.divergence = divergence
        super().__init__(f"record {divergence.number} differs")


class _Exhausted(BaseException):
    """Ends the replay of a journal that was never closed: all that it holds came out the same."""


class ComparedJournal(MemoryJournal):
    """A journal that already knows what must be written next, and stops at the first difference."""

    def __init__(self, recorded: Iterator[Record], *, by_payload: bool, closed: bool) -> None:
        super().__init__()
        self._recorded = recorded
        self._closed_one = closed
        self._by_payload = by_payload

    def append(self, at: int, kind: str, payload: bytes) -> Record:
        """Append and compare: every column, or all but the digests when record 0 was overridden."""
        told = next(self._recorded, None)
        if told is None and not self._closed_one:
            raise _Exhausted
        record = super().append(at, kind, payload)
        if told is None:
            raise _Diverged(Divergence(record.number, kind, "(the journal ends here)", _brief(record)))
        if self._by_payload:
            same = kind == told.kind == OPENED or _content(told) == _content(record)
        else:
            same = told == record
        if not same:
            raise _Diverged(Divergence(record.number, told.kind, *_side_by_side(told, record)))
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
    allow_partial: bool = False,
) -> Replayed:
    """Run a journal's desk again. ``overrides`` change its recipe: the first affected record is named.

    A journal without its closing record may have been cut: it is identical only if ``allow_partial``.
    Raises InputError or JournalError when the file is no journal or cannot be read back.
    """
    with open_journal(path) as reader:
        return replay_reader(
            reader, overrides=overrides, plugins=plugins, observers=observers, allow_partial=allow_partial
        )


def replay_reader(
    reader: JournalReader,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    observers: Sequence[Observer] = (),
    allow_partial: bool = False,
) -> Replayed:
    """As ``replay``, on a journal that is already open."""
    recording = Recording(reader)
    opened = recording.opened
    if opened is None:
        raise TamperError("the journal has no opening record", number=0)
    recipe, rulebook = desk_of(opened, overrides)
    body = strategy_of(opened, recipe, plugins)
    registry = registry_for(
        opened, [each for each in plugins if body is None or str(each) != body.file], body
    )
    plan = plan_replay(recording, opened, recipe, rulebook, registry, body)
    closed = recording.closed
    journal = ComparedJournal(reader.records(), by_payload=bool(overrides), closed=closed is not None)
    session = build_session(plan, "replay", journal, observers)
    until = NEVER if closed is None or closed.complete else recording.closed_at
    divergence: Divergence | None = None
    try:
        session.run(plan.opened, ending=closed, until=until)
    except _Diverged as diverged:
        divergence = diverged.divergence
    except _Exhausted:
        pass
    except JournalError:
        raise
    except QuorateError:
        pass  # the recorded run ended by this very error: its closing record, with the error, was compared
    if divergence is None and (left := journal.rest()) is not None:
        divergence = Divergence(left.number, left.kind, _brief(left), "(the replay ended before it)")
    if divergence is None and closed is None and not allow_partial:
        cut = "(no closing record: killed, cut, or still open; --partial takes it as far as it goes)"
        divergence = Divergence(recording.count, CLOSED, cut, "")
    return Replayed(
        identical=divergence is None,
        head_digest=journal.head.hex(),
        records=recording.count,
        first_divergence=None if divergence is None else divergence.number,
        divergence=divergence,
        partial=closed is None or not closed.complete,
    )


def desk_of(opened: Opened, overrides: Sequence[str]) -> tuple[Recipe, Rulebook]:
    """The recipe and the rulebook of record 0, changed. Raises InputError for a change that a replay cannot
    tell the effect of.
    """
    values: dict[str, Any] = opened.recipe
    limits: dict[str, Any] = opened.rulebook
    for assignment in overrides:
        section = assignment.partition("=")[0].partition(".")[0].strip()
        if section == LIMITS:
            limits = override({LIMITS: limits}, assignment)[LIMITS]
            if not isinstance(limits, dict):
                raise InputError(f"'{assignment}' names no limit", where="--override", todo=_LIMIT)
        elif section in RUN_AGAIN or section not in Recipe.__struct_fields__:
            values = override(values, assignment)
        else:
            raise InputError(
                f"'{section}' is not run again: a replay takes its effects from the journal",
                where="--override",
                todo=f"change {', '.join(RUN_AGAIN)} or {LIMITS}, or start a run with --set {assignment}",
            )
    where = "override" if overrides else "record 0"
    return recipe_of(values, where), rulebook_of(limits, where)


def strategy_of(opened: Opened, recipe: Recipe, plugins: Sequence[Path]) -> Body | None:
    """The very strategy the run was made with: a plugin of its file's name, else the file the recipe names.

    Raises InputError when it cannot be read or is another than record 0 states.
    """
    if recipe.strategy is None:
        return None
    file = next((each for each in plugins if each.name == recipe.strategy.file), Path(recipe.strategy.file))
    if not file.is_file():
        what = f"the run was of strategy {file.name}, which is not here"
        raise InputError(what, where="replay", todo=f"name that very file: --plugin {file.name}")
    body = load_strategy(file)
    if body.source not in [tuple(each) for each in opened.plugins]:
        what = f"strategy {file.name} is not the file the run was made with"
        raise InputError(what, where="replay", todo=f"name that very file: --plugin {file.name}")
    return body


def registry_for(opened: Opened, plugins: Sequence[Path], body: Body | None = None) -> Registry:
    """A registry with the very plugin files the run was made with. Raises InputError when one differs."""
    registry = Registry(plugins)
    known = registry.sources if body is None else [*registry.sources, body.source]
    for name, sha256 in opened.plugins:
        if (name, sha256) not in known:
            raise InputError(
                f"the run used plugin {name} ({sha256[:12]})",
                where="replay",
                todo=f"name that very file: --plugin {name}",
            )
    return registry


def _content(record: Record) -> tuple[int, int, str, bytes]:
    return record.number, record.at, record.kind, record.payload


def _side_by_side(told: Record, record: Record) -> tuple[str, str]:
    """Both in brief, from shortly before they part; where the payloads agree, the columns that do not."""
    if (told.kind, told.payload) != (record.kind, record.payload):
        common = _common(told.payload, record.payload) if told.kind == record.kind else 0
        return _brief(told, common), _brief(record, common)
    names = [name for name in told.__struct_fields__ if getattr(told, name) != getattr(record, name)]
    return _columns(told, names), _columns(record, names)


def _common(one: bytes, other: bytes) -> int:
    parts = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(parts, min(len(one), len(other)))


def _columns(record: Record, names: Sequence[str]) -> str:
    values = {name: getattr(record, name) for name in names}
    shown = [f"{name} {value.hex() if type(value) is bytes else value}" for name, value in values.items()]
    return f"{record.kind}: {', '.join(shown)}"


def _brief(record: Record, common: int = 0) -> str:
    first = max(0, common - _SHOWN // 2)
    text = record.payload[first : first + _SHOWN].decode("utf-8", "replace")
    return f"{record.kind} {'…' if first else ''}{text}"
