"""What came of a run, for people: figures beside buy-and-hold and chance, what was assumed, where to look."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from quorate.analysis import words
from quorate.analysis.analysis import Analysis
from quorate.analysis.targets import Reached, worded
from quorate.app.run import Outcome

NOTES_SHOWN = 12


def summarise(outcome: Outcome) -> None:
    """Write the summary to stdout."""
    result = outcome.result
    console = Console(highlight=False, soft_wrap=True)
    if result["mode"] != "live":
        console.print(
            f"\n{result['mode']} of {result['recipe']} under rulebook {result['rulebook']}", style="bold"
        )
    _figures(console, outcome.analysis, result["cash"].split()[-1])
    console.print(
        f"{result['events']:,} bars, {result['decisions']:,} decisions, {result['orders']:,} orders, "
        f"{result['fills']:,} fills, {result['vetoes']:,} vetoes, {result['halts']} halts"
        f" ({len(result['operator_acts'])} resumed), trust {result['trust_level']}"
    )
    _targets(console, outcome.analysis)
    for line in result["silenced"]:
        console.print(f"silenced: {line}", style="red")
    if result["halted"]:
        console.print("the run ended with the desk HALTED", style="red")
    if result["partial"]:
        console.print(f"partial: {result['ended']}", style="yellow")
    notes = result["notes"]
    for line in notes[:NOTES_SHOWN]:
        console.print(f"  note: {line}", style="dim", markup=False)
    if len(notes) > NOTES_SHOWN:
        console.print(f"  and {len(notes) - NOTES_SHOWN} more notes in result.json", style="dim")
    for name in ("report", "journal", "head_digest"):
        console.print(f"{name.replace('_', ' ')}: {result[name] or 'none'}", markup=False)
    strategy = result["config"].get("strategy")
    beside = f" --plugin {strategy['file']}" if strategy else ""
    console.print(f"next: quorate replay {result['journal']}{beside}", markup=False)


def _figures(console: Console, analysis: Analysis, currency: str) -> None:
    metrics, others = analysis.metrics, analysis.baselines
    hold, chance = others.buy_and_hold, others.random
    table = Table(box=None, padding=(0, 2))
    for title in ("", "desk", "buy and hold", "random trader (5-95 %)", "nothing"):
        table.add_column(title, justify="left" if not title else "right")
    between = f"{words.percent(chance.low)} to {words.percent(chance.high)}" if chance else words.UNKNOWN
    table.add_row(
        "total return",
        words.percent(metrics.total_return),
        words.percent(hold.total_return if hold else None),
        between,
        words.percent(others.nothing),
    )
    table.add_row("sharpe", words.number(metrics.sharpe), words.number(hold.sharpe if hold else None), "", "")
    table.add_row(
        "max drawdown",
        words.percent(-metrics.max_drawdown),
        words.percent(-hold.max_drawdown if hold else None),
        "",
        "",
    )
    console.print(table)
    low, high = metrics.pnl.pessimistic, metrics.pnl.optimistic
    console.print(
        f"profit {words.number(metrics.pnl.likely)} {currency}, by the fills' own bounds "
        f"{words.number(low)} to {words.number(high)}; fees {words.number(metrics.fees)}; "
        f"{metrics.trades:,} trades, {words.share(metrics.win_rate)} won, "
        f"profit factor {words.number(metrics.profit_factor)}, exposed {words.share(metrics.exposure)}"
    )


def _targets(console: Console, analysis: Analysis) -> None:
    """Each target of the recipe with its interval, and whether it was reached."""
    tones = {Reached.YES: "green", Reached.NO: "red", Reached.UNTOLD: "yellow"}
    for target in map(worded, analysis.targets):
        console.print(
            f"target {target['label'].lower()} {target['bound']}: {target['value']} "
            f"({target['spread']}), {target['reached']}",
            style=tones[Reached(target["reached"])],
        )
