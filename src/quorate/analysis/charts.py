"""The tear sheet's charts as SVG text: no library, no script, colours by CSS variables of the page.

Each chart has a title and a description for those who cannot see it. Gain and loss differ by side, sign and
shape, never by colour alone. Coordinates are pixels of a 1120 or 540 wide canvas that scales with the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from quorate.analysis import words
from quorate.analysis.attribution import Share
from quorate.analysis.baselines import Baselines
from quorate.analysis.metrics import underwater
from quorate.analysis.result import Closes, Curve, Floats, Ints, RunStats, TradeRow
from quorate.analysis.scales import Axis, padded, thin, ticks, time_ticks
from quorate.core.money import E8
from quorate.core.order import Side

WIDE, HALF = 1120, 540
_LEFT, _RIGHT = 72, 84
_BINS = 28


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time to shade: the breaker was in ``state`` from ``start`` to ``end``, ns."""

    start: int
    end: int
    state: str
    label: str


def equity_chart(stats: RunStats, hold: Curve | None, bands: Sequence[Band] = ()) -> str:
    """Equity over time beside buy and hold, with the drawdown beneath it and halts shaded."""
    curve, start = stats.curve, stats.cash.count
    at, equity = thin(curve.at, curve.equity)
    x = Axis(float(curve.at[0]), float(curve.at[-1]), _LEFT, WIDE - _RIGHT)
    held = thin(hold.at, hold.equity) if hold is not None else (at[:0], equity[:0])
    low, high = padded(*_range(equity, held[1], np.array([start])))
    y = Axis(low / E8, high / E8, 232, 34)
    fall_at, fall = thin(curve.at, underwater(curve, start))
    depth = Axis(min(float(fall.min()) * 1.08, -0.001), 0.0, 344, 262)
    body = [
        _bands(bands, x, 34, 344),
        _y_grid(y, [(value, words.compact(value)) for value in ticks(y.low, y.high)], WIDE),
        _y_grid(depth, [(value, words.percent(value, 1)) for value in ticks(depth.low, 0.0, 3)], WIDE),
        _x_grid(x, 34, 344),
        f'<line class="start" x1="{_LEFT}" x2="{WIDE - _RIGHT}" y1="{y(start / E8):.1f}" y2="{y(start / E8):.1f}"/>',
        _area(x.many(at), y.many(equity / E8), 232, "equity-fill"),
        _line(x.many(held[0]), y.many(held[1] / E8), "hold"),
        _line(x.many(at), y.many(equity / E8), "equity"),
        _area(x.many(fall_at), depth.many(fall), depth(0.0), "fall-fill"),
        _line(x.many(fall_at), depth.many(fall), "fall"),
        _ends(stats, hold, y),
        _legend(
            [
                ("equity", "equity"),
                *([("hold", "buy and hold")] if hold is not None else []),
                ("start", "start"),
            ]
        ),
        f'<text class="unit end" x="{_LEFT - 8}" y="20">{escape(stats.currency)}</text>',
        f'<text class="unit" x="{_LEFT}" y="256">drawdown</text>',
    ]
    text = (
        f"Equity in {stats.currency} from {words.money(start, stats.currency)} on {words.stamp(int(curve.at[0]))} to "
        f"{words.money(stats.end_e8, stats.currency)} on {words.stamp(int(curve.at[-1]))}; deepest drawdown "
        f"{words.percent(float(fall.min()))}."
    )
    return _svg("equity", WIDE, 372, "Equity and drawdown", text, body)


def price_chart(key: str, closes: Closes, rows: Sequence[TradeRow], currency: str, title: str) -> str:
    """Price with each trade drawn from entry to exit, and each trade's result as a bar beneath."""
    at, close = thin(closes.at, closes.close)
    x = Axis(float(closes.at[0]), float(closes.at[-1]), _LEFT, WIDE - _RIGHT)
    levels = np.array([level for row in rows for level in (row.entry, row.exit)])
    y = Axis(*padded(*_range(close, levels)), 250, 34)
    body = [
        _y_grid(y, [(value, words.compact(value)) for value in ticks(y.low, y.high)], WIDE),
        _x_grid(x, 34, 334),
        _line(x.many(at), y.many(close), "price"),
        *(_trade(row, x, y, currency) for row in rows),
        _results(rows, x, currency),
        _trade_legend(),
        f'<text class="unit end" x="{_LEFT - 8}" y="20">{escape(currency)}</text>',
    ]
    text = f"Price of {key} with {len(rows)} trades from {words.stamp(int(at[0]))} to {words.stamp(int(at[-1]))}."
    return _svg(f"price-{key}", WIDE, 362, title, text, body)


