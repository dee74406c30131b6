"""More charts of the tear sheet: how steady the run was, what its trades went through, when they were opened.

In the manner of ``charts``: SVG text, colours by the page, gain and loss told apart by more than colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from quorate.analysis import words
from quorate.analysis.attribution import Share
from quorate.analysis.excursions import Excursions
from quorate.analysis.marks import (
    HALF,
    LEFT,
    RIGHT,
    WIDE,
    across,
    area,
    bar,
    cross,
    cut,
    dot,
    label,
    line,
    return_grid,
    rule,
    svg,
    time_grid,
    y_grid,
)
from quorate.analysis.result import Floats, Ints
from quorate.analysis.rolling import rolling_sharpe, rolling_volatility
from quorate.analysis.scales import Axis, padded, thin, ticks
from quorate.core.instant import DAY
from quorate.core.money import E8

POINTS_MARKED = 400  # more dots than this hide one another
_MOST = 0.99  # what lies beyond is drawn at the edge, or one trade would flatten all others
_TOP, _MIDDLE, _GAP, _BOTTOM = 34, 180, 206, 282


def steadiness_chart(days: Ints, returns: Floats, window: int, periods: float, unit: str = "days") -> str:
    """Sharpe over a moving window of returns, with the volatility of the same window beneath it.

    ``days``: int64[n] UTC days since 1970 of ``returns`` float64[n]. ``window``: how many, ``unit``: of what.
    """
    ends = (days[window - 1 :] + 1) * DAY
    ratio = rolling_sharpe(returns, window, periods)
    swing = rolling_volatility(returns, window, periods)
    known = np.isfinite(ratio)
    x = Axis(float(ends[0]), float(ends[-1]), LEFT, WIDE - RIGHT)
    shown = ratio[known] if known.any() else np.zeros(1)
    y = Axis(*padded(min(0.0, float(shown.min())), max(0.0, float(shown.max()))), _MIDDLE, _TOP)
    below = Axis(0.0, float(swing.max()) * 1.08 or 0.01, _BOTTOM, _GAP)
    ratio_at, ratio_seen = thin(ends[known], ratio[known])
    swing_at, swing_seen = thin(ends, swing)
    body = [
        y_grid(y, [(value, words.compact(value)) for value in y.ticks()]),
        y_grid(below, [(value, words.share(value, 0)) for value in ticks(0.0, below.high, 3)]),
        time_grid(x, _TOP, _BOTTOM),
        across("zero", y(0.0)),
        line(x.many(ratio_at), y.many(ratio_seen), "equity"),
        area(x.many(swing_at), below.many(swing_seen), below(0.0), "swing-fill"),
        line(x.many(swing_at), below.many(swing_seen), "swing"),
        label(LEFT, 20, "unit", f"Sharpe of the last {window} {unit}"),
        label(LEFT, 200, "unit", "volatility a year"),
    ]
    text = (
        f"Sharpe over {window} {unit} between {words.number(float(shown.min()))} and "
        f"{words.number(float(shown.max()))}, volatility between {words.share(float(swing.min()))} and "
        f"{words.share(float(swing.max()))} a year."
    )
    return svg("steadiness", WIDE, 310, "Rolling Sharpe and volatility", text, body)


def excursion_chart(met: Floats, values: Floats, *, adverse: bool) -> str:
    """Each trade's result over how far prices went against it, or for it: fractions of the entry.

    ``met``, ``values``: float64[trades]. On the dashed line a trade kept all it had seen, or ended at its
    worst. What lies beyond the 99th percentile stands at the edge; of many trades, some are drawn.
    """
    drawn = _some(met.size)
    furthest = float(np.quantile(met, _MOST)) or 0.01
    low, high = (float(edge) for edge in np.quantile(values, (1.0 - _MOST, _MOST)))
    x = Axis(*padded(0.0, furthest), 52, HALF - 10)
    y = Axis(*padded(min(0.0, low), max(0.0, high)), 236, 14)
    right, up = x.many(np.minimum(met, furthest)), y.many(np.clip(values, low, high))
    sign = -1.0 if adverse else 1.0
    reach = min(x.high, (-y.low if adverse else y.high))
    marks = [
        dot("gain", right[index], up[index]) if values[index] >= 0 else cross(right[index], up[index])
        for index in drawn
    ]
    body = [
        y_grid(y, [(value, words.percent(value, 1)) for value in y.ticks(4)], 52, HALF - 10),
        return_grid(x, 14, 236, ticks(0.0, x.high, 5)),
        rule("zero", 52, y(0.0), HALF - 10, y(0.0)),
        rule("mean", x(0.0), y(0.0), x(reach), y(sign * reach)),
        '<g class="faint">',
        *marks,
        "</g>",
    ]
    way = "against" if adverse else "for"
    lost = values < 0
    kind = lost if adverse else ~lost
    mean = float(met[kind].mean()) if kind.any() else None
    who = "Trades that lost" if adverse else "Trades that won"
    most = words.share(float(met.max()))
    text = f"Prices went up to {most} {way} a trade. {who} met {words.share(mean)} on average."
    title = "Worst met while held (MAE)" if adverse else "Best met while held (MFE)"
    return svg("mae" if adverse else "mfe", HALF, 264, title, text, body)


def excursion_charts(found: Excursions, values: Floats) -> tuple[str, str]:
    """The pair of charts of a run's trades: what went against them, and what went their way."""
    own = values[found.index]
    return excursion_chart(found.adverse, own, adverse=True), excursion_chart(
        found.favourable, own, adverse=False
    )


