"""Slices of real data through the real command: the whole of each set runs in `make prove-real`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quorate.adapters.feeds.history import HistoryFeed
from quorate.adapters.feeds.load import load
from quorate.cli.main import invoke
from quorate.core.account import Account
from quorate.core.instant import parse_instant
from quorate.core.instrument import Instrument
from quorate.core.money import Money
from quorate.core.order import ApprovedOrder, Order, OrderType, Role, Side, Verdict
from quorate.shield.mint import Mint
from quorate.simulator.costs import Costs
from quorate.simulator.simulator import Simulator
from tests.cli_support import one_object
from tests.support import DATA, needs_data

pytestmark = [pytest.mark.e2e, pytest.mark.data, needs_data]

PAIRS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "LINK")
# name -> (files, from, to): about 5,000 bars each; the NQ slice holds the roll of March 2010.
SLICES = {
    "btc": (["crypto/spot_5m/BTCUSDT.parquet"], "2024-01-01", "2024-01-18"),
    "nq": (["futures/NQ_5m_2008_2018.parquet"], "2010-03-01", "2010-03-27"),
    "six pairs": ([f"crypto/spot_5m/{pair}USDT.parquet" for pair in PAIRS], "2024-01-01", "2024-01-04"),
    "stocks": (["portfolio/sp500_20stocks_daily_1990_2022.parquet"], "2008-01-01", "2009-01-01"),
}


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_verifies_replays_and_trades_the_same_on_paper(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert DATA is not None
    paths, first, end = SLICES[name]
    data = [word for path in paths for word in ("--data", str(DATA / path))]
    span = ["--from", first, "--to", end]

    def run(*words: str, code: int = 0) -> dict[str, Any]:
        assert invoke([*words, "--json"]) == code
        return one_object(capsys.readouterr().out)

    result = run("backtest", "--recipe", "baseline", *data, *span)
    assert 3_000 < result["events"] < 8_000
    assert result["fills"] > 0
    assert float(result["metrics"]["fees"]) > 0
    assert run("audit", "verify", result["journal"])["ok"]
    replayed = run("replay", result["journal"])
    assert replayed["identical"]
    assert replayed["head_digest"] == result["head_digest"]
    other = run("backtest", "--recipe", "baseline", "--seed", "2", *data, *span)
    assert other["head_digest"] != result["head_digest"]
    acts = tmp_path / "acts.jsonl"
    acts.write_text("".join(json.dumps(act) + "\n" for act in result["operator_acts"]))
    paper = run("paper", "--recipe", "baseline", "--acts", str(acts), *data, *span)
    assert paper["orders_digest"] == result["orders_digest"]
    changed = run("replay", result["journal"], "--override", "agents.momentum.fast=7", code=1)
    assert changed["first_divergence"] > 0


def test_a_position_held_over_a_real_roll_gains_only_what_the_new_contract_moved() -> None:
    """March 2010: the venue carries two lots into the next contract; the gap is nobody's profit."""
    assert DATA is not None
    nq = load([DATA / "futures/NQ_5m_2008_2018.parquet"])[0]
    series = nq.between(parse_instant("2010-03-01"), parse_instant("2010-03-27"))
    instrument = series.instrument
    index, old, new = (int(each[0]) for each in (series.rolls.index, series.rolls.old, series.rolls.new))
    assert old != new
    cash = Money.of(10**7, "USD")
    venue = Simulator({instrument.id: instrument}, cash, Costs(latency_ns=0))
    account = Account(cash, {instrument.id: instrument})
    feed = HistoryFeed([series])
    equity: dict[int, int] = {}
    for place in range(index + 1):
        events = feed.instant()
        venue.watch(events)
        while (report := venue.peek()) is not None:
            account.on(venue.pop())
            assert report.at <= events[0].at
        for event in events:
            account.on(event)
        equity[place] = account.equity_e8
        if place == index - 10:
            venue.submit(bought(instrument, 2, int(series.at[place]), int(series.close[place])))
    assert account.lots(instrument.id) == 2
    moved = instrument.worth_e8(int(series.close[index]), 2) - instrument.worth_e8(new, 2)
    fees = sum(instrument.fee_e8(ticks, 2, maker=False) for ticks in (old, new))
    assert equity[index] - equity[index - 1] == moved - fees


def bought(instrument: Instrument, lots: int, at: int, ticks: int) -> ApprovedOrder:
    order = Order(
        "o", "d", instrument.id, Side.BUY, OrderType.MARKET, Role.ENTRY, instrument.quantity(lots),
        instrument.price(ticks),
    )  # fmt: skip
    return Mint(bytes(32)).approve(at, order, Verdict(True, (), "B"), "", 0, 10**9)
