"""Every statistic beside its textbook form, by hand where that is short; undefined rather than made up."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from quorate.analysis.analysis import analyse
from quorate.analysis.catalogue import CATALOGUE, described, statistics
from quorate.analysis.entry import Section
from quorate.analysis.excursions import excursions
from quorate.analysis.falls import falls_of
from quorate.analysis.metrics import Metrics, summary
from quorate.analysis.result import Closes, Curve, RunStats
from quorate.analysis.returns import window_return
from quorate.analysis.sample import Sample
from quorate.core.errors import InvariantError
from quorate.core.instant import DAY, HOUR, YEAR, parse_instant
from quorate.core.money import E8, Money
from tests.golden.runs import START, coin, make_run, stock
from tests.oracles import statistics as oracle
from tests.support import ROOT

BARS = 9_000  # hourly: just over a year


def of_curve(values: list[float], start: str = "2020-01-01") -> Sample:
    """A sample of daily closes, start cash 100."""
    at = parse_instant(start) + DAY * np.arange(1, len(values) + 1, dtype=np.int64)
    curve = Curve(at, np.rint(np.array(values) * E8).astype(np.int64))
    stats = RunStats(curve, (), (), Money.of(100, "USDT"), {"BTCUSDT": coin()}, DAY)
    return Sample(stats, {}, summary(stats))


@pytest.fixture(scope="module")
def run() -> Sample:
    stats, closes = make_run([coin()], BARS, HOUR, 5)
    return analyse(stats, closes, 1).sample


@pytest.fixture(scope="module")
def figures(run: Sample) -> dict:
    return statistics(run)


def same(found: dict, expected: dict) -> None:
    wrong = {
        name: (found[name], value)
        for name, value in expected.items()
        if found[name] != pytest.approx(value, rel=1e-9, abs=1e-12)
    }
    assert wrong == {}


def daily_of(run: Sample) -> tuple[list[float], list[int]]:
    curve = run.stats.curve
    closes = list(oracle.days_of(curve.at.tolist(), curve.equity.tolist()).values())
    return oracle.returns_of(closes, run.start), closes


def test_daily_figures_agree_with_the_textbook(run: Sample, figures: dict) -> None:
    returns, closes = daily_of(run)
    expected = oracle.daily(returns, closes, run.start, 365)
    same(figures, expected)
    ulcer = expected["ulcer"]
    tail = oracle.quantile([-each for each in oracle.day_falls(closes, run.start)], 0.05)
    worst = oracle.mean([each for each in oracle.day_falls(closes, run.start) if -each <= tail])
    cagr = (closes[-1] / run.start) ** (YEAR / figures["duration_ns"]) - 1
    same(
        figures,
        {
            "cagr": cagr,
            "martin": cagr / ulcer,
            "serenity": cagr / (ulcer * worst / expected["volatility"]),
            "recovery_factor": figures["total_return"] / figures["max_drawdown"],
        },
    )


def test_the_textbook_catches_another_calendar(run: Sample, figures: dict) -> None:
    """The planted defect: a market that never sleeps, annualised by a stock exchange's year."""
    returns, closes = daily_of(run)
    wrong = oracle.daily(returns, closes, run.start, 252)
    differing = {name for name, value in wrong.items() if figures[name] != pytest.approx(value, rel=1e-6)}
    assert {"volatility", "sharpe", "sortino", "vwr", "k_ratio", "variance"} <= differing


def test_falls_agree_with_the_plain_loop(run: Sample, figures: dict) -> None:
    curve, interval = run.stats.curve, run.stats.interval
    plain = oracle.falls(curve.at.tolist(), curve.equity.tolist(), run.start, interval)
    found = run.falls
    assert found.depth.tolist() == pytest.approx([each[0] for each in plain])
    assert list(zip(found.start.tolist(), found.trough.tolist(), found.end.tolist(), strict=True)) == [
        each[1:] for each in plain
    ]
    deepest = max(plain)
    spans = sorted(each[3] - each[1] for each in plain)
    same(
        figures,
        {
            "drawdowns": len(plain),
            "drawdown_mean": oracle.mean([each[0] for each in plain]),
            "max_drawdown": deepest[0],
            "max_drawdown_from": deepest[1],
            "max_drawdown_trough": deepest[2],
            "max_drawdown_duration_ns": spans[-1],
            "drawdown_duration_median_ns": int(np.median(spans)),
            "under_water": sum(spans) / figures["duration_ns"],
        },
    )


def test_an_open_fall_by_hand() -> None:
    found = statistics(of_curve([120, 90, 60, 75]))
    assert found["drawdown_now"] == pytest.approx(45 / 120)
    assert found["drawdown_now_recovery"] == pytest.approx(0.25)
    assert found["drawdown_now_ns"] == 3 * DAY
    assert found["max_drawdown_recovered"] is None
    assert found["under_water"] == 0.75
    back = statistics(of_curve([120, 60, 121]))
    assert (back["drawdown_now"], back["drawdown_now_ns"], back["drawdown_now_recovery"]) == (0.0, 0, None)
    assert back["max_drawdown_recovered"] == back["ended_at"]


