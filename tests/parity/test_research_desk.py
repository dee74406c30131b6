"""Research = desk: one recipe as a research run under the compiled limits and on the whole desk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from quorate.app.recipe import read_values, recipe_of, rulebook_of
from quorate.app.replay import replay_reader
from quorate.app.run import default_cash, run_in_memory
from quorate.core.errors import ConfigError, InputError
from quorate.research.course import Course
from quorate.shield.numbers import numbers
from tests.research_desk import BODIES, Case, any_case, differs, on_desk, research
from tests.sessions import tape

SEEDS = (0, 2, 3, 4, 5, 13)
HALTS = 5  # a seed whose desk halts


@pytest.mark.parametrize("seed", SEEDS)
def test_the_research_run_and_the_desk_give_the_same_orders_and_fills(seed: int) -> None:
    case = any_case(seed)
    desk = on_desk(case)
    assert not differs(desk, research(case)[1])
    assert desk.orders


def test_the_cases_show_fills_refusals_cancelled_stops_and_halts() -> None:
    seen: Counter[str] = Counter()
    for seed in (3, 4, HALTS):
        told = on_desk(any_case(seed))
        seen["fills"] += len(told.fills)
        seen["stops"] += sum(fill[3] == 2 for fill in told.fills)
        seen["refused"] += sum(order.lots == 0 for order in told.orders)
        seen["cut"] += sum(bool(order.lots and order.cut) for order in told.orders)
        seen["falls"] += sum(move[2] == "halted" for move in told.moves)
        seen["resumes"] += sum(move[2] == "normal" for move in told.moves)
    assert min(seen[each] for each in ("fills", "stops", "refused", "cut", "falls", "resumes")) > 0, seen


# ---- planted defects -----------------------------------------------------------------------------------


def test_a_limit_off_by_one_is_found() -> None:
    case = any_case(HALTS)
    wrong = numbers(case.rulebook)
    most = wrong["losses.streak_max"]
    assert isinstance(most, int)
    assert "streak" in differs(on_desk(case), research(case, wrong | {"losses.streak_max": most + 1})[1])


def test_a_latency_off_by_one_nanosecond_is_found() -> None:
    case = any_case(0)
    assert differs(on_desk(case), research(case, late_ns=1)[1]).startswith("fills 0")


def test_halts_that_are_ignored_are_found() -> None:
    case = any_case(HALTS)
    deaf = numbers(case.rulebook)
    for key in ("losses.day_share", "losses.drawdown_share", "losses.hour_share"):
        deaf[key] = (1, 1)
    assert on_desk(case).moves
    assert differs(on_desk(case), research(case, deaf)[1])


def test_exits_under_way_that_are_forgotten_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    case = any_case(3)
    monkeypatch.setattr(Course, "leaving", lambda self, place: 0)
    assert differs(on_desk(case), research(case)[1]).startswith("orders")


# ---- the desk alone ------------------------------------------------------------------------------------


def desk_case(file: Path, bars: int = 200) -> Case:
    """A strategy file on a desk of built-in limits."""
    series = (tape(3, bars),)
    recipe = recipe_of({"name": "one", "strategy": {"file": str(file)}}, "test")
    return Case(recipe, rulebook_of(*read_values("rulebook", "balanced")), series, default_cash(series)[0])


def test_a_desk_of_a_strategy_replays_from_its_file_and_names_one_that_was_altered(tmp_path: Path) -> None:
    file = tmp_path / "leaning.py"
    file.write_text((BODIES / "leaning.py").read_text())
    plan = desk_case(file).plan
    _, journal = run_in_memory(plan, "backtest")
    assert plan.recipe.strategy is not None
    assert plan.recipe.strategy.file == "leaning.py"  # places stay out of journals
    assert replay_reader(journal, plugins=[file]).identical
    file.write_text(file.read_text().replace('"fast": 4', '"fast": 5'))
    with pytest.raises(InputError, match=r"leaning\.py is not the file"):
        replay_reader(journal, plugins=[file])
    with pytest.raises(InputError, match=r"leaning\.py, which is not here"):
        replay_reader(journal)


FAILS = """
from quorate import Strategy

class Fails(Strategy):
    def on_bar(self, bar):
        if bar.number == 20:
            self.target(1, stop=bar.close * 0.5)
            self.buy(share=0.01, limit=bar.close * 0.96, stop_loss=bar.close * 0.5)
        if bar.number == 40:
            raise RuntimeError("no more")
"""


def test_a_strategy_that_raises_is_silenced_and_its_position_keeps_its_stop(tmp_path: Path) -> None:
    file = tmp_path / "fails.py"
    file.write_text(FAILS)
    collector, journal = run_in_memory(desk_case(file).plan, "backtest")
    kinds = [record.kind for record in journal.records()]
    assert kinds.count("silenced") == 1
    silenced = msgspec.json.decode(next(r.payload for r in journal.records() if r.kind == "silenced"))
    assert "fails.py, line 10: fails at " in str(silenced)
    assert "RuntimeError: no more" in str(silenced)
    after = kinds[kinds.index("silenced") :]
    assert "approved_order" not in after
    assert after.count("cancel") == 1  # the entry that rested; the stop stays
    assert collector.held("SYN") > 0
    assert replay_reader(journal, plugins=[file]).identical


def test_strategy_and_agents_exclude_each_other_and_an_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        recipe_of({"name": "x", "strategy": {"file": "f.py"}, "agents": {"momentum": {}}}, "test")
    with pytest.raises(ConfigError, match="unknown key 'sise'"):
        recipe_of({"name": "x", "strategy": {"file": "f.py", "sise": "1"}}, "test")
    file = tmp_path / "array.py"
    file.write_text("def positions(ohlcv):\n    return ohlcv.close * 0\n")
    with pytest.raises(ConfigError, match="array function"):
        run_in_memory(desk_case(file).plan, "backtest")
