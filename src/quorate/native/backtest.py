"""The typed door to the fast lane: one instrument's bars, stances over them, whole runs and sweeps.

A *stance* is what a strategy wants: a number from -1 (all short) to 1 (all long) that scales the run's size.
It changes at the close of a bar; market orders go out then and meet the next bar in which anything trades,
the exit of a turn first. A stance is sized when it changes, from equity at that close, and never again.
While orders are on their way decisions wait, and then only the newest counts. Stances come as arrays, or as
a `ChangeSource` that makes them where they are needed.

Fills, fees, trades and equity equal `native.exchange.Exchange` given the same orders, to the integer.
Matrices are int64 with the columns of `Filled` and `Traded`; money in 1e-8 of the currency, prices in ticks.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quorate.native import _native
from quorate.native._native import ChangeSource
from quorate.native.exchange import Market, Rows, _check_whole
from quorate.native.exchange import Traded as Instrument
from quorate.native.exchange import _terms as terms_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Stances = NDArray[np.float64] | NDArray[np.int8]

STATISTICS: tuple[str, ...] = tuple(_native.statistic_names())
COUNTS = frozenset((
    "trades", "long_trades", "short_trades", "wins", "losses", "losing_streak", "fills", "refused", "bars",
    "days", "max_drawdown_duration_ns", "duration_mean_ns", "duration_max_ns",
))  # fmt: skip


class Filled(enum.IntEnum):
    """Columns of a fill. ``SIDE``: 1 bought, -1 sold. ``ROLE``: as in `native.exchange.ROLES`."""

    BAR = 0
    AT = 1
    SIDE = 2
    ROLE = 3
    LOTS = 4
    PRICE = 5
    FEE = 6
    FILLED_AT = 7
    BEST = 8
    WORST = 9


class Traded(enum.IntEnum):
    """Columns of a trade, from flat to flat. ``LOTS``: all that was entered. ``ENTRY``, ``EXIT``: worth
    entered and left, without sign. ``PNL`` is after fees, without financing; ``BEST``, ``WORST`` the same at
    the fills' own bounds. ``ROLE``: of the last fill.
    """

    ENTRY_BAR = 0
    EXIT_BAR = 1
    OPENED_AT = 2
    CLOSED_AT = 3
    SIDE = 4
    LOTS = 5
    ENTRY = 6
    EXIT = 7
    FEES = 8
    PNL = 9
    BEST = 10
    WORST = 11
    ROLE = 12


class Tape:
    """One instrument's bars, checked and made ready once, for any number of runs and threads."""

    def __init__(self, core: _native.Tape) -> None:
        self.core = core

    @classmethod
    def of(
        cls,
        at: Ints,
        start: Ints,
        open: Ints,
        high: Ints,
        low: Ints,
        close: Ints,
        volume: Ints | None = None,
        spread: Ints | None = None,
        *,
        days_per_year: float,
        interval_ns: int,
    ) -> Tape:
        """From int64 columns (n,), oldest first: instants of close and open, prices in ticks, volume in lots
        and the quoted spread in ticks (below 0, or None, when unknown).

        ``days_per_year``: of the instrument's calendar, which annualises; below 365 for one that sleeps at
        weekends. Arrays are copied unless they are contiguous and read-only. ValueError: instants that do not
        rise, lengths that differ.
        """
        empty = np.empty(0, np.int64)
        rest = [empty if each is None else each for each in (volume, spread)]
        columns = (at, start, open, high, low, close, *rest)
        return cls(_native.Tape([_kept(each) for each in columns], days_per_year, interval_ns))

    @classmethod
    def of_rows(cls, rows: Rows, *, days_per_year: float, interval_ns: int) -> Tape:
        """From market rows int64 (n, 10) of one instrument, all of them bars."""
        if np.any(rows[:, Market.KIND] != 0):
            raise ValueError("only bars make a tape: there are other market rows among them")
        columns = [rows[:, each] for each in (Market.AT, *range(Market.START, Market.SPREAD + 1))]
        return cls.of(*columns, days_per_year=days_per_year, interval_ns=interval_ns)

    def __len__(self) -> int:
        return self.core.size


