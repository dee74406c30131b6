"""What holds of every formula on any bars: native == oracle, step == batch, no future, one spelling."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quorate.core.instant import MINUTE
from quorate.indicators.formula import Formula, compile_formula, evaluate, grid, plan_formula
from quorate.indicators.grammar import read_term
from quorate.indicators.terms import NUMBER, Term, number
from quorate.native.program import Bars
from tests.oracles.formula import Oracle

Array = NDArray[np.float64]
TICK, LOT = 0.01, 0.001
UNITS = {"tick": TICK, "lot": LOT, "interval_ns": MINUTE}

# ---- any bars ------------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn, largest: int = 90) -> Bars:
    """Coherent minute bars in ticks, with flat stretches, missing minutes and unknown volumes."""
    step = st.tuples(
        st.integers(-40, 40) | st.just(0),
        st.integers(0, 20) | st.just(0),
        st.integers(-1, 1000),
        st.sampled_from([1, 1, 1, 1, 2, 7]),  # minutes since the bar before
    )
    rows = draw(st.lists(step, min_size=1, max_size=largest))
    at, close, out = draw(st.integers(0, 10_000)) * MINUTE, 5_000, []
    for move, wick, volume, minutes in rows:
        opened, close, at = close, close + move, at + minutes * MINUTE
        out.append((at, opened, max(opened, close) + wick, min(opened, close) - wick, close, volume))
    return Bars(*(np.array(field, dtype=np.int64) for field in zip(*out, strict=True)))


# ---- any terms -----------------------------------------------------------------------------------------

SPANS = st.sampled_from([0, 0, 0, 5 * MINUTE, 15 * MINUTE])
counts = st.integers(1, 9)


def call(head: str, *children: Term) -> Term:
    return Term(head, children)


prices = st.builds(
    lambda name, every: Term("series", name=name, every_ns=every),
    st.sampled_from(["open", "high", "low", "close", "hl2", "typical", "volume"]),
    SPANS,
)
indicators = st.builds(
    lambda pick, n, every: Term("indicator", tuple(map(number, pick[1](n))), name=pick[0], every_ns=every),
    st.sampled_from(
        [
            ("sma", lambda n: (n,)),
            ("sma", lambda n: (n + 30,)),
            ("ema", lambda n: (n,)),
            ("rsi", lambda n: (n,)),
            ("atr", lambda n: (n,)),
            ("macd.signal", lambda n: (n, n + 3, 2)),
            ("bollinger.upper", lambda n: (n, 2.5)),
            ("donchian.lower", lambda n: (n,)),
            ("donchian.middle", lambda n: (n,)),
            ("volatility", lambda n: (n + 1,)),
            ("obv", lambda _: ()),
        ]
    ),
    counts,
    SPANS,
)
leaves = st.one_of(
    prices,
    indicators,
    st.integers(-300, 300).map(lambda x: number(x / 4)),
    st.sampled_from(["hour", "weekday"]).map(lambda name: Term("series", name=name)),
)


def larger(numbers: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    some = counts.map(number)
    return st.one_of(
        st.builds(call, st.sampled_from(["+", "-", "*", "/", "min", "max"]), numbers, numbers),
        st.builds(call, st.just("abs"), numbers),
        st.builds(call, st.sampled_from(["lag", "highest", "lowest", "change"]), numbers, some),
        st.builds(call, st.just("since"), st.builds(call, st.sampled_from(["<", ">="]), numbers, numbers)),
    )


numbers = st.recursive(leaves, larger, max_leaves=4)
compared = st.one_of(
    st.builds(call, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers, numbers),
    st.builds(call, st.sampled_from(["cross_above", "cross_below", "crossed"]), numbers, numbers),
    st.builds(call, st.sampled_from(["rising", "falling"]), numbers, counts.map(number)),
    st.builds(call, st.just("between"), numbers, numbers, numbers),
)
conditions = st.recursive(
    compared,
    lambda inner: st.one_of(
        st.builds(call, st.sampled_from(["and", "or"]), inner, inner),
        st.builds(call, st.just("not"), inner),
        st.builds(call, st.just("lag"), inner, st.integers(1, 70).map(number)),
    ),
    max_leaves=3,
)
terms = numbers | conditions


@st.composite
def formulas(draw: st.DrawFn) -> Formula:
    """Formulas with some of their parts."""
    parts = {"long": draw(conditions)}
    for part in ("short", "exit"):
        if draw(st.booleans()):
            parts[part] = draw(conditions)
    if draw(st.booleans()):
        parts["stop"] = draw(numbers)
    return Formula(**{part: str(term) for part, term in parts.items()})


# ---- native and oracle ---------------------------------------------------------------------------------


def bits(values: object) -> list[int]:
    """As bits; all NaNs are one, and so are both zeros, whose sign no comparison sees."""
    array = np.asarray(values, dtype=np.float64) + 0.0
    return np.where(np.isnan(array), math.nan, array).view(np.int64).tolist()


def first_difference(one: object, two: object) -> int | None:
    """The first place at which two columns differ."""
    pairs = zip(bits(one), bits(two), strict=True)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), None)


@given(terms, histories())
@settings(max_examples=100)
def test_native_values_equal_the_oracles_bit_for_bit(term: Term, bars: Bars) -> None:
    assert (
        first_difference(evaluate(term, bars, **UNITS), Oracle(bars, TICK, LOT, MINUTE).values(term)) is None
    )


@given(formulas(), histories())
@settings(max_examples=80)
def test_native_stances_equal_the_oracles(formula: Formula, bars: Bars) -> None:
    found = compile_formula(formula, **UNITS).stances(bars)
    assert first_difference(found, Oracle(bars, TICK, LOT, MINUTE).stances(formula)) is None


def walk(count: int, seed: int = 7) -> Bars:
    """A seeded walk of minute bars, longer than a native block."""
    rng = np.random.default_rng(seed)
    close = 50_000 + np.cumsum(rng.integers(-30, 31, count))
    opened = np.concatenate(([50_000], close[:-1]))
    high = np.maximum(opened, close) + rng.integers(0, 9, count)
    low = np.minimum(opened, close) - rng.integers(0, 9, count)
    at = np.cumsum(rng.choice([1, 1, 1, 3], count)) * MINUTE
    return Bars(at, opened, high, low, close, rng.integers(-1, 500, count))


LONG = Formula(
    long='cross_above(sma(10), sma(120)) and close > lag(highest(high, 90), 130) - atr(14)',
    short='cross_below(ema(10), sma(20, every="1h")) and not rising(close, 3)',
    exit='since(crossed(close, donchian(50).middle)) == 70 or lag(rsi(14) > 75, 65)',
    stop="2 * atr(14)",
)  # fmt: skip


def test_blocks_leave_no_seam() -> None:
    bars = walk(5_000)
    compiled = compile_formula(LONG, **UNITS)
    found = compiled.stances(bars)
    assert first_difference(found, Oracle(bars, TICK, LOT, MINUTE).stances(LONG)) is None
    assert len(compiled.changes(bars)) > 20
    for part in LONG.bound.values():
        expected = Oracle(bars, TICK, LOT, MINUTE).values(part)
        assert first_difference(evaluate(part, bars, **UNITS), expected) is None


# ---- step and batch ------------------------------------------------------------------------------------


def stepped(formula: Formula, bars: Bars) -> list[float]:
    stepper = compile_formula(formula, **UNITS).start()
    return [stepper.step(*row) for row in zip(*(field.tolist() for field in bars), strict=True)]


@given(formulas(), histories())
def test_streaming_equals_batch(formula: Formula, bars: Bars) -> None:
    assert first_difference(stepped(formula, bars), compile_formula(formula, **UNITS).stances(bars)) is None


def test_streaming_equals_batch_over_many_blocks() -> None:
    bars = walk(3_000)
    assert first_difference(stepped(LONG, bars), compile_formula(LONG, **UNITS).stances(bars)) is None
    stepper = compile_formula(LONG, **UNITS).start()
    stops = [(stepper.step(*row), stepper.levels["stop"])[1] for row in zip(*bars, strict=True)]
    assert first_difference(stops, compile_formula(LONG, **UNITS).levels(bars)["stop"]) is None


# ---- sweeps --------------------------------------------------------------------------------------------


def test_a_plan_gives_what_each_formula_gives_alone() -> None:
    formula = Formula(
        long="cross_above(sma(fast), sma(slow))", short="cross_below(sma(fast), sma(slow))",
        exit="rsi(fast) > 80", params={"fast": 1, "slow": 2},
    )  # fmt: skip
    bars = walk(2_500)
    choices = grid({"fast": [2, 5, 9], "slow": [20, 33, 60]})
    alone = [compile_formula(formula.with_params(**choice), **UNITS).changes(bars) for choice in choices]
    for memory in (2**28, 3_000):
        plan = plan_formula(formula, choices, bars, memory=memory, **UNITS)
        assert plan.groups == (1 if memory == 2**28 else 3)
        order = [*range(len(plan)), 0, 8, 3]
        assert [plan.changes(i).tolist() for i in order] == [alone[i].tolist() for i in order]
    assert sum(map(len, alone)) > 100


# ---- no future -----------------------------------------------------------------------------------------

Measure = Callable[[Bars], Array]


def first_leak(measure: Measure, bars: Bars) -> int | None:
    """The first bar whose value changes, in any bit, when the bars after it are taken away."""
    whole = bits(measure(bars))
    for t in range(len(bars.at)):
        if bits(measure(bars.upto(t + 1)))[t] != whole[t]:
            return t
    return None


@given(terms, histories(largest=40))
@settings(max_examples=60)
def test_a_value_depends_on_no_later_bar(term: Term, bars: Bars) -> None:
    assert first_leak(lambda seen: evaluate(term, seen, **UNITS), bars) is None


@given(formulas(), histories(largest=40))
@settings(max_examples=40)
def test_a_stance_depends_on_no_later_bar(formula: Formula, bars: Bars) -> None:
    assert first_leak(lambda seen: compile_formula(formula, **UNITS).stances(seen), bars) is None


# ---- one spelling --------------------------------------------------------------------------------------


@given(terms)
@settings(max_examples=100)
def test_a_term_reads_back_from_its_spelling(term: Term) -> None:
    again = read_term(str(term))
    assert again == term
    assert hash(again) == hash(term)
    assert str(again) == str(term)


@given(terms, st.data())
def test_a_changed_tree_is_a_tree(term: Term, data: st.DataObject) -> None:
    path, node = data.draw(st.sampled_from(list(term.walk())))
    assert term.at(path) is node
    assert term.replace(path, node) == term
    assert sum(1 for _ in term.walk()) == term.size
    if node.type == NUMBER and node.head != "number":
        changed = term.replace(path, call("abs", node))
        assert changed != term
        assert changed.size == term.size + 1
        assert changed.at((*path, 0)) is node


# ---- planted defects: each check above bites -----------------------------------------------------------


class Ahead(Oracle):
    """Reads one bar ahead."""

    def series(self, term: Term) -> list[float]:
        held = super().series(term)
        return [*held[1:], held[-1]]


class Early(Oracle):
    """Shows a coarse bar from its first fine bar on."""

    def visible(self, place: int, members: list[int]) -> int:
        return members[0]


class LateCross(Oracle):
    """Tells a cross one bar late."""

    def crosses(self, head: str, a: list[float], b: list[float], t: int) -> bool:
        return t > 0 and super().crosses(head, a, b, t - 1)


class TouchCross(Oracle):
    """Takes a touch for a cross."""

    def crosses(self, head: str, a: list[float], b: list[float], t: int) -> bool:
        return t > 0 and a[t] >= b[t] and a[t - 1] < b[t - 1]


PLANTED = [
    (Ahead, "close > lag(close, 2)"),
    (Early, 'close(every="5m") > open'),
    (Early, 'sma(2, every="5m") > close'),
    (LateCross, "cross_above(sma(2), sma(5))"),
    (TouchCross, "cross_above(close, lag(close, 2))"),
]


@pytest.mark.parametrize(("planted", "text"), PLANTED)
def test_a_planted_defect_is_told_from_the_native_program(planted: type[Oracle], text: str) -> None:
    bars, term = walk(400), read_term(text)
    found = evaluate(term, bars, **UNITS)
    assert first_difference(found, Oracle(bars, TICK, LOT, MINUTE).values(term)) is None
    assert first_difference(found, planted(bars, TICK, LOT, MINUTE).values(term)) is not None


@pytest.mark.parametrize(("planted", "text"), PLANTED[:3])
def test_a_planted_look_ahead_is_caught_by_truncation(planted: type[Oracle], text: str) -> None:
    def measure(seen: Bars) -> Array:
        return np.array(planted(seen, TICK, LOT, MINUTE).values(read_term(text)), dtype=np.float64)

    assert first_leak(measure, walk(60)) is not None
