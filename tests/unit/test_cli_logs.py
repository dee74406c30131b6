"""Logs: what is wanted is there, and a planted key never is, whichever way it came."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from quorate.app import logs
from quorate.app.logs import HIDDEN, Redactor, configure, log_file, secrets_given

ENVIRONMENT_KEY = "planted-in-the-environment"
FILE_KEY = "planted-in-the-file"
WALLET = "0x" + "1f" * 32
TOKEN = "sk-or-v1-0123456789abcdef"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
PLANTED = (ENVIRONMENT_KEY, FILE_KEY, WALLET, TOKEN, JWT)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Logging set up in an empty home, with keys in the environment and in .env; taken down again."""
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TAAPI_API_KEY", ENVIRONMENT_KEY)
    (tmp_path / ".env").write_text(f"OPENROUTER_API_KEY={FILE_KEY}\n")
    before = logging.getLogger().level
    configure(2, secrets_given(tmp_path))
    yield tmp_path
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler).__module__ == logs.__name__:
            root.removeHandler(handler)
            handler.close()
    root.setLevel(before)
    structlog.reset_defaults()


def leak_everything() -> None:
    """Every way a key gets into a log: message, field, nested field, exception, a library's own logger."""
    log = structlog.get_logger("test")
    log.info(f"using {ENVIRONMENT_KEY} and {WALLET}")
    log.warning(
        "fields", api_key="short", url=f"https://x/?token={TOKEN}", deep={"a": [FILE_KEY, {"PASSWORD": "p"}]}
    )
    logging.getLogger("library").warning("header %s", JWT)
    try:
        raise ValueError(f"bad key {FILE_KEY}")
    except ValueError as error:
        log.error("failed", exc_info=error)
        logging.getLogger("library").exception("failed with %s", WALLET)


def test_no_planted_key_reaches_file_or_console(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leak_everything()
    text = log_file().read_text() + capsys.readouterr().err
    for key in PLANTED:
        assert key not in text, key
    assert '"short"' not in text and text.count(HIDDEN) >= 8
    assert "ValueError: bad key" in text, "what is not secret stays"


def test_the_check_above_catches_a_redactor_that_is_left_out(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Planted defect: texts pass as they are."""
    monkeypatch.setattr(Redactor, "text", lambda self, text: text)
    leak_everything()
    text = log_file().read_text() + capsys.readouterr().err
    assert all(key in text for key in PLANTED)


def test_the_file_has_one_object_a_line_and_rotates(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    structlog.get_logger("test").info("ran", bars=5)
    (line,) = log_file().read_text().splitlines()
    assert json.loads(line) | {"timestamp": 0} == {
        "event": "ran", "bars": 5, "level": "info", "timestamp": 0,
    }  # fmt: skip
    monkeypatch.setattr(logs, "FILE_BYTES", 2_000)
    configure(0)
    for number in range(60):
        structlog.get_logger("test").info("filling", number=number, text="x" * 100)
    files = sorted(path.name for path in log_file().parent.iterdir())
    assert files == ["quorate.log", *(f"quorate.log.{number}" for number in range(1, logs.FILES_KEPT + 1))]


def test_the_console_is_quiet_unless_asked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(0)
    structlog.get_logger("test").info("whisper")
    assert capsys.readouterr().err == ""
    configure(1)
    structlog.get_logger("test").info("spoken")
    assert "spoken" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "file"))
    configure(0)
    structlog.get_logger("test").info("one")
    structlog.get_logger("test").info("two")
    assert capsys.readouterr().err.count("cannot be written") == 1
