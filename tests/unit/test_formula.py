"""Formulas: what a text may say, one clear line for what it may not, and worked examples by hand."""

from __future__ import annotations

import math
import pickle

import msgspec
import numpy as np
import pytest

from quorate.core.errors import ConfigError, DataError
from quorate.core.instant import DAY, HOUR, MINUTE
from quorate.indicators.formula import Formula, compile_formula, evaluate, grid, plan_formula
from quorate.indicators.grammar import read_term
from quorate.indicators.terms import Term, indicators, number
from quorate.native.program import Bars, Program
from quorate.native.tape import compute

CROSS = Formula(
    long="cross_above(sma(fast), sma(slow))",
    short="cross_below(sma(fast), sma(slow))",
    params={"fast": 2, "slow": 4},
)


def closes(*ticks: int, interval: int = MINUTE, start: int = 0) -> Bars:
    """Bars without range at these closes."""
    price = np.array(ticks, dtype=np.int64)
    at = start + (np.arange(len(ticks), dtype=np.int64) + 1) * interval
    return Bars(at, price, price, price, price, np.full(len(ticks), 7, np.int64))


def values(text: str, bars: Bars, interval: int = MINUTE) -> list[float]:
    return evaluate(read_term(text), bars, interval_ns=interval).tolist()


def stances(formula: Formula, bars: Bars) -> list[float]:
    return compile_formula(formula, interval_ns=MINUTE).stances(bars).tolist()


# ---- reading -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("close>3", "close > 3"),
        ("(close > 3) & (open < 2.50)", "close > 3 and open < 2.5"),
        ("~(close > 3)", "not close > 3"),
        ("1 < close < 9", "1 < close and close < 9"),
        ("-close < - 3", "-1 * close < -3"),
        ("(close + open) * 2 - (high - low) > 0", "(close + open) * 2 - (high - low) > 0"),
        ("close - (open - high) > 0", "close - (open - high) > 0"),
        ("max(close, open, 3) > 0", "max(max(close, open), 3) > 0"),
        ("sma(20, every='60m') > close", 'sma(20, every="1h") > close'),
        ("macd(12, 26.0, 9).line > 0", "macd(12, 26, 9).line > 0"),
        ("obv > 0", "obv() > 0"),
        ("not (close > 1 and open > 1) or low > 1", "not (close > 1 and open > 1) or low > 1"),
    ],
)  # fmt: skip
def test_a_text_has_one_spelling(text: str, canonical: str) -> None:
    assert str(read_term(text)) == canonical
    assert read_term(canonical) == read_term(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs long"),
        ("   ", "nothing in it"),
        ("close >", "close >^"),
        ("cross_above(smaa(3), close)", "cross_above(^smaa(3), close)"),
        ("close > foo", "'foo' is neither known nor a parameter, at close > ^foo"),
        ("close[1] > 2", "close^[1]"),
        ("close > 5 & open < 3", "brackets"),
        ("lag(close, -1) > 0", "the future cannot be asked for"),
        ("lag(close, 0) > 0", "whole number of bars"),
        ("lag(close, 1.5) > 0", "whole number of bars"),
        ("lag(close, close) > 0", "a number of bars or a parameter"),
        ("highest(close > 1, 3) > 0", "takes a number where"),
        ("since(close) > 0", "takes a condition where"),
        ("macd(12, 26, 9) > 0", "one of macd(...).line, macd(...).signal, macd(...).hist"),
        ("macd(12, 26, 9).lines > 0", "no output 'lines'"),
        ("macd(26, 12, 9).line > 0", "fast must be shorter than slow"),
        ("sma(20.5) > 0", "whole number of bars"),
        ("sma(close) > 0", "numbers or parameters only"),
        ("sma(1, 2) > 0", "sma takes 1 numbers (n), not 2"),
        ("sma > 0", "needs its arguments"),
        ("sma(5, every='never') > 0", "span of time"),
        ("sma(5, every='0m') > 0", "longer than nothing"),
        ("sma(5, other='1h') > 0", "only every="),
        ("hour(every='1h') > 3", "unknown function 'hour'"),
        ("lag(close, 2, every='1h') > 3", "lag has no timeframe"),
        ("close", "is a number, not a condition"),
        ("close > True", "a number is wanted"),
        ("close > 'a'", "a number is wanted"),
        ("close > 1e999", "not a finite number"),
        ("close > 2 ** 3", "only + - * /"),
        ("close is 3", "only < <= >"),
        ("(lambda: close)() > 3", "has no place in a formula"),
        ("close if open else high", "only numbers, names"),
        ("__import__('os').system('x') > 0", "only names are called"),
        ("close.real > 3", "only an indicator has outputs"),
        ("lag(close, 3).upper > 3", "lag has no outputs"),
        ("close > é", "has no place"),
        ("-" * 3000 + "close > 1", "deeper than"),
        ("(" * 300 + "close" + ")" * 300 + " > 1", "does not read"),
        ("+".join(["close"] * 600) + " > 1", "deeper than"),
        ("max(" + ",".join(["close"] * 100) + ") > 1", "deeper than"),
        ("close > 1 or " * 400 + "close > 2", "longer than"),
    ],
)  # fmt: skip
def test_a_bad_text_gets_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Formula(long=text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["close.__class__ > 1", "().__class__ > 1", "getattr(close, 'x') > 1", "f'{1}' > 1"]
)
def test_nothing_of_python_gets_in(text: str) -> None:
    with pytest.raises(ConfigError):
        read_term(text)


