"""The marks that charts are made of, as SVG text: lines, areas, bars, labels and grids.

Every name that reaches a chart is escaped here. Colours and strokes are the page's, by class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from quorate.analysis import words
from quorate.analysis.result import Floats
from quorate.analysis.scales import Axis, time_ticks

WIDE, HALF = 1120, 540
LEFT, RIGHT = 72, 84  # room for the labels of a wide chart


def svg(key: str, width: int, height: int, title: str, text: str, body: Iterable[str]) -> str:
    """A whole chart with its title and description; ``key`` makes its ids its own."""
    name = "".join(letter if letter.isalnum() else "-" for letter in key)
    size = "wide" if width == WIDE else "half"
    return (
        f'<svg class="chart {size}" role="img" viewBox="0 0 {width} {height}" '
        f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(title)}</title>'
        f'<desc id="{name}-d">{escape(text)}</desc>{"".join(body)}</svg>'
    )


def label(x: float, y: float, kind: str, text: str) -> str:
    """A text; ``kind`` may say ``end`` or ``mid`` for where x is."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def rule(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def across(kind: str, y: float) -> str:
    """A level line over the whole of a wide chart."""
    return rule(kind, LEFT, y, WIDE - RIGHT, y)


def bar(kind: str, x: float, y: float, width: float, height: float, text: str = "") -> str:
    """A rectangle, with a tip when there is ``text``."""
    shape = f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f"{shape}><title>{escape(text)}</title></rect>" if text else f"{shape}/>"


def shape(kind: str, path: str) -> str:
    """A path."""
    return f'<path class="{kind}" d="{path}"/>'


def dot(kind: str, x: float, y: float) -> str:
    """A small disc."""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def cross(x: float, y: float) -> str:
    """The mark of a loss: told from a gain's dot without its colour."""
    return shape("cross", f"M{x - 3.5:.1f},{y - 3.5:.1f}l7,7m0,-7l-7,7")


def triangle(kind: str, x: float, y: float, *, up: bool) -> str:
    """A small triangle that points up or down."""
    nose, base = (-5, 4) if up else (5, -4)
    return shape(kind, f"M{x - 5:.1f},{y + base:.1f}h10L{x:.1f},{y + nose:.1f}z")


def diamond(kind: str, x: float, y: float) -> str:
    """A small diamond."""
    return shape(kind, f"M{x:.1f},{y - 7:.1f}l6,7l-6,7l-6,-7z")


def arrow(kind: str, x: float, y: float, way: int, text: str) -> str:
    """An arrowhead that points right (``way`` 1) or left (-1), with a tip."""
    head = f"M{x - 5 * way:.1f},{y - 6:.1f}v12L{x + 6 * way:.1f},{y:.1f}z"
    return f'<path class="{kind}" d="{head}"><title>{escape(text)}</title></path>'


def line(xs: Floats, ys: Floats, kind: str) -> str:
    """A line through pixels float64[n]; nothing for none."""
    return f'<polyline class="line {kind}" points="{_points(xs, ys)}"/>' if xs.size else ""


def area(xs: Floats, ys: Floats, base: float, kind: str) -> str:
    """The area between pixels float64[n] and a level."""
    ends = f"{xs[0]:.1f},{base:.1f}", f"{xs[-1]:.1f},{base:.1f}"
    return f'<polygon class="{kind}" points="{ends[0]} {_points(xs, ys)} {ends[1]}"/>'


def y_grid(
    y: Axis, labels: Iterable[tuple[float, str]], left: float = LEFT, right: float = WIDE - RIGHT
) -> str:
    """Level lines with their labels at the left."""
    return "".join(
        rule("grid", left, y(value), right, y(value)) + label(left - 8, y(value) + 3.5, "tick end", text)
        for value, text in labels
    )


def time_grid(x: Axis, top: float, bottom: float) -> str:
    """Upright lines at round UTC times, labelled beneath."""
    return "".join(
        rule("grid", x(at), top, x(at), bottom) + label(x(at), bottom + 18, "tick mid", text)
        for at, text in time_ticks(int(x.low), int(x.high))
    )


def return_grid(x: Axis, top: float, bottom: float, values: Sequence[float]) -> str:
    """Upright lines at returns (fractions), zero stressed, labelled beneath in per cent."""
    digits = next(digits for digits in (0, 1, 2) if digits == 2 or _round_at(values, digits))
    return "".join(
        rule("zero" if abs(value) < 1e-12 else "grid", x(value), top, x(value), bottom)
        + label(x(value), bottom + 18, "tick mid", words.percent(value, digits))
        for value in values
    )


def cut(text: str, most: int = 20) -> str:
    """A name that fits."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _round_at(values: Sequence[float], digits: int) -> bool:
    return all(abs(100 * value - round(100 * value, digits)) < 1e-9 for value in values)


def _points(xs: Floats, ys: Floats) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
