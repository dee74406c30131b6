"""One recipe with a [strategy] twice: a research run under compiled limits, and the desk; what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from quorate.adapters.feeds.series import Series
from quorate.app.compose import Plan, plan_run
from quorate.app.recipe import Recipe, read_values, recipe_of, rulebook_of
from quorate.app.registry import Registry
from quorate.app.research import rows_of
from quorate.app.run import default_cash, run_in_memory
from quorate.app.strategy import load_strategy
from quorate.core.account import Account
from quorate.core.effects import AnyEffect, BreakerMoved, Silenced, Vetoed
from quorate.core.events import AnyEvent, Fill
from quorate.core.money import Money
from quorate.core.order import Answer, ApprovedOrder, Finding, Order
from quorate.native.exchange import INTRABAR, ROLES, SIDES, TYPES, Rules, Told
from quorate.native.limits import BREAKERS, RULES, Limits, rules
from quorate.native.runner import Reviewed
from quorate.research.run import Run, Setting, Size
from quorate.shield.numbers import Number, numbers
from quorate.shield.rulebook import Rulebook
from tests.limits_flow import any_rulebook
from tests.sessions import tape

BODIES = Path(__file__).parent / "bodies"


@dataclass(frozen=True)
class Case:
    """One recipe over its data."""

    recipe: Recipe
    rulebook: Rulebook
    series: tuple[Series, ...]
    cash: Money

    @property
    def plan(self) -> Plan:
        """The desk's plan."""
        return plan_run(self.recipe, self.rulebook, Registry(), self.series, self.cash)


class Asked(NamedTuple):
    """One order, and what the rules made of it. ``size``: lots as it stood in the end, cut where it was;
    ``lots``: let out, 0 when refused; prices in ticks, -1 for none; ``denied``, ``cut``: by which rules.
    """

    at: int
    instrument: int
    side: int
    type: int
    role: int
    size: int
    lots: int
    price: int
    stop: int
    target: int
    denied: frozenset[str]
    cut: frozenset[str]


class Told_(NamedTuple):  # noqa: N801 - what one run said, comparable
    """Orders (asked, cut, refused), fills, moves of the breaker, cash and equity in 1e-8."""

    orders: list[Asked]
    fills: list[tuple[Any, ...]]
    moves: list[tuple[Any, ...]]
    end: tuple[int, int]


def any_case(seed: int, bars: int = 900, real: Sequence[tuple[Series, ...]] = ()) -> Case:
    """A random recipe. ``real``: slices of real data to draw from, beside synthetic tapes."""
    dice = Random(seed)
    file = dice.choice(("wanderer", "wanderer", "wanderer", "leaning", "nervous"))
    many = file == "wanderer" and dice.random() < 0.5
    names = ("AAA", "BBB", "CCC")[: dice.choice((2, 3))] if many else ("AAA",)
    crash = dice.random() < 0.6
    series = tuple(tape(dice.randrange(10**6), bars, name, crash=crash) for name in names)
    if real and dice.random() < 0.5:
        held = dice.choice(real)
        series = held if many else held[:1]
    sizes = ["95%", "40%", "12.5%", "3%"]
    if len({each.instrument.lot for each in series}) == 1:
        sizes.append("1")
    settings: dict[str, Any] = {
        "wanderer": {"seed": seed, "pace": dice.choice((0.03, 0.1, 0.4)), "risk": dice.choice((0.005, 0.02))},
        "leaning": {"fast": dice.randint(2, 6), "slow": dice.randint(8, 20)},
        "nervous": {"span": dice.randint(2, 12), "risk": dice.choice((0.003, 0.01, 0.03))},
    }[file]
    values: dict[str, Any] = {
        "name": f"case {seed}",
        "strategy": {
            "file": str(BODIES / f"{file}.py"),
            "settings": settings,
            "size": dice.choice(sizes),
        },
        "costs": {"latency": dice.choice(("0s", "250ms", "1s")), "slippage": dice.choice((0, 1, 3))},
        "operator": {"cool_down": dice.choice(("1h", "6h", "3d"))},
    }
    if venue := any_venue(seed):
        values["venue"] = venue
    much_held = "maintenance" in venue and len(series) > 1  # so that somebody is liquidated
    if much_held:
        values["strategy"]["size"] = "95%"
    cash = default_cash(series)[0]
    book = msgspec.structs.replace(any_rulebook(dice), currencies=(cash.scale,))
    if dice.random() < 0.6:  # loose in what may be held, so that losses bring the breaker down
        loose = rulebook_of(*read_values("rulebook", "balanced"))
        book = msgspec.structs.replace(loose, currencies=(cash.scale,), losses=any_losses(dice, loose))
    if much_held:
        half, much = Decimal("0.5"), Decimal(5)
        wide = {"trade_share": half, "position_share": half, "gross_share": much, "net_share": much}
        exposure = msgspec.structs.replace(book.exposure, **wide, leverage_max=much)
        book = msgspec.structs.replace(book, exposure=exposure)
    return Case(recipe_of(values, f"case {seed}"), book, series, cash)


