"""The desk and its session: agents are silenced, failures close, nothing unsealed or unrecorded goes out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec
import pytest

from quorate.adapters.journals.memory import MemoryJournal
from quorate.adapters.journals.sqlite import SqliteJournal, open_journal, verify_file
from quorate.app import compose
from quorate.app.compose import build_desk, build_session
from quorate.app.recipe import Named
from quorate.app.replay import replay as replay_file
from quorate.app.replay import replay_reader
from quorate.app.run import run_session
from quorate.audit.audit import verify
from quorate.core.canon import read
from quorate.core.effects import AnyEffect
from quorate.core.errors import InvariantError, JournalError, SealError
from quorate.core.events import AnyEvent, Breaker, Fill, Halt, InstantClosed
from quorate.core.instrument import Instrument
from quorate.core.order import Answer, ApprovedOrder, Finding, Order, Role
from quorate.core.record import Closed, Record
from quorate.core.roles import ShieldState, View
from quorate.core.signal import Signal
from quorate.kernel.desk import Desk
from quorate.shield.mint import Mint
from tests.sessions import plan, run, tape


class Fails:
    """An agent that raises at its hundredth bar."""

    name: ClassVar[str] = "fails"

    def features(self) -> Sequence[str]:
        return ()

    def hear(self, view: View, instrument: str) -> Signal | None:
        if view.count(instrument) == 100:
            raise ZeroDivisionError("a defect of an agent")
        return None


class Nonsense(Fails):
    """An agent that says something that is no probability."""

    name = "nonsense"

    def hear(self, view: View, instrument: str) -> Signal | None:
        return Signal(view.at, self.name, instrument, float("nan"), 1)


class Impostor(Fails):
    """An agent that speaks in another's name."""

    name = "impostor"

    def hear(self, view: View, instrument: str) -> Signal | None:
        return Signal(view.at, "momentum", instrument, 0.9, 1)


@pytest.mark.parametrize("kind", [Fails, Nonsense, Impostor])
def test_an_agent_that_fails_is_silenced_and_the_desk_goes_on(kind: type[Fails]) -> None:
    made = plan([tape()])
    made.registry._found["agents"][kind.name] = kind
    with_it = msgspec.structs.replace(made.recipe, agents={**made.recipe.agents, kind.name: {}})
    collector, journal = run(replace(made, recipe=with_it))
    plain, _ = run(plan([tape()]))
    assert [each.agent for each in collector.silenced] == [kind.name]
    assert collector.orders_digest == plain.orders_digest
    assert sum(record.kind == "silenced" for record in journal.records()) == 1


def test_the_order_of_symbols_changes_nothing() -> None:
    tapes = [tape(1, 1_500, "AAA"), tape(2, 1_500, "BBB"), tape(3, 1_500, "CCC")]
    _, forwards = run(plan(tapes))
    _, backwards = run(plan(tapes[::-1]))
    assert forwards.head == backwards.head


def test_same_inputs_same_head_and_another_seed_or_tape_another() -> None:
    heads = {
        name: run(made)[1].head
        for name, made in {
            "one": plan([tape(1)]),
            "again": plan([tape(1)]),
            "seed": plan([tape(1)], "seed=2"),
            "tape": plan([tape(2)]),
        }.items()
    }
    assert heads["one"] == heads["again"]
    assert len(set(heads.values())) == 3


def test_a_crash_halts_the_desk_closes_its_positions_and_people_resume_it() -> None:
    collector, journal = run(plan([tape(3, crash=True)], "limits.losses.hour_share=0.002"))
    assert collector.halts > 0
    assert [act.principals for act in collector.resumes] == [("backtest-operator",)] * len(collector.resumes)
    halted = next(move for move in collector.moves if move.after is Breaker.HALTED)
    later = [fill for fill in collector.fills if fill.at > halted.at]
    resumed = next(act.at for act in collector.resumes)
    assert not [fill for fill in later if fill.role is Role.ENTRY and fill.at < resumed]
    assert verify(journal.records(), journal.block).ok


