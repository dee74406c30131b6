"""The built-in recipes on a seeded tape: the same orders and the same figures, or somebody says why not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from quorate.adapters.feeds.made_up import MadeUp
from quorate.analysis.analysis import Analysis, analyse
from quorate.analysis.catalogue import CATALOGUE
from quorate.analysis.targets import FIGURES, Reached
from quorate.app.collect import Collector
from quorate.app.recipe import built_in
from quorate.app.run import closes_of, run_in_memory
from quorate.core.instant import DAY, HOUR
from tests.cli_support import clean_environment, quorate
from tests.sessions import plan

EXPECTED = Path(__file__).with_name("recipes.json")
TAPES = {
    "momentum": "seed=11,bars=3000,interval=15m",
    "scalping": "seed=12,bars=3000,interval=1m",
    "swing": "seed=13,bars=1500,interval=4h",
}


def played(recipe: str, *overrides: str) -> tuple[Collector, Analysis]:
    series = MadeUp().read(TAPES[recipe])
    made = plan(series, *overrides, recipe=recipe)
    collector, _ = run_in_memory(made, "backtest")
    return collector, analyse(collector.stats(), closes_of(series), 1, recipe=recipe)


@pytest.fixture(scope="module")
def runs() -> dict[str, tuple[Collector, Analysis]]:
    return {recipe: played(recipe) for recipe in TAPES}


def told(collector: Collector, found: Analysis) -> dict[str, Any]:
    """What is kept of a run: the digest of its orders, and every figure."""
    return {"orders": collector.orders_digest, "statistics": dict(found.statistics)}


@pytest.mark.parametrize("recipe", TAPES)
def test_a_recipe_does_what_it_did(recipe: str, runs: dict[str, tuple[Collector, Analysis]]) -> None:
    """After a wanted change: write ``told`` of each run to recipes.json and read the difference."""
    now, before = told(*runs[recipe]), json.loads(EXPECTED.read_text(encoding="utf-8"))[recipe]
    assert now["orders"] == before["orders"]
    wrong = {
        name: (now["statistics"].get(name), value)
        for name, value in before["statistics"].items()
        if now["statistics"].get(name)
        != (value if value is None else pytest.approx(value, rel=1e-9, abs=1e-12))
    }
    assert wrong == {}
    assert set(now["statistics"]) == set(before["statistics"])


def test_another_setting_is_another_desk(runs: dict[str, tuple[Collector, Analysis]]) -> None:
    """The planted defect: one number of the recipe changed."""
    changed, _ = played("scalping", "agents.reversion.window=21")
    assert changed.orders_digest != runs["scalping"][0].orders_digest


def test_recipes_keep_the_pace_they_are_named_for(runs: dict[str, tuple[Collector, Analysis]]) -> None:
    held = {recipe: found.statistics["duration_mean_ns"] for recipe, (_, found) in runs.items()}
    assert held["scalping"] < HOUR < held["momentum"] < 3 * DAY < held["swing"]
    assert all(found.metrics.trades >= 10 for _, found in runs.values())


def test_scalping_says_that_costs_eat_it(runs: dict[str, tuple[Collector, Analysis]]) -> None:
    found = runs["scalping"][1].statistics
    assert found["fees"] > abs(found["pnl_likely"] + found["fees"])
    assert found["shortfall_bps"] > 0


def test_the_desk_tells_of_its_orders(runs: dict[str, tuple[Collector, Analysis]]) -> None:
    for collector, found in runs.values():
        figures = found.statistics
        assert figures["orders_sent"] == len(collector.approved)
        assert figures["orders_cancelled"] > 0  # the other leg of each bracket
        assert figures["orders_rejected"] is not None
        assert figures["mae_mean"] > 0
        assert figures["mfe_mean"] > figures["etd_mean"] * 0.5
        assert found.sample.excursions.index.size == figures["trades"]


def test_the_command_tells_targets_and_every_figure(tmp_path: Path) -> None:
    words = (
        "backtest",
        "--recipe",
        "swing",
        "--data",
        "synthetic:seed=13,bars=400,interval=4h",
        "--headless",
    )
    environment = clean_environment(tmp_path)
    shown = quorate(*words, cwd=tmp_path, environment=environment)
    lines = [line for line in shown.stdout.splitlines() if line.startswith("target ")]
    assert [line.split(":")[0] for line in lines] == [
        "target sharpe above 2.00",
        "target max drawdown below 15.0 %",
        "target win rate above 55.0 %",
        "target profit factor above 1.50",
    ]
    answers = "|".join(Reached)
    assert all(re.search(rf"\(.+ to .+\), ({answers})$|\(–\), cannot be told$", line) for line in lines)
    result = json.loads(quorate(*words, "--json", cwd=tmp_path, environment=environment).stdout)
    assert set(result["statistics"]) == {entry.name for entry in CATALOGUE}
    assert [each["reached"] in set(Reached) for each in result["targets"]] == [True] * 4
    assert set(result["intervals"]) == set(FIGURES)


def test_every_recipe_is_watched_here_or_in_the_demo() -> None:
    assert set(built_in("recipe")) == {*TAPES, "baseline", "demo"}
