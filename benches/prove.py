"""Long evidence by name, resumable: `python -m benches.prove real` proves what is not yet proved.

real: the baseline recipe through the real command on whole real data sets: journal verifies, replay is
identical, another seed gives another head, and a paper session over the same tape gives the same orders.
limits: the compiled limits answer as the Python shield does, step by step on ten thousand random desks.
exchange: the native exchange and its readable oracle tell the same in ten thousand random flows of every
order type over bars, trades and quotes, and what must hold of any exchange holds in each.
agree: three strategies on three real sets trade as in backtesting.py, trade by trade; `make bench-peers`.
fuzz: thousands of hostile callers of the native core, in processes of their own: none crashes or hangs it;
on a core built with sanitizers as well, where `make sanitize` made one.
research-desk: fifty random recipes give the same orders and fills as a research run and on the whole desk.
interval: what bars say came of 200 random bracket strategies holds what came of them over the ticks.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.limits_flow import flow
from tests.oracles.exchange.flows import deep_flow
from tests.oracles.exchange.flows import flow as order_flow
from tests.parity.test_native_orders import hold

from benches.interval import interval
from benches.machine import ROOT, keep, kept, sources

DATA = Path(os.environ.get("QUORATE_TEST_DATA", ROOT.parent / "shared" / "data"))
SETS = {
    "BTCUSDT 5m 2024": ["crypto/spot_5m/BTCUSDT.parquet"],
    "NQ 5m 2008-2018": ["futures/NQ_5m_2008_2018.parquet"],
    "six crypto pairs 5m": [
        f"crypto/spot_5m/{pair}USDT.parquet" for pair in ("BTC", "ETH", "SOL", "XRP", "DOGE", "LINK")
    ],
    "20 stocks 1d": ["portfolio/sp500_20stocks_daily_1990_2022.parquet"],
}
COMMAND = [str(Path(sys.executable).with_name("quorate"))]
TRADES_MIN = 30
DESKS, DESKS_AT_ONCE = 10_000, 250
FLOWS, BLOCK, DEEP_EVERY = 10_000, 500, 10  # every tenth over a deep book
FILL = 4  # a report's kind
EXCHANGE = (  # the native files that this proof is about
    "costs", "events", "exchange", "fills", "ladder", "ledger", "matching", "money", "orders", "rules",
    "ticks", "triggers", "wide",
)  # fmt: skip


def quorate(home: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """(exit code, JSON) of one real command with its state in ``home``."""
    environment = {**os.environ, "QUORATE_HOME": str(home)}
    done = subprocess.run(
        [*COMMAND, *arguments, "--json"], env=environment, capture_output=True, text=True, check=False
    )
    if not done.stdout.strip():
        raise SystemExit(f"quorate {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    return done.returncode, json.loads(done.stdout)


def prove_set(paths: list[str]) -> dict[str, Any]:
    """All claims on one data set; raises SystemExit naming the first that does not hold."""
    data = [part for path in paths for part in ("--data", str(DATA / path))]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        began = time.perf_counter()
        code, run = quorate(home, "backtest", "--recipe", "baseline", *data)
        seconds = time.perf_counter() - began
        _, verified = quorate(home, "audit", "verify", run["journal"])
        _, replayed = quorate(home, "replay", run["journal"])
        _, other = quorate(home, "backtest", "--recipe", "baseline", "--seed", "2", *data)
        acts = home / "acts.jsonl"
        acts.write_text("".join(json.dumps(act) + "\n" for act in run["operator_acts"]))
        _, paper = quorate(home, "paper", "--recipe", "baseline", "--acts", str(acts), *data)
    metrics = run["metrics"]
    claims = {
        "ended well": code == 0 and not run["partial"],
        "journal verifies": verified["ok"],
        "replay identical": replayed["identical"] and replayed["head_digest"] == run["head_digest"],
        "another seed, another head": other["head_digest"] != run["head_digest"],
        "paper sends the same orders": paper["orders_digest"] == run["orders_digest"],
        f"at least {TRADES_MIN} trades": metrics["trades"] >= TRADES_MIN,
        "long and short": metrics["long_trades"] > 0 and metrics["short_trades"] > 0,
        "at least one veto": run["vetoes"] > 0,
        "positive fees": float(metrics["fees"]) > 0,
    }
    figures = {
        key: run[key] for key in ("events", "decisions", "orders", "fills", "vetoes", "halts", "head_digest")
    }
    chosen = ("trades", "long_trades", "short_trades", "total_return", "sharpe", "max_drawdown", "fees")
    figures |= {key: metrics[key] for key in chosen}
    return {
        "claims": claims,
        "figures": figures,
        "seconds": round(seconds, 1),
        "records": replayed["records"],
    }


def real() -> int:
    """Must show 2 of the first issue; resumes after the last proved set."""
    if not (DATA / "MANIFEST.md").is_file():
        sys.stderr.write("no market data: put it at ../shared/data or name its folder in QUORATE_TEST_DATA\n")
        return 2
    mark = sources()
    before = kept("real")
    done: dict[str, Any] = before.get("sets", {}) if before.get("sources") == mark else {}
    for name, paths in SETS.items():
        if name not in done:
            done[name] = prove_set(paths)
            keep("real", {"sources": mark, "sets": done})
        broken = [claim for claim, holds in done[name]["claims"].items() if not holds]
        sys.stdout.write(f"{name}: {'FAILED ' + ', '.join(broken) if broken else 'all claims hold'}\n")
        sys.stdout.flush()
    return int(any(not all(each["claims"].values()) for each in done.values()))


def limits() -> int:
    """Random desks under the shield and its compiled twin; the first that differs raises, naming its seed."""
    mark = sources()
    before = kept("limits")
    keys = "desks", "steps", "reviews", "approvals", "cuts", "moves"
    done = before["figures"] if before.get("sources") == mark else dict.fromkeys(keys, 0)
    while done["desks"] < DESKS:
        for seed in range(done["desks"], done["desks"] + DESKS_AT_ONCE):
            try:
                twin = flow(seed).twin
            except AssertionError as error:
                raise SystemExit(f"desk {seed}: {error}") from error
            for key, count in zip(
                keys,
                (1, twin.steps, twin.reviews, twin.approvals, twin.cuts, len(twin.moved)),
                strict=True,
            ):
                done[key] += count
        keep("limits", {"sources": mark, "figures": done})
    sys.stdout.write(", ".join(f"{done[key]:,} {key}" for key in keys) + ": all equal\n")
    return 0


def exchange() -> int:
    """Blocks of random flows; resumes after the last block that held."""
    native = [path for name in EXCHANGE for path in (ROOT / "src/quorate/native").glob(f"{name}.*pp")]
    parts = sorted([*native, *(ROOT / "tests/oracles/exchange").glob("*.py")])
    mark = hashlib.sha256(b"".join(each.read_bytes() for each in parts)).hexdigest()[:16]
    before = kept("exchange_parity")
    keys = "flows", "fills", "reports"
    proved = before["figures"] if before.get("sources") == mark else dict.fromkeys(keys, 0)
    while proved["flows"] < FLOWS:
        for seed in range(proved["flows"], proved["flows"] + BLOCK):
            try:
                pair = (deep_flow if seed % DEEP_EVERY == 0 else order_flow)(seed)
                hold(pair)
            except AssertionError as error:
                sys.stderr.write(f"flow {seed} differs: {error}\n")
                return 1
            proved["reports"] += len(pair.told)
            proved["fills"] += sum(row[1] == FILL for row in pair.told)
        proved["flows"] += BLOCK
        keep("exchange_parity", {"sources": mark, "figures": proved})
    sys.stdout.write(", ".join(f"{proved[key]:,} {key}" for key in keys) + ": the same\n")
    return 0


def agree() -> int:
    """Must show 2 of the native exchange's issue."""
    from benches.agree import main as compare

    return compare()


def fuzz() -> int:
    """Hostile callers of the native core."""
    from benches.fuzz import main as call

    return call()


def research_desk() -> int:
    """Must show 4 of the native exchange's issue."""
    from benches.research_desk import main as compare

    return compare()


PROOFS = {
    "agree": agree, "real": real, "limits": limits, "exchange": exchange, "fuzz": fuzz,
    "research-desk": research_desk, "interval": interval,
}  # fmt: skip


def main() -> int:
    """One proof by name."""
    names = sys.argv[1:]
    if len(names) != 1 or names[0] not in PROOFS:
        sys.stderr.write(f"name one proof: {', '.join(PROOFS)}\n")
        return 2
    return PROOFS[names[0]]()


if __name__ == "__main__":
    sys.exit(main())