def test_a_person_halts_at_once_and_nothing_is_opened_after() -> None:
    made = plan([tape()], "mode=paper")
    middle = int(made.series[0].at[1_500])
    halted = replace(made, acts=(Halt(middle, "anna", "lunch"),))
    collector, _ = run(halted, "paper")
    assert [move.after for move in collector.moves] == [Breaker.HALTED]
    assert not [fill for fill in collector.fills if fill.at > middle + 600 * 10**9]


class Raises:
    """A rule with a defect."""

    name: ClassVar[str] = "raises"

    def review(self, order: Order, instrument: Instrument, state: ShieldState) -> Finding:
        if state.view.count(order.instrument) > 1_000:
            raise RuntimeError("a defect of a rule")
        return Finding(self.name, Answer.ALLOW, {})


def test_a_rule_that_fails_denies_and_halts() -> None:
    made = plan([tape()])
    made.registry._found["rules"]["raises"] = Raises
    recipe = msgspec.structs.replace(made.recipe, rules={"raises": {}})
    collector, _ = run(replace(made, recipe=recipe), "paper")
    assert [move.after for move in collector.moves] == [Breaker.HALTED]
    assert collector.moves[0].rule == "raises"


# ---- the gate -----------------------------------------------------------------------------------------


class Corrupt(Desk):
    """A desk that changes what the shield approved, after it was sealed."""

    def on(self, event: AnyEvent, number: int) -> list[AnyEffect]:
        effects = super().on(event, number)
        return [self.spoil(effect) if isinstance(effect, ApprovedOrder) else effect for effect in effects]

    def spoil(self, approved: ApprovedOrder) -> AnyEffect:
        order = approved.order
        more = msgspec.structs.replace(order.quantity, count=order.quantity.count + 1)
        return msgspec.structs.replace(approved, order=msgspec.structs.replace(order, quantity=more))


class Unsealed(Corrupt):
    def spoil(self, approved: ApprovedOrder) -> AnyEffect:
        return approved.unsealed()


class Stale(Corrupt):
    def spoil(self, approved: ApprovedOrder) -> AnyEffect:
        return msgspec.structs.replace(approved, expires_at=approved.expires_at + 10**12)


class SecondHand(Corrupt):
    def spoil(self, approved: ApprovedOrder) -> AnyEffect:
        other = Mint(os.urandom(32))
        return other.approve(
            approved.at, approved.order, approved.verdict, approved.policy, approved.nonce, 10**9
        )


class Replayed(Corrupt):
    first: ApprovedOrder | None = None

    def spoil(self, approved: ApprovedOrder) -> AnyEffect:
        self.first = self.first or approved
        return self.first