def test_parameters_are_all_named_and_all_used() -> None:
    assert CROSS.with_params(fast=3).params == {"fast": 3, "slow": 4}
    with pytest.raises(ConfigError, match="parameter 'slow' is not used"):
        Formula(long="sma(fast) > close", params={"fast": 3, "slow": 4})
    with pytest.raises(ConfigError, match="'slow' is neither known nor a parameter"):
        Formula(long="sma(slow) > close", params={})
    with pytest.raises(ConfigError, match="'close' is a word of formulas"):
        Formula(long="close > 1", params={"close": 4})
    with pytest.raises(ConfigError, match="whole number of bars"):
        CROSS.with_params(fast=2.5)
    with pytest.raises(ConfigError, match="not a finite number"):
        CROSS.with_params(fast=math.inf)


def test_every_indicator_of_the_tape_can_be_named() -> None:
    output = {"macd": ".hist", "donchian": ".lower", "stochastic": ".k"}
    output |= dict.fromkeys(("bollinger", "keltner"), ".middle")
    arguments = {
        "macd": "12, 26, 9",
        "stochastic": "14, 3, 3",
        "bollinger": "20, 2.5",
        "keltner": "20, 2",
        "obv": "",
    }
    for name in indicators():
        formula = Formula(long=f"{name}({arguments.get(name, '14')}){output.get(name, '')} > 1")
        assert formula.warmup >= 1
        assert compile_formula(formula, interval_ns=MINUTE).changes(closes(1, 2, 3)).shape[1] == 2
    assert Formula(long="adx(14).plus_di > adx(14).minus_di").warmup == 28


# ---- as data -------------------------------------------------------------------------------------------


def test_equal_formulas_are_one() -> None:
    same = Formula(
        long="cross_above( sma(fast),sma(slow) )", short=CROSS.short, params={"slow": 4.0, "fast": 2}
    )
    assert same == CROSS
    assert hash(same) == hash(CROSS)
    assert same.digest == CROSS.digest
    assert same.digest != CROSS.with_params(fast=3).digest
    assert {same, CROSS, CROSS.with_params(fast=3)} == {CROSS, CROSS.with_params(fast=3)}
    assert msgspec.json.decode(msgspec.json.encode(CROSS), type=Formula) == CROSS
    assert pickle.loads(pickle.dumps(CROSS)) == CROSS
    assert msgspec.json.decode(msgspec.json.encode(CROSS.terms["long"]), type=Term) == CROSS.terms["long"]


def test_a_tree_can_be_changed_and_measured() -> None:
    term = CROSS.terms["long"]
    assert (term.size, term.depth, term.parameters) == (5, 3, {"fast", "slow"})
    assert str(term.replace((1, 0), number(50))) == "cross_above(sma(fast), sma(50))"
    assert str(term.bind({"fast": 2, "slow": 4})) == "cross_above(sma(2), sma(4))"
    assert term.bind({"fast": 2, "slow": 4}).warmup == CROSS.warmup == 5
    with pytest.raises(ConfigError, match="takes numbers or parameters only"):
        term.replace((1, 0), Term("series", name="close"))
    with pytest.raises(ConfigError, match="whole number of bars"):
        Term("lag", (Term("series", name="close"), number(-1)))
    with pytest.raises(ConfigError, match="unknown operation"):
        Term("shift", (number(1),))
    with pytest.raises(IndexError):
        term.at((5,))


# ---- worked by hand ------------------------------------------------------------------------------------


def test_a_cross_is_told_on_its_bar_and_the_stance_follows() -> None:
    bars = closes(10, 9, 8, 7, 8, 10, 12, 11, 8, 5, 5)
    # sma(2) - sma(4): bar 4: 7.5 - 8, bar 5: 9 - 8.25, bar 8: 9.5 - 10.25
    assert stances(CROSS, bars) == [0, 0, 0, 0, 0, 1, 1, 1, -1, -1, -1]
    assert compile_formula(CROSS, interval_ns=MINUTE).changes(bars).tolist() == [[5, 10**6], [8, -(10**6)]]


