"""The native indicators against TA-Lib and the exact oracle, on real data and on seeded walks."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from numpy.typing import NDArray

from quorate.native.tape import Panel, columns, compute, indicator_forms
from tests.oracles import indicators as oracle
from tests.oracles.indicators import Bars

Array = NDArray[np.float64]
ALL = [
    "sma:10", "ema:10", "wma:10", "rsi:14", "atr:14", "adx:14", "macd:12:26:9", "bollinger:20:2",
    "donchian:20", "stochastic:14:3:3", "roc:10", "cci:20", "volatility:20", "zscore:20", "obv",
    "keltner:20:1.5",
]  # fmt: skip
DATA = Path(os.environ.get("QUORATE_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
REAL = ["crypto/spot_5m/BTCUSDT.parquet", "futures/ES_5m.parquet"]


def real_bars(name: str, count: int | None = None) -> Bars:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no market data: {name} is not under QUORATE_TEST_DATA or ../shared/data")
    parquet = pytest.importorskip("pyarrow.parquet")
    frame = parquet.read_table(path, columns=list(Bars._fields)).slice(0, count)
    return Bars(*(frame.column(field).to_numpy() for field in Bars._fields))


def walk(count: int, seed: int = 7) -> Bars:
    """A seeded random walk on a quarter-point grid."""
    rng = np.random.default_rng(seed)
    close = 5000 + 0.25 * np.cumsum(rng.integers(-8, 9, count))
    opened = np.concatenate([[5000.0], close[:-1]])
    high = np.maximum(opened, close) + 0.25 * rng.integers(0, 6, count)
    low = np.minimum(opened, close) - 0.25 * rng.integers(0, 6, count)
    return Bars(opened, high, low, close, rng.integers(0, 900, count).astype(float))


def streamed(names: list[str], bars: Bars) -> Array:
    panel = Panel(names)
    rows = []
    for bar in zip(*bars, strict=True):
        panel.update(*bar)
        rows.append(panel.values())
    return np.array(rows).reshape(len(bars.close), len(panel.columns))


def by_column(names: list[str], bars: Bars) -> dict[str, Array]:
    return dict(zip(columns(names), compute(names, *bars).T, strict=True))


# --- against TA-Lib -------------------------------------------------------------------------------------


def ta_lib(bars: Bars) -> dict[str, Array]:
    ta = pytest.importorskip("talib")
    _, high, low, close, volume = bars
    upper, middle, lower = ta.BBANDS(close, 20, 2, 2)
    slow_k, slow_d = ta.STOCH(high, low, close, 14, 3, 0, 3, 0)
    top, bottom = ta.MAX(high, 20), ta.MIN(low, 20)
    line, signal, hist = ta.MACD(close, 12, 26, 9)
    spread = ta.STDDEV(close, 20)
    centre, width = ta.EMA(close, 20), 1.5 * ta.ATR(high, low, close, 20)
    returns = ta.LN(ta.ROCR(close, 1)[1:])
    return {
        "sma_10": ta.SMA(close, 10),
        "ema_10": ta.EMA(close, 10),
        "wma_10": ta.WMA(close, 10),
        "rsi_14": ta.RSI(close, 14),
        "atr_14": ta.ATR(high, low, close, 14),
        "adx_14": ta.ADX(high, low, close, 14),
        "adx_14_plus_di": ta.PLUS_DI(high, low, close, 14),
        "adx_14_minus_di": ta.MINUS_DI(high, low, close, 14),
        "macd_12_26_9_line": line,
        "macd_12_26_9_signal": signal,
        "macd_12_26_9_hist": hist,
        "bollinger_20_2_upper": upper,
        "bollinger_20_2_middle": middle,
        "bollinger_20_2_lower": lower,
        "donchian_20_upper": top,
        "donchian_20_lower": bottom,
        "donchian_20_middle": (top + bottom) / 2,
        "stochastic_14_3_3_k": slow_k,
        "stochastic_14_3_3_d": slow_d,
        "roc_10": ta.ROC(close, 10),
        "cci_20": ta.CCI(high, low, close, 20),
        "volatility_20": np.concatenate([[math.nan], ta.STDDEV(returns, 20) * math.sqrt(20 / 19)]),
        "zscore_20": (close - middle) / spread,
        "obv": ta.OBV(close, volume),
        "keltner_20_1.5_upper": centre + width,
        "keltner_20_1.5_middle": np.where(np.isnan(width), math.nan, centre),
        "keltner_20_1.5_lower": centre - width,
    }


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_bars_agree_with_ta_lib(name: str) -> None:
    agree_with_ta_lib(real_bars(name))


def test_seeded_bars_agree_with_ta_lib() -> None:
    agree_with_ta_lib(walk(20_000))


def agree_with_ta_lib(bars: Bars) -> None:
    ours, theirs = by_column(ALL, bars), ta_lib(bars)
    assert list(ours) == list(theirs)
    for column, expected in theirs.items():
        oracle.assert_close(column, ours[column], expected)


# --- against the exact oracle ---------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_bars_agree_with_the_oracle(name: str) -> None:
    agree_with_oracle(ALL, real_bars(name, 1500))


@pytest.mark.parametrize(
    "names",
    [
        ALL,
        ["sma:1", "ema:1", "wma:1", "rsi:1", "atr:1", "adx:2", "macd:1:2:1", "bollinger:1:1", "donchian:1"],
        ["stochastic:1:1:1", "roc:1", "cci:2", "volatility:2", "zscore:2", "keltner:1:3"],
        ["sma:199", "bollinger:50:2.25", "stochastic:30:5:4", "cci:61", "macd:5:34:7", "keltner:33:0.5"],
    ],
)
def test_seeded_bars_agree_with_the_oracle(names: list[str]) -> None:
    agree_with_oracle(names, walk(400))


def agree_with_oracle(names: list[str], bars: Bars) -> None:
    oracle.assert_agree(names, by_column(names, bars), Bars(*(field.tolist() for field in bars)))


# --- how a value depends on its past --------------------------------------------------------------------

WINDOWED = [
    "sma:10", "wma:10", "bollinger:20:2", "donchian:20", "stochastic:14:3:3", "roc:10", "cci:20",
    "volatility:20", "zscore:20",
]  # fmt: skip


def test_a_window_remembers_nothing_older_than_itself() -> None:
    """No running sum: after 200,000 bars and a wild spike, a value equals a fresh panel's bit for bit."""
    bars = walk(200_000)
    for field in bars[:4]:
        field[1000:1010] = 1e15
    start = 199_900
    fresh = compute(WINDOWED, *bars.since(start))
    warm = Panel(WINDOWED).warmup
    assert compute(WINDOWED, *bars)[start + warm :].tobytes() == fresh[warm:].tobytes()