def test_benchmark_agrees_with_the_textbook(run: Sample, figures: dict) -> None:
    assert run.hold is not None
    held = list(oracle.days_of(run.hold.at.tolist(), run.hold.equity.tolist()).values())
    returns, _ = daily_of(run)
    market = oracle.returns_of(held, run.start)
    same(figures, oracle.beside(returns, market, 365))
    with pytest.raises(AssertionError):  # the planted defect: yesterday's market
        same(figures, oracle.beside(returns[1:], market[:-1], 365))


def test_holding_is_its_own_benchmark() -> None:
    stats, closes = make_run([coin()], 2000, HOUR, 5)
    hold = analyse(stats, closes, 1).hold
    assert hold is not None
    own = replace(stats, curve=hold, gross=np.empty(0, np.int64))
    found = statistics(Sample(own, closes, summary(own), hold))
    assert found["beta"] == pytest.approx(1)
    assert found["r_squared"] == pytest.approx(1)
    assert found["alpha"] == pytest.approx(0, abs=1e-9)
    assert (found["up_capture"], found["down_capture"]) == (pytest.approx(1), pytest.approx(1))
    assert found["tracking_error"] == pytest.approx(0, abs=1e-12)
    assert found["information_ratio"] is None


def test_trades_agree_with_the_textbook(run: Sample, figures: dict) -> None:
    pnl = [trade.pnl.count / E8 for trade in run.stats.trades]
    same(figures, oracle.trades(pnl, run.start / E8, figures["duration_ns"] / YEAR))
    spans = sorted(trade.at - trade.opened_at for trade in run.stats.trades)
    assert figures["duration_max_ns"] == spans[-1]
    assert figures["duration_median_ns"] == int(np.median(spans))
    net = sum(fill.quantity.count * fill.side.sign for fill in run.stats.fills)
    assert figures["open_trades"] == int(net != 0)


def test_an_edge_has_less_ruin_than_none() -> None:
    assert oracle.trades([2.0, -1.0, 2.0, -1.0], 10, 1)["risk_of_ruin"] == pytest.approx((1 / 2) ** 10)
    assert oracle.trades([1.0, -2.0], 10, 1)["risk_of_ruin"] == 1.0


def test_windows_by_hand() -> None:
    """2020-01-01 to 2021-03-15, one point a day: each window starts where the calendar says."""
    values = [100 + day for day in range(1, 441)]
    found = statistics(of_curve(values))
    last = 2021, 3, 15  # the 440th day
    when = oracle.date(*last)
    base = oracle.date(2020, 1, 1)
    assert base + oracle.timedelta(439) == when

    def level(day: oracle.date) -> int:
        return values[(day - base).days]

    end = values[-1]
    assert found["return_mtd"] == pytest.approx(end / level(oracle.date(2021, 2, 28)) - 1)
    assert found["return_3m"] == pytest.approx(end / level(oracle.date(2020, 12, 15)) - 1)
    assert found["return_6m"] == pytest.approx(end / level(oracle.date(2020, 9, 15)) - 1)
    assert found["return_ytd"] == pytest.approx(end / level(oracle.date(2020, 12, 31)) - 1)
    assert found["return_1y"] == pytest.approx(end / level(oracle.date(2020, 3, 15)) - 1)
    assert found["return_3y"] is None
    assert found["best_year"] == pytest.approx(level(oracle.date(2020, 12, 31)) / 100 - 1)
    assert found["worst_year"] == pytest.approx(end / level(oracle.date(2020, 12, 31)) - 1)


@pytest.mark.parametrize(
    ("last", "months", "expected"),
    [("2021-03-31", 1, "2021-02-28"), ("2024-05-31", 3, "2024-02-29"), ("2021-01-15", 12, "2020-01-15")],
)
def test_a_month_before_the_31st_is_its_last_day(last: str, months: int, expected: str) -> None:
    assert oracle.back(oracle.date.fromisoformat(last), months).isoformat() == expected
    length = 800
    first = parse_instant(last) // DAY + 1 - length
    sample = of_curve(
        [100.0 + day for day in range(length)], oracle.date.fromordinal(719163 + first).isoformat()
    )
    days = (oracle.date.fromisoformat(last) - oracle.date.fromisoformat(expected)).days
    assert window_return(sample, months) == pytest.approx((99 + length) / (99 + length - days) - 1)


def test_years_are_rates() -> None:
    found = statistics(of_curve([100 * 1.1 ** ((day + 1) / 365.25) for day in range(4200)]))
    for name in ("return_3y", "return_5y", "return_10y"):
        assert found[name] == pytest.approx(0.1, rel=2e-3)