@dataclass(frozen=True)
class Settings:
    """What the runs of a sweep share.

    ``share`` of equity or ``quantity`` in base units: exactly one says what a full stance holds. ``stop``,
    ``target``: distances in ticks from each bar's close, int64 (n,), 0 for none; with them a run goes bar by
    bar. ``slippage``: times the instrument's own. ValueError for sizes that make no sense.
    """

    instrument: Instrument
    cash_e8: int
    share: Decimal | None = None
    quantity: Decimal | None = None
    latency_ns: int = 0
    slippage: Decimal = Decimal(1)
    stop: Ints | None = None
    target: Ints | None = None

    def __post_init__(self) -> None:
        if (self.share is None) == (self.quantity is None):
            raise ValueError("a size is a share of equity or a quantity: give one of them")
        given = self.share if self.share is not None else self.quantity
        if given is None or not given.is_finite() or given <= 0:
            raise ValueError(f"a size must be above zero, not {given}")

    @property
    def size(self) -> Fraction:
        """What a full stance holds: a share of equity, or lots, not rounded yet. Exact: not every quotient
        has few decimals.
        """
        if self.share is not None:
            return Fraction(self.share)
        return Fraction(self.quantity or 0) / Fraction(self.instrument.lot)

    @cached_property
    def core(self) -> _native.RunSettings:
        """The same, as the native side reads it. OverflowError for a size that 63 bits do not hold."""
        numerator, denominator = self.size.as_integer_ratio()
        _check_whole("a size as a ratio: ", numerator=numerator, denominator=denominator)
        return _native.RunSettings(
            terms_of(self.instrument, self.slippage), self.latency_ns, self.cash_e8, self.share is not None,
            (numerator, denominator), None if self.stop is None else _kept(self.stop),
            None if self.target is None else _kept(self.target),
        )  # fmt: skip


class Result:
    """One finished run. What was not recorded is made when it is first asked for, by running again.

    All arrays are read-only and read in place: they keep the whole run alive.
    """

    def __init__(self, core: _native.Run, tape: Tape, settings: Settings) -> None:
        self._core, self._tape, self._settings = core, tape, settings

    @cached_property
    def statistics(self) -> dict[str, float | int | None]:
        """The figures by name, None where one is undefined; see `analysis.metrics` for what they mean."""
        return named(self._core.statistics()[0])

    @cached_property
    def fills(self) -> Ints:
        """int64 (k, 10), the columns of `Filled`."""
        return self._core.fills(self._tape.core, self._settings.core)

    @cached_property
    def trades(self) -> Ints:
        """int64 (k, 13), the columns of `Traded`: closed ones, in the order they closed."""
        return self._core.trades(self._tape.core, self._settings.core)

    @property
    def stepped(self) -> bool:
        """Whether the run went bar by bar through the exchange: asked to, or out of the fast lane's range."""
        return self._core.stepped

    def equity(self) -> Ints:
        """int64 (n,): equity at the close of every bar, 1e-8."""
        return self._core.equity(self._tape.core, self._settings.core)


class Sweep:
    """Many runs in threads of their own, under way from now on: look at `done`, then `wait`."""

    def __init__(self, tape: Tape, source: ChangeSource, settings: Settings, *, threads: int) -> None:
        self._core = _native.Sweep(tape.core, source, settings.core, threads)

    def __len__(self) -> int:
        return self._core.size

    @property
    def done(self) -> int:
        """Runs finished so far."""
        return self._core.done

    @property
    def is_over(self) -> bool:
        """Whether no thread is at work any more."""
        return self._core.is_over

    def cancel(self) -> None:
        """Begins no further run; `wait` will say that the sweep was stopped."""
        self._core.cancel()

    def wait(self) -> Floats:
        """float64 (runs, len(STATISTICS)) in the order of the source, NaN where a figure is undefined.

        Raises what the first run that failed raised; RuntimeError when it was cancelled.
        """
        return self._core.wait()


