"""`quorate backtest --strategy FILE.py`: a research run, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quorate.cli.output import emit, say, table

if TYPE_CHECKING:
    from quorate.analysis.analysis import Analysis
    from quorate.app.clearing import ClearingAsked
    from quorate.app.load import Request

NOTES_SHOWN = 12


def research(
    strategy: Path,
    request: Request,
    market: tuple[str | None, str | None, str | None],
    clearing: ClearingAsked,
    *,
    interval: str | None,
    trades: bool,
    report: Path | None,
    as_json: bool,
) -> int:
    """Run, say what came of it; returns the exit code. ``market``: participation, impact, intrabar path.

    Raises ConfigError for an option of the desk's.
    """
    from quorate.app.load import BASELINE
    from quorate.app.research import SIZE, Asked, perform_research
    from quorate.app.venue_rules import LATENCY, VenueAsked
    from quorate.core.errors import ConfigError

    foreign = {"--config": request.overlay is not None, "--recipe": request.recipe != BASELINE}
    for option, is_given in foreign.items():
        if is_given:
            what = "belongs to a desk, and a research run has none"
            raise ConfigError(what, where=option, todo="add --desk, or leave it out")
    venue = VenueAsked(request.latency or LATENCY, *market)
    asked = Asked(
        strategy=strategy, request=request, size=request.size or SIZE, venue=venue, interval=interval,
        clearing=clearing,
    )  # fmt: skip
    done = perform_research(asked, trades=trades, report=report)
    if as_json:
        emit(done.result)
    else:
        summarise(done.result, done.analysis)
    return 0


def summarise(result: dict[str, Any], analysis: Analysis) -> None:
    """The figures, beside buy and hold and chance; then trades if asked for, and notes."""
    from quorate.analysis import words

    config, metrics = result["config"], analysis.metrics
    given = ", ".join(f"{name}={value}" for name, value in config["parameters"].items())
    say(f"research run of {config['strategy']} ({config['body']} body{': ' + given if given else ''})")
    hold, chance = analysis.baselines.buy_and_hold, analysis.baselines.random
    between = f"{words.percent(chance.low)} to {words.percent(chance.high)}" if chance else words.UNKNOWN
    table(
        [
            ["", "strategy", "buy and hold", "random trader (5-95 %)"],
            ["total return", words.percent(metrics.total_return),
             words.percent(hold.total_return if hold else None), between],
            ["sharpe", words.number(metrics.sharpe), words.number(hold.sharpe if hold else None), ""],
            ["max drawdown", words.percent(-metrics.max_drawdown),
             words.percent(-hold.max_drawdown if hold else None), ""],
        ]
    )  # fmt: skip
    if result["rulebook"] != "none":
        say(
            f"under rulebook {result['rulebook']}: {result['vetoes']:,} orders refused, "
            f"{result['limits']['cut']:,} cut, {result['halts']} halts"
        )
    trades = f"{result['ticks']:,} ticks, " if result["ticks"] else ""
    currency = result["cash"].split()[-1]
    say(
        f"profit {words.number(metrics.pnl.likely)} {currency}, by the fills' own bounds "
        f"{words.number(metrics.pnl.pessimistic)} to {words.number(metrics.pnl.optimistic)}; "
        f"fees {words.number(metrics.fees)}; {metrics.trades:,} trades, {words.share(metrics.win_rate)} won"
    )
    say(
        f"{result['events']:,} bars, {trades}{result['orders']:,} orders, {result['fills']:,} fills, "
        f"size {config['size']}, latency {config['latency']}, trust {result['trust_level']}"
    )
    if result.get("trades"):
        _trades(result["trades"])
    for line in result["notes"][:NOTES_SHOWN]:
        say(f"  note: {line}")
    if len(result["notes"]) > NOTES_SHOWN:
        say(f"  and {len(result['notes']) - NOTES_SHOWN} more notes in result.json")
    say(f"orders digest: {result['orders_digest']}")
    if result["report"]:
        say(f"report: {result['report']}")
    say(f"next: quorate {_following(config)}")


def _following(config: dict[str, Any]) -> str:
    """The command that leads on: its first numbers searched around what they are, or the whole desk."""
    numbers = {
        name: value
        for name, value in config["parameters"].items()
        if isinstance(value, int) and not isinstance(value, bool) and value > 1
    }
    if not numbers:
        return f"backtest --strategy {config['strategy']} --desk"
    grids = (f"--grid {name}={value // 2}:{value * 2}" for name, value in list(numbers.items())[:2])
    return f"sweep --strategy {config['strategy']} {' '.join(grids)}"


def _trades(trades: list[dict[str, Any]]) -> None:
    names = (
        "entry_at",
        "exit_at",
        "instrument",
        "side",
        "size",
        "entry",
        "exit",
        "fees",
        "pnl",
        "exit_reason",
    )
    rows = [[name.replace("_", " ") for name in names]]
    rows += [
        [f"{each[name]:,.10g}" if isinstance(each[name], float) else str(each[name]) for name in names]
        for each in trades
    ]
    table(rows)
