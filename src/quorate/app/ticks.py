"""Trades for a research run: loaded as asked for, made into bars, and laid out as market rows beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quorate.adapters.feeds.derive import parse_instrument
from quorate.adapters.feeds.load import load_trades
from quorate.adapters.feeds.made_up import MadeUp
from quorate.adapters.feeds.series import Series
from quorate.adapters.feeds.trades import Trades, made_up
from quorate.app.load import Request
from quorate.core.errors import ConfigError, InputError
from quorate.core.instant import NEVER, parse_instant, parse_span
from quorate.native.exchange import Market, Row, Rows


def load_ticks(request: Request, interval: str) -> tuple[list[Series], list[Trades], list[str]]:
    """(bars made of trades, the trades, notes) of a request. Raises InputError, ConfigError or DataError."""
    span = parse_span(interval)
    if not request.data:
        raise InputError("bars are made of trades, and none are given", where="--data", todo="name a file")
    prefix = f"{MadeUp.name}:"
    given = [parse_instrument(text) for text in request.instruments]
    paths = [text for text in request.data if not text.startswith(prefix)]
    trades = list(load_trades(paths, given, assume_utc=request.assume_utc)) if paths else []
    for text in request.data:
        if text.startswith(prefix):
            trades += [made_up(each) for each in MadeUp().read(text.removeprefix(prefix))]
    trades.sort(key=lambda each: each.series.instrument.id)
    names = [each.series.instrument.id for each in trades]
    if len(set(names)) < len(names):
        raise ConfigError("an instrument is in the data twice", where="--data", todo="give one file of it")
    notes = []
    if request.first is not None or request.end is not None:
        first = parse_instant(request.first) if request.first is not None else -NEVER
        end = parse_instant(request.end) if request.end is not None else NEVER
        if first >= end:
            raise InputError(f"{request.first} is not before {request.end}", where="--from, --to")
        trades = [each.between(first, end) for each in trades]
        notes.append(f"trades from {request.first or 'the first'} to before {request.end or 'the end'}")
    for each in trades:
        if each.series.start[0] < 0:
            what = f"the trades of {each.series.instrument.id} begin before 1970, as instants here do not"
            raise InputError(what, where=each.series.source.name, todo="add --from 1970-01-01")
    return [each.bars(span) for each in trades], trades, notes


def with_trades(bars: Rows, trades: Sequence[Trades]) -> Rows:
    """Market rows of bars, whose instruments are numbered by their ids, and of the trades that drive them.

    At one instant a bar, which ends there, stands before the trades, which are of the next one.
    """
    parts = [bars]
    ordered = sorted(trades, key=lambda each: each.series.instrument.id)
    for place, each in enumerate(ordered):
        rows = np.zeros((len(each.series), len(Market)), np.int64)
        rows[:, Market.AT] = rows[:, Market.START] = each.series.at
        rows[:, Market.KIND], rows[:, Market.INSTRUMENT] = Row.TRADE, place
        rows[:, Market.OPEN], rows[:, Market.CLOSE] = each.series.close, each.side
        rows[:, Market.VOLUME], rows[:, Market.SPREAD] = each.series.volume, -1
        parts.append(rows)
    table = np.concatenate(parts)
    return np.ascontiguousarray(table[np.argsort(table[:, Market.AT], kind="stable")])
