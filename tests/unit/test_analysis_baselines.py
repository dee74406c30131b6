"""Baselines and attribution: by hand, with costs, and to the last unit."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from quorate.analysis.analysis import analyse
from quorate.analysis.attribution import NOBODY, attribute, by_agent, count_rules
from quorate.analysis.baselines import cost_rate, hold_curve, random_returns
from quorate.analysis.result import Closes
from quorate.core.decision import Decision, Stance, Target, Vote
from quorate.core.instant import HOUR, MINUTE
from quorate.core.money import E8
from tests.golden.runs import START, coin, future, make_run, stock


def closes(values: list[float], first: int = 1) -> Closes:
    return Closes(START + HOUR * np.arange(first, first + len(values), dtype=np.int64), np.array(values))


def test_buy_and_hold_by_hand() -> None:
    held = hold_curve({"BTCUSDT": closes([100.0, 150.0])}, {"BTCUSDT": coin()}, 1000 * E8)
    rate = (4 + 0.5 + 0.5) / 10_000
    assert held is not None
    assert held.equity[-1] / E8 == pytest.approx(1000 / (1 + rate) * 1.5)
    assert held.equity[0] < 1000 * E8  # costs are on


def test_buy_and_hold_waits_in_cash_for_the_late() -> None:
    both = {"A": closes([100.0, 100.0, 200.0]), "B": closes([10.0], first=3)}
    held = hold_curve(both, {"A": coin("A"), "B": coin("B")}, 1000 * E8)
    assert held is not None
    rate = 5 / 10_000
    assert list(held.equity / E8) == pytest.approx([500 / (1 + rate) + 500] * 2 + [1500 / (1 + rate)])


def test_a_commission_is_a_cost_too() -> None:
    assert cost_rate(future(), 15_000) == pytest.approx(0.25 / 10_000 + 2.25 / (15_000 * 20))


def test_random_traders_are_seeded_and_pay() -> None:
    stats, prices = make_run([coin()], 3000, HOUR, 5)
    start = stats.cash.count
    first = random_returns(stats.rows, prices, stats.instruments, start, 1)
    again = random_returns(stats.rows, prices, stats.instruments, start, 1)
    other = random_returns(stats.rows, prices, stats.instruments, start, 2)
    assert first is not None
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    flat = {"BTCUSDT": Closes(prices["BTCUSDT"].at, np.full(3000, 42_000.0))}
    paid = random_returns(stats.rows, flat, stats.instruments, start, 1)
    notional = sum(row.notional for row in stats.rows)
    assert paid == pytest.approx(-2 * notional * 5 / 10_000 / (start / E8))


def test_random_traders_know_nothing_of_the_future() -> None:
    """On a pure random walk without costs their mean is nothing; a peeking one would stand out."""
    stats, prices = make_run([coin()], 3000, HOUR, 9)
    free = {"BTCUSDT": replace_costs(coin())}
    draws = random_returns(stats.rows, prices, free, stats.cash.count, 3)
    assert draws is not None
    own = sum(abs(row.value) * row.notional for row in stats.rows) / (stats.cash.count / E8)
    assert abs(np.mean(draws)) < 4 * np.std(draws) / math.sqrt(draws.size) + 0.25 * own
    assert own > np.percentile(draws, 99)  # the planted defect: always on the right side


def replace_costs(instrument):
    free = Decimal(0)
    return msgspec.structs.replace(instrument, taker_bps=free, spread_bps=free, slippage_bps=free)


def test_no_trade_has_no_random_trader() -> None:
    stats, prices = make_run([coin()], 50, HOUR, 5)
    found = analyse(stats, prices, 1)
    assert found.baselines.random is None
    assert found.baselines.buy_and_hold is not None
    assert analyse(stats, {}, 1).baselines.buy_and_hold is None


def test_every_table_adds_up() -> None:
    stats, _ = make_run([stock(name) for name in ("A", "B", "C")], 900, HOUR, 6, fast=8, slow=30)
    found = attribute(stats)
    pnl = sum(row.pnl_e8 for row in stats.rows)
    fees = sum(row.fees_e8 for row in stats.rows)
    assert stats.rows
    for table in (found.agents, found.instruments, found.sides, found.exits):
        assert sum(share.pnl_e8 for share in table) == pnl
        assert sum(share.fees_e8 for share in table) == fees
    assert pnl + found.open_e8 == stats.end_e8 - stats.cash.count


def test_only_those_who_spoke_for_a_trade_share_it() -> None:
    stats, _ = make_run([coin()], 600, HOUR, 6)
    row = stats.rows[0]
    way = row.side.sign
    votes = (
        Vote("for", 0.5, 0.5 + 0.1 * way, 0.6),
        Vote("also", 0.5, 0.5 + 0.2 * way, 0.2),
        Vote("against", 0.5, 0.5 - 0.3 * way, 0.9),
    )
    target = Target(row.instrument, Stance(way), 0.6, "test", votes)
    shares = {
        each.name: each.pnl_e8 for each in by_agent([row], [Decision(row.opened_at, row.decision, (target,))])
    }
    assert set(shares) == {"for", "also"}
    assert shares["for"] == pytest.approx(0.75 * row.pnl_e8, abs=1)
    assert [each.name for each in by_agent([row], [])] == [NOBODY]
    other = [Decision(row.opened_at, "another", (target,))]  # the planted defect: someone else's decision
    assert [each.name for each in by_agent([row], other)] == [NOBODY]


def test_verdicts_are_counted_by_rule() -> None:
    stats, _ = make_run([coin()], 8640, 5 * MINUTE, 5)
    counts = {each.rule: each for each in attribute(stats).rules}
    assert counts["order_size"].denied == len(stats.vetoes) > 0
    assert counts["order_size"].allowed == len(stats.approved)
    assert all(each.denied == 0 for name, each in counts.items() if name != "order_size")
    assert count_rules([]) == ()


def test_fees_the_account_knows_come_first() -> None:
    stats, _ = make_run([coin()], 600, HOUR, 6)
    known = replace(stats, fees=stats.instruments["BTCUSDT"].money(123))
    assert known.fees_e8 == 123
