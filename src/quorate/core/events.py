"""All that comes in: a closed union of frozen structs, each with ``at`` in nanoseconds.

``at`` is when the desk could know it: a bar is stamped with its close, a fact with its publication.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from quorate.core.money import Money, Price, Quantity
from quorate.core.order import Role, Side


class Event(msgspec.Struct, frozen=True, tag=True):
    """Base of all events. ``at``: the instant the desk learns of it."""

    at: int


# ---- the market --------------------------------------------------------------------------------------


class Bar(Event, frozen=True, tag="bar", gc=False):
    """One closed bar in ticks; ``at`` is its close, ``start`` its open time.

    ``volume`` is in lots, -1 where the source has none. ``spread`` is the full quoted spread at the close
    in ticks, -1 where the source has none.
    """

    instrument: str
    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int = -1
    spread: int = -1


class Trade(Event, frozen=True, tag="trade"):
    """One print, ticks and lots; ``aggressor`` +1 buyer, -1 seller, 0 unknown."""

    instrument: str
    price: int
    lots: int
    aggressor: int = 0


class Quote(Event, frozen=True, tag="quote"):
    """Best bid and ask in ticks with their lots."""

    instrument: str
    bid: int
    ask: int
    bid_lots: int
    ask_lots: int


class Depth(Event, frozen=True, tag="depth"):
    """Changed levels of a book: (ticks, lots) pairs, lots 0 removes a level."""

    instrument: str
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class Roll(Event, frozen=True, tag="roll"):
    """The series goes on in another contract: ``old`` ticks there are worth ``new`` ticks here.

    Never profit or loss: positions, orders and indicators are carried over.
    """

    instrument: str
    old: int
    new: int


# ---- what is known -----------------------------------------------------------------------------------


class Fact(Event, frozen=True, tag="fact"):
    """Something known about the world; ``event_time`` is when it happened, ``at`` when it was known."""

    id: str
    source: str
    topic: str
    event_time: int
    payload: dict[str, Any]


class Degraded(Event, frozen=True, tag="degraded"):
    """A fallback, mock, stale cache or stall: lowers the trust level to at best ``level``, visibly."""

    source: str
    level: str
    reason: str


class Deliberated(Event, frozen=True, tag="deliberated"):
    """The council's answer to the ask numbered ``ask``; probabilities of a rise by instrument."""

    ask: int
    probabilities: dict[str, float]
    transcript: str
    reasoner: str


# ---- people and timers -------------------------------------------------------------------------------


class Approval(Event, frozen=True, tag="approval"):
    """One principal's signature under one exact action digest."""

    principal: str
    action: str
    signature: str


class Halt(Event, frozen=True, tag="halt"):
    """A person stops the desk; one is enough."""

    principal: str
    reason: str


class Resume(Event, frozen=True, tag="resume"):
    """The desk may trade again; ``principals`` have agreed, or the backtest's automatic operator."""

    principals: tuple[str, ...]
    reason: str


class Wake(Event, frozen=True, tag="wake"):
    """A timer the desk asked for."""

    name: str


class InstantClosed(Event, frozen=True, tag="instant_closed", gc=False):
    """No more market events bear this instant: agents, decide and portfolio act now, once. Derived."""


# ---- order reports -----------------------------------------------------------------------------------


class Accepted(Event, frozen=True, tag="accepted"):
    """The venue works the order. Legs of a bracket carry their ``parent`` and their own terms.

    A leg that a further fill of its entry makes larger, or one of the other leg smaller, is accepted again;
    ``quantity`` is what works from then on.
    """

    order: str
    instrument: str
    role: Role
    side: Side
    quantity: Quantity
    trigger: Price | None = None
    limit: Price | None = None
    parent: str | None = None


class Rejected(Event, frozen=True, tag="rejected"):
    """The venue refused the order."""

    order: str
    reason: str


class Cancelled(Event, frozen=True, tag="cancelled"):
    """The order works no more."""

    order: str
    reason: str


class Expired(Event, frozen=True, tag="expired"):
    """The order's time in force ended."""

    order: str


class Fill(Event, frozen=True, tag="fill"):
    """A (partial) execution. ``at`` is when the desk learns of it, ``filled_at`` the modelled instant.

    ``best`` and ``worst`` bound the price the same order could have had within the same data.
    """

    id: str
    order: str
    instrument: str
    side: Side
    role: Role
    quantity: Quantity
    price: Price
    fee: Money
    filled_at: int
    best: Price
    worst: Price
    maker: bool = False


class Rolled(Event, frozen=True, tag="rolled"):
    """The venue carried a position into the next contract, for a fee."""

    instrument: str
    old: Price
    new: Price
    fee: Money


class Charged(Event, frozen=True, tag="charged"):
    """Funding or borrow paid (positive) or received (negative)."""

    instrument: str
    amount: Money
    why: str


class Settled(Event, frozen=True, tag="settled"):
    """The venue's own ledger after its reports of this instant: the second witness of our account."""

    cash: Money
    positions: dict[str, int]


class TradeClosed(Event, frozen=True, tag="trade_closed"):
    """A position went from flat to flat. Derived from fills, never an input.

    ``pnl`` is after ``fees``; ``best`` and ``worst`` are the pnl at the fills' own bounds. ``entry`` and
    ``exit`` are average prices in currency, for people.
    """

    instrument: str
    side: Side
    opened_at: int
    quantity: Quantity
    entry: float
    exit: float
    pnl: Money
    fees: Money
    best: Money
    worst: Money
    decision: str
    exit_role: Role


class Breaker(enum.StrEnum):
    """NORMAL -> REDUCING (no new exposure) -> HALTED; down by any rule, up only by people."""

    NORMAL = "normal"
    REDUCING = "reducing"
    HALTED = "halted"


MarketEvent = Bar | Trade | Quote | Depth | Roll
Report = Accepted | Rejected | Cancelled | Expired | Fill | Rolled | Charged | Settled
Human = Approval | Halt | Resume
AnyEvent = MarketEvent | Report | Human | Fact | Degraded | Deliberated | Wake | InstantClosed | TradeClosed

MARKET_EVENTS = (Bar, Trade, Quote, Depth, Roll)
REPORTS = (Accepted, Rejected, Cancelled, Expired, Fill, Rolled, Charged, Settled)
