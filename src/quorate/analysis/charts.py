"""The tear sheet's charts as SVG text: no library, no script, colours by CSS variables of the page.

Each chart has a title and a description for those who cannot see it. Gain and loss differ by side, sign and
shape, never by colour alone. Coordinates are pixels of a 1120 or 540 wide canvas that scales with the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quorate.analysis import words
from quorate.analysis.attribution import Share
from quorate.analysis.baselines import Baselines
from quorate.analysis.marks import (
    HALF,
    LEFT,
    RIGHT,
    WIDE,
    across,
    area,
    arrow,
    bar,
    cross,
    cut,
    diamond,
    dot,
    label,
    line,
    return_grid,
    rule,
    svg,
    time_grid,
    triangle,
    y_grid,
)
from quorate.analysis.metrics import underwater
from quorate.analysis.result import Closes, Curve, Floats, Ints, RunStats, TradeRow
from quorate.analysis.scales import Axis, fitted, padded, thin, ticks
from quorate.core.money import E8
from quorate.core.order import Side

_TOP, _MIDDLE, _BOTTOM = 34, 250, 334  # of a price chart: price above, results beneath
_ZERO = 302
_BINS = 28
_BARS = 1000
_OFF_SCALE = 6


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time to shade: the breaker was in ``state`` from ``start`` to ``end``, ns."""

    start: int
    end: int
    state: str
    text: str


def equity_chart(stats: RunStats, hold: Curve | None, bands: Sequence[Band] = ()) -> str:
    """Equity over time beside buy and hold, with the drawdown beneath it and halts shaded."""
    curve, start = stats.curve, stats.cash.count
    at, equity = thin(curve.at, curve.equity)
    held_at, held = thin(hold.at, hold.equity) if hold is not None else (at[:0], equity[:0])
    fall_at, fall = thin(curve.at, underwater(curve, start))
    x = _time(curve.at)
    low, high = _range(equity, held, np.array([start]))
    y = fitted(low / E8, high / E8, 232, _TOP)
    depth = Axis(min(float(fall.min()) * 1.08, -0.01), 0.0, 344, 262)
    body = [
        *(
            bar(
                f"band {band.state}",
                x(band.start),
                _TOP,
                max(1.5, x(band.end) - x(band.start)),
                310,
                band.text,
            )
            for band in bands
        ),
        y_grid(y, [(value, words.compact(value)) for value in y.ticks()]),
        y_grid(depth, [(value, words.percent(value, 1)) for value in ticks(depth.low, 0.0, 3)]),
        time_grid(x, _TOP, 344),
        across("start", y(start / E8)),
        area(x.many(at), y.many(equity / E8), 232, "equity-fill"),
        line(x.many(held_at), y.many(held / E8), "hold"),
        line(x.many(at), y.many(equity / E8), "equity"),
        area(x.many(fall_at), depth.many(fall), depth(0.0), "fall-fill"),
        line(x.many(fall_at), depth.many(fall), "fall"),
        _ends(stats, hold, y),
        _legend(["equity", "start", *(["hold"] if hold is not None else [])]),
        label(LEFT - 8, 20, "unit end", stats.currency),
        label(LEFT, 256, "unit", "drawdown"),
        _log_note(y),
    ]
    text = (
        f"Equity from {words.money(start, stats.currency)} on {words.stamp(int(at[0]))} to "
        f"{words.money(stats.end_e8, stats.currency)} on {words.stamp(int(at[-1]))}; "
        f"deepest drawdown {words.percent(float(fall.min()))}."
    )
    return svg("equity", WIDE, 372, "Equity and drawdown", text, body)


def price_chart(name: str, closes: Closes, rows: Sequence[TradeRow], currency: str) -> str:
    """Price with each trade drawn from entry to exit, and each trade's result as a bar beneath."""
    levels = np.array([level for row in rows for level in (row.entry, row.exit)])
    x = _time(closes.at)
    y = fitted(*_range(closes.close, levels), _MIDDLE, _TOP)
    body = [
        *_price(closes, x, y, currency),
        *(_trade(row, x, y, currency) for row in rows),
        _results(rows, x, currency),
        _trade_legend(),
    ]
    span = f"from {words.stamp(int(closes.at[0]))} to {words.stamp(int(closes.at[-1]))}"
    text = f"Price of {name} {span} with {len(rows)} trades marked."
    return svg(f"price-{name}", WIDE, 362, f"{name}: price and trades", text, body)


def overview_chart(name: str, closes: Closes, rows: Sequence[TradeRow], currency: str) -> str:
    """Price over the whole run with results beneath: for trades too many to mark. The largest stay."""
    x = _time(closes.at)
    y = fitted(*_range(closes.close), _MIDDLE, _TOP)
    kept, _ = thin(np.arange(len(rows)), np.array([row.pnl_e8 for row in rows]), _BARS)
    body = [*_price(closes, x, y, currency), _results([rows[index] for index in kept], x, currency)]
    text = f"Price of {name} over the whole run with the results of {len(rows)} trades."
    return svg(f"overview-{name}", WIDE, 362, f"{name}: the whole run", text, body)


