"""Random order flow through the simulated exchange: its ledger and the account never differ by 1e-8."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from quorate.core.canon import spell
from quorate.core.errors import InvariantError
from quorate.core.events import Bar, Charged, Fill, Report, Roll, Rolled, Settled
from quorate.core.instant import HOUR
from quorate.core.money import Money
from quorate.core.order import Role
from quorate.native.exchange import Told
from quorate.simulator.costs import Costs
from quorate.simulator.simulator import Simulator
from quorate.simulator.wording import Wording
from tests.exchange import CRYPTO, FUTURE, SMALL, Desk
from tests.oracles.exchange import matching, simulator
from tests.oracles.exchange.ledger import Ledger
from tests.oracles.exchange.simulator import Simulator as Oracle

LEVELS = {CRYPTO.id: 4_000_000, FUTURE.id: 60_000, SMALL.id: 1_234}
SIZES = {CRYPTO.id: 400_000, FUTURE.id: 5, SMALL.id: 4_000_000}


def bars_of(dice: Random, desk: Desk, levels: dict[str, int]) -> list[Bar | Roll]:
    """One instant: a random walk with gaps, frozen and close-only bars, missing ones and rolls."""
    events: list[Bar | Roll] = []
    at = desk.at + desk.interval
    for name in sorted(levels):
        if dice.random() < 0.1:
            continue
        if dice.random() < 0.05:
            events.append(Roll(at, name, levels[name], levels[name] + dice.randint(-20, 20)))
            levels[name] = events[-1].new
        step = max(3, levels[name] // dice.choice((60, 400, 2000)))
        open_, close = (max(40, levels[name] + dice.randint(-step, step)) for _ in range(2))
        high, low = max(open_, close) + dice.randint(0, step), min(open_, close) - dice.randint(0, step)
        if dice.random() < 0.15:
            open_ = high = low = close
        volume = dice.choice((-1, -1, 0, 500))
        spread = dice.choice((-1, -1, 0, 1, 5))
        events.append(Bar(at, name, desk.at, open_, high, max(1, low), close, volume, spread))
        levels[name] = close
    return events or [Bar(at, CRYPTO.id, desk.at, *[levels[CRYPTO.id]] * 4)]


def order_of(dice: Random, desk: Desk, number: int, levels: dict[str, int]) -> None:
    """One random order or cancel: sensible ones, silly ones, doubled ones."""
    name = dice.choice(sorted(levels))
    level, held, side = levels[name], desk.lots(name), dice.choice(("buy", "sell"))
    near = lambda: max(1, level + dice.randint(-level // 50 - 2, level // 50 + 2))  # noqa: E731
    lots = dice.randint(1, SIZES[name])
    terms: dict[str, Any] = dice.choice(({}, {}, {"limit": near()}, {"trigger": near()}))
    pick = dice.random()
    if pick < 0.15 and desk.accepted:
        desk.stop_working(dice.choice(sorted(desk.accepted)))
    elif pick < 0.2 and desk.accepted:
        desk.send(dice.choice(sorted(desk.accepted)), side, lots, instrument=name)
    elif pick < 0.5 and held:
        away = "sell" if held > 0 else "buy"
        desk.send(f"x{number}", away, lots, role=Role.EXIT, instrument=name, **terms)
    elif pick < 0.6:
        desk.send(f"r{number}", side, lots, role=Role.EXIT, instrument=name, **terms)
    else:
        bracket = {"stop": near(), "target": dice.choice((None, near()))} if dice.random() < 0.6 else {}
        desk.send(f"e{number}", side, lots, instrument=name, **terms, **bracket)


def trade(seed: int, *, steps: int = 60, kind: type[Any] = Simulator, costs: Costs | None = None) -> Desk:
    """A run of random order flow, all of Desk's rules checked at every report."""
    dice = Random(seed)
    if costs is None:
        latency = dice.choice((0, 250_000_000, 20 * HOUR))
        costs = Costs(latency_ns=latency, slippage=dice.choice((Decimal(0), Decimal(1), Decimal("2.5"))))
    desk = Desk(CRYPTO, FUTURE, SMALL, cash=150_000, costs=costs, simulator=kind, interval=9 * HOUR)
    levels = dict(LEVELS)
    for number in range(steps):
        desk.step(*bars_of(dice, desk, levels))
        for leg in range(dice.choice((0, 1, 1, 3))):
            order_of(dice, desk, number * 10 + leg, levels)
    desk.finish()
    return desk


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_the_venues_ledger_and_the_account_never_differ(seed: int) -> None:
    desk = trade(seed)
    assert desk.venue.ledger.equity_e8 == desk.account.equity_e8
    for name in LEVELS:
        bought = sum(f.quantity.count * f.side.sign for f in desk.fills if f.instrument == name)
        assert bought == desk.lots(name) == desk.venue.ledger.lots[name]
    moved = {report.at for report in desk.reports if isinstance(report, Fill | Rolled | Charged)}
    assert [report.at for report in desk.reports if isinstance(report, Settled)] == sorted(moved)


