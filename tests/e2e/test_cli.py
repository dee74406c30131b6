"""The command as a user meets it: every subcommand, its JSON, its exit codes, and what it leaves where."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quorate.cli.main import invoke
from tests.cli_support import clean_environment, one_object, quorate, walk, write_bars

pytestmark = pytest.mark.e2e

INTERFACE = {
    "run_id", "journal", "head_digest", "events", "decisions", "orders", "fills", "vetoes", "trust_level",
    "metrics", "report",
}  # fmt: skip
METRICS = {
    "total_return", "sharpe", "sortino", "max_drawdown", "trades", "win_rate", "profit_factor", "exposure",
    "fees",
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a bar file, as current one; state beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    write_bars(folder / "BTCUSDT_1h.csv", walk(1500))
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    """(exit code, the one JSON object, stderr) of a command in this process."""
    code = invoke([*words, "--json"])
    said = capsys.readouterr()
    return code, one_object(said.out), said.err


BACKTEST = ("backtest", "--recipe", "baseline", "--data", "BTCUSDT_1h.csv")


def test_a_backtest_holds_the_interface_and_writes_only_at_home(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, result, told = run(capsys, *BACKTEST)
    assert code == 0 and told == ""
    assert result.keys() >= INTERFACE and result["metrics"].keys() >= METRICS
    assert result["events"] == 1500 and result["fills"] > 0
    assert any("tick 0.01 found" in note for note in result["notes"])
    assert any(note.startswith("cash 100,000.00 USDT") for note in result["notes"])
    place = desk.parent / "home" / "runs" / result["run_id"]
    assert {path.name for path in place.iterdir()} == {"journal.db", "report.html", "result.json"}
    assert json.loads((place / "result.json").read_text()) == result
    assert [path.name for path in desk.iterdir()] == ["BTCUSDT_1h.csv"], "nothing in the current folder"


def test_same_inputs_same_head_other_inputs_another(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, one, _ = run(capsys, *BACKTEST)
    _, again, _ = run(capsys, *BACKTEST)
    _, seeded, _ = run(capsys, *BACKTEST, "--seed", "2")
    _, cut, _ = run(capsys, *BACKTEST, "--from", "2024-01-10")
    assert one["head_digest"] == again["head_digest"] and one["run_id"] != again["run_id"]
    assert len({one["head_digest"], seeded["head_digest"], cut["head_digest"]}) == 3
    assert cut["events"] == 1500 - 9 * 24
    code, listed, _ = run(capsys, "runs", "list")
    assert code == 0 and len(listed["runs"]) == 4
    _, same, _ = run(capsys, "runs", "diff", one["run_id"], again["run_id"])
    assert same["identical"] and same["differing"] == []
    _, other, _ = run(capsys, "runs", "diff", one["run_id"], seeded["run_id"])
    assert not other["identical"] and {"seed", "config.seed", "head_digest"} <= set(other["differing"])
    _, shown, _ = run(capsys, "runs", "show", one["run_id"][-6:])
    assert shown == one, "the unique end of an id will do"
    code, error, _ = run(capsys, "runs", "show", one["run_id"][:4])
    assert code == 2 and "means 4 runs" in error["error"]


def test_paper_over_the_same_tape_gives_the_same_orders(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, past, _ = run(capsys, *BACKTEST)
    code, paper, _ = run(capsys, "paper", "--data", "BTCUSDT_1h.csv", "--speed", "1e12")
    assert code == 0 and paper["mode"] == "paper"
    assert paper["orders_digest"] == past["orders_digest"] and paper["orders"] == past["orders"] > 0
    assert paper["head_digest"] != past["head_digest"], "record 0 says the mode"


@pytest.mark.parametrize(
    "at", ["2024-01-20T00:30:00Z", "2024-01-20T00:00:00Z"], ids=["between", "with a bar"]
)
def test_people_halt_a_paper_desk_and_the_run_ends_halted(
    at: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acts = desk / "acts.jsonl"
    acts.write_text(f'{{"at": "{at}", "act": "halt", "who": "ann", "why": "news"}}\n')
    code, result, _ = run(capsys, "paper", "--data", "BTCUSDT_1h.csv", "--acts", str(acts))
    assert code == 3 and result["halted"] and not result["partial"] and result["halts"] == 1
    _, replayed, _ = run(capsys, "replay", result["journal"])
    assert replayed["identical"], "people are in the journal"
    acts.write_text('{"at": "2024-01-20T00:00:00Z", "act": "hold", "who": "ann"}\n')
    code, error, _ = run(capsys, "paper", "--data", "BTCUSDT_1h.csv", "--acts", str(acts))
    assert code == 2 and "acts.jsonl, line 1" in error["error"] and "halt or resume" in error["error"]


def test_verify_and_replay_say_yes_and_no(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, result, _ = run(capsys, *BACKTEST, "--journal", "j.db")
    assert result["journal"] == str(desk / "j.db"), "of use from any folder"
    code, found, _ = run(capsys, "audit", "verify", "j.db", "--head", result["head_digest"])
    assert code == 0 and found["ok"] and found["first_bad"] is None
    code, found, _ = run(capsys, "audit", "verify", "j.db", "--head", "00" * 32)
    assert code == 1 and not found["ok"] and found["why"]
    code, replayed, _ = run(capsys, "replay", "j.db")
    assert code == 0 and replayed["identical"] and replayed["first_divergence"] is None
    assert replayed["head_digest"] == result["head_digest"] and replayed["records"] == found["records"]
    code, other, _ = run(capsys, "replay", "j.db", "--override", "agents.momentum.fast=7")
    assert code == 1 and not other["identical"]
    assert other["divergence"]["kind"] == "decision"
    assert other["divergence"]["recorded"].startswith("decision ")
    assert other["divergence"]["replayed"] != other["divergence"]["recorded"]


def test_a_tampered_journal_is_found_by_verify_and_by_replay(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, *BACKTEST, "--journal", "j.db")
    journal = desk / "j.db"
    content = journal.read_bytes()
    place = content.index(b'"stance":1') + len(b'"stance":')
    journal.write_bytes(content[:place] + b"0" + content[place + 1 :])
    code, found, _ = run(capsys, "audit", "verify", "j.db")
    assert code == 1 and not found["ok"] and found["first_bad"] is not None
    code, replayed, _ = run(capsys, "replay", "j.db")
    assert code == 1 and not replayed["identical"]
    assert replayed["first_divergence"] == found["first_bad"]


def test_init_works_at_once_and_never_writes_over(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made, _ = run(capsys, "init", "mine")
    assert code == 0 and made["written"] == [str(Path("mine/desk.toml")), str(Path("mine/my_agent.py"))]
    words = ("--recipe", "mine/desk.toml", "--plugin", "mine/my_agent.py", "--data", "BTCUSDT_1h.csv")
    code, result, _ = run(capsys, "backtest", *words)
    assert code == 0 and result["silenced"] == []
    assert "breakout" in result["config"]["agents"]
    assert {share["name"] for share in result["attribution"]["agents"]} >= {"breakout"}
    assert any("losses.day_share tightened to 0.05" in note for note in result["notes"])
    code, replayed, _ = run(capsys, "replay", result["journal"], "--plugin", "mine/my_agent.py")
    assert code == 0 and replayed["identical"]
    code, error, _ = run(capsys, "replay", result["journal"])
    assert code == 2 and "my_agent.py" in error["error"]
    (desk / "mine" / "my_agent.py").write_text("# mine\n")
    code, error, _ = run(capsys, "init", "mine")
    assert code == 2 and "exists already" in error["error"]
    assert (desk / "mine" / "my_agent.py").read_text() == "# mine\n"
    (desk / "mine" / "desk.toml").unlink()
    assert invoke(["init", "mine"]) == 2 and not (desk / "mine" / "desk.toml").exists(), "all or none"


# Every command, with nothing given that it could do without, and the exit code that it must give.
BARE = {
    ("--help",): 0, ("--version",): 0, ("run", "--help"): 0, ("backtest", "--help"): 0,
    ("paper", "--help"): 0,
    (): 0, ("doctor",): 0, ("doctor", "nowhere.py"): 2, ("demo", "--seed", "x"): 2, ("--json", "live"): 2,
    ("live",): 2, ("replay",): 2, ("replay", "nowhere.db"): 2, ("audit",): 2, ("audit", "verify"): 2,
    ("audit", "verify", "nowhere.db"): 2, ("config",): 2, ("config", "show"): 0, ("config", "check"): 2,
    ("config", "check", "baseline"): 0, ("config", "check", "nowhere.toml"): 2, ("config", "import"): 2,
    ("config", "import", "nowhere.yaml"): 2, ("runs",): 2, ("runs", "list"): 0, ("runs", "show"): 2,
    ("runs", "show", "x"): 2, ("runs", "diff", "x", "y"): 2, ("init", "new"): 0,
    ("backtest", "--data", "nowhere.csv"): 2, ("paper", "--data", "nowhere.csv"): 2,
    ("run", "--data", "nowhere.csv"): 2, ("backtset",): 2, ("backtest", "--dtaa", "x"): 2,
    ("run", "--recipe", "baselin"): 2, ("run", "--seed", "x"): 2, ("run", "--set", "nonsense"): 2,
    ("run", "--plugin", "nowhere.py"): 2, ("run", "--rulebook", "balancd"): 2,
    ("run", "--config", "no.toml"): 2,
    ("run", "--instrument", "X"): 2, ("backtest", "--data", "BTCUSDT_1h.csv", "--cash", "much"): 2,
    ("backtest", "--data", "BTCUSDT_1h.csv", "--from", "soon"): 2,
    ("backtest", "--data", "BTCUSDT_1h.csv", "--from", "2025-01-01"): 2,
    ("backtest", "--data", "BTCUSDT_1h.csv", "--from", "2024-02-01", "--to", "2024-01-01"): 2,
    ("paper", "--data", "BTCUSDT_1h.csv", "--speed", "-1"): 2,
    ("run", "--set", "mode=live", "--data", "BTCUSDT_1h.csv"): 2,
}  # fmt: skip


@pytest.mark.parametrize("words", BARE, ids=" ".join)
def test_every_command_gives_a_clear_line_and_its_exit_code(
    words: tuple[str, ...], desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    code = invoke(list(words))
    said = capsys.readouterr()
    if "--json" in words:
        assert one_object(said.out)["exit_code"] == code
        said = said._replace(out="")
    assert code == BARE[words], said.err
    assert "Traceback" not in said.err + said.out
    if code:
        assert said.out == "" and said.err.startswith("quorate: ")
        assert said.err.count("\n") == 1, "one line"
    else:
        assert said.out


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["backtset"], "'backtest'"),
        (["backtest", "--dtaa", "x"], "--data"),
        (["run", "--recipe", "baselin"], "'baseline'"),
        (["run", "--set", "agents.momentm.fast=3"], "'momentum'"),
        (["run", "--set", "decide.quorm=3"], "'quorum'"),
        (["run", "--set", "limits.losses.day_shar=0.1"], "'losses.day_share'"),
        (["run", "--rulebook", "balancd"], "'balanced'"),
        (["run", "--set", "mode=papr"], "'paper'"),
    ],
)
def test_a_slip_of_the_pen_is_told_the_nearest_right_name(
    words: list[str], suggestion: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", "BTCUSDT_1h.csv"] if words[0] == "run" else []
    assert invoke([*words, *data]) == 2
    assert suggestion in capsys.readouterr().err
    assert not (desk.parent / "home" / "runs").exists() or not list((desk.parent / "home" / "runs").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="a home can be unset on POSIX only")
def test_nothing_but_the_interpreter_is_needed(tmp_path: Path) -> None:
    """An empty environment, HOME and QUORATE_HOME unset too, stdin closed: for real, in a process."""
    bare = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    for words in (("config", "show"), ("runs", "list")):
        done = quorate(*words, cwd=tmp_path, environment=bare)
        assert done.returncode in (0, 2) and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_installed_command_is_this_one(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("quorate")
    if not shutil.which(str(command)):
        pytest.skip("the command is not installed beside this interpreter")
    done = subprocess.run(
        [command, "--version"], env=clean_environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith("quorate ")


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """What keeps `quorate --help` fast; the timing itself is a bench's."""
    heavy = ("numpy", "rich", "msgspec", "pyarrow", "structlog", "yaml", "jinja2", "sqlite3")
    program = (
        "import sys\nfrom quorate.cli.main import invoke\n"
        "assert invoke(['--help']) == 0 and invoke(['backtest', '--help']) == 0\n"
        f"sys.stderr.write(','.join(name for name in {heavy!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == ""


def test_an_internal_error_is_one_line_and_its_traceback_is_in_the_log(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plugin feed with a defect stands for any defect of ours."""
    (desk / "broken.py").write_text(
        "class Broken:\n    name = 'broken'\n    def read(self, text):\n        return 1 / 0\n"
    )
    words = ("run", "--plugin", "broken.py", "--data", "broken:x")
    code, error, told = run(capsys, *words)
    assert code == 4 and "ZeroDivisionError" in error["error"] and told.count("\n") == 1
    log = desk.parent / "home" / "logs" / "quorate.log"
    assert str(log) in told and "1 / 0" in log.read_text()
    assert invoke([*words, "--debug"]) == 4
    assert "Traceback" in capsys.readouterr().err


def test_a_missing_extra_is_named(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "heavy.py").write_text(
        "class Heavy:\n    name = 'heavy'\n    def read(self, text):\n        import polars_is_not_here\n"
    )
    from quorate.cli import main

    monkeypatch.setitem(main.EXTRAS, "polars_is_not_here", "data")
    code, error, _ = run(capsys, "run", "--plugin", "heavy.py", "--data", "heavy:x")
    assert code == 2 and "quorate[data]" in error["error"]
