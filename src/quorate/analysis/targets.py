"""What a recipe is meant to reach, whether it did, and whether the run is long enough to tell."""

from __future__ import annotations

import enum

import msgspec

from quorate.analysis import bootstrap, words
from quorate.analysis.bootstrap import Spread, Statistic
from quorate.analysis.sample import Sample


class Reached(enum.StrEnum):
    """The answer: told only where the whole interval lies on one side of the target."""

    YES = "reached"
    NO = "not reached"
    UNTOLD = "cannot be told"


class Goal(msgspec.Struct, frozen=True):
    """One figure and its bound. ``above``: the figure must be above ``bound``, else below it."""

    figure: str
    label: str
    bound: float
    above: bool


class Target(msgspec.Struct, frozen=True):
    """A goal beside what came of it. ``spread``: its bootstrap interval, None where there is too little."""

    figure: str
    label: str
    bound: float
    above: bool
    value: float | None
    spread: Spread | None
    reached: Reached


_ALGOSPACE = (
    Goal("sharpe", "Sharpe", 2.0, True),
    Goal("max_drawdown", "Max drawdown", 0.15, False),
    Goal("win_rate", "Win rate", 0.55, True),
    Goal("profit_factor", "Profit factor", 1.5, True),
)
_ALPHAWEEX = (Goal("sharpe", "Sharpe", 1.2, True), Goal("max_drawdown", "Max drawdown", 0.05, False))
# What the two designs ask of their strategies: AlgoSpace of its three, AlphaWEEX of all that it promotes.
GOALS = {"momentum": _ALGOSPACE, "scalping": _ALGOSPACE, "swing": _ALGOSPACE}
OTHERS = _ALPHAWEEX

AS_SHARES = {"win_rate", "max_drawdown"}
FIGURES = ("sharpe", "cagr", "max_drawdown", "win_rate", "profit_factor")


def intervals(sample: Sample, seed: int) -> dict[str, Spread | None]:
    """Bootstrap intervals of ``FIGURES``: of daily returns, and of trades in the order they closed."""
    generator = bootstrap.seeded(seed)
    daily: dict[str, Statistic] = {
        "sharpe": bootstrap.sharpe_of(sample.periods),
        "cagr": bootstrap.growth_of(sample.periods),
        "max_drawdown": bootstrap.deepest,
    }
    trades: dict[str, Statistic] = {
        "win_rate": bootstrap.win_rate,
        "profit_factor": bootstrap.profit_factor,
    }
    found = bootstrap.interval(sample.returns, daily, generator)
    if sample.metrics.cagr is None:
        found["cagr"] = None
    return found | bootstrap.interval(sample.pnl, trades, generator)


def judge(recipe: str, sample: Sample, spreads: dict[str, Spread | None]) -> tuple[Target, ...]:
    """Every goal of a recipe judged by its interval; recipes without their own have ``OTHERS``."""
    return tuple(
        _judged(goal, getattr(sample.metrics, goal.figure), spreads.get(goal.figure))
        for goal in GOALS.get(recipe, OTHERS)
    )


def _judged(goal: Goal, value: float | None, spread: Spread | None) -> Target:
    reached = Reached.UNTOLD
    if value is not None and spread is not None:
        low, high = min(spread.low, value), max(spread.high, value)
        if goal.bound < low or goal.bound > high:
            reached = Reached.YES if (value > goal.bound) is goal.above else Reached.NO
    return Target(goal.figure, goal.label, goal.bound, goal.above, value, spread, reached)


def worded(target: Target) -> dict[str, str]:
    """A target as people read it: ``label``, ``bound``, ``value``, ``spread``, ``reached``."""
    spread = target.spread
    return {
        "label": target.label,
        "bound": f"{'above' if target.above else 'below'} {_shown(target.figure, target.bound)}",
        "value": _shown(target.figure, target.value),
        "spread": words.UNKNOWN
        if spread is None
        else f"{_shown(target.figure, spread.low)} to {_shown(target.figure, spread.high)}",
        "reached": target.reached.value,
    }


def _shown(figure: str, value: float | None) -> str:
    return words.share(value) if figure in AS_SHARES else words.number(value)
