"""The options that several commands share, told once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Recipe = Annotated[str, typer.Option("--recipe", help="A built-in recipe or the path of one.")]
Overlay = Annotated[Path | None, typer.Option("--config", help="A recipe file laid over the recipe.")]
Sets = Annotated[list[str], typer.Option("--set", help="One value, as agents.momentum.fast=7. Repeatable.")]
Data = Annotated[
    list[str], typer.Option("--data", help="A bar file, or feed:settings. Repeatable; none: the sample.")
]
Instruments = Annotated[
    list[str],
    typer.Option("--instrument", help="An id, id,key=value or a TOML file; else derived. Repeatable."),
]
First = Annotated[str | None, typer.Option("--from", help="First open of a bar, as 2024-01-31.")]
End = Annotated[str | None, typer.Option("--to", help="Bars open before this.")]
Cash = Annotated[str | None, typer.Option("--cash", help="Start cash in the quote currency.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of the run.")]
Journal = Annotated[
    Path | None, typer.Option("--journal", help="Where to write the journal; must not exist.")
]
Plugins = Annotated[
    list[Path], typer.Option("--plugin", help="A Python file that fills a chair. Repeatable.")
]
Rulebook = Annotated[str | None, typer.Option("--rulebook", help="A built-in rulebook or the path of one.")]
AssumeUtc = Annotated[bool, typer.Option("--assume-utc", help="Times without a zone are UTC.")]
Headless = Annotated[bool, typer.Option("--headless", help="No live view.")]
StrategyFile = Annotated[
    Path | None, typer.Option("--strategy", help="A strategy in Python, in the place of a recipe.")
]
OnDesk = Annotated[
    bool, typer.Option("--desk", help="With --strategy: on the whole desk, not as a research run.")
]
SizeIfAny = Annotated[
    str | None,
    typer.Option("--size", help="With --strategy: 95% of equity (the default), or units such as 0.01."),
]
LatencyIfAny = Annotated[
    str | None,
    typer.Option(
        "--latency",
        help="From an order to the venue, 250ms by default; in research runs quantiles too.",
    ),
]
Size = Annotated[str, typer.Option("--size", help="With --strategy: 95% of equity, or units such as 0.01.")]
Latency = Annotated[
    str,
    typer.Option(
        "--latency", help="With --strategy: from an order to the venue, as 250ms; or quantiles: 50ms,90ms,1s."
    ),
]
Participation = Annotated[
    str | None,
    typer.Option("--participation", help="Most of a bar's volume that orders take, as 10%."),
]
Impact = Annotated[
    str | None,
    typer.Option("--impact", help="What an order of a bar's whole volume moves the price by, as 10%."),
]
Intrabar = Annotated[
    str | None,
    typer.Option("--intrabar", help="Pessimistic, likely or optimistic fills within a bar."),
]
Interval = Annotated[
    str | None,
    typer.Option("--interval", help="With --strategy: the data are trades; bars of this length, as 5m."),
]
Maintenance = Annotated[
    str | None,
    typer.Option(
        "--maintenance",
        help="Liquidate below it: kind (as usual for its kind), 0.5%, or 0:0.4%,50000:0.5%.",
    ),
]
LiquidationFee = Annotated[
    str | None, typer.Option("--liquidation-fee", help="With --maintenance: of the worth, as 0.5%.")
]
LongOnly = Annotated[bool, typer.Option("--long-only", help="The exchange refuses to sell short.")]
FundingFiles = Annotated[
    list[str],
    typer.Option("--funding", help="With --strategy: a file of funding rates, or ID=file. Repeatable."),
]
ReportAt = Annotated[
    Path | None, typer.Option("--report", help="Where to write the HTML report; else in the run's folder.")
]
Trades = Annotated[bool, typer.Option("--trades", help="With --strategy: list every trade.")]


def venue_of(
    participation: str | None,
    impact: str | None,
    intrabar: str | None,
    maintenance: str | None,
    liquidation_fee: str | None,
    *,
    long_only: bool,
) -> dict[str, str | bool]:
    """What was given of a recipe's [venue]."""
    given = {
        "participation": participation,
        "impact": impact,
        "intrabar": intrabar,
        "maintenance": maintenance,
        "liquidation_fee": liquidation_fee,
        "long_only": long_only or None,
    }
    return {key: value for key, value in given.items() if value is not None}
