"""The tear sheet: one self-contained page on what ran, what came of it and how far to believe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from quorate.adapters.feeds.series import Series
from quorate.analysis import charts, words
from quorate.analysis.analysis import Analysis
from quorate.analysis.metrics import Metrics, Month
from quorate.analysis.result import Closes, RunStats, TradeRow
from quorate.app.collect import Collector
from quorate.app.compose import Plan
from quorate.core.effects import BreakerMoved, Vetoed
from quorate.core.errors import InputError
from quorate.core.events import Breaker
from quorate.core.instant import spell_span
from quorate.core.instrument import Instrument
from quorate.core.money import E8

INSTRUMENTS_SHOWN = 3
TRADES_MARKED = 60  # beyond this, marks on the whole run hide the price
TRADES_ZOOMED = 40
VETOES_SHOWN = 12
MOVES_SHOWN = 20
COUNTED = (("events", "bars"), *((name, name) for name in ("decisions", "orders", "fills", "vetoes")))
SHARES_SHOWN = 12
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
    """All that a tear sheet shows. ``mode`` is backtest, paper or live; ``breaker`` how the run ended.

    ``counts`` are (how many, of what), such as (8640, "bars").
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


def write_report(path: Path, report: Report) -> Path:
    """Render to ``path``, whole or not at all; returns it. Raises InputError when it cannot be written."""
    text = render(report)
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
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": words.percent, "share": words.share, "number": words.number}
    environment.filters |= {"stamp": words.stamp, "span": words.span, "date": words.date, "tone": _tone}
    environment.filters |= {"figure": _figure}
    return environment.get_template("tearsheet.html").render(**_page(report))


def _page(report: Report) -> dict[str, Any]:
    """Everything the template says, worded."""
    stats, found = report.analysis.stats, report.analysis
    currency, metrics = stats.currency, found.metrics
    bands = _bands(stats)
    start = stats.cash.count / E8
    has_curve = stats.curve.at.size > 0
    return {
        "report": report,
        "metrics": metrics,
        "currency": currency,
        "baselines": found.baselines,
        "title": f"{report.recipe} on {_listed([source.instrument for source in report.sources])}",
        "badge": "halted" if report.breaker is Breaker.HALTED else report.mode,
        "interval": spell_span(stats.interval),
        "period": (int(stats.curve.at[0]) - stats.interval, int(stats.curve.at[-1])) if has_curve else None,
        "cash": words.money(stats.cash.count, currency),
        "end": words.money(stats.end_e8, currency),
        "pnl": {
            name: _money(getattr(metrics.pnl, name), currency)
            for name in ("pessimistic", "likely", "optimistic")
        },
        "verdict": _verdict(found),
        "kpis": _kpis(metrics, currency),
        "statistics": _statistics(metrics, currency),
        "standing": Markup(  # noqa: S704 - charts escape every name
            charts.standing_chart(
                metrics.total_return,
                metrics.pnl.pessimistic / start,
                metrics.pnl.optimistic / start,
                found.baselines,
            )
        ),
        "equity": Markup(charts.equity_chart(stats, found.hold, bands)) if has_curve else None,  # noqa: S704
        "moves": [_move(move, currency) for move in stats.moves[:MOVES_SHOWN]],
        "halts": sum(
            move.after is Breaker.HALTED and move.before is not Breaker.HALTED for move in stats.moves
        ),
        "vetoes": [_veto(veto, stats) for veto in stats.vetoes[:VETOES_SHOWN]],
        "prices": _prices(stats, found.closes),
        "traded": len({row.instrument for row in stats.rows}),
        "histogram": Markup(charts.histogram(stats.rows)) if stats.rows else None,  # noqa: S704
        "years": _years(metrics.months),
        "cuts": _cuts(report),
        "open": words.money(found.attribution.open_e8, currency, signed=True)
        if found.attribution.open_e8
        else "",
        "rules": found.attribution.rules,
        "costs": _costs(stats, metrics),
        "assumed": _assumed(stats.instruments),
        "limits": _limits(report),
    }


