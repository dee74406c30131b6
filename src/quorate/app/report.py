"""The tear sheet: one self-contained page on what ran, what came of it and how far to believe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from quorate.adapters.feeds.series import Series
from quorate.analysis import charts, words
from quorate.analysis.analysis import Analysis
from quorate.app import panels
from quorate.app.collect import Collector
from quorate.app.compose import Plan
from quorate.core.errors import InputError
from quorate.core.events import Breaker
from quorate.core.instant import spell_span
from quorate.core.money import E8

VETOES_SHOWN = 12
MOVES_SHOWN = 20
COUNTED = (("events", "bars"), *((name, name) for name in ("decisions", "orders", "fills", "vetoes")))
TRUST = {
    "B": "history as it was given, fills modelled",
    "C": "the data look wrong, or only a plugin vouches for them: see the notes",
    "D": "prices are made up",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where an instrument's prices came from. ``first``, ``last`` in ns; ``note`` as 'daily closes'."""

    instrument: str
    name: str
    rows: int
    first: int
    last: int
    digest: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that a tear sheet shows. ``mode`` is backtest, paper, live or research; ``breaker`` how it ended.

    ``counts`` are (how many, of what), such as (8640, "bars"). A research run has no chain and no policy: the
    digests are those of its orders and of the strategy's file; ``settings`` are (name, words) of its own.
    """

    run_id: str
    product: str
    recipe: str
    mode: str
    reasoner: str
    seed: int
    trust_level: str
    trust_reason: str
    head_digest: str
    policy_digest: str
    counts: Sequence[tuple[int, str]]
    complete: bool
    breaker: Breaker
    sources: Sequence[Source]
    notes: Sequence[str]
    analysis: Analysis
    settings: Sequence[tuple[str, str]] = ()


def write_report(path: Path, report: Report) -> Path:
    """Render to ``path``, whole or not at all; returns it. Raises InputError when it cannot be written."""
    return leave(path, render(report))


def leave(path: Path, text: str) -> Path:
    """A page's text as a file, as ``write_report`` does."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"the report cannot be written: {error.strerror}",
            where=str(path),
            todo="free or change the place",
        ) from error
    return path


def report_run(path: Path, result: Mapping[str, Any], plan: Plan, seen: Collector, found: Analysis) -> Path:
    """Write the tear sheet of a finished run from its result object, as ``write_report`` does."""
    reasons = [each.reason for each in seen.degraded if each.level == result["trust_level"]]
    last = seen.moves[-1].after if seen.moves else Breaker.NORMAL
    notes = [f"The run ended early: {result['ended']}."] if result["partial"] and result["ended"] else []
    notes += [f"{name} was silenced." for name in result["silenced"]]
    report = Report(
        run_id=result["run_id"],
        product=result["product"],
        recipe=result["recipe"],
        mode=result["mode"],
        reasoner="rules, no language model",
        seed=result["seed"],
        trust_level=result["trust_level"],
        trust_reason="; ".join(dict.fromkeys(reasons)) or TRUST.get(result["trust_level"], ""),
        head_digest=result["head_digest"],
        policy_digest=result["policy"],
        counts=[(result[name], word) for name, word in COUNTED],
        complete=not result["partial"],
        breaker=Breaker.HALTED if result["halted"] else last,
        sources=[_source(series) for series in plan.series],
        notes=[*notes, *result["notes"]],
        analysis=found,
    )
    return write_report(path, report)


def report_research(path: Path, result: Mapping[str, Any], series: Sequence[Series], found: Analysis) -> Path:
    """The same of a research run."""
    config = result["config"]
    given = ", ".join(f"{name} {value}" for name, value in config["parameters"].items())
    venue = ", ".join(f"{name} {config[name]}" for name in ("latency", "participation", "impact", "intrabar"))
    rates = ", ".join(config["funding"].values()) or "assumed"
    cleared = f"maintenance {config['maintenance']}, short sales {'yes' if config['short'] else 'no'}, "
    cleared += f"funding {rates}; {len(result['liquidations'])} liquidations"
    report = Report(
        run_id=result["run_id"],
        product=result["product"],
        recipe=f"{config['strategy']} ({config['name']})",
        mode=result["mode"],
        reasoner=f"a research run of one strategy, {config['body']} body",
        seed=result["seed"],
        trust_level=result["trust_level"],
        trust_reason=TRUST.get(result["trust_level"], ""),
        head_digest=result["orders_digest"],
        policy_digest=config["strategy_sha256"],
        counts=[(result[name], word) for name, word in COUNTED if name in result],
        complete=True,
        breaker=Breaker.NORMAL,
        sources=[_source(each) for each in series],
        notes=result["notes"],
        analysis=found,
        settings=[
            ("Parameters", given or "none"),
            ("Size", config["size"]),
            ("Venue", venue),
            ("Clearing", cleared),
        ],
    )
    return write_report(path, report)