def test_random_flow_reaches_every_kind_of_report() -> None:
    seen: set[str] = set()
    for seed in range(12):
        for report in trade(seed).reports:
            reason = getattr(report, "reason", "")
            seen.add(f"{type(report).__name__} {reason or getattr(report, 'role', '')}".strip())
    wanted = {
        "Fill entry", "Fill exit", "Fill stop", "Fill target", "Accepted stop", "Rolled", "Charged",
        "Settled", "Cancelled oco", "Cancelled flat", "Cancelled nothing to reduce", "Cancelled asked",
        "Rejected duplicate", "Rejected would turn the position", "Rejected margin",
    }  # fmt: skip
    assert wanted <= seen, wanted - seen


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_the_same_flow_gives_the_same_reports_byte_for_byte(seed: int) -> None:
    assert spell(trade(seed).reports) == spell(trade(seed).reports)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_the_venue_and_its_readable_oracle_report_the_same_byte_for_byte(seed: int) -> None:
    assert first_difference(seed, Simulator) is None


def first_difference(seed: int, kind: type[Any], costs: Costs | None = None) -> int | None:
    """The number of the first report in which a venue and the oracle differ."""
    told, wanted = (trade(seed, steps=40, kind=each, costs=costs).reports for each in (kind, Oracle))
    for number, (one, other) in enumerate(zip(told, wanted, strict=False)):
        if spell(one) != spell(other):
            return number
    return None if len(told) == len(wanted) else min(len(told), len(wanted))


# ---- planted defects: each of the checks above bites ---------------------------------------------------


def caught(kind: type[Any] = Oracle, error: type[BaseException] = AssertionError, match: str = "") -> None:
    with pytest.raises(error, match=match):
        for seed in range(40):
            trade(seed, kind=kind, costs=Costs())


def test_a_rounding_error_in_the_ledger_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Ledger.trade
    monkeypatch.setattr(Ledger, "trade", lambda self, *a: (honest(self, *a), self.charge(1))[0])
    caught(error=InvariantError, match="cash")


def test_a_rounding_error_in_a_roll_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Ledger.roll
    monkeypatch.setattr(
        Ledger, "roll", lambda self, name, old, new, fee: honest(self, name, old, new, fee - 1)
    )
    caught(error=InvariantError, match="cash")


def test_a_charge_that_is_booked_but_not_reported_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Oracle._report
    monkeypatch.setattr(Oracle, "_report", lambda s, r: None if isinstance(r, Charged) else report(s, r))
    caught(error=InvariantError, match="cash")


def test_crossed_bounds_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def crossed(*args: Any) -> matching.Outcome | None:
        outcome = matching.meet(*args)
        return outcome and outcome._replace(best=outcome.worst, worst=outcome.best)

    monkeypatch.setattr(simulator, "meet", crossed)
    caught(match="bounds crossed")