def _verdict(found: Analysis) -> list[str]:
    """The result against each baseline, in words."""
    desk, compared = found.metrics.total_return, found.baselines
    lines = []
    if compared.buy_and_hold:
        lines.append(f"{_against(desk, compared.buy_and_hold.total_return)} buy and hold")
    if compared.random:
        random = compared.random
        lines.append(f"ahead of {words.share(random.beaten, 0)} of {random.draws} random traders")
    return [*lines, f"{_against(desk, compared.nothing)} doing nothing"]


def _against(desk: float, other: float) -> str:
    return "level with" if abs(desk - other) < 5e-5 else "ahead of" if desk > other else "behind"


def _kpis(metrics: Metrics, currency: str) -> list[dict[str, str]]:
    """The figures a reader looks for first."""
    return [
        _kpi(
            "Total return",
            words.percent(metrics.total_return),
            _tone(metrics.total_return),
            "after all costs",
        ),
        _kpi("Sharpe", words.number(metrics.sharpe), "", f"{metrics.periods_per_year:g} days a year"),
        _kpi(
            "Max drawdown",
            words.percent(-metrics.max_drawdown),
            _tone(-metrics.max_drawdown),
            f"{words.span(metrics.max_drawdown_duration_ns)} at longest",
        ),
        _kpi(
            "Trades",
            f"{metrics.trades:,}",
            "",
            f"{metrics.long_trades:,} long, {metrics.short_trades:,} short",
        ),
        _kpi("Win rate", words.share(metrics.win_rate), "", f"payoff {words.number(metrics.payoff)}"),
        _kpi("Profit factor", words.number(metrics.profit_factor), "", "gains over losses"),
        _kpi(
            "Exposure", words.share(metrics.exposure), "", f"turnover {words.number(metrics.turnover, 1)} ×"
        ),
        _kpi("Fees", words.number(metrics.fees), "", currency),
    ]


def _kpi(label: str, value: str, tone: str, hint: str) -> dict[str, str]:
    figure, _, unit = value.partition(" ")
    return {"label": label, "value": figure, "unit": unit, "tone": tone, "hint": hint}


def _statistics(metrics: Metrics, currency: str) -> list[tuple[str, list[tuple[str, Markup]]]]:
    """Everything else, in groups of (label, figure)."""

    def cash(value: float | None) -> Markup:
        return _money(value, currency)

    return [
        (
            "Return and risk",
            [
                ("Growth a year (CAGR)", _figure(words.percent(metrics.cagr))),
                ("Volatility a year", _figure(words.share(metrics.volatility, 2))),
                ("Sharpe", _figure(words.number(metrics.sharpe))),
                ("Sortino", _figure(words.number(metrics.sortino))),
                ("Calmar", _figure(words.number(metrics.calmar))),
                ("Days", _figure(f"{metrics.days:,}")),
            ],
        ),
        (
            "Trades",
            [
                ("Expectancy", cash(metrics.expectancy)),
                ("Best trade", cash(metrics.best_trade)),
                ("Worst trade", cash(metrics.worst_trade)),
                ("Payoff", _figure(words.number(metrics.payoff))),
                ("Mean duration", _figure(words.span(metrics.duration_mean_ns), unit=False)),
            ],
        ),
        (
            "Use of capital",
            [
                ("Time in the market", _figure(words.share(metrics.exposure))),
                ("Leverage, mean", _figure(f"{words.number(metrics.leverage_mean)} ×")),
                ("Leverage, most", _figure(f"{words.number(metrics.leverage_max)} ×")),
                ("Turnover", _figure(f"{words.number(metrics.turnover, 1)} ×")),
            ],
        ),
    ]


