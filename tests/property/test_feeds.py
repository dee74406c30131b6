"""Properties of the tape: what is encoded comes back, any order in gives one order out, no byte is free."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quorate.adapters.feeds.blocks import AT, Rows, cut, decode, encode, merge, unpack
from quorate.adapters.feeds.derive import find_tick
from quorate.adapters.feeds.history import HistoryFeed
from quorate.adapters.feeds.series import Rolls, Series, SourceInfo
from quorate.core.errors import JournalError
from quorate.core.events import Bar, MarketEvent, Roll
from quorate.core.instrument import Instrument, Kind

WIDE = st.integers(-(2**63), 2**63 - 1)


@st.composite
def a_series(draw: st.DrawFn, name: str) -> Series:
    """Any integers the format can hold, at rising times."""
    starts = sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=25)))
    count = len(starts)
    columns = [np.array(draw(st.lists(WIDE, min_size=count, max_size=count)), np.int64) for _ in range(6)]
    index = np.array(sorted(draw(st.sets(st.integers(0, count - 1), max_size=3))), np.int64)
    old, new = (
        np.array(draw(st.lists(WIDE, min_size=len(index), max_size=len(index))), np.int64) for _ in "12"
    )
    start = np.array(starts, np.int64)
    instrument = Instrument(name, Kind.SPOT, "USD", Decimal(1), Decimal(1))
    return Series(
        instrument, start, start + 1, *columns, Rolls(index, old, new), SourceInfo(name, "", count), 1
    )


@st.composite
def several(draw: st.DrawFn) -> list[Series]:
    names = draw(
        st.sets(st.sampled_from(["A", "B", "BTC/USD", "Ü", '"q"', "ES-201312"]), min_size=1, max_size=4)
    )
    return draw(st.permutations([draw(a_series(name)) for name in sorted(names)]))


def oracle(series: list[Series]) -> list[MarketEvent]:
    """The same tape, written so that it is plainly right."""
    events: list[tuple[int, str, int, MarketEvent]] = []
    for each in series:
        name = each.instrument.id
        for row in range(len(each)):
            at = int(each.at[row])
            numbers = [each.start, each.open, each.high, each.low, each.close, each.volume, each.spread]
            events.append((at, name, 1, Bar(at, name, *(int(column[row]) for column in numbers))))
        for index, old, new in zip(each.rolls.index, each.rolls.old, each.rolls.new, strict=True):
            at = int(each.at[index])
            events.append((at, name, 0, Roll(at, name, int(old), int(new))))
    return [event for *_, event in sorted(events, key=lambda item: item[:3])]


@given(several())
def test_encode_then_decode_is_the_same_tape(series: list[Series]) -> None:
    instants = decode(encode(merge(series)))
    assert [event for instant in instants for event in instant] == oracle(series)
    assert all(len({event.at for event in instant}) == 1 for instant in instants)
    ats = [instant[0].at for instant in instants]
    assert ats == sorted(set(ats))


@given(several(), st.integers(1, 7))
def test_one_spelling_whatever_the_order_and_the_cut(series: list[Series], size: int) -> None:
    rows = merge(series)
    assert encode(rows) == encode(merge(series[::-1])) and encode(unpack(encode(rows))) == encode(rows)
    bounds = list(cut(rows.table[AT], size))
    assert [first for first, _ in bounds] == [0, *(end for _, end in bounds[:-1])] and bounds[-1][
        1
    ] == rows.table.shape[1]
    events = []
    for first, end in bounds:
        block = decode(encode(Rows(rows.names, rows.table[:, first:end])))
        assert not events or events[-1].at < block[0][0].at, "an instant is split"
        events += [event for instant in block for event in instant]
    assert events == oracle(series)


@given(several())
def test_the_feed_gives_the_tape(series: list[Series]) -> None:
    feed = HistoryFeed(series)
    got = []
    while feed.peek() is not None:
        got.append(feed.pop())
    assert got == oracle(series) and feed.total == len(got)


@given(several(), st.data())
def test_no_byte_is_free(series: list[Series], data: st.DataObject) -> None:
    """A flipped byte changes the digest, and either the events or whether there are any: none is padding."""
    content = encode(merge(series))
    place = data.draw(st.integers(0, len(content) - 1))
    broken = bytearray(content)
    broken[place] ^= data.draw(st.integers(1, 255))
    assert hashlib.sha256(broken).digest() != hashlib.sha256(content).digest()
    try:
        events = decode(bytes(broken))
    except JournalError:
        return
    assert events != decode(content)


@given(st.binary(max_size=400))
def test_junk_is_a_journal_error(junk: bytes) -> None:
    for content in (junk, encode(Rows(("A",), np.ones((9, 1), np.int64)))[: len(junk)] + junk):
        try:
            decode(content)
        except JournalError:
            continue
        raise AssertionError("junk was believed")


@given(
    st.sampled_from([1, 2, 5, 25, 125]),
    st.integers(0, 6),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=30),
)
def test_a_found_tick_holds_every_price(digit: int, decimals: int, counts: list[int]) -> None:
    step = Decimal(digit).scaleb(-decimals)
    prices = np.array([float(step * count) for count in counts])
    tick, exact = find_tick(prices)
    alone = len(set(counts)) == 1  # says nothing of its grid
    assert exact and (alone or tick >= step), "never finer than the grid the prices were drawn on"
    assert all((step * count) % tick == 0 for count in counts)
    noisy, still = find_tick(prices * (1 + 2e-16), prices / 3 * 3)
    assert still and noisy == tick


@given(a_series("A"), st.integers(0, 61), st.integers(0, 61))
def test_a_slice_is_the_tape_between(series: Series, first: int, end: int) -> None:
    inside = [bar for bar in oracle([replace(series)]) if isinstance(bar, Bar) and first <= bar.start < end]
    if inside:
        part = oracle([series.between(first, end)])
        assert [bar for bar in part if isinstance(bar, Bar)] == inside
        assert not isinstance(part[0], Roll)
