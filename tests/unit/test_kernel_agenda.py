"""The agenda: order within and between instants, one InstantClosed an instant, no look ahead."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import InvariantError
from quorate.core.events import AnyEvent, Bar, Cancelled, Halt, InstantClosed, Roll, Wake
from quorate.core.record import BlockRef
from quorate.kernel.agenda import Agenda, rank


class Listed:
    """A source that gives what it was made with."""

    def __init__(self, events: list[AnyEvent]) -> None:
        self._events = deque(events)

    def peek(self) -> AnyEvent | None:
        return self._events[0] if self._events else None

    def pop(self) -> AnyEvent:
        return self._events.popleft()


class ListedFeed(Listed):
    """A feed that notes when it was told that an instant begins."""

    def __init__(self, events: list[AnyEvent], log: list[str]) -> None:
        super().__init__(events)
        self.log = log
        self.total = len(events)

    def announce(self) -> None:
        head = self.peek()
        assert head is not None
        self.log.append(f"announce {head.at}")

    def block(self) -> tuple[BlockRef, bytes] | None:
        return None


def bar(at: int, name: str = "A") -> Bar:
    return Bar(at, name, at - 1, 1, 1, 1, 1)


def names(events: list[AnyEvent]) -> list[str]:
    return [f"{type(event).__name__} {event.at}" for event in events]


def test_reports_people_roll_and_bars_in_that_order() -> None:
    feed = ListedFeed([Roll(5, "A", 1, 2), bar(5), bar(5, "B"), bar(9)], [])
    venue = Listed([Cancelled(5, "x", "")])
    people = Listed([Halt(5, "anna", "")])
    told = names(list(Agenda(feed, (people, venue))))
    assert told == [
        "Cancelled 5", "Halt 5", "Roll 5", "Bar 5", "Bar 5", "InstantClosed 5", "Bar 9", "InstantClosed 9",
    ]  # fmt: skip


def test_an_instant_is_announced_only_when_the_last_one_is_done_with() -> None:
    log: list[str] = []
    for event in Agenda(ListedFeed([bar(1), bar(2)], log), ()):
        log += names([event])
    assert log == ["announce 1", "Bar 1", "InstantClosed 1", "announce 2", "Bar 2", "InstantClosed 2"]


def test_a_timer_of_the_instant_waits_for_its_close() -> None:
    told = names(list(Agenda(ListedFeed([bar(3)], []), (Listed([Wake(3, "later")]),))))
    assert told == ["Bar 3", "InstantClosed 3", "Wake 3"]


def test_time_never_runs_backwards() -> None:
    with pytest.raises(InvariantError, match="backwards"):
        list(Agenda(ListedFeed([bar(3), bar(2)], []), ()))


instants = st.lists(st.integers(min_value=0, max_value=30), max_size=30).map(sorted)


@given(instants, instants, instants)
def test_any_sources_come_out_sorted_and_each_market_instant_closes_once(
    market: list[int], reports: list[int], wakes: list[int]
) -> None:
    feed = ListedFeed([bar(at) for at in market], [])
    venue = Listed([Cancelled(at, "x", "") for at in reports])
    timers = Listed([Wake(at, "t") for at in wakes])
    told = list(Agenda(feed, (venue, timers)))
    assert [event.at for event in told] == sorted(event.at for event in told)
    assert [event.at for event in told if type(event) is InstantClosed] == sorted(set(market))
    rest = [event for event in told if type(event) is not InstantClosed]
    assert len(rest) == len(market) + len(reports) + len(wakes)
    for before, after in pairwise(rest):
        assert before.at < after.at or rank(before) <= rank(after)
    for place, event in enumerate(told):
        if type(event) is InstantClosed:
            assert not any(type(each) is Bar and each.at <= event.at for each in told[place:])