@pytest.mark.parametrize("kind", [Corrupt, Unsealed, Stale, SecondHand, Replayed])
def test_the_gate_lets_nothing_out_but_what_the_shield_sealed(
    kind: type[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "Desk", kind)
    journal = MemoryJournal()
    session = build_session(plan([tape()]), "backtest", journal)
    sent: list[str] = []
    submit = session.venue.submit
    session.venue.submit = lambda order: (sent.append(order.order.id), submit(order))  # type: ignore[method-assign]
    with pytest.raises(SealError):
        session.run(plan([tape()]).opened)
    assert len(sent) == (1 if kind is Replayed else 0)
    assert (
        not verify(journal.records(), journal.block).complete or list(journal.records())[-1].kind == "closed"
    )


def test_the_honest_desk_passes_the_same_gate() -> None:
    journal = MemoryJournal()
    made = plan([tape()])
    build_session(made, "backtest", journal).run(made.opened)
    assert verify(journal.records(), journal.block).ok
    assert isinstance(build_desk(made, Mint(bytes(32))), Desk)


# ---- the journal --------------------------------------------------------------------------------------


class FullDisk(MemoryJournal):
    """A journal whose disk is full at its hundredth record."""

    def append(self, at: int, kind: str, payload: bytes) -> Record:
        if self.next_number == 100:
            raise JournalError("the disk is full")
        return super().append(at, kind, payload)


def test_a_full_disk_stops_the_desk_before_anything_unrecorded_is_sent() -> None:
    made, journal = plan([tape()]), FullDisk()
    collector, closed, error = run_session(made, "backtest", journal)
    assert closed is None
    assert "disk is full" in error
    orders = sum(record.kind == "approved_order" for record in journal.records())
    assert journal.next_number == 100
    assert len(collector.approved) <= orders


def test_a_session_that_is_stopped_leaves_a_journal_that_verifies_and_replays(tmp_path: Any) -> None:
    made = plan([tape()])
    path = tmp_path / "journal.db"

    class StopsAt:
        seen = 0

        def __init__(self) -> None:
            self.session: Any = None

        def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Any) -> None:
            self.seen += 1
            if self.seen == 2_000:
                self.session.stop("interrupted by a person")

    watcher = StopsAt()
    journal = SqliteJournal(path, durable=False)
    session = build_session(made, "backtest", journal, (watcher,))
    watcher.session = session
    closed = session.run(made.opened)
    assert not closed.complete
    assert verify_file(path).ok
    replayed = replay_file(path)
    assert replayed.identical
    assert replayed.partial


@pytest.mark.parametrize("nth", [0, 1, 7])
def test_a_session_stopped_between_a_report_and_its_bar_ends_with_the_instant(nth: int) -> None:
    """Reports rank before the bars of their instant: ending there would cut the instant in two."""

    class StopsAtFill:
        session: Any = None
        fills = 0
        last: AnyEvent | None = None

        def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Any) -> None:
            self.last = event
            if isinstance(event, Fill):
                self.fills += 1
                if self.fills == nth + 1:
                    self.session.stop("interrupted by a person")

    made, journal, watcher = plan([tape()]), MemoryJournal(), StopsAtFill()
    watcher.session = build_session(made, "backtest", journal, (watcher,))
    closed = watcher.session.run(made.opened)
    assert (closed.complete, closed.reason) == (False, "interrupted by a person")
    assert isinstance(watcher.last, InstantClosed)
    replayed = replay_reader(journal)
    assert replayed.identical, replayed.divergence
    assert replayed.partial


class Breaks:
    """An allocator and a tactic with a defect: no chair that can be silenced."""

    name: ClassVar[str] = "breaks"

    def weigh(self, view: View, instruments: Sequence[str]) -> dict[str, float]:
        raise ZeroDivisionError("a defect of a plugin")

    def children(self, order: Order, view: View) -> Sequence[Order]:
        raise ZeroDivisionError("a defect of a plugin")


@pytest.mark.parametrize("chair", ["allocator", "tactic"])
def test_whatever_is_raised_in_the_desk_the_journal_is_closed_and_says_it(chair: str, tmp_path: Any) -> None:
    made = plan([tape()])
    made.registry._found[f"{chair}s"]["breaks"] = Breaks
    recipe = msgspec.structs.replace(made.recipe, **{chair: Named("breaks")})
    path = tmp_path / "journal.db"
    with pytest.raises(InvariantError, match="ZeroDivisionError: a defect of a plugin"):
        run_session(replace(made, recipe=recipe), "backtest", SqliteJournal(path, durable=False))
    assert verify_file(path).ok
    with open_journal(path) as reader:
        closed = read(Closed, list(reader.records())[-1].payload)
    assert (closed.complete, closed.reason) == (False, "ZeroDivisionError: a defect of a plugin")


def test_effects_name_their_records() -> None:
    """The nonce of every approval is the number of the record that holds it."""
    _, journal = run(plan([tape()]))
    approvals = [record for record in journal.records() if record.kind == "approved_order"]
    assert approvals
    for record in approvals:
        assert msgspec.json.decode(record.payload, type=ApprovedOrder).nonce == record.number
        assert msgspec.json.decode(record.payload, type=ApprovedOrder).seal == b""
