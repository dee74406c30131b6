"""Instruments out of names and prices: kinds, ticks, lots, what a person gave, and the integer series."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from quorate.adapters.feeds.derive import Given, derive, find_tick, parse_instrument
from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.names import Guess, guess_file, guess_label
from quorate.adapters.feeds.series import SourceInfo, to_series
from quorate.adapters.feeds.tables import BarTable
from quorate.core.errors import ConfigError, DataError
from quorate.core.instant import DAY, MINUTE, parse_instant
from quorate.core.instrument import Kind

SOURCE = SourceInfo("made", "0" * 64, 3)


def table(*closes: float, **more: object) -> BarTable:
    close = np.array(closes)
    start = MINUTE * np.arange(len(close), dtype=np.int64)
    return BarTable("", start, close, close, close, close, **more)  # type: ignore[arg-type]


def csv(folder: Path, name: str, prices: str = "10,12.5,9,11", count: int = 3) -> Path:
    path = folder / name
    lines = [f"2024-01-01T00:0{k}:00Z,{prices},3" for k in range(count)]
    path.write_text("ts,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "folder", "wanted"),
    [
        ("BTCUSDT", "spot_5m", Guess("BTCUSDT", Kind.SPOT, "USDT")),
        ("BTCUSDT", "perp_1h", Guess("BTCUSDT", Kind.PERPETUAL, "USDT")),
        ("btcusdt_1m", "", Guess("BTCUSDT", Kind.SPOT, "USDT")),
        ("freqtrade_BTC_USDT-1h", "raw", Guess("BTCUSDT", Kind.SPOT, "USDT")),
        ("BTC_PERP_202201", "", Guess("BTC-PERP", Kind.PERPETUAL, "USD")),
        ("ETHBTC", "", Guess("ETHBTC", Kind.SPOT, "BTC")),
        ("EURUSD_1h_quotes", "fx", Guess("EURUSD", Kind.FX, "USD")),
        ("EUR_USD", "", Guess("EURUSD", Kind.FX, "USD")),
        ("NQ_5m_2008_2018", "futures", Guess("NQ", Kind.FUTURE, "USD", "NQ")),
        ("nautilus_6EH4", "raw", Guess("6EH4", Kind.FUTURE, "USD", "6E")),
        ("CL_1h", "", Guess("CL", Kind.FUTURE, "USD", "CL")),
        ("CL_1h", "stocks", Guess("CL", Kind.EQUITY, "USD")),
        ("SPY_1h_lean_199801_202011", "equities", Guess("SPY", Kind.EQUITY, "USD")),
        ("backtestingpy_GOOG_1d", "raw", Guess("GOOG", Kind.EQUITY, "USD")),
        ("prices", "tmp", Guess("PRICES", Kind.EQUITY, "USD", certain=False)),
    ],
)
def test_names(name: str, folder: str, wanted: Guess) -> None:
    assert guess_file(name, folder) == wanted


def test_labels() -> None:
    es = guess_file("ES_minute", "futures")
    assert guess_label("201312", es) == Guess("ES-201312", Kind.FUTURE, "USD", "ES")
    assert guess_label("ESZ3", es) == Guess("ESZ3", Kind.FUTURE, "USD", "ES")
    assert guess_label("CL", None) == Guess("CL", Kind.EQUITY, "USD"), "in a panel of stocks it is Colgate"
    assert guess_label("BTC", None).kind is Kind.SPOT


@pytest.mark.parametrize(
    ("prices", "tick"),
    [
        ([1218.5, 1215.0, 1213.25], "0.25"),
        ([0.1 + 0.2, 0.7, 1.1], "0.1"),
        ([1.210175, 1.21057, 1.20992], "0.000005"),
        ([100.125, 100.25, 101.0], "0.125"),
        ([0.00130012, 0.0013], "0.00000002"),
        ([46319.0, 46385.0], "1"),
        ([12000.0, 13000.0], "1000"),
        ([99.98, 100.02, 100.04], "0.02"),
        ([60000.01, 123456.78, 1234567.89], "0.01"),
    ],
)
def test_ticks(prices: list[float], tick: str) -> None:
    found, exact = find_tick(np.array(prices))
    assert exact and found == Decimal(tick)


def test_no_tick_is_said_and_prices_are_rounded() -> None:
    prices = np.sqrt(np.arange(2.0, 60.0))
    found, exact = find_tick(prices)
    assert not exact and found == Decimal("0.00001")
    derived = derive(guess_file("ABC", ""), table(*prices))
    assert "rounded to 0.00001" in derived.notes[0]
    series = to_series(table(*prices), derived.instrument, MINUTE, SOURCE, derived=True)
    assert np.abs(series.close * 1e-5 - prices).max() <= 0.5e-5 + 1e-12


@pytest.mark.parametrize(
    ("price", "lot"), [(60000.0, "0.00001"), (2500.0, "0.001"), (0.09, "10"), (1.2, "1")]
)
def test_a_crypto_lot_is_worth_about_one(price: float, lot: str) -> None:
    assert derive(guess_file("BTCUSDT", ""), table(price, price)).instrument.lot == Decimal(lot)


def test_what_is_assumed_does_not_depend_on_what_comes_later() -> None:
    for name in ("BTCUSDT", "NQ"):
        whole, early = table(100.0, 101.0, 4_000.0, 5_001.0), table(100.0, 101.0)
        guess = guess_file(name, "")
        assert derive(guess, whole).instrument == derive(guess, early).instrument


def test_defaults_by_kind_are_said() -> None:
    nq = derive(guess_file("NQ", ""), table(4000.25, 4000.5))
    assert (
        nq.instrument.multiplier == 20
        and nq.instrument.calendar == "cme"
        and nq.instrument.commission == Decimal("2.25")
    )
    assert "multiplier 20" in nq.notes[0] and "tick 0.25" in nq.notes[0] and "commission 2.25" in nq.notes[1]
    fx = derive(guess_file("EURUSD", ""), table(1.1, 1.2, spread=np.array([0.1, 0.1])))
    assert fx.instrument.spread_bps == 0 and "spread" not in fx.notes[1]
    stock = derive(guess_file("KO", ""), table(0.26, 0.27, closes_only=True)).instrument
    assert stock.commission == 0 and stock.taker_bps == 1
    assert "nobody can buy" in derive(guess_file("SPX", ""), table(1.0, 2.0)).notes[0]
    assert "name says nothing" in derive(guess_file("prices", ""), table(1.0, 2.0)).notes[0]


# ---- what a person gives -----------------------------------------------------------------------------


def test_parse_id_and_overrides(tmp_path: Path) -> None:
    assert parse_instrument("BTCUSDT") == Given("BTCUSDT", {})
    given = parse_instrument("BTCUSDT, kind=perpetual, tick=0.1,max_lots=5")
    assert given.fields == {"kind": Kind.PERPETUAL, "tick": Decimal("0.1"), "max_lots": 5}
    path = tmp_path / "nq.toml"
    path.write_text('id = "NQ"\nkind = "future"\ntick = 0.25\nmultiplier = 20\ncommission = "1.10"\n')
    given = parse_instrument(str(path))
    assert given.fields["tick"] == Decimal("0.25") and given.fields["commission"] == Decimal("1.10")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("is not an instrument's id",)),
        ("a b", ("'a b'",)),
        ("X,tick", ("'tick' is not key=value",)),
        ("X,tik=1", ("unknown key 'tik'", "did you mean tick?")),
        ("X,tick=abc", ("tick cannot be 'abc'",)),
        ("X,tick=-1", ("tick must be above zero",)),
        ("X,tick=nan", ("tick",)),
        ("X,kind=bond", ("kind cannot be 'bond'", "spot, perpetual, future, equity, fx")),
        ("X,calendar=moon", ("unknown calendar 'moon'",)),
        ("X,max_lots=1.5", ("max_lots cannot be",)),
        ("none.toml", ("none.toml", "No such file")),
    ],
)
def test_bad_instruments(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_instrument(text)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    "body", ["id = ", "tick = 0.1\n", 'id = "X"\ntick = true\n', 'id = "X"\n[more]\na = 1\n']
)
def test_bad_toml(tmp_path: Path, body: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(body)
    with pytest.raises(ConfigError, match=r"x\.toml"):
        parse_instrument(str(path))


# ---- loading -----------------------------------------------------------------------------------------


def test_load_derives_and_counts(tmp_path: Path) -> None:
    (series,) = load([csv(tmp_path, "BTCUSDT_1m.csv")])
    assert series.instrument.id == "BTCUSDT" and series.instrument.tick == Decimal("0.5")
    assert series.high.tolist() == [25, 25, 25] and series.volume.tolist() == [30, 30, 30]  # lots of 0.1
    assert (series.at - series.start == MINUTE).all() and series.spread.tolist() == [-1] * 3
    assert series.source.name == "BTCUSDT_1m.csv" and str(tmp_path) not in repr(series.source)


def test_load_takes_overrides_and_order_does_not_matter(tmp_path: Path) -> None:
    paths = [csv(tmp_path, "ETHUSDT.csv"), csv(tmp_path, "BTCUSDT.csv")]
    given = [parse_instrument("ETHUSDT,tick=0.1,lot=2")]
    one, two = load(paths, given)
    assert (one.instrument.id, two.instrument.id) == ("BTCUSDT", "ETHUSDT")
    assert two.high[0] == 125 and two.volume[0] == 2, "1.5 lots round half to even"
    again = load(paths[::-1], given)
    assert [each.instrument for each in again] == [one.instrument, two.instrument]


def test_a_panel_is_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "panel.csv"
    path.write_text("Date,AAPL,KO\n2024-01-02,1,2\n2024-01-03,1.5,2\n")
    (series,) = load([path], [parse_instrument("KO")])
    assert series.instrument.id == "KO" and series.interval == DAY


def test_unknown_instruments_are_refused(tmp_path: Path) -> None:
    known, plain = csv(tmp_path, "BTCUSDT.csv"), csv(tmp_path, "prices.csv")
    for name in ("NOPE", "ETHUSDT"):
        with pytest.raises(ConfigError, match=f"unknown instrument '{name}': the data hold BTCUSDT"):
            load([known], [parse_instrument(name)])
    with pytest.raises(ConfigError, match="unknown instrument 'lower'"):
        load([plain], [parse_instrument("lower")])
    (series,) = load([plain], [parse_instrument("NQ")])
    assert series.instrument.multiplier == 20
    (series,) = load([known], [parse_instrument("MINE,kind=equity")])
    assert series.instrument.id == "MINE" and series.instrument.kind is Kind.EQUITY


def test_prices_off_a_given_tick_are_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, "BTCUSDT.csv")
    with pytest.raises(DataError, match=r"bar 1 \(2024-01-01T00:00:00Z\): high 12.5 is off the tick 1"):
        load([path], [parse_instrument("BTCUSDT,tick=1")])
    with pytest.raises(DataError, match="64 bits"):
        load([path], [parse_instrument("BTCUSDT,lot=0." + "0" * 20 + "1")])


def test_mids_off_a_given_tick_are_rounded() -> None:
    mids = table(1.25, 1.75, exact=False, spread=np.array([0.5, 0.5]))
    given = parse_instrument("X,kind=fx,tick=0.5")
    derived = derive(guess_file("X", ""), mids, given)
    series = to_series(mids, derived.instrument, MINUTE, SOURCE, derived=derived.tick_found)
    assert series.close.tolist() == [2, 4] and series.spread.tolist() == [1, 1]


def test_a_small_volume_never_rounds_to_none_and_a_column_of_zeros_is_unknown() -> None:
    # Tick volumes of currency pairs are far below a lot of 1,000; indices come with zeros throughout.
    for volume, wanted in (([57.0, 0.0, 4_000.0], [1, 0, 4]), ([0.0, 0.0, 0.0], [-1, -1, -1])):
        bars = table(1.1, 1.2, 1.3, volume=np.array(volume))
        derived = derive(guess_file("EURUSD", ""), bars)
        series = to_series(bars, derived.instrument, MINUTE, SOURCE, derived=True)
        assert derived.instrument.lot == 1_000
        assert series.volume.tolist() == wanted
        assert ("volume is 0 in every bar: taken as unknown" in series.notes) == (wanted[0] < 0)


def test_a_price_that_rounds_to_nothing_is_refused() -> None:
    mids = table(0.2, 1.0, exact=False)
    derived = derive(guess_file("X", ""), mids, parse_instrument("X,tick=0.5"))
    with pytest.raises(DataError, match=r"bar 1 .*rounds to no tick"):
        to_series(mids, derived.instrument, MINUTE, SOURCE, derived=False)


def test_a_change_of_factor_is_a_roll() -> None:
    factor = np.array([1.1, 1.1, 1.0, 1.0 + 1e-13])
    bars = table(100.0, 110.0, 121.0, 120.0, factor=factor)
    derived = derive(guess_file("NQ", ""), bars)
    series = to_series(bars, derived.instrument, MINUTE, SOURCE, derived=True)
    assert derived.instrument.tick == 1
    assert (
        series.rolls.index.tolist() == [2]
        and series.rolls.old.tolist() == [110]
        and series.rolls.new.tolist() == [121]
    )


@pytest.mark.parametrize("worth", [1.1, 0.9])
def test_a_bar_that_mixes_two_contracts_is_carried_over(worth: float) -> None:
    """Resampling leaves such bars. Untouched it would open 10 % off, and its stop orders would believe it."""
    start = MINUTE * np.arange(3, dtype=np.int64)
    fresh = 1000 * worth
    open_, close = np.array([990.0, 1000, fresh]), np.array([1000.0, fresh, fresh])
    high, low = np.maximum(open_, close) + 10, np.minimum(open_, close) - 10
    bars = BarTable("", start, open_, high, low, close, factor=np.array([worth, 1.0, 1.0]))
    instrument = derive(guess_file("NQ", ""), bars, parse_instrument("NQ,tick=1")).instrument
    series = to_series(bars, instrument, MINUTE, SOURCE, derived=False)
    assert series.rolls.new.tolist() == [fresh] and "1 of the 1 bars" in series.notes[-1]
    assert series.open.tolist() == [990, fresh, fresh]
    assert abs(series.low[1] - fresh) <= 11 and abs(series.high[1] - fresh) <= 11
    whole = BarTable("", start, close, close, close, close, factor=np.array([worth, 1.0, 1.0]))
    assert not to_series(whole, instrument, MINUTE, SOURCE, derived=False).notes, "a clean roll is left alone"


def test_between_is_half_open_and_drops_a_first_roll() -> None:
    bars = table(*range(1, 7), factor=np.array([2.0, 2.0, 1.0, 1.0, 0.5, 0.5]))
    series = to_series(bars, derive(guess_file("NQ", ""), bars).instrument, MINUTE, SOURCE, derived=True)
    part = series.between(2 * MINUTE, 5 * MINUTE)
    assert part.start.tolist() == [2 * MINUTE, 3 * MINUTE, 4 * MINUTE] and part.close.tolist() == [3, 4, 5]
    assert part.rolls.index.tolist() == [2] and part.rolls.old.tolist() == [4] and len(series.between()) == 6
    with pytest.raises(DataError, match="no bar of NQ"):
        series.between(parse_instant("2030-01-01"))


@pytest.mark.parametrize(
    ("price", "tick"),
    [(100.0, "0.01"), (30_000.0, "0.01"), (1.125, "0.001"), (0.5, "0.1"), (8.1e-7, "0.00000001")],
)
def test_one_price_alone_is_not_its_own_tick(price: float, tick: str) -> None:
    """A tick of 100 would make the first buyer at 100 pay 200."""
    assert find_tick(np.full(40, price), np.full(40, price)) == (Decimal(tick), True)
