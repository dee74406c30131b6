"""Every real file there is: loaded, derived and encoded, or refused with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quorate.adapters.feeds.blocks import decode, encode, merge
from quorate.adapters.feeds.load import load
from quorate.core.errors import DataError
from quorate.core.events import Bar, Roll
from quorate.core.instrument import Kind
from tests.support import DATA, needs_data

pytestmark = [needs_data, pytest.mark.data]

REFUSED = {
    "crypto/funding": "funding rates",
    "crypto/l2": "not bars",
    "crypto/ticks": "ticks",
    "futures/ESH4_mbo_20231224": "order book",
    "futures/ESM8_ticks_20180507": "ticks",
    "futures/GC_ticks": "ticks",
    "futures/NQ_rolls": "roll times",
}
KINDS = {"futures": Kind.FUTURE, "equities": Kind.EQUITY, "fx": Kind.FX, "portfolio": Kind.EQUITY}


def names() -> list[str]:
    folders = ("crypto", "futures", "equities", "fx", "portfolio")
    if DATA is None:
        return []
    return sorted(
        path.relative_to(DATA).as_posix() for each in folders for path in (DATA / each).rglob("*.parquet")
    )


@pytest.mark.parametrize("name", names())
def test_every_bar_file(name: str) -> None:
    assert DATA is not None
    reason = next((why for start, why in REFUSED.items() if name.startswith(start)), None)
    if reason is not None:
        with pytest.raises(DataError, match=reason):
            load([DATA / name])
        return
    whole = load([DATA / name])
    folder, inner = name.split("/")[:2]
    wanted = KINDS.get(folder, Kind.PERPETUAL if inner.startswith("perp") else Kind.SPOT)
    for each in whole:
        assert each.instrument.kind is wanted and each.notes and (each.low >= 1).all()
        assert (np.diff(each.at) > 0).all() and (each.at == each.start + each.interval).all()
        ticks = each.close * each.instrument.tick_float
        assert "found in the prices" in " ".join(each.notes) and ticks.min() > 0
    part = [each.between(0, int(each.start[min(299, len(each) - 1)]) + 1) for each in whole]
    events = [event for instant in decode(encode(merge(part))) for event in instant]
    assert sum(isinstance(event, Bar) for event in events) == sum(map(len, part))


def test_nq_rolls_where_the_source_says() -> None:
    """The back-adjusted price goes on unbroken over a roll; the traded one jumps by a third of a percent."""
    assert DATA is not None
    (nq,) = load([DATA / "futures" / "NQ_1m_2018.parquet"])
    assert str(nq.instrument.tick) == "0.25" and len(nq.rolls.index) == 4
    opened = nq.open[nq.rolls.index]
    assert np.abs(opened / nq.rolls.new - 1).max() < 0.0002
    assert np.abs(opened / nq.rolls.old - 1).min() > 0.003
    first = int(nq.rolls.index[0])
    part = decode(encode(merge([nq.between(int(nq.start[first - 1]), int(nq.start[first]) + 1)])))
    assert [type(event) for instant in part for event in instant] == [Bar, Roll, Bar]


def test_resampled_nq_has_mixed_bars() -> None:
    assert DATA is not None
    (nq,) = load([DATA / "futures" / "NQ_5m_2008_2018.parquet"])
    assert str(nq.instrument.tick) == "0.25" and len(nq.rolls.index) == 38
    assert any("in which the contract changes opened in the old contract" in note for note in nq.notes)
    index, worth = nq.rolls.index, nq.rolls.new
    assert np.abs(nq.open[index] / worth - 1).max() < 0.001
    assert merge([nq]).table.shape[1] == len(nq) + 38


def test_real_spreads() -> None:
    assert DATA is not None
    (gbp,) = load([DATA / "fx" / "GBPUSD_1m_2012.parquet"])
    assert (
        str(gbp.instrument.tick) == "0.000005" and (gbp.spread >= 0).all() and gbp.instrument.spread_bps == 0
    )
    assert any("347 of 30117" in note for note in gbp.notes)


RAW = {
    "backtestingpy_EURUSD_1h.csv": "no zone",
    "battle_hymn_BTCUSDT_1h.csv": "newest to the oldest",
    "lean_factor_spy.csv": "first line holds values",
    "nautilus_binance-futures_book_snapshot_25_BTCUSDT.csv": "order book",
    "lean_ibm_daily.zip": "unknown file type",
    "backtestingpy_GOOG_1d.csv": "",
    "freqtrade_BTC_USDT-1h.feather": "",
    "nautilus_6EH4.XCME_1min_bars_20240101_20240131.csv.gz": "",
    "darufinance_panel_sol_btc_eth_1h_1000.parquet": "",
}


@pytest.mark.parametrize("name", RAW)
def test_raw_files_as_they_come(name: str) -> None:
    assert DATA is not None
    path: Path = DATA / "raw" / name
    if RAW[name]:
        with pytest.raises(DataError, match=RAW[name]):
            load([path])
        if RAW[name] == "no zone":
            assert load([path], assume_utc=True)[0].instrument.kind is Kind.FX
    else:
        assert all(len(each) > 700 for each in load([path]))
