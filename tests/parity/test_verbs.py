"""Every word of `buy` and `sell` reaches the exchange as meant: beside the same order sent to it directly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from quorate.core.errors import InputError
from quorate.core.instant import MINUTE
from quorate.native.exchange import Exchange, Kind, Latency, Market, Row, Rules, Told
from quorate.research.orders import Words
from quorate.research.run import Run, run_class
from quorate.research.strategy import Strategy
from tests.research_support import CASH, instrument, setting, walk

BARS = 240
ROWS = walk(BARS, 11)  # about 3,000.00, one to two currency units a bar
SENT = 20  # the bar at whose close all orders are sent
LATENCY = MINUTE // 4
HOUR = 60 * MINUTE


def marked(rows: Any) -> Any:
    """The same with a mark and an index price after each bar, a little beside its close."""
    shown = np.repeat(rows, 3, axis=0)
    for place, kind, beside in ((1, Row.MARK, 60), (2, Row.INDEX, -60)):
        part = shown[place::3]
        part[:, Market.KIND] = kind
        part[:, Market.OPEN] = part[:, Market.CLOSE] + beside
        part[:, Market.START] = part[:, Market.AT]
        for column in (Market.HIGH, Market.LOW, Market.CLOSE):
            part[:, column] = 0
        part[:, [Market.VOLUME, Market.SPREAD]] = -1
    return shown


CLOSE = int(ROWS[SENT, Market.CLOSE])
AT = int(ROWS[SENT, Market.AT])


@dataclass
class Case:
    """What a strategy writes (prices as ticks beside the close), and what the exchange is to be sent."""

    words: dict[str, Any]
    type: str
    terms: dict[str, Any] = field(default_factory=dict)
    verb: str = "buy"
    role: str = "entry"
    held: float = 0.0  # units held before


PRICES = ("limit", "trigger", "touch", "activation", "stop_loss", "take_profit")

CASES = {
    "market": Case({}, "market"),
    "limit": Case({"limit": -200}, "limit", {"price": -200}),
    "stop": Case({"trigger": 200}, "stop", {"price": 200}),
    "stop limit": Case({"trigger": 200, "limit": 230}, "stop_limit", {"price": 200, "limit": 230}),
    "sold from a trigger": Case(
        {"trigger": -200, "limit": -230}, "stop_limit", {"price": -200, "limit": -230}, "sell"
    ),
    "touched": Case({"touch": -200}, "market_if_touched", {"price": -200}),
    "limit touched": Case({"touch": -200, "limit": -220}, "limit_if_touched", {"price": -200, "limit": -220}),
    "trailing": Case({"trail": 3.5}, "trailing_stop", {"trail": 350}),
    "trailing by share": Case({"trail_bps": 15}, "trailing_stop", {"trail_bps": 15}, "sell"),
    "trailing from": Case(
        {"trail": 2, "activation": -900}, "trailing_stop", {"trail": 200, "activation": -900}
    ),
    "trailing limit": Case(
        {"trail": 3, "limit_offset": 0.5}, "trailing_stop_limit", {"trail": 300, "limit_offset": 50}
    ),
    "on open": Case({"on": "open", "session": HOUR}, "on_open", {"session": HOUR}),
    "on close": Case({"on": "close", "session": HOUR}, "on_close", {"session": HOUR}),
    "on open or better": Case(
        {"on": "open", "session": HOUR, "limit": 400}, "on_open", {"session": HOUR, "limit": 400}
    ),
    "market to limit": Case({"to_limit": True}, "market_to_limit"),
    "day": Case({"limit": -900, "tif": "day"}, "limit", {"price": -900, "force": "day"}),
    "day until": Case(
        {"limit": -900, "tif": "day", "until": 2 * HOUR},
        "limit",
        {"price": -900, "force": "day", "good_until": 2 * HOUR},
    ),
    "gtd": Case(
        {"limit": -900, "tif": "gtd", "until": HOUR},
        "limit",
        {"price": -900, "force": "gtd", "good_until": HOUR},
    ),
    "until": Case(
        {"limit": -900, "until": HOUR}, "limit", {"price": -900, "force": "gtd", "good_until": HOUR}
    ),
    "ioc": Case({"limit": 5, "tif": "ioc"}, "limit", {"price": 5, "force": "ioc"}),
    "ioc missed": Case({"limit": -90, "tif": "ioc"}, "limit", {"price": -90, "force": "ioc"}),
    "fok": Case({"limit": 100, "tif": "fok"}, "limit", {"price": 100, "force": "fok"}),
    "post only": Case({"limit": 300, "post_only": True}, "limit", {"price": 300, "post_only": True}),
    "post only below": Case({"limit": -90, "post_only": True}, "limit", {"price": -90, "post_only": True}),
    "iceberg": Case({"limit": -200, "display": 0.1}, "limit", {"price": -200, "display": 100}),
    "watch last": Case({"trigger": 200, "watch": "last"}, "stop", {"price": 200, "watch": "last"}),
    "watch touch": Case({"trigger": 200, "watch": "touch"}, "stop", {"price": 200, "watch": "touch"}),
    "watch mark": Case({"trigger": 200, "watch": "mark"}, "stop", {"price": 200, "watch": "mark"}),
    "watch index": Case(
        {"touch": -200, "watch": "index"}, "market_if_touched", {"price": -200, "watch": "index"}
    ),
    "bracket": Case(
        {"trigger": 200, "limit": 230, "stop_loss": -500, "take_profit": 900},
        "stop_limit",
        {"price": 200, "limit": 230, "stop": -500, "target": 900},
    ),
    "reduce only": Case(
        {"limit": 200, "reduce_only": True}, "limit", {"price": 200}, "sell", "exit", 1.5
    ),
    "out of what is held": Case({"trail": 3}, "trailing_stop", {"trail": 300}, "sell", "exit", 2.0),
}  # fmt: skip

RULES = {
    "plain": Rules(),
    "scarce": Rules(participation=Decimal("0.5")),
}


def priced(words: dict[str, Any]) -> dict[str, Any]:
    """Prices beside the close as a strategy writes them."""
    return {name: (CLOSE + word) / 100 if name in PRICES else word for name, word in words.items()}


def by_verb(case: Case, rules: Rules, twist: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Run:
    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == 5 and case.held:
            self.buy(case.held)
        if bar.number == SENT:
            getattr(self, case.verb)(2, **twist(priced(case.words)))

    kind = type("Sender", (Strategy,), {"on_bar": on_bar})
    return run_class(kind, {}, setting(marked(ROWS), latency_ns=LATENCY, rules=rules))


def directly(case: Case, rules: Rules) -> Any:
    """The reports of the same order sent to an exchange by hand."""
    exchange = Exchange([instrument()], CASH.count, latency_ns=LATENCY, rules=rules)
    terms = {
        name: CLOSE + value if name in ("price", "limit", "activation", "stop", "target") else value
        for name, value in case.terms.items()
    }
    price = terms.pop("price", None)
    told = []
    for group in np.split(marked(ROWS), BARS):
        told.append(exchange.watch(np.ascontiguousarray(group)))
        at = int(group[0, Market.AT])
        if at == 6 * MINUTE and case.held:
            exchange.submit("first", at, "X", "buy", "market", "entry", round(case.held * 1000))
        if at == AT:
            exchange.submit("it", at, "X", case.verb, case.type, case.role, 2000, price, **terms)
    reports = np.concatenate(told)
    silent = np.isin(reports[:, Told.KIND], (Kind.ACCEPTED, Kind.SETTLED, Kind.HELD))
    return reports[~silent]


def same(reports: Any, others: Any) -> bool:
    return bool(np.array_equal(reports, others))


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("name", CASES)
def test_a_verb_sends_what_the_exchange_is_meant_to_get(name: str, rules: str) -> None:
    case = CASES[name]
    run = by_verb(case, RULES[rules])
    expected = directly(case, RULES[rules])
    assert same(run.reports, expected)
    assert len(expected) > 0, "an order of which nothing is told shows nothing"
    assert run.runner.orders == (2 if case.held else 1)


# A planted defect in each word: dropped, or a little off. Every one must show in the reports.
DEFECTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    name: (lambda words, name=name: {key: word for key, word in words.items() if key != name})  # type: ignore[misc]
    for name in ("display", "watch", "activation", "tif", "until", "limit", "post_only", "on", "limit_offset")
}
SHOWN_BY = {
    "display": "iceberg", "watch": "watch mark", "activation": "trailing from", "tif": "ioc missed",
    "until": "until", "limit": "stop limit", "post_only": "post only", "limit_offset": "trailing limit",
}  # fmt: skip


@pytest.mark.parametrize("word", SHOWN_BY)
def test_a_word_that_is_lost_on_its_way_is_seen(word: str) -> None:
    case = CASES[SHOWN_BY[word]]
    rules = RULES["scarce"]
    lost = by_verb(case, rules, DEFECTS[word])
    assert not same(lost.reports, directly(case, rules))


@pytest.mark.parametrize(("word", "by"), [("trigger", 0.01), ("trail", 0.01), ("touch", -0.01)])
def test_a_price_one_tick_off_is_seen(word: str, by: float) -> None:
    case = CASES[{"trigger": "stop", "trail": "trailing", "touch": "touched"}[word]]
    off = by_verb(case, RULES["plain"], lambda words: {**words, word: words[word] + by})
    assert not same(off.reports, directly(case, RULES["plain"]))


# ---- links ---------------------------------------------------------------------------------------------


def play(on_bar: Callable[[Any, Any], None], rows: Any = ROWS, **more: Any) -> Run:
    return run_class(type("Played", (Strategy,), {"on_bar": on_bar}), {}, setting(rows, **more))


def at_bar(number: int, act: Callable[[Any, float], Any]) -> Callable[[Any, Any], None]:
    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == number:
            act(self, bar.close)

    return on_bar


def test_of_a_group_one_fill_ends_the_others() -> None:
    tickets: list[Any] = []

    def act(self: Any, close: float) -> None:
        tickets.append(self.buy(1, limit=close - 3, oco="either"))
        tickets.append(self.buy(1, trigger=close + 3, oco="either"))
        tickets.append(self.buy(1, trigger=close + 1000, oco="other"))

    play(at_bar(SENT, act))
    assert sorted(each.status for each in tickets) == ["accepted", "cancelled", "filled"]
    assert tickets[2].status == "accepted", "another group goes on"


def test_of_a_shrinking_group_the_others_get_smaller() -> None:
    tickets: list[Any] = []

    def act(self: Any, close: float) -> None:
        tickets.append(self.buy(0.5, ouo="both"))
        tickets.append(self.buy(2, trigger=close + 1000, ouo="both"))

    run = play(at_bar(SENT, act))
    assert tickets[0].filled == 0.5
    number = tickets[1].numbers[0]
    assert run.runner.state(number)[1] == 1500


def test_an_order_after_another_closes_what_that_opens() -> None:
    tickets: list[Any] = []

    def act(self: Any, close: float) -> None:
        first = self.buy(1, limit=close - 2)
        tickets.extend([first, self.sell(1, limit=close + 2, after=first, oco="out")])
        tickets.append(self.sell(1, trigger=close - 900, after=first, oco="out"))

    run = play(at_bar(SENT, act))
    assert [each.status for each in tickets] == ["filled", "filled", "cancelled"]
    assert len(run.trades) == 1
    entry, leave = run.fills
    assert leave[Told.FILLED_AT] >= entry[Told.FILLED_AT]
    assert run.runner.held(0) == 0


def test_orders_are_changed_on_their_way() -> None:
    tickets: list[Any] = []

    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == SENT:
            tickets.append(self.buy(1, limit=bar.close - 900))
            tickets.append(self.buy(1, trigger=bar.close + 900))
        if bar.number == SENT + 2:
            assert tickets[0].replace(units=0.4, price=bar.close + 0.019)
            assert tickets[1].replace(price=bar.close + 0.014)
        if bar.number == SENT + 40:
            assert not tickets[0].replace(units=3)

    run = play(on_bar)
    changed = run.reports[run.reports[:, Told.KIND] == Kind.REPLACED]
    close = int(ROWS[SENT + 2, Market.CLOSE])
    assert changed[:, [Told.LOTS, Told.PRICE]].tolist() == [[400, close + 1], [1000, close + 1]]
    assert tickets[0].filled == 0.4


# ---- wrong words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"limt": 9.0}, "did you mean 'limit'|has no 'limt'"),
        ({"tif": "gtx"}, "tif='gtx' is not known.*gtc, day, gtd, ioc, fok"),
        ({"tif": "gtd"}, "needs its last instant"),
        ({"tif": "gtd", "until": 10**19}, "until=1.* is no instant"),
        ({"until": -1}, "until=-1 is no instant"),
        ({"tif": "ioc", "until": 9}, "until is for tif='gtd' or 'day'"),
        ({"tif": "gtc", "until": 9}, "until is for tif='gtd' or 'day'"),
        ({"trigger": 9.0, "touch": 8.0}, "not trigger and touch"),
        ({"trail": 1.0, "on": "open"}, "not trail and on"),
        ({"to_limit": True, "trigger": 9.0}, "not trigger and to_limit"),
        ({"trail": 1.0, "trail_bps": 9}, "by trail or by trail_bps"),
        ({"trail_bps": 0.5}, "no whole number"),
        ({"trail": -1.0}, "no distance"),
        ({"trail": 1.0, "limit": 9.0}, "use limit_offset="),
        ({"trail": 1.0, "limit_offset": -1.0}, "no distance"),
        ({"limit_offset": 1.0}, "belongs to a trailing stop"),
        ({"activation": 1.0}, "belongs to a trailing stop"),
        ({"watch": "last"}, "belongs to a trigger"),
        ({"watch": "bid", "trigger": 9.0}, "watch='bid' is not known.*any, last, touch, mark, index"),
        ({"watch": "mark", "trigger": 9.0}, "hold no mark prices"),
        ({"post_only": True}, "belongs to a limit order"),
        ({"post_only": True, "limit": 9.0, "tif": "ioc"}, "does not go with post_only"),
        ({"display": 0.1, "limit": 9.0, "tif": "fok"}, "does not go with display"),
        ({"display": 3.0, "limit": 9.0}, "shows more than there is"),
        ({"display": 1e-9, "limit": 9.0}, "less than one lot"),
        ({"on": "noon"}, "on='noon' is not known.*open, close"),
        ({"on": "open", "tif": "fok"}, "does not go with on"),
        ({"session": 9}, "add on="),
        ({"oco": "a", "ouo": "b"}, "oco or ouo"),
        ({"oco": 3}, "not the name of a group"),
        ({"after": 3}, "no ticket"),
        ({"reduce_only": True, "stop_loss": 9.0}, "nothing that a bracket could protect"),
        ({"take_profit": 9.0, "tif": "day"}, "needs a stop_loss"),
    ],
)
def test_words_that_do_not_go_together_are_one_line(words: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        play(at_bar(SENT, lambda self, close: self.buy(1, **words)))
    line = caught.value.line()
    assert "\n" not in line
    assert "buy" in line


def test_every_word_is_asked_for_somewhere_here() -> None:
    used = {name for case in CASES.values() for name in case.words} | {"ouo", "oco", "after"}
    assert used >= set(Words.__annotations__)


def test_what_must_stay_one_order_is_not_cut_in_two() -> None:
    def on_bar(self: Any, bar: Any) -> None:
        if bar.number == 3:
            self.buy(1)
        if bar.number == SENT:
            self.sell(2, limit=bar.close + 1, oco="a")

    with pytest.raises(InputError, match="more than is held would be two orders"):
        play(on_bar)


def test_markets_that_sleep_ask_which_session() -> None:
    with pytest.raises(InputError, match="does not open and close at midnight UTC"):
        run_class(
            type("Opener", (Strategy,), {"on_bar": at_bar(SENT, lambda self, close: self.buy(1, on="open"))}),
            {},
            setting(ROWS, instrument(calendar="us-equity")),
        )


def test_a_group_is_of_one_kind() -> None:
    def act(self: Any, close: float) -> None:
        self.buy(1, limit=close - 900, oco="a")
        self.buy(1, limit=close - 900, ouo="a")

    with pytest.raises(InputError, match="group 'a' is oco already"):
        play(at_bar(SENT, act))


# ---- rules of the venue --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        lambda: Rules(participation=Decimal("0.05")),
        lambda: Rules(impact=Decimal("0.1")),
        lambda: Rules(intrabar="pessimistic"),
        lambda: Rules(intrabar="optimistic"),
        lambda: Rules(latency=Latency.sampled(3, [2 * MINUTE, 5 * MINUTE])),
    ],
)
def test_rules_reach_the_exchange(made: Callable[[], Rules]) -> None:
    rules = made()
    case = Case({"trail": 3.0}, "trailing_stop", {"trail": 300})
    assert same(by_verb(case, rules).reports, directly(case, rules))
    assert not same(by_verb(case, rules).reports, by_verb(case, Rules()).reports), "a planted defect: dropped"
