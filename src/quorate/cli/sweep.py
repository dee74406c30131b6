"""`quorate sweep`: a strategy over a grid of parameters, ranked, with a map of the ground it stands on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quorate.cli import options
from quorate.cli.output import emit, say, table

if TYPE_CHECKING:
    from quorate.app.sweep import Swept

SHADES = " .:-=+*#%@"
MAP_MAX = 60  # columns
SHOWN = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate", "profit_factor", "fees")


def sweep(
    strategy: Annotated[Path, typer.Option("--strategy", help="A strategy in Python.")],
    grid: Annotated[
        list[str],
        typer.Option(
            "--grid", help="fast=5:25 is 5 to 24, as Python's range; 60:80:5; or a=1,2,5. Repeatable."
        ),
    ],
    sets: options.Sets = [],  # noqa: B006 - typer hands over a fresh list
    data: options.Data = [],  # noqa: B006
    instrument: options.Instruments = [],  # noqa: B006
    first: options.First = None,
    end: options.End = None,
    cash: options.Cash = None,
    seed: options.Seed = None,
    plugin: options.Plugins = [],  # noqa: B006
    rulebook: options.Rulebook = None,
    assume_utc: options.AssumeUtc = False,
    size: options.Size = "95%",
    interval: options.Interval = None,
    latency: options.Latency = "250ms",
    participation: options.Participation = None,
    impact: options.Impact = None,
    intrabar: options.Intrabar = None,
    maintenance: options.Maintenance = None,
    liquidation_fee: options.LiquidationFee = None,
    long_only: options.LongOnly = False,
    funding: options.FundingFiles = [],  # noqa: B006
    sort: Annotated[str, typer.Option("--sort", help="The measure that ranks.")] = "sharpe",
    top: Annotated[int, typer.Option("--top", help="How many to show.", min=1)] = 20,
    report: Annotated[Path | None, typer.Option("--report", help="Where to write an HTML report.")] = None,
    json: options.Json = False,
) -> int:
    """Try a strategy with every combination of parameters, on all cores."""
    from quorate.app.clearing import ClearingAsked
    from quorate.app.load import Request
    from quorate.app.research import Asked
    from quorate.app.sweep import perform_sweep
    from quorate.app.venue_rules import VenueAsked

    request = Request(
        sets=sets, data=data, instruments=instrument, first=first, end=end, cash=cash, seed=seed,
        plugins=plugin, rulebook=rulebook, assume_utc=assume_utc,
    )  # fmt: skip
    venue = VenueAsked(latency, participation, impact, intrabar)
    clearing = ClearingAsked(
        maintenance=maintenance, fee=liquidation_fee, long_only=long_only, funding=funding
    )
    asked = Asked(
        strategy=strategy, request=request, size=size, venue=venue, interval=interval, clearing=clearing
    )
    with _bar(not json) as progress:
        swept = perform_sweep(asked, grid, sort=sort, report=report, progress=progress)
    if json:
        emit(swept.result)
    else:
        _summarise(swept, sort, top)
    return 0


@contextmanager
def _bar(wanted: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on stderr, where somebody can see it."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sweep", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _summarise(swept: Swept, sort: str, top: int) -> None:
    result = swept.result
    names = list(swept.grid)
    shown = [name for name in SHOWN if name != sort]
    say(
        f"sweep of {result['strategy']} ({result['body']} body): {result['combinations']:,} combinations "
        f"x {result['bars']:,} bars, best {sort} first"
    )
    rows = [[*names, sort.replace("_", " "), *(name.replace("_", " ") for name in shown)]]
    rows += [
        [*(str(row[name]) for name in names), *(_figure(name, row[name]) for name in (sort, *shown))]
        for row in result["rows"][:top]
    ]
    table(rows)
    if len(result["rows"]) > top:
        say(f"and {len(result['rows']) - top} more (--top)")
    if len(names) == 2:
        for line in heat(swept, sort):
            say(line)
    for line in result["notes"]:
        say(f"  note: {line}")
    if result["report"]:
        say(f"report: {result['report']}")


def _figure(name: str, value: Any) -> str:
    from quorate.app.trials import worded

    return worded(name, value)


def _word(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"


def heat(swept: Swept, sort: str) -> list[str]:
    """A measure over two parameters: one down, one across; the darker the higher, ? where undefined."""
    (down, ups), (across, overs) = swept.grid.items()
    if len(overs) > MAP_MAX:
        return []
    values = [row[sort] for row in swept.rows]
    known = [value for value in values if value is not None]
    if not known or min(known) == max(known):
        return []
    low, high = min(known), max(known)
    width = max(len(str(up)) for up in (down, *ups))
    lines = [f"{sort} from {_word(low)} ' ' to {_word(high)} '@'; across: {across} {overs[0]} to {overs[-1]}"]
    for place, up in enumerate(ups):
        cells = values[place * len(overs) : (place + 1) * len(overs)]
        lines.append(f"{str(up).rjust(width)} |{''.join(_shade(cell, low, high) for cell in cells)}|")
    return lines


def _shade(value: float | None, low: float, high: float) -> str:
    if value is None:
        return "?"
    return SHADES[min(len(SHADES) - 1, int((value - low) / (high - low) * len(SHADES)))]
