"""The signal body: `get_signal(ohlcv, state)`, asked at every close with what is known by then."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from quorate.core.errors import InputError
from quorate.research.ohlcv import View
from quorate.research.parameters import Value
from quorate.research.strategy import Strategy

if TYPE_CHECKING:
    from quorate.native.runner import ClosedBar

ACTIONS = {"buy": 1.0, "sell": -1.0, "close": 0.0, "hold": math.nan}
FIELDS = ("action", "confidence", "stop_loss", "take_profit")


class Signal(NamedTuple):
    """An answer, checked: stance or NaN for hold, confidence 0..1, distances as shares of the price."""

    stance: float
    confidence: float
    stop_loss: float | None
    take_profit: float | None


def read(answer: Any) -> Signal:
    """The signal that an answer spells. Raises InputError for any other."""
    if not isinstance(answer, Mapping):
        raise InputError(f"answers a {type(answer).__name__}", todo='a dict such as {"action": "hold"}')
    for name in answer:
        if name not in FIELDS:
            raise InputError(f"answers an unknown '{name}'", todo=f"there are: {', '.join(FIELDS)}")
    action = answer.get("action")
    stance = ACTIONS.get(action.lower()) if isinstance(action, str) else None
    if stance is None:
        raise InputError(f"action {action!r} is none", todo=f"one of {', '.join(ACTIONS)}")
    confidence = _share("confidence", answer.get("confidence", 1.0), 0.0, 1.0)
    stop, target = (
        None if answer.get(name) is None else _share(name, answer[name], 0.0, limit)
        for name, limit in (("stop_loss", 1.0), ("take_profit", math.inf))
    )
    if stop is not None and stop >= 1:
        raise InputError(f"stop_loss {stop:g} of the price leaves nothing", todo="write 0.05 for 5 %")
    if target and not stop:
        raise InputError("take_profit needs a stop_loss beside it")
    if target and stance < 0 and target >= 1:
        raise InputError(f"take_profit {target:g} of a short is below a price of nothing")
    return Signal(stance, confidence, stop or None, target or None)


def _share(name: str, value: Any, least: float, most: float) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not least <= number <= most or math.isinf(number):
        raise InputError(f"{name} must be a number from {least:g} to {most:g}, not {value!r}")
    return number


class SignalStrategy(Strategy):
    """A `get_signal` at work: asked at every bar of the one instrument, its answers become stances."""

    def __init__(self, function: Callable[..., Any], values: Mapping[str, Value], where: str) -> None:
        super().__init__(where=where)
        self._function, self._values, self._where = function, dict(values), where
        self._state: dict[str, Any] = {}
        self.confidence_sum = 0.0
        self.signals = 0

    def start(self) -> None:
        """One instrument, all its bars."""
        self._view = View(self.desk.runner)

    def on_bar(self, bar: ClosedBar) -> None:
        """Ask, and follow."""
        state = self._state
        state["position"], state["equity"] = self.position.units, self.equity
        state["params"] = dict(self._values)
        try:
            signal = read(self._function(self._view, state, **self._values))
        except InputError as error:
            raise InputError(f"bar {bar.number}: {error.what}", where=self._where, todo=error.todo) from error
        if math.isnan(signal.stance):
            return
        self.signals += 1
        self.confidence_sum += signal.confidence
        if signal.stance == 0:
            self.target(0)
            return
        price = bar.close
        stop = None if signal.stop_loss is None else price * (1 - signal.stance * signal.stop_loss)
        target = None if signal.take_profit is None else price * (1 + signal.stance * signal.take_profit)
        self.target(signal.stance, stop=stop, target=target)

    def check_state(self) -> None:
        """Raises InputError unless what the function keeps is JSON, so that it could be carried on later."""
        try:
            json.dumps(self._state, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"state is not JSON: {error}", where=self._where) from error
