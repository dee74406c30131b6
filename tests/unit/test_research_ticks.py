"""Runs driven by trades: what is seen when, whom orders meet, and bars that inform once they have closed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quorate.adapters.feeds.load import load_trades
from quorate.adapters.feeds.trades import Trades
from quorate.app.ticks import with_trades
from quorate.core.errors import ConfigError, DataError, InputError
from quorate.core.instant import MINUTE, SECOND
from quorate.native.exchange import Market, Row, Rows, Told
from quorate.research.run import Run, Setting, Size, run_class
from quorate.research.strategy import Strategy
from tests.research_support import CASH, free

TICK = 0.01
WORDS = {1: "buy", -1: "sell", 0: ""}


def trades(count: int, seed: int) -> list[tuple[int, int, int, int]]:
    """(instant, ticks, lots, side) of a seeded walk over minutes: some at one instant, some on the minute."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([0, 1, 7, 30, 60, 150], count, p=[0.2, 0.3, 0.2, 0.15, 0.1, 0.05]) * SECOND
    at = (MINUTE + np.cumsum(steps)).tolist()
    price = (300_000 + np.cumsum(rng.integers(-300, 301, count))).tolist()
    return list(
        zip(at, price, rng.integers(1, 50, count).tolist(), rng.integers(-1, 2, count).tolist(), strict=True)
    )


def rows_of(told: list[tuple[int, int, int, int]]) -> Rows:
    """Market rows of trades."""
    rows = np.full((len(told), len(Market)), -1, np.int64)
    rows[:, [Market.AT, Market.OPEN, Market.VOLUME, Market.CLOSE]] = told
    rows[:, Market.START], rows[:, Market.KIND], rows[:, Market.INSTRUMENT] = rows[:, Market.AT], Row.TRADE, 0
    return rows


