"""The command in hostile surroundings: closed and full streams, plugins that print, quit or lack a part."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests.cli_support import COMMAND, one_object, quorate, walk, write_bars
from tests.support import ROOT

posix = pytest.mark.skipif(os.name != "posix", reason="closes streams by a POSIX shell")
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")

AGENT = """
class Odd:
    name = "odd"

    def features(self):
        return []

    def hear(self, view, instrument):
        {body}
"""


def shell(tmp_path: Path, words: str, streams: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a command whose streams a shell bends."""
    line = f"{shlex.join(COMMAND)} {words} {streams}"
    done = quorate(cwd=tmp_path, before=["sh", "-c", line])
    return done.returncode, done.stdout, done.stderr


@posix
def test_closed_streams_are_no_failure(tmp_path: Path) -> None:
    assert shell(tmp_path, "runs list --json", "<&- >&- 2>&-") == (0, "", "")
    code, out, _ = shell(tmp_path, "backtest --data nothing.csv --json", "2>&-")
    assert code == 2 and one_object(out)["exit_code"] == 2


@full
@pytest.mark.parametrize("words", ["runs list", "runs list --json"])
def test_a_full_stdout_is_one_line_and_not_success(tmp_path: Path, words: str) -> None:
    code, _, err = shell(tmp_path, words, ">/dev/full")
    assert code == 2 and err.count("\n") == 1 and "No space left" in err


@pytest.mark.parametrize("words", [("--recipe", "x" * 5000), ("--journal", "y" * 300)])
def test_a_name_that_the_system_refuses_is_bad_input(tmp_path: Path, words: tuple[str, str]) -> None:
    path = write_bars(tmp_path / "BTCUSDT.csv", walk(30))
    done = quorate("backtest", "--data", str(path), *words, "--json", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "too long" in one_object(done.stdout)["error"]


def test_what_a_plugin_prints_is_not_on_stdout(tmp_path: Path) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text("print('loading')\n" + AGENT.format(body="print('hearing')"), encoding="utf-8")
    path = write_bars(tmp_path / "BTCUSDT.csv", walk(30))
    words = ("--plugin", str(plugin), "--set", "agents.odd={}", "--json")
    done = quorate("backtest", "--data", str(path), *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert one_object(done.stdout)["events"] == 30
    assert "loading" in done.stderr and "hearing" in done.stderr


def test_a_plugin_that_quits_ends_nothing_in_silence(tmp_path: Path) -> None:
    at_once, later = tmp_path / "at_once.py", tmp_path / "later.py"
    at_once.write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    later.write_text(AGENT.format(body="raise SystemExit(0)"), encoding="utf-8")
    path = write_bars(tmp_path / "BTCUSDT.csv", walk(30))
    done = quorate("backtest", "--data", str(path), "--plugin", str(at_once), "--json", cwd=tmp_path)
    assert done.returncode == 2 and "SystemExit" in one_object(done.stdout)["error"]
    words = ("--plugin", str(later), "--set", "agents.odd={}", "--json")
    done = quorate("backtest", "--data", str(path), *words, cwd=tmp_path)
    assert done.returncode == 0 and one_object(done.stdout)["silenced"] == ["odd: SystemExit: 0"]
    done = quorate("doctor", str(later), "--json", cwd=tmp_path)
    assert done.returncode == 1 and not one_object(done.stdout)["ok"]


def test_an_agent_that_cannot_say_its_features_is_bad_input(tmp_path: Path) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(AGENT.format(body="pass").replace("features", "factures"), encoding="utf-8")
    path = write_bars(tmp_path / "BTCUSDT.csv", walk(30))
    words = ("--plugin", str(plugin), "--set", "agents.odd={}", "--json")
    done = quorate("backtest", "--data", str(path), *words, cwd=tmp_path)
    assert done.returncode == 2 and "agents.odd: cannot say its features" in done.stderr


SWEEP = "sweep --strategy {} --grid fast=5:9 --grid slow=20,30 --top 8 --data synthetic:seed=3,bars=300"
READERS = {"head": "head -1", "nobody": "true"}


@posix
@pytest.mark.parametrize("reader", sorted(READERS))
@pytest.mark.parametrize("words", ["runs list", "doctor", "--help", "config show --json", SWEEP])
def test_a_reader_who_leaves_is_no_failure(tmp_path: Path, words: str, reader: str) -> None:
    words = words.format(shlex.quote(str(ROOT / "examples" / "sma_cross_event.py")))
    code = tmp_path / "code"
    line = f"({shlex.join(COMMAND)} {words}; echo $? >{shlex.quote(str(code))}) | {READERS[reader]}"
    done = quorate(cwd=tmp_path, before=["sh", "-c", line])
    assert (code.read_text("utf-8").strip(), done.stderr) == ("0", "")
    assert done.stdout.count("\n") == (reader == "head")


def test_another_broken_pipe_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal still reads: what broke is something else, and that is a failure."""
    from quorate.cli import main

    def broken(words: list[str], **_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(main, "app", broken)
    assert main.invoke(["runs", "list"]) != 0
    assert "Broken pipe" in capsys.readouterr().err
