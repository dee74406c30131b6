"""The simulated venue under rules and a clearing house: what it reports a desk can fold, to the cent."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from quorate.core.events import Accepted, Cancelled, Fill, Rejected
from quorate.core.order import Role, Side
from quorate.execution.blotter import Blotter
from quorate.native.clearing import Clearing, Tier
from quorate.native.exchange import Rules
from quorate.simulator.simulator import Simulator
from tests.exchange import PLAIN, START, Desk, approve

HOUSE = Clearing((Tier(Decimal(0), Decimal("0.05")),), Decimal(50))


def housed(clearing: Clearing = HOUSE, **more: object) -> Desk:
    return Desk(PLAIN, simulator=partial(Simulator, clearing={PLAIN.id: clearing}, **more))


def test_a_liquidation_reaches_a_desk_as_a_leg_of_the_entry() -> None:
    """One million, 90,000 at 100.00: gone where 1,000,000 + 90,000 (p - 100) <= 5 % of 90,000 p: at 93.56."""
    desk, blotter = housed(), Blotter()
    blotter.sent(approve(desk.send("e", "buy", 90_000), START))
    desk.bar(10_000)
    desk.bar(9_990, 10_000, 9_300, 9_800)
    forced = desk.fills[-1]
    assert (forced.order, forced.role, forced.side) == ("e/liquidation", Role.EXIT, Side.SELL)
    assert (forced.price.count, forced.quantity.count) == (9_356, 90_000)
    assert forced.fee.count == 90_000 * 9_356 * 10**6 * 50 // 10_000  # penalty alone: PLAIN has no taker fee
    assert desk.lots() == 0
    for report in desk.reports:
        if isinstance(report, Accepted | Fill | Cancelled):
            blotter.on(report)
    assert not list(blotter.working())
    told = [report for report in desk.reports if getattr(report, "order", "") == "e/liquidation"]
    assert [type(report) for report in told] == [Accepted, Fill] and told[0].parent == "e"


def test_what_works_is_cancelled_before_and_a_second_has_a_name_of_its_own() -> None:
    desk = housed()
    desk.send("e", "buy", 90_000, stop=5_000)
    desk.bar(10_000)
    desk.bar(10_000, low=9_300)
    ended = [report for report in desk.reports if isinstance(report, Cancelled)]
    assert [(each.order, each.reason) for each in ended] in (
        [("e/stop", "liquidation")],
        [("e/stop", "flat")],
    )
    desk.send("f", "buy", 30_000)
    desk.bar(9_300)
    desk.bar(9_300, low=7_000)
    assert [each.order for each in desk.fills] == ["e", "e/liquidation", "f", "f/liquidation"]


def test_without_a_house_nobody_is_liquidated() -> None:
    desk = Desk(PLAIN)
    desk.send("e", "buy", 90_000)
    desk.bar(10_000)
    desk.bar(9_990, 10_000, 9_300, 9_800)
    assert [each.order for each in desk.fills] == ["e"]


def test_the_bankrupt_are_refused() -> None:
    desk = housed()
    desk.send("e", "buy", 90_000)
    desk.bar(10_000)
    desk.bar(8_000)  # through everything in one gap
    assert desk.account.equity.count < 0
    desk.send("f", "buy", 1)
    desk.bar(8_000)
    assert [each.reason for each in desk.reports if isinstance(each, Rejected)] == ["bankrupt"]


def test_shorts_and_volume_are_the_rules() -> None:
    desk = housed(Clearing(shortable=False), rules=Rules(participation=Decimal("0.1")))
    desk.send("s", "sell", 10)
    desk.send("b", "buy", 30)
    desk.bar(10_000, volume=100)
    assert [each.reason for each in desk.reports if isinstance(each, Rejected)] == ["not shortable"]
    assert [each.quantity.count for each in desk.fills] == [10]


def test_a_defective_wording_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the exchange's own exit without its acceptance is an order that the blotter never sent."""
    from quorate.core.errors import InvariantError
    from quorate.simulator.wording import Wording

    told = Wording._liquidated
    monkeypatch.setattr(Wording, "_liquidated", lambda self, row: list(told(self, row))[1:])
    desk, blotter = housed(), Blotter()
    blotter.sent(approve(desk.send("e", "buy", 90_000), START))
    with pytest.raises((InvariantError, KeyError)):
        desk.bar(10_000)
        desk.bar(9_990, 10_000, 9_300, 9_800)
        for report in desk.reports:
            if isinstance(report, Accepted | Fill):
                blotter.on(report)
