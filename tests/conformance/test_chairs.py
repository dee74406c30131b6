"""Every filler of every chair keeps its chair's promises; and each promise, when broken, is seen to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from quorate.adapters.feeds.series import Series
from quorate.adapters.feeds.synthetic import SyntheticSpec, synthetic
from quorate.app.conformance import FEEDS, SUITES, conform, conform_file
from quorate.app.recipe import read_values, rulebook_of
from quorate.app.registry import CHAIRS, Registry
from quorate.app.tryout import Check
from quorate.app.tryout_orders import LOOKS, examine_rules
from quorate.core.order import Answer, Finding, Order
from quorate.core.roles import View
from quorate.core.signal import Signal
from quorate.native.tape import Panel
from quorate.shield.limits import built_in
from tests.support import ROOT

PLUGINS = sorted((ROOT / "examples" / "plugins").glob("*.py"))
BUILT_IN = [(chair, name) for chair in CHAIRS for name in Registry().names(chair)]
FORMS = (
    "sma:10", "ema:10", "wma:10", "rsi:14", "atr:14", "adx:14", "macd:12:26:9", "bollinger:20:2",
    "donchian:20", "stochastic:14:3:3", "roc:10", "cci:20", "volatility:20", "zscore:20", "obv",
    "keltner:20:2",
)  # fmt: skip


def broken(checks: Sequence[Check]) -> dict[str, str]:
    return {check.promise: check.why for check in checks if not check.ok}


def test_every_chair_has_a_suite_and_an_example() -> None:
    assert {*SUITES, "tactics", "rules", "feeds"} == set(CHAIRS)
    assert {f"{path.stem}s" for path in PLUGINS} == set(CHAIRS)
    assert FEEDS and LOOKS


@pytest.mark.parametrize(("chair", "name"), BUILT_IN)
def test_built_ins_keep_their_promises(chair: str, name: str) -> None:
    assert not broken(conform(chair, Registry().get(chair, name)))


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_example_plugins_keep_their_promises_in_forty_lines(path: Path) -> None:
    found = conform_file(path)
    assert [chair for chair, _, _ in found] == [f"{path.stem}s"]
    assert not broken(found[0][2])
    text = path.read_text("utf-8")
    assert text.count("\n") <= 40 and text.startswith('"""') and f"quorate doctor {path.name}" in text


def test_every_limit_of_the_shield_keeps_its_promises() -> None:
    rules = built_in(rulebook_of(*read_values("rulebook", "balanced")))
    found = examine_rules(rules)
    assert len(found) == len(rules) > 20
    assert not {name: broken(checks) for name, checks in found.items() if broken(checks)}


class Native:
    """A native indicator in the Python chair."""

    def __init__(self, form: str) -> None:
        self.name = form
        self.panel = Panel([form])
        self.outputs = self.panel.columns

    def update(self, *bar: float) -> list[float]:
        self.panel.update(*bar)
        return [self.panel.value(place) for place in range(len(self.outputs))]


@pytest.mark.parametrize("form", FORMS)
def test_native_indicators_keep_their_promises(form: str) -> None:
    assert not broken(conform("indicators", lambda: Native(form)))


# ---- planted defects ---------------------------------------------------------------------------------


class Honest:
    """An agent without fault, for others to spoil."""

    name = "honest"

    def features(self) -> list[str]:
        return []

    def hear(self, view: View, instrument: str) -> Signal | None:
        return self.signal(view, instrument, 0.6 if view.count(instrument) % 2 else 0.4)

    def signal(self, view: View, instrument: str, chance: float, **more: Any) -> Signal:
        return Signal(view.at, self.name, instrument, chance, 5, (("count", float(view.count(instrument))),))


FUTURE: dict[tuple[str, int], float] = {}


class Peeker(Honest):
    """Keeps all closes it ever saw in a global, and looks five bars ahead in it on the next run."""

    def hear(self, view: View, instrument: str) -> Signal | None:
        count, close = view.count(instrument), view.close(instrument)
        FUTURE[instrument, count] = close
        ahead = FUTURE.get((instrument, count + 5), close)
        return self.signal(view, instrument, 0.9 if ahead > close else 0.1)


class Hoarder(Honest):
    """Adjusts to the last price anyone ever saw, as a normalisation over the whole frame does."""

    seen = 0.0

    def hear(self, view: View, instrument: str) -> Signal | None:
        Hoarder.seen = max(Hoarder.seen, view.close(instrument))
        return self.signal(view, instrument, round(0.5 * view.close(instrument) / Hoarder.seen, 6))


class Sure(Honest):
    def hear(self, view: View, instrument: str) -> Signal | None:
        return self.signal(view, instrument, 1.2)


class Vague(Honest):
    def hear(self, view: View, instrument: str) -> Signal | None:
        return self.signal(view, instrument, 1 / 3)


class Impostor(Honest):
    def hear(self, view: View, instrument: str) -> Signal | None:
        return msgspec.structs.replace(self.signal(view, instrument, 0.5), agent="momentum")


