"""What is shown of a run: the live view while it goes on, the summary when it is over."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from quorate.app.compose import Plan
from quorate.app.load import Request, load_plan
from quorate.app.run import perform, run_in_memory
from quorate.cli.live import LiveView
from quorate.cli.summary import summarise
from tests.cli_support import walk, write_bars


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The baseline over a walk that it trades."""
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    made, _ = load_plan(Request(data=(str(write_bars(tmp_path / "BTCUSDT_1h.csv", walk(1500))),)))
    return made


def drawn(view: LiveView) -> str:
    screen = io.StringIO()
    Console(file=screen, width=120).print(view._draw())
    return screen.getvalue()


def test_the_view_shows_where_the_run_stands_and_why_it_decided(plan: Plan) -> None:
    view = LiveView(plan)
    assert "0 of 1,500 bars" in drawn(view), "before the first event"
    collector, _ = run_in_memory(plan, "backtest", (view,))
    text = drawn(view)
    assert "1,500 of 1,500 bars" in text and "breaker normal" in text
    assert f"trades {len(collector.trades)}" in text and f"vetoes {len(collector.vetoes)}" in text
    assert f"equity {collector.last_equity}" in text
    target = collector.decisions[-1].targets[-1]
    assert target.reason in text and target.votes[0].agent in text


def test_watching_changes_nothing(plan: Plan) -> None:
    _, alone = run_in_memory(plan, "backtest")
    _, watched = run_in_memory(plan, "backtest", (LiveView(plan),))
    assert alone.head == watched.head


def test_the_summary_has_figures_baselines_notes_and_where_to_look(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = perform(plan, "backtest", notes=["something was assumed"])
    summarise(outcome)
    said = capsys.readouterr().out
    for text in (
        "total return", "buy and hold", "random trader", "something was assumed", outcome.result["report"],
        outcome.result["journal"], outcome.result["head_digest"], "quorate replay",
    ):  # fmt: skip
        assert text in said.replace("\n", ""), text
