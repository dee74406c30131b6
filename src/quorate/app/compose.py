"""The composition root: one table says which plug goes in which port, by mode; everything meets here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from quorate.adapters.clocks import PacedClock, SimulatedClock
from quorate.adapters.councils import EmptyCouncil
from quorate.adapters.feeds.history import HistoryFeed
from quorate.adapters.feeds.series import Series
from quorate.adapters.feeds.shown import ShownFeed
from quorate.adapters.feeds.suspect import looked_at
from quorate.adapters.operators import AutomaticOperator, QueuedOperator
from quorate.adapters.recorded import (
    RecordedCouncil,
    RecordedFeed,
    RecordedOperator,
    RecordedVenue,
    Recording,
)
from quorate.app.recipe import Recipe
from quorate.app.registry import Registry
from quorate.app.strategy import Body, load_strategy
from quorate.core.account import Account
from quorate.core.canon import CANON_VERSION
from quorate.core.errors import ConfigError, InvariantError, TamperError
from quorate.core.instant import SECOND
from quorate.core.instrument import Instrument
from quorate.core.money import Money
from quorate.core.ports import Clock, Council, Feed, Journal, Observer, Operator, Venue
from quorate.core.record import Opened
from quorate.core.roles import Agent, Strategist
from quorate.decide.decide import Decide
from quorate.execution.execution import Execution
from quorate.kernel.desk import Desk
from quorate.kernel.session import Session
from quorate.market.market import Market
from quorate.portfolio.portfolio import Portfolio
from quorate.research.run import Size
from quorate.shield.mint import Mint
from quorate.shield.rulebook import Rulebook
from quorate.shield.shield import Shield
from quorate.simulator.costs import Costs
from quorate.simulator.simulator import Simulator

KEY_BYTES = 32
SUSPECT_TRUST = "C"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run is made of, before anything is built: what record 0 says, and what feeds it."""

    opened: Opened
    recipe: Recipe
    rulebook: Rulebook
    registry: Registry
    series: tuple[Series, ...] = ()
    recording: Recording | None = None
    acts: tuple[Any, ...] = ()
    speed: float | None = None
    body: Body | None = None

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Instruments by id, in the order of their ids."""
        each = msgspec.convert(self.opened.instruments, tuple[Instrument, ...], strict=False)
        return {instrument.id: instrument for instrument in sorted(each, key=lambda one: one.id)}

    @property
    def cash(self) -> Money:
        """The starting cash."""
        return Money(*self.opened.cash)


@dataclass(frozen=True, slots=True)
class Plugs:
    """Builders of the ports of one mode, from the plan and the journal that the run will write."""

    clock: Callable[[Plan], Clock]
    market: Callable[[Plan, Journal], tuple[Feed, Venue]]
    council: Callable[[Plan, Journal], Council]
    operator: Callable[[Plan, Journal], Operator]


def _simulated_market(plan: Plan, _: Journal) -> tuple[Feed, Venue]:
    costs = plan.recipe.costs
    rules, clearing = plan.recipe.venue.read(list(plan.instruments.values()))
    venue = Simulator(
        plan.instruments,
        plan.cash,
        Costs(costs.latency_ns, Decimal(costs.slippage)),
        rules=rules,
        clearing=clearing,
    )
    return ShownFeed(HistoryFeed(plan.series), venue), venue


def _recorded_market(plan: Plan, journal: Journal) -> tuple[Feed, Venue]:
    recording, turn = _recording(plan), _turn(journal)
    return RecordedFeed(recording, turn), RecordedVenue(recording.reports, turn)


def _recording(plan: Plan) -> Recording:
    if plan.recording is None:
        raise ConfigError("a replay needs a journal", todo="name one")
    return plan.recording


def _turn(journal: Journal) -> Callable[[], int]:
    return lambda: journal.next_number


# Modes differ in plugs only. `live` has no row yet: it needs a real venue, and refuses to start without one.
PLUGS: dict[str, Plugs] = {
    "backtest": Plugs(
        clock=lambda plan: SimulatedClock(),
        market=_simulated_market,
        council=lambda plan, journal: EmptyCouncil(),
        operator=lambda plan, journal: AutomaticOperator(
            plan.recipe.operator.cool_down_ns, max(int(each.at[-1]) for each in plan.series)
        ),
    ),
    "paper": Plugs(
        clock=lambda plan: PacedClock(plan.speed) if plan.speed else SimulatedClock(),
        market=_simulated_market,
        council=lambda plan, journal: EmptyCouncil(),
        operator=lambda plan, journal: QueuedOperator(plan.acts),
    ),
    "replay": Plugs(
        clock=lambda plan: SimulatedClock(),
        market=_recorded_market,
        council=lambda plan, journal: RecordedCouncil(_recording(plan).answers, _turn(journal)),
        operator=lambda plan, journal: RecordedOperator(_recording(plan).human, _turn(journal)),
    ),
}


def plan_run(
    recipe: Recipe,
    rulebook: Rulebook,
    registry: Registry,
    series: Sequence[Series],
    cash: Money,
    **more: Any,
) -> Plan:
    """The plan of a backtest or paper session over series. Raises ConfigError when the parts do not fit.

    The run is trusted no further than the worst of its data; data that look wrong are C at best.
    """
    seen, suspect = looked_at(series)
    ordered = tuple(sorted(seen, key=lambda each: each.instrument.id))
    if not ordered:
        raise ConfigError("no data", todo="name a file with --data")
    names = [each.instrument.id for each in ordered]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"two files are both {twice}", todo="name them apart with --instrument")
    for each in ordered:
        if each.instrument.currency != cash.scale:
            raise ConfigError(
                f"{each.instrument.id} is in {each.instrument.currency}, the account in {cash.scale}",
                todo="one currency a run for now",
            )
    check_latency(recipe.costs.latency_ns, recipe.costs.latency, rulebook, "costs.latency")
    body = None if recipe.strategy is None else load_strategy(Path(recipe.strategy.file))
    recipe = recipe.without_places()
    sources = registry.sources if body is None else [*registry.sources, body.source]
    opened = Opened(
        **_stated(recipe, rulebook, registry, [each.instrument for each in ordered], cash),
        product=f"quorate {version('quorate')}",
        interval=ordered[0].interval,
        data=tuple(
            {
                "instrument": each.instrument.id,
                "name": each.source.name,
                "sha256": each.source.sha256,
                "rows": each.source.rows,
            }
            for each in ordered
        ),
        trust_level=max([SUSPECT_TRUST] * suspect + [each.trust for each in ordered]),
        plugins=tuple(sorted(sources)),
    )
    return Plan(opened, recipe, rulebook, registry, ordered, body=body, **more)


def check_latency(latency_ns: int, shown: str, rulebook: Rulebook, where: str) -> None:
    """Raises ConfigError for a latency within which every approval ends."""
    if latency_ns > rulebook.approval_ttl_s * SECOND:
        raise ConfigError(
            f"a latency of {shown} outlives every approval ({rulebook.approval_ttl_s} s): "
            "no order would ever arrive",
            where=where,
            todo="lower it, or raise the rulebook's approval_ttl_s",
        )


def plan_replay(
    recording: Recording,
    opened: Opened,
    recipe: Recipe,
    rulebook: Rulebook,
    registry: Registry,
    body: Body | None = None,
) -> Plan:
    """The plan that runs a recorded journal again, by its own record 0 or by a desk that differs.

    What record 0 says of the desk is stated anew by the desk that is built, so that a false record 0 is
    found. Raises TamperError where its instruments and cash make no account.
    """
    cash = Money(*opened.cash)
    try:
        instruments = msgspec.convert(opened.instruments, tuple[Instrument, ...], strict=False)
        Account(cash, {each.id: each for each in instruments})
    except (msgspec.ValidationError, InvariantError) as error:
        raise TamperError(f"record 0 makes no account: {error}", number=0) from error
    stated = _stated(recipe, rulebook, registry, instruments, cash)
    opened = msgspec.structs.replace(opened, **stated)
    return Plan(opened, recipe, rulebook, registry, recording=recording, body=body)


def _stated(
    recipe: Recipe, rulebook: Rulebook, registry: Registry, instruments: Sequence[Instrument], cash: Money
) -> dict[str, Any]:
    """The fields of record 0 that follow from what the desk is built of."""
    return {
        "canon": CANON_VERSION,
        "mode": recipe.mode,
        "seed": recipe.seed,
        "recipe": recipe.values(),
        "rulebook": msgspec.to_builtins(rulebook, str_keys=True),
        "instruments": tuple(msgspec.to_builtins(each) for each in instruments),
        "cash": (cash.count, cash.scale),
        "policy": _shield(rulebook, recipe, registry, Account(cash, {}), {}, Mint(bytes(KEY_BYTES))).policy,
    }


def build_desk(plan: Plan, mint: Mint) -> Desk:
    """The desk itself: the same in every mode."""
    recipe, registry, instruments = plan.recipe, plan.registry, plan.instruments
    agents: list[Agent] = [
        registry.build("agents", name, settings) for name, settings in sorted(recipe.agents.items())
    ]
    allocator = registry.build("allocators", recipe.allocator.name, recipe.allocator.settings)
    tactic = registry.build("tactics", recipe.tactic.name, recipe.tactic.settings)
    portfolio = Portfolio(recipe.sizing, allocator)
    needs = [name for agent in agents for name in _features(agent)]
    needs += portfolio.features()
    needs += getattr(allocator, "features", tuple)()
    plugins = {name: registry.get("indicators", name) for name in registry.names("indicators")}
    account = Account(plan.cash, instruments)
    return Desk(
        market=Market(instruments, plan.opened.interval, sorted(set(needs)), plugins),
        agents=agents,
        decide=Decide(recipe.decide, [agent.name for agent in agents]),
        portfolio=portfolio,
        execution=Execution(account, tactic),
        shield=_shield(plan.rulebook, recipe, registry, account, instruments, mint, plan.opened.trust_level),
        strategist=_strategist(plan),
    )


def _strategist(plan: Plan) -> Strategist | None:
    """The recipe's strategy in its chair. Raises ConfigError for one without its file's body."""
    settings = plan.recipe.strategy
    if settings is None:
        return None
    if plan.body is None:
        raise ConfigError("the strategy was not loaded", where="strategy", todo="give its file")
    return plan.body.host(
        settings.settings,
        plan.instruments,
        plan.opened.interval,
        size=Size.read(settings.size),
        latency_ns=plan.recipe.costs.latency_ns,
    )


def _features(agent: Agent) -> list[str]:
    """The columns an agent wants to see. Raises ConfigError for a plugin that cannot say."""
    try:
        names = list(agent.features())
    except Exception as error:
        what = f"cannot say its features: {type(error).__name__}: {error}"
        raise ConfigError(what, where=f"agents.{agent.name}", todo="quorate doctor FILE says more") from error
    if not all(isinstance(name, str) for name in names):
        raise ConfigError("features() must give names", where=f"agents.{agent.name}", todo="as in ema:20")
    return names


def _shield(
    rulebook: Rulebook,
    recipe: Recipe,
    registry: Registry,
    account: Account,
    instruments: Mapping[str, Instrument],
    mint: Mint,
    trust_level: str = "B",
) -> Shield:
    extra = [registry.build("rules", name, settings) for name, settings in sorted(recipe.rules.items())]
    return Shield(rulebook, account, instruments, mint, extra_rules=extra, trust_level=trust_level)


def build_session(plan: Plan, mode: str, journal: Journal, observers: Sequence[Observer] = ()) -> Session:
    """A session with the plugs of its mode. Raises ConfigError for a mode that has none."""
    plugs = PLUGS.get(mode)
    if plugs is None:
        raise ConfigError(
            f"mode '{mode}' has no venue yet",
            todo="use backtest or paper; live venues come in a later version",
        )
    mint = Mint(os.urandom(KEY_BYTES))
    feed, venue = plugs.market(plan, journal)
    return Session(
        desk=build_desk(plan, mint),
        clock=plugs.clock(plan),
        feed=feed,
        venue=venue,
        council=plugs.council(plan, journal),
        operator=plugs.operator(plan, journal),
        journal=journal,
        gate=mint.gate(),
        observers=observers,
    )