def standing_chart(
    desk: float, pessimistic: float, optimistic: float, compared: Baselines, who: str = "desk"
) -> str:
    """The desk's (or another's) return with its interval, on one axis with three baselines. All fractions."""
    hold, random = compared.buy_and_hold, compared.random
    rows = [(who, "desk", pessimistic, desk, optimistic)]
    if hold:
        rows.append(("buy and hold", "other", hold.total_return, hold.total_return, hold.total_return))
    if random:
        rows.append(("random trader", "other", random.low, random.median, random.high))
    rows.append(("nothing", "other", 0.0, 0.0, 0.0))
    near = [row for row in rows if row[0] != "buy and hold"]
    reach = _OFF_SCALE * max(
        max(-row[2], row[4]) for row in near
    )  # beyond it the rest could not be told apart
    drawn = [row for row in rows if abs(row[3]) <= reach or reach == 0.0]
    x = Axis(*padded(min(row[2] for row in drawn), max(row[4] for row in drawn)), 132, HALF - 82)
    height = 40 * len(rows) + 44
    body = [return_grid(x, 12, height - 28, ticks(x.low, x.high, 4))]
    for index, (name, kind, low, value, high) in enumerate(rows):
        y = 32 + 40 * index
        body.append(label(0, y + 4, "name", name))
        if low < high:
            tip = f"{words.percent(low)} to {words.percent(high)}"
            body.append(bar(f"reach {kind}", x(low), y - 6, max(2.0, x(high) - x(low)), 12, tip))
        spot = min(max(x(value), x.start), x.end)
        body.append(
            diamond(f"point {kind}", spot, y)
            if spot == x(value)
            else arrow(f"point {kind}", spot, y, 1 if value > 0 else -1, "off the scale")
        )
        body.append(label(HALF, y + 4, "num end", _brief(value)))
    text = ", ".join(f"{name} {words.percent(value)}" for name, _, _, value, _ in rows)
    return svg("standing", HALF, height, "Return beside the baselines", f"Total return: {text}.", body)


def share_chart(title: str, shares: Sequence[Share], currency: str) -> str:
    """Profit by name as bars left and right of zero, with money and trades as figures."""
    values = [share.pnl_e8 / E8 for share in shares]
    x = Axis(min([0.0, *values]), max([0.0, *values]), 150, HALF - 210)
    height = 30 * len(shares) + 12
    body = [rule("zero", x(0), 4, x(0), height - 4)]
    for index, (share, value) in enumerate(zip(shares, values, strict=True)):
        y = 21 + 30 * index
        left, right = sorted((x(0.0), x(value)))
        tip = f"{share.name}: {share.wins} of {share.trades} won, fees {words.money(share.fees_e8, currency)}"
        body += [
            label(0, y + 4, "name", cut(share.name)),
            bar(_outcome(share.pnl_e8), left, y - 8, max(1.0, right - left), 16, tip),
            label(HALF - 118, y + 4, "num end", words.number(value, signed=True)),
            label(HALF - 112, y + 4, "unit", currency),
            label(HALF, y + 4, "unit end", f"{share.trades:,} trade{'' if share.trades == 1 else 's'}"),
        ]
    text = "; ".join(f"{share.name} {words.money(share.pnl_e8, currency, signed=True)}" for share in shares)
    return svg(f"share-{title}", HALF, height, f"Profit {title.lower()}", text, body)


def histogram(rows: Sequence[TradeRow]) -> str:
    """How trade returns are spread; the outermost bars hold all beyond the 1st and 99th percentile."""
    values = np.array([row.value for row in rows])
    low, high = (float(value) for value in np.percentile(values, (1, 99)))
    width = max((high - low) / _BINS, 1e-6)
    first, last = int(np.floor(low / width)), int(np.floor(high / width))  # zero is always an edge
    slots = np.clip(np.floor(values / width).astype(np.int64), first, last)
    counts = np.bincount(slots - first, minlength=last - first + 1).tolist()
    x = Axis(first * width, (last + 1) * width, 40, HALF - 8)
    y = Axis(0.0, float(max(counts)), 196, 16)
    whole = [value for value in ticks(0, y.high, 4) if value == int(value)]
    body = [y_grid(y, [(value, f"{value:g}") for value in whole], 40, HALF - 8)]
    for slot, count in enumerate(counts, first):
        left, right = slot * width, (slot + 1) * width
        tip = f"{words.percent(left, 3)} to {words.percent(right, 3)}: {count}"
        kind = "gain" if slot >= 0 else "loss"
        if count:
            body.append(bar(kind, x(left) + 0.75, y(count), x(right) - x(left) - 1.5, 196 - y(count), tip))
    mean = float(values.mean())
    body += [return_grid(x, 16, 196, ticks(x.low, x.high, 6)), rule("mean", x(mean), 10, x(mean), 196)]
    text = f"{len(rows)} trades, mean return {words.percent(mean, 3)} of the entry notional."
    return svg("histogram", HALF, 224, "Trade returns", text, body)


