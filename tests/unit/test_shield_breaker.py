"""The breaker: down by any rule at once, up only by people; and rules that fail close."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.core.effects import BreakerMoved, Tell
from quorate.core.errors import ConfigError
from quorate.core.events import Accepted, Breaker, Degraded, Halt, Resume
from quorate.core.instant import DAY, HOUR, MINUTE
from quorate.core.instrument import Instrument
from quorate.core.order import Answer, Finding, Order, Role, Side
from quorate.core.roles import ShieldState
from quorate.shield.breaker import Switch
from quorate.shield.state import EquityWatch
from tests.shield_support import PRICE, START, Custom, Desk, approved, refusals, rulebook

HELD = {"AAA": 10_000}  # 10,000 lots at 1.00: gross equals equity, 1 % of price is 1 % of equity


def moves(effects: list[Any]) -> list[tuple[str, Breaker]]:
    return [(each.rule, each.after) for each in effects if isinstance(each, BreakerMoved)]


def test_the_hour_halts_at_three_percent_exactly() -> None:
    desk = Desk(held=HELD)
    assert desk.tick(AAA=PRICE - 299) == []
    (moved,) = desk.tick(AAA=PRICE - 300)
    assert isinstance(moved, BreakerMoved)
    assert (moved.before, moved.after, moved.rule) == (Breaker.NORMAL, Breaker.HALTED, "losses.hour")
    assert moved.inputs == {
        "equity_e8": 9_700 * 10**8, "base_e8": 10_000 * 10**8, "loss_e8": 300 * 10**8, "cap_e8": 300 * 10**8
    }  # fmt: skip
    assert desk.shield.breaker is Breaker.HALTED
    assert desk.tick(AAA=PRICE - 2_000) == []  # lower it cannot fall
    assert {"halt.breaker", "losses.hour"} <= refusals(desk.review(desk.order(name="BBB")))


def test_a_slow_fall_passes_the_hour_and_ends_at_the_day_then_the_drawdown() -> None:
    desk = Desk(held=HELD)
    seen: list[tuple[str, Breaker]] = []
    for step in range(1, 30):
        seen += moves(desk.tick(HOUR // 2, AAA=PRICE - 100 * step))
    assert seen == [("losses.day", Breaker.REDUCING), ("losses.drawdown", Breaker.HALTED)]


def test_bars_longer_than_an_hour_still_meet_the_kill_switch() -> None:
    desk = Desk(held=HELD)
    desk.tick(DAY)
    assert moves(desk.tick(DAY, AAA=PRICE - 300)) == [("losses.hour", Breaker.HALTED)]


def test_daily_loss_in_dollars_of_the_smallest_profile() -> None:
    desk = Desk(held=HELD, rules=rulebook("conservative-small"))
    assert moves(desk.tick(AAA=PRICE - 9)) == []
    assert moves(desk.tick(AAA=PRICE - 10)) == [("losses.day", Breaker.REDUCING)]


def test_the_equity_watch_against_a_plain_reading() -> None:
    watch = EquityWatch(100)
    marks = [(0, 100)]
    prices = [100, 105, 103, 99, 101, 90, 95, 96, 80, 120, 118, 117]
    for step, equity in enumerate(prices * 20):
        at = (step + 1) * 13 * MINUTE
        watch.mark(at, equity)
        before = [
            e for (t, e), (until, _) in zip(marks, [*marks[1:], (at, 0)], strict=True) if until > at - HOUR
        ]
        marks.append((at, equity))
        assert watch.hour_high_e8 == max([*before, equity])
        assert watch.peak_e8 == max(e for _, e in marks)
        midnight = (at - 1) // DAY * DAY
        assert watch.day_start_e8 == [e for t, e in marks if t <= midnight][-1]


def test_a_person_halts_at_once_and_people_resume_from_a_new_base() -> None:
    desk = Desk(held=HELD)
    (moved,) = desk.on(Halt(desk.at, "ann", "stop"))
    assert moves([moved]) == [("halt", Breaker.HALTED)]
    assert desk.on(Halt(desk.at, "bob", "stop")) == []
    desk.tick(AAA=PRICE // 2)
    (refused,) = desk.on(Resume(desk.at, (), "please"))
    assert isinstance(refused, Tell) and desk.shield.breaker is Breaker.HALTED
    assert isinstance(desk.on(Resume(desk.at, ("",), "please"))[0], Tell)
    assert moves(desk.on(Resume(desk.at, ("ann", "bob"), "checked"))) == [("resume", Breaker.NORMAL)]
    state = desk.shield._state
    assert state.day_start_e8 == state.peak_e8 == state.hour_high_e8 == desk.account.equity_e8
    assert desk.tick() == []


def test_resuming_a_desk_that_runs_is_refused_and_forgives_nothing() -> None:
    desk = Desk(held=HELD)
    desk.tick(AAA=PRICE - 200)
    (refused,) = desk.on(Resume(desk.at, ("ann", "bob"), "forget the losses"))
    assert isinstance(refused, Tell)
    assert moves(desk.tick(AAA=PRICE - 300)) == [("losses.hour", Breaker.HALTED)]


def lose(desk: Desk, price: int = PRICE) -> None:
    entry = approved(desk.review(desk.order(lots=10 + desk.count))).order
    desk.fill(entry)
    desk.fill(
        approved(desk.review(desk.order(Side.SELL, entry.quantity.count, role=Role.EXIT))).order, price=price
    )


def test_three_losses_in_a_row_pause_entries_for_a_while() -> None:
    desk = Desk()
    for price in (PRICE - 1, PRICE - 1, PRICE + 1, PRICE - 1, PRICE - 1, PRICE, PRICE - 1):
        lose(desk, price)
    assert refusals(desk.review(desk.order())) == {"losses.streak"}
    desk.tick(HOUR)
    lose(desk, PRICE - 1)
    assert refusals(desk.review(desk.order())) == {"losses.streak"}
    desk.on(Halt(desk.at, "ann", "look"))
    desk.on(Resume(desk.at, ("ann", "bob"), "looked"))
    approved(desk.review(desk.order()))


def test_trust_only_falls() -> None:
    desk = Desk()
    for level, after in (("A", "B"), ("C", "C"), ("B", "C"), ("mock", "D"), ("A", "D")):
        desk.on(Degraded(desk.at, "feed", level, "why"))
        assert desk.shield.trust_level == after
    assert desk.review(desk.order()).verdict.trust_level == "D"


class Raises(Custom):
    def review(self, order: Order, instrument: Instrument, state: ShieldState) -> Finding:
        raise ZeroDivisionError("oops")


class Speaks(Custom):
    """Returns whatever it was given."""

    def __init__(self, finding: Any) -> None:
        super().__init__("extra.speaks", Answer.ALLOW)
        self.finding = finding

    def review(self, order: Order, instrument: Instrument, state: ShieldState) -> Finding:
        return self.finding  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "rule",
    [
        Raises("extra.raises", Answer.ALLOW),
        Speaks(None),
        Speaks(Finding("extra.other", Answer.ALLOW, {})),
        Speaks(Finding("extra.speaks", "deny", {})),  # type: ignore[arg-type]
        Speaks(Finding("extra.speaks", Answer.REDUCE, {})),
        Speaks(Finding("extra.speaks", Answer.REDUCE, {}, "", 0)),
        Speaks(Finding("extra.speaks", Answer.REDUCE, {}, "", -5)),
        Speaks(Finding("extra.speaks", Answer.REDUCE, {}, "", 1_000_000)),  # a rule that loosens
    ],
)
def test_a_rule_that_raises_or_talks_nonsense_denies_and_halts(rule: Custom) -> None:
    desk = Desk(extra=[rule])
    answer = desk.review(desk.order())
    assert refusals(answer) == {rule.name}
    assert moves(desk.shield.pending()) == [(rule.name, Breaker.HALTED)]
    assert desk.shield.pending() == [] and desk.shield.breaker is Breaker.HALTED
    (finding,) = answer.verdict.refusals
    assert finding.inputs["error"]


class Watches(Custom):
    """A plugin that watches, and fails."""

    def watch(self, state: ShieldState) -> tuple[Breaker, dict[str, Any]] | None:
        raise KeyError(str(state.at))


def test_a_watcher_that_fails_halts() -> None:
    desk = Desk()
    assert desk.shield.breaker is Breaker.NORMAL
    desk = Desk(extra=[Watches("extra.watch", Answer.ALLOW)])
    assert desk.shield.breaker is Breaker.HALTED


def test_an_added_rule_cannot_take_a_built_in_name() -> None:
    with pytest.raises(ConfigError, match=r"two rules are named 'risk.stop'"):
        Desk(extra=[Custom("risk.stop", Answer.ALLOW)])


def test_a_rule_that_keeps_cutting_denies() -> None:
    class Halves(Custom):
        def review(self, order: Order, instrument: Instrument, state: ShieldState) -> Finding:
            half = order.quantity.count // 2
            return Finding(self.name, Answer.REDUCE, {"half_lots": half}, "half", half)

    answer = Desk(extra=[Halves("extra.halves", Answer.ALLOW)])
    assert refusals(answer.review(answer.order())) == {"extra.halves"}


def test_what_was_never_approved_halts() -> None:
    desk = Desk()
    assert moves(desk.on(desk.fill_of("AAA", Side.BUY, 5, "ghost"))) == [("approved.only", Breaker.HALTED)]
    desk = Desk()
    order = approved(desk.review(desk.order(lots=10))).order
    assert desk.fill(order, 6) == []
    assert moves(desk.fill(order, 5)) == [("approved.only", Breaker.HALTED)]
    desk = Desk()
    ghost = Accepted(desk.at, "ghost", "AAA", Role.ENTRY, Side.BUY, desk.instruments["AAA"].quantity(5))
    assert moves(desk.on(ghost)) == [("approved.only", Breaker.HALTED)]


def test_the_switch_never_rises_by_itself() -> None:
    switch = Switch()
    assert switch.down(START, Breaker.HALTED, "a", {}) is not None
    for to in Breaker:
        assert switch.down(START, to, "b", {}) is None
    assert switch.up(START, (), "c") is None and switch.state is Breaker.HALTED
