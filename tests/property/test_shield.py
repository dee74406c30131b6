"""What the shield promises whatever comes: rules only tighten, exposure stays within the rulebook."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import quorate.shield.shield as door
from quorate.core.canon import spell
from quorate.core.effects import Vetoed
from quorate.core.events import Breaker, Cancelled, Expired, Halt, Rejected
from quorate.core.instant import SECOND
from quorate.core.order import Answer, ApprovedOrder, Bracket, Finding, Order, OrderType, Role, Side
from quorate.shield.rules.base import most_lots
from quorate.shield.state import Reservations
from tests.shield_support import PRICE, Custom, Desk, future, refusals, rulebook, spot

NAMES = ("AAA", "BBB", "NQ")
SIDES = st.sampled_from(Side)
LOTS = st.one_of(st.integers(1, 40), st.integers(1, 4_000), st.sampled_from([1_500, 1_501, 10**6]))
HELD = st.fixed_dictionaries({}, optional={"AAA": st.integers(-1_800, 1_800), "NQ": st.integers(-5, 5)})
RULES = st.lists(
    st.tuples(st.sampled_from(Answer), st.integers(1, 2_000)).map(
        lambda drawn: (drawn[0], drawn[1] if drawn[0] is Answer.REDUCE else None)
    ),
    max_size=3,
)


def desk_of(extra: Sequence[Any] = (), held: dict[str, int] | None = None) -> Desk:
    """Two spot pairs and a future; free of fees, so that equity stands still while prices do."""
    instruments = (spot("AAA"), spot("BBB"), future("NQ"))
    # Gross and net so tight that two positions of 15 % meet them.
    shares: dict[str, Any] = {"exposure__gross_share": Decimal("0.25"), "exposure__net_share": Decimal("0.2")}
    rules = rulebook(rate__orders_per_minute_max=10_000, **shares)
    return Desk(instruments, rules=rules, extra=extra, held={k: v for k, v in (held or {}).items() if v})


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """Terms of an order, sensible and not."""
    name, side = draw(st.sampled_from(NAMES)), draw(SIDES)
    away = draw(st.sampled_from([-50, 0, 1, 40, 100, 3_000]))
    terms: dict[str, Any] = {"name": name, "side": side, "lots": draw(LOTS), "away": away}
    kind = draw(st.sampled_from(OrderType))
    if kind is not OrderType.MARKET:
        terms |= {"type": kind, draw(st.sampled_from(["limit", "trigger"])): draw(st.integers(9_000, 11_000))}
    role = draw(st.sampled_from([Role.ENTRY, Role.ENTRY, Role.ENTRY, Role.EXIT]))
    terms["role"] = role
    if role is Role.ENTRY and draw(st.integers(0, 9)) == 0:
        terms["bracket"] = None
    return terms


def make(desk: Desk, terms: dict[str, Any]) -> Order:
    """The order, its prices in the instrument's own ticks."""
    terms = dict(terms)
    instrument = desk.instruments[terms["name"]]
    for key in ("limit", "trigger"):
        if key in terms:
            terms[key] = instrument.price(terms[key])
    return desk.order(terms.pop("side"), terms.pop("lots"), terms.pop("name"), **terms)


def size(answer: ApprovedOrder | Vetoed) -> int:
    """Lots approved, 0 when vetoed."""
    return answer.order.quantity.count if isinstance(answer, ApprovedOrder) else 0


# ---- one more rule never approves more -----------------------------------------------------------------


def never_looser(
    terms: dict[str, Any], rules: list[tuple[Answer, int | None]], held: dict[str, int], halted: bool
) -> None:
    """The same order with and without added rules: never more lots with them."""
    sizes = []
    for some in ([], rules):
        extra = [Custom(f"extra.{i}", answer, lots) for i, (answer, lots) in enumerate(some)]
        desk = desk_of(extra, held)
        if halted:
            desk.on(Halt(desk.at, "ann", "test"))
        sizes.append(size(desk.review(make(desk, terms))))
    assert sizes[1] <= sizes[0] <= terms["lots"]


@given(terms=orders(), rules=RULES, held=HELD, halted=st.booleans())
@settings(max_examples=300, deadline=None)
def test_one_more_rule_never_approves_more(
    terms: dict[str, Any], rules: list[tuple[Answer, int | None]], held: dict[str, int], halted: bool
) -> None:
    never_looser(terms, rules, held, halted)


def test_the_check_catches_a_shield_that_lets_the_last_rule_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = {"name": "AAA", "side": Side.BUY, "lots": 100}
    never_looser(terms, [(Answer.ALLOW, None)], {}, True)
    monkeypatch.setattr(door, "_denied", lambda findings: findings[-1].answer is Answer.DENY)
    with pytest.raises(AssertionError):
        never_looser(terms, [(Answer.ALLOW, None)], {}, True)


