"""A class body: its parameters, what it may read, what its verbs do, and what is said of wrong use."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quorate.core.errors import ConfigError, InputError, LookAheadError
from quorate.core.instant import MINUTE
from quorate.native.exchange import Kind, Market, Told
from quorate.native.runner import Traded
from quorate.research.prices import ticks_of
from quorate.research.run import Run, Setting, Size, run_class
from quorate.research.strategy import Strategy
from tests.research_support import free, setting, share, walk

ROWS = walk(30, 5)


def play(on_bar: Callable[[Any, Any], None], where: Setting | None = None, **methods: Any) -> Run:
    """A run of a class with this `on_bar` and these other methods."""
    return run_class(type("Played", (Strategy,), {"on_bar": on_bar, **methods}), {}, where or setting(ROWS))


def flat(*closes: int) -> Any:
    """Bars without a range at these prices, each opening where it closes."""
    rows = walk(len(closes), 1)
    for column in (Market.OPEN, Market.HIGH, Market.LOW, Market.CLOSE):
        rows[:, column] = closes
    return rows


class Numbers(Strategy):
    """One parameter of each type."""

    count: int = 3
    rate: float = 0.5
    word: str = "a"
    on: bool = False
    _kept = 1


def test_parameters_are_read_as_their_types() -> None:
    made = Numbers({"count": "7", "rate": 2, "on": "true"})
    assert (made.count, made.rate, made.word, made.on) == (7, 2.0, "a", True)
    assert made.parameters == {"count": 7, "rate": 2.0, "word": "a", "on": True}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cuont": 1}, "did you mean 'count'"),
        ({"count": "7.5"}, "count must be a whole number, not '7.5'"),
        ({"count": True}, "count must be a whole number"),
        ({"rate": "nan"}, "rate must be a finite number"),
        ({"on": "maybe"}, "on must be true or false"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Numbers(given)


def test_a_parameter_needs_a_value_and_a_plain_type() -> None:
    unset = type("Unset", (Strategy,), {"__annotations__": {"n": "int"}})
    with pytest.raises(ConfigError, match="'n' has no value"):
        unset()
    odd = type("Odd", (Strategy,), {"__annotations__": {"n": "list[int]"}, "n": []})
    with pytest.raises(ConfigError, match="annotated"):
        odd()


# ---- reading -------------------------------------------------------------------------------------------


def test_bars_and_closes_are_those_so_far() -> None:
    scale = 0.01
    seen = []

    def on_bar(self: Any, bar: Any) -> None:
        row = ROWS[bar.number]
        assert bar.at == row[Market.AT] == self.now
        assert bar.start == row[Market.START]
        assert bar.instrument == "X"
        for name, column in (("open", 4), ("high", 5), ("low", 6), ("close", 7)):
            assert getattr(bar, name) == row[column] * scale
        assert self.closes(5).tolist() == (ROWS[: bar.number + 1, 7][-5:] * scale).tolist()
        assert self.volumes(1)[0] == bar.volume
        seen.append(bar)

    play(on_bar)
    assert [bar.number for bar in seen] == list(range(30)), "bars that are kept must stay what they were"


def test_the_bar_is_one_object_where_nobody_keeps_it() -> None:
    places = set()
    play(lambda self, bar: places.add(id(bar)))
    assert len(places) == 1


def test_what_is_read_reaches_nothing_later() -> None:
    def on_bar(self: Any, bar: Any) -> None:
        runner = self.desk.runner
        for array in (self.closes(99), runner.view(0, 0, 3), runner.instants(0, 0)):
            check_reach(array, bar.number + 1)

    play(on_bar)


def check_reach(array: Any, bars: int) -> None:
    """No array behind this one is longer than the bars that are known."""
    step = array
    while isinstance(step, np.ndarray):
        assert len(step) <= bars, "an array behind this one reaches later bars"
        step = step.base


def test_a_cut_of_a_whole_array_is_found_to_reach_further() -> None:
    with pytest.raises(AssertionError, match="reaches later bars"):
        check_reach(np.arange(30.0)[:5], 5)


def test_views_cannot_be_written_to() -> None:
    def on_bar(self: Any, bar: Any) -> None:
        with pytest.raises(ValueError, match="read-only"):
            self.desk.runner.view(0, 0, 3)[0] = 1.0

    run = play(on_bar)
    assert run.runner.bars(0, 0) == 30


def test_lines_look_back_only() -> None:
    def start(self: Any) -> None:
        self.line = self.indicator("sma", 3)

    def on_bar(self: Any, bar: Any) -> None:
        closes = ROWS[: bar.number + 1, 7] * 0.01
        if bar.number >= 3:
            assert float(self.line) == self.line.value == self.line[0] == self.line.lag(0)
            assert self.line[0] == pytest.approx(closes[-3:].mean(), rel=1e-12)
            assert self.line[-1] == self.line.lag(1) == self.line.last(2)[0]
            assert self.line[-1] == pytest.approx(closes[-4:-1].mean(), rel=1e-12)
        assert np.isnan(self.line[-40])

    play(on_bar, start=start)


@pytest.mark.parametrize("peek", [lambda line: line[1], lambda line: line.lag(-1)])
def test_lines_refuse_the_future(peek: Callable[[Any], float]) -> None:
    with pytest.raises(LookAheadError, match="yet to come"):
        play(lambda self, bar: peek(self.indicator("sma:3")))


def test_a_late_line_has_caught_up() -> None:
    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == 20:
            self.late = self.indicator("ema", 5)
        if bar.number >= 20:
            assert self.late.value == self.first.value
            assert len(self.late) == bar.number + 1

    play(on_bar, start=lambda self: setattr(self, "first", self.indicator("ema:5")))


def test_crosses_are_of_this_bar() -> None:
    found = []

    def on_bar(self: Any, bar: Any) -> None:
        quick, calm = self.indicator("sma:2"), self.indicator("sma:5")
        now, before = quick.value - calm.value, quick[-1] - calm[-1]
        assert quick.crossed_above(calm) == (before <= 0 < now)
        assert quick.crossed_below(calm) == (before >= 0 > now)
        assert (quick > calm) == (now > 0)
        level = ROWS[0, 7] * 0.01
        assert quick.crossed_above(level) == (quick[-1] <= level < quick.value)
        found.append(quick.crossed_above(calm))

    play(on_bar, setting(walk(80, 5)))
    assert any(found)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda self: self.indicator("smaa", 3), "unknown"),
        (lambda self: self.indicator("macd:3:6:2"), "name one of macd_3_6_2_line"),
        (lambda self: self.indicator("sma:3", every="90s"), "cannot be made of"),
        (lambda self: self.indicator("sma:3", instrument="Y"), "no instrument is called 'Y'"),
        (lambda self: self.bars(every="3x"), "not a span"),
        (lambda self: self.closes(0), "last 0 bars"),
        (lambda self: self.timer(), "rings at an instant, or every span"),
        (lambda self: self.buy(), "of units, or of a share"),
        (lambda self: self.buy(-1), "no quantity"),
        (lambda self: self.buy(1, take_profit=9.0), "needs a stop_loss"),
        (lambda self: self.buy(1, limit=float("nan")), "is not a price"),
        (lambda self: self.target(2), "from -1 to 1"),
        (lambda self: self.target(float("nan")), "from -1 to 1"),
        (lambda self: self.target("all"), "target"),
        (lambda self: self.target(1, target=5.0), "needs a stop"),
        (lambda self: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_wrong_use_is_one_line(ask: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        play(lambda self, bar: ask(self))
    assert "\n" not in caught.value.line()


def test_an_indicator_of_one_own_column_needs_no_name() -> None:
    play(lambda self, bar: None, start=lambda self: self.indicator("adx:3"))
    run = play(lambda self, bar: None, start=lambda self: self.indicator("macd:3:6:2", column="hist"))
    assert run.runner.line(0, 0, "macd:3:6:2", "hist").name == "macd_3_6_2_hist"


def test_before_a_run_there_is_no_market() -> None:
    with pytest.raises(InputError, match="no market yet"):
        Numbers().closes(3)


# ---- trading -------------------------------------------------------------------------------------------


def on(number: int, act: Callable[[Any], Any]) -> Callable[[Any, Any], None]:
    """An `on_bar` that acts at one bar."""
    return lambda self, bar: act(self) if bar.number == number else None


def fills(run: Run) -> list[list[int]]:
    """(bar, side, lots, price) of every fill."""
    at = run.setting.rows[:, Market.AT].tolist()
    return [
        [at.index(row[Told.AT]), row[Told.SIDE], row[Told.LOTS], row[Told.PRICE]]
        for row in run.fills.tolist()
    ]


def test_a_stance_fills_at_the_next_open_and_is_sized_once() -> None:
    where = setting(flat(1000, 1000, 2000, 2000, 500, 500), free(), size=share("50%"))
    run = play(lambda self, bar: self.target([1, 1, 1, -0.5, 0, 0][bar.number]), where)
    # 500,000 at 10.00 are 50,000 units; at 20.00 equity is 1.5m: an eighth of it in units of 20 is short.
    assert fills(run)[0] == [1, 1, 50_000_000, 1000]
    assert fills(run)[1] == [4, -1, 50_000_000, 500]
    assert fills(run)[2] == [4, -1, 18_750_000, 500]
    assert fills(run)[3] == [5, 1, 18_750_000, 500]


def test_a_smaller_stance_on_the_same_side_trades_the_difference() -> None:
    where = setting(flat(*[1000] * 5), free(), size=share("10"))
    run = play(lambda self, bar: self.target([0.5, 1, 0.25, 0.25, 0.25][bar.number]), where)
    assert fills(run) == [[1, 1, 5_000, 1000], [2, 1, 5_000, 1000], [3, -1, 7_500, 1000]]


def test_decisions_wait_while_orders_are_on_their_way() -> None:
    rows = flat(*[1000] * 8)
    rows[1:4, Market.VOLUME] = 0  # frozen: nothing trades
    stances = [1, -1, 0.5, -0.25, -0.25, 0, 0, 0]
    run = play(lambda self, bar: self.target(stances[bar.number]), setting(rows, free(), size=share("8")))
    assert fills(run) == [
        [4, 1, 8_000, 1000],
        [5, -1, 8_000, 1000],
        [5, -1, 2_000, 1000],
        [6, 1, 2_000, 1000],
    ]


def test_a_bracket_takes_a_stance_out_and_it_stays_out() -> None:
    rows = flat(1000, 1000, 1000, 1000, 1000, 1000)
    rows[3, Market.LOW] = 850
    where = setting(rows, free(), size=share("10"))
    run = play(lambda self, bar: self.target(1, stop=9.0, target=20.0), where)
    assert fills(run) == [[1, 1, 10_000, 1000], [3, -1, 10_000, 900]]
    assert run.trades[0, Traded.EXIT_ROLE] == 2


def test_a_limit_entry_is_taken_back_by_the_next_stance() -> None:
    where = setting(flat(1000, 1000, 1000, 1000, 1000), free(), size=share("10"))

    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == 0:
            self.target(1, limit=9.995)
        if bar.number == 2:
            self.target(-1)

    run = play(on_bar, where)
    assert fills(run) == [[3, -1, 10_000, 1000]]
    assert (run.reports[:, Told.KIND] == Kind.CANCELLED).sum() == 1


def test_buy_and_sell_cover_before_they_open() -> None:
    tickets = []

    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == 0:
            tickets.append(self.sell(3))
            assert self.orders == [tickets[0]]
        if bar.number == 2:
            assert self.position.units == -3
            assert self.position.average == 10.0
            assert tickets[0].status == "filled"
            tickets.append(self.buy(5))
        if bar.number == 4:
            assert (self.position.lots, bool(self.position)) == (2_000, True)
            assert self.close()
        if bar.number == 6:
            assert not self.close()
            assert self.orders == []

    run = play(on_bar, setting(flat(*[1000] * 7), free()))
    assert [row[1:3] for row in fills(run)] == [[-1, 3_000], [1, 3_000], [1, 2_000], [-1, 2_000]]


def test_close_and_buy_in_one_go_turn_a_position() -> None:
    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == 0:
            self.sell(2)
        if bar.number == 2:
            self.close()
            self.buy(1)
            self.buy(1)
        if bar.number == 4:
            assert self.position.units == 2

    run = play(on_bar, setting(flat(*[1000] * 7), free()))
    assert [row[1:3] for row in fills(run)] == [[-1, 2_000], [1, 2_000], [1, 1_000], [1, 1_000]]


def test_orders_at_a_price_wait_and_can_be_cancelled() -> None:
    rows = flat(*[1000] * 6)
    rows[2, Market.LOW] = 900
    held = {}

    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == 0:
            held["deep"] = self.buy(1, limit=8.0)
            held["near"] = self.buy(share=0.001, limit=9.509)
            held["stop"] = self.sell(1, trigger=8.5)
        if bar.number == 3:
            assert held["near"].filled == 100.0  # 1,000 of equity at the decision's close
            assert held["deep"].cancel()
            assert held["deep"].filled == 0

    run = play(on_bar, setting(rows, free()))
    assert held["deep"].status == "cancelled"
    assert held["stop"].status == "accepted"
    assert [row[3] for row in fills(run)] == [950]


def test_less_than_a_lot_is_a_note_and_no_order() -> None:
    run = play(lambda self, bar: self.buy(0.0004))
    assert run.runner.orders == 0
    assert any("less than one lot" in note for note in run.notes)
    small = play(lambda self, bar: self.target(0.0001), setting(ROWS, size=share("1")))
    assert small.runner.orders == 0
    assert any("too small" in note for note in small.notes)


@pytest.mark.parametrize(
    ("price", "way", "ticks"),
    [(10.019, -1, 1001), (10.011, 1, 1002), (10.015, 0, 1002), (123.45, -1, 12345), (123.45, 1, 12345)],
)
def test_prices_are_rounded_to_our_favour_or_to_the_nearest(price: float, way: int, ticks: int) -> None:
    assert ticks_of(price, 0.01, way) == ticks


def test_fills_and_refusals_are_told() -> None:
    told: list[Any] = []

    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == 0:
            self.buy(2)
            self.buy(10_000_000)

    run = play(
        on_bar,
        setting(flat(*[1000] * 4)),
        on_fill=lambda self, fill: told.append(fill),
        on_reject=lambda self, notice: told.append(notice),
    )
    assert [(each.units, each.side, each.reason) for each in told] == [(2.0, "buy", ""), (0.0, "", "margin")]
    assert told[0].price == pytest.approx(10.0, abs=0.02)
    assert run.rejections == {"margin": 1}


def test_timers_ring_before_their_bar() -> None:
    rung: list[tuple[int, int]] = []

    def start(self: Any) -> None:
        self.timer(at=90 * MINUTE // 60)
        self.timer(every="2m")

    run = play(
        lambda self, bar: None,
        setting(walk(5, 1)),
        start=start,
        on_timer=lambda self, number: rung.append((number, self.now)),
    )
    assert rung == [(0, 3 * MINUTE // 2), (1, 2 * MINUTE), (1, 4 * MINUTE)]
    assert run.runner.orders == 0


def test_a_run_leaves_no_ring_of_references_behind() -> None:
    run = play(on(2, lambda self: self.target(1)))
    assert gc.is_tracked(run.notes) or run.notes == ()
    with pytest.raises(ValueError, match="runs once"):
        run.runner.run(lambda bar: None, None, None)


@pytest.mark.parametrize("text", ["", "0%", "-1", "x", "nan", "inf"])
def test_sizes_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no size"):
        Size.read(text)


def test_sizes_are_spelled_as_they_were_given() -> None:
    assert [str(Size.read(text)) for text in ("95%", "12.5%", "100%", "0.01")] == [
        "95%",
        "12.5%",
        "100%",
        "0.01",
    ]
    with pytest.raises(ConfigError, match="less than a lot"):
        setting(ROWS, size=share("0.0001")).runner()


def test_a_position_beside_a_number_means_its_units() -> None:
    told: list[tuple[bool, ...]] = []

    def on_bar(self: Any, bar: Any) -> None:
        held = self.position
        told.append((held == 0, held != 0, held > 0, held < 0, held >= 1, held <= -2, bool(held)))
        if bar.number == 0:
            self.sell(2)

    play(on_bar)
    assert told[0] == (True, False, False, False, False, False, False)
    assert told[-1] == (False, True, False, True, False, True, True)


def test_a_call_that_is_misspelt_is_noted() -> None:
    kind = type("Deaf", (Strategy,), {"on_bars": lambda self, bar: None, "on_signal": lambda self: None})
    assert run_class(kind, {}, setting(ROWS)).notes == (
        "on_bars is none of the calls (did you mean on_bar?)",
        "nothing is ever asked: there is no on_bar, on_tick or on_timer",
    )


def test_what_fails_in_start_fails_before_the_first_bar() -> None:
    def start(self: Any) -> None:
        raise KeyError("x")

    with pytest.raises(InputError, match="fails before the first bar: KeyError: 'x'"):
        play(lambda self, bar: None, start=start)
