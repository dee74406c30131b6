"""How far the best of a sweep may be believed: the luck of so many tries, and what held elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quorate.analysis import metrics, words
from quorate.analysis.result import Curve
from quorate.analysis.significance import BLOCKS, Trials, best_of_luck, deflated_sharpe, overfitting
from quorate.research.book import Floats
from quorate.research.run import Run, Setting, periods_of

SURE = 0.95
PERCENT = frozenset({"total_return", "cagr", "volatility", "max_drawdown", "win_rate", "exposure"})
PBO_MAX = 500  # combinations; more would hold too many returns at once

Row = Mapping[str, Any]


def returns_of(setting: Setting, curve: Curve) -> Floats:
    """Daily returns of a run by its calendar; empty when equity was ever gone."""
    calendar, _ = periods_of(setting)
    _, closes = metrics.day_closes(curve, calendar, setting.interval_ns)
    return metrics.day_returns(closes, setting.cash.count)


def returns_of_run(run: Run) -> Floats:
    """The same of a finished run."""
    return returns_of(run.setting, Curve(run.runner.at, run.runner.equity))


def judge(
    setting: Setting, rows: Sequence[Row], best: Floats, returns: Sequence[Floats] = ()
) -> dict[str, Any]:
    """What is known of the best of ``rows``: JSON-ready, None for what is not defined.

    ``rows``: every combination with its Sharpe a year; ``best``: daily returns of the chosen one;
    ``returns``: of all, none where there are too many. One that never traded was a trial too.
    """
    _, periods = periods_of(setting)
    sharpes = [row["sharpe"] / math.sqrt(periods) for row in rows if row["sharpe"] is not None]
    trials = Trials(len(rows), Trials.of(sharpes).variance)
    judged: dict[str, Any] = {
        "trials": trials.count,
        "days": int(best.size),
        "sharpe": metrics.sharpe(best, periods),
        "sharpe_of_luck": best_of_luck(trials) * math.sqrt(periods),
        "deflated_sharpe": deflated_sharpe(best, trials),
        "pbo": None,
        "pbo_splits": 0,
    }
    kept = [each for each in returns if each.size == best.size]  # those whose equity went are not chosen
    if len(kept) >= 2 and best.size >= 2 * BLOCKS:
        found = overfitting(np.stack(kept, axis=1))
        judged |= {"pbo": found.pbo, "pbo_splits": found.splits}
    return judged | {"says": says(judged, bool(returns))}


def says(judged: Mapping[str, Any], counted: bool) -> str:
    """One sentence on what it means."""
    deflated, trials, pbo = judged["deflated_sharpe"], judged["trials"], judged["pbo"]
    if deflated is None:
        return f"{judged['days']} days of returns say nothing about the best of {trials:,} tries."
    verdict = "more than luck" if deflated >= SURE else "not told from luck"
    if deflated <= 0.5:
        verdict = "what luck gives"
    line = (
        f"The best of {trials:,} tries without any skill is expected to show a Sharpe of "
        f"{judged['sharpe_of_luck']:.2f}; this one shows {judged['sharpe']:.2f}, which is {verdict} "
        f"(deflated Sharpe {deflated:.1%})"
    )
    if pbo is not None:
        return f"{line}; in {pbo:.0%} of splits the best of one half was below the middle of the other (PBO)."
    why = "fewer than 32 days" if counted else f"more than {PBO_MAX} combinations"
    return f"{line}; overfitting (PBO) is not told from {why}."


def worded(name: str, value: Any) -> str:
    """A measure for people: returns in per cent."""
    if value is None:
        return words.UNKNOWN
    if name in PERCENT:
        return words.share(value, 2) if value >= 0 else words.percent(value)
    return words.number(value, 0 if isinstance(value, int) else 2)
