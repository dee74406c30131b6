"""A research run from data to result: bars as market rows, a strategy over them, figures and trades."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quorate.adapters.feeds.blocks import AT, CLOSE, HIGH, LOW, OPEN, SPREAD, START, VOLUME, WHO, merge
from quorate.adapters.feeds.history import HistoryFeed
from quorate.adapters.feeds.series import Series
from quorate.adapters.feeds.suspect import looked_at
from quorate.adapters.feeds.trades import Trades
from quorate.analysis.analysis import Analysis, analyse
from quorate.app.clearing import ClearingAsked, read_clearing, read_fundings, with_funding
from quorate.app.compose import SUSPECT_TRUST
from quorate.app.home import check_place, new_run
from quorate.app.limits import compiled, failures, told
from quorate.app.load import Request, load_history
from quorate.app.run import closes_of, default_cash, nothing_passed, parse_cash
from quorate.app.strategy import Body, load_strategy, read_sets
from quorate.app.ticks import load_ticks, with_trades
from quorate.app.venue_rules import VenueAsked, read_venue
from quorate.core.errors import ConfigError, InputError
from quorate.core.instant import spell_instant
from quorate.core.instrument import Instrument
from quorate.core.money import E8, Money
from quorate.native.clearing import LIQUIDATION
from quorate.native.exchange import REASONS, Kind, Market, Row, Rows, Told
from quorate.native.limits import BREAKERS
from quorate.native.runner import Reviewed, Traded
from quorate.research.parameters import Value
from quorate.research.run import ROLES, Run, Setting, Size
from quorate.shield.rulebook import Rulebook

BORROWED = 1.5  # times equity
LABEL = "a research run: no shield, no rulebook, nothing minted; promote a strategy by a run with --desk"
REVIEWED = "a research run under compiled limits: nothing minted; promote a strategy by a run with --desk"

SIZE = "95%"
HALTED = BREAKERS[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked of a research run, as typed. ``interval``: of bars to be made of trades."""

    strategy: Path
    request: Request
    size: str = SIZE
    venue: VenueAsked = field(default_factory=VenueAsked)
    interval: str | None = None
    clearing: ClearingAsked = field(default_factory=ClearingAsked)


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that runs of one strategy over one history share."""

    body: Body
    values: Mapping[str, Value]
    setting: Setting
    series: Sequence[Series]
    notes: Sequence[str]
    venue: Mapping[str, Any]  # what a result says of it
    trust: str
    rulebook: Rulebook | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished research run: the JSON object, and what screens are made of."""

    result: dict[str, Any]
    run: Run
    analysis: Analysis


def rows_of(series: Sequence[Series]) -> tuple[list[Instrument], Rows]:
    """(instruments, market rows) of several series: by instant, then id; a roll stands before its bar."""
    instruments = sorted((each.instrument for each in series), key=lambda each: each.id)
    table = merge(series).table
    rows = np.empty((table.shape[1], len(Market)), np.int64)
    for column, source in (
        (Market.AT, AT), (Market.START, START), (Market.OPEN, OPEN), (Market.HIGH, HIGH), (Market.LOW, LOW),
        (Market.CLOSE, CLOSE), (Market.VOLUME, VOLUME), (Market.SPREAD, SPREAD),
    ):  # fmt: skip
        rows[:, column] = table[source]
    rows[:, Market.INSTRUMENT] = table[WHO] // 2
    rolls = (table[WHO] & 1) == 0
    rows[:, Market.KIND] = rolls
    rows[rolls, Market.CLOSE] = table[HIGH, rolls]  # there the new contract's price stands in `high`
    rows[rolls, Market.HIGH] = 0
    return instruments, rows


