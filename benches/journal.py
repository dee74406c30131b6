"""Workload K: how fast records are appended to a linked SQLite journal, and how fast they are proved."""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benches.machine import keep
from quorate.adapters.journals.memory import MemoryJournal
from quorate.adapters.journals.sqlite import SqliteJournal, verify_file
from quorate.core.canon import CANON_VERSION, spell
from quorate.core.effects import WakeAt
from quorate.core.events import Accepted, Bar, Fill
from quorate.core.money import Money, Price, Quantity
from quorate.core.order import Role, Side
from quorate.core.record import Closed, Opened

ROUNDS = 5
BLOCK = 1_000
TARGETS = {"durable, in blocks": 20_000, "durable, one by one": 2_000}


def opened() -> bytes:
    """A small record 0."""
    return spell(
        Opened(
            canon=CANON_VERSION, product="quorate", mode="bench", seed=1, recipe={}, rulebook={},
            instruments=(), cash=(10**13, "USDT"), interval=300, data=(), policy="", trust_level="synthetic",
        )
    )  # fmt: skip


def lines(count: int) -> list[tuple[int, str, bytes]]:
    """A mix of what a desk writes, spelled beforehand: the bench times the journal, not the spelling."""
    found: list[tuple[int, str, bytes]] = []
    for i in range(count):
        at = 1_700_000_000_000_000_000 + i * 300_000_000_000
        price, lots = Price(6_000_000 + i, "BTCUSDT"), Quantity(1_000 + i, "BTCUSDT")
        kind, event = (
            ("bar", Bar(at, "BTCUSDT", at - 1, 6_000_000, 6_000_900, 5_999_100, 6_000_000 + i, 12_345)),
            ("accepted", Accepted(at, f"{i:016x}", "BTCUSDT", Role.ENTRY, Side.BUY, lots, limit=price)),
            ("wake_at", WakeAt(at, "council", at + 1)),
            ("fill", Fill(at, f"{i:016x}", f"{i:016x}", "BTCUSDT", Side.BUY, Role.ENTRY, lots, price,
                          Money(123_456, "USDT"), at, price, price)),
        )[i % 4]  # fmt: skip
        found.append((at, kind, spell(event)))
    return found


def fill(journal: MemoryJournal | SqliteJournal, rows: list[tuple[int, str, bytes]]) -> float:
    """Seconds to append and commit all rows: opening and closing the file are not in it."""
    journal.append(rows[0][0], "opened", opened())
    began = time.perf_counter()
    for at, kind, payload in rows:
        journal.append(at, kind, payload)
    journal.flush()
    took = time.perf_counter() - began
    counted = Closed(journal.next_number, 0, True, "end", (10**13, "USDT"), "normal")
    journal.append(rows[-1][0], "closed", spell(counted))
    journal.close()
    return took


def rates(count: int, once: Callable[[int], float]) -> dict[str, float]:
    """Records a second in ROUNDS rounds: the slowest, the middle and the fastest."""
    found = [count / once(i) for i in range(ROUNDS)]
    return {
        "records": count,
        "min": round(min(found)),
        "median": round(statistics.median(found)),
        "max": round(max(found)),
        "us_a_record": round(1e6 / statistics.median(found), 2),
    }


def measure(folder: Path, in_blocks: int, one_by_one: int) -> dict[str, dict[str, float]]:
    """All rows of workload K."""
    many, few = lines(in_blocks), lines(one_by_one)

    def proved(i: int) -> float:
        began = time.perf_counter()
        if not verify_file(folder / f"blocks{i}.db").ok:
            raise SystemExit("the journal just written does not verify")
        return time.perf_counter() - began

    return {
        "memory": rates(in_blocks, lambda _: fill(MemoryJournal(), many)),
        "not durable, batches of 1,024": rates(
            in_blocks, lambda i: fill(SqliteJournal(folder / f"fast{i}.db", durable=False), many)
        ),
        "durable, in blocks": rates(
            in_blocks,
            lambda i: fill(SqliteJournal(folder / f"blocks{i}.db", durable=True, batch=BLOCK), many),
        ),
        "durable, one by one": rates(
            one_by_one, lambda i: fill(SqliteJournal(folder / f"single{i}.db", durable=True), few)
        ),
        "verify": rates(in_blocks, proved),
    }


def main() -> int:
    """Measure and print one JSON object; exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    parser.add_argument("--blocks", type=int, default=50_000, help="records in the batched rows")
    parser.add_argument("--single", type=int, default=5_000, help="records committed one by one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(Path(folder), options.blocks, options.single)
    met = {name: found[name]["median"] >= target for name, target in TARGETS.items()}
    told = {
        "workload": "K",
        "rounds": ROUNDS,
        "sqlite": sqlite3.sqlite_version,
        "rates": found,
        "targets": TARGETS,
        "met": met,
    }
    keep("journal", told)
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
