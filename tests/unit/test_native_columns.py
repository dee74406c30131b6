"""Long columns of runs: read in place, recorded or made later, and worth what is held of many symbols."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from operator import itemgetter

import numpy as np
import pytest
from benches.growth import Cross, market, named
from benches.lane import CASH_E8, FEES, columns, crosses

from quorate import Money
from quorate.core.instant import MINUTE
from quorate.native.backtest import Settings, Tape, run, source_of
from quorate.native.exchange import Kind, Market, Told
from quorate.research.run import Run, Setting, Size, run_class


@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("lot", ["0.00001", "0.000003"])  # a worth of whole 1e-8, and one that is rounded
def test_a_recorded_run_shows_what_running_again_shows(stepped: bool, lot: str) -> None:
    data = columns(5_000)
    tape = Tape.of(*data, days_per_year=365, interval_ns=MINUTE)
    terms = type(FEES)("X", FEES.kind, "USD", tick=FEES.tick, lot=Decimal(lot), taker_bps=Decimal(5))
    settings, stances = Settings(terms, CASH_E8, quantity=Decimal(3)), crosses(data[-1], 10, 30)
    kept, later = (run(tape, stances, settings, stepped=stepped, recorded=each) for each in (True, False))
    assert kept.statistics == later.statistics and kept.stepped == stepped
    assert len(kept.trades) == kept.statistics["trades"] > 100
    for one, other in (
        (kept.fills, later.fills),
        (kept.trades, later.trades),
        (kept.equity(), later.equity()),
    ):
        assert np.array_equal(one, other)
        assert not one.flags.writeable


def test_the_curve_is_cash_and_what_is_held_at_every_bar() -> None:
    data = columns(4_097)
    tape = Tape.of(*data, days_per_year=365, interval_ns=MINUTE)
    done = run(tape, crosses(data[-1], 5, 9), Settings(FEES, CASH_E8, quantity=Decimal(1)), recorded=True)
    cash, lots = np.full(4_097, CASH_E8), np.zeros(4_097, np.int64)
    for bar, _, side, _, size, price, fee, *_ in done.fills.tolist():
        cash[bar:] -= side * size * price * 10 + fee * 1  # a tick of a lot is worth 1e-7
        lots[bar:] += side * size
    assert np.array_equal(done.equity(), cash + lots * data[-1] * 10)


@pytest.mark.parametrize("count", [1, 7, 16, 17, 500])
def test_changes_of_bytes_are_those_of_numbers(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(30):
        stances = rng.choice(np.array([-1, 0, 0, 0, 1], np.int8), count).repeat(rng.integers(1, 4, count))[
            :count
        ]
        places = np.flatnonzero(np.diff(stances, prepend=np.int8(0)))
        found = source_of(stances[None, :]).changes(0)
        assert found.tolist() == [[place, int(stances[place]) * 10**6] for place in places.tolist()]


def many(symbols: int, *, apart: bool) -> Run:
    rows = market(symbols, 300, apart)
    rows[:, Market.OPEN : Market.CLOSE + 1] += 1_000 * rows[:, [Market.INSTRUMENT]]
    setting = Setting(named(symbols), rows, MINUTE, Money.of(10**6, "USD"), 0, Size(None, Decimal("0.01")))
    return run_class(Cross, {}, setting)


def valued(done: Run) -> tuple[list[int], list[int]]:
    """Equity and gross at every instant, from the fills and the closes."""
    rows, fills = done.setting.rows.tolist(), done.reports[done.reports[:, Told.KIND] == Kind.FILL].tolist()
    cash, lots, marks = done.setting.cash.count, [0] * 9, [0] * 9
    equity, gross = [], []
    for at, news in groupby(rows, key=itemgetter(Market.AT)):
        while fills and fills[0][Told.AT] == at:
            fill = fills.pop(0)
            signed = fill[Told.SIDE] * fill[Told.LOTS]
            cash -= signed * fill[Told.PRICE] * 10 + fill[Told.MONEY]
            lots[fill[Told.INSTRUMENT]] += signed
        for row in news:
            marks[row[Market.INSTRUMENT]] = row[Market.CLOSE]
        worth = [each * mark * 10 for each, mark in zip(lots, marks, strict=True)]
        equity.append(cash + sum(worth))
        gross.append(sum(map(abs, worth)))
    return equity, gross


@pytest.mark.parametrize("apart", [False, True])
def test_many_symbols_are_worth_what_is_held_of_each(apart: bool) -> None:
    done = many(9, apart=apart)
    equity, gross = valued(done)
    assert len(done.trades) > 100
    assert done.runner.equity.tolist() == equity
    assert done.runner.gross.tolist() == gross
