"""What people write: a class with `start` and `on_bar`, its parameters, and the verbs that it trades with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, get_origin

from quorate.core.errors import InputError
from quorate.research.parameters import Value, bind, kind_of

if TYPE_CHECKING:
    from quorate.native.runner import ClosedBar, Line, Tick
    from quorate.research.book import Floats, Holding, Notice, Ticket
    from quorate.research.desk import Desk
    from quorate.research.orders import Words


class Strategy:
    """A strategy in Python. Annotated class attributes are its parameters, set with ``--set name=value``.

    Prices are in currency, carried over rolls; quantities in base units; instants in ns. What is read is
    of closed bars only: nothing here can be asked for a later one. An instrument left out is the first.
    """

    def __init__(self, values: Mapping[str, Any] | None = None, *, where: str = "") -> None:
        bound = bind(parameters_of(type(self)), defaults_of(type(self)), values or {}, where or _name(self))
        for name, value in bound.items():
            setattr(self, name, value)
        self.parameters: Mapping[str, Value] = bound
        self._desk: Desk | None = None

    # ---- what a strategy may write ---------------------------------------------------------------------

    def start(self) -> None:
        """Once, before the first bar: ask for indicators and bars."""

    def on_bar(self, bar: ClosedBar) -> None:
        """A bar closed: its ``open`` to ``volume``, ``at``, ``instrument``, ``number``."""

    def on_tick(self, tick: Tick) -> None:
        """A trade or a quote, where the data hold them: ``price``, ``size``, ``side``; ``bid``, ``ask``."""

    def on_fill(self, fill: Notice) -> None:
        """An order of this strategy filled, whole or in part."""

    def on_reject(self, notice: Notice) -> None:
        """An order of this strategy was refused; ``notice.reason`` says why."""

    def on_timer(self, timer: int) -> None:
        """A timer rang; ``timer`` is its number."""

    # ---- what it may read ------------------------------------------------------------------------------

    def indicator(
        self,
        name: str,
        *arguments: float,
        column: str = "",
        instrument: str | None = None,
        every: str | None = None,
    ) -> Line:
        """A line of the catalogue: ``("sma", 10)``; ``every="1h"``: over longer, completed bars.

        Raises InputError for an indicator or column that there is not, naming those there are.
        """
        return self.desk.line(name, arguments, column, instrument, every)

    def bars(self, instrument: str | None = None, every: str | None = None) -> None:
        """Ask for ``on_bar`` of these bars; without any such call it is given every bar as it comes."""
        self.desk.subscribe(instrument, every)

    def opens(self, count: int, instrument: str | None = None, every: str | None = None) -> Floats:
        """Up to ``count`` last opens, oldest first; a copy."""
        return self.desk.last(0, count, instrument, every)

    def highs(self, count: int, instrument: str | None = None, every: str | None = None) -> Floats:
        """As ``opens``."""
        return self.desk.last(1, count, instrument, every)

    def lows(self, count: int, instrument: str | None = None, every: str | None = None) -> Floats:
        """As ``opens``."""
        return self.desk.last(2, count, instrument, every)

    def closes(self, count: int, instrument: str | None = None, every: str | None = None) -> Floats:
        """As ``opens``."""
        return self.desk.last(3, count, instrument, every)

    def volumes(self, count: int, instrument: str | None = None, every: str | None = None) -> Floats:
        """As ``opens``; NaN where the volume is unknown."""
        return self.desk.last(4, count, instrument, every)

    @property
    def instruments(self) -> list[str]:
        """The ids of the run's instruments; what is asked without one is of the first."""
        return [each.id for each in self.desk.instruments]

    @property
    def now(self) -> int:
        """The instant, in ns."""
        return self.desk.runner.now

    @property
    def equity(self) -> float:
        """Cash and the worth of all that is held at the last closes, in currency."""
        return self.desk.runner.equity_e8 / 1e8

    @property
    def cash(self) -> float:
        """What was paid in and not paid out; not equity."""
        return self.desk.runner.cash_e8 / 1e8

    @property
    def position(self) -> Holding:
        """What is held of the first instrument; ``holding`` for any."""
        return self.desk.holding(None)

    def holding(self, instrument: str | None = None) -> Holding:
        """What is held: lots, units, average entry price, profit not yet taken."""
        return self.desk.holding(instrument)

    @property
    def orders(self) -> list[Ticket]:
        """The orders sent by ``buy`` and ``sell`` that may still fill."""
        return self.desk.working()

    # ---- what it may do --------------------------------------------------------------------------------

    def target(
        self,
        stance: float,
        instrument: str | None = None,
        *,
        stop: float | None = None,
        target: float | None = None,
        limit: float | None = None,
    ) -> bool:
        """Want ``stance`` (-1 to 1) of the run's size; True when that is a change, which sends orders.

        ``stop`` and ``target`` are prices of a bracket round the entry, ``limit`` one to enter at.
        """
        return self.desk.target(stance, instrument, stop, target, limit)

    def buy(
        self,
        units: float | None = None,
        *,
        share: float | None = None,
        limit: float | None = None,
        trigger: float | None = None,
        stop_loss: float | None = None,
        take_profit: float | None = None,
        instrument: str | None = None,
        **words: Unpack[Words],
    ) -> Ticket:
        """Buy base units, or a share of equity: at the market, at a limit or better, from a trigger on.

        What is held short is covered first. ``words``: all else that an order can be, see `orders.Words` and
        docs/order-types.md. Raises InputError, naming them, for words that do not go together.
        """
        return self.desk.trade(
            1, units, share, limit, trigger, stop_loss, take_profit, instrument, words
        )  # fmt: skip

    def sell(
        self,
        units: float | None = None,
        *,
        share: float | None = None,
        limit: float | None = None,
        trigger: float | None = None,
        stop_loss: float | None = None,
        take_profit: float | None = None,
        instrument: str | None = None,
        **words: Unpack[Words],
    ) -> Ticket:
        """As ``buy``, the other way: what is held long is sold first, the rest is sold short."""
        return self.desk.trade(
            -1, units, share, limit, trigger, stop_loss, take_profit, instrument, words
        )  # fmt: skip

    def close(self, instrument: str | None = None) -> bool:
        """Want nothing of an instrument; True when something is held, and is now on its way out."""
        return self.desk.close(instrument)

    def timer(self, at: int | None = None, every: str | None = None) -> int:
        """Ring ``on_timer`` at an instant, or each span from now on; returns the timer's number."""
        return self.desk.timer(at, every)

    @property
    def desk(self) -> Desk:
        """What the verbs speak to. Raises InputError before a run has begun."""
        if self._desk is None:
            raise InputError("has no market yet", where=_name(self), todo="ask in start(), not in __init__")
        return self._desk


def _name(strategy: Strategy) -> str:
    return type(strategy).__name__


def parameters_of(kind: type[Strategy]) -> dict[str, type]:
    """Name and type of every parameter of a class, those of its bases first."""
    found: dict[str, type] = {}
    for each in reversed(kind.__mro__):
        if each is Strategy or not issubclass(each, Strategy):
            continue
        for name, annotation in vars(each).get("__annotations__", {}).items():
            is_class_var = str(annotation).removeprefix("typing.").startswith("ClassVar")
            if not name.startswith("_") and not is_class_var and get_origin(annotation) is not ClassVar:
                found[name] = kind_of(name, annotation, kind.__name__)
    return found


def defaults_of(kind: type[Strategy]) -> dict[str, Value]:
    """The values that a class gives its parameters."""
    return {name: getattr(kind, name) for name in parameters_of(kind) if hasattr(kind, name)}