def prepare(asked: Asked) -> Prepared:
    """Load the strategy and the data. Raises InputError, ConfigError or DataError; nothing is written."""
    body = load_strategy(asked.strategy)
    values = body.bind(read_sets(asked.request.sets))
    size, seed = Size.read(asked.size), asked.request.seed or 1
    latency, rules = read_venue(asked.venue, seed)
    if asked.interval is not None and asked.request.rulebook is not None:
        what = "a rulebook's limits know bars, and trades drive this run"
        raise ConfigError(what, where="--rulebook", todo="leave it out, or give a file of bars")
    trades: list[Trades] = []
    if asked.interval is None:
        series, notes = load_history(asked.request)
    else:
        series, trades, notes = load_ticks(asked.request, asked.interval)
    _check(series)
    series, suspect = looked_at(series)
    if asked.request.cash is None:
        cash, why = default_cash(series)
        notes = [*notes, why]
    else:
        cash = parse_cash(asked.request.cash, series[0].instrument.currency)
    instruments, rows = rows_of(series)
    if trades:
        rows = with_trades(rows, trades)
    house = asked.clearing
    fundings = read_fundings(house.funding, instruments, assume_utc=asked.request.assume_utc)
    rows, covered = with_funding(rows, fundings, instruments)
    setting = Setting(
        instruments, rows, series[0].interval, cash, latency, size, seed=seed, rules=rules,
        clearing=read_clearing(house, instruments),
    )  # fmt: skip
    notes = [*notes, *covered]
    book = None
    if (name := asked.request.rulebook) is not None:
        book, limits, said = compiled(asked.strategy, name, instruments, rows, cash, latency)
        notes = [*notes, *said]
        setting = replace(setting, limits=limits)
    trust = max([SUSPECT_TRUST] * suspect + [each.trust for each in series])
    venue = {
        **asked.venue.told(),
        "maintenance": house.maintenance or "none",
        "liquidation_fee": house.fee or ("kind" if house.maintenance else "none"),
        "short": not house.long_only,
        "funding": {name: f"{each.name} {each.sha256[:12]}" for name, each in fundings.items()},
    }
    return Prepared(body, values, setting, series, notes, venue, trust, book)


def _check(series: Sequence[Series]) -> None:
    """Raises ConfigError for series that one run cannot hold together."""
    if len(series) > 1:
        HistoryFeed(series)
    if len({each.instrument.currency for each in series}) > 1:
        listed = ", ".join(f"{each.instrument.id} in {each.instrument.currency}" for each in series)
        raise InputError(f"one account holds one currency: {listed}", where="--data")


def perform_research(
    asked: Asked, *, trades: bool = False, keep: bool = True, report: Path | None = None
) -> Finished:
    """Run a strategy file and say what came of it.

    ``keep`` leaves result.json and the report in a folder of its own, or the report where ``report`` says.
    """
    if report is not None:
        check_place(report)
    prepared = prepare(asked)
    run = prepared.body.run(prepared.values, prepared.setting)
    analysis = analyse(run.stats, closes_of(prepared.series), prepared.setting.seed)
    result = result_of(prepared, run, analysis)
    if trades:
        result["trades"] = trade_list(run)
    if keep:
        result["run_id"], folder = new_run()
        _keep(folder, result)
        _report(folder, report or folder / "report.html", result, prepared.series, analysis)
    return Finished(result, run, analysis)


def _report(
    folder: Path, path: Path, result: dict[str, Any], series: Sequence[Series], analysis: Analysis
) -> None:
    """Write the tear sheet; the result then says where it is."""
    from quorate.app.report import report_research  # jinja2 is wanted by a report only

    try:
        result["report"] = str(report_research(path, result, series, analysis))
    except InputError as failure:  # a full disk must not cost the result as well
        result["notes"].append(failure.line())
    _keep(folder, result)


def _keep(folder: Path, result: dict[str, Any]) -> None:
    try:
        text = json.dumps(result, indent=1, sort_keys=True) + "\n"
        (folder / "result.json").write_text(text, encoding="utf-8")
    except OSError as error:
        result["notes"].append(f"{folder / 'result.json'}: cannot be written: {error.strerror}")


