"""An instrument too dear to trade: told once, and not decided on again until it can be sized."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from quorate.adapters.feeds.series import Series
from quorate.app.collect import Collector
from quorate.core.decision import Decision, Stance
from quorate.core.effects import Tell
from quorate.core.money import Money
from quorate.kernel.desk import Desk
from tests.sessions import plan, run, tape


def dear(lot: int) -> Series:
    """A tape whose smallest quantity is so many coins."""
    series = tape(4, 3_000, "DEAR")
    return replace(series, instrument=msgspec.structs.replace(series.instrument, lot=Decimal(lot)))


def told(*series: Series) -> tuple[Collector, list[Decision | Tell]]:
    """A run, and its decisions and what was told of orders that came to nothing."""
    made = plan(series)
    cash = Money.of(100_000, series[0].instrument.currency)
    collector, journal = run(
        replace(made, opened=msgspec.structs.replace(made.opened, cash=(cash.count, cash.scale)))
    )
    kinds: dict[str, Any] = {"decision": Decision, "tell": Tell}
    found = [
        msgspec.json.decode(record.payload, type=kinds[record.kind])
        for record in journal.records()
        if record.kind in kinds
    ]
    return collector, [each for each in found if isinstance(each, Decision) or each.topic == "no order"]


@pytest.fixture(name="forgetful")
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: a desk that never remembers what came to no order."""
    monkeypatch.setattr(Desk, "_unsized", property(lambda self: frozenset(), lambda self, value: None), False)


def check_told_once() -> Collector:
    collector, found = told(dear(300))
    assert [type(each) for each in found] == [Decision, Tell]
    assert not collector.fills
    return collector


def check_told_again_only_after_an_order() -> Collector:
    collector, found = told(dear(100))
    wanted = [each for each in found if isinstance(each, Tell) or each.targets[0].stance is not Stance.FLAT]
    assert sum(isinstance(each, Tell) for each in wanted) >= 2
    assert len(collector.fills) >= 4
    for one, other, third in zip(wanted, wanted[1:], wanted[2:], strict=False):
        assert not (isinstance(one, Tell) and isinstance(third, Tell) and isinstance(other, Decision))
    assert not any(isinstance(a, Tell) and isinstance(b, Tell) for a, b in pairwise(wanted))
    return collector


def test_what_can_never_be_sized_is_decided_on_and_told_once() -> None:
    check_told_once()


def test_what_can_be_sized_at_times_is_told_again_only_after_an_order() -> None:
    check_told_again_only_after_an_order()


def test_nothing_is_traded_otherwise_for_it(forgetful: None) -> None:
    forgetting = [told(dear(100))[0].orders_digest]
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(Desk, "_unsized")
        assert forgetting == [told(dear(100))[0].orders_digest]


def test_a_desk_that_forgets_fails_both(forgetful: None) -> None:
    with pytest.raises(AssertionError):
        check_told_once()
    with pytest.raises(AssertionError):
        check_told_again_only_after_an_order()
