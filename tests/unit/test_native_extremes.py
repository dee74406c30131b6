"""What no market should show and every market once did: all is defined, in every body and at the venue."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest

from quorate.core.errors import DataError, InputError, QuorateError
from quorate.core.money import Money
from quorate.native import _native, backtest
from quorate.native.exchange import Exchange, Kind, Market, Rows, Told
from quorate.native.runner import make
from tests.research_support import BODIES, MINUTE, free, instrument, setting, share, walk

Body = Callable[..., Any]
PRICES = [Market.OPEN, Market.HIGH, Market.LOW, Market.CLOSE]
EVERY = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


def in_and_out(count: int) -> Any:
    """Long at the first bar, out before the last."""
    stances = np.full(count, np.nan)
    stances[0], stances[-2 if count > 2 else -1] = 1.0, 0.0
    return stances


# ---- bars that hardly are any --------------------------------------------------------------------------


@EVERY
def test_one_bar_is_a_run_without_a_trade(body: Body) -> None:
    run = body(np.array([1.0]), setting(walk(1, 1)))
    assert (len(run.fills), len(run.trades), run.runner.orders) == (0, 0, 1)
    assert run.runner.equity.tolist() == [run.setting.cash.count]


@EVERY
def test_prices_of_zero_size_nothing_and_say_so(body: Body) -> None:
    rows = walk(20, 1)
    rows[:, PRICES] = 0
    run = body(in_and_out(20), setting(rows))
    assert len(run.fills) == 0
    assert any("too small" in note for note in run.notes)


@EVERY
def test_prices_below_zero_are_traded_to_the_cent(body: Body) -> None:
    rows = walk(30, 3)
    rows[:, PRICES] -= 400_000
    run = body(in_and_out(30), setting(rows, free(), size=share("2")))
    bought, sold = run.fills[:, Told.PRICE].tolist()
    assert bought < 0 and sold < 0
    made = int(run.runner.equity[-1]) - run.setting.cash.count
    assert made == (sold - bought) * 2_000 * 1_000  # 2000 lots of 0.001, a tick of 0.01: 1e-5 each, in 1e-8


@EVERY
def test_a_crash_of_99_percent_costs_what_it_says(body: Body) -> None:
    rows = walk(40, 5, step=2)
    rows[20:, PRICES] //= 100
    run = body(in_and_out(40), setting(rows, free()))
    equity = run.runner.equity / run.setting.cash.count
    assert equity.min() == pytest.approx(1 - 0.95 * 0.99, abs=0.002)


@EVERY
def test_a_crash_beyond_the_last_cent_leaves_debt_and_no_further_size(body: Body) -> None:
    rows = walk(40, 5, step=2)
    rows[20:, PRICES] //= 100
    stances = in_and_out(40)
    stances[38], stances[30], stances[32] = np.nan, 0.0, 1.0
    run = body(stances, setting(rows, free(), size=share("300%")))
    assert int(run.runner.equity[-1]) < 0
    assert len(run.fills) == 2, "nothing is bought on debt"
    assert any("too small" in note for note in run.notes)


def test_a_row_without_volume_fills_nobody_that_shares_it() -> None:
    from quorate.native.exchange import Rules

    rows = walk(10, 2)
    rows[:, Market.VOLUME] = 0
    made = Exchange([instrument()], 10**14, rules=Rules(participation=Decimal("0.1")))
    made.submit("o", 0, "X", "buy", "market", "entry", 5)
    told = made.run(rows)
    assert Kind.FILL not in told[:, Told.KIND]
    assert made.working == 1


@EVERY
def test_a_market_that_stands_still_gives_no_fill(body: Body) -> None:
    run = body(in_and_out(30), setting(walk(30, 1, still=1.0)))
    assert len(run.fills) == 0


# ---- numbers at the edge -------------------------------------------------------------------------------


@EVERY
def test_prices_too_large_to_be_kept_exactly_are_named(body: Body) -> None:
    rows = walk(20, 1)
    rows[5:, PRICES] += 2**62
    with pytest.raises((DataError, InputError), match=r"63 bits|127 bits"):
        body(in_and_out(20), setting(rows, size=share("3")))


@EVERY
def test_a_size_too_large_to_be_kept_exactly_is_named(body: Body) -> None:
    with pytest.raises(QuorateError, match=r"63 bits|127 bits"):
        body(in_and_out(20), setting(walk(20, 1), size=share("999999999999999")))


@EVERY
def test_more_money_than_there_is_still_adds_up(body: Body) -> None:
    cash = Money(2**60, Money.of(1, "USD").scale)
    run = body(in_and_out(20), setting(walk(20, 1), cash=cash))
    assert len(run.fills) == 2 and abs(int(run.runner.equity[-1]) - cash.count) < cash.count // 10


@pytest.mark.parametrize("field", ["price", "stop", "limit", "activation"])
def test_the_one_price_that_cannot_be_mirrored_is_refused(field: str) -> None:
    made = Exchange([instrument()], 10**14)
    more: dict[str, Any] = {field: -(2**63)}
    with pytest.raises(ValueError, match=r"63 bits"):
        made.submit("o", 0, "X", "sell", "limit", "entry", 1, more.pop("price", 5), **more)
    made.submit("good", 0, "X", "sell", "limit", "entry", 1, 5)
    with pytest.raises(ValueError, match=r"63 bits"):
        made.replace("good", 0, price=-(2**63))
    assert made.working == 1


def test_a_name_or_parent_that_is_no_text_is_named() -> None:
    made = Exchange([instrument()], 10**14)
    for call in (lambda: made.cancel(5, 0), lambda: made.number(None)):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="an order's name is a str"):
            call()


@pytest.mark.parametrize("wrong", [2.0, -1.5, np.inf, -np.inf])
def test_a_stance_that_is_none_names_its_bar(wrong: float) -> None:
    stances = in_and_out(20)
    stances[7] = wrong
    tape = backtest.Tape.of_rows(walk(20, 1), days_per_year=365, interval_ns=MINUTE)
    with pytest.raises(ValueError, match=r"bar 7: .*\[-1, 1\]"):
        backtest.run(tape, stances, backtest.Settings(instrument(), 10**14, share=Decimal(1)))
    for body in ("array", "class"):
        with pytest.raises(QuorateError, match=r"from -1 to 1|finite|stance"):
            BODIES[body](stances, setting(walk(20, 1)))


def test_a_timer_at_the_end_of_time_rings_once() -> None:
    made = make([free()], walk(50, 1), interval_ns=MINUTE, cash_e8=10**14)
    made.timer(3 * MINUTE, 2**63 - 1)
    made.timer(5 * MINUTE, 2**62)
    rung: list[int] = []
    made.subscribe(0, 0)
    made.run(lambda bar: None, None, lambda timer: rung.append(made.now))
    assert rung == [3 * MINUTE, 5 * MINUTE]


def test_bars_too_long_to_add_up_are_refused() -> None:
    made = make([free()], walk(5, 1), interval_ns=MINUTE, cash_e8=10**14)
    with pytest.raises(ValueError, match="cannot be made of bars"):
        made.subscribe(0, MINUTE * (2**62 // MINUTE))


@pytest.mark.parametrize("place", [-1, 1, 2**53, 2**63 - 1])
def test_an_order_in_an_instrument_that_is_none_is_refused(place: int) -> None:
    made = make([free()], walk(5, 1), interval_ns=MINUTE, cash_e8=10**14)
    for role in (0, 1):
        with pytest.raises(ValueError, match=f"instrument {place} is not known"):
            made.submit(place, 1, 0, role, 1)
    assert made.orders == 0


@pytest.mark.parametrize("column", [Market.OPEN, Market.CLOSE])
@pytest.mark.parametrize("price", [0, -3])
def test_a_roll_from_or_to_a_price_that_is_none_is_refused(column: Market, price: int) -> None:
    rows = walk(9, 1)
    rows[4, Market.KIND] = 1
    make([free()], rows, interval_ns=MINUTE, cash_e8=10**14)
    rows[4, column] = price
    with pytest.raises(ValueError, match=f"the roll of instrument 0 at {5 * MINUTE} .*above zero"):
        make([free()], rows, interval_ns=MINUTE, cash_e8=10**14)


def test_a_run_that_is_under_way_cannot_be_followed() -> None:
    made = make([free()], walk(5, 1), interval_ns=MINUTE, cash_e8=10**14)
    none = np.zeros(0, np.int64)
    told: list[int] = []

    def on_bar(bar: Any) -> None:
        told.append(bar.number)
        with pytest.raises(ValueError, match="runs once"):
            made.follow(np.zeros(5), none, none, none)

    made.subscribe(0, 0)
    made.run(on_bar, None, None)
    assert told == [0, 1, 2, 3, 4], "no second subscription came of it"


def test_a_run_is_looked_at_over_its_own_tape_only() -> None:
    long, short = (
        backtest.Tape.of_rows(walk(count, 1), days_per_year=365, interval_ns=MINUTE) for count in (50, 5)
    )
    settings = backtest.Settings(instrument(), 10**14, share=Decimal(1))
    run = backtest.run(long, in_and_out(50), settings)
    assert len(run.fills) == 2
    with pytest.raises(ValueError, match="the tape that it ran over"):
        run._core.equity(short.core, settings.core)


def test_a_sweep_of_a_million_threads_is_refused() -> None:
    tape = backtest.Tape.of_rows(walk(5, 1), days_per_year=365, interval_ns=MINUTE)
    settings = backtest.Settings(instrument(), 10**14, share=Decimal(1))
    with pytest.raises(ValueError, match="threads"):
        backtest.Sweep(tape, backtest.source_of(np.ones((1, 5), np.int8)), settings, threads=10**6)


def test_a_line_beside_an_object_that_is_none_is_an_error() -> None:
    made = make([free()], walk(5, 1), interval_ns=MINUTE, cash_e8=10**14)
    line = made.line(0, 0, "sma:2", "")
    with pytest.warns(RuntimeWarning, match="uninitialized"), pytest.raises((TypeError, RuntimeError)):
        line.crossed_above(_native.Line.__new__(_native.Line))


# ---- many orders, many symbols -------------------------------------------------------------------------


def course(orders: range, rows: Rows, seed: int = 3) -> list[list[int]]:
    """Reports on resting orders of one side over rows, changed and cancelled by order: none knows another."""
    made = Exchange([free()], 10**15, latency_ns=7 * 10**9)
    changes: dict[int, list[tuple[int, bool, dict[str, int | None]]]] = {}
    for number in orders:
        dice = Random(seed * 10**6 + number)
        price = lambda: 300_000 + dice.randint(-9_000, 9_000)  # noqa: B023, E731
        kind, more = dice.choice(("limit", "stop")), {}
        if dice.random() < 0.1:
            more = {"force": "gtd", "good_until": dice.randrange(3, len(rows)) * MINUTE}
        side, lots = "buy" if seed % 2 else "sell", dice.randint(1, 9)
        made.submit(f"o{number}", 0, "X", side, kind, "entry", lots, price(), **more)
        for _ in range(dice.choice((0, 0, 1, 2))):
            change: dict[str, int | None] = {
                "lots": dice.choice((None, 1, 12)),
                "price": dice.choice((None, price())),
            }
            changes.setdefault(dice.randrange(len(rows)), []).append((number, dice.random() < 0.3, change))
    found: list[list[int]] = []
    for place in range(len(rows)):
        for number, ends, change in changes.get(place, []):
            if ends:
                made.cancel(f"o{number}", max(made.now, 0))
            else:
                made.replace(f"o{number}", max(made.now, 0), lots=change["lots"], price=change["price"])
        told = made.watch(rows[place : place + 1])
        found += [
            [row[0], int(made.name(row[Told.ORDER])[1:]), row[1], *row[6:]]
            for row in told[told[:, Told.ORDER] >= 0].tolist()
        ]
    return sorted(found)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_deep_book_fills_as_shallow_ones_do(seed: int) -> None:
    rows = walk(60, seed, step=600)
    rows[30, [Market.KIND, Market.OPEN, Market.CLOSE]] = 1, 300_000, 300_400  # a roll carries every price
    deep = course(range(400), rows, seed)
    shallow = [row for first in range(0, 400, 40) for row in course(range(first, first + 40), rows, seed)]
    kinds = {row[2] for row in deep}
    assert {Kind.FILL, Kind.CANCELLED, Kind.REPLACED, Kind.EXPIRED} <= kinds
    assert sum(row[2] == Kind.FILL for row in deep) > 100
    assert deep == sorted(shallow), "a deep book differs"


def test_a_price_forgotten_by_a_deep_book_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = walk(40, 4, step=600)
    whole = course(range(200), rows)
    ask = Exchange.replace
    monkeypatch.setattr(
        Exchange, "replace", lambda self, name, at, *, lots, price: ask(self, name, at, lots=lots or 1)
    )
    assert course(range(200), rows) != whole, "what the comparison above rests on"


def test_ten_thousand_open_orders_are_there_and_fill() -> None:
    made = Exchange([free()], 10**15)
    for number in range(10_000):
        made.submit(f"o{number}", 0, "X", "buy", "limit", "entry", 1, 290_000 - number)
    rows = walk(50, 1, step=10)
    assert Kind.FILL not in made.run(rows)[:, Told.KIND]
    assert made.working == 10_000
    last = rows[-1:].copy()
    last[:, Market.AT] += MINUTE
    last[:, Market.START] += MINUTE
    last[:, Market.LOW] = 285_000
    filled = made.run(last)
    filled = filled[filled[:, Told.KIND] == Kind.FILL]
    assert len(filled) == 5_001 and made.working == 4_999
    assert filled[:, Told.PRICE].tolist() == [290_000 - number for number in range(5_001)], "in their order"


def test_five_hundred_symbols_trade_side_by_side() -> None:
    names = [f"S{number}" for number in range(500)]
    blocks = [walk(4, number, number) for number in range(500)]
    rows = np.stack(blocks, 1).reshape(-1, len(Market))
    run = BODIES["class"](in_and_out(2_000), setting(rows, *map(free, names), size=share("0.1%")))
    assert run.runner.equity.shape == (4,)
    assert len(run.fills) > 0