def any_venue(seed: int) -> dict[str, str]:
    """A [venue] of dice of its own, so that all else of a recipe stays as it is."""
    dice = Random(f"venue {seed}")
    drawn = {
        "participation": Random(f"volume {seed}").choice(("any", "100%", "37.3%", "10%", "0.5%")),
        "impact": dice.choice(("0", "0.002%", "0.02%", "1%")),
        "intrabar": dice.choice(tuple(INTRABAR)),
        "maintenance": dice.choice(("none", "none", "kind", "99%", "0:20%,5000:95%")),
    }
    if drawn["maintenance"] == "99%":  # whoever is to be liquidated must get in
        drawn["participation"] = "any"
    return {key: value for key, value in drawn.items() if value not in ("any", "0", "none")}


def any_losses(dice: Random, book: Rulebook) -> Any:
    """Limits of losses that ordinary bars reach."""
    share = lambda: Decimal(dice.choice((1, 2, 5, 20))) / 1_000  # noqa: E731
    return msgspec.structs.replace(
        book.losses,
        day_share=share(),
        drawdown_share=share(),
        hour_share=share(),
        streak_max=dice.choice((2, 3)),
    )


class _Watcher:
    """Keeps what a desk did."""

    def __init__(self, plan: Plan) -> None:
        self.places = {name: place for place, name in enumerate(plan.instruments)}
        self.orders: list[Asked] = []
        self.fills: list[tuple[Any, ...]] = []
        self.moves: list[tuple[Any, ...]] = []
        self.silenced: list[str] = []
        self.account: Account | None = None

    def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Account) -> None:
        """The observer's door."""
        self.account = account
        if isinstance(event, Fill):
            self.fills.append((
                event.at, self.places[event.instrument], SIDES[event.side], ROLES[event.role],
                event.quantity.count, event.price.count, event.fee.count, event.filled_at,
            ))  # fmt: skip
        for effect in effects:
            if isinstance(effect, ApprovedOrder):
                self._order(effect.at, effect.order, effect.order.quantity.count, effect.verdict.findings)
            elif isinstance(effect, Vetoed):
                self._order(effect.at, effect.order, 0, effect.verdict.findings)
            elif isinstance(effect, BreakerMoved):
                rule = "resume" if effect.after == "normal" else effect.rule
                self.moves.append((effect.at, str(effect.before), str(effect.after), rule))
            elif isinstance(effect, Silenced):
                self.silenced.append(effect.reason)

    def _order(self, at: int, order: Order, lots: int, findings: Sequence[Finding]) -> None:
        price = order.limit or order.trigger
        bracket = order.bracket
        target = None if bracket is None else bracket.target
        denied = frozenset(each.rule for each in findings if each.answer is Answer.DENY)
        cut = frozenset(each.rule for each in findings if each.answer is Answer.REDUCE)
        self.orders.append(Asked(
            at, self.places[order.instrument], SIDES[order.side], TYPES[order.type], ROLES[order.role],
            lots or order.quantity.count, lots, -1 if price is None else price.count,
            -1 if bracket is None else bracket.stop.count, -1 if target is None else target.count,
            denied & frozenset(RULES), cut,
        ))  # fmt: skip


