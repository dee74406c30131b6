"""The compiled limits answer as the Python shield does, step by step on random desks; defects show."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quorate.app.compose as compose
import quorate.core.account as account
import quorate.core.instrument as instrument
import quorate.shield.rules.exposure as exposure
import quorate.shield.rules.risk as risk
import quorate.shield.state as state
from quorate.core.events import Breaker, Fill, Roll
from quorate.core.instant import DAY
from quorate.core.order import Answer, Finding
from quorate.native.limits import RULES
from quorate.shield.breaker import Switch
from quorate.shield.limits import built_in
from quorate.shield.numbers import Number
from quorate.shield.rules import base, losses, rate, schema
from quorate.shield.rules.bracket import StopMandatory
from quorate.shield.rules.freshness import LastBar
from quorate.shield.rules.halt import BreakerDown
from quorate.shield.rules.price import Collar
from quorate.shield.shield import Shield
from quorate.shield.state import EquityWatch, Reservations, State
from tests import sessions
from tests.limits import Twin
from tests.limits_flow import Flow, flow
from tests.shield_support import rulebook

SEEDS = 200  # a defect that shows in none of so many desks is not caught


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_the_compiled_limits_answer_as_the_shield_does(seed: int) -> None:
    flow(seed)


CUTS = {
    "sanity.direction", "exposure.trade", "exposure.position", "exposure.gross", "exposure.net",
    "exposure.leverage", "exposure.lots", "risk.stop", "futures.contracts", "futures.margin",
}  # fmt: skip
MOVES = {
    ("halt", "halted"), ("resume", "normal"), ("losses.day", "reducing"), ("losses.hour", "halted"),
    ("losses.drawdown", "halted"), ("approved.only", "halted"),
}  # fmt: skip


def test_random_desks_meet_every_limit_every_cut_and_every_move() -> None:
    # What the units are wrong of is denied by all.
    denials = {rule.name for rule in built_in(rulebook())} - {"schema.units"}
    approvals = reviews = 0
    missing: set[object] = denials | {("cut", rule) for rule in CUTS} | MOVES
    for seed in range(SEEDS):
        twin = flow(seed).twin
        missing -= twin.denied | {("cut", rule) for rule in twin.cut}
        missing -= {(each.rule, each.after) for each in twin.moved}
        approvals, reviews = approvals + twin.approvals, reviews + twin.reviews
        assert twin.cut <= CUTS
        if not missing:
            break
    assert not missing
    assert approvals > reviews // 10


def test_rules_bear_the_shields_names_in_its_order() -> None:
    assert RULES[:26] == tuple(rule.name for rule in built_in(rulebook()))


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("limits.losses.hour_share=0.004", "limits.losses.streak_max=1"),
        ("limits.exposure.trade_share=0.013", "limits.rate.duplicate_window_s=3600"),
    ],
)
def test_a_real_desk_is_answered_alike(overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    twins: list[Twin] = []

    class Kept(Twin):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            twins.append(self)

    monkeypatch.setattr(compose, "Shield", Kept)
    tapes = [sessions.tape(seed, 2_000, name, crash=True) for seed, name in ((1, "AAA"), (2, "BBB"))]
    sessions.run(sessions.plan(tapes, *overrides))
    twin = twins[-1]  # an earlier one only states what the desk is
    assert twin.approvals > 20
    assert twin.steps > 4_000


# ---- planted defects: each family's own off-by-one shows -------------------------------------------------

NUMBERS: dict[str, Callable[[Any], Number]] = {
    "bracket.stop_ticks_min": lambda ticks: ticks + 1,
    "exposure.positions_max": lambda count: count + 1,
    "futures.contracts_max": lambda count: count + 1,
    "losses.streak_max": lambda count: count + 1,
    "losses.streak_pause_s": lambda seconds: seconds + 1,
    "rate.orders_per_minute_max": lambda count: count + 1,
    "rate.duplicate_window_s": lambda seconds: seconds + 1,
    "freshness.bars_old_max": lambda bars: bars + 1,
    "exposure.trade_money": lambda money: money and money + money // 1_000,
    "exposure.gross_money": lambda money: money and money + money // 1_000,
    "losses.day_money": lambda money: money and money + 1,
} | dict.fromkeys(
    (
        "exposure.trade_share", "exposure.position_share", "exposure.gross_share", "exposure.net_share",
        "exposure.leverage_max", "risk.trade_share", "futures.margin_share", "losses.day_share",
        "losses.drawdown_share", "losses.hour_share", "price.collar_share", "price.order_share_max",
    ),
    lambda share: (share[0] * 10_000 + share[1], share[1] * 10_000),  # 0.01 % more
)  # fmt: skip


def caught(kind: type[Twin] = Twin) -> int:
    """How many desks it took until the two differed. Fails when they never did."""
    for seed in range(SEEDS):
        try:
            flow(seed, kind, steps=30)
        except AssertionError:
            return seed + 1
    pytest.fail(f"{SEEDS} desks did not show the defect")


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_that_is_off_is_caught(key: str) -> None:
    class Off(Twin):
        def native_numbers(self, given: dict[str, Number]) -> dict[str, Number]:
            return given | {key: NUMBERS[key](given[key])}

    caught(Off)


def beyond(self: losses.LossCap, seen: Any) -> bool:
    """The cap is passed, not reached."""
    equity, start = seen.equity_e8, self.base_e8(seen)
    over = (start - equity) * self._denominator > start * self._numerator
    return equity <= 0 or start <= 0 or over or (
        self._money_e8 is not None and start - equity > self._money_e8
    )  # fmt: skip


def day_that_ends_at_midnight(self: EquityWatch, at: int, equity_e8: int) -> None:
    MARK(self, at + (at % DAY == 0), equity_e8)


def rounded_up(self: base.Cap, equity_e8: int) -> int:
    cap = -(-max(equity_e8, 0) * self._numerator // self._denominator)
    return cap if self._money_e8 is None else min(cap, self._money_e8)


def half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def one_less(cost: Callable[[int], int], room_e8: int, asked: int) -> int:
    most = base.most_lots(cost, room_e8, asked)
    return most - 1 if 1 < most < asked else most


def sent_edge(self: State, since: int) -> int:
    return SINCE(self, since - 1)


def last_like_edge(self: State, order: Any) -> int:
    return LIKE(self, order) - 1


def held_is_forgotten(self: State, name: str, sign: int) -> int:
    return self.orders.entering(name, sign)


def keeps_what_filled(self: Reservations, event: Fill) -> str | None:
    known = self.working.get(event.order)
    lots, left = event.quantity.count, None if known is None else known.left
    if known is not None and left is not None and left > lots > 1:
        return FILLED(self, event) or self._less(known, -1)  # type: ignore[func-returns-value]
    return FILLED(self, event)


def refused_stays_known(self: Reservations, event: Any) -> None:
    self.release(event.order)


def zero_is_a_loss(self: State, trade: Any) -> None:
    if trade.pnl.count <= 0:
        self.losses_in_a_row, self.last_loss_at = self.losses_in_a_row + 1, trade.at
    else:
        self.losses_in_a_row = 0


def losses_outlive_a_resume(self: State) -> None:
    self.watch.rebase(self.account.equity_e8)


def falls_twice(self: Switch, at: int, to: Breaker, rule: str, inputs: dict[str, Any]) -> Any:
    return None if self.state is not Breaker.NORMAL else self._move(at, to, rule, inputs)


def first_contract(self: Any, event: Any) -> Any:
    return None if isinstance(event, Roll) else ON(self, event)


def no_room_denies(self: Any, lots_max: int, inputs: dict[str, Any], reason: str) -> Finding:
    answer = Answer.DENY if lots_max <= 1 else Answer.REDUCE
    return Finding(self.name, answer, inputs, reason, None if lots_max <= 1 else lots_max)


def hedges_count(self: State, name: str, position: Any) -> tuple[int, int]:
    long, short = self.on_side(name, 1), self.on_side(name, -1)
    worth, mark, held = position.instrument.worth_e8, position.mark, position.lots
    return worth(mark, long or min(held, 0)), worth(mark, short or min(-held, 0))


def exits_share_nothing(self: schema.Direction, order: Any, held: int, closing: int, inputs: Any) -> Finding:
    return EXIT(self, order, held, 0, inputs)


def reads_its_age_one_late(self: LastBar, order: Any, traded: Any, seen: Any) -> Finding:
    seen.at -= 1
    try:
        return AGE(self, order, traded, seen)
    finally:
        seen.at += 1


def protects_one_less(self: Reservations, name: str, sign: int, *, besides: str = "") -> int:
    lots = PROTECTING(self, name, sign, besides=besides)
    return lots - 1 if lots else 0


def misses(rule: type) -> tuple[Any, str, Any]:
    """A rule that lets everything pass."""
    return rule, "limit", lambda self, order, traded, seen: self.allow({})


MARK, SINCE, LIKE, FILLED = EquityWatch.mark, State.sent_since, State.last_like, Reservations.filled
EXIT, AGE, PROTECTING, ON = schema.Direction._exit, LastBar.limit, Reservations.protecting, account.Account.on
DEFECTS: dict[str, tuple[Any, str, Any]] = {
    "a loss at its cap is not yet one": (losses.LossCap, "reached", beyond),
    "midnight belongs to the day that begins": (EquityWatch, "mark", day_that_ends_at_midnight),
    "a cap rounds up": (base.Cap, "of", rounded_up),
    "worth rounds half up": (instrument, "divide_half_even", half_up),
    "cost rounds half up": (account, "divide_half_even", half_up),
    "fees round down": (instrument, "divide_up", lambda n, d: n // d),
    "margin rounds down": (state, "divide_up", lambda n, d: n // d),
    "a cut of notional is one lot short": (exposure, "most_lots", one_less),
    "a cut of risk is one lot short": (risk, "most_lots", one_less),
    "a minute is 1 ns longer": (State, "sent_since", sent_edge),
    "a window is 1 ns shorter": (State, "last_like", last_like_edge),
    "an hour is 1 ns longer": (state, "HOUR", state.HOUR + 1),
    "what is held does not count": (State, "on_side", held_is_forgotten),
    "a partial fill stays reserved by a lot": (Reservations, "filled", keeps_what_filled),
    "a refused order stays known": (Reservations, "ended", refused_stays_known),
    "a trade at zero is a loss": (State, "closed", zero_is_a_loss),
    "a resume forgets no losses in a row": (State, "rebase", losses_outlive_a_resume),
    "a reducing desk does not halt": (Switch, "down", falls_twice),
    "the day's loss halts": (losses.DailyLoss, "falls_to", Breaker.HALTED),
    "a roll leaves the mark": (account.Account, "on", first_contract),
    "room for one lot denies": (base.EntryLimit, "cut", no_room_denies),
    "hedges that are being closed count": (State, "_sides_e8", hedges_count),
    "exits do not share what is held": (schema.Direction, "_exit", exits_share_nothing),
    "a bar may be 1 ns older": (LastBar, "limit", reads_its_age_one_late),
    "a cancel leaves a lot unprotected": (Reservations, "protecting", protects_one_less),
    "no breaker": misses(BreakerDown),
    "no collar": misses(Collar),
    "no duplicates": misses(rate.Duplicate),
    "no stop": misses(StopMandatory),
    "a halt is not kept": (Shield, "_halt", lambda self, event: []),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_caught(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*DEFECTS[defect])
    caught()


def test_the_mirror_of_the_account_is_caught_when_it_is_off_by_one() -> None:
    class Dear(Twin):
        def _report_rows(self, event: Any) -> Any:
            rows = super()._report_rows(event)
            if isinstance(event, Fill):
                rows[0, 10] += 1  # the fee
            return rows

    with pytest.raises(AssertionError, match="another equity"):
        for seed in range(SEEDS):
            flow(seed, Dear)


def test_flows_hold_the_whole_range_of_rulebooks() -> None:
    shares = {Flow(seed).rules.exposure.trade_share for seed in range(50)}
    assert max(shares) == Decimal("0.5")
    assert min(shares) < Decimal("0.01")
