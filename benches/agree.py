"""The same three strategies here and in backtesting.py, trade by trade: `make prove-agree`.

GOOG daily, EURUSD hourly and BTC five-minute bars; one unit at a time, no costs, no latency: both tools then
fill a market order at the next open, a limit and a stop at their price or at a better (worse) open. A trade
agrees when entry bar, exit bar and side are the same and both prices are within one tick.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benches.machine import ROOT, keep
from benches.peers import rules
from benches.prove import DATA
from quorate import Money, Strategy
from quorate.adapters.feeds.derive import parse_instrument
from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.series import Series
from quorate.app.research import rows_of, trade_list
from quorate.core.instrument import Instrument
from quorate.research.run import Run, Setting, Size, run_class

PEER = ROOT / ".peers" / "event" / "bin" / "python"
SETS = {
    "GOOG daily": ("raw/backtestingpy_GOOG_1d.csv", "GOOG,tick=0.01,lot=1"),
    "EURUSD hourly": ("raw/backtestingpy_EURUSD_1h.csv", "EURUSD,tick=0.00001,lot=1"),
    "BTC 5m": ("crypto/spot_5m/BTCUSDT.parquet", "BTCUSDT,tick=0.01,lot=1"),
}
CASH = 10**9

Trade = tuple[int, int, int, float, float]  # entry bar, exit bar, side, entry price, exit price


def free(instrument: Instrument) -> Instrument:
    """The same without any cost, and with all the margin one could want."""
    costs = ("taker_bps", "maker_bps", "commission", "spread_bps", "slippage_bps", "financing_bps_year")
    values = {name: getattr(instrument, name) for name in instrument.__struct_fields__}
    return Instrument(
        **{**values, **dict.fromkeys(costs, Decimal(0)), "margin": Decimal("0.01"), "max_lots": 0}
    )


def asking(name: str, tick: float) -> type[Strategy]:
    """A class that does what the rule asks, one unit at a time."""
    rule = rules.RULES[name]

    class Asked(Strategy):
        """One closed bar, one question."""

        def start(self) -> None:
            self.sent, self.entry = 0, None

        def on_bar(self, bar: Any) -> None:
            count, window = bar.number + 1, rules.WINDOW
            lots = self.position.lots
            waiting = self.entry is not None and not self.entry.is_done
            ask = rule(
                rules.Seen(
                    self.highs(window), self.lows(window), self.closes(window),
                    int(np.sign(lots)), int(waiting), count - self.sent, tick,
                )
            )  # fmt: skip
            if ask is None:
                return
            if ask.cancel:
                self.entry.cancel()
                return
            if lots and (ask.turn or ask.side == 0):
                self.close()
            if ask.side:
                self.sent = count
                act = self.buy if ask.side > 0 else self.sell
                self.entry = act(1, stop_loss=ask.stop, take_profit=ask.target, limit=ask.limit)

    return Asked


def ours(series: Series, name: str) -> list[Trade]:
    """Our trades of one rule."""
    instruments, rows = rows_of([series])
    instrument = free(instruments[0])
    setting = Setting(
        [instrument], rows, series.interval, Money.of(CASH, instrument.currency), 0, Size(None, Decimal(1))
    )
    run: Run = run_class(asking(name, instrument.tick_float), {}, setting)
    return [
        (
            each["entry_bar"],
            each["exit_bar"],
            1 if each["side"] == "long" else -1,
            each["entry"],
            each["exit"],
        )
        for each in trade_list(run)
    ]


def theirs(series: Series, name: str, folder: Path) -> list[Trade]:
    """backtesting.py's trades of the same rule over the same bars."""
    path, tick = folder / "bars.npz", series.instrument.tick_float
    prices = {each: np.round(getattr(series, each) * tick, 10) for each in ("open", "high", "low", "close")}
    np.savez(path, seconds=series.start // 10**9, **prices)
    script = ROOT / "benches" / "peers" / "agree_backtesting.py"
    command = [str(PEER), str(script), str(path), repr(tick), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=script.parent)
    if done.returncode:
        raise SystemExit(f"backtesting.py: {done.stderr.strip().splitlines()[-1]}")
    return [tuple(each) for each in json.loads(done.stdout)]


def compare(mine: list[Trade], other: list[Trade], tick: float) -> dict[str, Any]:
    """How many agree, and every trade that only one side has, by entry bar."""
    near = lambda a, b: abs(a - b) <= tick * 1.000001  # noqa: E731
    left = {(trade[0], trade[2]): trade for trade in other}
    same, differ = 0, []
    for trade in mine:
        twin = left.pop((trade[0], trade[2]), None)
        if twin is not None and twin[1] == trade[1] and near(twin[3], trade[3]) and near(twin[4], trade[4]):
            same += 1
        else:
            differ.append({"ours": trade, "theirs": twin})
    differ += [{"ours": None, "theirs": trade} for trade in left.values()]
    return {"ours": len(mine), "theirs": len(other), "same": same, "differ": differ}


def main() -> int:
    """Compare all, print and keep benches/results/agree.json; 1 when any trade differs."""
    if not PEER.is_file():
        sys.stderr.write("backtesting.py is not here: make bench-peers\n")
        return 2
    if not (DATA / "MANIFEST.md").is_file():
        sys.stderr.write("no market data: put it at ../shared/data or name its folder in QUORATE_TEST_DATA\n")
        return 2
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for title, (path, told) in SETS.items():
            (series,) = load([str(DATA / path)], [parse_instrument(told)], assume_utc=True)
            for name in rules.RULES:
                mine, other = ours(series, name), theirs(series, name, Path(folder))
                found[f"{title}, {name}"] = compare(mine, other, series.instrument.tick_float)
    for title, each in found.items():
        sys.stdout.write(f"{title}: ours {each['ours']}, theirs {each['theirs']}, same {each['same']}\n")
        for one in each["differ"][:6]:
            sys.stdout.write(f"   {one}\n")
    keep("agree", found)
    return int(any(each["differ"] for each in found.values()))


if __name__ == "__main__":
    sys.exit(main())