def columns_chart(title: str, shares: Sequence[Share], names: Sequence[str], currency: str) -> str:
    """Profit by weekday or hour as columns up and down from zero, with the trades as a tip."""
    by_name = {share.name: share for share in shares}
    values = [by_name[name].pnl_e8 / E8 if name in by_name else 0.0 for name in names]
    y = Axis(*padded(min(0.0, *values), max(0.0, *values)), 150, 14)
    width = (HALF - 70) / len(names)
    body = [y_grid(y, [(value, words.compact(value)) for value in y.ticks(4)], 62, HALF - 4)]
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        left = 64 + index * width
        share = by_name.get(name)
        if share is not None:
            result = words.money(share.pnl_e8, currency, signed=True)
            tip = f"{name}: {result}, {share.wins} of {share.trades} won"
            top, bottom = sorted((y(0.0), y(value)))
            kind = "loss" if value < 0 else "gain"
            body.append(bar(kind, left + 1, top, max(1.0, width - 2), max(1.0, bottom - top), tip))
        if len(names) <= 7 or index % 3 == 0:
            body.append(label(left + width / 2, 170, "tick mid", name[:3] if len(names) <= 7 else name))
    body.append(rule("zero", 62, y(0.0), HALF - 4, y(0.0)))
    told = sorted(shares, key=lambda share: share.pnl_e8)
    ends = [told[0], told[-1]] if len(told) > 1 else told
    text = "; ".join(f"{each.name} {words.money(each.pnl_e8, currency, signed=True)}" for each in ends)
    return svg(f"columns-{title}", HALF, 178, f"Profit {title.lower()}", f"Least and most: {text}.", body)


def _some(count: int) -> list[int]:
    """At most about ``POINTS_MARKED`` indices, evenly spread."""
    if count <= POINTS_MARKED:
        return list(range(count))
    return sorted(set(np.linspace(0, count - 1, POINTS_MARKED).astype(np.int64).tolist()))


def heat_chart(
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    values: Floats,
    chosen: tuple[int, int],
    measure: str,
) -> str:
    """A measure over two parameters, named with their values: float64[rows, columns], NaN where undefined.

    The stronger the further from zero; below zero another colour and a minus sign. The chosen cell is framed.
    """
    (down, ups), (over, sides) = rows, columns
    known = np.isfinite(values)
    most = float(np.abs(values[known]).max()) if known.any() else 0.0
    wide, high = (WIDE - RIGHT - LEFT) / len(sides), min(34.0, max(9.0, 520 / len(ups)))
    body = [label(LEFT, 18, "unit", f"{over} across, {down} down")]
    every = max(1, math.ceil(34 / wide))
    for place, name in enumerate(sides):
        if place % every == 0:
            body.append(label(LEFT + (place + 0.5) * wide, 38, "tick mid", cut(name, 8)))
    skip = max(1, math.ceil(14 / high))
    for place, name in enumerate(ups):
        if place % skip == 0:
            body.append(label(LEFT - 8, 46 + (place + 0.5) * high + 3.5, "tick end", cut(name, 9)))
    for i, j in np.ndindex(values.shape):
        x, y, value = LEFT + j * wide, 46 + i * high, float(values[i, j])
        text = words.number(value) if known[i, j] else "not defined"
        tip = escape(f"{down} {ups[i]}, {over} {sides[j]}: {measure} {text}")
        kind = "none" if not known[i, j] else "loss" if value < 0 else "gain"
        shade = 0.06 + 0.74 * abs(value) / most if known[i, j] and most else 1.0
        body.append(
            f'<rect class="cell {kind}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" '
            f'fill-opacity="{shade:.3f}"><title>{tip}</title></rect>'
        )
        if wide >= 44 and high >= 18:
            body.append(label(x + wide / 2, y + high / 2 + 4, "num mid", text if known[i, j] else "–"))
    x, y = LEFT + chosen[1] * wide, 46 + chosen[0] * high
    body.append(bar("chosen", x, y, wide, high))
    text = (
        f"{measure} over {len(ups)} values of {down} and {len(sides)} of {over}; "
        f"the chosen one is {down} {ups[chosen[0]]}, {over} {sides[chosen[1]]}."
    )
    return svg("heat", WIDE, round(56 + len(ups) * high), f"{measure} by parameters", text, body)