def _costs(stats: RunStats, metrics: Metrics) -> list[tuple[str, Markup, str]]:
    """(what, how much, what is known of it) for each kind of cost."""
    gross = (stats.end_e8 - stats.cash.count + stats.fees_e8) / E8
    part = f"{words.share(metrics.fees / gross)} of the profit before fees" if gross > 0 else ""
    unknown = "inside the fill prices, not told apart"
    return [
        _cost("Fees", metrics.fees, part, stats.currency),
        _cost("Spread", metrics.spread, "" if metrics.spread is not None else unknown, stats.currency),
        _cost("Slippage", metrics.slippage, "" if metrics.slippage is not None else unknown, stats.currency),
        _cost("Financing", metrics.financing, "" if metrics.financing else "none charged", stats.currency),
    ]


def _cost(name: str, paid: float | None, note: str, currency: str) -> tuple[str, Markup, str]:
    return name, _money(None if paid is None else -paid, currency), note


def _assumed(instruments: Mapping[str, Instrument]) -> list[tuple[str, str]]:
    """(instruments, the costs assumed for them), those with equal costs together."""
    alike: dict[str, list[str]] = {}
    for instrument in instruments.values():
        parts = [f"taker {instrument.taker_bps} bps, maker {instrument.maker_bps} bps"]
        if instrument.commission:
            parts.append(f"{instrument.commission} {instrument.currency} a lot")
        parts.append(f"spread {instrument.spread_bps} bps, slippage {instrument.slippage_bps} bps")
        if instrument.financing_bps_year:
            parts.append(f"financing {instrument.financing_bps_year} bps a year")
        alike.setdefault(", ".join(parts), []).append(instrument.id)
    return [(_listed(names), text) for text, names in alike.items()]


def _bands(stats: RunStats) -> list[charts.Band]:
    """The stretches the breaker was not normal, for the chart; the last one lasts to the curve's end."""
    if not stats.moves or not stats.curve.at.size:
        return []
    last = int(stats.curve.at[-1])
    ends = [*(move.at for move in stats.moves[1:]), last]
    return [
        charts.Band(
            min(move.at, last), end, move.after.value, f"{move.after} by {move.rule}, {words.stamp(move.at)}"
        )
        for move, end in zip(stats.moves, ends, strict=True)
        if move.after is not Breaker.NORMAL
    ]


def _move(move: BreakerMoved, currency: str) -> dict[str, str]:
    return {
        "at": words.stamp(move.at),
        "before": move.before.value,
        "after": move.after.value,
        "rule": move.rule,
        "inputs": words.inputs(move.inputs, currency),
    }


def _veto(veto: Vetoed, stats: RunStats) -> dict[str, Any]:
    order = veto.order
    instrument = stats.instruments[order.instrument]
    return {
        "at": words.stamp(veto.at),
        "order": f"{order.role} {order.side} {instrument.show_quantity(order.quantity.count)} "
        f"{order.instrument} at {instrument.show_price(order.reference.count)} {stats.currency}",
        "rules": [
            (finding.rule, finding.reason, words.inputs(finding.inputs, stats.currency))
            for finding in veto.verdict.refusals
        ],
    }


def _prices(stats: RunStats, closes: Mapping[str, Closes]) -> list[dict[str, Any]]:
    """Charts of the instruments with most trades; too many to mark, and the last are enlarged."""
    own: dict[str, list[TradeRow]] = {}
    for row in stats.rows:
        own.setdefault(row.instrument, []).append(row)
    most = sorted((name for name in own if name in closes), key=lambda name: (-len(own[name]), name))
    shown = []
    for name in most[:INSTRUMENTS_SHOWN]:
        rows, series = own[name], closes[name]
        if len(rows) <= TRADES_MARKED:
            drawn = [charts.price_chart(name, series, rows, stats.currency)]
            caption = f"{len(rows)} trades"
        else:
            last = rows[-TRADES_ZOOMED:]
            zoom = charts.price_chart(name, _window(series, last), last, stats.currency)
            drawn = [
                charts.overview_chart(name, series, rows, stats.currency),
                zoom,
            ]
            caption = f"{len(rows):,} trades; above the whole run, below the last {TRADES_ZOOMED}"
        shown.append({"name": name, "caption": caption, "charts": [Markup(text) for text in drawn]})  # noqa: S704
    return shown