def bars_of(told: list[tuple[int, int, int, int]], upto: int) -> list[tuple[int, ...]]:
    """(start, end, open, high, low, close, lots) of the minutes that closed by an instant, the long way."""
    minutes: dict[int, list[tuple[int, int, int, int]]] = {}
    for each in told:
        minutes.setdefault(each[0] // MINUTE * MINUTE, []).append(each)
    found = []
    for start, inside in minutes.items():
        prices = [each[1] for each in inside]
        if start + MINUTE <= upto:
            lots = sum(each[2] for each in inside)
            found.append((start, start + MINUTE, prices[0], max(prices), min(prices), prices[-1], lots))
    return found


def table(told: list[tuple[int, int, int, int]], *, early: int = 0) -> Rows:
    """Bars and trades as a run is given them; ``early``: a defect, bars told so many ns before they close."""
    bars = np.full((0, len(Market)), -1, np.int64)
    for start, end, *ohlcv in bars_of(told, told[-1][0]):
        bars = np.vstack([bars, [end - early, Row.BAR, 0, start, *ohlcv, -1]])
    both = np.concatenate([bars, rows_of(told)])
    return np.ascontiguousarray(both[np.argsort(both[:, Market.AT], kind="stable")])


def setting(rows: Rows, **more: Any) -> Setting:
    return Setting([free()], rows, MINUTE, CASH, size=Size.read("1"), **more)


class Watcher(Strategy):
    """Keeps what it could see at every tick and bar, and turns with every bar."""

    def start(self) -> None:
        self.ticks: list[tuple[int, float, float, int, list[float]]] = []
        self.seen: list[tuple[float, ...]] = []
        self.sent: list[int] = []
        SEEN.append(self)

    def on_tick(self, tick: Any) -> None:
        self.ticks.append((tick.at, tick.price, tick.size, tick.side, self.closes(9_999).tolist()))

    def on_bar(self, bar: Any) -> None:
        self.seen.append((self.now, bar.start, bar.at, bar.open, bar.high, bar.low, bar.close, bar.volume))
        if self.target(1 if bar.close > bar.open else -1):
            self.sent.append(self.now)


SEEN: list[Watcher] = []


def watch(rows: Rows, kind: type[Watcher] = Watcher, **more: Any) -> tuple[Watcher, Run]:
    SEEN.clear()
    run = run_class(kind, {}, setting(rows, **more))
    return SEEN[-1], run


def blind(told: list[tuple[int, int, int, int]], rows: Rows) -> None:
    """At no tick and no bar was there more to see than had closed by then, and all of that was."""
    seen, _ = watch(rows)
    assert len(seen.ticks) == len(told)
    for (at, ticks, lots, side), (when, price, size, taker, closes) in zip(told, seen.ticks, strict=True):
        assert (when, taker) == (at, side) and (price, size) == pytest.approx((ticks * TICK, lots * 0.001))
        assert closes == pytest.approx([each[5] * TICK for each in bars_of(told, at)]), "another past"
    expected = bars_of(told, told[-1][0])
    assert len(seen.seen) == len(expected)
    for (start, end, *prices, lots), (now, opened, closed, *shown, volume) in zip(
        expected, seen.seen, strict=True
    ):
        assert (now, opened, closed) == (end, start, end), "a bar before its time"
        assert shown == pytest.approx([each * TICK for each in prices]) and volume == pytest.approx(
            lots * 0.001
        )


@pytest.mark.parametrize("seed", range(4))
def test_only_what_has_closed_is_seen(seed: int) -> None:
    told = trades(300, seed)
    blind(told, table(told))


@pytest.mark.parametrize("early", [1, MINUTE])
def test_a_bar_that_is_told_early_is_caught(early: int) -> None:
    told = trades(300, 1)
    with pytest.raises(AssertionError):
        blind(told, table(told, early=early))


def until(run: Run, at: int) -> list[list[int]]:
    """The fills up to an instant."""
    return run.fills[run.fills[:, Told.AT] <= at].tolist()


def futures_agree(early: int) -> bool:
    """Whether other trades from an instant on leave every fill before it as it was, at eight instants."""
    told = trades(300, 2)
    _, whole = watch(table(told, early=early))
    for place in range(60, 300, 30):
        at = told[place][0]
        bent = [(when, price + 5_000 * (when >= at), lots, side) for when, price, lots, side in told]
        _, other = watch(table(bent, early=early))
        if until(whole, at - 1) != until(other, at - 1):
            return False
    return len(whole.fills) > 20


def test_what_comes_later_changes_nothing_before() -> None:
    assert futures_agree(0)
    assert not futures_agree(MINUTE)


# ---- whom orders meet ----------------------------------------------------------------------------------


@pytest.mark.parametrize("latency", [0, 5 * SECOND])
def test_market_orders_take_the_first_trade_after_they_arrive(latency: int) -> None:
    told = trades(300, 3)
    seen, run = watch(table(told), latency_ns=latency)
    due = []
    for sent in seen.sent:  # an order that arrives at the very instant of a trade comes too late for it
        after = next((each for each in told if each[0] > sent + latency), None)
        due += [after[:2]] if after is not None else []
    filled = [(row[Told.AT], row[Told.PRICE]) for row in run.fills.tolist()]
    assert set(filled) <= set(due) and len(filled) > 20
    met = {row[Market.AT] for row in table(told).tolist() if row[Market.KIND] == Row.TRADE}
    assert {at for at, _ in filled} <= met, "a bar was met"


def test_what_a_bar_spans_fills_nothing_that_its_trades_did_not_reach_after_the_order() -> None:
    """A limit within a bar at a price of before: the bar holds that price, and nobody trades there again."""
    told = [
        (MINUTE + each * SECOND, price, 1, 0) for each, price in enumerate([100_000, 90_000, *[110_000] * 70])
    ]

    class Late(Strategy):
        def on_tick(self, tick: Any) -> None:
            if tick.at == MINUTE + 2 * SECOND:
                self.buy(1, limit=950.0)

    run = run_class(Late, {}, setting(table(told)))
    assert run.runner.orders == 1 and len(run.fills) == 0
    again = [*told[:40], (told[39][0] + 1, 94_000, 1, 0), *told[40:]]
    run = run_class(Late, {}, setting(table(again)))
    assert [row[Told.PRICE] for row in run.fills.tolist()] == [95_000]


def test_the_curve_is_of_bars_and_of_the_end() -> None:
    told = trades(300, 1)
    _, run = watch(table(told))
    assert run.runner.at.tolist() == [*(each[1] for each in bars_of(told, told[-1][0])), told[-1][0]]
    assert run.runner.equity[-1] == run.runner.equity_e8


def test_quotes_are_told_with_both_sides() -> None:
    quotes = rows_of(trades(20, 1))
    quotes[:, Market.KIND], quotes[:, Market.CLOSE] = Row.QUOTE, quotes[:, Market.OPEN] + 3
    quotes[:, Market.LOW], quotes[:, Market.HIGH] = 7, -1
    heard: list[Any] = []
    kind = type("Quoted", (Strategy,), {"on_tick": lambda self, tick: heard.append(tick)})
    run_class(kind, {}, setting(quotes))
    first = heard[0]
    assert first.is_quote and first.instrument == "X" and first.at == int(quotes[0, Market.AT])
    assert (first.ask - first.bid, first.bid_size) == pytest.approx((0.03, 0.007))
    assert math.isnan(first.price) and math.isnan(first.size) and math.isnan(first.ask_size)
    assert len({id(each) for each in heard}) == len(quotes), "a tick kept aside is a copy"


def test_without_ticks_a_listener_is_told_so() -> None:
    bars = table(trades(300, 1))
    _, run = watch(bars[bars[:, Market.KIND] == Row.BAR])
    assert any("on_tick was never called" in note for note in run.notes)


@pytest.mark.parametrize(("kind", "said"), [(Row.BAR, "before all else"), (Row.ROLL, "does not roll")])
def test_bars_behind_trades_of_their_instant_and_rolls_are_refused(kind: Row, said: str) -> None:
    rows = table(trades(300, 1))
    place = next(
        n for n in range(1, len(rows)) if rows[n - 1, Market.KIND] == rows[n, Market.KIND] == Row.TRADE
    )
    rows[place, Market.AT], rows[place, Market.KIND] = rows[place - 1, Market.AT], kind
    with pytest.raises(InputError, match=said):
        run_class(Watcher, {}, setting(rows))


# ---- files ---------------------------------------------------------------------------------------------


def written(
    folder: Path, lines: list[str], head: str = "ts,price,size,side", name: str = "BTCUSDT.csv"
) -> Path:
    path = folder / name
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return path


def read(path: Path) -> Trades:
    return load_trades([path])[0]


def spelled(told: list[tuple[int, int, int, int]]) -> list[str]:
    return [
        f"{np.datetime64(at, 'ns')}Z,{ticks / 100:.2f},{lots / 1000:.3f},{WORDS[side]}"
        for at, ticks, lots, side in told
    ]


def test_a_file_becomes_the_bars_and_rows_that_its_trades_make(tmp_path: Path) -> None:
    told = trades(300, 4)
    found = read(written(tmp_path, spelled(told)))
    bars = found.bars(MINUTE)
    assert found.side.tolist() == [each[3] for each in told]
    columns = bars.start, bars.at, bars.open, bars.high, bars.low, bars.close, bars.volume
    assert list(zip(*(each.tolist() for each in columns), strict=True)) == bars_of(told, told[-1][0])
    rows = with_trades(np.zeros((0, len(Market)), np.int64), [found])
    assert rows[:, [Market.AT, Market.OPEN, Market.VOLUME, Market.CLOSE]].tolist() == [
        list(each) for each in told
    ]
    first, end = told[50][0], told[200][0]
    part = found.between(first, end)
    inside = [each for each in told if first <= each[0] < end]
    assert (part.series.close.tolist(), part.side.tolist()) == (
        [e[1] for e in inside],
        [e[3] for e in inside],
    )


def test_who_took_may_be_said_by_who_was_the_maker(tmp_path: Path) -> None:
    lines = [f"2024-01-01T00:0{n}:00Z,{100 + n},1,{word}" for n, word in enumerate(["true", "False", "true"])]
    assert read(written(tmp_path, lines, "ts,price,qty,is_buyer_maker")).side.tolist() == [-1, 1, -1]


def test_trades_of_no_size_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = [f"2024-01-01T00:0{n}:00Z,{100 + n},{n % 2},buy" for n in range(6)]
    found = read(written(tmp_path, lines))
    assert found.series.close.tolist() == [101, 103, 105]
    assert any("3 trades of size 0" in note for note in found.series.notes)


@pytest.mark.parametrize(
    ("line", "head", "said"),
    [
        ("2024-01-01T00:09:00Z,101,1,up", "ts,price,size,side", "row 3: the side is 'up'"),
        ("2024-01-01T00:09:00Z,101,-1,buy", "ts,price,size,side", "row 3 .*size is -1"),
        ("2024-01-01T00:09:00Z,0,1,buy", "ts,price,size,side", "row 3 .*price is 0"),
        ("2023-01-01T00:09:00Z,101,1,buy", "ts,price,size,side", "row 3 .*before the row above"),
        ("2024-01-01T00:09:00Z,101,1,1", "ts,open,high,close", "leave --interval out"),
    ],
)
def test_bad_trades_are_refused_by_row(tmp_path: Path, line: str, head: str, said: str) -> None:
    good = ["2024-01-01T00:00:00Z,100,1,1", "2024-01-01T00:00:00Z,100,1,-1"]
    with pytest.raises(DataError, match=said):
        read(written(tmp_path, [*good, line], head))


@pytest.mark.parametrize(
    ("interval", "kind", "said"),
    [(7 * MINUTE, ConfigError, "multiple"), (24 * 60 * MINUTE, DataError, "less than two bars")],
)
def test_bars_that_cannot_be_made_are_refused(
    tmp_path: Path, interval: int, kind: type[Exception], said: str
) -> None:
    found = read(written(tmp_path, spelled(trades(300, 4))))
    make: Callable[[int], Any] = found.bars
    with pytest.raises(kind, match=said):
        make(interval)
