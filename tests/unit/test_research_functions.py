"""Function bodies: what array and signal functions may answer, and that none of them sees ahead unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quorate.core.errors import InputError, LookAheadError
from quorate.native.exchange import Market, Told
from quorate.research.array import cuts_of
from quorate.research.run import Run, run_array, run_signal
from tests.research_support import as_array, free, setting, share, walk

WHERE = setting(walk(200, 4))


def array(function: Callable[..., Any], **values: Any) -> Run:
    return run_array(function, values, WHERE)


def signal(function: Callable[..., Any], **values: Any) -> Run:
    return run_signal(function, values, WHERE)


# ---- arrays --------------------------------------------------------------------------------------------


def honest(ohlcv: Any) -> Any:
    return np.sign(np.diff(ohlcv.close, prepend=ohlcv.close[0]))


PEEKS: dict[str, Callable[[Any], Any]] = {
    "the next bar": lambda o: np.sign(np.diff(o.close, append=o.close[-1])),
    "the mean of all": lambda o: np.where(o.close > o.close.mean(), 1.0, -1.0),
    "the highest of all": lambda o: o.close / o.high.max(),
    "how many there are": lambda o: np.full(len(o), 1.0 if len(o) % 2 else -1.0),
    "a stop that knows": lambda o: {"position": honest(o), "stop": np.full(len(o), o.low[-1])},
}


@pytest.mark.parametrize("name", PEEKS)
def test_a_function_that_peeks_is_stopped(name: str) -> None:
    with pytest.raises(LookAheadError, match="bars are known"):
        array(PEEKS[name])


def test_an_honest_function_is_asked_again_and_runs() -> None:
    asked = []

    def counting(ohlcv: Any) -> Any:
        asked.append(len(ohlcv))
        return honest(ohlcv)

    run = array(counting)
    assert asked == [200, *cuts_of(200, 1, honest(WHERE.ohlcv))]
    assert run.cuts == len(asked) - 1 == 4
    assert len(run.trades) > 20


def test_cuts_are_seeded_and_hold_the_last_bar() -> None:
    assert cuts_of(1_000, 1) == cuts_of(1_000, 1)
    assert cuts_of(1_000, 1) != cuts_of(1_000, 2)
    assert all(max(cuts_of(n, 3)) == n - 1 and min(cuts_of(n, 3)) >= 1 for n in range(2, 50))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("leaves", [False, True])
def test_who_peeks_only_now_and_then_is_met_where_it_does(seed: int, *, leaves: bool) -> None:
    where = setting(walk(2_000, 4), seed=seed)

    def seldom(ohlcv: Any) -> Any:
        number = np.arange(len(ohlcv))
        moves = np.diff(ohlcv.close, append=ohlcv.close[-1])
        seen = (number % 100 == 50) & ((moves < 0) if leaves else (moves > 0))
        known = number % 100 == (0 if leaves else 60)
        return np.select([seen, known], [0.0, 1.0] if leaves else [1.0, 0.0], np.nan)

    with pytest.raises(LookAheadError, match="bars are known"):
        run_array(seldom, {}, where)


def test_what_a_function_remembers_of_later_bars_is_unknown_to_its_fresh_copy() -> None:
    def made() -> Callable[[Any], Any]:
        kept: list[float] = []

        def fitted(ohlcv: Any) -> Any:
            if not kept:
                kept.append(float(ohlcv.close.mean()))
            return np.where(ohlcv.close < kept[0], 1.0, -1.0)

        return fitted

    assert run_array(made(), {}, WHERE).cuts == 4  # the one that answered still knows
    with pytest.raises(LookAheadError, match="bars are known"):
        run_array(made(), {}, WHERE, afresh=made)


def test_shorter_histories_hold_nothing_of_the_rest() -> None:
    def reaching(ohlcv: Any) -> Any:
        base = ohlcv.close.base
        longest = len(ohlcv.close) if base is None else len(base)
        return np.full(len(ohlcv), 1.0 if longest == 200 else 0.0)

    with pytest.raises(LookAheadError):
        array(reaching)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda o: np.ones(3), "shape"),
        (lambda o: "all", "not an array"),
        (lambda o: np.full(len(o), 1.5), "bar 0: position 1.5 is not from -1 to 1"),
        (lambda o: {"stance": honest(o)}, "answers stance"),
        (lambda o: {"stop": honest(o)}, "answers no position"),
        (lambda o: {"position": honest(o), "target": o.close}, "needs a stop"),
        (lambda o: {"position": honest(o), "stop": o.close * -1}, "is not a price"),
        (lambda o: o.typical, "AttributeError"),
        (lambda o: o.close.__setitem__(0, 1.0), "read-only"),
    ],
)
def test_wrong_answers_of_an_array_are_one_line(answer: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        array(answer)
    assert "\n" not in caught.value.line()


def test_prices_of_an_array_are_the_orders_own() -> None:
    rows = walk(60, 9)
    where = setting(rows, free(), size=share("10"))
    wanted = {
        "position": np.array([1.0] + [np.nan] * 59),
        "limit": np.full(60, 2_999.987),
        "stop": np.full(60, 2_800.0),
        "target": np.full(60, 3_500.0),
    }
    run = run_array(lambda o: {name: each[: len(o)] for name, each in wanted.items()}, {}, where)
    fill = run.fills[0].tolist()
    assert fill[Told.PRICE] <= 299_998
    assert np.flatnonzero(rows[1:, Market.LOW] <= 299_998)[0] + 1 == np.flatnonzero(
        rows[:, Market.AT] == fill[Told.AT]
    )


# ---- signals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "answers a NoneType"),
        ({}, "action None is none"),
        ({"action": "up"}, "one of buy, sell, close, hold"),
        ({"action": "buy", "confidnce": 1}, "unknown 'confidnce'"),
        ({"action": "buy", "confidence": 1.5}, "confidence must be a number from 0 to 1"),
        ({"action": "buy", "confidence": float("nan")}, "confidence must be"),
        ({"action": "buy", "stop_loss": 1.0}, "leaves nothing"),
        ({"action": "buy", "take_profit": 0.1}, "needs a stop_loss"),
        ({"action": "sell", "stop_loss": 0.1, "take_profit": 2}, "below a price of nothing"),
    ],
)
def test_wrong_signals_are_one_line_that_names_the_bar(answer: Any, said: str) -> None:
    def get_signal(ohlcv: Any, state: Any) -> Any:
        return answer if len(ohlcv) == 5 else {"action": "hold"}

    with pytest.raises(InputError, match="bar 4: ") as caught:
        signal(get_signal)
    assert said in caught.value.line()
    assert "\n" not in caught.value.line()


def test_a_signal_sees_what_is_known_and_keeps_its_state() -> None:
    def get_signal(ohlcv: Any, state: Any, *, every: int) -> Any:
        state["calls"] = state.get("calls", 0) + 1
        assert len(ohlcv) == len(ohlcv.close) == len(ohlcv["ts"]) == state["calls"]
        assert ohlcv.ts[-1] == WHERE.rows[len(ohlcv) - 1, Market.AT]
        assert ohlcv.close.tolist() == WHERE.ohlcv.close[: len(ohlcv)].tolist()
        assert state["params"] == {"every": every}
        seen.append(state["position"])
        return {"action": "buy" if state["calls"] % every == 1 else "Close", "confidence": 0.5}

    seen: list[float] = []
    run = signal(get_signal, every=4)
    assert len(seen) == 200
    assert max(seen) > 0 == min(seen)
    assert run.confidence == 0.5


def test_a_view_kept_from_an_earlier_bar_has_not_grown() -> None:
    kept: list[Any] = []

    def get_signal(ohlcv: Any, state: Any) -> Any:
        kept.append(ohlcv.close)
        assert [len(each) for each in kept] == list(range(1, len(kept) + 1))
        assert all(not isinstance(each.base, np.ndarray) for each in kept)
        return {"action": "hold"}

    signal(get_signal)
    assert kept[10].tolist() == WHERE.ohlcv.close[:11].tolist()


def test_state_must_be_json() -> None:
    def get_signal(ohlcv: Any, state: Any) -> Any:
        state["seen"] = ohlcv
        return {"action": "hold"}

    with pytest.raises(InputError, match="state is not JSON"):
        signal(get_signal)


def test_stops_of_a_signal_are_shares_of_the_close() -> None:
    def get_signal(ohlcv: Any, state: Any) -> Any:
        short = {"action": "sell", "stop_loss": 0.004, "take_profit": 0.005}
        return short if len(ohlcv) == 3 else {"action": "hold"}

    run = run_signal(get_signal, {}, setting(walk(400, 11), free(), size=share("10")))
    price = run.setting.ohlcv.close[2]
    close = run.fills[1].tolist()
    assert close[Told.PRICE] in (round(price * 1.004 * 100), round(price * 0.995 * 100))


def test_functions_are_of_one_instrument() -> None:
    two = setting(WHERE.rows, free("A"), free("B"))
    for run in (lambda: run_array(honest, {}, two), lambda: run_signal(honest, {}, two)):
        with pytest.raises(InputError, match="one instrument"):
            run()


def test_nothing_wanted_is_nothing_done() -> None:
    run = as_array(np.full(200, np.nan), WHERE)
    assert (run.runner.orders, run.runner.equity_e8) == (0, WHERE.cash.count)