def overview_chart(key: str, closes: Closes, rows: Sequence[TradeRow], currency: str, title: str) -> str:
    """Price over the whole run with each trade's result as a bar beneath: for trades too many to mark."""
    at, close = thin(closes.at, closes.close)
    x = Axis(float(closes.at[0]), float(closes.at[-1]), _LEFT, WIDE - _RIGHT)
    y = Axis(*padded(*_range(close)), 250, 34)
    order, _ = thin(np.arange(len(rows)), np.array([row.pnl_e8 for row in rows]), points=1000)
    body = [
        _y_grid(y, [(value, words.compact(value)) for value in ticks(y.low, y.high)], WIDE),
        _x_grid(x, 34, 334),
        _line(x.many(at), y.many(close), "price"),
        _results([rows[index] for index in order], x, currency),
        f'<text class="unit end" x="{_LEFT - 8}" y="20">{escape(currency)}</text>',
    ]
    text = f"Price of {key} over the whole run with the results of {len(rows)} trades."
    return _svg(f"overview-{key}", WIDE, 362, title, text, body)


def standing_chart(desk: float, pessimistic: float, optimistic: float, compared: Baselines) -> str:
    """The desk's return with its interval, on one axis with the three baselines. All fractions."""
    hold, random = compared.buy_and_hold, compared.random
    values = [desk, pessimistic, optimistic, 0.0]
    values += [hold.total_return] if hold else []
    values += [random.low, random.high] if random else []
    x = Axis(*padded(min(values), max(values)), 132, HALF - 76)
    rows: list[tuple[str, tuple[float, float] | None, float, str]] = [
        ("desk", (pessimistic, optimistic), desk, "desk"),
        *([("buy and hold", None, hold.total_return, "other")] if hold else []),
        *([("random trader", (random.low, random.high), random.median, "other")] if random else []),
        ("nothing", None, 0.0, "other"),
    ]
    height = 40 * len(rows) + 44
    body = [_x_values(x, 12, height - 28, ticks(x.low, x.high, 4))]
    for index, (name, reach, value, kind) in enumerate(rows):
        middle = 32 + 40 * index
        body.append(f'<text class="name" x="0" y="{middle + 4}">{name}</text>')
        if reach:
            left, right = x(reach[0]), x(reach[1])
            body.append(
                f'<rect class="reach {kind}" x="{left:.1f}" y="{middle - 6}" width="{max(2.0, right - left):.1f}" '
                f'height="12" rx="3"><title>{words.percent(reach[0])} to {words.percent(reach[1])}</title></rect>'
            )
        body.append(_diamond(x(value), middle, f"point {kind}"))
        body.append(f'<text class="num end" x="{HALF}" y="{middle + 4}">{words.percent(value)}</text>')
    text = ", ".join(f"{name} {words.percent(value)}" for name, _, value, _ in rows)
    return _svg("standing", HALF, height, "Return beside the baselines", f"Total return: {text}.", body)


