"""Research = desk: one recipe as a research run under the compiled limits and on the whole desk."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from quorate.app.recipe import read_values, recipe_of, rulebook_of
from quorate.app.replay import replay_reader
from quorate.app.run import default_cash, run_in_memory
from quorate.core.errors import ConfigError, InputError
from quorate.native.exchange import INTRABAR, Told
from quorate.research.course import Course
from quorate.shield.numbers import numbers
from tests.research_desk import BODIES, Case, any_case, differs, on_desk, research
from tests.sessions import tape

SEEDS = (0, 2, 3, 4, 5, 13, 21)
HALTS = 5  # a seed whose desk halts
GONE = 21  # one in which the clearing house takes positions, four of them


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


def test_the_cases_show_liquidations_impact_and_every_path() -> None:
    run, told = research(any_case(GONE))
    assert len(run.liquidations) == 4
    forced = {(row[Told.AT], row[Told.INSTRUMENT], row[Told.LOTS]) for row in run.liquidations.tolist()}
    assert forced <= {(fill[0], fill[1], fill[4]) for fill in told.fills}
    venues = [any_case(seed).recipe.venue for seed in SEEDS]
    assert {each.intrabar for each in venues} == set(INTRABAR)
    assert len({each.impact for each in venues}) > 1


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


def test_an_impact_or_a_path_one_step_off_is_found() -> None:
    case = any_case(3)
    venue = case.recipe.venue
    rules = venue.read()[0]
    more = replace(rules, impact=rules.impact + Decimal("0.000001"))
    assert (venue.impact, venue.intrabar) == ("0.002%", "pessimistic")
    desk = on_desk(case)
    for wrong in (more, replace(rules, intrabar="likely")):
        found = differs(desk, research(case, other=wrong)[1])
        assert found


def test_a_share_of_volume_one_step_off_is_found() -> None:
    case = any_case(3)
    rules = case.recipe.venue.read()[0]
    assert case.recipe.venue.participation == "10%"
    more = replace(rules, participation=rules.participation + Decimal("0.001"))
    found = differs(on_desk(case), research(case, other=more)[1])
    assert found


def test_another_maintenance_is_found() -> None:
    case = any_case(GONE)
    assert case.recipe.venue.maintenance == "99%"
    venue = msgspec.structs.replace(case.recipe.venue, maintenance="95%")
    wrong = replace(case, recipe=msgspec.structs.replace(case.recipe, venue=venue))
    found = differs(on_desk(case), research(wrong)[1])
    assert found


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


@pytest.mark.parametrize("venue", [{"participation": "2%", "impact": "1%"}, {"maintenance": "99%"}])
def test_a_desk_of_another_venue_replays_and_says_so_in_record_0(venue: dict[str, str]) -> None:
    case = desk_case(BODIES / "leaning.py") if "impact" in venue else any_case(GONE)
    held = msgspec.structs.replace(case.recipe.venue, **venue)
    assert case.recipe.strategy is not None
    file = Path(case.recipe.strategy.file)
    case = replace(case, recipe=msgspec.structs.replace(case.recipe, venue=held))
    _, journal = run_in_memory(case.plan, "backtest")
    opened = next(record for record in journal.records() if record.kind == "opened")
    stated = msgspec.json.decode(opened.payload)["recipe"]["venue"]
    assert {key: stated[key] for key in venue} == venue
    accepted = [
        msgspec.json.decode(record.payload) for record in journal.records() if record.kind == "accepted"
    ]
    names = [each["order"] for each in accepted]
    if "impact" in venue:
        assert len(set(names)) < len(names)  # a leg that a further fill made larger is accepted again
    else:
        assert sum("/liquidation" in each for each in names) == 4
    assert replay_reader(journal, plugins=[file]).identical


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
