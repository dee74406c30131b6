"""`quorate demo` as a stranger meets it: every scene occurs, the proof holds, no terminal is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quorate.adapters.journals.sqlite import verify_file
from quorate.app.demo import (
    BARS,
    CALM_SCENES,
    CRASH_SCENES,
    LABEL,
    SEED,
    plan_demo,
    play,
    settle_home,
    tamper,
)
from quorate.app.replay import replay
from quorate.app.scenes import Scene
from quorate.core.errors import ConfigError

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
COMMAND = "import sys; from quorate.cli.main import main; main(sys.argv[1:])"
# What only POSIX has, and what the base install does not bring: the demo must do without.
BLOCK = """
import sys
BANNED = {names!r}
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in BANNED:
            raise ModuleNotFoundError(f'{{name}} is blocked', name=name)
for name in BANNED:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Block())
"""
POSIX_ONLY = ("fcntl", "grp", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty")
EXTRAS = ("pyarrow", "skfolio", "polars", "pandas", "sklearn", "onnxruntime", "qiskit", "openai", "httpx")
NETWORK = """
import socket
def refuse(*_, **__):
    raise OSError('no network here')
socket.socket.connect = socket.create_connection = refuse
"""


def command(
    folder: Path, *arguments: str, before: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command in an empty environment, without stdin, in a folder of its own."""
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "SYSTEMROOT") if name in os.environ}
    if "PYTHONPATH" in kept:
        kept["PYTHONPATH"] = os.pathsep.join(
            str(Path(part).resolve()) for part in kept["PYTHONPATH"].split(os.pathsep)
        )
    return subprocess.run(
        [sys.executable, "-c", before + COMMAND, *arguments],
        cwd=folder, env=kept | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The default demo with --tamper and --json: base modules only, no network, an empty environment."""
    folder = tmp_path_factory.mktemp("demo")
    done = command(
        folder,
        "demo",
        "--tamper",
        "--json",
        before=BLOCK.format(names=POSIX_ONLY + EXTRAS) + NETWORK,
        QUORATE_HOME=str(folder / "home"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(done.stdout)
    return found, done.stderr


def test_every_scene_occurs_with_the_default_seed(shown: tuple[dict[str, Any], str]) -> None:
    told, lines = shown
    assert told["missing"] == []
    assert {scene["name"] for scene in told["scenes"]} >= set(CRASH_SCENES)
    assert told["seed"] == SEED and told["label"] == LABEL and LABEL in lines
    assert told["run"]["events"] == BARS - 5 and told["run"]["trust_level"] == "D"
    order = [scene["name"] for scene in told["scenes"]]
    assert order.index("signals") < order.index("decision") < order.index("halt") < order.index("resume")


def test_scenes_are_in_the_records_they_name(shown: tuple[dict[str, Any], str]) -> None:
    from quorate.adapters.journals.sqlite import open_journal

    told, _ = shown
    kinds = {
        "signals": "decision", "decision": "decision", "veto": "vetoed", "bracket": "trade_closed",
        "halt": "breaker_moved", "resume": "breaker_moved",
    }  # fmt: skip
    with open_journal(Path(told["run"]["journal"])) as reader:
        records = list(reader.records())
    for scene in told["scenes"]:
        if scene["name"] in kinds:
            record = records[scene["record"]]
            assert (record.kind, record.at) == (kinds[scene["name"]], scene["at"])
    (halt,) = told["halts"]
    moved = json.loads(records[halt["record"]].payload)
    assert (moved["after"], moved["rule"]) == ("halted", "losses.hour")
    assert moved["inputs"]["loss_e8"] >= moved["inputs"]["cap_e8"] > 0
    assert json.loads(records[halt["resumed"]["record"]].payload)["after"] == "normal"
    veto = next(scene for scene in told["scenes"] if scene["name"] == "veto")
    refused = json.loads(records[veto["record"]].payload)["verdict"]["findings"]
    rule = next(each for each in refused if each["answer"] == "deny")
    assert rule["rule"] in veto["lines"][1] and rule["reason"] in veto["lines"][1]


def test_it_proves_itself(shown: tuple[dict[str, Any], str]) -> None:
    told, lines = shown
    journal = Path(told["run"]["journal"])
    assert told["replay"]["identical"] and told["replay"]["head_digest"] == told["run"]["head_digest"]
    assert f"replay: {told['replay']['records']:,} records, digest equal" in lines
    assert verify_file(journal).ok
    other = replay(journal, overrides=["agents.momentum.fast=60"])
    assert not other.identical and other.first_divergence is not None


def test_tampering_names_the_record(shown: tuple[dict[str, Any], str]) -> None:
    told, lines = shown
    found = told["tamper"]
    assert found["found"] and found["verification"]["first_bad"] == found["record"]
    assert f"found, record {found['record']}" in lines
    assert found["before"] != found["after"]
    assert verify_file(Path(told["run"]["journal"])).ok, "the journal itself is untouched"
    again = tamper(Path(told["run"]["journal"]))
    assert again.found and again.record == found["record"]


def test_figures_stand_beside_chance_and_costs(shown: tuple[dict[str, Any], str]) -> None:
    told, lines = shown
    metrics, baselines = told["metrics"], told["baselines"]
    pnl = metrics["pnl"]
    assert pnl["pessimistic"] < pnl["likely"] < pnl["optimistic"]
    assert metrics["fees"] > 0 and metrics["long_trades"] > 5 and metrics["short_trades"] > 5
    assert baselines["buy_and_hold"]["max_drawdown"] > 0.15 and baselines["nothing"] == 0.0
    assert baselines["random"]["low"] < baselines["random"]["median"] < baselines["random"]["high"]
    for word in ("buy and hold", "a random trader", "doing nothing", "pessimistic", "quorate doctor"):
        assert word in lines


def test_calm_ends_unhalted_without_home_in_plain_lines(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = command(tmp_path, "demo", "--calm", HOME=str(file), USERPROFILE=str(file), TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "no home folder can be written" in done.stdout
    assert "HALTED" not in done.stdout and "not seen" not in done.stdout
    assert "digest equal" in done.stdout and "\x1b" not in done.stdout + done.stderr
    for name in CALM_SCENES:
        assert f"  {name}" in done.stdout


def test_same_seed_same_bytes_another_seed_others() -> None:
    first, again, other = (plan_demo(seed, calm=False, bars=3_000).opened for seed in (4, 4, 5))
    assert first == again and first.data != other.data
    assert plan_demo(4, calm=True, bars=3_000).opened.data != first.data
    with pytest.raises(ConfigError, match="not a seed"):
        plan_demo(-1, calm=False)


def test_what_does_not_occur_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month too short for its indicators: nothing trades, and nothing is made up."""
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path))
    told: list[Scene] = []
    progress: list[tuple[str, float]] = []
    played = play(
        plan_demo(1, calm=False, bars=400), calm=False, say=told.append,
        progress=lambda phase, share: progress.append((phase, share)), started=lambda session: None,
    )  # fmt: skip
    assert {"decision", "bracket", "halt", "resume"} <= set(played.missing)
    assert {scene.name for scene in told} <= {"gap", "stall", "week", "veto"}
    assert played.replayed is not None and played.replayed.identical
    assert progress[-1][1] == 1.0 and len({phase for phase, _ in progress}) == 2


def test_a_home_of_ones_own_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path))
    assert settle_home() == ""
    assert os.environ["QUORATE_HOME"] == str(tmp_path)