def test_excursions_by_hand() -> None:
    stats, closes = make_run([coin()], 600, HOUR, 6)
    series = closes["BTCUSDT"]
    bars = {"BTCUSDT": Closes(series.at, series.close, series.close * 1.004, series.close * 0.997)}
    found = excursions(stats.rows, bars)
    assert found is not None
    for row, adverse, favourable, back in zip(
        stats.rows, found.adverse, found.favourable, found.given_back, strict=True
    ):
        inside = [i for i, at in enumerate(series.at) if row.opened_at <= at < row.closed_at]
        prices = [series.close[i] * factor for i in inside for factor in (1.004, 0.997)]
        moves = [row.side.sign * (p / row.entry - 1) for p in (*prices, row.entry, row.exit)]
        assert (favourable, adverse) == (pytest.approx(max(moves)), pytest.approx(-min(moves)))
        assert back == pytest.approx(max(moves) - row.side.sign * (row.exit / row.entry - 1))
        assert adverse >= 0
        assert back >= -1e-12
    assert excursions(stats.rows, closes) is None  # closes alone do not know how far prices went
    with pytest.raises(InvariantError, match="neither"):
        Closes(series.at, series.close, series.close)


def test_orders_and_shortfall_by_hand() -> None:
    stats, closes = make_run([coin()], 3000, HOUR, 5)
    references = {
        fill.order: fill.price.count - 7 * fill.side.sign for fill in stats.fills if fill.order != "x"
    }
    told = replace(stats, references=references, rejected=1, cancelled=2, expired=3)
    found = statistics(Sample(told, closes, summary(told)))
    coin_worth = 0.0001 * 0.01  # a tick of a lot
    lots = sum(fill.quantity.count for fill in stats.fills if fill.order != "x")
    assert found["shortfall"] == pytest.approx(7 * lots * coin_worth)
    notional = sum(fill.quantity.count * fill.price.count for fill in stats.fills) * coin_worth
    assert found["shortfall_bps"] == pytest.approx(found["shortfall"] / notional * 1e4)
    assert found["orders_sent"] == len(stats.approved)
    assert found["orders_vetoed"] == len(stats.vetoes) > 0
    assert [found[f"orders_{name}"] for name in ("rejected", "cancelled", "expired")] == [1, 2, 3]
    fee = found["break_even_bps"] / 1e4 * notional
    assert fee == pytest.approx((stats.end_e8 - stats.cash.count + stats.fees_e8) / E8)


def test_holdings_by_hand() -> None:
    stats, closes = make_run([stock(name) for name in "AB"], 900, HOUR, 6, fast=8, slow=30)
    found = Sample(stats, closes, summary(stats)).holdings
    assert found is not None
    net, hhi = [], []
    for index, at in enumerate(stats.curve.at.tolist()):
        worths = []
        for name, series in closes.items():
            lots = sum(
                fill.quantity.count * fill.side.sign
                for fill in stats.fills
                if fill.instrument == name and fill.at <= at
            )
            worths.append(lots * float(series.close[index]))
        net.append(sum(worths) / (stats.curve.equity[index] / E8))
        if any(worths):
            gross = sum(abs(worth) for worth in worths)
            hhi.append(sum((worth / gross) ** 2 for worth in worths))
    assert found.net.tolist() == pytest.approx(net)
    assert found.hhi.tolist() == pytest.approx(hhi)
    figures = statistics(Sample(stats, closes, summary(stats)))
    assert 1 <= figures["effective_positions"] <= 2
    assert figures["net_mean"] == pytest.approx(np.mean(net))


def test_metrics_and_catalogue_say_the_same(run: Sample, figures: dict) -> None:
    shared = set(figures) & set(Metrics.__struct_fields__)
    assert len(shared) >= 25
    assert {name for name in shared if figures[name] != getattr(run.metrics, name)} == set()


def test_the_catalogue_is_whole() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(names) == len(set(names)) > 110
    assert {entry.section for entry in CATALOGUE} == set(Section)
    for entry in CATALOGUE:
        assert entry.label, entry.name
        assert entry.says.endswith("."), entry.name
        assert entry.formula, entry.name
        assert entry.source, entry.name


def test_the_page_is_the_catalogue() -> None:
    """After a wanted change: paste ``described()`` between the marks of docs/statistics.md."""
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("<!-- catalogue -->\n")
    table, _, _ = rest.partition("<!-- end of catalogue -->")
    same = table.strip() == described().strip()
    assert same


@pytest.mark.parametrize("values", [[], [110], [110, 99], [50, -10, 20], [100] * 40, [0.0] * 3])
def test_a_poor_run_has_gaps_not_nonsense(values: list[float]) -> None:
    found = statistics(of_curve(values))
    json.dumps(found, allow_nan=False)
    assert found["psr"] is None
    assert found["skew"] is None


def test_figures_are_json(figures: dict) -> None:
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert not any(isinstance(value, np.generic) for value in figures.values())


def test_falls_of_nothing() -> None:
    none = np.empty(0, np.int64)
    assert not falls_of(Curve(none, none), 100, DAY).depth.size
    assert math.isclose(falls_of(Curve(np.array([START]), np.array([50])), 100, DAY).depth[0], 0.5)
