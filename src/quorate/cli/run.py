"""`quorate run`, `backtest`, `paper` and `live`: a desk over data, watched, and what came of it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quorate.cli import options
from quorate.cli.output import emit, tell

if TYPE_CHECKING:
    from types import FrameType

    from quorate.app.compose import Plan
    from quorate.app.load import Request
    from quorate.core.ports import Observer
    from quorate.kernel.session import Session

INTERRUPTED = "interrupted by a person"


def register(app: typer.Typer) -> None:
    """Add the four commands."""
    for command in (run, backtest, paper, live):
        app.command()(command)


def run(
    recipe: options.Recipe = "baseline",
    overlay: options.Overlay = None,
    sets: options.Sets = [],  # noqa: B006 - typer hands over a fresh list
    data: options.Data = [],  # noqa: B006
    instrument: options.Instruments = [],  # noqa: B006
    first: options.First = None,
    end: options.End = None,
    cash: options.Cash = None,
    seed: options.Seed = None,
    journal: options.Journal = None,
    plugin: options.Plugins = [],  # noqa: B006
    rulebook: options.Rulebook = None,
    assume_utc: options.AssumeUtc = False,
    strategy: options.StrategyFile = None,
    size: options.SizeIfAny = None,
    participation: options.Participation = None,
    impact: options.Impact = None,
    intrabar: options.Intrabar = None,
    maintenance: options.Maintenance = None,
    liquidation_fee: options.LiquidationFee = None,
    long_only: options.LongOnly = False,
    headless: options.Headless = False,
    json: options.Json = False,
) -> int:
    """Run the desk, by default on the built-in sample, in the mode that its configuration says."""
    from quorate.app.load import Request

    venue = options.venue_of(
        participation, impact, intrabar, maintenance, liquidation_fee, long_only=long_only
    )
    request = Request(
        recipe=recipe, overlay=overlay, sets=sets, data=data, instruments=instrument, first=first, end=end,
        cash=cash, seed=seed, plugins=plugin, rulebook=rulebook, assume_utc=assume_utc,
        strategy=strategy, size=size, venue=venue,
    )  # fmt: skip
    return execute(request, journal, live_view=not headless and not json, as_json=json)


def backtest(
    recipe: options.Recipe = "baseline",
    overlay: options.Overlay = None,
    sets: options.Sets = [],  # noqa: B006
    data: options.Data = [],  # noqa: B006
    instrument: options.Instruments = [],  # noqa: B006
    first: options.First = None,
    end: options.End = None,
    cash: options.Cash = None,
    seed: options.Seed = None,
    journal: options.Journal = None,
    plugin: options.Plugins = [],  # noqa: B006
    rulebook: options.Rulebook = None,
    assume_utc: options.AssumeUtc = False,
    strategy: options.StrategyFile = None,
    interval: options.Interval = None,
    desk: options.OnDesk = False,
    size: options.SizeIfAny = None,
    latency: options.LatencyIfAny = None,
    participation: options.Participation = None,
    impact: options.Impact = None,
    intrabar: options.Intrabar = None,
    maintenance: options.Maintenance = None,
    liquidation_fee: options.LiquidationFee = None,
    long_only: options.LongOnly = False,
    funding: options.FundingFiles = [],  # noqa: B006
    trades: options.Trades = False,
    report: options.ReportAt = None,
    headless: options.Headless = False,
    json: options.Json = False,
) -> int:
    """Run the desk, or with --strategy a strategy in Python, over history at full speed; costs are on."""
    from quorate.app.load import Request

    request = Request(
        mode="backtest", recipe=recipe, overlay=overlay, sets=sets, data=data, instruments=instrument,
        first=first, end=end, cash=cash, seed=seed, plugins=plugin, rulebook=rulebook, assume_utc=assume_utc,
        strategy=strategy, size=size, latency=latency,
    )  # fmt: skip
    market = participation, impact, intrabar
    if strategy is not None and not desk:
        from quorate.app.clearing import ClearingAsked
        from quorate.cli.research import research

        refuse({"--journal": journal}, "belongs to a desk", "add --desk, or leave it out")
        clearing = ClearingAsked(
            maintenance=maintenance, fee=liquidation_fee, long_only=long_only, funding=funding
        )
        return research(
            strategy, request, market, clearing, interval=interval, trades=trades, report=report, as_json=json
        )
    only = {"--funding": funding or None, "--trades": trades or None, "--interval": interval}
    refuse(only, "is of research runs", "give --strategy, and no --desk")
    venue = options.venue_of(*market, maintenance, liquidation_fee, long_only=long_only)
    request = replace(request, venue=venue)
    return execute(request, journal, report, live_view=not headless and not json, as_json=json)


def refuse(given: Mapping[str, object], what: str, todo: str) -> None:
    """Raises ConfigError for the first option that was given and would be ignored here."""
    from quorate.core.errors import ConfigError

    for name, value in given.items():
        if value is not None:
            raise ConfigError(what, where=name, todo=todo)


def paper(
    recipe: options.Recipe = "baseline",
    overlay: options.Overlay = None,
    sets: options.Sets = [],  # noqa: B006
    data: options.Data = [],  # noqa: B006
    instrument: options.Instruments = [],  # noqa: B006
    first: options.First = None,
    end: options.End = None,
    cash: options.Cash = None,
    seed: options.Seed = None,
    journal: options.Journal = None,
    plugin: options.Plugins = [],  # noqa: B006
    rulebook: options.Rulebook = None,
    assume_utc: options.AssumeUtc = False,
    strategy: options.StrategyFile = None,
    size: options.SizeIfAny = None,
    participation: options.Participation = None,
    impact: options.Impact = None,
    intrabar: options.Intrabar = None,
    maintenance: options.Maintenance = None,
    liquidation_fee: options.LiquidationFee = None,
    long_only: options.LongOnly = False,
    speed: Annotated[float | None, typer.Option(help="So many times real time; else at full speed.")] = None,
    acts: Annotated[Path | None, typer.Option(help="People's halts and resumes, one JSON a line.")] = None,
    headless: options.Headless = False,
    json: options.Json = False,
) -> int:
    """Run the desk over a tape as if it were live: nobody resumes it but people, each record is durable."""
    from quorate.app.load import Request

    venue = options.venue_of(
        participation, impact, intrabar, maintenance, liquidation_fee, long_only=long_only
    )
    request = Request(
        mode="paper", recipe=recipe, overlay=overlay, sets=sets, data=data, instruments=instrument,
        first=first, end=end, cash=cash, seed=seed, plugins=plugin, rulebook=rulebook, assume_utc=assume_utc,
        speed=speed, acts=acts, strategy=strategy, size=size, venue=venue,
    )  # fmt: skip
    return execute(request, journal, live_view=not headless and not json, as_json=json)


def live(json: options.Json = False) -> int:
    """Trade for real: refused, since this version has no real venue."""
    from quorate.app.load import refuse_live

    refuse_live("live")
    return 0


def execute(
    request: Request, journal: Path | None, report: Path | None = None, *, live_view: bool, as_json: bool
) -> int:
    """Load, run, say what came of it; returns the exit code."""
    import structlog

    from quorate.app.load import load_plan
    from quorate.app.run import perform

    log = structlog.get_logger("quorate.run")
    plan, notes = load_plan(request)
    log.info("run", mode=plan.opened.mode, recipe=plan.recipe.name, instruments=list(plan.instruments))
    with interruptible() as started, watching(plan, live_view) as observers:
        outcome = perform(
            plan, plan.opened.mode, journal=journal, observers=observers, notes=notes, started=started,
            report_at=report,
        )  # fmt: skip
    result = outcome.result
    log.info("ended", run_id=result["run_id"], ended=result["ended"], exit_code=outcome.exit_code)
    if outcome.error:
        tell(f"quorate: halted: {outcome.error}")
    if as_json:
        emit(result)
    else:
        from quorate.cli.summary import summarise

        summarise(outcome)
    return outcome.exit_code


@contextmanager
def interruptible() -> Iterator[Callable[[Session], None]]:
    """Gives what `perform` calls when the session stands: from then on Ctrl-C ends it with the instant it is
    at, the journal closed and the result said. A second Ctrl-C does not wait.
    """
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def started(session: Session) -> None:
        def stop(number: int, frame: FrameType | None) -> None:
            session.stop(INTERRUPTED)
            signal.signal(number, before[number])

        for number in before:
            signal.signal(number, stop)

    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def watching(plan: Plan, live_view: bool) -> Iterator[list[Observer]]:
    """The live view on stderr where somebody can see it."""
    if not live_view or not sys.stderr.isatty():
        yield []
        return
    from quorate.cli.live import LiveView

    with LiveView(plan) as view:
        yield [view]
