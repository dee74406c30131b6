"""The table of requirements: every row has a state, what is `here` can be seen, and no number was lost."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.docs.pages import exists, wrong_command, wrong_target, wrong_test
from tests.support import ROOT

TEXT = (ROOT / "docs" / "requirements.md").read_text("utf-8")
LATER = (
    "models", "evolution", "portfolio and quantum", "audit proofs", "live venues", "deployment", "scale",
    "messaging and shells",
)  # fmt: skip
HEAD = ["requirement", "where", "shown by", "status"]
# What the documents' tables of limits, triggers, latencies and targets say, by section of ours.
NUMBERS = {
    "2.4 settings.yaml": ["30", "0.8", ": 8", ": 100", "5 contracts", "0.05"],
    "2.5 Performance": ["< 5 ms", "< 100 µs", "< 100 ms", "< 20 ms", "Order placement < 5 ms", "1000+"],
    "2.8 Roadmap and success": [
        "> 2.0", "< 15 %", "> 55 %", "> 1.5", "> 99.9 %", "< 100 ms", "< 1 %", "30 s",
        "1 minute, 15 minutes, 1 hour",
    ],
    "3.1 The evolution loop": ["15 minutes", "0.7", "> 1.2", "< 5 %", "12-hour"],
    "3.2 Layer 1: TradFi oracle": ["1-hour", "15 minutes", "1 %", "x 0.5"],
    "3.3 Layer 2: narrative pulse": ["1000 BTC", "30 %", "x 0.7"],
    "3.4 Layer 3: red team": ["-20 %", "15 %"],
    "3.5 Layer 4: shadow engine": ["2x", "100 iterations", "> 1.2", "x 1.1"],
    "3.6 Layer 5: hard guardrails": ["-3 %", "rolling hour", "12 hours"],
    "3.7 Data path": ["15-minute", "0.5 to 1.5", "100 candles", "0.0 to 1.0", "base 1000"],
    "3.8 Safety checkpoints": [
        "SPY < -1 %", "reduce 50 %", "> 1000 BTC", "reduce 30 %", "24 h", "> 15 %", "> 1.2 over 100+",
        "> 3 % in 1 h", "< 12 h",
    ],
    "3.9 Dashboard, stack, figures": ["72 tests", "> 1.2", "< 5 %"],
    "4.1 Trading engine": ["5 minutes"],
    "4.7 Security and limits": ["0.5 (50 %", "MAX_LEVERAGE 10", "0.1 (10 %)"],
    "4.8 Optimisation": ["1000", "15 s"],
    "4.9 Configuration": [
        "ASSETS=BTC ETH LTC", "INTERVAL=5m", "TRADING_MODE=auto", "LLM_MODEL", "HYPERLIQUID_PRIVATE_KEY",
        "OPENROUTER_API_KEY", "TAAPI_API_KEY", "MAX_POSITION_SIZE=0.5", "MAX_LEVERAGE=10",
        "STOP_LOSS_PCT=0.02",
    ],
    "4.11 Extension and dependencies": ["512 MB", "1 GB"],
    "5.11 Risk management": ["15 USD", "50 USD", "-1.5 %", "-10 USD", "1x", "2x", "3 losses"],
    "5.12 Scale and future": ["16 GB", "32 GB"],
}  # fmt: skip

_NOT_YET = re.compile(r"not yet \((?:issue (\d+): \S.*|later: (\S.*))\)")
_REPLACED = re.compile(r"replaced by \S.* because \S.*")


class Row(NamedTuple):
    """One requirement as the table tells it."""

    section: str
    requirement: str
    where: str
    shown: str
    status: str


def rows(text: str) -> list[Row]:
    """All rows of all tables, with the section they stand in. A row that is not four cells is an error."""
    found: list[Row] = []
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("##"):
            section = line.lstrip("# ")
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == 4 or set(line) <= set("|-"), f"line {number} has {len(cells)} cells"
        if cells != HEAD and not set(line) <= set("|-"):
            found.append(Row(section, *cells))
    return found


def wrong(row: Row) -> str:
    """What is wrong with a row; empty when nothing is."""
    if row.status == "here" or _REPLACED.fullmatch(row.status):
        paths = re.findall(r"`([^`]+)`", row.where)
        if not paths or not all(exists(path) for path in paths):
            return f"{row.requirement}: {row.where} is no place in the code"
        return _not_shown(row)
    later = _NOT_YET.fullmatch(row.status)
    if later is None:
        return f"{row.requirement}: '{row.status}' is no state"
    if later[2] and not later[2].startswith(LATER):
        return f"{row.requirement}: '{later[2]}' is no subject"
    return f"{row.requirement}: shown, but not there" if row.shown != "-" else ""


def _not_shown(row: Row) -> str:
    evidence = re.findall(r"`([^`]+)`", row.shown)
    if not evidence:
        return f"{row.requirement}: nothing shows it"
    for each in evidence:
        if each.startswith("quorate"):
            fault = wrong_command(each)
        elif each.startswith("make"):
            fault = wrong_target(each)
        else:
            fault = wrong_test(each)
        if fault:
            return f"{row.requirement}: {fault}"
    return ""


def lost(text: str) -> list[str]:
    """Numbers that a document states and that its section here does not."""
    sections: dict[str, str] = {}
    for row in rows(text):
        sections[row.section] = sections.get(row.section, "") + row.requirement + "\n"
    return [
        f"{section}: {number}"
        for section, numbers in NUMBERS.items()
        for number in numbers
        if number not in sections.get(section, "")
    ]


def test_every_row_is_true() -> None:
    assert [fault for row in rows(TEXT) if (fault := wrong(row))] == []


def test_no_number_was_lost() -> None:
    assert lost(TEXT) == []


def test_the_five_documents_are_told_whole() -> None:
    held = rows(TEXT)
    told = {number: sum(row.section.startswith(f"{number}.") for row in held) for number in range(1, 6)}
    least = {1: 30, 2: 100, 3: 80, 4: 100, 5: 90}
    assert all(told[number] >= count for number, count in least.items()), told


def test_no_requirement_is_told_twice_in_a_section() -> None:
    held = [(row.section, row.requirement) for row in rows(TEXT)]
    assert [each for each in held if held.count(each) > 1] == []


@pytest.mark.parametrize(
    "planted",
    [
        "| Teleports | `kernel/teleport.py` | `quorate run` | here |",
        "| Teleports | `kernel/desk.py` | `quorate teleport` | here |",
        "| Teleports | `kernel/desk.py` | `quorate run --teleport` | here |",
        "| Teleports | `kernel/desk.py` | `tests/unit/test_teleport.py` | here |",
        "| Teleports | `kernel/desk.py` | `tests/house/test_habits.py::test_teleports` | here |",
        "| Teleports | `kernel/desk.py` | `make teleport` | here |",
        "| Teleports | kernel | `quorate run` | here |",
        "| Teleports | `kernel/desk.py` | - | here |",
        "| Teleports | kernel | - | almost |",
        "| Teleports | kernel | - | not yet |",
        "| Teleports | kernel | - | not yet (later: teleports) |",
        "| Teleports | kernel | `quorate run` | not yet (issue 3: the native exchange) |",
        "| Teleports | `kernel/desk.py` | `quorate run` | replaced by walking |",
    ],
)
def test_a_planted_bad_row_is_caught(planted: str) -> None:
    good = "| Folds | `kernel/desk.py` | `quorate run` | here |"
    assert [wrong(row) for row in rows(good)] == [""]
    assert all(wrong(row) for row in rows(planted))


def test_a_lost_number_is_caught() -> None:
    assert lost(TEXT.replace("-1.5 %", "a bit")) == ["5.11 Risk management: -1.5 %"]
