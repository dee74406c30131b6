"""A sweep: one strategy over a grid of parameters, on all cores, every combination counted as a trial."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from math import prod
from time import sleep
from typing import Any

from quorate.app.research import LABEL, Asked, Prepared, prepare
from quorate.app.strategy import read_grid
from quorate.core.errors import ConfigError, InputError
from quorate.indicators.formula import Formula, plan_formula
from quorate.native.backtest import Settings, Sweep, Tape, named
from quorate.native.exchange import Market, Rules
from quorate.research.figures import NAMES, figures
from quorate.research.formula import bars_of, numbers
from quorate.research.parameters import Value
from quorate.research.run import Setting

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
    asked: Asked, texts: Sequence[str], *, sort: str = "sharpe", progress: Progress | None = None
) -> Swept:
    """Run every combination; ``progress`` is told how many of how many are done.

    Raises ConfigError for a grid or a measure that there is not, and what a run raises, naming where.
    """
    if sort not in NAMES:
        raise ConfigError(f"no measure is called '{sort}'", where="--sort", todo=f"one of {', '.join(NAMES)}")
    prepared = prepare(asked)
    grid = read_grid(texts, prepared.body)
    if not grid:
        raise ConfigError("no grid", where="--grid", todo="write --grid fast=5:25")
    count = prod(map(len, grid.values()))
    if count > COMBINATIONS_MAX:  # known before any is made
        what = f"{count:,} combinations are more than {COMBINATIONS_MAX:,}"
        raise ConfigError(what, where="--grid", todo="use coarser steps")
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    bars = int((prepared.setting.rows[:, Market.KIND] == 0).sum())
    rows: list[Row] = []
    for row in _each(asked, prepared, combinations, bars):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(combinations))
    ranked = rank(rows, sort)
    notes = [LABEL, *prepared.notes, *(note for each in prepared.series for note in each.notes)]
    notes.insert(1, f"{len(rows)} combinations were tried: the best of so many looks better than it is")
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
        "size": str(prepared.setting.size),
        **prepared.venue.told(),
        "cash": str(prepared.setting.cash),
        "instruments": [each.id for each in prepared.setting.instruments],
        "trust_level": prepared.trust,
        "rows": ranked,
        "notes": list(dict.fromkeys(notes)),
    }
    return Swept(result, grid, rows)


def rank(rows: Sequence[Row], sort: str) -> list[Row]:
    """Best first; what is undefined last; equal ones in the order of the grid."""
    sign = 1 if sort in LOWER_IS_BETTER else -1
    return sorted(rows, key=lambda row: (row[sort] is None, sign * (row[sort] or 0)))


def _each(
    asked: Asked, prepared: Prepared, combinations: Sequence[Mapping[str, Value]], bars: int
) -> Iterator[Row]:
    """The row of each combination, in order."""
    if stays_native(prepared):
        yield from _native(prepared, combinations)
        return
    workers = min(os.cpu_count() or 1, len(combinations))
    if workers < 2 or bars * len(combinations) <= ALONE_MAX:
        for each in combinations:
            yield _row(prepared, each)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(asked,))
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


def _native(prepared: Prepared, combinations: Sequence[Mapping[str, Value]]) -> Iterator[Row]:
    """All at once in the fast lane, on threads of its own."""
    setting, terms = prepared.setting, prepared.setting.instruments[0]
    sets = [numbers({**prepared.values, **each}) for each in combinations]
    plan = plan_formula(prepared.body.thing, sets, bars_of(setting), terms, interval_ns=setting.interval_ns)
    days = terms.hours.days_per_year
    tape = Tape.of_rows(setting.rows, days_per_year=days, interval_ns=setting.interval_ns)
    swept = Sweep(tape, plan, _wish(setting), threads=os.cpu_count() or 1)
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
    for values, row in zip(combinations, rows, strict=True):
        told = named(row)
        yield {**values, **{name: told[name] for name in NAMES}}


_PREPARED: list[Prepared] = []  # in a worker: its own, for all combinations that it is given


def _begin(asked: Asked) -> None:
    """A worker reads strategy and data itself; Ctrl-C is for the one who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _PREPARED.append(prepare(asked))


def _one(values: Mapping[str, Value]) -> Row:
    return _row(_PREPARED[0], values)


def _row(prepared: Prepared, values: Mapping[str, Value]) -> Row:
    """Parameters and measures of one combination."""
    try:
        run = prepared.body.run({**prepared.values, **values}, prepared.setting)
    except InputError as error:
        named = ", ".join(f"{name}={value}" for name, value in values.items())
        raise type(error)(f"{error.what} (with {named})", where=error.where, todo=error.todo) from error
    return {**values, **figures(run)}