def share_chart(key: str, shares: Sequence[Share], currency: str, title: str) -> str:
    """Profit by name as bars left and right of zero, with money and trades as figures."""
    values = [share.pnl_e8 / E8 for share in shares] or [0.0]
    x = Axis(min(0.0, *values), max(0.0, *values), 150, HALF - 200)
    height = 30 * len(shares) + 12
    body = [f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="4" y2="{height - 4}"/>']
    for index, share in enumerate(shares):
        middle, value = 21 + 30 * index, share.pnl_e8 / E8
        left, right = sorted((x(0.0), x(value)))
        count = f"{share.trades:,} trade{'' if share.trades == 1 else 's'}"
        figure, unit = words.money(share.pnl_e8, currency, signed=True).rsplit(" ", 1)
        body.append(
            f'<text class="name" x="0" y="{middle + 4}">{escape(_cut(share.name))}</text>'
            f'<rect class="{_outcome(share.pnl_e8)}" x="{left:.1f}" y="{middle - 8}" '
            f'width="{max(1.0, right - left):.1f}" height="16" rx="2"><title>{escape(share.name)}: '
            f"{share.trades} trades, {share.wins} won, fees {words.money(share.fees_e8, currency)}</title></rect>"
            f'<text class="num end" x="{HALF - 84}" y="{middle + 4}">{figure} '
            f'<tspan class="unit">{escape(unit)}</tspan></text>'
            f'<text class="unit end" x="{HALF}" y="{middle + 4}">{count}</text>'
        )
    text = "; ".join(f"{share.name} {words.money(share.pnl_e8, currency, signed=True)}" for share in shares)
    return _svg(f"share-{key}", HALF, height, title, text, body)


def histogram(rows: Sequence[TradeRow]) -> str:
    """How trade returns are spread; the outermost bars hold all beyond the 1st and 99th percentile."""
    values = 100 * np.array([row.value for row in rows])
    low, high = (float(value) for value in np.percentile(values, (1, 99)))
    width = max((high - low) / _BINS, 1e-6)
    first, last = int(np.floor(low / width)), int(np.floor(high / width))  # zero is always an edge
    slot = np.clip(np.floor(values / width).astype(np.int64), first, last)
    counts = np.bincount(slot - first, minlength=last - first + 1)
    x = Axis(first * width, (last + 1) * width, 40, HALF - 8)
    y = Axis(0.0, float(counts.max()), 196, 16)
    body = [
        _y_grid(
            y, [(value, f"{value:g}") for value in ticks(0, y.high, 4) if value == int(value)], HALF, 40, 8
        )
    ]
    for index, count in enumerate(counts):
        left, right = x((first + index) * width), x((first + index + 1) * width)
        if count:
            span = f"{words.number((first + index) * width, 3, signed=True)} to "
            span += f"{words.number((first + index + 1) * width, 3, signed=True)} %"
            body.append(
                f'<rect class="{"gain" if first + index >= 0 else "loss"}" x="{left + 0.75:.1f}" y="{y(count):.1f}" '
                f'width="{max(1.0, right - left - 1.5):.1f}" height="{196 - y(count):.1f}"><title>{span}: {count}'
                f"</title></rect>"
            )
    body.append(_x_values(x, 16, 196, ticks(x.low, x.high, 8), scale=0.01))
    mean = float(values.mean())
    body.append(f'<line class="mean" x1="{x(mean):.1f}" x2="{x(mean):.1f}" y1="10" y2="196"/>')
    text = f"{len(rows)} trades, mean return {words.percent(mean / 100, 3)} of the entry notional."
    return _svg("histogram", HALF, 224, "Trade returns", text, body)


def _svg(key: str, width: int, height: int, title: str, text: str, body: Sequence[str]) -> str:
    name = "".join(letter if letter.isalnum() else "-" for letter in key)
    size = "wide" if width == WIDE else "half"
    return (
        f'<svg class="chart {size}" role="img" viewBox="0 0 {width} {height}" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(text)}</desc>'
        f"{''.join(body)}</svg>"
    )


def _range(*series: Floats | Ints) -> tuple[float, float]:
    filled = [values for values in series if values.size]
    return min(float(values.min()) for values in filled), max(float(values.max()) for values in filled)


def _points(xs: Floats, ys: Floats) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))


def _line(xs: Floats, ys: Floats, kind: str) -> str:
    return f'<polyline class="line {kind}" points="{_points(xs, ys)}"/>' if xs.size else ""


def _area(xs: Floats, ys: Floats, base: float, kind: str) -> str:
    return (
        f'<polygon class="{kind}" points="{xs[0]:.1f},{base:.1f} {_points(xs, ys)} {xs[-1]:.1f},{base:.1f}"/>'
    )


def _y_grid(
    y: Axis, labels: Sequence[tuple[float, str]], width: int, left: int = _LEFT, right: int = _RIGHT
) -> str:
    return "".join(
        f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        f'<text class="tick end" x="{left - 8}" y="{y(value) + 3.5:.1f}">{label}</text>'
        for value, label in labels
    )


def _x_grid(x: Axis, top: int, bottom: int) -> str:
    return "".join(
        f'<line class="grid" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{top}" y2="{bottom}"/>'
        f'<text class="tick mid" x="{x(at):.1f}" y="{bottom + 18}">{label}</text>'
        for at, label in time_ticks(int(x.low), int(x.high))
    )


def _x_values(x: Axis, top: int, bottom: int, values: Sequence[float], scale: float = 1.0) -> str:
    """Grid lines at returns, with zero stressed; ``scale`` makes fractions of the axis' values."""
    digits = 0 if all(abs(100 * scale * value - round(100 * scale * value)) < 1e-9 for value in values) else 2
    return "".join(
        f'<line class="{"zero" if abs(value) < 1e-12 else "grid"}" x1="{x(value):.1f}" x2="{x(value):.1f}" '
        f'y1="{top}" y2="{bottom}"/><text class="tick mid" x="{x(value):.1f}" y="{bottom + 18}">'
        f"{words.percent(value * scale, digits)}</text>"
        for value in values
    )


def _bands(bands: Sequence[Band], x: Axis, top: int, bottom: int) -> str:
    return "".join(
        f'<rect class="band {escape(band.state)}" x="{x(band.start):.1f}" y="{top}" '
        f'width="{max(1.5, x(band.end) - x(band.start)):.1f}" height="{bottom - top}">'
        f"<title>{escape(band.label)}</title></rect>"
        for band in bands
    )


