"""Formulas worked out slowly and plainly, one bar after the other, to hold the native programs against."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quorate.indicators.formula import Formula
from quorate.indicators.terms import CONDITION, Term, indicator_form, output_place
from quorate.native.program import Bars
from quorate.native.tape import compute

Array = NDArray[np.float64]
NAN = math.nan
WEEK, DAY, HOUR = 7 * 86_400 * 10**9, 86_400 * 10**9, 3_600 * 10**9


def finite(f: Callable[..., float]) -> Callable[..., float]:
    """NaN wherever an argument is."""
    return lambda *xs: NAN if any(math.isnan(x) for x in xs) else f(*xs)


def known(f: Callable[..., bool]) -> Callable[..., bool]:
    """False wherever an argument is NaN."""
    return lambda *xs: not any(math.isnan(x) for x in xs) and f(*xs)


PLAIN: dict[str, Callable[..., Any]] = {
    "+": finite(lambda a, b: a + b),
    "-": finite(lambda a, b: a - b),
    "*": finite(lambda a, b: a * b),
    "/": finite(lambda a, b: NAN if b == 0 else a / b),
    "min": finite(lambda a, b: a if a < b else b),
    "max": finite(lambda a, b: a if a > b else b),
    "abs": finite(abs),
    "<": known(lambda a, b: a < b),
    "<=": known(lambda a, b: a <= b),
    ">": known(lambda a, b: a > b),
    ">=": known(lambda a, b: a >= b),
    "==": known(lambda a, b: a == b),
    "!=": known(lambda a, b: a != b),
    "between": known(lambda x, low, high: low <= x <= high),
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": lambda a: not a,
}


class Oracle:
    """Values of terms and stances of formulas over one history. Planted defects are subclasses."""

    def __init__(self, bars: Bars, tick: float, lot: float, interval_ns: int) -> None:
        self.bars, self.tick, self.lot, self.interval = bars, tick, lot, interval_ns
        self.count = len(bars.at)
        self._held: dict[Term, list[Any]] = {}

    def values(self, term: Term) -> list[Any]:
        """The term's value on each bar."""
        if term not in self._held:
            self._held[term] = self._work_out(term)
        return self._held[term]

    def _work_out(self, term: Term) -> list[Any]:
        if term.head == "number":
            return [term.value] * self.count
        if term.head == "series":
            return self.series(term)
        if term.head == "indicator":
            return self.indicator(term)
        columns = [self.values(child) for child in term.children]
        if term.head in PLAIN:
            return [PLAIN[term.head](*row) for row in zip(*columns, strict=True)]
        return [self.window(term, columns, t) for t in range(self.count)]

    # ---- leaves ----------------------------------------------------------------------------------------

    def coarse(self, every: int) -> tuple[list[list[int]], list[int]]:
        """Rows (open, high, low, close, volume) of a timeframe, and the fine bar that shows each."""
        anchor = 4 * DAY if every % WEEK == 0 else 0
        groups: dict[int, list[int]] = {}
        for t, at in enumerate(self.bars.at.tolist()):
            groups.setdefault((at - self.interval - anchor) // every, []).append(t)
        rows, shown = [], []
        for bucket, members in groups.items():
            end = (bucket + 1) * every + anchor
            at = self.bars.at[members[-1]]
            place = members[-1] if at >= end else members[-1] + 1  # the next fine bar is beyond it
            if place < self.count:
                rows.append(self._merged(members))
                shown.append(self.visible(place, members))
        return rows, shown

    def visible(self, place: int, members: list[int]) -> int:
        """The first fine bar that may see a coarse one."""
        return place

    def _merged(self, members: list[int]) -> list[int]:
        volumes = [int(self.bars.volume[t]) for t in members]
        return [
            int(self.bars.open[members[0]]),
            max(int(self.bars.high[t]) for t in members),
            min(int(self.bars.low[t]) for t in members),
            int(self.bars.close[members[-1]]),
            -1 if min(volumes) < 0 else sum(volumes),
        ]

    def rows(self, every: int) -> tuple[list[list[int]], list[int]]:
        """Bars of the timeframe, or the bars themselves, and where each is shown."""
        if every:
            return self.coarse(every)
        fields = (self.bars.open, self.bars.high, self.bars.low, self.bars.close, self.bars.volume)
        return [list(map(int, row)) for row in zip(*fields, strict=True)], list(range(self.count))

    def spread(self, found: list[float], shown: list[int]) -> list[float]:
        """Each value from where it is shown until the next one."""
        out, now, held = [], NAN, dict(zip(shown, found, strict=True))
        for t in range(self.count):
            now = held.get(t, now)
            out.append(now)
        return out

    def priced(self, rows: list[list[int]]) -> list[list[float]]:
        """Rows in currency and base units, NaN for an unknown volume."""
        return [
            [*(ticks * self.tick for ticks in row[:4]), NAN if row[4] < 0 else row[4] * self.lot]
            for row in rows
        ]

    def series(self, term: Term) -> list[float]:
        if term.name == "hour":
            return [float(at // HOUR % 24) for at in self.bars.at.tolist()]
        if term.name == "weekday":
            return [float((at // DAY + 3) % 7) for at in self.bars.at.tolist()]
        rows, shown = self.rows(term.every_ns)
        pick: dict[str, Callable[[list[float]], float]] = {
            "open": lambda r: r[0],
            "high": lambda r: r[1],
            "low": lambda r: r[2],
            "close": lambda r: r[3],
            "volume": lambda r: r[4],
            "hl2": lambda r: (r[1] + r[2]) / 2,
            "typical": lambda r: (r[1] + r[2] + r[3]) / 3,
        }
        return self.spread([pick[term.name](row) for row in self.priced(rows)], shown)

    def indicator(self, term: Term) -> list[float]:
        rows, shown = self.rows(term.every_ns)
        if term.name == "sma":
            n = int(term.children[0].value)
            means = [
                sum(row[3] for row in rows[i - n + 1 : i + 1]) / n * self.tick if i >= n - 1 else NAN
                for i in range(len(rows))
            ]
            return self.spread(means, shown)
        fields = np.array(self.priced(rows)).reshape(-1, 5).T
        table = compute([indicator_form(term)], *fields)
        return self.spread(table[:, output_place(term)].tolist(), shown)

    # ---- looking back ----------------------------------------------------------------------------------

    def window(self, term: Term, columns: list[list[Any]], t: int) -> Any:
        x = columns[0]
        if term.head == "since":
            past = [back for back in range(t + 1) if x[t - back]]
            return float(past[0]) if past else NAN
        if term.head.startswith("cross"):
            return self.crosses(term.head, x, columns[1], t)
        n = int(term.children[1].value)
        if term.head == "lag":
            return x[t - n] if t >= n else (False if term.type == CONDITION else NAN)
        if term.head == "change":
            return PLAIN["-"](x[t], x[t - n] if t >= n else NAN)
        if term.head in ("highest", "lowest"):
            last = x[t - n + 1 : t + 1] if t >= n - 1 else [NAN]
            return finite(max if term.head == "highest" else min)(*last, *last) + 0.0
        steps = [(x[i - 1], x[i]) for i in range(max(t - n + 1, 1), t + 1)]
        up = [known(lambda a, b: a < b)(*(step if term.head == "rising" else step[::-1])) for step in steps]
        return len(up) == n and all(up)

    def crosses(self, head: str, a: list[float], b: list[float], t: int) -> bool:
        """Whether one passed the other between the bar before and this one."""
        if t == 0:
            return False
        above = PLAIN[">"](a[t], b[t]) and PLAIN["<="](a[t - 1], b[t - 1])
        below = PLAIN["<"](a[t], b[t]) and PLAIN[">="](a[t - 1], b[t - 1])
        return {"cross_above": above, "cross_below": below, "crossed": above or below}[head]

    # ---- strategies ------------------------------------------------------------------------------------

    def ready(self, term: Term, t: int) -> bool:
        """Whether all that the term reads on bar t has been known once, as far back as it reads."""
        if t < 0:
            return False
        leaf = term.head == "indicator" or (
            term.head == "series" and (term.every_ns or term.name == "volume")
        )
        if leaf:
            return any(not math.isnan(x) for x in self.values(term)[: t + 1])
        back = 1 if term.head.startswith("cross") else 0
        if term.head in ("lag", "change", "rising", "falling"):
            back = int(term.children[1].value)
        if term.head in ("highest", "lowest"):
            back = int(term.children[1].value) - 1
        return t >= back and all(self.ready(child, t - back) for child in term.children)

    def stances(self, formula: Formula) -> list[float]:
        """The stance at each bar's close."""
        bound, now, out = formula.bound, 0.0, []
        for t in range(self.count):
            if all(self.ready(term, t) for term in bound.values()):
                asked = {
                    part: part in bound and bool(self.values(bound[part])[t]) for part in ("long", "short")
                }
                guarded = all(self.values(bound[part])[t] > 0 for part in ("stop", "target") if part in bound)
                placed = "limit" not in bound or not math.isnan(self.values(bound["limit"])[t])
                long, short = (asked[part] and guarded and placed for part in ("long", "short"))
                if "exit" in bound and self.values(bound["exit"])[t]:
                    now = 0.0
                elif long != short:
                    now = 1.0 if long else -1.0
            out.append(now)
        return out