def test_recursions_forget() -> None:
    """Wilder and exponential averages started later agree once their memory has faded."""
    names = ["ema:10", "rsi:14", "atr:14", "adx:14", "macd:12:26:9", "keltner:20:1.5"]
    bars = walk(3000)
    early, late = compute(names, *bars), compute(names, *bars.since(1000))
    np.testing.assert_allclose(early[-500:], late[-500:], rtol=1e-9, atol=1e-9)


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_streaming_equals_batch_on_real_bars(name: str) -> None:
    bars = real_bars(name, 20_000)
    assert streamed(ALL, bars).tobytes() == compute(ALL, *bars).tobytes()


# --- corners --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [0.1, 1 / 3, 63_471.27, 1e-8, -37.63])
def test_a_flat_market_is_exactly_flat(price: float) -> None:
    flat = np.full(300, price)
    neutral = {"rsi_14": 50.0, "stochastic_14_3_3_k": 50.0, "stochastic_14_3_3_d": 50.0}
    for name, values in by_column(ALL, Bars(flat, flat, flat, flat, flat * 0)).items():
        value = values[-1]
        if name.startswith(("sma", "ema", "wma", "bollinger", "donchian", "keltner")):
            assert value == price, name
        elif name == "volatility_20" and price < 0:
            assert math.isnan(value)
        else:
            assert value == neutral.get(name, 0.0), name


@pytest.mark.parametrize("n", [3, 7, 20, 49, 107])
def test_rounding_makes_no_movement_where_there_is_none(n: int) -> None:
    """n * price / n is not always price: a plain sum would see a deviation of dust, and divide by it."""
    names = [f"{name}:{n}" for name in ("sma", "wma", "ema", "zscore", "cci")] + [f"bollinger:{n}:2"]
    for price in np.random.default_rng(n).uniform(0.001, 90_000, 200):
        flat = np.full(n, price)
        last = compute(names, flat, flat, flat, flat, flat)[-1]
        assert last.tolist() == [price, price, price, 0.0, 0.0, price, price, price]


