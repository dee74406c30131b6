"""The panels of the tear sheet, worded: figures with their units, charts, and what they do not tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from quorate.analysis import charts, pictures, words
from quorate.analysis.analysis import Analysis
from quorate.analysis.attribution import HOURS, WEEKDAYS
from quorate.analysis.bootstrap import Spread
from quorate.analysis.catalogue import CATALOGUE
from quorate.analysis.entry import Entry, Section, Unit, Value
from quorate.analysis.metrics import Metrics, Month
from quorate.analysis.result import Closes, RunStats, TradeRow
from quorate.analysis.rolling import window_for
from quorate.analysis.targets import Reached, Target, worded
from quorate.core.effects import BreakerMoved, Vetoed
from quorate.core.events import Breaker
from quorate.core.instant import DAY
from quorate.core.instrument import Instrument
from quorate.core.money import E8

INSTRUMENTS_SHOWN = 3
TRADES_MARKED = 60  # beyond this, marks on the whole run hide the price
TRADES_ZOOMED = 40
SHARES_SHOWN = 12


def targets(found: Sequence[Target]) -> list[dict[str, str]]:
    """Each target with what came of it, its interval, and whether it was reached."""
    tones = {Reached.YES: "gain", Reached.NO: "loss", Reached.UNTOLD: "warn"}
    marks = {Reached.YES: "✓", Reached.NO: "✗", Reached.UNTOLD: "?"}
    return [{**worded(each), "mark": marks[each.reached], "tone": tones[each.reached]} for each in found]


def statistics(values: Mapping[str, Value], currency: str) -> list[tuple[str, list[tuple[str, Markup, str]]]]:
    """Every figure of the catalogue that is defined, by section: (label, figure, what it says)."""
    groups = []
    for section in Section:
        lines = [
            (entry.label, _worded(entry, values[entry.name], currency), f"{entry.says} {entry.formula}")
            for entry in CATALOGUE
            if entry.section is section and values[entry.name] is not None
        ]
        if lines:
            groups.append((section.value, lines))
    return groups


def undefined(values: Mapping[str, Value]) -> list[str]:
    """Labels of the figures that this run does not define."""
    return [entry.label for entry in CATALOGUE if values[entry.name] is None]


def steadiness(analysis: Analysis) -> Markup | None:
    """Rolling Sharpe and volatility; None for a run too short for three windows."""
    sample = analysis.sample
    window = window_for(sample.returns.size)
    if window is None:
        return None
    unit = "days" if sample.stats.interval <= DAY else "bars"
    text = pictures.steadiness_chart(sample.by_day[0], sample.returns, window, sample.periods, unit)
    return Markup(text)  # noqa: S704 - charts escape every name


def excursions(analysis: Analysis) -> list[Markup]:
    """What trades went through against what they brought; empty where no bars are known."""
    found = analysis.sample.excursions
    if found is None or not found.index.size:
        return []
    return [Markup(text) for text in pictures.excursion_charts(found, analysis.sample.values)]  # noqa: S704


def columns(analysis: Analysis) -> list[tuple[str, Markup]]:
    """Profit by weekday and by hour of opening; empty without trades."""
    found, currency = analysis.attribution, analysis.stats.currency
    if not found.weekdays:
        return []
    return [
        (title, Markup(pictures.columns_chart(title, shares, names, currency)))  # noqa: S704
        for title, shares, names in (
            ("By weekday of opening", found.weekdays, WEEKDAYS),
            ("By hour of opening (UTC)", found.hours, HOURS),
        )
    ]


def verdict(found: Analysis) -> list[str]:
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


def kpis(metrics: Metrics, spreads: Mapping[str, Spread | None], currency: str) -> list[dict[str, str]]:
    """The figures a reader looks for first."""
    return [
        _kpi(
            "Total return",
            words.percent(metrics.total_return),
            tone(metrics.total_return),
            "after all costs",
        ),
        _kpi("Sharpe", words.number(metrics.sharpe), "", _between(spreads.get("sharpe"))),
        _kpi(
            "Max drawdown",
            words.percent(-metrics.max_drawdown),
            tone(-metrics.max_drawdown),
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


def costs(stats: RunStats, metrics: Metrics) -> list[tuple[str, Markup, str]]:
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
    return name, money(None if paid is None else -paid, currency), note


def assumed(instruments: Mapping[str, Instrument]) -> list[tuple[str, str]]:
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
    return [(listed(names), text) for text, names in alike.items()]


def bands(stats: RunStats) -> list[charts.Band]:
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


def move(move: BreakerMoved, currency: str) -> dict[str, str]:
    return {
        "at": words.stamp(move.at),
        "before": move.before.value,
        "after": move.after.value,
        "rule": move.rule,
        "inputs": words.inputs(move.inputs, currency),
    }


def veto(veto: Vetoed, stats: RunStats) -> dict[str, Any]:
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


def prices(stats: RunStats, closes: Mapping[str, Closes]) -> list[dict[str, Any]]:
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


def years(months: Sequence[Month]) -> list[dict[str, Any]]:
    """Twelve cells a year and the year's own return; ``heat`` is 0 to 1 of the greatest month."""
    most = max((abs(month.value) for month in months), default=0.0) or 1.0
    found: dict[int, list[dict[str, Any] | None]] = {}
    totals: dict[int, float] = {}
    for month in months:
        cells = found.setdefault(month.year, [None] * 12)
        cells[month.month - 1] = {"value": month.value, "heat": round(abs(month.value) / most, 3)}
        totals[month.year] = (1.0 + totals.get(month.year, 0.0)) * (1.0 + month.value) - 1.0
    return [{"year": year, "cells": cells, "total": totals[year]} for year, cells in found.items()]