def result_of(prepared: Prepared, run: Run, analysis: Analysis) -> dict[str, Any]:
    """The result object, JSON-ready; keys that a desk's run has too mean the same, but for the digest."""
    setting, body, moves = prepared.setting, prepared.body, run.runner.moves
    limits = told(run, prepared.rulebook)
    vetoes = int((run.runner.reviews[:, Reviewed.LOTS] == 0).sum())
    notes = [
        *([] if run.runner.orders else nothing_passed(vetoes, limits.get("refused", {}))),
        LABEL if prepared.rulebook is None else REVIEWED,
        *run.notes,
        *failures(run),
        *_fates(run),
        *prepared.notes,
        *(n for each in prepared.series for n in each.notes),
    ]
    if run.cuts is not None:
        notes.insert(1, f"no look-ahead found: asked again with {run.cuts} shorter histories")
    return {
        "run_id": "",
        "journal": None,
        "head_digest": None,
        "report": None,
        "orders_digest": run.orders_digest,
        "mode": "research",
        "recipe": Path(body.file).stem,
        "rulebook": "none" if prepared.rulebook is None else prepared.rulebook.name,
        "policy": "none",
        "limits": limits,
        "product": f"quorate {version('quorate')}",
        "seed": setting.seed,
        "data": [_source(each) for each in prepared.series],
        "instruments": [each.id for each in setting.instruments],
        "interval_ns": setting.interval_ns,
        "cash": str(setting.cash),
        "events": int((setting.rows[:, Market.KIND] == Row.BAR).sum()),
        "ticks": int(np.isin(setting.rows[:, Market.KIND], (Row.TRADE, Row.QUOTE)).sum()),
        "orders": run.runner.orders,
        "fills": len(run.fills),
        "rejections": run.rejections,
        "vetoes": vetoes,
        "halts": sum(BREAKERS[after] == HALTED for _, _, after, _ in moves),
        **cleared(run),
        "look_ahead_cuts": run.cuts,
        "confidence_mean": run.confidence,
        "trust_level": prepared.trust,
        "metrics": msgspec.to_builtins(analysis.metrics),
        "statistics": dict(analysis.statistics),
        "intervals": msgspec.to_builtins(dict(analysis.spreads)),
        "targets": msgspec.to_builtins(analysis.targets),
        "baselines": msgspec.to_builtins(analysis.baselines),
        "config": {
            "strategy": Path(body.file).name,
            "strategy_sha256": body.digest,
            "body": body.kind,
            "name": body.name,
            "parameters": dict(prepared.values),
            "size": str(setting.size),
            **prepared.venue,
            "costs": {each.id: _costs(each) for each in setting.instruments},
        },
        "notes": list(dict.fromkeys(notes)),
        "partial": False,
        "halted": bool(moves) and BREAKERS[moves[-1][2]] == HALTED,
        "ended": "end of data",
    }


def _source(series: Series) -> dict[str, Any]:
    """What a result says of one series."""
    source = series.source
    return {
        "instrument": series.instrument.id,
        "name": source.name,
        "sha256": source.sha256,
        "rows": source.rows,
    }


def _fates(run: Run) -> list[str]:
    """What went unlike a person would expect."""
    notes = [f"{count:,} orders were refused: {reason}" for reason, count in run.rejections.items()]
    equity = run.stats.curve.equity
    notes += _charged(run)
    notes += _borrowed(run)
    for row in run.liquidations.tolist():
        terms, when = run.setting.instruments[row[Told.INSTRUMENT]], spell_instant(row[Told.FILLED_AT])
        size = terms.show_quantity(-row[Told.SIDE] * row[Told.LOTS])
        notes.append(f"{terms.id}: {size} was liquidated at {when}: equity no longer covered its maintenance")
    gone = np.flatnonzero(equity <= 0)
    if gone.size:
        when = spell_instant(int(run.stats.curve.at[gone[0]]))
        notes.append(f"equity was gone at {when}: no figure after that means anything")
    held = [
        f"{each.id}: {each.show_quantity(lots)} is still held at the end, worth its last close"
        for place, each in enumerate(run.setting.instruments)
        if (lots := run.runner.held(place))
    ]
    return [*notes, *held]


