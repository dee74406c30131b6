"""How tactics and rules are tried out: on orders of every kind, and on all that a real desk sends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from quorate.app.compose import plan_run
from quorate.app.recipe import Recipe, read_values, recipe_of, rulebook_of
from quorate.app.registry import Registry
from quorate.app.run import default_cash, run_in_memory
from quorate.app.tryout import Check, Make, check, markets, need, walk, why
from quorate.core.canon import spell
from quorate.core.instrument import Instrument
from quorate.core.intent import exit_order, identify
from quorate.core.order import Answer, Bracket, Finding, Order, OrderType, Role, Side
from quorate.core.roles import Rule, ShieldState, Tactic, View

PROBE = "conformance"

# ---- tactics -----------------------------------------------------------------------------------------


def _orders() -> Iterator[tuple[Order, View]]:
    """Entries and exits of one lot, of a few and of many, on both sides, at a few instants."""
    for number, view in enumerate(walk(markets(), (), {})):
        if number % 150 != 149:
            continue
        for name, instrument in view.instruments.items():
            bar = view.bar(name)
            close = bar.close if bar is not None else 1
            for lots in (1, 7, 100_003):
                for sign in (1, -1):
                    decision = identify("conformance", str(view.at), name, str(lots * sign))
                    yield _entry(decision, instrument, sign, lots, close), view
                    yield exit_order(f"{decision}-x", instrument, sign * lots, close), view


def _entry(decision: str, instrument: Instrument, sign: int, lots: int, close: int) -> Order:
    away = max(1, close // 50)
    return Order(
        id=identify(decision, instrument.id, Role.ENTRY),
        decision=decision,
        instrument=instrument.id,
        side=Side.BUY if sign > 0 else Side.SELL,
        type=OrderType.MARKET,
        role=Role.ENTRY,
        quantity=instrument.quantity(lots),
        reference=instrument.price(close),
        bracket=Bracket(instrument.price(close - sign * away), instrument.price(close + sign * away)),
    )


def _tactic_keeps_the_order(make: Make) -> None:
    tactic: Tactic = make()
    for order, view in _orders():
        children = tactic.children(order, view)
        asked, made = order.quantity.count, sum(child.quantity.count for child in children)
        need(made <= asked, f"{made} lots in children of an order of {asked}")
        for child in children:
            need(child.quantity.count > 0, f"a child of {child.quantity.count} lots")
            for field in ("instrument", "side", "role", "decision"):
                before, after = getattr(order, field), getattr(child, field)
                need(before == after, f"its child's {field} is {after}, the order's is {before}")
            kept = order.bracket is None or (
                child.bracket is not None and child.bracket.stop == order.bracket.stop
            )
            need(kept, "the child of an entry lost its stop")


def _tactic_names_children(make: Make) -> None:
    tactic: Tactic = make()
    owners: dict[str, str] = {}
    for order, view in _orders():
        for child in tactic.children(order, view):
            owner = owners.setdefault(child.id, order.id)
            need(owner == order.id, f"children of {owner} and {order.id} share the id {child.id}")
        names = [child.id for child in tactic.children(order, view)]
        need(len(set(names)) == len(names), f"two children of {order.id} share an id")


def _tactic_repeats(make: Make) -> None:
    tactic: Tactic = make()
    for order, view in _orders():
        first = list(tactic.children(order, view))
        need(first == list(tactic.children(order, view)), f"asked twice of {order.id} it made other children")
        need(first == list(make().children(order, view)), f"a fresh one makes other children of {order.id}")


def examine_tactic(make: Make) -> tuple[Check, ...]:
    """The checks of one tactic."""
    return (
        check("never makes more or other than was asked", lambda: _tactic_keeps_the_order(make)),
        check("gives each child its own id", lambda: _tactic_names_children(make)),
        check("makes the same of the same order", lambda: _tactic_repeats(make)),
    )


# ---- rules -------------------------------------------------------------------------------------------


class _Probe:
    """A rule that lets everything pass and tries others out on every order that the desk sends past it."""

    name = PROBE

    def __init__(self, rules: Sequence[Any]) -> None:
        self._rules = rules
        self.seen = 0
        self.broken: dict[tuple[str, str], str] = {}

    def review(self, order: Order, instrument: Instrument, state: ShieldState) -> Finding:
        """Allow, after a look; what it finds is kept for later, since a shield closes on errors."""
        self.seen += 1
        for rule in self._rules:
            for promise, look in LOOKS.items():
                if (rule.name, promise) in self.broken:
                    continue
                try:
                    look(rule, order, instrument, state)
                except Exception as error:  # noqa: BLE001 - whatever a rule raises is the answer
                    self.broken[rule.name, promise] = why(error)
        return Finding(self.name, Answer.ALLOW, {"seen": self.seen})


class _Probed(Registry):
    """The installed registry, and the probe among its rules."""

    def __init__(self, probe: _Probe) -> None:
        super().__init__()
        self._probe = probe

    def build(self, chair: str, name: str, settings: dict[str, Any]) -> Any:
        """The probe under its name, everything else as ever."""
        return self._probe if name == PROBE else super().build(chair, name, settings)


def examine_rules(rules: Sequence[Any]) -> dict[str, tuple[Check, ...]]:
    """The checks of each rule by its name, on all orders of one real desk, halts and exits included."""
    probe = _Probe(rules)
    rulebook = rulebook_of(*read_values("rulebook", "aggressive"))
    cash, _ = default_cash(markets())
    run_in_memory(plan_run(_recipe(), rulebook, _Probed(probe), markets(), cash), "backtest")
    found: dict[str, tuple[Check, ...]] = {}
    for rule in rules:
        reasons = {promise: probe.broken.get((rule.name, promise)) for promise in LOOKS}
        found[rule.name] = tuple(
            Check(promise, reason is None, reason or "") for promise, reason in reasons.items()
        )
    return found


def _recipe() -> Recipe:
    values: dict[str, Any] = {
        "name": "conformance",
        "agents": {"momentum": {"fast": 8, "slow": 32}, "reversion": {"window": 24}, "technical": {}},
        "decide": {"confidence": 0.53, "agree": 1},
        "sizing": {"window": 32, "hold": 24, "volatility_target": 0.4, "cap": 0.25},
        "allocator": {"name": "equal"},
        "rules": {PROBE: {}},
        "operator": {"cool_down": "30m"},
    }
    return recipe_of(values, PROBE)


def _only_tightens(rule: Rule, order: Order, instrument: Instrument, state: ShieldState) -> None:
    for asked in (order, _sized(order, 1), _sized(order, 1_000 * order.quantity.count)):
        finding: Any = rule.review(asked, instrument, state)
        need(type(finding) is Finding, f"it answered {finding!r}, which is no Finding")
        need(finding.rule == rule.name, f"it spoke as {finding.rule}, not as {rule.name}")
        need(type(finding.answer) is Answer, f"{finding.answer!r} is no Answer")
        if finding.answer is Answer.REDUCE:
            lots = finding.lots_max
            holds = type(lots) is int and 0 < lots < asked.quantity.count
            need(holds, f"it cut an order of {asked.quantity.count} lots to {lots}: a cut makes it smaller")


def _sized(order: Order, lots: int) -> Order:
    return msgspec.structs.replace(order, quantity=msgspec.structs.replace(order.quantity, count=lots))


def _lets_go(rule: Rule, order: Order, instrument: Instrument, state: ShieldState) -> None:
    if order.reduces:
        answer = rule.review(order, instrument, state).answer
        need(answer is Answer.ALLOW, f"it answered {answer} to an order that only closes a position")


def _shows_inputs(rule: Rule, order: Order, instrument: Instrument, state: ShieldState) -> None:
    finding = rule.review(order, instrument, state)
    need(bool(finding.inputs), "a finding without the inputs it was made from")
    spell(finding)
    numbers = [(name, value) for name, value in finding.inputs.items() if isinstance(value, float)]
    bad = [name for name, value in numbers if not math.isfinite(value)]
    need(not bad, f"inputs {bad} are not finite")
    need(finding.answer is Answer.ALLOW or bool(finding.reason), f"it says {finding.answer} without a reason")


def _repeats(rule: Rule, order: Order, instrument: Instrument, state: ShieldState) -> None:
    first, second = rule.review(order, instrument, state), rule.review(order, instrument, state)
    need(first == second, f"asked twice of one order it answered {first} and {second}")


LOOKS: dict[str, Callable[[Rule, Order, Instrument, ShieldState], None]] = {
    "only ever tightens": _only_tightens,
    "lets exits pass": _lets_go,
    "shows its inputs and its reason": _shows_inputs,
    "answers the same to the same order": _repeats,
}
