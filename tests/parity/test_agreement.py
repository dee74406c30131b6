"""Trade by trade the same as backtesting.py, where it (`make bench-peers`) and the data are at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benches import agree
from benches.peers import rules

from quorate.adapters.feeds.derive import parse_instrument
from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.series import Series
from tests.support import DATA, needs_data

Theirs = dict[str, list[agree.Trade]]

pytestmark = [
    needs_data,
    pytest.mark.skipif(not agree.PEER.is_file(), reason="backtesting.py is not here: make bench-peers"),
]


@pytest.fixture(scope="module")
def goog() -> Series:
    path, told = agree.SETS["GOOG daily"]
    (series,) = load([str(DATA / path)], [parse_instrument(told)], assume_utc=True)
    return series


@pytest.fixture(scope="module")
def theirs(goog: Series, tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    return {rule: agree.theirs(goog, rule, tmp_path_factory.mktemp("peer")) for rule in rules.RULES}


@pytest.mark.parametrize("rule", list(rules.RULES))
def test_every_trade_is_the_same(goog: Series, theirs: Theirs, rule: str) -> None:
    found = agree.compare(agree.ours(goog, rule), theirs[rule], 0.01)
    assert found["same"] >= 40
    assert not found["differ"], found["differ"][:3]


def test_a_fill_two_ticks_off_is_seen(goog: Series, theirs: Theirs) -> None:
    mine = agree.ours(replace(goog, open=goog.open + 2, high=goog.high + 2), "sma cross")
    found = agree.compare(mine, theirs["sma cross"], 0.01)
    assert len(found["differ"]) >= 40


def test_a_fill_one_bar_late_is_seen(goog: Series, theirs: Theirs) -> None:
    late = [(a + 1, b + 1, *rest) for a, b, *rest in agree.ours(goog, "breakout")]
    found = agree.compare(late, theirs["breakout"], 0.01)
    assert found["same"] < 10