def _window(series: Closes, rows: Sequence[TradeRow]) -> Closes:
    """The stretch of prices that holds these trades, with a little room."""
    first, last = min(row.opened_at for row in rows), max(row.closed_at for row in rows)
    room = (last - first) // 40
    left, right = np.searchsorted(series.at, (first - room, last + room))
    return Closes(series.at[max(0, left - 1) : right + 1], series.close[max(0, left - 1) : right + 1])


def _years(months: Sequence[Month]) -> list[dict[str, Any]]:
    """Twelve cells a year and the year's own return; ``heat`` is 0 to 1 of the greatest month."""
    most = max((abs(month.value) for month in months), default=0.0) or 1.0
    years: dict[int, list[dict[str, Any] | None]] = {}
    totals: dict[int, float] = {}
    for month in months:
        cells = years.setdefault(month.year, [None] * 12)
        cells[month.month - 1] = {"value": month.value, "heat": round(abs(month.value) / most, 3)}
        totals[month.year] = (1.0 + totals.get(month.year, 0.0)) * (1.0 + month.value) - 1.0
    return [{"year": year, "cells": cells, "total": totals[year]} for year, cells in years.items()]


def _cuts(report: Report) -> list[dict[str, Any]]:
    """Attribution four ways, each with its chart and what was left out of it."""
    found, currency = report.analysis.attribution, report.analysis.stats.currency
    cuts = []
    for title, shares in (
        ("By agent", found.agents),
        ("By instrument", found.instruments),
        ("By exit", found.exits),
        ("By side", found.sides),
    ):
        ends = SHARES_SHOWN // 2
        shown = shares if len(shares) <= SHARES_SHOWN else (*shares[:ends], *shares[-ends:])
        chart = Markup(charts.share_chart(title, shown, currency))  # noqa: S704 - escaped by the chart
        more = "" if len(shown) == len(shares) else f"the best and worst {ends} of {len(shares)}"
        cuts.append({"title": title, "chart": chart, "more": more})
    return cuts


def _limits(report: Report) -> list[str]:
    """What this page cannot tell; said on every report."""
    metrics = report.analysis.metrics
    lines = {
        "backtest": "This is a backtest: no money moved, and the past it was run on is not the future.",
        "paper": "This is paper trading: prices are real, fills are modelled, no money moved.",
        "live": "This is a live run: fills are the venue's own.",
    }
    return [
        lines[report.mode],
        "The interval of the result moves each fill to the best and the worst price the same data allow. "
        "It holds for this data and these orders; it is no forecast and no confidence interval.",
        f"Sharpe, Sortino and volatility come from {metrics.days:,} daily closes of equity, annualised by "
        f"{metrics.periods_per_year:g} days (calendar '{metrics.calendar}'), with a risk-free rate of zero.",
        "Buy and hold is unlevered, in fractions of a lot, and pays to get in. Random traders keep the "
        "desk's number, lengths, sizes and sides of trades, and pay the same assumed costs.",
        "This is one run. How many others were tried before it is not known here, so no significance is "
        "claimed.",
        "The chain of records shows that nothing in it was altered, not that the prices in it were right.",
    ]


def _listed(names: Sequence[str]) -> str:
    """Up to three names, then how many more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _tone(value: float | None) -> str:
    """The class of a signed figure."""
    return "" if not value else "gain" if value > 0 else "loss"


def _money(value: float | None, currency: str) -> Markup:
    """Signed money with its unit set apart."""
    if value is None:
        return _figure(words.UNKNOWN)
    return _figure(words.money(round(value * E8), currency, signed=True))


def _figure(text: str, *, unit: bool = True) -> Markup:
    """A worded number with its unit, if it has one, set apart."""
    figure, _, rest = text.partition(" ")
    return (
        Markup('{} <span class="unit">{}</span>').format(figure, rest)
        if unit and rest
        else Markup.escape(text)
    )
