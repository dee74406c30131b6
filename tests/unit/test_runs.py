"""The runs of the past: a result that cannot be read is told by name, and hides no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quorate.app.runs import compare, listed, read_run
from quorate.core.errors import InputError

WHOLE: dict[str, Any] = {
    "run_id": "good", "data": [], "instruments": ["A"], "metrics": {"trades": 3}, "config": {}, "limits": {},
    "head_digest": "00",
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path))
    keep(tmp_path, "good", json.dumps(WHOLE))
    return tmp_path


def keep(home: Path, name: str, text: str) -> None:
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        *(json.dumps(WHOLE | {key: 7}) for key in WHOLE if key != "head_digest"),
        json.dumps(WHOLE | {"data": [1]}),
    ],
)
def test_a_result_that_is_none_is_told_and_hides_no_other(home: Path, text: str) -> None:
    keep(home, "spoilt", text)
    with pytest.raises(InputError, match=r"not the result|cannot be read"):
        read_run("spoilt")
    with pytest.raises(InputError, match=r"not the result|cannot be read"):
        compare("good", "spoilt")
    good, spoilt = listed()
    assert (good["run_id"], good["trades"]) == ("good", 3)
    assert spoilt["run_id"] == "spoilt" and "result.json" in spoilt["error"]


def test_a_run_is_identical_to_itself(home: Path) -> None:
    assert compare("good", "good")["identical"]
    keep(home, "other", json.dumps(WHOLE | {"head_digest": "01", "run_id": "other"}))
    found = compare("good", "other")
    assert not found["identical"]
    assert found["differing"] == ["head_digest"]