def _time(at: Ints) -> Axis:
    return Axis(float(at[0]), float(at[-1]), LEFT, WIDE - RIGHT)


def _range(*series: Floats | Ints) -> tuple[float, float]:
    filled = [values for values in series if values.size]
    return min(float(values.min()) for values in filled), max(float(values.max()) for values in filled)


def _price(closes: Closes, x: Axis, y: Axis, currency: str) -> list[str]:
    """The price line on its grid."""
    at, close = thin(closes.at, closes.close)
    return [
        y_grid(y, [(value, words.compact(value)) for value in y.ticks()]),
        _log_note(y),
        time_grid(x, _TOP, _BOTTOM),
        line(x.many(at), y.many(close), "price"),
        label(LEFT - 8, 20, "unit end", currency),
    ]


def _ends(stats: RunStats, hold: Curve | None, y: Axis) -> str:
    """The last values as returns at the right edge, kept apart where they meet."""
    ends = [("equity", stats.end_e8)] + ([("hold", int(hold.equity[-1]))] if hold is not None else [])
    spots = [y(value / E8) + 4 for _, value in ends]
    if len(spots) == 2 and abs(spots[0] - spots[1]) < 14:
        middle, up = sum(spots) / 2, 1 if spots[0] <= spots[1] else -1
        spots = [middle - 7 * up, middle + 7 * up]
    return "".join(
        label(WIDE - RIGHT + 8, spot, f"last {kind}", _brief(value / stats.cash.count - 1))
        for (kind, value), spot in zip(ends, spots, strict=True)
    )


def _trade(row: TradeRow, x: Axis, y: Axis, currency: str) -> str:
    """A trade: a triangle the way it was opened, a dashed line, and a dot (gain) or a cross (loss)."""
    left, right = x(row.opened_at), x(row.closed_at)
    way, kind = "long" if row.side is Side.BUY else "short", _outcome(row.pnl_e8)
    tip = (
        f"{way} {words.stamp(row.opened_at)} at {words.price(row.entry)}, "
        f"{row.exit_role} {words.stamp(row.closed_at)} at {words.price(row.exit)}: "
        f"{words.money(row.pnl_e8, currency, signed=True)}"
    )
    return (
        f"<g><title>{tip}</title>"
        + rule(f"leg {kind}", left, y(row.entry), right, y(row.exit))
        + triangle(f"entry {way}", left, y(row.entry), up=way == "long")
        + (cross(right, y(row.exit)) if kind == "loss" else dot("gain", right, y(row.exit)))
        + "</g>"
    )


def _results(rows: Sequence[TradeRow], x: Axis, currency: str) -> str:
    """Profit up and loss down from a line, at the instant each trade closed."""
    most = max((abs(row.pnl_e8) for row in rows), default=0) or 1
    bars = []
    for row in rows:
        height = max(1.0, 30 * abs(row.pnl_e8) / most)
        top = _ZERO if row.pnl_e8 < 0 else _ZERO - height
        bars.append(bar(_outcome(row.pnl_e8), x(row.closed_at) - 1, top, 2, height))
    scale = f"±{words.compact(float(f'{most / E8:.3g}'))} {currency}"
    return (
        "".join(bars)
        + across("zero", _ZERO)
        + label(LEFT - 8, _ZERO + 4, "unit end", "result")
        + label(WIDE - RIGHT + 8, _ZERO + 4, "unit", cut(scale, 14))
    )


def _log_note(y: Axis) -> str:
    return label(WIDE - RIGHT, 20, "unit end", "logarithmic scale") if y.log else ""


def _brief(value: float) -> str:
    """A signed percentage that fits beside a chart."""
    return words.percent(value, 2 if abs(value) < 10 else 0)


def _legend(kinds: Sequence[str]) -> str:
    spots = [(kind, LEFT + 90 * index) for index, kind in enumerate(kinds)]
    return "".join(
        rule(f"line {kind}", left, 16, left + 22, 16)
        + label(left + 30, 20, "key", "buy and hold" if kind == "hold" else kind)
        for kind, left in spots
    )


def _trade_legend() -> str:
    marks = [
        (triangle("entry long", LEFT + 5, 16, up=True), 0, "opened long"),
        (triangle("entry short", LEFT + 115, 16, up=False), 110, "opened short"),
        (dot("gain", LEFT + 227, 16), 220, "closed with gain"),
        (cross(LEFT + 353, 16), 346, "closed with loss"),
    ]
    return "".join(mark + label(LEFT + left + 16, 20, "key", text) for mark, left, text in marks)


def _outcome(amount_e8: int) -> str:
    return "loss" if amount_e8 < 0 else "gain"
