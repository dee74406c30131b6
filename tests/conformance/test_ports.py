"""Every adapter of a port keeps the port's promises; each promise, when broken, is seen to be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from quorate.adapters.clocks import PacedClock, SimulatedClock
from quorate.adapters.councils import EmptyCouncil
from quorate.adapters.feeds.blocks import flatten
from quorate.adapters.feeds.history import HistoryFeed
from quorate.adapters.feeds.shown import ShownFeed
from quorate.adapters.journals.memory import MemoryJournal
from quorate.adapters.operators import AutomaticOperator, QueuedOperator
from quorate.adapters.recorded import (
    RecordedCouncil,
    RecordedEvents,
    RecordedFeed,
    RecordedOperator,
    RecordedVenue,
    Recording,
)
from quorate.app.compose import Plan
from quorate.app.demo import plan_demo
from quorate.app.run import run_in_memory
from quorate.app.tryout import markets
from quorate.core.effects import Ask, BreakerMoved, Cancel, Tell
from quorate.core.errors import QuorateError, VenueError
from quorate.core.events import Bar, Breaker, Deliberated, Halt, Resume, Roll
from quorate.core.instant import DAY, HOUR, MINUTE
from quorate.core.order import ApprovedOrder
from quorate.simulator.simulator import Simulator
from tests.exchange import CRYPTO, START, approve
from tests.exchange import Desk as Exchange

NOON = 1_700_000_000_000_000_000 // DAY * DAY


@cache
def recorded() -> tuple[Plan, MemoryJournal, list[Any]]:
    """A real run with trades: its plan, its journal and its market events."""
    plan = plan_demo(1, calm=True, bars=1_500)
    _, journal = run_in_memory(plan, "backtest")
    feed, events = HistoryFeed(plan.series), []
    while feed.peek() is not None:
        events.append(feed.pop())
    return plan, journal, events


def recording() -> Recording:
    return Recording(recorded()[1])


class InTurn:
    """A recorded source whose turn it always is: the journal would come to each of its records in time."""

    def __init__(self, kind: type[RecordedEvents], events: list[tuple[int, Any]]) -> None:
        self.numbers = [number for number, _ in events]
        self.inner = kind(events, lambda: self.numbers[0] if self.numbers else -1)

    def peek(self) -> Any:
        return self.inner.peek()

    def pop(self) -> Any:
        event = self.inner.pop()
        self.numbers.pop(0)
        return event


# ---- what every source promises ----------------------------------------------------------------------


def check_source(source: Any, *, least: int = 1) -> list[Any]:
    """Peek shows and leaves, pop takes what peek showed, time never runs back, and the end stays the end."""
    taken: list[Any] = []
    while (shown := source.peek()) is not None:
        assert source.peek() == shown, "looking twice shows another event"
        if hasattr(source, "announce"):
            source.announce()
        event = source.pop()
        assert event == shown, "another event was taken than was shown"
        assert not taken or event.at >= taken[-1].at, "time ran backwards"
        taken.append(event)
        assert len(taken) < 100_000, "it never ends"
    assert source.peek() is None
    assert len(taken) >= least
    return taken


def acts() -> list[Any]:
    return [Resume(NOON + HOUR, ("ada", "bob"), "again"), Halt(NOON, "ada", "enough")]


def operated() -> AutomaticOperator:
    operator = AutomaticOperator(HOUR)
    operator.tell(BreakerMoved(NOON, Breaker.NORMAL, Breaker.HALTED, "losses.hour", {"loss_e8": 1}))
    return operator


def traded() -> Simulator:
    """A simulator with reports waiting: a buy with its bracket, filled."""
    exchange = Exchange(CRYPTO)
    exchange.bar(10_000)
    order = exchange.send("a", "buy", 5, stop=9_000, target=12_000)
    assert order.bracket is not None
    at = exchange.at + MINUTE
    exchange.venue.watch([Bar(at, CRYPTO.id, exchange.at, 10_000, 10_010, 9_990, 10_000)])
    return exchange.venue


ANSWERS = [(4, Deliberated(NOON, 3, {"A": 0.6}, "digest", "rules"))]


SOURCES: dict[str, Callable[[], Any]] = {
    "history feed": lambda: HistoryFeed(markets()),
    "shown feed": lambda: ShownFeed(HistoryFeed(markets()), Blind()),
    "recorded feed": lambda: RecordedFeed(recording(), lambda: -1),
    "simulator": traded,
    "recorded venue": lambda: InTurn(RecordedVenue, recording().reports),
    "queued operator": lambda: QueuedOperator(acts()),
    "automatic operator": operated,
    "recorded operator": lambda: InTurn(
        RecordedOperator, list(enumerate(sorted(acts(), key=lambda act: act.at)))
    ),
    "recorded council": lambda: InTurn(RecordedCouncil, ANSWERS),
}


class Blind:
    """A venue that only counts what it is shown."""

    def __init__(self) -> None:
        self.instants: list[int] = []

    def watch(self, events: Any) -> None:
        assert len({event.at for event in events}) == 1, "more than one instant was shown at once"
        self.instants.append(events[0].at)


@pytest.mark.parametrize("name", SOURCES)
def test_sources_keep_their_order(name: str) -> None:
    assert check_source(SOURCES[name]())


def test_an_empty_council_is_silent_and_says_so() -> None:
    assert check_source(EmptyCouncil(), least=0) == []
    with pytest.raises(VenueError, match="record 7 asks"):
        EmptyCouncil().ask(Ask(NOON, ("A",), NOON + HOUR), 7)


def test_what_was_recorded_waits_for_its_turn() -> None:
    turn = [3]
    council = RecordedCouncil(ANSWERS, lambda: turn[0])
    council.ask(Ask(NOON, ("A",), NOON + HOUR), 3)  # answered in the recording, or left unanswered there
    assert council.peek() is None
    turn[0] = 4
    assert check_source(council) == [ANSWERS[0][1]]


class Backwards(QueuedOperator):
    def __init__(self) -> None:
        super().__init__(acts())
        self._acts.reverse()


class Skipping(HistoryFeed):
    def pop(self) -> Any:
        super().pop()
        return super().pop()


class Restless(QueuedOperator):
    def peek(self) -> Any:
        shown = super().peek()
        self._acts.rotate()
        return shown


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (Backwards, "time ran backwards"),
        (lambda: Skipping(markets()), "another event was taken"),
        (lambda: Restless(acts()), "looking twice"),
    ],
)
def test_a_broken_source_is_found(make: Callable[[], Any], word: str) -> None:
    with pytest.raises(AssertionError, match=word):
        check_source(make())


# ---- feeds -------------------------------------------------------------------------------------------


def check_feed(feed: Any, expected: list[Any]) -> None:
    """The same events by whatever feed; each block comes once, before its first event, and holds it."""
    events: list[Any] = []
    held: list[Any] = []
    while feed.peek() is not None:
        feed.announce()
        block = feed.block()
        if block is not None:
            ref, content = block
            assert len(held) == len(events), "a block came before the one before it was used up"
            assert hashlib.sha256(content).hexdigest() == ref.sha256, (
                "the block is not what its reference says"
            )
            held += flatten(content)[0]
            assert ref.first == feed.peek().at, "the block does not begin at the next event"
        assert feed.block() is None, "a block came twice"
        events.append(feed.pop())
        assert events[-1] == held[len(events) - 1], "an event that is not in its block"
    assert events == expected
    assert feed.total == len(expected)


@pytest.mark.parametrize("name", ["history", "shown", "recorded"])
def test_feeds_hand_over_the_same_events_and_blocks(name: str) -> None:
    plan, _, events = recorded()
    feeds = {
        "history": lambda: HistoryFeed(plan.series),
        "shown": lambda: ShownFeed(HistoryFeed(plan.series), Blind()),
        "recorded": lambda: RecordedFeed(recording(), lambda: -1),
    }
    check_feed(feeds[name](), events)


def test_a_shown_feed_shows_each_instant_once_and_first() -> None:
    venue = Blind()
    feed = ShownFeed(HistoryFeed(markets()), venue)
    while (event := feed.peek()) is not None:
        assert event.at not in venue.instants[:-1], "an instant was shown before the last one was done with"
        feed.announce()
        assert venue.instants[-1] == event.at, "an event came before its instant was shown"
        feed.pop()
    with pytest.raises(QuorateError, match="announced"):
        ShownFeed(HistoryFeed(markets()), venue).pop()
    assert venue.instants == sorted(set(venue.instants))


def test_a_roll_comes_before_its_bar() -> None:
    events = check_source(HistoryFeed(markets()))
    (place,) = (number for number, event in enumerate(events) if isinstance(event, Roll))
    after = events[place + 1 : place + 2]
    assert after and isinstance(after[0], Bar) and after[0].instrument == events[place].instrument


class Muddled(HistoryFeed):
    def block(self) -> Any:
        found = super().block()
        return None if found is None else (found[0], found[1][:-8] + bytes(8))


def test_a_feed_whose_block_is_not_its_events_is_found() -> None:
    plan, _, events = recorded()
    with pytest.raises((AssertionError, QuorateError), match=r"not what its reference says|block"):
        check_feed(Muddled(plan.series), events)


# ---- clocks ------------------------------------------------------------------------------------------


def check_clock(clock: Any) -> None:
    """It shows the last instant advanced to, and never runs backwards."""
    for at, shown in ((NOON, NOON), (NOON + 5, NOON + 5), (NOON, NOON + 5), (NOON + MINUTE, NOON + MINUTE)):
        clock.advance(at)
        assert clock.now() == shown


@pytest.mark.parametrize("make", [SimulatedClock, lambda: PacedClock(1e9)])
def test_clocks_never_run_backwards(make: Callable[[], Any]) -> None:
    check_clock(make())


class Careless(SimulatedClock):
    def advance(self, at: int) -> None:
        self._now = at


def test_a_clock_that_runs_backwards_is_found() -> None:
    with pytest.raises(AssertionError):
        check_clock(Careless())


def test_a_paced_clock_waits_for_the_wall() -> None:
    import time

    clock = PacedClock(speed=100.0)
    clock.advance(NOON)
    began = time.monotonic()
    clock.advance(NOON + 5_000_000_000)  # five seconds of tape are fifty milliseconds
    assert time.monotonic() - began >= 0.049


# ---- venues ------------------------------------------------------------------------------------------


def check_venue(venue: Any, approved: ApprovedOrder) -> None:
    """It answers what it was sent by reports on that order, and takes nothing but an approval."""
    with pytest.raises(QuorateError):
        venue.submit(approved.order)
    venue.submit(approved)
    report = venue.peek()
    assert report is not None and report.order == approved.order.id
    venue.cancel(Cancel(approved.at, approved.order.id, approved.order.instrument, "no more"))
    assert [type(each).__name__ for each in check_source(venue)][-1] == "Cancelled"


def test_the_simulator_is_a_venue() -> None:
    exchange = Exchange(CRYPTO)
    exchange.bar(10_000)
    wanted = Exchange(CRYPTO)
    wanted.bar(10_000)
    order = wanted.send("b", "buy", 5, limit=9_000)
    check_venue(exchange.venue, approve(order, exchange.at))
    assert exchange.at > START


def test_a_recorded_venue_answers_as_it_did_whatever_is_sent() -> None:
    _, journal, _ = recorded()
    venue = InTurn(RecordedVenue, recording().reports)
    reports = {"accepted", "rejected", "cancelled", "expired", "fill", "rolled", "charged", "settled"}
    written = [record.kind for record in journal.records() if record.kind in reports]
    taken = [type(event).__struct_config__.tag for event in check_source(venue)]
    assert taken == written and "fill" in taken


# ---- operators ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: AutomaticOperator(HOUR), QueuedOperator])
def test_operators_can_be_told_anything(make: Callable[[], Any]) -> None:
    operator = make()
    operator.tell(Tell(NOON, "a", "line"))
    operator.tell(BreakerMoved(NOON, Breaker.HALTED, Breaker.NORMAL, "resume", {}))
    assert operator.peek() is None


def test_the_automatic_operator_resumes_once_after_its_cool_down() -> None:
    operator = operated()
    operator.tell(BreakerMoved(NOON + 5, Breaker.REDUCING, Breaker.HALTED, "losses.drawdown", {}))
    (resume,) = check_source(operator)
    assert (resume.at, resume.principals) == (NOON + 5 + HOUR, ("backtest-operator",))
    assert "1h after losses.drawdown" in resume.reason


def test_a_queued_operator_refuses_the_past() -> None:
    operator = QueuedOperator(acts())
    with pytest.raises(VenueError, match="came after"):
        operator.put(Halt(NOON, "eve", "late"))
