"""Workload M: from nothing to the first useful result: an empty environment, the wheel, `quorate demo`.

`python -m benches.first_run [WHEEL]` builds nothing: it takes a wheel (by default the newest in dist/), makes
an empty virtual environment, installs the base package into it without any cache, and runs the demo there in
an empty environment without stdin. `--cached` lets the installer use what it fetched before.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benches.machine import ROOT, keep, machine

SECONDS_MAX = 30.0
MEGABYTES_MAX = 300.0
UV = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
BIN = "Scripts" if os.name == "nt" else "bin"


def timed(command: list[str], **more: Any) -> tuple[float, subprocess.CompletedProcess[str]]:
    """(seconds, what it said). Raises SystemExit with its last words when it fails."""
    began = time.perf_counter()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **more
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name} {' '.join(command[1:3])}: {done.stderr[-2_000:]}")
    return took, done


def megabytes(folder: Path) -> float:
    """What the files in a folder take, links not followed."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def installer(environment: Path, wheel: Path, *, cached: bool) -> tuple[str, list[list[str]]]:
    """(name, the commands that make the environment and install into it): uv where there is one, else pip."""
    python = str(environment / BIN / "python")
    if Path(UV).exists():
        fresh = [] if cached else ["--no-cache"]
        made = [UV, "venv", "-q", "--python", sys.executable, str(environment)]
        return "uv", [made, [UV, "pip", "install", "-q", *fresh, "--python", python, str(wheel)]]
    fresh = [] if cached else ["--no-cache-dir"]
    made = [sys.executable, "-m", "venv", str(environment)]
    return "pip", [made, [python, "-m", "pip", "install", "-q", *fresh, str(wheel)]]


def measure(wheel: Path, *, cached: bool) -> dict[str, Any]:
    """All of workload M, from an empty folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="quorate-first-run-") as root:
        folder = Path(root)
        environment, home = folder / "env", folder / "home"
        name, commands = installer(environment, wheel, cached=cached)
        install = sum(timed(command)[0] for command in commands)
        quorate = str(environment / BIN / "quorate")
        empty = {"HOME": str(home), "USERPROFILE": str(home)}
        empty |= {key: os.environ[key] for key in ("SYSTEMROOT",) if key in os.environ}
        home.mkdir()
        demo, done = timed([quorate, "demo", "--json"], cwd=folder, env=empty)
        told = json.loads(done.stdout)
        screen, _ = timed([quorate], cwd=folder, env=empty)
        packages = len(list((environment).rglob("*.dist-info")))
        return {
            "workload": "M",
            "wheel": wheel.name,
            "wheel_mb": round(wheel.stat().st_size / 1e6, 2),
            "installer": name + (", cached" if cached else ", no cache"),
            "packages": packages,
            "install_s": round(install, 2),
            "installed_mb": round(megabytes(environment), 1),
            "demo_s": round(demo, 2),
            "screen_s": round(screen, 2),
            "total_s": round(install + demo, 2),
            "state_mb": round(megabytes(home), 2),
            "demo": {
                "missing": told["missing"],
                "replay_identical": told["replay"]["identical"],
                "records": told["replay"]["records"],
                "seconds": {key: round(value, 2) for key, value in told["seconds"].items()},
            },
        }


def main() -> int:
    """Measure, keep and print one JSON object; 1 when a target is missed, 2 when there is no wheel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", nargs="?", type=Path, help="default: the newest in dist/ (`make wheel`)")
    parser.add_argument("--cached", action="store_true", help="let the installer use its cache")
    options = parser.parse_args()
    built = sorted((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    wheel = options.wheel or (built[-1] if built else None)
    if wheel is None or not wheel.is_file():
        sys.stderr.write("first_run: there is no wheel (make wheel, or name one)\n")
        return 2
    found = measure(wheel.resolve(), cached=options.cached)
    targets = {"total_s": SECONDS_MAX, "installed_mb": MEGABYTES_MAX}
    met = {name: found[name] <= most for name, most in targets.items()}
    met["proved"] = found["demo"]["replay_identical"] and not found["demo"]["missing"]
    found |= {"targets": targets, "met": met}
    keep("first_run", found)
    sys.stdout.write(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