def _ends(stats: RunStats, hold: Curve | None, y: Axis) -> str:
    """The last values as returns at the right edge, kept apart where they meet."""
    start = stats.cash.count
    ends = [("equity", stats.end_e8)] + ([("hold", int(hold.equity[-1]))] if hold is not None else [])
    spots = [y(value / E8) + 4 for _, value in ends]
    if len(spots) == 2 and abs(spots[0] - spots[1]) < 14:
        middle, up = sum(spots) / 2, 1 if spots[0] <= spots[1] else -1
        spots = [middle - 7 * up, middle + 7 * up]
    return "".join(
        f'<text class="last {kind}" x="{WIDE - _RIGHT + 8}" y="{spot:.1f}">{words.percent(value / start - 1)}</text>'
        for (kind, value), spot in zip(ends, spots, strict=True)
    )


def _trade(row: TradeRow, x: Axis, y: Axis, currency: str) -> str:
    """A trade: a triangle that points the way it was opened, a dashed line, and a dot (won) or cross (lost)."""
    left, right = x(row.opened_at), x(row.closed_at)
    top, bottom = y(row.entry), y(row.exit)
    kind, long = _outcome(row.pnl_e8), row.side is Side.BUY
    nose, base = (-5, 4) if long else (5, -4)
    if kind == "loss":
        end = f"M{right - 3.5:.1f},{bottom - 3.5:.1f}l7,7m0,-7l-7,7"
        mark = f'<path class="cross" d="{end}"/>'
    else:
        mark = f'<circle class="gain" cx="{right:.1f}" cy="{bottom:.1f}" r="3.5"/>'
    text = (
        f"{'long' if long else 'short'} {words.stamp(row.opened_at)} at {words.price(row.entry)}, {row.exit_role} "
        f"{words.stamp(row.closed_at)} at {words.price(row.exit)}: {words.money(row.pnl_e8, currency, signed=True)}"
    )
    return (
        f'<g><title>{escape(text)}</title><line class="leg {kind}" x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" '
        f'y2="{bottom:.1f}"/><path class="entry {"long" if long else "short"}" d="M{left - 5:.1f},{top + base:.1f}'
        f'h10L{left:.1f},{top + nose:.1f}z"/>{mark}</g>'
    )


def _results(rows: Sequence[TradeRow], x: Axis, currency: str) -> str:
    """Profit up and loss down from a line, at the instant each trade closed."""
    most = max((abs(row.pnl_e8) for row in rows), default=0) or 1
    bars = []
    for row in rows:
        height = max(1.0, 30 * abs(row.pnl_e8) / most)
        top = 302 - height if row.pnl_e8 >= 0 else 302
        bars.append(
            f'<rect class="{_outcome(row.pnl_e8)}" x="{x(row.closed_at) - 1:.1f}" y="{top:.1f}" width="2" '
            f'height="{height:.1f}"/>'
        )
    scale = f"±{words.compact(float(f'{most / E8:.3g}'))} {currency}"
    return (
        f'{"".join(bars)}<line class="zero" x1="{_LEFT}" x2="{WIDE - _RIGHT}" y1="302" y2="302"/>'
        f'<text class="unit end" x="{_LEFT - 8}" y="306">result</text>'
        f'<text class="unit" x="{WIDE - _RIGHT + 8}" y="306"><title>full height {escape(scale)}</title>'
        f"{escape(_cut(scale, 13))}</text>"
    )


def _legend(items: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f'<line class="line {kind}" x1="{_LEFT + 130 * index}" x2="{_LEFT + 22 + 130 * index}" y1="16" y2="16"/>'
        f'<text class="key" x="{_LEFT + 30 + 130 * index}" y="20">{label}</text>'
        for index, (kind, label) in enumerate(items)
    )


def _trade_legend() -> str:
    left = _LEFT
    return (
        f'<path class="entry long" d="M{left},20h10l-5,-9z"/><text class="key" x="{left + 16}" y="20">opened long</text>'
        f'<path class="entry short" d="M{left + 110},11h10l-5,9z"/><text class="key" x="{left + 126}" y="20">opened short'
        f'</text><circle class="gain" cx="{left + 226}" cy="16" r="3.5"/><text class="key" x="{left + 236}" y="20">closed '
        f'with gain</text><path class="cross" d="M{left + 352.5},12.5l7,7m0,-7l-7,7"/><text class="key" x="{left + 366}" '
        f'y="20">closed with loss</text>'
    )


def _diamond(x: float, y: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{x:.1f},{y - 7:.1f}l6,7l-6,7l-6,-7z"/>'


def _outcome(amount: int) -> str:
    return "loss" if amount < 0 else "gain"


def _cut(text: str, most: int = 22) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
