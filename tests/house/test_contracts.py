"""The import contracts hold, and each of them breaks when it is deliberately violated."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import ROOT

# Without `site` no editable install stands before the copy; its packages are then named by hand.
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
PACKAGES = sysconfig.get_path("purelib")

# contract -> (file to plant in, line to plant): each is one deliberate violation of exactly that contract.
VIOLATIONS = {
    "floors": ("market/market.py", "import quorate.kernel.desk"),
    "acyclic": ("core/errors.py", "import quorate.core.account"),
    "pure": ("decide/decide.py", "import time"),
    "mint": ("kernel/session.py", "import quorate.shield.mint"),
    "doors": ("kernel/desk.py", "import quorate.execution.blotter"),
}


def lint(root: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    options = ["--no-cache", "--no-logo", *(["--contract", contract] if contract else [])]
    command = [sys.executable, "-S", "-c", LINT, *options]
    env = {"PYTHONPATH": os.pathsep.join([str(root / "src"), PACKAGES])}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_all_contracts_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_each_contract_breaks_when_violated(contract: str, copy: Path) -> None:
    place, line = VIOLATIONS[contract]
    file = copy / "src" / "quorate" / place
    file.write_text(file.read_text("utf-8") + f"\n{line}\n", "utf-8")
    done = lint(copy, contract)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout


def test_a_room_nobody_placed_breaks_the_floors(copy: Path) -> None:
    room = copy / "src" / "quorate" / "attic"
    room.mkdir()
    (room / "__init__.py").touch()
    done = lint(copy, "floors")
    assert done.returncode == 1, done.stdout
    assert "attic" in done.stdout


def test_every_contract_has_its_violation() -> None:
    names = [
        line.split(":")[2].rstrip("]\n")
        for line in (ROOT / ".importlinter").read_text().splitlines()
        if line.startswith("[importlinter:contract:")
    ]
    assert sorted(names) == sorted(VIOLATIONS)
