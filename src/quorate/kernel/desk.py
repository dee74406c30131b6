"""The desk: a pure, deterministic fold from events to effects. The whole fast loop reads here."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.core.account import Account
from quorate.core.decision import Decision, Stance
from quorate.core.effects import AnyEffect, BreakerMoved, Silenced, Tell, Vetoed
from quorate.core.errors import InvariantError
from quorate.core.events import AnyEvent, Bar, Breaker, Fill, InstantClosed
from quorate.core.order import Order, Role
from quorate.core.roles import Agent, Strategist, View
from quorate.core.signal import Signal
from quorate.decide.decide import Decide
from quorate.execution.execution import Execution
from quorate.kernel.hands import Hands
from quorate.market.market import Market
from quorate.portfolio.portfolio import Portfolio
from quorate.shield.shield import Shield

NO_SIZE = "less than one lot, or its volatility is not known yet"


class Desk:
    """Events in, effects out. Nothing here knows the time, the disk or the network."""

    def __init__(
        self,
        market: Market,
        agents: Sequence[Agent],
        decide: Decide,
        portfolio: Portfolio,
        execution: Execution,
        shield: Shield,
        strategist: Strategist | None = None,
    ) -> None:
        self.market = market
        self.agents = list(agents)
        self.decide = decide
        self.portfolio = portfolio
        self.execution = execution
        self.shield = shield
        self.strategist = strategist
        self._unsized: frozenset[str] = frozenset()  # wanted last time, and came to no order

    @property
    def account(self) -> Account:
        """What the desk holds."""
        return self.execution.account

    def on(self, event: AnyEvent, number: int) -> list[AnyEffect]:
        """Fold one event; the effects will be journalled as records ``number``, ``number + 1``, ..."""
        effects: list[AnyEffect] = []
        view = self.market.on(event)
        closed, refused = self.execution.on(event)
        if refused is not None:
            self.decide.stand_down(refused)
        if closed is not None:
            self.shield.closed(closed)
            self.decide.stand_down(closed.instrument)
            effects.append(closed)
        effects += self.shield.on(event, view)
        if type(event) is Bar:
            return effects  # nothing is decided inside an instant
        orders = self._stand_down(event, effects, view) if effects or type(event) is Fill else []
        reviewed = len(effects)
        if self.strategist is not None:
            orders = self._host(self.strategist, event, orders, view, number, effects)
        signals = self.hear(event, view, effects)
        decision = self.decide.on(event, signals, view)
        if decision is not None:
            orders += self._size(decision, view, effects)
        for child in self.execution.due(orders, view):
            self.review(child, view, number, effects)
        # A rule that failed in review has halted the desk: what is held and asked for goes too.
        if len(effects) > reviewed and halts(effects[reviewed:]):
            for child in self.execution.due(self._leave(event.at, effects, view), view):
                self.review(child, view, number, effects)
        return effects

    def hear(self, event: AnyEvent, view: View, effects: list[AnyEffect]) -> list[Signal]:
        """What the agents think, once an instant. An agent that fails is silenced, and that is recorded."""
        if type(event) is not InstantClosed:
            return []
        signals: list[Signal] = []
        for agent in tuple(self.agents):
            try:
                for instrument in view.fresh:
                    signal = agent.hear(view, instrument)
                    if signal is not None:
                        signals.append(checked(signal, agent.name, instrument, event.at))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - any failure silences the agent, visibly
                self.agents.remove(agent)
                signals = [signal for signal in signals if signal.agent != agent.name]
                effects.append(Silenced(event.at, agent.name, f"{type(error).__name__}: {error}"))
        return signals

    def _host(
        self,
        strategist: Strategist,
        event: AnyEvent,
        orders: list[Order],
        view: View,
        number: int,
        effects: list[AnyEffect],
    ) -> list[Order]:
        """Duties first, then the strategist acts. One that fails is silenced: its entries are taken back,
        what is held keeps its stops.
        """
        for child in self.execution.due(orders, view):
            self.review(child, view, number, effects)
        hands = Hands(self, event.at, view, number, effects)
        try:
            strategist.on(event, view, self.account, hands)
        except (Exception, SystemExit) as error:
            if hands.failure is not None:
                raise hands.failure from error  # the desk's own, not the strategist's
            self.strategist = None
            effects.append(Silenced(event.at, strategist.name, f"{type(error).__name__}: {error}"))
            self._leave(event.at, effects, view, "silenced")  # its exits are not sent: the stops stay
        return []

    def _size(self, decision: Decision, view: View, effects: list[AnyEffect]) -> list[Order]:
        """Orders for the decision; a stance that comes to no order is no stance, and that is told once.

        Until such an instrument can be sized again, a decision about nothing else is not one.
        """
        orders = self.portfolio.on(decision, self.account, view)
        entered = {order.instrument for order in orders if order.role is Role.ENTRY}
        unsized = frozenset(
            target.instrument
            for target in decision.targets
            if target.stance is not Stance.FLAT
            and target.instrument not in entered
            and not self.account.lots(target.instrument) * target.stance > 0
        )
        if orders or len(unsized) < len(decision.targets) or not unsized <= self._unsized:
            effects.append(decision)
        for name in sorted(unsized):
            self.decide.stand_down(name)
            if name not in self._unsized:
                effects.append(Tell(decision.at, "no order", f"{name}: {NO_SIZE}"))
        self._unsized = self._unsized.difference(target.instrument for target in decision.targets) | unsized
        return orders

    def _stand_down(self, event: AnyEvent, effects: list[AnyEffect], view: View) -> list[Order]:
        """The breaker has just fallen: cancel entries. When it has halted, or one fills since: close too."""
        late_fill = (
            isinstance(event, Fill) and event.role is Role.ENTRY and self.shield.breaker is Breaker.HALTED
        )
        if halts(effects) or late_fill:
            return self._leave(event.at, effects, view)
        if any(isinstance(each, BreakerMoved) and each.after is Breaker.REDUCING for each in effects):
            self._leave(event.at, effects, view, "reducing")  # what is held may stay
        return []

    def _leave(self, at: int, effects: list[AnyEffect], view: View, why: str = "halt") -> list[Order]:
        cancels, exits = self.execution.stand_down(at, view, why)
        for cancel in cancels:
            refusal = self.shield.may_cancel(cancel)
            effects.append(cancel if refusal is None else Tell(at, "cancel refused", refusal))
        return exits

    def review(self, child: Order, view: View, number: int, effects: list[AnyEffect]) -> None:
        """One child past the shield; its approval bears the number of the record that will hold it."""
        answer = self.shield.review(child, view, number + len(effects))
        effects.append(answer)
        if isinstance(answer, Vetoed):
            if child.role is Role.ENTRY:
                self.decide.stand_down(child.instrument)
        else:
            self.execution.sent(answer)
        effects += self.shield.pending()


def halts(effects: Sequence[AnyEffect]) -> bool:
    """True when the breaker reached HALTED among these effects."""
    return any(isinstance(each, BreakerMoved) and each.after is Breaker.HALTED for each in effects)


def checked(signal: Signal, agent: str, instrument: str, at: int) -> Signal:
    """The signal, if it speaks for its own agent, instrument and instant. Raises InvariantError otherwise."""
    if signal.agent != agent or signal.instrument != instrument or signal.at != at:
        raise InvariantError(f"agent {agent} spoke as {signal.agent} of {signal.instrument} at {signal.at}")
    if not 0.0 <= signal.probability <= 1.0 or signal.probability != round(signal.probability, 6):
        raise InvariantError(
            f"agent {agent} said {signal.probability}, which is no probability rounded to 1e-6"
        )
    return signal
