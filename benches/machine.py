"""What every figure carries: the machine, the sources it was measured on, and where results are kept."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benches" / "results"


def machine() -> dict[str, Any]:
    """Cores, processor and Python: never a host name or a path."""
    model = ""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "cores": os.cpu_count(),
        "processor": model or platform.machine(),
        "python": platform.python_version(),
    }


def sources() -> str:
    """Digest of everything a run depends on: evidence is measured again when this has changed."""
    state = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix in {".py", ".cpp", ".hpp", ".toml", ".sql", ".html"} and path.is_file():
            state.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]


def commit() -> str:
    """The commit checked out, with a mark when the tree differs from it."""
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    dirty = subprocess.run(
        ["git", "status", "--porcelain", "src"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return (head.stdout.strip() or "none") + ("+" if dirty.stdout.strip() else "")


def keep(name: str, result: dict[str, Any]) -> Path:
    """Write one result with its machine and commit; returns the file."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(
        json.dumps({"machine": machine(), "commit": commit(), **result}, indent=1, sort_keys=True) + "\n"
    )
    return path


def kept(name: str) -> dict[str, Any]:
    """A result written before; empty when there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else {}
