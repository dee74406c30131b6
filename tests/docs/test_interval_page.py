"""The page about the interval says what was measured, and the picture is of those very runs."""

from __future__ import annotations

import json
from typing import Any

from benches.interval import picture

from tests.support import ROOT

SETS: dict[str, dict[str, Any]] = json.loads((ROOT / "benches/results/interval.json").read_text("utf-8"))[
    "sets"
]
PAGE = (ROOT / "docs/interval.md").read_text("utf-8")


def test_the_page_says_what_was_measured() -> None:
    for name, got in SETS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name}")).replace("*", "")
        told = [f"{got[key]} of {got[whole]}" for key, whole in (
            ("true", "strategies"), ("true_by_fills", "strategies"), ("trades_true", "trades"),
        )]  # fmt: skip
        assert all(f"| {each} |" in row for each in told), name
        assert f"{got['ticks']:,} trades" in row and f"{got['width_to_fees']:.3g}" in row, name
    for key in ("true", "true_by_fills"):
        count = sum(got[key] for got in SETS.values())
        assert f"{count} of 200 ({count / 200:.1%})".replace("%", " %") in PAGE
    assert sum(got["strategies"] for got in SETS.values()) == 200


def test_the_picture_is_of_these_runs() -> None:
    drawn = (ROOT / "docs/interval.svg").read_text("utf-8")
    same = drawn == picture(SETS)  # never the two beside one another: they are long
    assert same, "draw it again: make prove-interval"