class Unspellable(Honest):
    def hear(self, view: View, instrument: str) -> Signal | None:
        return msgspec.structs.replace(self.signal(view, instrument, 0.5), reasons=(("gap", nan),))


class Moody(Honest):
    def __init__(self) -> None:
        self.calls = 0

    def hear(self, view: View, instrument: str) -> Signal | None:
        self.calls += 1
        return self.signal(view, instrument, 0.6 if self.calls % 2 else 0.4)


class Fragile(Honest):
    """Divides by the range, which is zero on a dead market."""

    def hear(self, view: View, instrument: str) -> Signal | None:
        closes = [float(each) for each in view.closes(instrument, 20)]
        place = (closes[-1] - min(closes)) / (max(closes) - min(closes)) if len(closes) == 20 else 0.5
        return self.signal(view, instrument, round(0.4 + 0.2 * place, 6))


class Stranger(Honest):
    def features(self) -> list[str]:
        return ["astrology:12"]


class Undeclared(Honest):
    def hear(self, view: View, instrument: str) -> Signal | None:
        return self.signal(view, instrument, 0.5 + 0 * view.feature(instrument, "rsi_14"))


class Mute(Honest):
    def hear(self, view: View, instrument: str) -> Signal | None:
        return None


class Mean:
    """An indicator without fault, for others to spoil."""

    name = "mean"
    outputs: Sequence[str] = ("",)

    def __init__(self) -> None:
        self.closes: list[float] = []

    def update(self, open: float, high: float, low: float, close: float, volume: float) -> Sequence[float]:
        self.closes.append(close)
        return (sum(self.closes[-5:]) / 5 if len(self.closes) >= 5 else nan,)


class Shared(Mean):
    closes_of_all: ClassVar[list[float]] = []

    def __init__(self) -> None:
        self.closes = Shared.closes_of_all


class Flickering(Mean):
    def update(self, *bar: float) -> Sequence[float]:
        return (
            (nan if len(self.closes) % 100 == 99 else super().update(*bar)[0],)
            if self.closes
            else super().update(*bar)
        )


class TooMany(Mean):
    def update(self, *bar: float) -> Sequence[float]:
        return (*super().update(*bar), 1.0)


class Infinite(Mean):
    def update(self, *bar: float) -> Sequence[float]:
        return (super().update(*bar)[0] * float("inf"),)


class Doubled:
    name = "doubled"

    def weigh(self, view: View, instruments: Sequence[str]) -> Mapping[str, float]:
        return dict.fromkeys(instruments, 1.0)


class Shorting(Doubled):
    def weigh(self, view: View, instruments: Sequence[str]) -> Mapping[str, float]:
        return {name: (-1.0) ** place for place, name in enumerate(instruments)}


class Generous(Doubled):
    def weigh(self, view: View, instruments: Sequence[str]) -> Mapping[str, float]:
        return {"MINE": 0.5}


class Drifting(Doubled):
    calls = 0

    def weigh(self, view: View, instruments: Sequence[str]) -> Mapping[str, float]:
        Drifting.calls += 1
        return {instruments[0]: 1.0 / Drifting.calls}


def resized(order: Order, lots: int, **more: Any) -> Order:
    return msgspec.structs.replace(
        order, quantity=msgspec.structs.replace(order.quantity, count=lots), **more
    )


class Bold:
    name = "bold"

    def children(self, order: Order, view: View) -> Sequence[Order]:
        return (resized(order, order.quantity.count + 1),)


class Turned(Bold):
    def children(self, order: Order, view: View) -> Sequence[Order]:
        return (msgspec.structs.replace(order, side=order.side.opposite),)


class Bare(Bold):
    def children(self, order: Order, view: View) -> Sequence[Order]:
        return (msgspec.structs.replace(order, bracket=None),)


class Twins(Bold):
    def children(self, order: Order, view: View) -> Sequence[Order]:
        return (
            (resized(order, 1), resized(order, order.quantity.count - 1))
            if order.quantity.count > 1
            else (order,)
        )


class Counting(Bold):
    def __init__(self) -> None:
        self.sent = 0

    def children(self, order: Order, view: View) -> Sequence[Order]:
        self.sent += 1
        return (msgspec.structs.replace(order, id=f"child-{self.sent}"),)


class Loose:
    """Says 'reduce' and names a larger size."""

    name = "loose"

    def review(self, order: Order, *_: Any) -> Finding:
        lots = order.quantity.count
        return Finding(self.name, Answer.REDUCE, {"lots": lots}, "more", lots + 1)


class Trap(Loose):
    def review(self, order: Order, *_: Any) -> Finding:
        return Finding(self.name, Answer.DENY, {"lots": order.quantity.count}, "no")


class Secretive(Loose):
    def review(self, order: Order, *_: Any) -> Finding:
        return Finding(self.name, Answer.ALLOW, {})


class Fickle(Loose):
    calls = 0

    def review(self, order: Order, *_: Any) -> Finding:
        Fickle.calls += 1
        return Finding(self.name, Answer.ALLOW, {"calls": Fickle.calls})


