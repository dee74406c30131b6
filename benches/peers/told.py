"""What a peer's script prints: one JSON line with the seconds of every round and what the run came to."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable


def measure(rounds: int, bars: int, run: Callable[[], tuple[int, float]]) -> None:
    """Times ``run`` alone, which returns (trades, final equity); imports and data are outside the clock."""
    seconds = []
    trades, equity = 0, 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        trades, equity = run()
        seconds.append(time.perf_counter() - began)
    said = {"bars": bars, "seconds": seconds, "trades": int(trades), "equity": float(equity)}
    sys.stdout.write(json.dumps(said) + "\n")
