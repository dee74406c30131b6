"""The figures of a run straight from its whole numbers: what sweeps rank by, without an object a fill."""

from __future__ import annotations

import numpy as np

from quorate.analysis import metrics
from quorate.analysis.result import Curve
from quorate.core.money import E8
from quorate.native.runner import Traded
from quorate.research.run import Run, periods_of

NAMES = (
    "total_return", "cagr", "sharpe", "sortino", "volatility", "max_drawdown", "calmar", "trades", "win_rate",
    "profit_factor", "expectancy", "exposure", "turnover", "fees",
)  # fmt: skip


def figures(run: Run) -> dict[str, float | int | None]:
    """By name, as `analysis.metrics.summary` defines and computes them, to the last bit."""
    setting, runner = run.setting, run.runner
    start, interval = setting.cash.count, setting.interval_ns
    curve = Curve(runner.at, runner.equity)
    calendar, periods = periods_of(setting)
    _, closes = metrics.day_closes(curve, calendar, interval)
    returns = metrics.day_returns(closes, start)
    growth = metrics.cagr(curve, start, interval)
    fall, _ = metrics.drawdown(curve, start, interval)
    pnl: list[int] = run.trades[:, Traded.PNL].tolist()
    won, lost = sum(each for each in pnl if each > 0), sum(each for each in pnl if each < 0)
    end = int(curve.equity[-1]) if curve.equity.size else start
    mean = float(np.mean(curve.equity)) if curve.equity.size else 0.0
    count = len(pnl)
    return {
        "total_return": end / start - 1.0,
        "cagr": growth,
        "sharpe": metrics.sharpe(returns, periods),
        "sortino": metrics.sortino(returns, periods),
        "volatility": metrics.volatility(returns, periods),
        "max_drawdown": fall,
        "calmar": growth / fall if growth is not None and fall > 0 else None,
        "trades": count,
        "win_rate": sum(each > 0 for each in pnl) / count if count else None,
        "profit_factor": won / -lost if lost else None,
        "expectancy": sum(pnl) / count / E8 if count else None,
        "exposure": float(np.mean(runner.gross > 0)) if curve.at.size else None,
        "turnover": runner.traded / mean if mean > 0 else None,
        "fees": runner.fees_e8 / E8,
    }
