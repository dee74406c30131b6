"""The clearing house of research runs: liquidation, short sales and funding, as a person asks for them."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quorate.adapters.feeds.funding import E12, read_funding
from quorate.app.clearing import ClearingAsked, read_clearing, read_tiers, usual
from quorate.app.load import Request
from quorate.app.research import Asked, Finished, perform_research, prepare
from quorate.app.sweep import perform_sweep
from quorate.core.errors import ConfigError, DataError, InputError
from quorate.core.instant import HOUR, parse_instant
from quorate.core.instrument import Instrument
from quorate.native.clearing import Tier
from quorate.native.exchange import Market, Row
from tests.support import DATA, ROOT, needs_data

TAPE = "synthetic:seed=3,bars=6000,interval=15m"
HOLD = """from quorate import Strategy


class Hold(Strategy):
    way: int = 1

    def on_bar(self, bar):
        self.target(self.way)
"""


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """A strategy that holds one side from the first bar on."""
    path = tmp_path / "hold.py"
    path.write_text(HOLD, encoding="utf-8")
    return path


def asked(strategy: Path, *, way: int = 1, data: str = TAPE, size: str = "95%", **house: Any) -> Asked:
    request = Request(data=[data], sets=[f"way={way}"])
    return Asked(strategy=strategy, request=request, size=size, clearing=ClearingAsked(**house))


def run(strategy: Path, **more: Any) -> Finished:
    return perform_research(asked(strategy, **more), keep=False, trades=True)


# ---- liquidation ---------------------------------------------------------------------------------------


def first_gone(done: Finished, rate: float) -> int:
    """The first bar at whose high a short has no more equity than ``rate`` of its worth: by floats alone."""
    rows, terms = done.run.setting.rows, done.run.setting.instruments[0]
    entry = done.run.fills[0]
    lots, price = entry[8], entry[9]
    cash = (
        done.run.setting.cash.count / 1e8 + (lots * price * float(terms.tick * terms.lot)) - entry[10] / 1e8
    )
    funding = float(terms.financing_bps_year) / 1e4 / (365 * 24)  # an hour
    paid = 0.0
    for number, row in enumerate(rows):
        worth = lots * row[Market.HIGH] * float(terms.tick * terms.lot)
        if number and cash - paid - worth <= rate * worth:
            return number
        if number:
            paid += worth * funding * done.run.setting.interval_ns / HOUR
    raise AssertionError("it never is")


def test_a_short_is_liquidated_within_the_bar_that_takes_its_maintenance(hold: Path) -> None:
    done = run(hold, way=-1, size="900%", maintenance="kind")
    (gone,) = done.result["liquidations"]
    bar = done.run.setting.rows[first_gone(done, 0.05)]
    at = parse_instant(gone["at"])
    assert bar[Market.START] <= at <= bar[Market.AT]
    assert (gone["side"], gone["instrument"]) == ("short", "SYNTH-PERP")
    tick = done.run.setting.instruments[0].tick_float
    assert bar[Market.OPEN] * tick <= gone["price"] <= bar[Market.HIGH] * tick * 1.001
    worth = gone["size"] * gone["price"]
    assert gone["fee"] == pytest.approx(worth * (0.005 + 0.0005), rel=0.1)  # penalty and taker
    assert any("was liquidated at " + gone["at"] in note for note in done.result["notes"])
    (trade,) = done.result["trades"]
    assert trade["exit_reason"] == "liquidation"
    assert done.result["metrics"]["trades"] == 1 and done.result["bankrupt_at"] is None


def test_a_higher_maintenance_goes_first_and_none_never(hold: Path) -> None:
    times = []
    for maintenance in ("0.5%", "5%", "10%"):
        (gone,) = run(hold, way=-1, size="900%", maintenance=maintenance).result["liquidations"]
        times.append(parse_instant(gone["at"]))
    assert times == sorted(times, reverse=True) and len(set(times)) == 3
    free = run(hold, way=-1, size="900%").result
    assert free["liquidations"] == []
    assert any("times equity, and nobody is liquidated here" in note for note in free["notes"])


def test_nothing_is_asked_for_unless_it_is(hold: Path) -> None:
    """As at a desk, whose simulator has no clearing house of its own accord either."""
    prepared = prepare(asked(hold))
    assert prepared.setting.clearing == {}
    assert prepared.venue["maintenance"] == "none" and prepared.venue["short"]
    assert prepared.setting.rows[:, Market.KIND].max() == 0


def test_a_sweep_under_a_clearing_house_gives_what_single_runs_give() -> None:
    formula = ROOT / "examples" / "sma_cross_formula.py"
    request = Request(data=[TAPE])
    ask = Asked(
        strategy=formula, request=request, size="900%", clearing=ClearingAsked(maintenance="10%", fee="2%")
    )
    for row in perform_sweep(ask, ["fast=5,10"]).rows:
        single = perform_research(
            Asked(
                strategy=formula, request=Request(data=[TAPE], sets=[f"fast={row['fast']:g}"]), size="900%",
                clearing=ask.clearing,
            ),
            keep=False,
        )  # fmt: skip
        assert single.result["liquidations"]
        assert single.result["metrics"]["total_return"] == row["total_return"]


# ---- what is written -----------------------------------------------------------------------------------


def test_tiers_never_jump() -> None:
    tiers = read_tiers("0:0.4%,50000:0.5%,250000:1%")
    assert tiers == (
        Tier(Decimal(0), Decimal("0.004"), Decimal(0)),
        Tier(Decimal(50_000), Decimal("0.005"), Decimal(50)),
        Tier(Decimal(250_000), Decimal("0.01"), Decimal(1300)),
    )
    for low, high in pairwise(tiers):
        assert high.floor * low.rate - low.deduction == high.floor * high.rate - high.deduction


def test_kinds_have_their_usual() -> None:
    def of(kind: str, margin: str) -> Instrument:
        cent = Decimal("0.01")
        return Instrument(id="X", kind=kind, currency="USD", tick=cent, lot=cent, margin=Decimal(margin))

    assert usual(of("perpetual", "0.1")) == Decimal("0.05")
    assert usual(of("future", "0.11")) == Decimal("0.1")
    assert usual(of("equity", "0.5")) == Decimal("0.25")
    found = read_clearing(ClearingAsked(maintenance="kind"), [of("perpetual", "0.1")])["X"]
    assert (found.liquidation_bps, found.shortable) == (50, True)


@pytest.mark.parametrize(
    ("house", "said"),
    [
        ({"maintenance": "much"}, "is no share"),
        ({"maintenance": "0"}, "is no share"),
        ({"maintenance": "150%"}, "is no share"),
        ({"maintenance": "5:0.4%"}, "does not begin at 0"),
        ({"maintenance": "0:0.4%,100:0.4%"}, "do not rise"),
        ({"maintenance": "0:0.4%,0:0.5%"}, "do not rise"),
        ({"maintenance": "0:0.4%,x:0.5%"}, "is no worth"),
        ({"fee": "1%"}, "is paid where somebody is liquidated"),
        ({"maintenance": "kind", "fee": "x"}, "is no share"),
        ({"funding": ["none.csv"]}, "cannot be read"),
        ({"funding": ["OTHER=none.csv"]}, "is not traded here"),
        ({"funding": [str(ROOT / "Makefile")]}, "unknown file type"),
    ],
)
def test_what_is_wrong_is_one_line(hold: Path, house: dict[str, Any], said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said) as failed:
        run(hold, **house)
    assert "\n" not in failed.value.line()


def test_long_only_refuses_shorts(hold: Path) -> None:
    done = run(hold, way=-1, long_only=True).result
    assert done["fills"] == 0 and done["rejections"].get("not shortable", 0) > 0
    assert run(hold, way=1, long_only=True).result["fills"] > 0


# ---- funding -------------------------------------------------------------------------------------------


def rates(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("\n".join(["ts,funding_rate", *(",".join(row) for row in rows)]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("2024-01-01T08:00:00Z", "x")], "row 1: funding_rate 'x' is not a number"),
        ([("2024-01-01T08:00:00Z", "")], "row 1: nan is no funding rate"),
        ([("2024-01-01T08:00:00Z", "1.5")], "row 1: 1.5 is no funding rate"),
        ([("2024-01-01T08:00:00Z", "0"), ("2024-01-01T08:00:00Z", "0")], "row 2 is not later"),
        ([("2024-01-01T08:00:00", "0")], "zone"),
        ([("2020-01-01T08:00:00Z", "0")], "holds rates from 2020"),
        ([], "holds no rates"),
    ],
)
def test_wrong_rates_name_their_row(
    hold: Path, tmp_path: Path, rows: list[tuple[str, str]], said: str
) -> None:
    path = rates(tmp_path / "rates.csv", rows)
    with pytest.raises(InputError, match=said):
        run(hold, funding=[str(path)])


def test_longs_pay_a_rate_above_zero_and_shorts_take_it(hold: Path, tmp_path: Path) -> None:
    path = rates(tmp_path / "rates.csv", [(f"2024-01-{day:02d}T08:00:00Z", "0.0005") for day in range(2, 11)])
    paid = {}
    for way in (1, -1):
        done = run(hold, way=way, funding=[str(path)])
        paid[way] = done.result["funding"]["SYNTH-PERP"]
        kinds = done.run.setting.rows[:, Market.KIND]
        assert np.count_nonzero(kinds == Row.FUNDING) == 9
        assert any("9 funding rates of rates.csv" in note for note in done.result["notes"])
        assert any("none is paid there" in note for note in done.result["notes"])
        assert done.result["config"]["funding"]["SYNTH-PERP"].startswith("rates.csv ")
    assert paid[1] > 0 > paid[-1] + 50  # the assumed rate of the first day is paid by both sides


@needs_data
def test_real_rates_on_a_real_perpetual_are_paid_to_the_cent(hold: Path, tmp_path: Path) -> None:
    """Real bars, and real rates of other months moved onto their days: the data hold no common ones."""
    assert DATA is not None
    held = read_funding(DATA / "crypto" / "funding" / "ADAUSDT_funding.parquet")
    start = parse_instant("2025-04-01T00:00:00Z")
    moved = held.at - held.at[0] + start
    path = rates(
        tmp_path / "moved.csv",
        [
            (str(at), repr(rate / E12))
            for at, rate in zip(moved.tolist(), held.rate_e12.tolist(), strict=True)
        ],
    )
    request = Request(
        data=[str(DATA / "crypto" / "perp_1h" / "ADAUSDT.parquet")], sets=["way=-1"],
        first="2025-04-01", end="2025-06-01", instruments=["ADAUSDT,kind=perpetual"],
    )  # fmt: skip
    ask = Asked(
        strategy=hold, request=request, clearing=ClearingAsked(funding=[str(path)], maintenance="kind")
    )
    done = perform_research(ask, keep=False)
    setting, terms = done.run.setting, done.run.setting.instruments[0]
    bars = setting.rows[setting.rows[:, Market.KIND] == 0]
    fill = done.run.fills[0]
    lots = -int(fill[8])
    expected = 0.0
    for at, rate in zip(moved.tolist(), held.rate_e12.tolist(), strict=True):
        if fill[0] <= at <= bars[-1, Market.AT]:
            close = int(bars[bars[:, Market.AT] <= at][-1, Market.CLOSE])
            expected += float(terms.tick * terms.lot) * close * lots * rate / E12
    assert abs(expected) > 1
    told = done.run.reports
    real = told[(told[:, 1] == 6) & np.isin(told[:, 0], moved)]
    assert len(real) > 150
    assert real[:, 10].sum() / 1e8 == pytest.approx(expected, rel=1e-6)
    assert done.result["liquidations"] == []


def test_what_holding_cost_is_told_where_no_trade_shows_it(tmp_path: Path) -> None:
    strategy = tmp_path / "once.py"
    body = "self.target(self.way if bar.number < 3000 else 0)"
    strategy.write_text(HOLD.replace("self.target(self.way)", body), encoding="utf-8")
    done = run(strategy)
    charged = done.result["metrics"]["financing"]
    assert charged > 0
    trades = sum(each["pnl"] for each in done.result["trades"])
    assert done.result["metrics"]["pnl"]["likely"] == pytest.approx(trades - charged, abs=1e-6)
    told = f"funding and borrow cost {charged:,.2f} USD: in the profit, in no trade's pnl"
    assert told in done.result["notes"]
