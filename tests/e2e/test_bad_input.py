"""Bad input through the real command: a clear line and the right exit code each, and nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from quorate.cli.main import invoke
from tests.cli_support import COMMAND, HEADER, clean_environment, one_object, quorate, walk, write_bars

pytestmark = pytest.mark.e2e
posix = pytest.mark.skipif(os.name != "posix", reason="file limits and signals to a process are POSIX")

GOOD = walk(60)


def _altered(place: int, **values: float | str) -> list[str]:
    """The good rows as lines, with some values of one row replaced."""
    names = HEADER.split(",")
    lines = []
    for number, row in enumerate(GOOD):
        cells = dict(zip(names, row, strict=True)) | (values if number == place else {})
        lines.append(",".join(str(cells[name]) for name in names))
    return lines


def _swapped() -> list[str]:
    lines = _altered(-1)
    lines[20], lines[21] = lines[21], lines[20]
    return lines


BAD_FILES = {
    "missing column": ([line.rsplit(",", 2)[0] for line in _altered(-1)], HEADER[:16], "missing column"),
    "NaN": (_altered(10, close="NaN"), HEADER, "row 11"),
    "negative price": (_altered(10, low=-3.5), HEADER, "above zero"),
    "high below low": (_altered(10, high=GOOD[10][3], low=GOOD[10][2]), HEADER, "is below low"),
    "duplicate time": (_altered(10, ts=GOOD[9][0]), HEADER, "there twice"),
    "unsorted times": (_swapped(), HEADER, "before the row above"),
    "no time zone": ([line.replace("Z", "", 1) for line in _altered(-1)], HEADER, "--assume-utc"),
    "header only": ([], HEADER, "no rows"),
}  # fmt: skip


def _refused(done: subprocess.CompletedProcess[str], said: str, folder: Path) -> None:
    """Exit 2, one line on stderr, the same as JSON, and nothing written but perhaps a log."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.startswith("quorate: ") and done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
    told = one_object(done.stdout)
    assert told["exit_code"] == 2 and said in told["error"]
    assert not [path for path in folder.rglob("*") if path.suffix in (".db", ".html") or path.name == "runs"]


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_is_refused_by_name(what: str, tmp_path: Path) -> None:
    lines, header, said = BAD_FILES[what]
    path = tmp_path / "BTCUSDT_1h.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    done = quorate("backtest", "--data", path.name, "--json", cwd=tmp_path)
    _refused(done, said, tmp_path)
    assert path.name in done.stderr


def test_the_zoneless_file_is_read_when_told_how(tmp_path: Path) -> None:
    lines, header, _ = BAD_FILES["no time zone"]
    path = tmp_path / "BTCUSDT_1h.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    done = quorate("backtest", "--data", path.name, "--assume-utc", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert any("UTC" in note for note in one_object(done.stdout)["notes"])


def test_empty_wrong_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "bars.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "lies.parquet").write_bytes(b"ts,open,high,low,close\n")
    for name, said in (
        ("empty.csv", "the file is empty"),
        ("bars.xlsx", "unknown file type"),
        ("lies.parquet", "not a .parquet file"),
        ("nowhere.csv", "No such file"),
    ):
        _refused(quorate("backtest", "--data", name, "--json", cwd=tmp_path), said, tmp_path)


def test_an_unknown_instrument_is_refused(tmp_path: Path) -> None:
    write_bars(tmp_path / "BTCUSDT_1h.csv", GOOD)
    words = ("backtest", "--data", "BTCUSDT_1h.csv", "--instrument", "NOSUCH", "--json")
    _refused(quorate(*words, cwd=tmp_path), "unknown instrument 'NOSUCH'", tmp_path)