def run(
    tape: Tape,
    stances: Stances | ChangeSource,
    settings: Settings,
    *,
    number: int = 0,
    stepped: bool = False,
    recorded: bool = False,
) -> Result:
    """One run; without the GIL.

    ``stances``: float64 (n,) or int8 (n,), or a source, of which ``number`` is run. ``stepped``: bar by bar
    through the exchange, the second witness. ``recorded``: fills, trades and curve are kept at once, for who
    will want them; else only figures are. ValueError for stances outside [-1, 1]; OverflowError as the
    exchange.
    """
    source = stances if isinstance(stances, ChangeSource) else source_of(stances[None, :])
    core = _native.run_lane(tape.core, source, number, settings.core, stepped, recorded)
    return Result(core, tape, settings)


def sweep(tape: Tape, stances: Stances | ChangeSource, settings: Settings, *, threads: int) -> Floats:
    """All runs of a source, or of a matrix of stances (k, n): float64 (k, len(STATISTICS)). See `Sweep`."""
    source = stances if isinstance(stances, ChangeSource) else source_of(stances)
    return Sweep(tape, source, settings, threads=threads).wait()


def source_of(stances: Stances) -> ChangeSource:
    """Stances as a source, a strategy a row: int8 of -1, 0, 1, or float64 in [-1, 1] with NaN for no change.

    The matrix is read in place and must not be written to while it runs. TypeError for other numbers.
    """
    if stances.dtype == np.int8:
        return _native.Signals(np.ascontiguousarray(stances, np.int8))
    if stances.dtype == np.float64:
        return _native.Stances(np.ascontiguousarray(stances, np.float64))
    raise TypeError(f"stances are int8 or float64, not {stances.dtype}")


def changes_source(lists: Sequence[NDArray[np.int32]], bars: int) -> ChangeSource:
    """Changes found before, int32 (m, 2) a strategy: the bar at whose close, and the stance in 1e-6."""
    return _native.ChangeLists([np.ascontiguousarray(each, np.int32) for each in lists], bars)


def summarise(
    at: Ints,
    equity: Ints,
    trades: Ints,
    *,
    cash_e8: int,
    days_per_year: float,
    interval_ns: int,
    fees_e8: int = 0,
    financing_e8: int = 0,
    traded_e8: int = 0,
    better_e8: int = 0,
    worse_e8: int = 0,
    exposed: int = 0,
    fills: int = 0,
    refused: int = 0,
) -> dict[str, float | int | None]:
    """The same figures for any run: equity int64 (n,) after each of the instants, trades as `Traded` rows.

    ``traded_e8``: worth of all fills; ``better_e8``, ``worse_e8``: what the fills' own bounds would have
    added to the result; ``exposed``: instants at which something was held.
    """
    sums = [
        float(each)
        for each in (fees_e8, financing_e8, traded_e8, better_e8, worse_e8, exposed, fills, refused)
    ]
    return named(_native.summarise(at, equity, trades, cash_e8, sums, days_per_year, interval_ns)[0])


def named(row: Floats) -> dict[str, float | int | None]:
    """One row of a sweep by name: counts and spans of time as int, None for what is undefined."""
    return {
        name: None if value != value else int(value) if name in COUNTS else value
        for name, value in zip(STATISTICS, row.tolist(), strict=True)
    }


def _kept(column: Ints) -> Ints:
    """A column that nobody can write to."""
    whole = np.ascontiguousarray(column, np.int64)
    if whole.flags.writeable:
        whole = whole.copy() if whole is column or whole.base is not None else whole
        whole.flags.writeable = False
    return whole
