"""The same desk in every mode: paper sends what the backtest sent, replay does again what was done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from quorate.adapters.journals.memory import MemoryJournal
from quorate.app.replay import replay_reader
from quorate.core.canon import read, spell
from quorate.core.events import Fill
from quorate.core.money import Price
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


@pytest.mark.parametrize("change", ["agents.momentum.fast=7", "decide.confidence=0.6", "sizing.stop=2.0"])
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


@pytest.mark.parametrize("latency", ["0s", "250ms", "4s"])
def test_the_journal_keeps_the_order_whatever_the_latency(latency: str) -> None:
    """Without latency a report bears the instant of the order it answers, and still comes after it."""
    _, journal = run(plan([tape()], f'costs.latency="{latency}"'))
    assert any(record.kind == "fill" for record in journal.records())
    assert replay_reader(journal).identical