def test_an_exit_wins_and_contradictions_stay() -> None:
    formula = Formula(long="close > 5", short="close > 8 or close < 3", exit="close == 7")
    assert stances(formula, closes(4, 6, 9, 7, 9, 6, 2, 9, 4, 7)) == [0, 1, 1, 0, 0, 1, -1, -1, -1, 0]


def test_nothing_is_decided_before_all_is_known() -> None:
    assert stances(Formula(long="not close > sma(3)"), closes(5, 4, 3, 2)) == [0, 0, 1, 1]
    assert stances(Formula(long="not lag(close > 9, 2)"), closes(5, 4, 3, 2)) == [0, 0, 1, 1]
    assert stances(Formula(long="close > 0", exit="sma(3) < 0"), closes(5, 4, 3, 2)) == [0, 0, 1, 1]
    assert stances(Formula(long="not volume > 9"), closes(5, 4)._replace(volume=np.array([-1, 7]))) == [0, 1]


def test_no_entry_without_the_stop_it_asked_for() -> None:
    bars = closes(5, 6, 7, 7, 7)
    assert stances(Formula(long="close > 0", stop="close - 6"), bars) == [0, 0, 1, 1, 1]
    assert stances(Formula(long="close > 0", stop="lag(close, 1) / (close - close)"), bars) == [0] * 5
    levels = compile_formula(Formula(long="close > 0", stop="close - 6"), interval_ns=MINUTE).levels(bars)
    assert levels["stop"].tolist() == [-1, 0, 1, 1, 1]


def test_windows_by_hand() -> None:
    bars, nan = closes(3, 1, 4, 1, 5), math.nan
    np.testing.assert_array_equal(values("highest(close, 3)", bars), [nan, nan, 4, 4, 5])
    np.testing.assert_array_equal(values("lag(close, 2)", bars), [nan, nan, 3, 1, 4])
    np.testing.assert_array_equal(values("change(close, 1)", bars), [nan, -2, 3, -3, 4])
    np.testing.assert_array_equal(values("since(close == 1)", bars), [nan, 0, 1, 0, 1])
    np.testing.assert_array_equal(values("close / (close - 1)", bars), [1.5, nan, 4 / 3, nan, 1.25])
    np.testing.assert_array_equal(values("sma(2)", bars), [nan, 2, 2.5, 2.5, 3])
    assert values("rising(close, 2)", closes(1, 2, 3, 3, 4)) == [0, 0, 1, 0, 0]
    assert values("falling(close, 1)", closes(1, 2, 1, 1)) == [0, 0, 1, 0]
    assert values("between(close, 2, 4)", bars) == [1, 0, 1, 0, 0]
    assert values("crossed(close, 2)", bars) == [0, 1, 1, 1, 1]


def test_a_coarse_bar_is_seen_when_it_has_closed() -> None:
    # Bars of 20 minutes from 00:00: the hour ends with the third, at whose close it is known.
    bars, nan = closes(1, 2, 3, 4, 5, 6, 7, interval=20 * MINUTE), math.nan
    np.testing.assert_array_equal(values('close(every="1h")', bars, 20 * MINUTE), [nan, nan, 3, 3, 3, 6, 6])
    np.testing.assert_array_equal(values('open(every="1h")', bars, 20 * MINUTE), [nan, nan, 1, 1, 1, 4, 4])
    np.testing.assert_array_equal(
        values('volume(every="1h")', bars, 20 * MINUTE), [nan, nan, 21, 21, 21, 21, 21]
    )
    # Without its last bar the hour is known when a bar beyond it closes.
    gap = Bars(*(np.delete(field, 2) for field in bars))
    np.testing.assert_array_equal(values('close(every="1h")', gap, 20 * MINUTE), [nan, nan, 2, 2, 6, 6])


def test_weeks_begin_on_monday_and_hours_are_of_the_close() -> None:
    monday = 4 * DAY  # 1970-01-05
    bars = closes(*range(1, 16), interval=DAY, start=monday)
    assert [t for t, x in enumerate(values('change(close(every="1w"), 1) != 0', bars, DAY)) if x] == [13]
    assert values('close(every="1w")', bars, DAY)[6:14] == [7] * 7 + [14]
    assert values("weekday", bars, DAY)[:7] == [1, 2, 3, 4, 5, 6, 0]
    assert values("hour", closes(1, 2, 3, interval=HOUR, start=monday + 22 * HOUR), HOUR) == [23, 0, 1]


