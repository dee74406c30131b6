"""The door to sizing: a Decision's stances become orders with a size, a stop and a target."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Annotated

import msgspec
from msgspec import Meta

from quorate.core.account import Account
from quorate.core.decision import Decision, Stance, Target
from quorate.core.events import Bar
from quorate.core.instrument import Instrument
from quorate.core.intent import exit_order, identify
from quorate.core.money import E8
from quorate.core.order import Bracket, Order, OrderType, Role, Side
from quorate.core.roles import Allocator, View


class SizingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How large a stance becomes.

    ``volatility_target``: of the whole book, a year, as a share. ``cap``: largest notional of one position
    as a share of equity (of futures, the shield limits contracts instead). ``window``: bars that volatility
    is measured over. ``stop``, ``reward``: the stop's distance in standard deviations of ``hold`` bars, and
    the target's as a multiple of the stop's. ``stop_min``, ``stop_max``: bounds of the stop's distance as a
    share of the price.
    """

    volatility_target: Annotated[float, Meta(gt=0, le=10)] = 0.10
    cap: Annotated[float, Meta(gt=0, le=10)] = 0.15
    window: Annotated[int, Meta(ge=2, le=100_000)] = 96
    hold: Annotated[int, Meta(ge=1, le=100_000)] = 48
    stop: Annotated[float, Meta(gt=0, le=100)] = 1.5
    reward: Annotated[float, Meta(gt=0, le=100)] = 2.0
    stop_min: Annotated[float, Meta(gt=0, lt=1)] = 0.002
    stop_max: Annotated[float, Meta(gt=0, lt=1)] = 0.08


class Portfolio:
    """Sizes stances by target volatility within the allocator's shares."""

    def __init__(self, settings: SizingSettings, allocator: Allocator) -> None:
        self.settings = settings
        self.allocator = allocator
        self._column = f"volatility_{settings.window}"

    def features(self) -> Sequence[str]:
        """The volatility that sizes and stops are made of."""
        return (f"volatility:{self.settings.window}",)

    def on(self, decision: Decision | None, account: Account, view: View) -> list[Order]:
        """Orders for every target that the book does not already stand at: exits before entries."""
        if decision is None:
            return []
        ready = [name for name in view.instruments if view.count(name) > self.settings.window]
        weights = self.allocator.weigh(view, ready) if ready else {}
        exits: list[Order] = []
        entries: list[Order] = []
        for target in decision.targets:
            held = account.lots(target.instrument)
            if held and (held > 0) != (target.stance > 0):
                exits.append(self._exit(decision, target, held, view))
            if target.stance is not Stance.FLAT and not held * target.stance > 0:
                order = self._entry(decision, target, weights.get(target.instrument, 0.0), account, view)
                if order is not None:
                    entries.append(order)
        return exits + entries

    def _exit(self, decision: Decision, target: Target, held: int, view: View) -> Order:
        instrument = view.instruments[target.instrument]
        return exit_order(decision.id, instrument, held, _last(view, instrument).close)

    def _entry(
        self, decision: Decision, target: Target, weight: float, account: Account, view: View
    ) -> Order | None:
        """None when the position would be smaller than one lot or nothing is known of its volatility."""
        instrument = view.instruments[target.instrument]
        noise = view.feature(target.instrument, self._column)
        if not noise > 0.0 or not weight > 0.0:
            return None
        close = _last(view, instrument).close
        share = (
            weight * self.settings.volatility_target / (noise * sqrt(view.bars_per_year(target.instrument)))
        )
        if not instrument.max_lots:
            share = min(share, self.settings.cap)
        budget_e8 = account.equity_e8 * int(share * E8) // E8
        lots = budget_e8 // max(1, instrument.worth_e8(close, 1))
        if instrument.max_lots:
            lots = min(lots, instrument.max_lots)
        if lots < 1:
            return None
        distance = self.settings.stop * noise * sqrt(self.settings.hold)
        distance = min(max(distance, self.settings.stop_min), self.settings.stop_max)
        away = max(1, round(close * distance))
        stance = int(target.stance)
        stop, goal = close - stance * away, close + stance * max(1, round(away * self.settings.reward))
        bracket = Bracket(instrument.price(stop), instrument.price(goal) if goal > 0 else None)
        return Order(
            id=identify(decision.id, target.instrument, Role.ENTRY),
            decision=decision.id,
            instrument=target.instrument,
            side=Side.BUY if stance > 0 else Side.SELL,
            type=OrderType.MARKET,
            role=Role.ENTRY,
            quantity=instrument.quantity(lots),
            reference=instrument.price(close),
            bracket=bracket,
        )


def _last(view: View, instrument: Instrument) -> Bar:
    bar = view.bar(instrument.id)
    assert bar is not None, "a stance was taken in an instrument without a bar"  # noqa: S101 - invariant
    return bar
