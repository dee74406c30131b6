"""The typed door to native research runs: market rows and instruments in; a runner, its trades and curve out.

Trade rows are int64 (n, 17) with the columns of `Traded`; report rows have those of `exchange.Told`. Bars of
a stream are numbered from 0; a stream longer than the data's own is made of completed bars only.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from decimal import Decimal

from quorate.native import _native
from quorate.native._native import ClosedBar, Line, LookAhead, Runner, Tick
from quorate.native.clearing import Clearing, clear
from quorate.native.exchange import DEFAULT, Rows, Rules, _check_whole, _rules, _terms
from quorate.native.exchange import Traded as Instrument

__all__ = [
    "STATUSES", "ClosedBar", "Column", "Line", "LookAhead", "Reviewed", "Runner", "Tick", "Traded", "make",
]  # fmt: skip

STATUSES = ("never", "submitted", "accepted", "filled", "cancelled", "rejected", "expired")


class Column(enum.IntEnum):
    """Columns of a stream of bars."""

    OPEN = 0
    HIGH = 1
    LOW = 2
    CLOSE = 3
    VOLUME = 4


class Traded(enum.IntEnum):
    """Columns of a trade row: from flat to flat. Money in 1e-8; ``PNL`` after fees; ``BEST``, ``WORST``:
    the pnl at the fills' own bounds; ``ENTRY``, ``EXIT``: worth of all fills of the kind; bars: those of the
    fills; ``OPENED_AT``, ``EXITED_AT``: modelled instants of first and last fill; ``CLOSED_AT``: told.
    """

    INSTRUMENT = 0
    SIDE = 1
    OPENED_AT = 2
    CLOSED_AT = 3
    OPENED_BAR = 4
    CLOSED_BAR = 5
    ENTRY_LOTS = 6
    EXIT_LOTS = 7
    ENTRY = 8
    EXIT = 9
    PNL = 10
    FEES = 11
    BEST = 12
    WORST = 13
    EXIT_ROLE = 14
    ORDER = 15
    EXITED_AT = 16


class Reviewed(enum.IntEnum):
    """Columns of a row of `Runner.reviews`: an order asked of the limits, and what they said. ``ORDER``
    below 0: refused; ``LOTS``: let out; prices in ticks, -1: none; ``DENIED``, ``CUT``: rules.
    """

    AT = 0
    ORDER = 1
    INSTRUMENT = 2
    SIDE = 3
    TYPE = 4
    ROLE = 5
    ASKED = 6
    LOTS = 7
    PRICE = 8
    STOP = 9
    TARGET = 10
    DENIED = 11
    CUT = 12


def make(
    instruments: Sequence[Instrument],
    rows: Rows,
    *,
    interval_ns: int,
    cash_e8: int,
    latency_ns: int = 0,
    share: Decimal | None = None,
    lots: int = -1,
    slippage: Decimal = Decimal(1),
    rules: Rules = DEFAULT,
    clearing: Mapping[str, Clearing] | None = None,
) -> Runner:
    """A runner over rows, which must not change while it lives. A stance of 1: a ``share`` of equity, or
    ``lots``. ValueError for rows, terms, a size or a clearing (by id) that make no sense.
    """
    _check_whole(cash_e8=cash_e8, latency_ns=latency_ns, interval_ns=interval_ns, lots=lots)
    numerator, denominator = (share if share is not None else Decimal(1)).as_integer_ratio()
    _check_whole("a share as a ratio: ", numerator=numerator, denominator=denominator)
    terms = [_terms(each, slippage) for each in instruments]
    for each, written in zip(instruments, terms, strict=True):
        if clearing and each.id in clearing:
            clear(written, clearing[each.id])
    return _native.Runner(
        terms,
        [(float(each.tick), float(each.lot)) for each in instruments],
        rows,
        interval_ns,
        cash_e8,
        _rules(rules, latency_ns),
        (numerator, denominator),
        lots,
    )
