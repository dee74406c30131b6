"""Partial fills at the desk: a bracket's legs are resized, and blotter and shield keep the venue's lots."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quorate.core.errors import InvariantError
from quorate.core.events import Accepted, Bar, Cancelled, Fill, Report
from quorate.core.instant import MINUTE
from quorate.core.money import Money
from quorate.core.order import Bracket, Order, OrderType, Role, Side
from quorate.execution.blotter import Blotter
from quorate.native.exchange import Rules
from quorate.shield.state import Reservations
from quorate.simulator.simulator import Simulator
from quorate.simulator.wording import Wording
from tests.exchange import FREE, PLAIN, START, approve

TENTH = Rules(participation=Decimal("0.1"))
ENTRY = Order(
    "e", "decision", PLAIN.id, Side.BUY, OrderType.MARKET, Role.ENTRY, PLAIN.quantity(50), PLAIN.price(1),
    bracket=Bracket(PLAIN.price(9_000), PLAIN.price(11_000)),
)  # fmt: skip


class Books:
    """A venue that fills a tenth of each bar's volume, and what a desk folds of it."""

    def __init__(self) -> None:
        self.venue = Simulator({PLAIN.id: PLAIN}, Money.of(1_000_000, "USD"), FREE, rules=TENTH)
        self.blotter, self.orders = Blotter(), Reservations()
        self.told: list[Report] = []
        self.at = START
        self.venue.submit(approve(ENTRY, START))
        self.blotter.sent(approve(ENTRY, START))
        self.orders.reserve(ENTRY)

    def bar(self, price: int, volume: int) -> None:
        """One price for a minute."""
        start, self.at = self.at, self.at + MINUTE
        self.venue.watch([Bar(self.at, PLAIN.id, start, price, price, price, price, volume, -1)])
        while self.venue.peek() is not None:
            report = self.venue.pop()
            self.told.append(report)
            self.blotter.on(report)
            if isinstance(report, Accepted):
                assert self.orders.accepted(report) is None
            elif isinstance(report, Fill):
                assert self.orders.filled(report) is None
            elif isinstance(report, Cancelled):
                self.orders.ended(report)

    def works(self) -> dict[str, tuple[int, int]]:
        """(lots left by the blotter, by the shield) of every working order."""
        left = {life.id: life.left for life in self.blotter.working()}
        assert set(left) == set(self.orders.working)
        return {name: (lots, self.orders.working[name].left) for name, lots in left.items()}


def test_legs_grow_with_each_fill_of_their_entry() -> None:
    books = Books()
    books.bar(10_000, 200)
    assert books.works() == {"e": (30, 30), "e/stop": (20, 20), "e/target": (20, 20)}
    books.bar(10_000, 100)
    assert books.works() == {"e": (20, 20), "e/stop": (30, 30), "e/target": (30, 30)}
    books.bar(10_000, 10_000)
    assert books.works() == {"e/stop": (50, 50), "e/target": (50, 50)}


def test_a_leg_that_fills_in_part_leaves_its_sibling_the_rest() -> None:
    books = Books()
    books.bar(10_000, 10_000)
    books.bar(11_500, 120)
    assert books.works() == {"e/stop": (38, 38), "e/target": (38, 38)}
    books.bar(8_500, 50)
    assert books.works() == {"e/stop": (33, 33), "e/target": (33, 33)}
    books.bar(8_500, 10_000)
    assert books.works() == {}
    assert sum(each.quantity.count * each.side.sign for each in books.told if isinstance(each, Fill)) == 0


def test_what_is_filled_of_a_resized_leg_is_not_reserved_again() -> None:
    """A leg of 20, 5 of them filled, is accepted again: 25 work from then on."""
    orders, blotter = Reservations(), Blotter()
    blotter.sent(approve(ENTRY, START))
    leg = Accepted(START, "e/stop", PLAIN.id, Role.STOP, Side.SELL, PLAIN.quantity(20), parent="e")
    more = Accepted(START, "e/stop", PLAIN.id, Role.STOP, Side.SELL, PLAIN.quantity(25), parent="e")
    price = PLAIN.price(9_000)
    part = Fill(
        START, "f", "e/stop", PLAIN.id, Side.SELL, Role.STOP, PLAIN.quantity(5), price, PLAIN.money(0), START,
        price, price,
    )  # fmt: skip
    for event in (leg, part, more):
        blotter.on(event)
        orders.filled(event) if isinstance(event, Fill) else orders.accepted(event)
    life = blotter.get("e/stop")
    assert life is not None
    assert (life.lots, life.left, orders.working["e/stop"].left) == (30, 25, 25)


def test_each_leg_may_fill_in_part_after_the_other() -> None:
    books = Books()
    books.bar(10_000, 10_000)
    books.bar(11_500, 120)
    books.bar(8_500, 50)
    books.bar(11_500, 30)
    assert books.works() == {"e/stop": (30, 30), "e/target": (30, 30)}


def test_a_leg_whose_size_is_not_told_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the leg is told with the lots it began with, and then fills more than those."""
    monkeypatch.setattr(Wording, "_resized", lambda self, row: self._accepted(self._legs[row[2]]))
    books = Books()
    books.bar(10_000, 200)
    books.bar(10_000, 10_000)
    with pytest.raises(InvariantError, match="filled 50 of 20 lots"):
        books.bar(8_500, 10_000)
