"""Runs benches by name, or all: `python -m benches [desk journal first_run ...]`."""

from __future__ import annotations

import subprocess
import sys

ALL = (
    "desk", "journal", "first_run", "engine", "exchange", "runner", "lane", "formula", "growth", "analysis",
)  # fmt: skip


def main() -> int:
    """Each bench in a process of its own, one after the other: benches are run alone."""
    names = [name.replace("-", "_") for name in sys.argv[1:]] or list(ALL)
    for name in names:
        if name not in ALL:
            sys.stderr.write(f"no bench is called '{name}': there are {', '.join(ALL)}\n")
            return 2
        done = subprocess.run([sys.executable, "-m", f"benches.{name}"], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