def test_cci_sees_no_movement_in_the_last_bit_of_a_typical_price() -> None:
    rng = np.random.default_rng(3)
    above, below = rng.integers(0, 500, (2, 300))
    high, low = (123_457 + above) / 100, (123_457 - below) / 100
    close = (123_457 - above + below) / 100  # the three always add up to the same
    typical = (high + low + close) / 3
    assert len(set(typical)) > 1, "the sums differ in their rounding, or this tests nothing"
    assert not compute(["cci:20"], close, high, low, close, close)[19:].any()


def test_a_volume_unknown_reaches_no_price_indicator() -> None:
    bars = walk(200)
    priced = [name for name in ALL if name != "obv"]
    blind = bars._replace(volume=np.full(200, math.nan))
    assert compute(priced, *blind).tobytes() == compute(priced, *bars).tobytes()
    assert np.isnan(compute(["obv"], *blind)).all()


def test_obv_passes_over_a_bar_of_unknown_volume() -> None:
    close = [10.0, 11.0, 12.0, 11.0, 11.0]
    volume = [5.0, 7.0, math.nan, 2.0, 9.0]
    obv = compute(["obv"], close, close, close, close, volume)[:, 0]
    np.testing.assert_array_equal(obv, [5.0, 12.0, math.nan, 10.0, 10.0])


def test_what_does_not_exist_is_nan_and_passes() -> None:
    close = np.array([4.0, 0.0, 4.0, 2.0, 4.0, 2.0, 4.0])
    matrix = compute(["roc:1", "volatility:2"], close, close, close, close, close)
    assert np.isnan(matrix[:, 0]).tolist() == [True, False, True, False, False, False, False]
    assert np.isnan(matrix[:, 1]).tolist() == [True] * 4 + [False] * 3


@pytest.mark.parametrize("field", range(4))
@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, 2e100])
def test_a_bad_price_is_refused_and_changes_nothing(field: int, price: float) -> None:
    panel = Panel(ALL)
    for bar in zip(*walk(60), strict=True):
        panel.update(*bar)
    before = panel.values()
    bad = [1.0, 1.0, 1.0, 1.0, 1.0]
    bad[field] = price
    with pytest.raises(ValueError, match=f"{Bars._fields[field]} must be finite"):
        panel.update(*bad)
    assert panel.bars == 60
    assert panel.values().tobytes() == before.tobytes()
    panel.update(5000, 5000, 5000, 5000, 1)
    other = streamed(ALL, Bars(*(np.append(x, y) for x, y in zip(walk(60), [5000] * 4 + [1], strict=True))))
    assert panel.values().tobytes() == other[-1].tobytes()


@pytest.mark.parametrize("volume", [-1.0, math.inf, -math.inf])
def test_a_bad_volume_is_refused(volume: float) -> None:
    with pytest.raises(ValueError, match="volume must be finite"):
        Panel(["sma:1"]).update(1, 1, 1, 1, volume)


def test_batch_names_the_bad_row() -> None:
    good, bad = [1.0, 2.0, 3.0], [1.0, math.nan, 3.0]
    with pytest.raises(ValueError, match="row 1: low"):
        compute(["sma:2"], good, good, bad, good, good)


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("foo:3", "unknown"), ("", "unknown"), ("SMA:3", "unknown"), ("sma", "must be written sma:n"),
        ("sma:3:4", "must be written sma:n"), ("sma:3:", "must be written"), ("obv:1", "must be written obv"),
        ("sma:0", "whole number"), ("sma:-3", "whole number"), ("sma:2.5", "whole number"),
        ("sma:2.0", "whole number"), ("sma: 3", "whole number"), ("sma:", "whole number"),
        ("sma:100001", "whole number"), ("sma:99999999999999999999999", "whole number"),
        ("adx:1", "from 2"), ("zscore:1", "from 2"), ("macd:26:12:9", "fast must be shorter"),
        ("macd:12:12:9", "fast must be shorter"), ("bollinger:20:0", "decimal number above 0"),
        ("bollinger:20:-1", "above 0"), ("bollinger:20:nan", "above 0"), ("bollinger:20:1e3", "above 0"),
        ("bollinger:20:2.", "above 0"), ("keltner:20:.5", "above 0"), ("sma:\u0663", "whole number"),
    ],
)  # fmt: skip
def test_a_bad_name_is_refused_with_the_known_ones(name: str, why: str) -> None:
    for call in (Panel, columns, lambda names: compute(names, [], [], [], [], [])):
        with pytest.raises(ValueError, match=why) as caught:
            call(["sma:10", name])
        for form in indicator_forms():
            assert form in str(caught.value)


