"""All that goes out of the desk: a closed union of frozen structs, each journalled where it was made."""

from __future__ import annotations

from typing import Any

import msgspec

from quorate.core.decision import Decision
from quorate.core.events import Breaker, TradeClosed
from quorate.core.order import ApprovedOrder, Order, Verdict


class Effect(msgspec.Struct, frozen=True, tag=True):
    """Base of all effects. ``at``: the instant of the event that caused it."""

    at: int


class Vetoed(Effect, frozen=True, tag="vetoed"):
    """The shield refused an order; the verdict holds every rule's inputs."""

    order: Order
    verdict: Verdict


class Cancel(Effect, frozen=True, tag="cancel"):
    """Stop working an order."""

    order: str
    instrument: str
    reason: str


class Ask(Effect, frozen=True, tag="ask"):
    """A question to the council with its deadline; silence falls back to the agents' own vote."""

    instruments: tuple[str, ...]
    deadline: int


class WakeAt(Effect, frozen=True, tag="wake_at"):
    """Ring at ``when`` with a Wake of this name."""

    name: str
    when: int


class BreakerMoved(Effect, frozen=True, tag="breaker_moved"):
    """The breaker changed state, by which rule and on what numbers."""

    before: Breaker
    after: Breaker
    rule: str
    inputs: dict[str, Any]


class Silenced(Effect, frozen=True, tag="silenced"):
    """An agent raised or said nonsense and is heard no more in this run."""

    agent: str
    reason: str


class Tell(Effect, frozen=True, tag="tell"):
    """A line for people."""

    topic: str
    text: str


AnyEffect = (
    ApprovedOrder | Vetoed | Cancel | Ask | WakeAt | BreakerMoved | Silenced | Tell | Decision | TradeClosed
)
