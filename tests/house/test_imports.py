"""`import quorate` is quick and light, and the desk needs no module that only POSIX has."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

HEAVY = (
    "torch", "qiskit", "ccxt", "ray", "langgraph", "fastapi", "pyarrow", "pandas", "polars", "skfolio",
    "numpy",
)  # fmt: skip


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_import_is_light() -> None:
    heavy = f"[name for name in {HEAVY!r} if name in sys.modules]"
    done = python(f"import sys, quorate; bad = {heavy}; assert not bad, bad")
    assert done.returncode == 0, done.stderr


def test_public_names_load() -> None:
    done = python("import quorate; [getattr(quorate, name) for name in quorate.__all__]; assert quorate.Bar")
    assert done.returncode == 0, done.stderr


def test_the_whole_house_imports_without_posix_modules() -> None:
    code = """
import importlib, pkgutil, quorate
for module in pkgutil.walk_packages(quorate.__path__, 'quorate.'):
    importlib.import_module(module.name)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_the_block_blocks() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("fcntl")
    assert "blocked" in python("import termios").stderr