def test_an_exit_that_turns_is_caught() -> None:
    class Turning(Oracle):
        def _meet(self, order: Any, offer: Any, path: Any) -> Any:
            order.reduces = False
            return super()._meet(order, offer, path)

    caught(Turning, match="an exit opened or turned")


def test_a_doubled_execution_is_caught() -> None:
    class Doubling(Oracle):
        def _fill(self, order: Any, *rest: Any) -> int:
            at = super()._fill(order, *rest)
            self._markets[order.instrument].book[order.id] = order
            order.done = False
            return at

    caught(Doubling, match="executed twice|ended twice|filled after its end")


def test_a_cancel_that_overtakes_its_fill_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    end = Oracle._end

    def forgetful(self: Oracle, order: Any) -> None:
        order.until = None
        end(self, order)

    monkeypatch.setattr(Oracle, "_end", forgetful)
    with pytest.raises(AssertionError, match=r"ended twice|filled after its end|executed"):
        for seed in range(60):
            desk = trade(seed, kind=Oracle, costs=Costs(latency_ns=20 * HOUR))
            assert not desk.ended.keys() & desk.filled.keys() - clipped(desk), "ended twice"


# The same in the door to the native exchange: what rows are turned into.


def worded(monkeypatch: pytest.MonkeyPatch, change: Callable[[Report], Report | None]) -> None:
    """Every report row put into other words."""
    honest = Wording.reports

    def lying(self: Wording, rows: list[list[int]]) -> Iterator[Report]:
        return (told for each in honest(self, rows) if (told := change(each)) is not None)

    monkeypatch.setattr(Wording, "reports", lying)


def test_a_fee_put_into_wrong_words_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    penny = Money(1, "USD")
    worded(monkeypatch, lambda r: replace(r, fee=r.fee + penny) if isinstance(r, Fill | Rolled) else r)
    caught(Simulator, error=InvariantError, match="cash")


def test_a_charge_that_is_not_passed_on_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    worded(monkeypatch, lambda r: None if isinstance(r, Charged) else r)
    caught(Simulator, error=InvariantError, match="cash")


def test_bounds_put_the_wrong_way_round_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    worded(monkeypatch, lambda r: replace(r, best=r.worst, worst=r.best) if isinstance(r, Fill) else r)
    caught(Simulator, match="bounds crossed")


def test_a_venue_that_takes_what_may_yet_be_withdrawn_is_caught() -> None:
    class Hasty(Simulator):
        def _look(self) -> None:
            while row := self._exchange.head().tolist():
                self._told.append(self._wording.report(row[0]))
                self._exchange.take()
            super()._look()

    slow = Costs(latency_ns=20 * HOUR)
    differs = [seed for seed in range(60) if fails(seed, Hasty, slow)]
    assert differs and not any(fails(seed, Simulator, slow) for seed in differs[:3])


def fails(seed: int, kind: type[Any], costs: Costs) -> bool:
    """Whether a venue breaks a rule, or differs from the oracle."""
    try:
        return first_difference(seed, kind, costs) is not None
    except (AssertionError, InvariantError):
        return True


@pytest.mark.parametrize("column", [Told.MAKER, Told.FILLED_AT, Told.PARENT, Told.TYPE, Told.REASON])
def test_a_column_that_is_not_read_is_caught(monkeypatch: pytest.MonkeyPatch, column: Told) -> None:
    honest = Wording.report

    def blind(self: Wording, row: list[int]) -> Report:
        return honest(self, [0 if place == column else value for place, value in enumerate(row)])

    monkeypatch.setattr(Wording, "report", blind)
    assert any(fails(seed, Simulator, Costs()) for seed in range(12))


def clipped(desk: Desk) -> set[str]:
    """Orders that were filled in part and cancelled for the rest."""
    return {order for order, lots in desk.filled.items() if lots < desk.accepted[order].quantity.count}