def test_the_exact_mean_stays_beside_the_tapes_and_never_drifts() -> None:
    rng = np.random.default_rng(3)
    ticks = 6_000_000 + np.cumsum(rng.integers(-50, 51, 20_000))
    bars = closes(*ticks.tolist())
    found = evaluate(read_term("sma(30)"), bars, tick=0.01, interval_ns=MINUTE)
    price = ticks * 0.01
    tape = compute(["sma:30"], price, price, price, price, price)[:, 0]
    np.testing.assert_allclose(found, tape, rtol=4e-16)
    flat = evaluate(read_term("sma(7)"), closes(*[123] * 20), tick=0.1, interval_ns=MINUTE)
    assert set(flat[6:].tolist()) == {123 * 0.1}


def test_one_sum_serves_prices_of_any_size() -> None:
    huge = 2**45 - 1
    bars = closes(huge, -huge, huge, 5, -7, huge)
    assert values("sma(3)", bars)[2:] == [huge / 3, 5 / 3, (huge - 2) / 3, (huge - 2) / 3]


# ---- bad bars ------------------------------------------------------------------------------------------


def test_bad_bars_are_named() -> None:
    compiled = compile_formula(Formula(long="close > sma(2)"), interval_ns=MINUTE)
    with pytest.raises(DataError, match=r"bar 2: .* beyond 2\^45 ticks"):
        compiled.stances(closes(1, 2, 2**45, 3))
    with pytest.raises(DataError, match="must be integers"):
        compiled.stances(closes(1, 2)._replace(close=np.array([1.0, 2.0])))
    with pytest.raises(DataError, match="one length"):
        compiled.stances(closes(1, 2)._replace(close=np.array([1])))
    hourly = compile_formula(Formula(long='close(every="1h") > 2'), interval_ns=MINUTE)
    with pytest.raises(DataError, match="bar 1: time must run forward"):
        hourly.stances(closes(1, 2)._replace(at=np.array([60, 60])))
    with pytest.raises(ConfigError, match="whole multiple"):
        compile_formula(Formula(long='close(every="90s") > 2'), interval_ns=MINUTE)
    with pytest.raises(ConfigError, match="above 0"):
        compile_formula(CROSS, tick=0.0, interval_ns=MINUTE)
    assert compiled.stances(closes()).tolist() == []


def test_a_refused_bar_leaves_a_follower_as_it_was() -> None:
    bars = closes(10, 9, 8, 7, 8, 10, 12, 11, 8, 5, 5)
    stepper = compile_formula(CROSS, interval_ns=MINUTE).start()
    found = []
    for at, close in zip(bars.at.tolist(), bars.close.tolist(), strict=True):
        with pytest.raises(DataError):
            stepper.step(at, close, close, close, 2**45)
        found.append(stepper.step(at, close, close, close, close))
        with pytest.raises(DataError, match="forward"):
            stepper.step(at, close, close, close, close)
    assert found == stances(CROSS, bars)


def test_a_program_refuses_what_does_not_fit() -> None:
    program = Program(1.0, 1.0, MINUTE)
    close = program.add("close")
    assert program.add("close") == close
    for wrong in (lambda: program.add("wish"), lambda: program.add("and", close, close),
                  lambda: program.add("lag", close, 7), lambda: program.add_head(close, None, None, close),
                  lambda: program.add("abs", 99), lambda: program.add("number", value=math.nan)):  # fmt: skip
        with pytest.raises(ValueError, match=r"has other inputs|unknown operation|is made of|no node"):
            wrong()
    with pytest.raises(ValueError, match="from 1 to"):
        program.columns([program.add("lag", close, count=0)], closes(1))


def test_a_plan_shares_columns_and_keeps_its_history() -> None:
    choices = grid({"fast": [2, 3], "slow": [4, 5, 6]})
    plan = plan_formula(CROSS, choices, closes(*range(50), *range(50, 0, -1)), interval_ns=MINUTE)
    assert (len(plan), plan.bars, plan.groups) == (6, 100, 1)
    assert plan.changes(0).tolist() == plan.changes(0).tolist() != []
    with pytest.raises(IndexError, match="no such strategy"):
        plan.changes(6)
    with pytest.raises(DataError, match="beyond"):
        plan_formula(CROSS, choices, closes(1, 2**50), interval_ns=MINUTE)
    with pytest.raises(ConfigError, match="no parameter 'quick'"):
        plan_formula(CROSS, [{"quick": 3}], closes(1), interval_ns=MINUTE)
    with pytest.raises(ConfigError, match="whole number of bars"):
        plan_formula(CROSS, [{"fast": 0, "slow": 3}], closes(1), interval_ns=MINUTE)
