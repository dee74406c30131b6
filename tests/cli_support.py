"""What the tests of the command share: bar files of a seeded walk, and the command as a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

COMMAND = (sys.executable, "-c", "from quorate.cli.main import main; main()")
TIMEOUT_S = 120
START = datetime(2024, 1, 1, tzinfo=UTC)
HEADER = "ts,open,high,low,close,volume"

Row = tuple[str, float, float, float, float, float]


def walk(bars: int, seed: int = 7, minutes: int = 60) -> list[Row]:
    """Bars of a seeded random walk with bursts, prices to the cent."""
    random = np.random.default_rng(seed)
    level = 30_000 * np.exp(np.cumsum(random.standard_t(4, bars) * 0.006))
    rows = []
    last = 30_000.0
    for place, close in enumerate(level.round(2).tolist()):
        stamp = (START + timedelta(minutes=minutes * place)).strftime("%Y-%m-%dT%H:%M:%SZ")
        high, low = round(max(last, close) * 1.001, 2), round(min(last, close) * 0.999, 2)
        rows.append((stamp, round(last, 2), high, low, close, 5.0))
        last = close
    return rows


def write_bars(path: Path, rows: list[Row], header: str = HEADER) -> Path:
    """A CSV file of bars."""
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing but what a process needs to start, and QUORATE_HOME."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "PYTHONPATH") if name in os.environ}
    return kept | {"QUORATE_HOME": str(home)} | more


def quorate(
    *words: str,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own, stdin closed; ``before`` starts it, such as a shell."""
    return subprocess.run(
        [*before, *COMMAND, *words],
        cwd=cwd,
        env=dict(environment) if environment is not None else clean_environment(cwd / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def one_object(text: str) -> dict[str, Any]:
    """The one JSON object that stdout is; NaN and Infinity are no JSON."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    value = json.loads(text, parse_constant=refuse)
    assert isinstance(value, dict)
    return value
