"""The door to the shield: every order is reviewed by every limit here, and nothing else can mint an approval.

Whatever fails, closes: a rule that raises or talks nonsense denies the order and halts the desk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from quorate.core.account import Account
from quorate.core.canon import digest, spell
from quorate.core.effects import AnyEffect, BreakerMoved, Cancel, Tell, Vetoed
from quorate.core.errors import ConfigError
from quorate.core.events import (
    Accepted,
    AnyEvent,
    Breaker,
    Cancelled,
    Degraded,
    Expired,
    Fill,
    Halt,
    InstantClosed,
    Rejected,
    Resume,
    TradeClosed,
)
from quorate.core.instant import SECOND
from quorate.core.instrument import Instrument
from quorate.core.order import Answer, ApprovedOrder, Finding, Order, Role, Verdict
from quorate.core.roles import Rule, View
from quorate.shield.breaker import Switch
from quorate.shield.limits import built_in
from quorate.shield.mint import Mint
from quorate.shield.rulebook import Rulebook
from quorate.shield.rules.base import Limit
from quorate.shield.state import State

TRUST_LEVELS = "ABCD"  # A is best

_UNITS = "schema.units"


class Shield:
    """Limits, breaker and reservations of one desk, as a fold over its events and its own approvals."""

    def __init__(
        self,
        rulebook: Rulebook,
        account: Account,
        instruments: Mapping[str, Instrument],
        mint: Mint,
        *,
        extra_rules: Sequence[Rule] = (),
        trust_level: str = "B",
    ) -> None:
        """Raises ConfigError for amounts in a currency that the rulebook does not mean, for two rules of
        one name, and for an unknown trust level.
        """
        rulebook.require_currency(account.currency)
        if len(trust_level) != 1 or trust_level not in TRUST_LEVELS:
            raise ConfigError(
                f"'{trust_level}' is not a trust level", todo=f"one of {', '.join(TRUST_LEVELS)}"
            )
        self.rules: tuple[Limit, ...] = (*built_in(rulebook), *extra_rules)
        names = [rule.name for rule in self.rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"two rules are named '{twice}'", where="shield", todo="rename the added one")
        self.policy = digest(spell(rulebook), *(name.encode() for name in names)).hex()
        self.trust_level = trust_level
        self._ttl_ns = rulebook.approval_ttl_s * SECOND
        self._instruments = dict(instruments)
        self._mint = mint
        self._switch = Switch()
        self._state = State(account, self._switch)
        self._watchers = [
            (rule.name, watch) for rule in self.rules if (watch := getattr(rule, "watch", None))
        ]
        self._pending: list[AnyEffect] = []
        self._handlers: dict[type, Callable[[Any], list[AnyEffect]]] = {
            InstantClosed: self._instant,
            Fill: self._fill,
            Accepted: self._accepted,
            Rejected: self._ended,
            Cancelled: self._ended,
            Expired: self._ended,
            Halt: self._halt,
            Resume: self._resume,
            Degraded: self._degraded,
        }

    @property
    def breaker(self) -> Breaker:
        """The breaker's state."""
        return self._switch.state

    # ---- events --------------------------------------------------------------------------------------

    def on(self, event: AnyEvent, view: View) -> list[AnyEffect]:
        """Fold one event that the account has already folded; returns the breaker's moves.

        Hot: a Bar passes straight through.
        """
        handler = self._handlers.get(type(event))
        if handler is None:
            return []
        self._state.begin(event.at, view)
        return handler(event)

    def closed(self, trade: TradeClosed) -> None:
        """Fold one trade that went from flat to flat."""
        self._state.closed(trade)

    def pending(self) -> list[AnyEffect]:
        """The breaker's moves during reviews since the last call, taken."""
        effects, self._pending = self._pending, []
        return effects

    def _instant(self, event: InstantClosed) -> list[AnyEffect]:
        state = self._state
        state.watch.mark(event.at, state.account.equity_e8)
        effects: list[AnyEffect] = []
        if self._switch.state is Breaker.HALTED:
            return effects
        for name, watch in self._watchers:
            try:
                alarm = watch(state)
                to, inputs = (None, {}) if alarm is None else alarm
            except Exception as error:  # noqa: BLE001 - a watcher that fails halts the desk
                to, inputs = Breaker.HALTED, {"error": _line(error)}
            if to is not None:
                effects += self._down(event.at, to, name, inputs)
        return effects

    def _fill(self, event: Fill) -> list[AnyEffect]:
        return self._unapproved(event.at, event.order, self._state.orders.filled(event))

    def _accepted(self, event: Accepted) -> list[AnyEffect]:
        return self._unapproved(event.at, event.order, self._state.orders.accepted(event))

    def _ended(self, event: Rejected | Cancelled | Expired) -> list[AnyEffect]:
        self._state.orders.ended(event)
        return []

    def _unapproved(self, at: int, order: str, reason: str | None) -> list[AnyEffect]:
        """The venue did more than was approved: halt."""
        if reason is None:
            return []
        return self._down(at, Breaker.HALTED, "approved.only", {"order": order, "reason": reason})

    def _halt(self, event: Halt) -> list[AnyEffect]:
        inputs = {"principal": event.principal, "reason": event.reason}
        return self._down(event.at, Breaker.HALTED, "halt", inputs)

    def _resume(self, event: Resume) -> list[AnyEffect]:
        """People take the breaker up; what was lost before counts no more."""
        moved = self._switch.up(event.at, event.principals, event.reason)
        if moved is None:
            why = "the desk is not halted" if self.breaker is Breaker.NORMAL else "nobody has signed it"
            return [Tell(event.at, "resume refused", why)]
        self._state.rebase()
        return [moved]

    def _degraded(self, event: Degraded) -> list[AnyEffect]:
        """Only ever down; a level nobody knows is the worst."""
        level = event.level if event.level in tuple(TRUST_LEVELS) else TRUST_LEVELS[-1]
        self.trust_level = max(self.trust_level, level)
        return []

    def _down(self, at: int, to: Breaker, rule: str, inputs: dict[str, Any]) -> list[AnyEffect]:
        moved: BreakerMoved | None = self._switch.down(at, to, rule, inputs)
        return [] if moved is None else [moved]

    # ---- orders --------------------------------------------------------------------------------------

    def review(self, order: Order, view: View, nonce: int) -> ApprovedOrder | Vetoed:
        """Every rule's finding on one order, and the sealed approval if all let it pass.

        An order that is too large is cut to the smallest room and asked again, once. An approval reserves
        its exposure before the next order is reviewed; a veto leaves everything as it was.
        ``nonce``: the number of the record that will hold the answer.
        """
        state = self._state
        state.begin(view.at, view)
        sized, findings = order, self._ask(order)
        if not _denied(findings):
            cuts = [finding for finding in findings if finding.answer is Answer.REDUCE]
            if cuts:
                sized = _cut(order, cuts)
                findings = cuts + [_settled(finding) for finding in self._ask(sized)]
        verdict = Verdict(not _denied(findings), tuple(findings), self.trust_level)
        if not verdict.allowed:
            return Vetoed(view.at, order, verdict)
        approved = self._mint.approve(view.at, sized, verdict, self.policy, nonce, self._ttl_ns)
        state.approved(sized)
        return approved

    def may_cancel(self, cancel: Cancel) -> str | None:
        """Why a cancel is refused: it would leave held quantity without a working stop. None lets it pass."""
        orders = self._state.orders
        known = orders.working.get(cancel.order)
        if known is None or known.role is not Role.STOP:
            return None
        held = self._state.held(known.instrument)
        if held * known.sign >= 0:
            return None
        left = orders.protecting(known.instrument, known.sign, besides=cancel.order)
        if left >= abs(held):
            return None
        return f"stop {cancel.order} protects {abs(held)} lots of {known.instrument}, other stops only {left}"

    def _ask(self, order: Order) -> list[Finding]:
        """Every rule's finding. Rules that calculate are not fed an order whose units are wrong."""
        instrument = self._instruments.get(order.instrument)
        if instrument is None or order.instrument not in self._state.account.positions:
            return [_unknown(rule.name, order, "the instrument is unknown") for rule in self.rules]
        units = self._finding(self.rules[0], order, instrument)
        if units.answer is Answer.DENY:
            rest = (_unknown(rule.name, order, f"not asked: {_UNITS} denied") for rule in self.rules[1:])
            return [units, *rest]
        return [units, *(self._finding(rule, order, instrument) for rule in self.rules[1:])]

    def _finding(self, rule: Limit, order: Order, instrument: Instrument) -> Finding:
        """One rule's finding; a rule that raises or talks nonsense denies, and the desk halts."""
        try:
            finding = rule.review(order, instrument, self._state)
            if type(finding) is Finding and finding.answer is Answer.ALLOW and finding.rule == rule.name:
                return finding  # by far the most
            nonsense = _nonsense(finding, rule.name, order)
        except Exception as error:  # noqa: BLE001 - whatever fails in a rule closes
            nonsense = _line(error)
        else:
            if nonsense is None:
                return finding
        inputs = {"order": order.id, "error": nonsense}
        self._pending += self._down(self._state.at, Breaker.HALTED, rule.name, inputs)
        return Finding(rule.name, Answer.DENY, inputs, "the rule failed")