def cuts(analysis: Analysis, *, agents: bool = True) -> list[dict[str, Any]]:
    """Attribution three ways, and by agent where there are any: charts, and what was left out of them."""
    found, currency = analysis.attribution, analysis.stats.currency
    shown_cuts = []
    for title, shares in (
        *([("By agent", found.agents)] if agents else []),
        ("By instrument", found.instruments),
        ("By exit", found.exits),
        ("By side", found.sides),
    ):
        ends = SHARES_SHOWN // 2
        shown = shares if len(shares) <= SHARES_SHOWN else (*shares[:ends], *shares[-ends:])
        chart = Markup(charts.share_chart(title, shown, currency))  # noqa: S704 - escaped by the chart
        more = "" if len(shown) == len(shares) else f"the best and worst {ends} of {len(shares)}"
        shown_cuts.append({"title": title, "chart": chart, "more": more})
    return shown_cuts


def limits(mode: str, analysis: Analysis) -> list[str]:
    """What this page cannot tell; said on every report."""
    metrics = analysis.metrics
    lines = {
        "backtest": "This is a backtest: no money moved, and the past it was run on is not the future.",
        "paper": "This is paper trading: prices are real, fills are modelled, no money moved.",
        "live": "This is a live run: fills are the venue's own.",
        "research": "This is a research run: no money moved, and the past it was run on is not the future.",
    }
    whose = "strategy's" if mode == "research" else "desk's"
    return [
        lines[mode],
        "The interval of the result moves each fill to the best and the worst price the same data allow. "
        "It holds for this data and these orders; it is no forecast and no confidence interval.",
        f"Sharpe, Sortino and volatility come from {metrics.days:,} daily closes of equity, annualised by "
        f"{metrics.periods_per_year:g} days (calendar '{metrics.calendar}'), with a risk-free rate of zero.",
        "Buy and hold is unlevered, in fractions of a lot, and pays to get in. Random traders keep the "
        f"{whose} number, lengths, sizes and sides of trades, and pay the same assumed costs.",
        "Intervals of Sharpe, drawdown, win rate and profit factor redraw this run's own days and trades in "
        "blocks: they hold only if the years to come are like the ones it was run on.",
        _tried(analysis),
        "No shield looked at these orders and no journal holds them: what is to trade runs at the desk."
        if mode == "research"
        else "The chain of records shows that nothing in it was altered, not that the prices in it were "
        "right.",
    ]


def listed(names: Sequence[str]) -> str:
    """Up to three names, then how many more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def tone(value: float | None) -> str:
    """The class of a signed figure."""
    return "" if not value else "gain" if value > 0 else "loss"


def money(value: float | None, currency: str) -> Markup:
    """Signed money with its unit set apart."""
    if value is None:
        return figure(words.UNKNOWN)
    return figure(words.money(round(value * E8), currency, signed=True))


def figure(text: str, *, unit: bool = True) -> Markup:
    """A worded number with its unit, if it has one, set apart."""
    figure, _, rest = text.partition(" ")
    return (
        Markup('{} <span class="unit">{}</span>').format(figure, rest)
        if unit and rest
        else Markup.escape(text)
    )


def _between(spread: Spread | None) -> str:
    """An interval beneath a figure."""
    if spread is None:
        return "too short for an interval"
    return f"{words.number(spread.low)} to {words.number(spread.high)} in {words.share(spread.level, 0)}"


def _tried(analysis: Analysis) -> str:
    trials = analysis.sample.trials
    if trials is None:
        return (
            "This is one run. How many others were tried before it is not known here, so no significance is "
            "claimed."
        )
    return f"{trials.count:,} runs were tried before this one was chosen; the deflated Sharpe counts them."


def _worded(entry: Entry, value: Value, currency: str) -> Markup:
    """A figure as people write its unit."""
    if value is None:
        return figure(words.UNKNOWN)
    unit = entry.unit
    if unit is Unit.MONEY:
        signed = entry.section is not Section.ORDERS  # a cost is a cost without its sign
        return figure(words.money(round(value * E8), currency, signed=signed))
    if unit is Unit.SPAN:
        return figure(words.span(int(value)), unit=False)
    if unit is Unit.INSTANT:
        return figure(words.stamp(int(value)), unit=False)
    texts = {
        Unit.RETURN: words.percent(value),
        Unit.SHARE: words.share(value, 2),
        Unit.COUNT: words.number(value, 0),
        Unit.BPS: f"{words.number(value)} bps",
    }
    return figure(texts.get(unit) or words.number(value, 2 if abs(value) >= 0.1 else 4))
