"""When nothing can trade: entries that wait as the breaker falls, data that end early, orders that die."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quorate.adapters.feeds.series import Series
from quorate.app.run import bankrupt, ended_early, perform
from quorate.core.effects import Cancel
from quorate.core.errors import ConfigError
from quorate.core.events import Breaker
from quorate.core.instant import HOUR
from quorate.core.instrument import Kind
from quorate.core.order import ApprovedOrder, Role, Side
from tests.sessions import plan, run, tape

PRICES = ("open", "high", "low", "close")
TIGHT = "limits.losses.day_share=0.002"


def frozen(series: Series, first: int, last: int) -> Series:
    """The same bars, but no trade and no move in (first, last]."""
    inside = (series.at > first) & (series.at <= last)
    stood = series.close[np.flatnonzero(series.at <= first)[-1]]
    bars = {name: np.where(inside, stood, getattr(series, name)) for name in PRICES}
    return replace(series, volume=np.where(inside, 0, series.volume), **bars)


def test_an_entry_that_waits_when_the_breaker_reduces_is_cancelled() -> None:
    one, other = tape(6, 1_500, "AAA"), tape(106, 1_500, "BBB")
    falls = run(plan([one, other], TIGHT))[0].moves[0].at
    _, journal = run(plan([one, other], TIGHT))
    sent = [
        msgspec.json.decode(record.payload, type=ApprovedOrder)
        for record in journal.records()
        if record.kind == "approved_order" and record.at < falls
    ]
    entry = [each for each in sent if each.order.role is Role.ENTRY and each.order.instrument == "BBB"][-1]
    collector, journal = run(plan([one, frozen(other, entry.at, falls + 3 * HOUR)], TIGHT))
    move = next(move for move in collector.moves if move.at > entry.at)
    assert (move.after, move.rule) == (Breaker.REDUCING, "losses.day")
    cancels = [
        msgspec.json.decode(record.payload, type=Cancel)
        for record in journal.records()
        if record.kind == "cancel"
    ]
    assert [(each.order, each.at) for each in cancels[:1]] == [(entry.order.id, move.at)]
    assert not [fill for fill in collector.fills if fill.order == entry.order.id]
    resumed = next(act.at for act in collector.resumes)
    opened = [fill for fill in collector.fills if fill.role is Role.ENTRY and move.at < fill.at < resumed]
    assert not opened


def test_a_position_that_outlives_its_data_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path))
    long, full = tape(1, 1_500, "AAA"), tape(2, 1_500, "BBB")
    whole, _ = run(plan([long, full]))
    opened = next(fill for fill in whole.fills if fill.instrument == "BBB" and fill.role is Role.ENTRY)
    short = full.between(end=opened.at)  # its last bar is the one in which the entry fills
    outcome = perform(plan([long, short]), "backtest", report=False)
    note = outcome.result["notes"][0]
    assert note.startswith("BBB: its bars end at ")
    assert note.endswith("no stop or exit can work")
    assert outcome.result["trust_level"] == "D"  # synthetic; on history C, below
    real = [replace(each, trust="B") for each in (long, short)]
    assert perform(plan(real), "backtest", report=False).result["trust_level"] == "C"


def test_data_that_end_together_need_no_note() -> None:
    series = [tape(1, 400, "AAA"), tape(2, 400, "BBB")]
    collector, _ = run(plan(series))
    assert ended_early(series, collector) == ([], False)


def test_a_desk_that_is_halted_when_its_data_end_has_ended_halted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path))
    whole, swift = tape(3, crash=True), "limits.losses.hour_share=0.002"
    halted = next(move for move in run(plan([whole], swift))[0].moves if move.after is Breaker.HALTED)
    outcome = perform(plan([whole.between(end=halted.at)], swift), "backtest", report=False)
    assert (outcome.exit_code, outcome.result["halted"]) == (3, True)
    assert outcome.result["operator_acts"] == []


def test_equity_that_is_gone_is_told() -> None:
    made = tape(1, 1_500)
    future = msgspec.structs.replace(made.instrument, kind=Kind.FUTURE, margin=Decimal("0.05"))
    safe = replace(made, instrument=future)
    collector, _ = run(plan([safe]))
    assert bankrupt(collector) == []
    short = next(f for f in collector.fills if f.role is Role.ENTRY and f.side is Side.SELL)
    after = safe.at > short.at
    leap = {name: np.where(after, getattr(safe, name) * 400, getattr(safe, name)) for name in PRICES}
    collector, _ = run(plan([replace(safe, **leap)]))
    assert collector.last_equity.count < 0
    (note,) = bankrupt(collector)
    assert note.startswith("equity was gone at ")


def test_an_order_that_would_outlive_its_approval_on_the_way_is_refused_beforehand() -> None:
    with pytest.raises(ConfigError, match="no order would ever arrive"):
        plan([tape(1, 300)], "costs.latency=6s")
    assert run(plan([tape(1, 1_500)], "costs.latency=5s"))[0].fills
