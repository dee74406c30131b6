"""The merged tape: order, blocks, one interval, and the venue that is shown each instant first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest

from quorate.adapters.feeds import blocks
from quorate.adapters.feeds.blocks import Rows, cut, decode, encode, flatten, merge, unpack
from quorate.adapters.feeds.history import HistoryFeed
from quorate.adapters.feeds.series import Rolls, Series, SourceInfo, no_rolls
from quorate.adapters.feeds.shown import ShownFeed
from quorate.core.errors import ConfigError, InvariantError, JournalError
from quorate.core.events import Bar, MarketEvent, Roll
from quorate.core.instant import HOUR, MINUTE
from quorate.core.instrument import Instrument, Kind


def series(
    name: str, starts: Sequence[int], rolls: Sequence[tuple[int, int, int]] = (), interval: int = MINUTE
) -> Series:
    start = np.array(starts, np.int64) * interval
    close = 100 + np.arange(len(start), dtype=np.int64)
    none = np.full(len(start), -1, np.int64)
    changes = Rolls(*np.array(rolls, np.int64).reshape(-1, 3).T.copy()) if rolls else no_rolls()
    instrument = Instrument(name, Kind.SPOT, "USD", Decimal("0.01"), Decimal(1))
    source = SourceInfo(f"{name}.csv", "0" * 64, len(start))
    return Series(
        instrument,
        start,
        start + interval,
        close,
        close + 2,
        close - 3,
        close + 1,
        none,
        none,
        changes,
        source,
        interval,
    )


def drain(feed: HistoryFeed) -> list[MarketEvent]:
    events = []
    while feed.peek() is not None:
        events.append(feed.pop())
    return events


def test_order_of_events_and_of_arguments() -> None:
    a, b = series("A", [0, 1, 3], [(1, 100, 90)]), series("B", [0, 3])
    events = drain(HistoryFeed([b, a]))
    assert [(type(each).__name__, each.instrument, each.at // MINUTE) for each in events] == [
        ("Bar", "A", 1), ("Bar", "B", 1), ("Roll", "A", 2), ("Bar", "A", 2), ("Bar", "A", 4), ("Bar", "B", 4)
    ]  # fmt: skip
    assert events[2] == Roll(2 * MINUTE, "A", 100, 90)
    assert events[3] == Bar(2 * MINUTE, "A", MINUTE, 101, 103, 98, 102, -1, -1)
    assert drain(HistoryFeed([a, b])) == events and HistoryFeed([a, b]).total == 6


def test_instants_and_single_events_agree() -> None:
    parts = [series("A", [0, 1, 3], [(1, 100, 90)]), series("B", [0, 3])]
    feed, groups = HistoryFeed(parts), []
    while instant := feed.instant():
        groups.append(instant)
    assert [len(group) for group in groups] == [2, 2, 2] and feed.instant() == [] and feed.peek() is None
    assert [event for group in groups for event in group] == drain(HistoryFeed(parts))
    feed = HistoryFeed(parts)
    feed.pop()
    assert [each.instrument for each in feed.instant()] == ["B"], "what is left of the instant"
    with pytest.raises(InvariantError):
        drain(feed)
        feed.pop()


def test_blocks_come_once_before_their_first_event() -> None:
    count = 2 * blocks.BLOCK_ROWS + 5
    feed = HistoryFeed([series("A", range(count))])
    refs, seen = [], 0
    while feed.peek() is not None:
        handed = feed.block()
        if handed is not None:
            ref, content = handed
            assert seen == sum(each.rows for each in refs) and decode(content)[0][0] == feed.peek()
            assert ref.sha256 == hashlib.sha256(content).hexdigest() and feed.block() is None
            assert (ref.first, ref.last) == (decode(content)[0][0].at, decode(content)[-1][-1].at)
            refs.append(ref)
        feed.pop()
        seen += 1
    assert [ref.block for ref in refs] == [0, 1, 2] and [ref.rows for ref in refs] == [16384, 16384, 5]
    assert feed.block() is None


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ([1, 2, 3, 4, 5], [(0, 2), (2, 4), (4, 5)]),
        ([1, 2, 2, 3], [(0, 1), (1, 3), (3, 4)]),
        ([1, 1, 1, 1, 2], [(0, 4), (4, 5)]),
        ([1, 1, 1], [(0, 3)]),
        ([], []),
    ],
)
def test_an_instant_is_never_split(at: list[int], wanted: list[tuple[int, int]]) -> None:
    assert list(cut(np.array(at, np.int64), 2)) == wanted


def test_series_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="A has 1m, B has 1h"):
        HistoryFeed([series("B", [0, 1], interval=HOUR), series("A", [0, 1])])
    with pytest.raises(ConfigError, match=r"A is in A\.csv and in A\.csv"):
        HistoryFeed([series("A", [0]), series("A", [0])])
    with pytest.raises(ConfigError, match="at least one"):
        HistoryFeed([])


# ---- bytes that nobody wrote -------------------------------------------------------------------------


def good() -> bytes:
    return encode(merge([series("A", [0, 1, 3], [(1, 100, 90)]), series("B", [0, 3])]))


def test_encoding_is_pinned() -> None:
    """A change here is a new version of the format: old journals must stay readable."""
    assert (
        hashlib.sha256(good()).hexdigest()
        == "c7682cd6b5109ae97c56320b3275c6323bc7de8e7429fb42076ff63629be67cb"
    )


def edited(place: int, column: int, value: int) -> bytes:
    rows = unpack(good())
    table = rows.table.copy()
    table[column, place] = value
    return encode(Rows(rows.names, table))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cut short"),
        (good()[:10], "cut short"),
        (good()[:-1], "length"),
        (good() + b"\0", "length"),
        (b"X" + good()[1:], "not a block"),
        (good()[:8] + b"\2" + good()[9:], "version 2"),
        (good().replace(b'["A","B"]', b'["B","A"]'), "canonical order"),
        (good().replace(b'["A","B"]', b'["A","A"]'), "canonical order"),
        (good().replace(b'["A","B"]', b'["A" "B"]'), "cannot be read"),
        (good().replace(b'["A","B"]', b'["A",  3]'), "cannot be read"),
        (edited(0, blocks.WHO, 4), "does not have"),
        (edited(0, blocks.WHO, -1), "does not have"),
        (edited(1, blocks.AT, 0), "row 2 is out of order"),
        (edited(1, blocks.WHO, 1), "row 2 is out of order"),
        (edited(2, blocks.VOLUME, 1), "more than its two prices"),
    ],
)
def test_malformed_blocks_are_journal_errors(content: bytes, why: str) -> None:
    for reader in (decode, flatten):
        with pytest.raises(JournalError, match=why):
            reader(content)


# ---- shown -------------------------------------------------------------------------------------------


class Notebook:
    """A venue that writes down what it is shown, and what the desk had by then."""

    def __init__(self) -> None:
        self.shown: list[list[MarketEvent]] = []

    def watch(self, events: Sequence[MarketEvent]) -> None:
        self.shown.append(list(events))


def test_the_venue_sees_an_instant_once_and_first() -> None:
    parts = [series("A", [0, 1, 3], [(1, 100, 90)]), series("B", [0, 3])]
    venue = Notebook()
    feed = ShownFeed(HistoryFeed(parts), venue)
    got: list[MarketEvent] = []
    while (head := feed.peek()) is not None:
        before = len(venue.shown)
        assert feed.peek() is head and len(venue.shown) == before, "looking ahead shows nothing"
        feed.announce()
        feed.announce()
        assert head in venue.shown[-1] and feed.peek() is head
        assert len(got) < sum(map(len, venue.shown)), "shown before it is served"
        assert all(head.at >= event.at for group in venue.shown for event in group), "never the future"
        got.append(feed.pop())
    shown = [event for group in venue.shown for event in group]
    assert got == drain(HistoryFeed(parts)) == shown and len(venue.shown) == 3
    assert feed.total == 6 and feed.peek() is None and feed.block() is None


def test_an_instant_nobody_announced_is_not_served() -> None:
    feed = ShownFeed(HistoryFeed([series("A", [0, 1])]), Notebook())
    with pytest.raises(InvariantError, match="announced"):
        feed.pop()
    feed.announce()
    feed.pop()
    assert feed.peek() is not None
    with pytest.raises(InvariantError, match="announced"):
        feed.pop()


def test_blocks_pass_through_in_place() -> None:
    count = blocks.BLOCK_ROWS + 3
    part = series("A", range(count))
    inner, shown = HistoryFeed([part]), ShownFeed(HistoryFeed([part]), Notebook())
    for number in range(count):
        shown.peek()  # looking first must not lose the block
        shown.announce()
        plain, handed = inner.block(), shown.block()
        assert plain == handed and (handed is not None) == (number in (0, blocks.BLOCK_ROWS))
        assert handed is None or decode(handed[1])[0][0] == shown.peek()
        assert inner.pop() == shown.pop() and shown.block() is None
