"""What the analysis of a run costs: a million minutes of equity, and ten thousand trades, part by part."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from benches.machine import keep
from quorate.analysis.analysis import analyse
from quorate.analysis.baselines import baselines
from quorate.analysis.catalogue import statistics
from quorate.analysis.metrics import summary
from quorate.analysis.result import Closes, Curve, RunStats
from quorate.analysis.sample import Sample
from quorate.analysis.significance import overfitting
from quorate.analysis.targets import intervals
from quorate.core.events import TradeClosed
from quorate.core.instant import MINUTE, parse_instant
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money
from quorate.core.order import Role, Side

BARS, TRADES, ROUNDS = 1_000_000, 10_000, 5
TARGETS_S = {"statistics": 0.2, "intervals": 0.2}
COIN = Instrument(id="BTCUSDT", kind=Kind.SPOT, currency="USDT", tick=Decimal("0.01"), lot=Decimal("0.0001"))


def made() -> tuple[RunStats, dict[str, Closes]]:
    """A seeded walk of equity and price, and trades spread over it."""
    generator = np.random.default_rng(1)
    at = parse_instant("2022-01-01") + MINUTE * np.arange(1, BARS + 1)
    close = 40_000 * np.exp(np.cumsum(generator.normal(0, 5e-4, BARS)))
    equity = np.rint(1e13 * np.exp(np.cumsum(generator.normal(0, 1e-4, BARS)))).astype(np.int64)
    opened = np.sort(generator.choice(BARS - 200, TRADES, replace=False))
    trades = []
    for index in opened.tolist():
        leave = index + int(generator.integers(1, 150))
        entry, end = float(close[index]), float(close[leave])
        profit = Money(round((end - entry) * 1e6), "USDT")
        trades.append(
            TradeClosed(
                int(at[leave]), "BTCUSDT", Side.BUY, int(at[index]), COIN.quantity(100), entry, end, profit,
                Money(1000, "USDT"), profit, profit, "d", Role.EXIT,
            )
        )  # fmt: skip
    stats = RunStats(
        Curve(at, equity), trades, (), Money.of(100_000, "USDT"), {"BTCUSDT": COIN}, MINUTE, gross=equity // 2
    )
    return stats, {"BTCUSDT": Closes(at, close, close * 1.0004, close * 0.9996)}


def median_s(work: Callable[[], Any]) -> float:
    """The median of some rounds, seconds of one core: what else the machine does is left out."""
    spans = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        spans.append(time.process_time() - began)
    return round(float(np.median(spans)), 4)


def main() -> int:
    """Measure and print one JSON object; exit 1 when a target is missed."""
    stats, closes = made()
    metrics, hold = summary(stats), baselines(stats, closes, 1)[1]

    def sample() -> Sample:
        return Sample(stats, closes, metrics, hold)

    trials = np.random.default_rng(2).normal(0, 0.01, (1000, 200))
    found = {
        "summary": median_s(lambda: summary(stats)),
        "baselines": median_s(lambda: baselines(stats, closes, 1)),
        "statistics": median_s(lambda: statistics(sample())),
        "intervals": median_s(lambda: intervals(sample(), 1)),
        "analyse": median_s(lambda: analyse(stats, closes, 1)),
        "overfitting of 200 strategies, 1,000 days, 12,870 splits": median_s(lambda: overfitting(trials)),
    }
    told = {
        "bars": BARS,
        "trades": TRADES,
        "rounds": ROUNDS,
        "median_cpu_s": found,
        "targets_cpu_s": TARGETS_S,
        "met": {name: found[name] <= limit for name, limit in TARGETS_S.items()},
    }
    keep("analysis", told)
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0 if all(told["met"].values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
