"""What must hold of every curve and every split."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.analysis import bootstrap
from quorate.analysis.attribution import split
from quorate.analysis.falls import falls_of
from quorate.analysis.metrics import day_closes, day_returns, drawdown, sharpe, underwater
from quorate.analysis.result import Curve
from quorate.analysis.risk import expected_shortfall, value_at_risk
from quorate.analysis.scales import thin
from quorate.core.instant import HOUR
from quorate.core.instrument import CALENDARS
from tests.oracles import statistics as oracle

START = 10_000
levels = st.lists(st.integers(1, 10**6), min_size=1, max_size=120)


def curve(values: list[int]) -> Curve:
    return Curve(HOUR * np.arange(1, len(values) + 1, dtype=np.int64), np.array(values, dtype=np.int64))


@given(levels, st.sampled_from(sorted(CALENDARS)))
def test_day_returns_compound_to_the_total(values: list[int], calendar: str) -> None:
    _, closes = day_closes(curve(values), CALENDARS[calendar], HOUR)
    assert math.prod(1 + day_returns(closes, START)) == pytest.approx(values[-1] / START)


@given(levels)
def test_drawdown_agrees_with_the_plain_loop(values: list[int]) -> None:
    peak, deepest, top, longest = START, 0.0, 0, 0
    for hour, value in enumerate(values, 1):
        if value >= peak:
            under = any(each < peak for each in values[top : hour - 1])
            longest = max(longest, (hour - top) if under else 0)
            peak, top = value, hour
        deepest = max(deepest, (peak - value) / peak)
    longest = max(longest, len(values) - top)
    assert drawdown(curve(values), START, HOUR) == (pytest.approx(deepest), longest * HOUR)
    assert -underwater(curve(values), START).min() == pytest.approx(deepest)


@given(levels)
def test_falls_agree_with_the_plain_loop(values: list[int]) -> None:
    made = curve(values)
    found = falls_of(made, START, HOUR)
    plain = oracle.falls(made.at.tolist(), values, START, HOUR)
    rows = zip(found.depth, found.start, found.trough, found.end, strict=True)
    assert [(pytest.approx(row[0]), *map(int, row[1:])) for row in rows] == plain
    fall, longest = drawdown(made, START, HOUR)
    assert max(found.depth, default=0.0) == pytest.approx(fall)
    assert max(found.spans, default=0) == longest
    assert found.open == (values[-1] < max(START, *values))


@given(st.lists(st.floats(-0.5, 0.5), min_size=25, max_size=80))
def test_risk_is_ordered(values: list[float]) -> None:
    """The mean of the worst is no better than the best of them, and a surer loss is no smaller."""
    returns = np.array(values)
    for level in (0.95, 0.99):
        assert expected_shortfall(returns, level) >= value_at_risk(returns, level) - 1e-12
    assert value_at_risk(returns, 0.99) >= value_at_risk(returns, 0.95)


@given(st.integers(3, 200), st.integers(1, 30), st.integers(0, 2**31))
def test_resamples_draw_from_the_values(count: int, block: int, seed: int) -> None:
    for drawn in (
        bootstrap.stationary(count, 7, bootstrap.seeded(seed), float(block)),
        bootstrap.circular(count, 7, bootstrap.seeded(seed), block),
    ):
        assert drawn.shape == (7, count)
        assert 0 <= drawn.min() <= drawn.max() < count


@given(levels, st.integers(2, 50))
def test_sharpe_knows_no_unit(values: list[int], factor: int) -> None:
    returns = day_returns(np.array(values, dtype=np.int64), START)
    scaled = day_returns(np.array(values, dtype=np.int64) * factor, START * factor)
    assert sharpe(returns, 365) == pytest.approx(sharpe(scaled, 365))


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=400), st.integers(8, 60))
def test_thinning_keeps_extremes_and_order(values: list[int], points: int) -> None:
    at, kept = thin(np.arange(len(values)), np.array(values), points)
    assert kept.size <= max(points, len(values) if len(values) <= points else 0)
    assert (kept.min(), kept.max(), kept[0], kept[-1]) == (min(values), max(values), values[0], values[-1])
    assert np.all(np.diff(at) > 0)


@given(st.integers(-(10**15), 10**15), st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=9))
def test_a_split_loses_nothing(amount: int, weights: list[float]) -> None:
    parts = split(amount, {str(index): weight for index, weight in enumerate(weights)})
    assert sum(parts.values()) == amount
