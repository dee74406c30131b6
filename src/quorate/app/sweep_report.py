"""The page of a sweep: what its best is worth, the ground it stands on, its equity, and the ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from quorate.analysis import charts, pictures, words
from quorate.analysis.analysis import Analysis
from quorate.app.report import TRUST, environment, leave
from quorate.app.trials import Row, worded

MAP_MAX = 60  # values of a parameter
ROWS_SHOWN = 20
SHOWN = ("sharpe", "total_return", "max_drawdown", "trades", "win_rate", "profit_factor", "fees")


def report_sweep(path: Path, result: Mapping[str, Any], rows: Sequence[Row], best: Analysis) -> Path:
    """Write the page, as ``report.write_report`` does. ``rows`` as in the grid; ``best``: its run."""
    judged, sort, grid = result["significance"], result["sort"], result["grid"]
    chosen = result["rows"][0]
    drawn, folded = _map(grid, rows, chosen, sort)
    shown = (sort, *(name for name in SHOWN if name != sort))
    page = environment().get_template("sweep.html").render(
        result=result,
        judged=judged,
        title=f"{result['strategy']} on {', '.join(result['instruments'])}",
        trust=TRUST.get(result["trust_level"], ""),
        measure=sort.replace("_", " "),
        kpis=[
            ("Tried", f"{judged['trials']:,}", "combinations, all counted"),
            ("Best Sharpe", words.number(judged["sharpe"]), f"{judged['days']:,} days"),
            ("Luck alone", words.number(judged["sharpe_of_luck"]), "Sharpe of the best of so many"),
            ("Deflated Sharpe", words.share(judged["deflated_sharpe"]), "chance of being more than luck"),
            ("Overfitting", words.share(judged["pbo"]), "PBO, the lower the better"),
        ],
        map=drawn,
        folded=folded,
        plateau=_plateau(grid, rows, chosen, sort),
        chosen=", ".join(f"{name} {chosen[name]}" for name in grid),
        equity=Markup(charts.equity_chart(best.stats, best.hold)),  # noqa: S704 - charts escape every name
        head=[*grid, *(name.replace("_", " ") for name in shown)],
        rows=[
            [*(str(row[name]) for name in grid), *(worded(name, row[name]) for name in shown)]
            for row in result["rows"][:ROWS_SHOWN]
        ],
    )  # fmt: skip
    return leave(path, page)


def _cube(grid: Mapping[str, Sequence[Any]], rows: Sequence[Row], sort: str) -> Any:
    """The measure by place in the grid, NaN where undefined; an axis a parameter."""
    values = [np.nan if row[sort] is None else float(row[sort]) for row in rows]
    return np.array(values).reshape([len(each) for each in grid.values()])


def _map(
    grid: Mapping[str, Sequence[Any]], rows: Sequence[Row], chosen: Row, sort: str
) -> tuple[Markup | None, str]:
    """(the map of the two longest axes or of the one there is, what was done to the others)."""
    names = list(grid)
    cube = _cube(grid, rows, sort)
    longest = sorted(sorted(names, key=lambda name: -len(grid[name]))[:2], key=names.index)
    if any(len(grid[name]) > MAP_MAX for name in longest):
        return None, ""
    others = [name for name in names if name not in longest]
    known = np.where(np.isfinite(cube), cube, -np.inf)
    flat = np.median(known, axis=tuple(names.index(name) for name in others)) if others else known
    flat = np.where(np.isfinite(flat), flat, np.nan)
    folded = f", the middle one over {', '.join(others)}" if others else ""
    axes = [(name, [str(value) for value in grid[name]]) for name in longest]
    spot = [list(grid[name]).index(chosen[name]) for name in longest]
    if len(axes) == 1:
        axes, spot, flat = [("", [""]), *axes], [0, *spot], flat[np.newaxis, :]
    text = pictures.heat_chart(axes[0], axes[1], flat, (spot[0], spot[1]), sort.replace("_", " "))
    return Markup(text), folded  # noqa: S704 - the chart escapes every name


def _plateau(grid: Mapping[str, Sequence[Any]], rows: Sequence[Row], chosen: Row, sort: str) -> str:
    """The best beside those one step from it."""
    cube = _cube(grid, rows, sort)
    spot = [list(values).index(chosen[name]) for name, values in grid.items()]
    window = tuple(slice(max(0, place - 1), place + 2) for place in spot)
    mask = np.zeros(cube.shape, bool)
    mask[window] = True
    mask[tuple(spot)] = False
    near = cube[mask & np.isfinite(cube)]
    if not near.size or chosen[sort] is None:
        return ""
    middle, own = worded(sort, float(np.median(near))), worded(sort, chosen[sort])
    return f"It has {own}, and the middle one of its {near.size} neighbours {middle}."
