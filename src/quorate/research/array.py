"""The array body: a function of a whole history, a stance a bar, and the proof that it never peeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from quorate.core.errors import InputError, LookAheadError
from quorate.research.book import Floats
from quorate.research.ohlcv import Ints, Ohlcv

CUTS = 3  # drawn anew for each run, beside the one that leaves out the last bar alone
TOLERANCE = 1e-9  # relative: a longer history may round a float otherwise, but not decide otherwise
PRICES = ("limit", "stop", "target")

Function = Callable[..., Any]


class Answer(NamedTuple):
    """What an array function wants, float64[n] each: stances, NaN for no change; prices, NaN for none."""

    position: Floats
    limit: Floats | None = None
    stop: Floats | None = None
    target: Floats | None = None


def ask(function: Function, ohlcv: Ohlcv, parameters: Mapping[str, Any], where: str) -> Answer:
    """Call the function once. Raises InputError for an error in it and for an answer of another shape."""
    bars = len(ohlcv)
    try:
        found = function(ohlcv, **parameters)
    except Exception as error:
        what = f"fails on {bars} bars: {type(error).__name__}: {error}"
        raise InputError(what, where=where) from error
    if not isinstance(found, Mapping):
        found = {"position": found}
    unknown = [str(name) for name in found if name not in Answer._fields]
    if unknown or "position" not in found:
        what = f"answers {', '.join(unknown)}" if unknown else "answers no position"
        raise InputError(what, where=where, todo=f"a dict has position, and perhaps {', '.join(PRICES)}")
    columns = {name: _column(name, value, bars, where) for name, value in found.items() if value is not None}
    answer = Answer(**columns)
    _check(answer, where)
    return answer


def _column(name: str, value: Any, bars: int, where: str) -> Floats:
    try:
        column = np.ascontiguousarray(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not an array of numbers", where=where) from error
    if column.shape != (bars,):
        raise InputError(f"{name} has the shape {column.shape} for {bars} bars", where=where)
    return column


def _check(answer: Answer, where: str) -> None:
    bad = np.flatnonzero(np.abs(answer.position) > 1)
    if bad.size:
        bar = int(bad[0])
        what = f"bar {bar}: position {answer.position[bar]:g} is not from -1 to 1"
        raise InputError(what, where=where)
    if answer.target is not None and answer.stop is None:
        raise InputError("a target needs a stop beside it", where=where)
    for name in PRICES:
        prices = getattr(answer, name)
        if prices is None:
            continue
        wrong = np.flatnonzero(~(np.isnan(prices) | (prices > 0)))
        if wrong.size:
            bar = int(wrong[0])
            raise InputError(f"bar {bar}: {name} {prices[bar]:g} is not a price", where=where)


def cuts_of(bars: int, seed: int, position: Floats | None = None) -> list[int]:
    """How many bars each shorter history has: some drawn from the last three quarters, and all but one.

    Given what was said, one of them ends where a stance is taken up, and one where one is left: who looks
    ahead only there, and seldom does so, is met by no bar drawn at large.
    """
    if bars < 2:
        return []
    first = max(1, bars // 4)
    raws = np.random.PCG64(seed).random_raw(CUTS)
    drawn = [first + int(raw) % (bars - first) for raw in raws]
    if position is not None:
        for place, turns in enumerate(_turns(position, first)):
            if turns.size:
                drawn[place] = int(turns[int(raws[place]) % turns.size]) + 1
    return sorted({*drawn, bars - 1})


def _turns(position: Floats, first: int) -> tuple[Ints, Ints]:
    """(bars at which a stance is taken up, those at which one is left), short of the last bar."""
    known = np.where(np.isnan(position), 0, np.arange(len(position)))
    stance = np.nan_to_num(position[np.maximum.accumulate(known)])
    turned = np.r_[False, stance[1:] != stance[:-1]]
    turned[: max(first - 1, 0)] = False
    turned[-1] = False
    return np.flatnonzero(turned & (stance != 0)), np.flatnonzero(turned & (stance == 0))


def prove(
    function: Function,
    ohlcv: Ohlcv,
    parameters: Mapping[str, Any],
    whole: Answer,
    seed: int,
    where: str,
) -> int:
    """Ask again with shorter histories, which must not change what was said of their bars; returns how many.

    ``function`` is best a copy loaded afresh: the one that answered may remember the later bars.
    Raises LookAheadError naming the first bar that only a later one could have made so.
    """
    cuts = cuts_of(len(ohlcv), seed, whole.position)
    for bars in cuts:
        part = ask(function, ohlcv.until(bars), parameters, where)
        for name in Answer._fields:
            full, short = getattr(whole, name), getattr(part, name)
            if (full is None) != (short is None):
                raise LookAheadError(f"answers {name} or not, by how many bars follow", where=where)
            if full is None:
                continue
            differs = ~np.isclose(full[:bars], short, rtol=TOLERANCE, atol=0, equal_nan=True)
            if differs.any():
                bar = int(np.argmax(differs))
                known = f"{short[bar]:g} when only {bars} bars are known"
                what = f"{name} at bar {bar} is {full[bar]:g}, and {known}"
                raise LookAheadError(
                    what, where=where, todo="use nothing of later bars, nor chance without a seed"
                )
    return len(cuts)


def ticks(prices: Floats | None, scale: Floats) -> Ints:
    """Prices as ticks, to the nearest, half to even; 0 for none. ``scale``: currency a tick at each bar."""
    if prices is None:
        return np.zeros(0, np.int64)
    return np.rint(np.nan_to_num(prices / scale)).astype(np.int64)


def limit_ticks(prices: Floats | None, scale: Floats, position: Floats) -> Ints:
    """Limits as ticks, never worse than asked: a buyer's down, a seller's up; a hair off a tick is it."""
    if prices is None:
        return np.zeros(0, np.int64)
    scaled = np.nan_to_num(prices / scale)
    near = np.rint(scaled)
    away = np.where(position > 0, np.floor(scaled), np.ceil(scaled))
    return np.where(np.abs(scaled - near) <= 1e-6, near, away).astype(np.int64)
