"""A research run: one body over market rows in the native runner, and what came of it in whole numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

import numpy as np

from quorate.analysis.result import Curve, RunStats
from quorate.core.errors import ConfigError, DataError, InputError, LookAheadError, QuorateError
from quorate.core.events import Fill, TradeClosed
from quorate.core.instrument import Calendar, Instrument
from quorate.core.money import Money
from quorate.core.order import Role, Side
from quorate.native.clearing import Clearing
from quorate.native.exchange import REASONS, Kind, Market, Rows, Rules, Told
from quorate.native.limits import Limits
from quorate.native.runner import LookAhead, Runner, Traded, make
from quorate.research.array import Answer, ask, limit_ticks, prove, ticks
from quorate.research.book import Floats
from quorate.research.course import Course
from quorate.research.desk import Desk, drive
from quorate.research.ohlcv import Ohlcv, sealed
from quorate.research.parameters import Value
from quorate.research.signal import SignalStrategy
from quorate.research.strategy import Strategy

ROLES = (Role.ENTRY, Role.EXIT, Role.STOP, Role.TARGET)
SIZE_MIN, SIZE_MAX = Decimal("0.000000000001"), Decimal(10**15)  # as written: units, or percent
FLOW = (Told.AT, Told.INSTRUMENT, Told.SIDE, Told.LOTS, Told.PRICE, Told.MONEY)


@dataclass(frozen=True)
class Size:
    """How large a stance of 1 is: a ``share`` of equity at the decision's close, or ``units`` of the base."""

    share: Decimal | None = Decimal("0.95")
    units: Decimal | None = None

    @classmethod
    def read(cls, text: str) -> Size:
        """``95%`` or ``0.01``. Raises ConfigError for anything else, and for what 63 bits do not hold."""
        try:
            number = Decimal(text.strip().removesuffix("%"))
        except InvalidOperation:
            number = Decimal(0)
        if not number.is_finite() or number <= 0:
            raise ConfigError(
                f"'{text}' is no size", where="--size", todo="write 95% of equity, or 0.01 units"
            )
        if not SIZE_MIN <= number <= SIZE_MAX or max((number / 100).as_integer_ratio()) >= 2**63:
            what = f"'{text}' is no size that can be kept exactly"
            raise ConfigError(what, where="--size", todo=f"{SIZE_MIN:f} to {SIZE_MAX:f}, fewer digits")
        return cls(number / 100) if text.strip().endswith("%") else cls(None, number)

    def __str__(self) -> str:
        return f"{self.units}" if self.share is None else f"{(self.share * 100).normalize():f}%"


