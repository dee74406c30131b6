"""What holds of every native indicator on any bars: step == batch, no future, no units, a clean reset."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quorate.native.tape import Panel, columns, compute
from tests.oracles import indicators as oracle
from tests.oracles.indicators import Bars

Array = NDArray[np.float64]
Measure = Callable[[Bars], Array]  # bars (n,) -> values (n,) or (n, k)

period = st.integers(1, 12)
spread = st.integers(2, 12)
multiple = st.sampled_from(["1", "2", "2.5", "0.125"])


def written(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[str]:
    return st.tuples(*arguments).map(lambda values: ":".join([name, *map(str, values)]))


indicator = st.one_of(
    *(written(name, period) for name in ("sma", "ema", "wma", "rsi", "atr", "donchian", "roc")),
    *(written(name, spread) for name in ("adx", "cci", "volatility", "zscore")),
    *(written(name, period, multiple) for name in ("bollinger", "keltner")),
    written("stochastic", period, st.integers(1, 4), st.integers(1, 4)),
    st.tuples(period, period, period).map(lambda x: f"macd:{x[0]}:{x[0] + x[1]}:{x[2]}"),
    st.just("obv"),
)
panels = st.lists(indicator, min_size=1, max_size=6, unique=True)


@st.composite
def histories(draw: st.DrawFn, tick: float = 0.25, largest: int = 60) -> Bars:
    """Coherent bars on a tick grid, with gaps, flat stretches and, now and then, unknown volume."""
    step = st.tuples(
        st.integers(-40, 40) | st.just(0),  # gap
        st.integers(-40, 40) | st.just(0),  # open to close
        st.integers(0, 20) | st.just(0),
        st.integers(0, 20) | st.just(0),
        st.integers(0, 1000) | st.just(math.nan),
    )
    rows, close = [], draw(st.integers(4000, 40_000))
    for gap, body, above, below, volume in draw(st.lists(step, min_size=1, max_size=largest)):
        opened = close + gap
        close = opened + body
        top, bottom = max(opened, close) + above, min(opened, close) - below
        rows.append((opened * tick, top * tick, bottom * tick, close * tick, float(volume)))
    return Bars(*(np.array(field) for field in zip(*rows, strict=True)))


def streamed(panel: Panel, bars: Bars) -> Array:
    rows = []
    for bar in zip(*bars, strict=True):
        panel.update(*bar)
        rows.append(panel.values())
    return np.array(rows)


def first_leak(measure: Measure, bars: Bars) -> int | None:
    """The first bar whose value changes, in any bit, when the bars after it are taken away."""
    whole = measure(bars)
    for t in range(len(bars.close)):
        if measure(bars.upto(t + 1))[t].tobytes() != whole[t].tobytes():
            return t
    return None


@given(panels, histories())
def test_streaming_equals_batch_bit_for_bit(names: list[str], bars: Bars) -> None:
    panel = Panel(names)
    rows = streamed(panel, bars)
    assert rows.tobytes() == compute(names, *bars).tobytes()
    np.testing.assert_array_equal([panel.value(i) for i in range(rows.shape[1])], rows[-1])


@given(panels, histories(), histories())
def test_reset_gives_a_new_panel(names: list[str], before: Bars, bars: Bars) -> None:
    used, new = Panel(names), Panel(names)
    streamed(used, before)
    used.reset()
    assert used.bars == 0
    assert used.values().tobytes() == new.values().tobytes()
    assert streamed(used, bars).tobytes() == streamed(new, bars).tobytes()


@given(panels, histories())
def test_a_panel_does_not_mix_its_indicators(names: list[str], bars: Bars) -> None:
    alone = [compute([name], *bars) for name in names]
    assert compute(names, *bars).tobytes() == np.hstack(alone).tobytes()


@given(panels, histories(tick=0.01))
@settings(deadline=None)
def test_native_equals_the_oracle(names: list[str], bars: Bars) -> None:
    found = dict(zip(columns(names), compute(names, *bars).T, strict=True))
    oracle.assert_agree(names, found, Bars(*(field.tolist() for field in bars)))


# --- no future ------------------------------------------------------------------------------------------


@given(panels, histories())
def test_a_value_depends_on_no_later_bar(names: list[str], bars: Bars) -> None:
    assert first_leak(lambda seen: compute(names, *seen), bars) is None


def centred_mean(bars: Bars) -> Array:
    """Looks one bar ahead."""
    ahead = np.append(bars.close[1:], bars.close[-1])
    return (bars.close + ahead) / 2


def whole_sample_score(bars: Bars) -> Array:
    """Scales with statistics of the whole history, the commonest leak of all."""
    return bars.close - np.mean(bars.close)


def early_hour(bars: Bars) -> Array:
    """Shows an hour's close from the hour's first bar on: index // 12 without waiting for the close."""
    last = np.minimum(np.arange(len(bars.close)) // 12 * 12 + 11, len(bars.close) - 1)
    return bars.close[last]


@pytest.mark.parametrize("measure", [centred_mean, whole_sample_score, early_hour])
def test_a_planted_look_ahead_is_caught(measure: Measure) -> None:
    rising = np.arange(100.0, 160.0)
    bars = Bars(rising, rising, rising, rising, rising)
    assert first_leak(measure, bars) == 0
    assert first_leak(lambda seen: compute(["sma:3"], *seen), bars) is None


# --- no units -------------------------------------------------------------------------------------------

IN_PRICE = ("sma", "ema", "wma", "atr", "macd", "bollinger", "donchian", "keltner")


def scaled(bars: Bars, factor: float) -> Bars:
    return Bars(*(field * factor for field in bars[:4]), bars.volume)


def expected_scale(names: list[str], factor: float) -> Array:
    return np.array([factor if column.startswith(IN_PRICE) else 1.0 for column in columns(names)])


@given(panels, histories(), st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**30]))
def test_a_power_of_two_scales_every_bit(names: list[str], bars: Bars, factor: float) -> None:
    moved = compute(names, *scaled(bars, factor))
    np.testing.assert_array_equal(moved, compute(names, *bars) * expected_scale(names, factor))


@given(panels, histories(), st.sampled_from([3.0, 1000.0]))
def test_any_scale_scales(names: list[str], bars: Bars, factor: float) -> None:
    moved = compute(names, *scaled(bars, factor))
    expected = compute(names, *bars) * expected_scale(names, factor)
    np.testing.assert_allclose(moved, expected, rtol=1e-9, atol=1e-9 * factor)


# --- bounds ---------------------------------------------------------------------------------------------


@given(histories(), period)
def test_values_stay_in_their_bounds(bars: Bars, n: int) -> None:
    names = [f"{name}:{n}" for name in ("rsi", "atr", "donchian")]
    names += [f"adx:{n + 1}", f"stochastic:{n}:2:2", f"bollinger:{n}:2"]
    rows = dict(zip(columns(names), compute(names, *bars).T, strict=True))
    for name, values in rows.items():
        known = values[~np.isnan(values)]
        if name.startswith(("rsi", "adx", "stochastic")):
            assert ((known >= -1e-9) & (known <= 100 + 1e-9)).all(), name
        if name.startswith("atr"):
            assert (known >= 0).all()
    warm = slice(n - 1, None)
    assert (rows[f"donchian_{n}_upper"][warm] >= bars.high[warm]).all()
    assert (rows[f"donchian_{n}_lower"][warm] <= bars.low[warm]).all()
    assert (rows[f"bollinger_{n}_2_upper"][warm] >= rows[f"bollinger_{n}_2_lower"][warm]).all()
