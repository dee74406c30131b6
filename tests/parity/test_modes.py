"""The same desk in every mode: paper sends what the backtest sent, replay does again what was done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from quorate.adapters.journals.memory import MemoryJournal
from quorate.app.replay import replay_reader
from quorate.core.canon import read, spell
from quorate.core.errors import InputError, TamperError
from quorate.core.events import Fill
from quorate.core.money import Price
from quorate.core.record import BLOCK, CLOSED, OPENED, BlockRef, Closed, Opened
from tests.sessions import plan, run, tape


def test_paper_over_the_same_tape_sends_the_same_orders_digest_for_digest() -> None:
    backtest, journal = run(plan([tape(3, crash=True)], "limits.losses.hour_share=0.002"))
    made = plan([tape(3, crash=True)], "limits.losses.hour_share=0.002", "mode=paper")
    paper, other = run(replace(made, acts=tuple(backtest.resumes)), "paper")
    assert backtest.halts > 0
    assert paper.orders_digest == backtest.orders_digest
    assert [trade.pnl for trade in paper.trades] == [trade.pnl for trade in backtest.trades]
    assert other.head != journal.head  # record 0 says which mode it was


def test_without_its_people_a_halted_paper_desk_stays_halted() -> None:
    made = plan([tape(3, crash=True)], "limits.losses.hour_share=0.002", "mode=paper")
    paper, _ = run(made, "paper")
    assert paper.halts == 1
    assert not paper.resumes


def test_replay_is_identical_byte_for_byte() -> None:
    _, journal = run(plan([tape(1, 2_000, "AAA"), tape(2, 2_000, "BBB", crash=True)]))
    found = replay_reader(journal)
    assert found.identical
    assert found.head_digest == journal.head.hex()
    assert found.records == journal.next_number
    assert found.first_divergence is None


@pytest.mark.parametrize(
    "change",
    [
        "agents.momentum.fast=7",
        "decide.confidence=0.6",
        "sizing.stop=2.0",
        "limits.exposure.trade_share=0.05",
    ],
)
def test_an_override_names_the_first_affected_record(change: str) -> None:
    _, journal = run(plan([tape()]))
    _, changed = run(plan([tape()], change))
    pairs = zip(journal.records(), changed.records(), strict=False)
    first = next(
        a.number for a, b in pairs if a.number and (a.kind, a.at, a.payload) != (b.kind, b.at, b.payload)
    )
    found = replay_reader(journal, overrides=[change])
    assert not found.identical
    assert found.first_divergence == first


def test_an_override_that_changes_nothing_is_identical() -> None:
    _, journal = run(plan([tape()]))
    assert replay_reader(journal, overrides=["agents.momentum.fast=24"]).identical


@pytest.mark.parametrize(
    "change", ["costs.slippage=9", "operator.cool_down=1h", "rulebook=conservative", "mode=paper", "seed=5"]
)
def test_an_override_of_what_a_replay_takes_from_the_journal_is_refused(change: str) -> None:
    """It would come out identical whatever the change, and that would be no answer."""
    _, journal = run(plan([tape(1, 200)]))
    with pytest.raises(InputError, match=f"'{change.partition('=')[0].partition('.')[0]}' is not run again"):
        replay_reader(journal, overrides=[change])


@pytest.mark.parametrize("change", ["limits=1", "limits.losses=1", "limits.nonsense=1", "agents=1"])
def test_an_override_that_makes_no_desk_is_refused(change: str) -> None:
    _, journal = run(plan([tape(1, 200)]))
    with pytest.raises(InputError):
        replay_reader(journal, overrides=[change])


def rewritten(journal: MemoryJournal, number: int, payload: bytes) -> MemoryJournal:
    """The same journal with one payload altered and the whole chain honestly re-hashed."""
    made = MemoryJournal()
    for block in range(sum(record.kind == "block" for record in journal.records())):
        made._blocks[block] = journal.block(block)
    for record in journal.records():
        made.append(record.at, record.kind, payload if record.number == number else record.payload)
    return made


def test_an_altered_input_is_found_even_when_the_chain_was_hashed_again() -> None:
    """Replay runs the desk again; it does not trust digests."""
    _, journal = run(plan([tape()]))
    fill_record = [record for record in journal.records() if record.kind == "fill"][4]
    fill: Any = read(Fill, fill_record.payload)
    better = msgspec.structs.replace(fill, price=Price(fill.price.count + 1, fill.price.scale))
    forged = rewritten(journal, fill_record.number, spell(better))
    found = replay_reader(forged)
    assert not found.identical
    assert found.divergence is not None
    assert "ledger" in found.divergence.replayed  # the venue's own ledger is the second witness


def test_an_altered_output_is_found_even_when_the_chain_was_hashed_again() -> None:
    _, journal = run(plan([tape()]))
    decision = next(record for record in journal.records() if record.kind == "decision")
    forged = rewritten(journal, decision.number, decision.payload.replace(b'"reason":"', b'"reason":"x'))
    found = replay_reader(forged)
    assert not found.identical
    assert found.first_divergence == decision.number


KIND: dict[type[Any], str] = {Opened: OPENED, BlockRef: BLOCK, Closed: CLOSED}
FORGED: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "canon": (Opened, {"canon": 2}),
    "mode": (Opened, {"mode": "paper"}),
    "seed": (Opened, {"seed": 2}),
    "policy": (Opened, {"policy": "00" * 32}),
    "rows": (BlockRef, {"rows": 1}),
    "first": (BlockRef, {"first": 1}),
    "last": (BlockRef, {"last": 2**62}),
    "reason": (Closed, {"reason": "all went well"}),
    "equity": (Closed, {"equity": (10**15, "USD")}),
    "breaker": (Closed, {"breaker": "halted"}),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_the_chain_says_of_itself_is_made_anew_not_repeated(name: str) -> None:
    """Opening, block and closing records, altered in a chain that was hashed again."""
    _, journal = run(plan([tape(1, 300)]))
    kind, change = FORGED[name]
    record = next(each for each in journal.records() if each.kind == KIND[kind])
    forged = spell(msgspec.structs.replace(read(kind, record.payload), **change))
    found = replay_reader(rewritten(journal, record.number, forged))
    assert found.first_divergence == record.number


@pytest.mark.parametrize("column", ["number", "at", "kind", "payload", "previous", "digest"])
@pytest.mark.parametrize("place", [0, 40, -1])
def test_every_column_of_every_record_is_compared(column: str, place: int) -> None:
    """In a chain that nobody hashed again, too."""
    _, journal = run(plan([tape(1, 300)]))
    record = journal._records[place]
    value = getattr(record, column)
    other = value + 7 if isinstance(value, int) else value[:-1]
    journal._records[place] = msgspec.structs.replace(record, **{column: other})
    try:
        found = replay_reader(journal)
    except TamperError as error:
        assert error.number == record.number
        return
    assert not found.identical
    assert found.first_divergence is not None
    assert found.first_divergence <= record.number
    assert found.divergence is not None
    assert found.divergence.recorded != found.divergence.replayed


def test_a_report_of_something_unknown_ends_the_replay_not_the_process() -> None:
    _, journal = run(plan([tape()]))
    record = next(each for each in journal.records() if each.kind == "fill")
    forged = spell(msgspec.structs.replace(read(Fill, record.payload), instrument="OTHER"))
    found = replay_reader(rewritten(journal, record.number, forged))
    assert found.first_divergence == record.number + 1
    assert found.divergence is not None
    assert "KeyError" in found.divergence.replayed


@pytest.mark.parametrize("change", [{"instruments": ({"id": "X"},)}, {"cash": (1, "XYZ")}])
def test_an_opening_record_that_makes_no_account_is_named(change: dict[str, Any]) -> None:
    _, journal = run(plan([tape(1, 200)]))
    forged = msgspec.structs.replace(read(Opened, journal._records[0].payload), **change)
    with pytest.raises(TamperError, match="record 0 makes no account") as raised:
        replay_reader(rewritten(journal, 0, spell(forged)))
    assert raised.value.number == 0


def test_a_journal_without_its_opening_record_is_named() -> None:
    _, journal = run(plan([tape(1, 200)]))
    del journal._records[0]
    with pytest.raises(TamperError) as raised:
        replay_reader(journal)
    assert raised.value.number == 0


@pytest.mark.parametrize("latency", ["0s", "250ms", "4s"])
def test_the_journal_keeps_the_order_whatever_the_latency(latency: str) -> None:
    """Without latency a report bears the instant of the order it answers, and still comes after it."""
    _, journal = run(plan([tape()], f'costs.latency="{latency}"'))
    assert any(record.kind == "fill" for record in journal.records())
    assert replay_reader(journal).identical
