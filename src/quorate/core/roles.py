"""The chairs a desk is made of, and the View that those who sit in them read.

A plugin is one class that fills a chair, found by entry point or ``--plugin my.py``. Whoever sits in a chair
is pure: same view, same answer; no clock, files, network or randomness of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from quorate.core.account import Account
from quorate.core.events import AnyEvent, Bar, Breaker
from quorate.core.instrument import Instrument
from quorate.core.order import Finding, Order
from quorate.core.signal import Signal

Floats = npt.NDArray[np.float64]


class View(Protocol):
    """What is known now. The future is not in it: there is nothing here to ask it with."""

    @property
    def at(self) -> int:
        """The instant as of which everything is served."""
        ...

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """All instruments of the run by id."""
        ...

    @property
    def fresh(self) -> Sequence[str]:
        """The instruments with a new bar at this instant, sorted by id."""
        ...

    def count(self, instrument: str) -> int:
        """Closed bars seen so far."""
        ...

    def bar(self, instrument: str) -> Bar | None:
        """The last closed bar, as traded, in ticks."""
        ...

    def feature(self, instrument: str, column: str) -> float:
        """The value of an indicator column now, on roll-adjusted prices; NaN before warm-up."""
        ...

    def close(self, instrument: str) -> float:
        """The last close, roll-adjusted, in currency; NaN before the first bar."""
        ...

    def closes(self, instrument: str, count: int) -> Floats:
        """Up to ``count`` last closes, roll-adjusted, in currency, oldest first; a fresh copy."""
        ...

    def bars_per_year(self, instrument: str) -> float:
        """Bars of this run's interval in a year of the instrument's calendar."""
        ...


@runtime_checkable
class Agent(Protocol):
    """A fast agent: looks at the view, says a probability, or nothing."""

    name: ClassVar[str]

    def features(self) -> Sequence[str]:
        """Names of the indicators it needs, as ``rsi:14``."""
        ...

    def hear(self, view: View, instrument: str) -> Signal | None:
        """What it thinks of one instrument with a new bar; None abstains."""
        ...


class Hands(Protocol):
    """What a strategist may do, at once and in order: every order is reviewed before this returns."""

    def send(self, order: Order) -> int:
        """Lots let out; 0 when the shield refused it, or when this very intent was sent before."""
        ...

    def cancel(self, order: str) -> bool:
        """Ask for a working order to stop; False when that is refused."""
        ...

    def leaving(self, instrument: str) -> int:
        """Lots of exits at the market that are on their way, whoever sent them."""
        ...

    def tell(self, topic: str, text: str) -> None:
        """What was wanted and why, for the journal."""
        ...


class Strategist(Protocol):
    """One whole strategy in the place of agents, decide and portfolio; all behind it is the same desk."""

    name: str

    def on(self, event: AnyEvent, view: View, account: Account, hands: Hands) -> None:
        """Every event but bars, which the view serves; it may act as an instant closes, and only then."""
        ...


@runtime_checkable
class Indicator(Protocol):
    """A streaming indicator in Python; built-ins are native. One closed bar in, one value a column out."""

    name: ClassVar[str]
    outputs: ClassVar[Sequence[str]]

    def update(self, open: float, high: float, low: float, close: float, volume: float) -> Sequence[float]:
        """The values after this bar; NaN before warm-up."""
        ...


@runtime_checkable
class Allocator(Protocol):
    """Shares capital among instruments."""

    name: ClassVar[str]

    def weigh(self, view: View, instruments: Sequence[str]) -> Mapping[str, float]:
        """Non-negative weights that sum to at most 1; an instrument may be left out."""
        ...


@runtime_checkable
class Tactic(Protocol):
    """Turns one wanted order into the orders that are sent now."""

    name: ClassVar[str]

    def children(self, order: Order, view: View) -> Sequence[Order]:
        """Children whose quantities sum to at most the order's."""
        ...


class ShieldState(Protocol):
    """What a rule may look at: the account with all reservations made so far, in 1e-8 of the currency."""

    @property
    def at(self) -> int:
        """Now."""
        ...

    @property
    def equity_e8(self) -> int:
        """Equity at the last marks."""
        ...

    @property
    def day_start_e8(self) -> int:
        """Equity at the start of the UTC day."""
        ...

    @property
    def peak_e8(self) -> int:
        """Highest equity since the start or the last resume."""
        ...

    @property
    def hour_high_e8(self) -> int:
        """Highest equity within the rolling hour, and the last mark before it."""
        ...

    @property
    def losses_in_a_row(self) -> int:
        """Closed trades lost since the last won."""
        ...

    @property
    def last_loss_at(self) -> int:
        """When the last losing trade closed; a large negative number when none did."""
        ...

    @property
    def breaker(self) -> Breaker:
        """The breaker's state."""
        ...

    @property
    def view(self) -> View:
        """The market now."""
        ...

    def lots(self, instrument: str) -> int:
        """Signed position in lots with everything working and reserved added on its own side."""
        ...

    def held(self, instrument: str) -> int:
        """Signed position in lots, filled only."""
        ...

    def exposure_e8(self, instrument: str) -> int:
        """Signed notional of ``lots`` at the last price."""
        ...

    def gross_e8(self) -> int:
        """Sum of absolute exposures."""
        ...

    def net_e8(self) -> int:
        """Sum of signed exposures."""
        ...

    def open_count(self) -> int:
        """Instruments with any exposure, held or reserved."""
        ...

    def sent_since(self, since: int) -> int:
        """Orders approved at or after an instant."""
        ...

    def last_like(self, order: Order) -> int:
        """When the last order of the same instrument, side and size was approved; very negative if none."""
        ...


@runtime_checkable
class Rule(Protocol):
    """One limit. It may only tighten: allow, reduce or deny."""

    name: ClassVar[str]

    def review(self, order: Order, instrument: Instrument, state: ShieldState) -> Finding:
        """The finding on one order, with every input that was looked at."""
        ...


class Watcher(Protocol):
    """A rule that watches the account and may bring the breaker down by itself."""

    name: ClassVar[str]

    def watch(self, state: ShieldState) -> tuple[Breaker, dict[str, Any]] | None:
        """The state the breaker must at least fall to, with the inputs; None when all is well."""
        ...
