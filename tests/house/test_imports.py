"""`import quorate` is quick and light, and the desk needs no module that only POSIX has."""

from __future__ import annotations

import subprocess
import sys

POSIX_ONLY = ("fcntl", "grp", "posix_ipc", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty")
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
    code = f"""
import sys, pkgutil, importlib
class Block:
    def find_spec(self, name, path=None, target=None):
        if name in {POSIX_ONLY!r}:
            raise ModuleNotFoundError(f'{{name}} is blocked', name=name)
for name in {POSIX_ONLY!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Block())
import quorate
for module in pkgutil.walk_packages(quorate.__path__, 'quorate.'):
    importlib.import_module(module.name)
try:
    import fcntl
except ModuleNotFoundError:
    pass
else:
    raise SystemExit('the block does not block')
"""
    done = python(code)
    assert done.returncode == 0, done.stderr
