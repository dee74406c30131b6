"""The doctor's screen tells the truth: every OK was tried, and what is broken is seen to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quorate.app import doctor
from quorate.app.doctor import Capability, State, survey
from quorate.cli.doctor import check_plugin, screen
from quorate.core.errors import InputError
from tests.support import ROOT

EXAMPLES = ROOT / "examples" / "plugins"


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def found() -> dict[str, Capability]:
    return {each.name: each for each in survey()}


def test_the_base_is_ok_here_and_every_other_line_says_what_follows() -> None:
    seen = found()
    for name in ("python", "native core", "desk", "CSV", "journal folder", "disk"):
        assert seen[name].state is State.OK, seen[name]
    for name in ("language models", "learned models", "quantum", "live venues"):
        assert seen[name].state is State.OFF and "not in this version" in seen[name].consequence
    assert all(each.consequence for each in seen.values())
    assert all(each.turn_on or "not in this version" in each.consequence or each.name == "keys"
               for each in seen.values() if each.state is State.OFF)  # fmt: skip
    assert not (Path.cwd() / "home").exists()  # looking leaves nothing behind


def test_the_screen_is_one_screen_and_exits_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert screen() == 0
    text = capsys.readouterr().out
    assert text.count("\n") <= 40 and "quorate demo" in text
    assert screen(json=True) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert {each["name"] for each in told["capabilities"]} == set(found())


def test_keys_are_named_never_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-planted-secret")
    screen()
    screen(json=True)
    text = capsys.readouterr().out
    assert "OPENROUTER_API_KEY set" in text and "TAAPI_API_KEY not set" in text
    assert "planted" not in text


def test_a_home_that_cannot_be_written_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    seen = found()["journal folder"]
    assert seen.state is State.MISSING and "Permission denied" in seen.consequence
    assert "QUORATE_HOME" in seen.turn_on


def test_a_desk_that_does_not_run_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("quorate.app.run.run_in_memory", fail)
    assert found()["desk"] == Capability(
        "desk", State.MISSING, "RuntimeError: planted", "pip install --force-reinstall quorate"
    )


def test_missing_extras_are_off_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    seen = found()
    assert (seen["Parquet"].state, seen["Parquet"].turn_on) == (State.OFF, "pip install 'quorate[data]'")
    assert (seen["real sample"].state, seen["real sample"].turn_on) == (
        State.OFF,
        "pip install 'quorate[portfolio]'",
    )


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_MIN", 1 << 60)
    assert found()["disk"].state is State.MISSING


def test_a_bad_environment_is_said_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_MODE", "yolo")
    assert "TRADING_MODE=yolo" in found()["environment"].consequence


def test_a_good_plugin_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_plugin(EXAMPLES / "tactic.py") == 0
    assert "all promises are kept" in capsys.readouterr().out
    assert check_plugin(EXAMPLES / "feed.py", json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["classes"][0]["chair"] == "feeds"


def test_a_bad_plugin_fails_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "greedy.py"
    path.write_text(
        "class Equal:\n    name = 'equal'\n    def weigh(self, view, instruments):\n"
        "        return {name: 1.0 for name in instruments}\n"
    )
    assert check_plugin(path) == 1
    text = capsys.readouterr().out
    assert "add up to 2" in text and "already has 'equal'" in text
    assert check_plugin(path, json=True) == 1
    assert not json.loads(capsys.readouterr().out)["ok"]


@pytest.mark.parametrize("text", [None, "x = 1\n", "raise ValueError('planted')\n"])
def test_what_is_no_plugin_is_bad_input(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "none.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"none\.py"):
        check_plugin(path)


def test_an_agent_may_use_an_indicator_of_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "both.py"
    agent = (
        (EXAMPLES / "agent.py").read_text().replace('f"zscore:{self.window}"', '"zscore:40", "efficiency:10"')
    )
    path.write_text(agent + "\n\n" + (EXAMPLES / "indicator.py").read_text())
    assert check_plugin(path) == 0