def test_columns_are_named_after_the_canonical_spelling() -> None:
    assert columns(["sma:010", "bollinger:20:02.50"])[:2] == ["sma_10", "bollinger_20_2.5_upper"]
    assert columns(["keltner:20:2.0"])[0] == "keltner_20_2_upper"
    assert columns(["bollinger:20:0.5"])[0] == "bollinger_20_0.5_upper"
    with pytest.raises(ValueError, match="asked for twice"):
        Panel(["sma:10", "rsi:14", "sma:010"])


def test_every_form_is_covered_here() -> None:
    assert [form.split(":")[0] for form in indicator_forms()] == [name.split(":")[0] for name in ALL]
    assert set(oracle.FAMILY) == {name.split(":")[0] for name in ALL}


# --- the panel ------------------------------------------------------------------------------------------


def test_a_panel_from_start_to_reset() -> None:
    panel = Panel(["sma:2", "macd:2:3:2"])
    assert panel.columns == columns(["sma:2", "macd:2:3:2"])
    assert panel.columns == ["sma_2", "macd_2_3_2_line", "macd_2_3_2_signal", "macd_2_3_2_hist"]
    assert (panel.bars, panel.warmup) == (0, 4)
    assert np.isnan(panel.values()).all()
    for close in (1.0, 2.0, 4.0):
        panel.update(close, close, close, close, math.nan)
    assert panel.bars == 3
    row = panel.values()
    assert row.dtype == np.float64
    assert panel.value(panel.index("sma_2")) == row[0] == 3.0
    panel.update(8, 8, 8, 8, 8)
    assert row[0] == 3.0, "a row handed out stays what it was"
    row[0] = -1.0
    assert panel.value(0) == 6.0, "and writing to it does not reach the panel"
    panel.reset()
    assert panel.bars == 0
    assert np.isnan(panel.values()).all()


@pytest.mark.parametrize("name", [*ALL, "sma:1", "macd:1:2:1", "stochastic:1:1:1", "adx:2", "keltner:1:1"])
def test_warmup_is_the_first_bar_with_every_column(name: str) -> None:
    matrix = compute([name], *walk(120))
    warmup = Panel([name]).warmup
    assert np.isfinite(matrix[warmup - 1 :]).all()
    assert np.isnan(matrix[: warmup - 1]).any(axis=1).all()


def test_a_panel_of_nothing_is_a_panel() -> None:
    panel = Panel([])
    panel.update(1, 1, 1, 1, 1)
    assert (panel.bars, panel.warmup, panel.columns, panel.values().shape) == (1, 0, [], (0,))
    assert compute([], [1], [1], [1], [1], [1]).shape == (1, 0)
    assert compute(["sma:2"], [], [], [], [], []).shape == (0, 1)


@pytest.mark.parametrize("index", [-1, 1, 10**6])
def test_no_such_column(index: int) -> None:
    with pytest.raises(IndexError, match="column"):
        Panel(["sma:2"]).value(index)
    with pytest.raises(ValueError, match="sma_2"):
        Panel(["sma:2"]).index("sma_3")


def test_batch_takes_any_array_like_of_one_dimension_and_one_length() -> None:
    bars = walk(50)
    expected = compute(ALL, *bars).tobytes()
    doubled: Callable[[Array], Array] = lambda field: np.repeat(field, 2)[::2]  # noqa: E731 - a strided view
    assert compute(ALL, *map(doubled, bars)).tobytes() == expected
    assert compute(ALL, *(field.tolist() for field in bars)).tobytes() == expected
    with pytest.raises(ValueError, match="one length"):
        compute(ALL, *bars[:4], bars.volume[1:])
    with pytest.raises(TypeError):
        compute(ALL, *(np.asarray(field).reshape(5, 10) for field in bars))


def test_batches_side_by_side_give_what_one_gives() -> None:
    bars = walk(20_000)
    expected = compute(ALL, *bars).tobytes()
    found: list[bytes] = []
    threads = [Thread(target=lambda: found.append(compute(ALL, *bars).tobytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
