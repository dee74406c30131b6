"""Charts: extremes survive, ticks are round, names are escaped, and the text is well-formed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from quorate.analysis import charts, pictures, words
from quorate.analysis.analysis import analyse
from quorate.analysis.attribution import HOURS, WEEKDAYS
from quorate.analysis.baselines import Baselines, BuyAndHold
from quorate.analysis.result import Closes
from quorate.analysis.scales import fitted, thin, ticks, time_ticks
from quorate.core.instant import DAY, HOUR, MINUTE, SECOND, parse_instant
from quorate.core.instrument import Instrument
from tests.golden.runs import coin, make_run


def parsed(text: str) -> ET.Element:
    element = ET.fromstring(text)
    assert element.find("title") is not None
    assert element.find("desc") is not None
    return element


def test_every_chart_is_well_formed_and_described() -> None:
    stats, closes = make_run([coin()], 3000, 5 * MINUTE, 5)
    found = analyse(stats, closes, 1)
    series = closes["BTCUSDT"]
    for text in (
        charts.equity_chart(
            stats, found.hold, [charts.Band(stats.interval, stats.interval * 2, "halted", "a & b")]
        ),
        charts.equity_chart(stats, None),
        charts.price_chart("BTCUSDT", series, stats.rows, "USDT"),
        charts.overview_chart("BTCUSDT", series, stats.rows, "USDT"),
        charts.standing_chart(0.1, 0.05, 0.12, found.baselines),
        charts.share_chart("By agent", found.attribution.agents, "USDT"),
        charts.histogram(stats.rows),
        charts.histogram(stats.rows[:1]),
    ):
        parsed(text)
        assert "nan" not in text


def test_the_pictures_are_well_formed_and_described() -> None:
    stats, closes = make_run([coin()], 3000, HOUR, 5)
    series = closes["BTCUSDT"]
    bars = {"BTCUSDT": Closes(series.at, series.close, series.close * 1.01, series.close * 0.99)}
    found = analyse(stats, bars, 1)
    sample, cuts = found.sample, found.attribution
    assert sample.excursions is not None
    for text in (
        pictures.steadiness_chart(sample.by_day[0], sample.returns, 21, 365),
        pictures.steadiness_chart(sample.by_day[0][:30], np.zeros(30), 21, 365),  # nothing moved
        *pictures.excursion_charts(sample.excursions, sample.values),
        pictures.excursion_chart(np.zeros(1), np.zeros(1), adverse=True),
        pictures.excursion_chart(np.linspace(0, 1, 5000), np.linspace(-1, 1, 5000), adverse=False),
        pictures.columns_chart("By weekday", cuts.weekdays, WEEKDAYS, "USDT"),
        pictures.columns_chart("By hour", cuts.hours[:1], HOURS, "USDT"),
    ):
        parsed(text)
        assert ("nan" in text) is False
        assert len(text) < 60_000


def test_weekdays_and_hours_add_up_in_their_order() -> None:
    stats, closes = make_run([coin()], 3000, HOUR, 5)
    found = analyse(stats, closes, 1).attribution
    total = sum(row.pnl_e8 for row in stats.rows)
    for shares, names in ((found.weekdays, WEEKDAYS), (found.hours, HOURS)):
        assert sum(share.pnl_e8 for share in shares) == total
        order = [names.index(share.name) for share in shares]
        assert order == sorted(order)
    days = [datetime.fromtimestamp(row.opened_at // SECOND, tz=UTC) for row in stats.rows]
    assert {share.name: share.trades for share in found.weekdays} == Counter(f"{day:%A}" for day in days)
    assert {share.name: share.trades for share in found.hours} == Counter(f"{day:%H}:00" for day in days)


def test_gain_and_loss_differ_by_shape() -> None:
    stats, closes = make_run([coin()], 3000, 5 * MINUTE, 5)
    text = charts.price_chart("BTCUSDT", closes["BTCUSDT"], stats.rows, "USDT")
    lost = sum(row.pnl_e8 < 0 for row in stats.rows)
    assert text.count('class="cross"') == lost + 1  # and one in the legend
    assert text.count("<circle") == len(stats.rows) - lost + 1


def test_a_hostile_name_stays_text() -> None:
    name = '<script>alert("x")</script>'
    instrument: Instrument = coin(name)
    stats, closes = make_run([instrument], 1500, 5 * MINUTE, 5)
    text = charts.price_chart(name, closes[name], stats.rows, "USDT")
    assert "<script" not in text
    parsed(text)
    found = analyse(stats, closes, 1)
    assert "<script" not in charts.share_chart("By instrument", found.attribution.instruments, "USDT")


def test_thinning_keeps_the_extremes() -> None:
    values = np.random.default_rng(1).normal(size=704_000).cumsum()
    values[123_456], values[654_321] = 1e6, -1e6
    at, kept = thin(np.arange(values.size), values)
    assert kept.size <= 1500
    assert (kept.min(), kept.max()) == (-1e6, 1e6)
    assert (at[0], at[-1]) == (0, values.size - 1)
    assert np.all(np.diff(at) > 0)
    assert np.array_equal(values[at], kept)
    every = values[:: values.size // 1500]  # the planted defect: taking every n-th point loses them
    assert every.max() < 1e6


def test_a_range_of_decades_is_logarithmic() -> None:
    axis = fitted(2.0, 200.0, 0.0, 100.0)
    assert axis.log
    assert axis(20.0) == pytest.approx(50.0)
    assert axis.ticks() == [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0]
    assert not fitted(-1.0, 200.0, 0.0, 100.0).log  # nothing below zero has a logarithm
    assert not fitted(90.0, 110.0, 0.0, 100.0).log


def test_a_baseline_off_the_scale_is_an_arrow() -> None:
    near, far = (Baselines(BuyAndHold(value, 0.5, 1.0), None) for value in (0.2, 200.0))
    assert "off the scale" not in charts.standing_chart(0.1, 0.05, 0.12, near)
    text = charts.standing_chart(0.1, 0.05, 0.12, far)
    assert "off the scale" in text
    assert "+20,000 %" in text
    assert "off the scale" not in charts.standing_chart(0.0, 0.0, 0.0, near)
    parsed(text)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 17), (99_000, 101_000), (1e-5, 3e-5), (-0.31, 0.0)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 8
    assert all(low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in found)
    assert np.allclose(np.diff(found), found[1] - found[0])


@pytest.mark.parametrize("span", [MINUTE, HOUR, DAY, 30 * DAY, 400 * DAY, 12_000 * DAY])
def test_time_ticks_lie_inside(span: int) -> None:
    first = parse_instant("1990-01-02T03:04:05Z")
    found = time_ticks(first, first + span)
    assert 2 <= len(found) <= 12
    assert all(first <= at <= first + span for at, _ in found)
    assert len({text for _, text in found}) == len(found)


def test_words() -> None:
    assert words.money(-123_456_789_012, "USD", signed=True) == "−1,234.57 USD"
    assert words.money(1234, "BTC", signed=True) == "+0.00001234 BTC"
    assert words.percent(0.0321) == "+3.21 %"
    assert words.percent(-0.00001) == "0.00 %"
    assert words.percent(None) == "–"
    assert words.stamp(parse_instant("2024-01-31T12:30:00Z")) == "2024-01-31 12:30 UTC"
    assert words.span(3 * DAY + 4 * HOUR + MINUTE) == "3 d 4 h"
    assert words.compact(12_500.0) == "12.5k"
    numbers = {
        "equity_e8": 100_000_000,
        "window_ns": HOUR,
        "last_loss_at": 0,
        "ok": True,
        "ratio": -0.5,
        "n": 3,
    }
    assert words.inputs(numbers, "USD") == (
        "equity 1.00 USD, window 1 h, last loss at 1970-01-01 00:00 UTC, ok yes, ratio −0.5, n 3"
    )