def test_an_unwritable_or_existing_journal_is_refused_before_anything_runs(tmp_path: Path) -> None:
    write_bars(tmp_path / "BTCUSDT_1h.csv", GOOD)
    words = ("backtest", "--data", "BTCUSDT_1h.csv", "--json", "--journal")
    done = quorate(*words, "no/such/folder/j.db", cwd=tmp_path)
    assert done.returncode == 2 and "cannot be written" in done.stderr
    assert not list((tmp_path / "home" / "runs").iterdir()), "a run that never was must leave nothing"
    kept = tmp_path / "kept.txt"
    kept.write_text("mine")
    done = quorate(*words, kept.name, cwd=tmp_path)
    assert done.returncode == 2 and "already exists" in done.stderr
    assert kept.read_text() == "mine"


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """(exit code, JSON) of a question about what a process left, asked in this one."""
    code = invoke([*words, "--json"])
    return code, one_object(capsys.readouterr().out)


@posix
def test_a_full_disk_halts_the_desk_and_keeps_what_was_committed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bars(tmp_path / "BTCUSDT_1h.csv", walk(4000))
    # No file may grow past 400 blocks: less than this journal needs. Python sees an error, no signal.
    narrow = ("/bin/sh", "-c", 'ulimit -f 400; exec "$@"', "sh")
    done = quorate("paper", "--data", "BTCUSDT_1h.csv", "--json", cwd=tmp_path, before=narrow)
    assert done.returncode == 3, (done.returncode, done.stderr)
    result = one_object(done.stdout)
    assert result["halted"] and result["partial"] and "cannot be written" in result["ended"]
    assert "halted" in done.stderr and "Traceback" not in done.stderr
    code, found = asked(capsys, "audit", "verify", result["journal"], "--partial")
    assert code == 0 and found["records"] > 0
    assert asked(capsys, "audit", "verify", result["journal"])[0] == 1, "it was never closed"


def _signalled(tmp_path: Path, number: int) -> subprocess.CompletedProcess[str]:
    """A run that gets a signal in its midst: once some bars are through, long before the last one."""
    write_bars(tmp_path / "BTCUSDT_1h.csv", walk(400))
    words = ("paper", "--data", "BTCUSDT_1h.csv", "--speed", "36000", "--json", "--journal", "j.db")
    running = subprocess.Popen(
        [*COMMAND, *words],
        cwd=tmp_path,
        env=clean_environment(tmp_path / "home"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not (tmp_path / "j.db").exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.0)  # a bar each tenth of a second
    running.send_signal(number)
    said, told = running.communicate(timeout=60)
    return subprocess.CompletedProcess(words, running.returncode, said, told)


@posix
def test_ctrl_c_closes_the_journal_and_says_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = _signalled(tmp_path, signal.SIGINT)
    assert done.returncode == 130, (done.returncode, done.stderr)
    result = one_object(done.stdout)
    assert result["partial"] and result["ended"] == "interrupted by a person"
    assert 0 < result["events"] < 400
    assert [path.name for path in tmp_path.glob("j.db*")] == ["j.db"], "closed into one file"
    journal = str(tmp_path / "j.db")
    code, _ = asked(capsys, "audit", "verify", journal, "--partial", "--head", result["head_digest"])
    assert code == 0
    code, replayed = asked(capsys, "replay", journal)
    assert code == 0 and replayed["identical"] and replayed["partial"]
    assert replayed["head_digest"] == result["head_digest"]


@posix
def test_a_killed_run_leaves_all_that_it_had_committed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = _signalled(tmp_path, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL
    journal = str(tmp_path / "j.db")
    assert asked(capsys, "audit", "verify", journal)[0] == 1, "not closed"
    code, found = asked(capsys, "audit", "verify", journal, "--partial")
    assert code == 0 and not found["complete"]
    code, replayed = asked(capsys, "replay", journal)
    assert code == 1 and replayed["first_divergence"] == replayed["records"], "its end may have been cut"
    code, replayed = asked(capsys, "replay", journal, "--partial")
    assert code == 0 and replayed["identical"] and replayed["partial"]
    assert replayed["head_digest"] == found["head_digest"]
