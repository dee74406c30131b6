"""Nothing known at t depends on what comes after t: every agent, every indicator form and the whole desk."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.series import Series
from quorate.adapters.feeds.synthetic import Crash, Gap, Stall, SyntheticSpec, synthetic
from quorate.adapters.journals.memory import MemoryJournal
from quorate.app.compose import plan_run
from quorate.app.conformance import signals
from quorate.app.recipe import read_values, recipe_of, rulebook_of
from quorate.app.registry import Registry
from quorate.app.run import default_cash, run_in_memory
from quorate.app.tryout import cut
from quorate.core.record import CLOSED, Record
from quorate.core.roles import View
from quorate.core.signal import Signal
from quorate.native.tape import compute, indicator_forms
from tests.support import DATA

BARS = 1_200
REAL = None if DATA is None else DATA / "crypto" / "spot_5m" / "BTCUSDT.parquet"
TAPES = [
    "synthetic",
    pytest.param("BTCUSDT", marks=pytest.mark.skipif(REAL is None, reason="no market data")),
]
AGENTS = Registry().names("agents")
ARGUMENTS = {
    "sma:n": "sma:10", "ema:n": "ema:10", "wma:n": "wma:10", "rsi:n": "rsi:14", "atr:n": "atr:14",
    "adx:n": "adx:14", "macd:fast:slow:signal": "macd:12:26:9", "bollinger:n:k": "bollinger:20:2",
    "donchian:n": "donchian:20", "stochastic:n:k:d": "stochastic:14:3:3", "roc:n": "roc:10",
    "cci:n": "cci:20", "volatility:n": "volatility:20", "zscore:n": "zscore:20", "obv": "obv",
    "keltner:n:k": "keltner:20:2",
}  # fmt: skip
cuts = st.integers(min_value=2, max_value=BARS - 1)


@cache
def tape(name: str) -> tuple[Series, ...]:
    if name == "synthetic":
        spec = SyntheticSpec(
            seed=11,
            bars=BARS,
            volatility=1.2,
            crash=Crash(0.6, -0.25, 10),
            gap=Gap(0.3, 0.03),
            stall=Stall(0.8, 9),
        )
        return (synthetic(spec),)
    assert REAL is not None
    (series,) = load([REAL])
    return (series.between(int(series.start[40_000]), int(series.start[40_000 + BARS])),)


def agent(name: str) -> Any:
    return Registry().build("agents", name, {})


@cache
def said(name: str, which: str) -> dict[tuple[int, str], Signal | None]:
    return signals(agent(name), tape(which), {})


def check_signals(make: Any, whole: dict[tuple[int, str], Signal | None], which: str, instants: int) -> None:
    known, at = cut(tape(which), instants)
    early = signals(make(known), known, {})
    late = {key: signal for key, signal in whole.items() if key[0] <= at}
    # The first difference is told; a diff of both would take minutes where it is caught on purpose.
    differing = min(
        (key for key in early.keys() | late.keys() if early.get(key) != late.get(key)), default=None
    )
    assert differing is None, f"{differing}: {early.get(differing)} became {late.get(differing)}"


@pytest.mark.parametrize("which", TAPES)
@pytest.mark.parametrize("name", AGENTS)
@settings(max_examples=6, deadline=None)
@given(instants=cuts)
def test_an_agent_says_the_same_without_the_future(name: str, which: str, instants: int) -> None:
    instants = min(instants, len(tape(which)[0]))
    check_signals(lambda known: agent(name), said(name, which), which, instants)


class LookAhead:
    """Was handed the whole column of closes, and knows the next one: the classic vectorised mistake."""

    name = "look-ahead"

    def __init__(self, series: Series) -> None:
        self.closes = series.close

    def features(self) -> list[str]:
        return []

    def hear(self, view: View, instrument: str) -> Signal | None:
        now = view.count(instrument) - 1
        ahead = self.closes[min(now + 1, len(self.closes) - 1)]
        return Signal(view.at, self.name, instrument, 0.9 if ahead > self.closes[now] else 0.1, 1)


class Normalised(LookAhead):
    """Divides by the deviation of the whole frame."""

    def hear(self, view: View, instrument: str) -> Signal | None:
        now = view.count(instrument) - 1
        score = (self.closes[now] - self.closes.mean()) / max(self.closes.std(), 1e-9)
        return Signal(view.at, self.name, instrument, round(float(0.5 + 0.4 * np.tanh(score)), 6), 1)


@pytest.mark.parametrize("kind", [LookAhead, Normalised])
def test_a_planted_look_ahead_is_caught(kind: type[LookAhead]) -> None:
    whole = signals(kind(tape("synthetic")[0]), tape("synthetic"), {})
    caught = 0
    for instants in range(100, 1_100, 100):
        try:
            check_signals(lambda known: kind(known[0]), whole, "synthetic", instants)
        except AssertionError:
            caught += 1
    assert caught >= 3  # a coin sometimes falls the right way by itself


def test_every_form_is_tried() -> None:
    assert set(ARGUMENTS) == set(indicator_forms())


@pytest.mark.parametrize("which", TAPES)
@settings(max_examples=15, deadline=None)
@given(instants=cuts)
def test_an_indicator_shows_the_same_without_the_future(which: str, instants: int) -> None:
    (series,) = tape(which)
    columns = [
        each.astype(np.float64)
        for each in (series.open, series.high, series.low, series.close, series.volume)
    ]
    forms = list(ARGUMENTS.values())
    whole = compute(forms, *columns)
    early = compute(forms, *(column[:instants] for column in columns))
    assert np.array_equal(early, whole[: len(early)], equal_nan=True)


@cache
def desk(which: str, instants: int = 0) -> tuple[list[Record], int]:
    """(records of a whole desk, opening and closing left out, last instant) on a tape or its beginning."""
    series, at = tape(which), 2**62
    if instants:
        series, at = cut(series, instants)
    values = {
        "name": "truncation",
        "agents": {"momentum": {"fast": 12, "slow": 48}, "reversion": {"window": 24}, "technical": {}},
        "decide": {"confidence": 0.53, "agree": 1},
        "sizing": {"window": 48, "hold": 24},
        "operator": {"cool_down": "2h"},
    }
    cash, _ = default_cash(tape(which))
    book = rulebook_of(*read_values("rulebook", "balanced"))
    plan = plan_run(recipe_of(values, "test"), book, Registry(), series, cash)
    journal: MemoryJournal = run_in_memory(plan, "backtest")[1]
    return [each for each in journal.records() if each.kind not in ("opened", "block", CLOSED)], at


@pytest.mark.parametrize("which", TAPES)
@settings(max_examples=5, deadline=None)
@given(instants=cuts)
@example(instants=BARS * 61 // 100)  # in the midst of the crash
def test_the_whole_desk_does_the_same_without_the_future(which: str, instants: int) -> None:
    instants = min(instants, len(tape(which)[0]))
    whole, _ = desk(which)
    early, at = desk(which, instants)
    content = [(each.at, each.kind, each.payload) for each in early if each.at <= at]
    expected = [(each.at, each.kind, each.payload) for each in whole if each.at <= at]
    # An approval bears its record's own number: equal payloads pin the order of all records before them too.
    first = next((at for at, (a, b) in enumerate(zip(content, expected, strict=False)) if a != b), None)
    assert first is None and len(content) == len(expected), f"record {first} differs"


def test_the_desk_on_trial_trades() -> None:
    kinds = {each.kind for each in desk("synthetic")[0]}
    assert {"decision", "approved_order", "fill", "trade_closed"} <= kinds