def _charged(run: Run) -> list[str]:
    """A note where holding cost, or earned, what no trade shows: won trades can make a lost run."""
    charges = run.runner.charges_e8
    if not charges or not len(run.trades):
        return []
    paid = Money(abs(charges), run.setting.cash.scale)
    return [
        f"funding and borrow {'cost' if charges > 0 else 'earned'} {paid}: in the profit, in no trade's pnl"
    ]


def _borrowed(run: Run) -> list[str]:
    """A note where positions outgrew equity by far and nobody would have been liquidated."""
    gross, equity = run.runner.gross, run.stats.curve.equity
    sound = equity > 0
    times = float(np.max(gross[sound] / equity[sound])) if sound.any() else 0.0
    if times < BORROWED or any(each.maintenance for each in run.setting.clearing.values()):
        return []
    return [
        f"positions were up to {times:.1f} times equity, and nobody is liquidated here: --maintenance kind"
    ]


def cleared(run: Run) -> dict[str, Any]:
    """What the clearing house did: money paid by instrument (below 0: received), liquidations, the end."""
    reports, setting = run.reports, run.setting
    charged = reports[reports[:, Told.KIND] == Kind.CHARGED]
    paid: dict[str, dict[str, float]] = {"funding": {}, "borrow": {}}
    for place, each in enumerate(setting.instruments):
        for name, sums in paid.items():
            own = (charged[:, Told.INSTRUMENT] == place) & (charged[:, Told.REASON] == REASONS.index(name))
            if own.any():
                sums[each.id] = sum(charged[own, Told.MONEY].tolist()) / E8
    gone = reports[reports[:, Told.KIND] == Kind.BANKRUPT]
    return {
        **paid,
        "liquidations": [
            {
                "at": spell_instant(row[Told.FILLED_AT]),
                "instrument": setting.instruments[row[Told.INSTRUMENT]].id,
                "side": "long" if row[Told.SIDE] < 0 else "short",
                "size": float(setting.instruments[row[Told.INSTRUMENT]].lot * row[Told.LOTS]),
                "price": row[Told.PRICE] * setting.instruments[row[Told.INSTRUMENT]].tick_float,
                "fee": row[Told.MONEY] / E8,
            }
            for row in run.liquidations.tolist()
        ],
        "bankrupt_at": spell_instant(int(gone[0, Told.AT])) if gone.size else None,
    }


def _costs(each: Instrument) -> dict[str, str]:
    names = ("taker_bps", "maker_bps", "commission", "spread_bps", "slippage_bps", "financing_bps_year")
    return {name: str(getattr(each, name)) for name in names}


def trade_list(run: Run) -> list[dict[str, Any]]:
    """Every closed trade: instants, bars, side, size in base units, prices and money in currency."""
    listed = []
    forced = {(row[Told.INSTRUMENT], row[Told.FILLED_AT], row[Told.AT]) for row in run.liquidations.tolist()}
    for row, trade in zip(run.trades.tolist(), run.stats.trades, strict=True):
        terms = run.setting.instruments[row[Traded.INSTRUMENT]]
        listed.append(
            {
                "instrument": trade.instrument,
                "side": "long" if row[Traded.SIDE] > 0 else "short",
                "entry_at": spell_instant(trade.opened_at),
                "exit_at": spell_instant(row[Traded.EXITED_AT]),
                "entry_bar": row[Traded.OPENED_BAR],
                "exit_bar": row[Traded.CLOSED_BAR],
                "size": float(terms.lot * row[Traded.ENTRY_LOTS]),
                "entry": trade.entry,
                "exit": trade.exit,
                "fees": float(Decimal(row[Traded.FEES]) / 10**8),
                "pnl": float(Decimal(row[Traded.PNL]) / 10**8),
                "pnl_best": float(Decimal(row[Traded.BEST]) / 10**8),
                "pnl_worst": float(Decimal(row[Traded.WORST]) / 10**8),
                "exit_reason": LIQUIDATION
                if (row[Traded.INSTRUMENT], row[Traded.EXITED_AT], row[Traded.CLOSED_AT]) in forced
                else str(ROLES[row[Traded.EXIT_ROLE]]),
            }
        )
    return listed