@dataclass(frozen=True, eq=False)
class Setting:
    """What a run happens in. ``rows`` as of `native.exchange.Market`; instruments by their numbers there."""

    instruments: Sequence[Instrument]
    rows: Rows
    interval_ns: int
    cash: Money
    latency_ns: int = 0
    size: Size = field(default_factory=Size)
    slippage: Decimal = Decimal(1)
    rules: Rules = field(default_factory=Rules)
    seed: int = 1
    limits: Limits | None = None
    clearing: Mapping[str, Clearing] = field(default_factory=dict)

    @property
    def lots(self) -> int:
        """Lots of a stance of 1, -1 for a share of equity. Raises ConfigError for a size that is no lots."""
        if self.size.units is None:
            return -1
        if len({each.lot for each in self.instruments}) > 1:
            what = "a size in units fits instruments of one lot only"
            raise ConfigError(what, where="--size", todo="write a share, such as 10%")
        lots = int(self.size.units / self.instruments[0].lot)
        if lots < 1:
            what = f"{self.size.units} is less than a lot of {self.instruments[0].lot}"
            raise ConfigError(what, where="--size", todo="write more, or a share such as 95%")
        if lots >= 2**63:
            what = f"{self.size.units} in lots of {self.instruments[0].lot} needs more than 63 bits"
            raise ConfigError(what, where="--size", todo="write less, or a share such as 95%")
        return lots

    def runner(self) -> Runner:
        """A fresh runner, under its own copy of the limits when there are any."""
        runner = self._bare()
        if self.limits is not None:
            runner.guard(self.limits.core)
        return runner

    def _bare(self) -> Runner:
        try:
            return make(
                self.instruments,
                self.rows,
                interval_ns=self.interval_ns,
                cash_e8=self.cash.count,
                latency_ns=self.latency_ns,
                share=self.size.share,
                lots=self.lots,
                slippage=self.slippage,
                rules=self.rules,
                clearing=self.clearing,
            )
        except (ValueError, OverflowError) as error:
            raise InputError(str(error), where="the run") from error

    @cached_property
    def scale(self) -> Floats:
        """Currency a tick at each bar of the first instrument, carried over rolls: float64[bars]."""
        rows = self.rows[self.rows[:, Market.INSTRUMENT] == 0]
        rolls = rows[:, Market.KIND] == 1
        worth = np.ones(len(rows))
        worth[rolls] = rows[rolls, Market.OPEN] / rows[rolls, Market.CLOSE]
        adjust = np.multiply.accumulate(worth)
        bars = np.flatnonzero(rows[:, Market.KIND] == 0)
        return np.asarray(self.instruments[0].tick_float * adjust[bars])

    @cached_property
    def ohlcv(self) -> Ohlcv:
        """The whole history of the one instrument. Raises ConfigError when there are more."""
        if len(self.instruments) != 1:
            what = f"arrays are of one instrument, and the data hold {len(self.instruments)}"
            raise ConfigError(what, where="--data", todo="name one, or write a class")
        bars = self.rows[self.rows[:, Market.KIND] == 0]
        prices = [
            bars[:, column] * self.scale for column in (Market.OPEN, Market.HIGH, Market.LOW, Market.CLOSE)
        ]
        volume = np.where(
            bars[:, Market.VOLUME] < 0, np.nan, bars[:, Market.VOLUME] * self.instruments[0].lot_float
        )
        return sealed(*prices, volume, bars[:, Market.AT].copy())


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run. ``cuts``: shorter histories that an array function was asked again with."""

    setting: Setting
    runner: Runner
    notes: tuple[str, ...] = ()
    cuts: int | None = None
    confidence: float | None = None

    @cached_property
    def reports(self) -> Rows:
        """What the exchange said, in order, but for what it accepted and settled."""
        return self.runner.reports

    @cached_property
    def fills(self) -> Rows:
        """The fills alone."""
        told: Rows = self.reports[self.reports[:, Told.KIND] == Kind.FILL]
        return told

    @cached_property
    def liquidations(self) -> Rows:
        """The fills that nobody sent."""
        forced: Rows = self.fills[self.fills[:, Told.ORDER] < 0]
        return forced

    @cached_property
    def trades(self) -> Rows:
        """Closed trades: int64 (n, 17), the columns of `native.runner.Traded`."""
        return self.runner.trades

    @cached_property
    def orders_digest(self) -> str:
        """SHA-256 over each fill: instant, instrument, side, lots, price, fee as little-endian int64."""
        return hashlib.sha256(self.fills[:, FLOW].astype("<i8").tobytes()).hexdigest()

    @cached_property
    def rejections(self) -> dict[str, int]:
        """How often orders were refused, by reason."""
        refused = self.reports[self.reports[:, Told.KIND] == Kind.REJECTED][:, Told.REASON]
        codes, counts = np.unique(refused, return_counts=True)
        return {REASONS[code]: int(count) for code, count in zip(codes, counts, strict=True)}

    def _count(self, kind: Kind) -> int:
        return int(np.count_nonzero(self.reports[:, Told.KIND] == kind))

    @cached_property
    def stats(self) -> RunStats:
        """What the analysis reads."""
        setting, currency = self.setting, self.setting.cash.scale
        return RunStats(
            curve=Curve(self.runner.at, self.runner.equity),
            trades=[_trade(row, setting.instruments) for row in self.trades.tolist()],
            fills=[_fill(number, row, setting.instruments) for number, row in enumerate(self.fills.tolist())],
            cash=setting.cash,
            instruments={each.id: each for each in setting.instruments},
            interval=setting.interval_ns,
            gross=self.runner.gross,
            fees=Money(self.runner.fees_e8, currency),
            charges=Money(self.runner.charges_e8, currency),
            sent=self.runner.orders,
            rejected=self._count(Kind.REJECTED),
            cancelled=self._count(Kind.CANCELLED),
            expired=self._count(Kind.EXPIRED),
        )


def periods_of(setting: Setting) -> tuple[Calendar, float]:
    """(the calendar that annualises, its periods in a year), as the analysis finds them."""
    empty = np.empty(0, np.int64)
    terms = {each.id: each for each in setting.instruments}
    bare = RunStats(Curve(empty, empty), (), (), setting.cash, terms, setting.interval_ns)
    return bare.calendar, bare.periods_per_year


def _trade(row: Sequence[int], instruments: Sequence[Instrument]) -> TradeClosed:
    terms = instruments[row[Traded.INSTRUMENT]]
    unit = float(terms.lot * terms.multiplier) * 1e8
    return TradeClosed(
        at=row[Traded.CLOSED_AT],
        instrument=terms.id,
        side=Side.BUY if row[Traded.SIDE] > 0 else Side.SELL,
        opened_at=row[Traded.OPENED_AT],
        quantity=terms.quantity(row[Traded.ENTRY_LOTS]),
        entry=row[Traded.ENTRY] / row[Traded.ENTRY_LOTS] / unit,
        exit=row[Traded.EXIT] / row[Traded.EXIT_LOTS] / unit,
        pnl=terms.money(row[Traded.PNL]),
        fees=terms.money(row[Traded.FEES]),
        best=terms.money(row[Traded.BEST]),
        worst=terms.money(row[Traded.WORST]),
        decision=str(row[Traded.ORDER]),
        exit_role=ROLES[row[Traded.EXIT_ROLE]],
    )


def _fill(number: int, row: Sequence[int], instruments: Sequence[Instrument]) -> Fill:
    terms = instruments[row[Told.INSTRUMENT]]
    return Fill(
        at=row[Told.AT],
        id=str(number),
        order=str(row[Told.ORDER]),
        instrument=terms.id,
        side=Side.BUY if row[Told.SIDE] > 0 else Side.SELL,
        role=ROLES[row[Told.ROLE]],
        quantity=terms.quantity(row[Told.LOTS]),
        price=terms.price(row[Told.PRICE]),
        fee=terms.money(row[Told.MONEY]),
        filled_at=row[Told.FILLED_AT],
        best=terms.price(row[Told.BEST]),
        worst=terms.price(row[Told.WORST]),
        maker=bool(row[Told.MAKER]),
    )


# ---- the bodies ----------------------------------------------------------------------------------------


def run_class(kind: type[Strategy], values: Mapping[str, Any], setting: Setting, where: str = "") -> Run:
    """Run a class body. Raises InputError for what goes wrong in its code, LookAheadError where it peeks."""
    return _drive(kind(values, where=where or kind.__name__), setting, where or kind.__name__)


def run_signal(
    function: Callable[..., Any], values: Mapping[str, Value], setting: Setting, where: str = "get_signal"
) -> Run:
    """Run a `get_signal`, asked at every bar. Raises as ``run_class``, and for a state that is not JSON."""
    if len(setting.instruments) != 1:
        what = f"get_signal is of one instrument, and the data hold {len(setting.instruments)}"
        raise ConfigError(what, where="--data", todo="name one, or write a class")
    strategy = SignalStrategy(function, values, where)
    run = _drive(strategy, setting, where)
    strategy.check_state()
    mean = round(strategy.confidence_sum / strategy.signals, 6) if strategy.signals else None
    return Run(setting, run.runner, run.notes, confidence=mean)


def run_array(
    function: Callable[..., Any],
    values: Mapping[str, Value],
    setting: Setting,
    where: str = "positions",
    *,
    afresh: Callable[[], Callable[..., Any]] | None = None,
) -> Run:
    """Run an array function, after it has shown with shorter histories that it does not look ahead.

    ``afresh`` loads it once more for these: what it keeps outside itself would know the later bars.
    """
    ohlcv = setting.ohlcv
    answer = ask(function, ohlcv, values, where)
    cuts = prove(afresh() if afresh else function, ohlcv, values, answer, setting.seed, where)
    return follow(answer, setting, cuts)


def follow(answer: Answer, setting: Setting, cuts: int | None = None) -> Run:
    """Trade stances as they come."""
    runner = setting.runner()
    with one_line("the run", runner):
        runner.follow(
            answer.position,
            limit_ticks(answer.limit, setting.scale, answer.position),
            ticks(answer.stop, setting.scale),
            ticks(answer.target, setting.scale),
        )
    return Run(setting, runner, _notes(runner, []), cuts)


def _drive(strategy: Strategy, setting: Setting, where: str) -> Run:
    runner = setting.runner()
    reviewed = setting.limits is not None
    desk = Desk(runner, setting.instruments, setting.interval_ns, reviewed=reviewed)
    with one_line(where, runner):
        drive(strategy, desk)
    return Run(setting, runner, _notes(runner, desk.notes))


def _notes(runner: Runner, notes: Sequence[str]) -> tuple[str, ...]:
    small = runner.unsized
    said = [f"{small} changes of stance were too small for one lot, and sent no order"] if small else []
    return (*notes, *said)


@contextmanager
def one_line(where: str, runner: Runner | Course) -> Iterator[None]:
    """Whatever goes wrong in a strategy's code is one line that names it and the instant."""
    from quorate.core.instant import spell_instant

    try:
        yield
    except LookAhead as error:
        raise LookAheadError(str(error), where=_at(where, error)) from error
    except OverflowError as error:
        raise DataError(str(error), where=where) from error
    except QuorateError as error:
        if not isinstance(error, InputError):
            raise
        place = _at(where, error)
        if error.where and place == where:
            raise
        named = f"{place}: {error.where}" if error.where else place
        raise type(error)(error.what, where=named, todo=error.todo) from error
    except (Exception, SystemExit) as error:
        when = f"at {spell_instant(runner.now)}" if runner.now else "before the first bar"
        what = f"fails {when}: {type(error).__name__}: {error}"
        raise InputError(what, where=_at(where, error)) from error


def _at(where: str, error: BaseException) -> str:
    """The place, with the line of the strategy's own file where the error came through it."""
    step, line = error.__traceback__, 0
    while step is not None:
        if step.tb_frame.f_code.co_filename.endswith(where):
            line = step.tb_lineno
        step = step.tb_next
    return f"{where}, line {line}" if line else where