def _source(series: Series) -> Source:
    return Source(
        instrument=series.instrument.id,
        name=series.source.name,
        rows=series.source.rows,
        first=int(series.start[0]),
        last=int(series.at[-1]),
        digest=series.source.sha256,
        note=f"{spell_span(series.interval)} closes",
    )


def render(report: Report) -> str:
    """The page as text: the same report gives the same bytes; no clock, no path, no outside address."""
    return environment().get_template("tearsheet.html").render(**_page(report))


def environment() -> Environment:
    """Where the templates are, and how figures are worded in them."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"percent": words.percent, "share": words.share, "number": words.number}
    found.filters |= {"stamp": words.stamp, "span": words.span, "date": words.date, "tone": panels.tone}
    found.filters |= {"figure": panels.figure}
    return found


def _page(report: Report) -> dict[str, Any]:
    """Everything the template says, worded."""
    stats, found = report.analysis.stats, report.analysis
    currency, metrics = stats.currency, found.metrics
    bands = panels.bands(stats)
    start = stats.cash.count / E8
    has_curve = stats.curve.at.size > 0
    return {
        "report": report,
        "is_research": report.mode == "research",
        "metrics": metrics,
        "currency": currency,
        "baselines": found.baselines,
        "title": f"{report.recipe} on {panels.listed([source.instrument for source in report.sources])}",
        "badge": "halted" if report.breaker is Breaker.HALTED else report.mode,
        "interval": spell_span(stats.interval),
        "period": (int(stats.curve.at[0]) - stats.interval, int(stats.curve.at[-1])) if has_curve else None,
        "cash": words.money(stats.cash.count, currency),
        "end": words.money(stats.end_e8, currency),
        "pnl": {
            name: panels.money(getattr(metrics.pnl, name), currency)
            for name in ("pessimistic", "likely", "optimistic")
        },
        "verdict": panels.verdict(found),
        "kpis": panels.kpis(metrics, found.spreads, currency),
        "targets": panels.targets(found.targets),
        "level": _level(found),
        "statistics": panels.statistics(found.statistics, currency),
        "undefined": panels.undefined(found.statistics),
        "steadiness": panels.steadiness(found),
        "excursions": panels.excursions(found),
        "columns": panels.columns(found),
        "standing": Markup(  # noqa: S704 - charts escape every name
            charts.standing_chart(
                metrics.total_return,
                metrics.pnl.pessimistic / start,
                metrics.pnl.optimistic / start,
                found.baselines,
                "strategy" if report.mode == "research" else "desk",
            )
        ),
        "equity": Markup(charts.equity_chart(stats, found.hold, bands)) if has_curve else None,  # noqa: S704
        "moves": [panels.move(move, currency) for move in stats.moves[:MOVES_SHOWN]],
        "halts": sum(
            move.after is Breaker.HALTED and move.before is not Breaker.HALTED for move in stats.moves
        ),
        "vetoes": [panels.veto(veto, stats) for veto in stats.vetoes[:VETOES_SHOWN]],
        "prices": panels.prices(stats, found.closes),
        "traded": len({row.instrument for row in stats.rows}),
        "histogram": Markup(charts.histogram(stats.rows)) if stats.rows else None,  # noqa: S704
        "years": panels.years(metrics.months),
        "cuts": panels.cuts(found, agents=report.mode != "research"),
        "open": words.money(found.attribution.open_e8, currency, signed=True)
        if found.attribution.open_e8
        else "",
        "rules": found.attribution.rules,
        "costs": panels.costs(stats, metrics),
        "assumed": panels.assumed(stats.instruments),
        "limits": panels.limits(report.mode, found),
    }


def _level(found: Analysis) -> str:
    """How sure the intervals of the targets are, in words; empty where none could be drawn."""
    known = [each.spread for each in found.targets if each.spread is not None]
    return f"{words.share(known[0].level, 0)} of {known[0].draws:,} resamples" if known else ""
