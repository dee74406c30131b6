"""What a run leaves behind to be judged: the equity curve, its trades, and all else the statistics read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from quorate.core.decision import Decision
from quorate.core.effects import BreakerMoved, Vetoed
from quorate.core.errors import InputError, InvariantError
from quorate.core.events import Fill, TradeClosed
from quorate.core.instant import DAY, YEAR
from quorate.core.instrument import CALENDARS, Calendar, Instrument
from quorate.core.money import E8, Money
from quorate.core.order import Role, Side, Verdict

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Equity after each instant of the run, start excluded. ``at`` int64[n] ns, ``equity`` int64[n] 1e-8.

    Raises InvariantError unless both are int64, equally long, and ``at`` never runs backwards.
    """

    at: Ints
    equity: Ints

    def __post_init__(self) -> None:
        if self.at.dtype != np.int64 or self.equity.dtype != np.int64 or self.at.shape != self.equity.shape:
            raise InvariantError(
                f"a curve is two int64 arrays of one length, not {self.at.dtype}{self.at.shape} "
                f"and {self.equity.dtype}{self.equity.shape}"
            )
        if np.any(self.at[1:] < self.at[:-1]):
            raise InvariantError("the instants of an equity curve run backwards")


@dataclass(frozen=True, slots=True, eq=False)
class Closes:
    """Closes of one instrument for baselines and charts: ``at`` int64[n] ns, ``close`` float64[n] currency.

    ``high``, ``low``: float64[n] of the same bars, None where only closes are known. Prices as a holder
    would have met them: a futures series is roll-adjusted.
    """

    at: Ints
    close: Floats
    high: Floats | None = None
    low: Floats | None = None

    def __post_init__(self) -> None:
        if self.at.shape != self.close.shape or not self.at.size:
            raise InvariantError(
                f"closes are two arrays of one length, not {self.at.shape} and {self.close.shape}"
            )
        if (self.high is None) != (self.low is None):
            raise InvariantError("closes have highs and lows, or neither")
        if any(each is not None and each.shape != self.at.shape for each in (self.high, self.low)):
            raise InvariantError("highs, lows and closes are of one length")


class TradeRow(msgspec.Struct, frozen=True):
    """One closed trade: money in 1e-8, prices and ``notional`` in currency, ``value`` the return on it.

    ``decision`` is the id of the decision that opened it; ``side`` the side it was opened with.
    """

    instrument: str
    side: Side
    opened_at: int
    closed_at: int
    entry: float
    exit: float
    lots: int
    notional: float
    pnl_e8: int
    best_e8: int
    worst_e8: int
    fees_e8: int
    value: float
    decision: str
    exit_role: Role


def trade_row(trade: TradeClosed, instrument: Instrument) -> TradeRow:
    """The row of one closed trade."""
    notional = trade.entry * trade.quantity.count * float(instrument.lot * instrument.multiplier)
    return TradeRow(
        instrument=trade.instrument,
        side=trade.side,
        opened_at=trade.opened_at,
        closed_at=trade.at,
        entry=trade.entry,
        exit=trade.exit,
        lots=trade.quantity.count,
        notional=notional,
        pnl_e8=trade.pnl.count,
        best_e8=trade.best.count,
        worst_e8=trade.worst.count,
        fees_e8=trade.fees.count,
        value=trade.pnl.count / E8 / notional if notional else 0.0,
        decision=trade.decision,
        exit_role=trade.exit_role,
    )


@dataclass(frozen=True)
class RunStats:
    """Everything the statistics of one run are made of.

    ``interval`` is the bar's length in ns. ``gross``: int64[n] gross exposure in 1e-8 at each instant of the
    curve, empty where nobody sampled it. ``decisions`` need only hold those that opened trades, ``approved``
    the verdicts of orders that passed. ``references`` are the ticks each approved order was decided at, by
    order; ``sent``: how many orders there were, None for those approved; ``rejected``, ``cancelled``,
    ``expired``: how many the venue ended so, None where nobody counted.
    ``fees`` is all the account paid, rolls included, None to add up the fills' own; ``charges`` is financing
    paid; ``spread`` and ``slippage`` are what the venue says they cost, None where it does not say.
    """

    curve: Curve
    trades: Sequence[TradeClosed]
    fills: Sequence[Fill]
    cash: Money
    instruments: Mapping[str, Instrument]
    interval: int
    vetoes: Sequence[Vetoed] = ()
    approved: Sequence[Verdict] = ()
    decisions: Sequence[Decision] = ()
    moves: Sequence[BreakerMoved] = ()
    gross: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    fees: Money | None = None
    charges: Money | None = None
    spread: Money | None = None
    slippage: Money | None = None
    references: Mapping[str, int] | None = None
    sent: int | None = None
    rejected: int | None = None
    cancelled: int | None = None
    expired: int | None = None

    def __post_init__(self) -> None:
        if self.cash.count <= 0:
            raise InputError(f"start cash must be above zero, not {self.cash}")
        if self.interval <= 0:
            raise InvariantError(f"an interval of {self.interval} ns is none")
        if self.gross.size not in (0, self.curve.at.size):
            raise InvariantError(f"{self.gross.size} exposure samples for {self.curve.at.size} instants")

    @cached_property
    def rows(self) -> tuple[TradeRow, ...]:
        """All closed trades, in the order they closed."""
        return tuple(trade_row(trade, self.instruments[trade.instrument]) for trade in self.trades)

    @property
    def currency(self) -> str:
        """The currency of all money in the run."""
        return self.cash.scale

    @property
    def end_e8(self) -> int:
        """Equity at the end in 1e-8; the start cash when nothing happened."""
        return int(self.curve.equity[-1]) if self.curve.equity.size else self.cash.count

    @property
    def fees_e8(self) -> int:
        """All fees paid, in 1e-8."""
        return self.fees.count if self.fees is not None else sum(fill.fee.count for fill in self.fills)

    @property
    def calendar(self) -> Calendar:
        """The calendar that annualises: the one with most days, since on each of them equity can move."""
        calendars = [instrument.hours for instrument in self.instruments.values()] or [CALENDARS["always"]]
        return max(calendars, key=lambda calendar: (calendar.days_per_year, calendar.name))

    @property
    def periods_per_year(self) -> float:
        """Daily returns in a year of the calendar; bars longer than a day count by their own length."""
        return float(self.calendar.days_per_year) if self.interval <= DAY else YEAR / self.interval
