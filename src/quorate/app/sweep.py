"""A sweep: one strategy over a grid of parameters, on all cores, every combination counted as a trial."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from time import sleep
from typing import Any

import msgspec

from quorate.analysis import words
from quorate.analysis.analysis import analyse
from quorate.analysis.baselines import Baselines, baselines
from quorate.analysis.result import Curve
from quorate.app.home import check_place
from quorate.app.limits import failures, told
from quorate.app.research import LABEL, REVIEWED, Asked, Prepared, prepare
from quorate.app.run import closes_of, nothing_passed
from quorate.app.strategy import read_grid, read_sets
from quorate.app.trials import PBO_MAX, judge, returns_of, returns_of_run, worded
from quorate.core.errors import ConfigError, InputError
from quorate.indicators.formula import Formula, plan_formula
from quorate.native.backtest import Settings, Sweep, Tape, named
from quorate.native.backtest import run as alone
from quorate.native.exchange import Market, Rules
from quorate.native.runner import Reviewed
from quorate.research.book import Floats
from quorate.research.figures import NAMES, figures
from quorate.research.formula import bars_of, numbers
from quorate.research.parameters import Value
from quorate.research.run import Run, Setting

COMBINATIONS_MAX = 100_000
ALONE_MAX = 3_000_000  # bars in all, below which processes cost more than they bring
LOWER_IS_BETTER = frozenset({"volatility", "max_drawdown", "fees", "turnover"})

LANE_SIZE_MAX = 2**40  # each half of a size that the lane takes; others run one by one
POLL_S = 0.01

Progress = Callable[[int, int], None]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Swept:
    """A finished sweep: the JSON object, and the grid in its order. ``rows``: in the order of the grid."""

    result: dict[str, Any]
    grid: Mapping[str, Sequence[Value]]
    rows: Sequence[Row]


def perform_sweep(
    asked: Asked,
    texts: Sequence[str],
    *,
    sort: str = "sharpe",
    report: Path | None = None,
    progress: Progress | None = None,
) -> Swept:
    """Run every combination; ``progress`` is told how many of how many are done, ``report`` gets a page.

    Raises ConfigError for a grid or a measure that there is not, and what a run raises, naming where.
    """
    if sort not in NAMES:
        raise ConfigError(f"no measure is called '{sort}'", where="--sort", todo=f"one of {', '.join(NAMES)}")
    if report is not None:
        check_place(report)
    prepared = prepare(asked)
    grid, combinations = _combined(asked, texts, prepared)
    bars = int((prepared.setting.rows[:, Market.KIND] == 0).sum())
    rows: list[Row] = []
    returns: list[Floats] = []
    for row, daily in _each(asked, prepared, combinations, bars):
        rows.append(row)
        if daily is not None:
            returns.append(daily)
        if progress is not None:
            progress(len(rows), len(combinations))
    ranked = rank(rows, sort)
    chosen = next(place for place, row in enumerate(rows) if row is ranked[0])
    run = _run(prepared, combinations[chosen])
    best = returns[chosen] if returns else returns_of_run(run)
    judged = judge(prepared.setting, rows, best, returns)
    beside, _ = baselines(run.stats, closes_of(prepared.series), prepared.setting.seed)
    limits, refusals = _reviewed(prepared, run)
    label = LABEL if prepared.rulebook is None else REVIEWED
    notes = [label, *refusals, *prepared.notes, *(note for each in prepared.series for note in each.notes)]
    notes[1:1] = [judged["says"], *_told_beside(beside)]
    result = {
        "mode": "sweep",
        "strategy": asked.strategy.name,
        "strategy_sha256": prepared.body.digest,
        "body": prepared.body.kind,
        "fixed": {name: value for name, value in prepared.values.items() if name not in grid},
        "grid": {name: list(values) for name, values in grid.items()},
        "combinations": len(rows),
        "trials": len(rows),
        "bars": bars,
        "sort": sort,
        "rulebook": "none" if prepared.rulebook is None else prepared.rulebook.name,
        "limits": limits,
        "size": str(prepared.setting.size),
        **prepared.venue,
        "cash": str(prepared.setting.cash),
        "instruments": [each.id for each in prepared.setting.instruments],
        "trust_level": prepared.trust,
        "rows": ranked,
        "significance": judged,
        "baselines": msgspec.to_builtins(beside),
        "notes": list(dict.fromkeys(notes)),
    }
    result["report"] = None
    if report is not None:
        from quorate.app.sweep_report import report_sweep  # jinja2 is wanted by a report only

        found = analyse(run.stats, closes_of(prepared.series), prepared.setting.seed)
        result["report"] = str(report_sweep(report, result, rows, found))
    return Swept(result, grid, rows)


def _told_beside(beside: Baselines) -> list[str]:
    """A line on what needs no search."""
    hold, random = beside.buy_and_hold, beside.random
    parts = []
    if hold is not None:
        parts.append(
            f"buy and hold {worded('total_return', hold.total_return)}, Sharpe {words.number(hold.sharpe)}"
        )
    if random is not None:
        parts.append(f"random traders {words.percent(random.low)} to {words.percent(random.high)}")
    return [f"beside the best, over the same bars: {'; '.join(parts)}"] if parts else []


def _reviewed(prepared: Prepared, run: Run) -> tuple[dict[str, Any], list[str]]:
    """(what the limits did to the best, notes on it)."""
    if prepared.rulebook is None:
        return {"applied": "none"}, []
    limits = told(run, prepared.rulebook)
    vetoes = int((run.runner.reviews[:, Reviewed.LOTS] == 0).sum())
    notes = [*([] if run.runner.orders else nothing_passed(vetoes, limits["refused"])), *failures(run)]
    return limits, [f"of the best: {each}" for each in notes]


def _combined(
    asked: Asked, texts: Sequence[str], prepared: Prepared
) -> tuple[dict[str, list[Value]], list[dict[str, Value]]]:
    """(grid, every combination). Raises ConfigError for no grid, one too large, or one of what is set."""
    grid = read_grid(texts, prepared.body)
    if not grid:
        raise ConfigError("no grid", where="--grid", todo="write --grid fast=5:25")
    for name in read_sets(asked.request.sets):
        if name in grid:
            what = f"'{name}' has a grid, and --set gives it one value"
            raise ConfigError(what, where="--grid", todo="leave one of them out")
    count = prod(map(len, grid.values()))
    if count > COMBINATIONS_MAX:  # known before any is made
        what = f"{count:,} combinations are more than {COMBINATIONS_MAX:,}"
        raise ConfigError(what, where="--grid", todo="use coarser steps")
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return grid, combinations


def rank(rows: Sequence[Row], sort: str) -> list[Row]:
    """Best first; what is undefined last; equal ones in the order of the grid."""
    sign = 1 if sort in LOWER_IS_BETTER else -1
    return sorted(rows, key=lambda row: (row[sort] is None, sign * (row[sort] or 0)))


def _each(
    asked: Asked, prepared: Prepared, combinations: Sequence[Mapping[str, Value]], bars: int
) -> Iterator[tuple[Row, Floats | None]]:
    """The row of each combination, in order, with its daily returns where there are not too many."""
    wanted = len(combinations) <= PBO_MAX
    if stays_native(prepared):
        yield from _native(prepared, combinations, wanted)
        return
    workers = min(os.cpu_count() or 1, len(combinations))
    if workers < 2 or bars * len(combinations) <= ALONE_MAX:
        for each in combinations:
            yield _row(prepared, each, wanted)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(asked, wanted))
    try:
        yield from pool.map(_one, combinations, chunksize=max(1, len(combinations) // (workers * 16)))
    finally:
        pool.shutdown(cancel_futures=True)


def stays_native(prepared: Prepared) -> bool:
    """Whether no step of a run needs Python, or the exchange: a formula without levels, bars alone."""
    formula, setting = prepared.body.thing, prepared.setting
    return (
        isinstance(formula, Formula)
        and not (formula.stop or formula.target or formula.limit)
        and len(setting.instruments) == 1
        and setting.limits is None
        and setting.rules == Rules()  # the lane knows a constant latency only
        and not setting.clearing
        and not setting.rows[:, Market.KIND].any()
        and max(_wish(setting).size.as_integer_ratio()) < LANE_SIZE_MAX
    )


def _wish(setting: Setting) -> Settings:
    """The setting as the lane has it. Raises ConfigError as a run would."""
    terms, lots = setting.instruments[0], setting.lots
    return Settings(
        terms, setting.cash.count, share=setting.size.share, quantity=lots * terms.lot if lots > 0 else None,
        latency_ns=setting.latency_ns,
    )  # fmt: skip


def _native(
    prepared: Prepared, combinations: Sequence[Mapping[str, Value]], wanted: bool
) -> Iterator[tuple[Row, Floats | None]]:
    """All at once in the fast lane, on threads of its own; then their returns, where those are wanted."""
    setting, terms = prepared.setting, prepared.setting.instruments[0]
    sets = [numbers({**prepared.values, **each}) for each in combinations]
    plan = plan_formula(prepared.body.thing, sets, bars_of(setting), terms, interval_ns=setting.interval_ns)
    days = terms.hours.days_per_year
    tape = Tape.of_rows(setting.rows, days_per_year=days, interval_ns=setting.interval_ns)
    wish = _wish(setting)
    swept = Sweep(tape, plan, wish, threads=os.cpu_count() or 1)
    try:
        while not swept.is_over:
            sleep(POLL_S)  # so that Ctrl-C is heard
    except BaseException:
        swept.cancel()
        raise
    try:
        rows = swept.wait()
    except (ValueError, OverflowError) as error:
        raise InputError(str(error), where="the sweep") from error
    at = setting.rows[:, Market.AT]

    def daily(number: int) -> Floats | None:
        if not wanted:
            return None
        return returns_of(setting, Curve(at, alone(tape, plan, wish, number=number).equity()))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = pool.map(daily, range(len(combinations)))
        for values, row, returns in zip(combinations, rows, found, strict=True):
            told = named(row)
            yield {**values, **{name: told[name] for name in NAMES}}, returns


_PREPARED: list[tuple[Prepared, bool]] = []  # in a worker: its own, for all combinations that it is given


def _begin(asked: Asked, wanted: bool) -> None:
    """A worker reads strategy and data itself; Ctrl-C is for the one who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _PREPARED.append((prepare(asked), wanted))


def _one(values: Mapping[str, Value]) -> tuple[Row, Floats | None]:
    prepared, wanted = _PREPARED[0]
    return _row(prepared, values, wanted)


def _row(prepared: Prepared, values: Mapping[str, Value], wanted: bool) -> tuple[Row, Floats | None]:
    """Parameters and measures of one combination, with its daily returns where they are wanted."""
    run = _run(prepared, values)
    return {**values, **figures(run)}, returns_of_run(run) if wanted else None


def _run(prepared: Prepared, values: Mapping[str, Value]) -> Run:
    try:
        return prepared.body.run({**prepared.values, **values}, prepared.setting)
    except InputError as error:
        named = ", ".join(f"{name}={value}" for name, value in values.items())
        raise type(error)(f"{error.what} (with {named})", where=error.where, todo=error.todo) from error