class Crashing(Loose):
    def review(self, order: Order, *_: Any) -> Finding:
        raise ZeroDivisionError("no limit")


class Tape:
    name = "tape"
    example = "7"

    def read(self, text: str) -> list[Series]:
        return [synthetic(SyntheticSpec(seed=int(text), bars=50))]


class Chance(Tape):
    calls = 0

    def read(self, text: str) -> list[Series]:
        Chance.calls += 1
        return super().read(str(Chance.calls))


class Backwards(Tape):
    def read(self, text: str) -> list[Series]:
        (series,) = super().read(text)
        series.start[:] = series.start[::-1].copy()
        series.at[:] = series.start + series.interval
        return [series]


class Negative(Tape):
    def read(self, text: str) -> list[Series]:
        (series,) = super().read(text)
        series.low[3] = -1
        return [series]


class Floating(Tape):
    def read(self, text: str) -> list[Series]:
        (series,) = super().read(text)
        object.__setattr__(series, "close", series.close.astype(np.float64))
        return [series]


FUTURELESS = "knows nothing of the future"
PLANTED: list[tuple[str, Callable[[], Any], str, str]] = [
    ("agents", Peeker, FUTURELESS, "data that end there"),
    ("agents", Hoarder, "says the same of the same view", "another run"),
    ("agents", Sure, "says valid probabilities in its own name", "no probability"),
    ("agents", Vague, "says valid probabilities in its own name", "rounded to 1e-6"),
    ("agents", Impostor, "says valid probabilities in its own name", "spoke as momentum"),
    ("agents", Unspellable, "says valid probabilities in its own name", "reason gap is nan"),
    ("agents", Moody, "says the same of the same view", "asked twice"),
    ("agents", Fragile, "never raises, and has something to say", "ZeroDivisionError"),
    ("agents", Stranger, "never raises, and has something to say", "astrology"),
    ("agents", Undeclared, "never raises, and has something to say", "no indicator column 'rsi_14'"),
    ("agents", Mute, "never raises, and has something to say", "never said anything"),
    ("indicators", Shared, "gives the same on the same bars", "other values"),
    ("indicators", Shared, FUTURELESS, "differ"),
    ("indicators", Flickering, "is NaN before warm-up only", "NaN again at bar"),
    ("indicators", TooMany, "gives one value an output", "2 values for 1 outputs"),
    ("indicators", Infinite, "gives one value an output", "inf"),
    ("allocators", Doubled, "gives shares that add up to one at most", "add up to 2"),
    ("allocators", Shorting, "gives shares that add up to one at most", "not negative"),
    ("allocators", Generous, "gives shares that add up to one at most", "nobody asked about"),
    ("allocators", Drifting, "gives the same to the same view", "another run"),
    ("tactics", Bold, "never makes more or other than was asked", "2 lots in children of an order of 1"),
    ("tactics", Turned, "never makes more or other than was asked", "side"),
    ("tactics", Bare, "never makes more or other than was asked", "lost its stop"),
    ("tactics", Twins, "gives each child its own id", "share an id"),
    ("tactics", Counting, "makes the same of the same order", "other children"),
    ("rules", Loose, "only ever tightens", "a cut makes it smaller"),
    ("rules", Trap, "lets exits pass", "deny"),
    ("rules", Secretive, "shows its inputs and its reason", "without the inputs"),
    ("rules", Fickle, "answers the same to the same order", "asked twice"),
    ("rules", Crashing, "only ever tightens", "ZeroDivisionError"),
    ("feeds", Chance, "gives the same bytes twice", "other bars"),
    ("feeds", Backwards, "gives whole, ordered, positive bars", "order of time"),
    ("feeds", Negative, "gives whole, ordered, positive bars", "not above zero"),
    ("feeds", Floating, "gives whole, ordered, positive bars", "not all int64"),
    ("agents", lambda: Honest(1), "can be made without settings", "TypeError"),  # type: ignore[call-arg]
]  # fmt: skip


@pytest.mark.parametrize(("chair", "make", "promise", "word"), PLANTED)
def test_each_broken_promise_is_found(chair: str, make: Callable[[], Any], promise: str, word: str) -> None:
    FUTURE.clear()
    found = broken(conform(chair, make))
    assert word in found.get(promise, ""), found


def test_what_was_spoiled_is_without_fault() -> None:
    for chair, make in (("agents", Honest), ("indicators", Mean), ("feeds", Tape)):
        assert not broken(conform(chair, make))


def test_every_promise_has_its_planted_defect() -> None:
    promises = {(chair, promise) for chair, suite in SUITES.items() for promise in suite}
    promises |= {("rules", promise) for promise in LOOKS} | {("feeds", promise) for promise in FEEDS}
    promises -= {("allocators", FUTURELESS)}  # a peeking allocator differs from run to run first
    assert promises <= {(chair, promise) for chair, _, promise, _ in PLANTED}