def on_desk(case: Case) -> Told_:
    """The whole desk: execution, shield, mint, gate, venue, journal. Raises AssertionError when silenced."""
    plan = case.plan
    watcher = _Watcher(plan)
    run_in_memory(plan, "backtest", (watcher,))
    assert not watcher.silenced, watcher.silenced[0]
    account = watcher.account
    assert account is not None
    return Told_(watcher.orders, watcher.fills, watcher.moves, (ledger_cash(account), account.equity_e8))


def ledger_cash(account: Account) -> int:
    """Cash as an exchange counts it: what is held is paid for."""
    return account.cash_e8 - sum(each.cost_e8 for each in account.positions.values())


def research(
    case: Case, limits: dict[str, Number] | None = None, late_ns: int = 0, other: Rules | None = None
) -> tuple[Run, Told_]:
    """The research run under the compiled rulebook, or under other ``limits``; ``late_ns`` more latency,
    ``other`` rules of the venue.
    """
    strategy = case.recipe.strategy
    assert strategy is not None
    instruments, rows = rows_of(sorted(case.series, key=lambda each: each.instrument.id))
    compiled = Limits(
        instruments, limits or numbers(case.rulebook), case.cash.count,
        cool_down_ns=case.recipe.operator.cool_down_ns, until=int(rows[:, 0].max()),
    )  # fmt: skip
    costs = case.recipe.costs
    rules, clearing = case.recipe.venue.read(instruments)
    setting = Setting(
        instruments, rows, case.series[0].interval, case.cash, costs.latency_ns + late_ns,
        Size.read(strategy.size), Decimal(costs.slippage), rules=other or rules,
        limits=compiled, clearing=clearing,
    )  # fmt: skip
    body = load_strategy(Path(strategy.file))
    run = body.run(body.bind(strategy.settings), setting)
    return run, told_of(run)


def told_of(run: Run) -> Told_:
    """What a research run said."""
    runner = run.runner
    orders = []
    for row in runner.reviews.tolist():
        lots = row[Reviewed.LOTS]
        orders.append(Asked(
            row[Reviewed.AT], row[Reviewed.INSTRUMENT], row[Reviewed.SIDE], row[Reviewed.TYPE],
            row[Reviewed.ROLE], lots or row[Reviewed.ASKED], lots, row[Reviewed.PRICE], row[Reviewed.STOP],
            row[Reviewed.TARGET], rules(row[Reviewed.DENIED]), rules(row[Reviewed.CUT]),
        ))  # fmt: skip
    columns = (
        Told.AT, Told.INSTRUMENT, Told.SIDE, Told.ROLE, Told.LOTS, Told.PRICE, Told.MONEY, Told.FILLED_AT,
    )  # fmt: skip
    fills = [tuple(row) for row in run.fills[:, columns].tolist()]
    moves = [(at, BREAKERS[before], BREAKERS[after], RULES[rule]) for at, before, after, rule in runner.moves]
    return Told_(orders, fills, moves, (runner.cash_e8, runner.equity_e8))


def differs(one: Told_, other: Told_) -> str:
    """The first difference in one line; nothing where they are the same."""
    for name in ("orders", "fills", "moves"):
        left, right = getattr(one, name), getattr(other, name)
        for place, (a, b) in enumerate(zip(left, right, strict=False)):
            if a != b:
                return f"{name} {place}: desk {a}, research {b}"
        if len(left) != len(right):
            return f"{name}: desk {len(left)}, research {len(right)}"
    return "" if one.end == other.end else f"end: desk {one.end}, research {other.end}"


def tightened(case: Case, **changes: Any) -> Case:
    """The case under other sections of its rulebook."""
    return replace(case, rulebook=msgspec.structs.replace(case.rulebook, **changes))
