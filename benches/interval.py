"""Whether the interval is true: random bracket strategies over bars, and over the ticks they were made of."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.interval_flow import SOURCES, Held, held, plan, trades_of
from tests.support import DATA

from benches.machine import ROOT, keep, kept, sources

SEEDS = range(1000, 1050)  # of each source; the bounds were fitted on others (0 to 149)
SHARE = 0.95
PICTURE = ROOT / "docs" / "interval.svg"


def share(runs: Sequence[Held]) -> float:
    """Of strategies whose interval holds what the ticks say."""
    return sum(each.true for each in runs) / len(runs)


def point(run: Held) -> list[float]:
    """Low, likely, high and tick result of a strategy, in ticks a lot and trade."""
    worth = SOURCES[run.plan.name].instrument.worth_e8(1, run.plan.lots) * len(run.plan.trades)
    four = run.low, run.bars.pnl, run.high, run.ticks.pnl
    return [round(sum(each) / worth, 3) for each in four]


def miss(run: Held) -> dict[str, Any]:
    """What a strategy's interval missed, and why."""
    chosen = run.plan
    return {
        "seed": chosen.seed,
        "interval_s": chosen.interval // 10**9,
        "latency_ms": chosen.latency // 10**6,
        "point": point(run),
        "trades": [
            {"cause": run.cause(place), "type": chosen.trades[place].type, "bars": run.bars.fills[place],
             "ticks": run.ticks.fills[place]}
            for place in run.missed
        ],
    }  # fmt: skip


def measure(name: str) -> dict[str, Any]:
    """All strategies over one source, with the planted defects beside."""
    runs = [held(plan(name, seed)) for seed in SEEDS]
    trades = sum(len(each.plan.trades) for each in runs)
    widths = [sum(each.high) - sum(each.low) for each in runs]
    spread = [abs(sum(each.ticks.pnl) + each.ticks.fees) for each in runs]
    late = [held(each.plan, late_ns=each.plan.interval) for each in runs]
    return {
        "strategies": len(runs),
        "true": sum(each.true for each in runs),
        "true_by_fills": sum(
            sum(e.bars.worst) <= sum(e.ticks.pnl) <= sum(e.bars.best) for e in runs
        ),  # without the runs of pessimism and optimism: the bounds that one run says
        "trades": trades,
        "trades_true": trades - sum(len(each.missed) for each in runs),
        "width_to_fees": round(median(w / max(1, e.bars.fees) for w, e in zip(widths, runs, strict=True)), 3),
        "width_ticks_a_trade": round(median(point(each)[2] - point(each)[0] for each in runs), 2),
        "width_to_spread": round(median(widths) / median(spread), 3),
        "causes": dict(Counter(run.cause(place) for run in runs for place in run.missed)),
        "misses": [miss(each) for each in runs if not each.true],
        "points": [point(each) for each in runs],
        "ticks": len(trades_of(name)),
        "defects": {
            "collapsed": share([replace(e, low=e.bars.pnl, high=e.bars.pnl) for e in runs]),
            "swapped": share([replace(e, low=e.high, high=e.low) for e in runs]),
            "a bar late": share(late),
        },
    }


def interval() -> int:
    """Measures source after source; resumes after the last one kept. 1 where less than 95 % is held."""
    if DATA is None:
        sys.stderr.write("no market data: put it at ../shared/data or name its folder in QUORATE_TEST_DATA\n")
        return 2
    mark = sources()
    before = kept("interval")
    done: dict[str, Any] = before.get("sets", {}) if before.get("sources") == mark else {}
    for name in SOURCES:
        if name not in done:
            done[name] = measure(name)
            keep("interval", {"sources": mark, "sets": done})
        got = done[name]
        sys.stdout.write(
            f"{name}: {got['true']} of {got['strategies']} strategies ({got['true_by_fills']} by the fills"
            f" alone), {got['trades_true']} of {got['trades']} trades, width {got['width_ticks_a_trade']}"
            f" ticks a trade, {got['width_to_fees']} of fees, {got['width_to_spread']} of the spread of"
            f" results; defects {got['defects']}\n"
        )
    PICTURE.write_text(picture(done))
    true, count = (sum(each[key] for each in done.values()) for key in ("true", "strategies"))
    sys.stdout.write(f"in all {true} of {count}: {true / count:.1%}\n")
    return int(true < SHARE * count)


def picture(sets: dict[str, Any]) -> str:
    """Every strategy's interval as a line about its likely result, the ticks' as a dot, in SVG."""
    width, height, gap = 720, 150, 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {(height + gap) * len(sets)}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{(height + gap) * len(sets)}" fill="#ffffff"/>',
    ]
    for row, (name, got) in enumerate((name, sets[name]) for name in SOURCES):
        top = row * (height + gap) + gap
        points = sorted(got["points"], key=lambda each: each[1])
        least = min(min(low, came) for low, _, _, came in points)
        most = max(max(high, came) for _, _, high, came in points)
        scale = height / max(1e-9, most - least)
        level = [[top + height - (each - least) * scale for each in four] for four in points]
        parts.append(
            f'<text x="8" y="{top - 10}">{name}: {got["true"]} of {got["strategies"]} hold'
            f" the result over ticks ({least:.0f} to {most:.0f} ticks a lot and trade)</text>"
        )
        for place, (low, likely, high, came) in enumerate(level):
            x = 8 + (place + 0.5) * (width - 16) / len(level)
            colour = "#1a6b3c" if high <= came <= low else "#c0392b"
            parts.append(
                f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="#7d8fa3" stroke-width="4"/>'
                f'<path d="M{x - 3:.1f} {likely:.1f}h6" stroke="#22303c"/>'
                f'<circle cx="{x:.1f}" cy="{came:.1f}" r="2.5" fill="{colour}"/>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    Path(PICTURE).write_text(picture(kept("interval")["sets"]))
