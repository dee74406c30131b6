"""The native exchange: what a bar or a trade costs with an idle book, with orders at work and with fills."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
from tests.oracles.exchange.simulator import Simulator

from benches.machine import keep, machine
from quorate.core.events import Bar
from quorate.core.instant import MINUTE
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money
from quorate.core.order import ApprovedOrder, Bracket, Order, OrderType, Role, Side, Verdict
from quorate.native.exchange import Exchange, Market, Row, Rows
from quorate.simulator.costs import Costs

BARS = 1_000_000
WATCHED = 200_000  # bars one by one through Python
ORACLE = 50_000
DEEP = 10_000  # orders that rest
SYMBOLS, SYMBOL_ROWS = (1, 10, 100, 500), 500_000
LEVEL = 6_000_000
DELAY = 250_000_000
PERPETUAL = Instrument(
    "BTC-PERP", Kind.PERPETUAL, "USD", tick=Decimal("0.01"), lot=Decimal("0.00001"), taker_bps=Decimal("4.5"),
    maker_bps=Decimal("1.5"), spread_bps=Decimal("1"), slippage_bps=Decimal("1.5"),
    financing_bps_year=Decimal(1095), margin=Decimal("0.1"),
)  # fmt: skip


def walk(count: int, seed: int = 1) -> Rows:
    """Seeded minute bars round one level, in market rows."""
    rng = np.random.default_rng(seed)
    close = LEVEL + rng.integers(-2_000, 2_000, count)
    rows = np.full((count, len(Market)), -1, np.int64)
    rows[:, Market.AT] = (np.arange(count) + 1) * MINUTE
    rows[:, Market.START] = rows[:, Market.AT] - MINUTE
    rows[:, [Market.KIND, Market.INSTRUMENT]] = 0
    rows[:, Market.CLOSE] = close
    rows[:, Market.OPEN] = np.concatenate(([LEVEL], close[:-1]))
    rows[:, Market.HIGH] = rows[:, [Market.OPEN, Market.CLOSE]].max(1) + rng.integers(0, 500, count)
    rows[:, Market.LOW] = rows[:, [Market.OPEN, Market.CLOSE]].min(1) - rng.integers(0, 500, count)
    return rows


def tape(count: int, seed: int = 2) -> Rows:
    """Seeded trades round one level, a millisecond apart, in market rows."""
    rng = np.random.default_rng(seed)
    rows = np.full((count, len(Market)), -1, np.int64)
    rows[:, Market.AT] = (np.arange(count) + 1) * 1_000_000
    rows[:, [Market.INSTRUMENT, Market.START, Market.HIGH, Market.LOW]] = 0
    rows[:, Market.KIND] = Row.TRADE
    rows[:, Market.OPEN] = LEVEL + rng.integers(-2_000, 2_000, count)
    rows[:, Market.CLOSE] = rng.choice((-1, 1), count)
    rows[:, Market.VOLUME] = rng.integers(1, 10_000, count)
    return rows


def trades(book: str, rows: Rows) -> tuple[int, float]:
    """(trades, seconds) in one block; "trading": a trailing stop that moves now and then."""
    made = exchange(book)
    if book == "trading":
        made.submit("e", 0, "BTC-PERP", "buy", "market", "entry", 100)
        made.submit("x", 0, "BTC-PERP", "sell", "trailing_stop", "stop", 100, trail=LEVEL // 2)
    began = time.perf_counter()
    made.run(rows)
    return len(rows), time.perf_counter() - began


def exchange(book: str) -> Exchange:
    """An exchange with nothing to do, or with a bracket that is never reached."""
    made = Exchange([PERPETUAL], 10**17, latency_ns=DELAY)
    if book == "bracket":
        made.submit("e", 0, "BTC-PERP", "buy", "market", "entry", 100, stop=LEVEL // 2, target=LEVEL * 2)
    for number in range(DEEP if book == "deep" else 0):  # on both sides, none within reach
        away, side = (number + 1) * 10 + LEVEL // 50, "buy" if number % 2 else "sell"
        price = LEVEL - away if side == "buy" else LEVEL + away
        made.submit(f"d{number}", 0, "BTC-PERP", side, "limit", "entry", 1, price)
    return made


def symbols(rounds: int) -> dict[str, Any]:
    """Bars of so many symbols in one exchange, all at the same instants: what one row costs."""
    found = {}
    for count in SYMBOLS:
        traded = [msgspec.structs.replace(PERPETUAL, id=f"S{place}") for place in range(count)]
        rows = np.repeat(walk(SYMBOL_ROWS // count), count, 0)
        rows[:, Market.INSTRUMENT] = np.tile(np.arange(count), SYMBOL_ROWS // count)
        seconds = []
        for _ in range(rounds):
            made = Exchange(traded, 10**17, latency_ns=DELAY)
            for each in traded:
                made.submit(each.id, 0, each.id, "buy", "limit", "entry", 1, LEVEL // 2)
            began = time.perf_counter()
            made.run(rows)
            seconds.append(time.perf_counter() - began)
        found[str(count)] = round(min(seconds) / len(rows) * 1e9, 1)
    return found


def trade(made: Exchange, number: int, at: int) -> None:
    """In and out by turns."""
    side, role = ("sell", "exit") if number % 2 else ("buy", "entry")
    made.submit(str(number), at, "BTC-PERP", side, "market", role, 100)


def at_once(book: str, rows: Rows) -> tuple[int, float]:
    """(bars, seconds) in one block without the GIL; with trades, an order before each ten bars."""
    made = exchange(book)
    cut = [rows] if book != "trading" else np.split(rows, len(rows) // 10)
    began = time.perf_counter()
    for number, block in enumerate(cut):
        if book == "trading":
            trade(made, number, number * 10 * MINUTE)
        made.run(block)
    return len(rows), time.perf_counter() - began


def one_by_one(book: str, rows: Rows) -> tuple[int, float]:
    """(bars, seconds) with a call and an array of reports for every bar; the rows are cut before."""
    made, cut = exchange(book), np.split(rows[:WATCHED], WATCHED)
    began = time.perf_counter()
    for number, row in enumerate(cut):
        if book == "trading" and number % 10 == 0:
            trade(made, number // 10, number * MINUTE)
        made.watch(row)
    return len(cut), time.perf_counter() - began


def oracle(book: str, rows: Rows) -> tuple[int, float]:
    """(bars, seconds) of the readable Python simulator, for comparison; orders and events are made before."""
    made = Simulator({"BTC-PERP": PERPETUAL}, Money(10**17, "USD"), Costs(latency_ns=DELAY))
    events = [[Bar(row[0], "BTC-PERP", *row[3:])] for row in rows[:ORACLE].tolist()]
    orders = {number: approved(number, book) for number in range(0, len(events), 10) if book == "trading"}
    if book == "bracket":
        orders[0] = approved(0, book)
    began = time.perf_counter()
    for number, event in enumerate(events):
        if number in orders:
            made.submit(orders[number])
        made.watch(event)
    return len(events), time.perf_counter() - began


def approved(bar: int, book: str) -> ApprovedOrder:
    """The order sent before a bar."""
    side, role = (Side.SELL, Role.EXIT) if bar // 10 % 2 else (Side.BUY, Role.ENTRY)
    price = PERPETUAL.price
    legs = Bracket(price(LEVEL // 2), price(LEVEL * 2)) if book == "bracket" else None
    lots = PERPETUAL.quantity(100)
    order = Order(str(bar), "", "BTC-PERP", side, OrderType.MARKET, role, lots, price(1), bracket=legs)
    return ApprovedOrder(bar * MINUTE, order, Verdict(True, (), ""), "", 2**62, 0)


def measure(
    run: Callable[[str, Rows], tuple[int, float]], book: str, rows: Rows, rounds: int
) -> dict[str, Any]:
    """The best and the median of some rounds."""
    costs = [seconds / bars for bars, seconds in (run(book, rows) for _ in range(rounds))]
    return {
        "bars_per_s": round(1 / min(costs)),
        "ns_per_bar": round(min(costs) * 1e9, 1),
        "ns_per_bar_median": round(statistics.median(costs) * 1e9, 1),
    }


def main() -> int:
    """Measure, print JSON, keep benches/results/exchange.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    rows = walk(BARS)
    ways = {"native, a block": at_once, "native, bar by bar from Python": one_by_one, "python oracle": oracle}
    found: dict[str, Any] = {
        way: {book: measure(run, book, rows, rounds) for book in ("idle", "bracket", "trading")}
        for way, run in ways.items()
    }
    ticks = tape(BARS)
    found["native, trades in a block"] = {
        "idle": measure(trades, "idle", ticks, rounds),
        "bracket": measure(trades, "bracket", ticks, rounds),
        "trailing stop": measure(trades, "trading", ticks, rounds),
    }
    found["native, a block"]["10,000 resting orders"] = measure(at_once, "deep", rows, rounds)
    found["ns a row, with one resting order a symbol, by symbols"] = symbols(rounds)
    keep("exchange", found)
    sys.stdout.write(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
