"""For all tests: POSIX-only modules are blocked, state stays in a temporary home, examples repeat."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_PORTABLE = Path(__file__).parent / "portable"
runpy.run_path(str(_PORTABLE / "sitecustomize.py"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PORTABLE), os.environ.get("PYTHONPATH", "")]))

# Examples are drawn from a fixed seed: a red run is red again. Deadlines would make timings fail tests.
settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the state of whoever runs it."""
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path_factory.getbasetemp() / "quorate-home"))