def test_the_check_catches_a_rule_that_loosens(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loosens(Custom):
        def review(self, order: Order, *rest: Any) -> Any:
            answer = Answer.REDUCE if order.quantity.count < 500 else Answer.ALLOW
            return Finding(self.name, answer, {"asked_lots": order.quantity.count}, "more!", 500)

    def bigger() -> int:
        desk = desk_of([Loosens("extra.loosens", Answer.ALLOW)])
        return size(desk.review(desk.order(lots=100)))

    assert bigger() == 0
    monkeypatch.setattr(door, "_nonsense", lambda *_: None)
    assert bigger() == 500  # what it would do if findings were believed unchecked


# ---- exposure stays within the rulebook ----------------------------------------------------------------

STEP = st.tuples(st.sampled_from(["ask", "ask", "ask", "fill", "end", "tick"]), orders(), st.integers(1, 9))


def within(desk: Desk, *, exits: bool) -> None:
    """Everything held, and everything held or working, is within the rulebook."""
    equity, state = desk.account.equity_e8, desk.shield._state
    gross = net = 0
    for name in ("AAA", "BBB"):
        worth = desk.instruments[name].worth_e8(PRICE, desk.account.lots(name))
        assert 100 * abs(worth) <= 15 * equity
        assert 100 * abs(state.exposure_e8(name)) <= 15 * equity
        gross, net = gross + abs(worth), net + worth
    assert 4 * gross <= 4 * state.gross_e8() <= equity
    assert exits or 5 * abs(net) <= equity
    assert exits or 5 * abs(state.net_e8()) <= equity
    assert abs(desk.account.lots("NQ")) <= abs(state.lots("NQ")) <= 5
    assert 2 * state.margin_e8(besides="") <= equity


def flow(steps: list[Any], *, exits: bool, reserve: bool = True) -> None:
    """Play asks, partial fills, ends and bars; check after each."""
    desk = desk_of()
    open_orders: dict[str, tuple[Order, int]] = {}
    for what, terms, part in steps:
        if what == "ask" and (exits or terms["role"] is Role.ENTRY):
            answer = desk.review(make(desk, terms))
            if isinstance(answer, ApprovedOrder):
                open_orders[answer.order.id] = (answer.order, answer.order.quantity.count)
                if not reserve:
                    desk.shield._state.orders.release(answer.order.id)
        elif what == "fill" and open_orders:
            _fill(desk, open_orders, part)
        elif what == "end" and open_orders:
            order, _ = open_orders.popitem()[1]
            kind = (Cancelled, Rejected, Expired)[part % 3]
            desk.on(kind(desk.at, order.id, *(("test",) if kind is not Expired else ())))
        elif what == "tick":
            desk.tick(SECOND * part * 10)
        assert reserve is False or desk.shield.breaker is Breaker.NORMAL
        within(desk, exits=exits)
    for order, _ in open_orders.values():
        desk.on(Cancelled(desk.at, order.id, "end"))
    orders_left = desk.shield._state.orders
    assert not orders_left.working and set(orders_left._entries.values()) <= {0}


def _fill(desk: Desk, open_orders: dict[str, tuple[Order, int]], part: int) -> None:
    """Fill the oldest order in part or whole; a venue fills no exit beyond what is held."""
    order, left = open_orders.pop(next(iter(open_orders)))
    held = desk.account.lots(order.instrument)
    lots = max(1, left * part // 9)
    opposes = held * order.side.sign < 0
    if order.reduces:
        lots = min(lots, abs(held)) if opposes else 0
    if lots == 0 or (opposes and not order.reduces):
        desk.on(Cancelled(desk.at, order.id, "reduce-only"))
        return
    desk.fill(order, lots)
    if lots < left:
        open_orders[order.id] = (order, left - lots)


LARGE = {"side": Side.BUY, "lots": 1_500, "role": Role.ENTRY}


@given(steps=st.lists(STEP, max_size=25))
@example(steps=[(what, LARGE | {"name": name}, 9) for name in ("AAA", "BBB") for what in ("ask", "fill")])
@settings(max_examples=150, deadline=None)
def test_no_flow_of_entries_exceeds_the_rulebook(steps: list[Any]) -> None:
    flow(steps, exits=False)


@given(steps=st.lists(STEP, max_size=25))
@settings(max_examples=150, deadline=None)
def test_no_flow_with_exits_and_reversals_exceeds_it(steps: list[Any]) -> None:
    flow(steps, exits=True)


def test_the_check_catches_a_shield_that_reserves_nothing() -> None:
    ask = ("ask", {"name": "AAA", "side": Side.BUY, "role": Role.ENTRY}, 9)
    steps: list[Any] = [(ask[0], ask[1] | {"lots": lots}, 9) for lots in (1_000, 1_001)]
    steps += [("fill", {}, 9), ("fill", {}, 9)]
    flow(steps, exits=False)
    with pytest.raises(AssertionError):
        flow(steps, exits=False, reserve=False)


# ---- single answers ------------------------------------------------------------------------------------


@given(terms=orders(), held=HELD, down=st.sampled_from([Breaker.REDUCING, Breaker.HALTED]))
@settings(max_examples=150, deadline=None)
def test_below_normal_nothing_increases(terms: dict[str, Any], held: dict[str, int], down: Breaker) -> None:
    desk = desk_of(held=held)
    desk.shield._switch.down(desk.at, down, "test", {})
    before = abs(desk.account.lots(terms["name"]))
    answer = desk.review(make(desk, terms))
    if isinstance(answer, ApprovedOrder):
        assert answer.order.reduces
        desk.fill(answer.order)
        assert abs(desk.account.lots(terms["name"])) == before - answer.order.quantity.count


@given(terms=orders(), held=HELD, rules=RULES)
@settings(max_examples=200, deadline=None)
def test_sizes_stops_reasons_and_purity(
    terms: dict[str, Any], held: dict[str, int], rules: list[tuple[Answer, int | None]]
) -> None:
    desk = desk_of([Custom(f"extra.{i}", *rule) for i, rule in enumerate(rules)], held)
    order = make(desk, terms)
    before = _snapshot(desk)
    answer = desk.review(order)
    cuts = [each.lots_max for each in answer.verdict.findings if each.answer is Answer.REDUCE]
    if isinstance(answer, ApprovedOrder):
        assert size(answer) == min([order.quantity.count, *(each for each in cuts if each is not None)])
        assert answer.order.reduces or isinstance(answer.order.bracket, Bracket)
        assert set(desk.shield._state.orders.working) == {order.id}
        assert spell(answer.verdict)  # journalled as it is
    else:
        assert refusals(answer) and answer.order == order
        assert all(each.inputs and each.reason for each in answer.verdict.refusals)
        assert _snapshot(desk) == before
    asked = {each.rule for each in answer.verdict.findings}
    assert asked == {each.name for each in desk.shield.rules}
    assert desk.shield.pending() == []


def _snapshot(desk: Desk) -> Any:
    state, orders = desk.shield._state, desk.shield._state.orders
    counted = dict(orders.working), set(orders._approved), dict(orders._entries), list(state._sent)
    return counted, dict(state._likes), state.losses_in_a_row, desk.shield.breaker, desk.shield.trust_level


@given(steps=st.lists(st.tuples(st.sampled_from("rfex"), st.integers(0, 4), st.integers(1, 30)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_reservations_are_released_exactly_once(steps: list[tuple[str, int, int]]) -> None:
    desk = desk_of()
    book, plain = Reservations(), {}
    for what, which, lots in steps:
        name = f"o{which}"
        order = desk.order(lots=lots, id=name)
        if what == "r" and name not in plain:
            book.reserve(order)
            plain[name] = lots
        elif what == "f":
            wrong = book.filled(desk.fill_of("AAA", Side.BUY, lots, name))
            left = plain.get(name, 0) - lots
            assert (wrong is None) == (left >= 0)
            plain[name] = left
        elif what == "e":
            book.ended(Expired(desk.at, name))
            plain.pop(name, None)
        elif what == "x":
            book.release(name)
            plain.pop(name, None)
        plain = {key: left for key, left in plain.items() if left > 0}
        assert {key: each.left for key, each in book.working.items()} == plain
        assert book.entering("AAA", 1) == sum(plain.values())
        assert book.entering("AAA", -1) == 0


@given(
    unit=st.fractions(min_value="1/1000000", max_value=10**12),
    fixed=st.integers(0, 50),
    room=st.integers(-5, 10**15),
    asked=st.integers(1, 10**12),
)
@settings(max_examples=400, deadline=None)
def test_the_largest_size_is_exact(unit: Any, fixed: int, room: int, asked: int) -> None:
    def cost(lots: int) -> int:
        return int(unit * lots) + (fixed if lots else 0)

    most = most_lots(cost, room, asked)
    assert 0 <= most <= asked
    assert most == 0 or cost(most) <= room
    assert most == asked or room <= 0 or cost(most + 1) > room


def test_most_lots_takes_few_looks() -> None:
    looks: list[int] = []
    instrument = spot("AAA", fee_bps=7)

    def cost(lots: int) -> int:
        looks.append(lots)
        return instrument.worth_e8(37, lots) + instrument.fee_e8(9_963, lots, maker=False)

    most_lots(cost, 12_345_678_901, 10**12)
    assert len(looks) <= 6
