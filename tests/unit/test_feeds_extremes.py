"""Prices, times and files at the edge: taken as they are, or refused by name, never an internal error."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from quorate.adapters.feeds.derive import find_tick, parse_instrument
from quorate.adapters.feeds.files import read
from quorate.adapters.feeds.load import load
from quorate.app.load import Request, load_plan
from quorate.core.errors import ConfigError, DataError, InputError

HEAD = "ts,open,high,low,close,volume\n"


def bars(path: Path, price: str, *stamps: str) -> Path:
    """A file of bars that stand at one price."""
    path.write_text(HEAD + "".join(f"{stamp},{price},{price},{price},{price},5\n" for stamp in stamps))
    return path


def minutes(year: int, count: int = 3) -> list[str]:
    return [f"{year}-01-01T00:{minute:02d}:00Z" for minute in range(count)]


@pytest.mark.parametrize("tick", ["0.0000001", "0.00000001", "0.0000000001"])
def test_prices_far_below_one_have_a_tick_of_their_own(tick: str) -> None:
    # they once passed for zero, which sits on every grid
    step = float(tick)
    assert find_tick(np.array([3 * step, 4 * step, 7 * step])) == (Decimal(tick), True)


def test_a_pair_quoted_in_millionths_is_read(tmp_path: Path) -> None:
    (series,) = load([bars(tmp_path / "PEPEUSDT.csv", "0.00000081", *minutes(2024))])
    assert series.close.tolist() == [81] * 3 and series.instrument.tick == Decimal("0.00000001")


@pytest.mark.parametrize("price", ["1e300", "2e15", "1e-300"])
def test_a_price_that_nothing_has_is_refused(tmp_path: Path, price: str) -> None:
    with pytest.raises(DataError, match=r"row 1 .*prices go from"):
        read(bars(tmp_path / "X.csv", price, *minutes(2024)))


def test_an_integer_beyond_64_bits_is_no_time(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 2: '9999999999999999990' is not a time"):
        read(bars(tmp_path / "X.csv", "5", "1704067200000000000", "9999999999999999990"))


def test_bars_before_1970_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = bars(tmp_path / "X.csv", "5", "1969-12-30", "1969-12-31", "1970-01-01", "1970-01-02", "1970-01-03")
    with pytest.raises(InputError, match=r"begin at 1969-12-30.*add --from 1970-01-01"):
        load_plan(Request(data=[str(path)]))
    with pytest.raises(InputError, match="begin at 1969-12-30"):
        load_plan(Request(data=[str(path)], end="1970-01-02"))  # --to alone must not drop them in silence
    plan, _ = load_plan(Request(data=[str(path)], first="1970-01-01"))
    assert len(plan.series[0]) == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "X.csv")
    with pytest.raises(DataError, match="no plain file"):
        read(tmp_path / "X.csv")


def test_a_name_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / f"{'x' * 300}.csv")


@pytest.mark.parametrize("cash", ["1e11", "1e18", "1e400"])
def test_cash_beyond_the_books_is_refused(tmp_path: Path, cash: str) -> None:
    path = bars(tmp_path / "BTCUSDT.csv", "5", *minutes(2024))
    with pytest.raises(InputError, match=r"--cash: .* is too much"):
        load_plan(Request(data=[str(path)], cash=cash))


@pytest.mark.parametrize("field", ["lot=1e30", "multiplier=1e12"])
def test_a_lot_beyond_the_books_is_refused(tmp_path: Path, field: str) -> None:
    path = bars(tmp_path / "BTCUSDT.csv", "5", *minutes(2024))
    with pytest.raises(InputError, match="books hold"):
        load_plan(Request(data=[str(path)], instruments=[f"BTCUSDT,{field}"]))


@pytest.mark.parametrize("field", ["max_lots=-5", "spread_bps=20000"])
def test_an_instrument_that_cannot_be_is_refused(field: str) -> None:
    with pytest.raises(ConfigError, match="spread_bps must be below 10000 and max_lots not negative"):
        parse_instrument(f"BTCUSDT,{field}")


@pytest.mark.parametrize(
    "setting",
    [
        "seed=-1", "decide.quorum=0", "decide.agree=0", "decide.leave=nan", "decide.confidence=2",
        "decide.memory=0", "decide.prior=0", "decide.sharpness=-1", "sizing.hold=-1", "sizing.stop=0",
        "sizing.reward=inf", "sizing.reward=nan", "sizing.cap=-1", "sizing.volatility_target=0",
        "sizing.stop_max=1.5", "sizing.window=1",
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_meant_is_refused(tmp_path: Path, setting: str) -> None:
    path = bars(tmp_path / "BTCUSDT.csv", "5", *minutes(2024))
    with pytest.raises(ConfigError, match="Expected"):
        load_plan(Request(data=[str(path)], sets=[setting]))


@pytest.mark.parametrize("factor", [1e12, 1e-12])
def test_a_factor_that_no_roll_has_is_refused(tmp_path: Path, factor: float) -> None:
    path = bars(tmp_path / "NQ.csv", "5", *minutes(2024, 4))
    head, *lines = path.read_text().splitlines()
    factors = [1.0, 1.0, factor, factor]
    rows = [f"{line},{each}" for line, each in zip(lines, factors, strict=True)]
    path.write_text("\n".join([f"{head},adj_factor", *rows]) + "\n")
    with pytest.raises(DataError, match=r"bar 3 .*adj_factor goes from 1 to"):
        load([path])


@pytest.mark.parametrize(
    "odd",
    [
        {"ts": pa.array([253_402_300_000 + place for place in range(3)], pa.timestamp("s", "UTC"))},
        {"ts": pa.array([2**64 - 500 + place for place in range(3)], pa.uint64())},
        {"ts": pa.array([86_400_000 * (3 * 10**6 + place) for place in range(3)], pa.date64())},
        {"contract": [{"a": 1}] * 3},
    ],
)
def test_a_column_of_arrow_that_no_bar_has_is_refused(tmp_path: Path, odd: dict[str, Any]) -> None:
    stamps = pa.array([1_704_067_200 + 60 * place for place in range(3)], pa.timestamp("s", "UTC"))
    good: dict[str, Any] = {"ts": stamps} | dict.fromkeys(("open", "high", "low", "close"), [5.0] * 3)
    pyarrow.parquet.write_table(pa.table(good), tmp_path / "X.parquet")
    assert read(tmp_path / "X.parquet").rows == 3
    pyarrow.parquet.write_table(pa.table(good | odd), tmp_path / "Y.parquet")
    with pytest.raises(DataError, match="a column holds what no bar has"):
        read(tmp_path / "Y.parquet")