def _nonsense(finding: object, name: str, order: Order) -> str | None:
    """What is wrong with a finding: it must be one, bear its rule's name, and a cut must cut."""
    if not isinstance(finding, Finding) or finding.rule != name:
        return f"returned a {type(finding).__name__} that is no finding of its own"
    answer: object = finding.answer
    if type(answer) is not Answer:
        return f"answered {answer!r}"
    if finding.answer is not Answer.REDUCE:
        return None
    lots = finding.lots_max
    if type(lots) is not int or not 0 < lots < order.quantity.count:
        return f"cut {order.quantity.count} lots to {lots}"
    return None


def _cut(order: Order, cuts: Sequence[Finding]) -> Order:
    """The order at the smallest size that any finding leaves."""
    lots = min(finding.lots_max for finding in cuts if finding.lots_max is not None)
    quantity = msgspec.structs.replace(order.quantity, count=lots)
    return msgspec.structs.replace(order, quantity=quantity)


def _settled(finding: Finding) -> Finding:
    """An order is cut once; whoever then still finds it too large denies it."""
    if finding.answer is not Answer.REDUCE:
        return finding
    return Finding(finding.rule, Answer.DENY, finding.inputs, f"{finding.reason}, even when cut")


def _denied(findings: Sequence[Finding]) -> bool:
    return any(finding.answer is Answer.DENY for finding in findings)


def _unknown(rule: str, order: Order, reason: str) -> Finding:
    return Finding(rule, Answer.DENY, {"instrument": order.instrument}, reason)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
