"""vectorbt on workloads B and C: `run_vectorbt.py BARS.npz COUNT ROUNDS formula|signals|sweep`."""

import sys

import numpy as np
import pandas as pd
import tape
import told
import vectorbt as vbt

path, count, rounds, workload = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def closes(bars):
    """The one column it trades."""
    return pd.Series(bars.close, index=pd.to_datetime(bars.seconds, unit="s"))


def crosses(close):
    """(long entries, short entries) of the two averages."""
    fast = vbt.MA.run(close, tape.FAST, short_name="fast")
    slow = vbt.MA.run(close, tape.SLOW, short_name="slow")
    return fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)


def grid(close):
    """The same for every pair of the sweep, a column each."""
    pairs = [(fast, slow) for fast in tape.GRID_FAST for slow in tape.GRID_SLOW]
    fast = vbt.MA.run(close, [pair[0] for pair in pairs], short_name="fast")
    slow = vbt.MA.run(close, [pair[1] for pair in pairs], short_name="slow")
    return fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)


def trade(close, entries, shorts):
    """The portfolio, one unit a side, and the figures that the workload names."""
    held = vbt.Portfolio.from_signals(
        close, entries, short_entries=shorts, size=1.0, fees=tape.FEE, freq="1min", init_cash=tape.CASH
    )
    figures = held.total_return(), held.sharpe_ratio(), held.max_drawdown()
    return held.trades.count(), held.final_value(), figures


def run(close):
    """One whole run with indicators in the clock."""
    trades, equity, _ = trade(close, *crosses(close))
    return np.sum(trades), np.sum(equity)


def sweep(close):
    """All pairs at once."""
    trades, equity, _ = trade(close, *grid(close))
    return np.sum(trades), np.sum(equity)


run(closes(tape.read(path, 2_000)))  # whatever is compiled at the first call
close = closes(tape.read(path, count))
if workload == "signals":
    given = crosses(close)

    def signals():
        """One whole run from signals that are given."""
        trades, equity, _ = trade(close, *given)
        return trades, equity

    told.measure(rounds, count, signals)
elif workload == "sweep":
    told.measure(rounds, count * len(tape.GRID_FAST) * len(tape.GRID_SLOW), lambda: sweep(close))
else:
    told.measure(rounds, count, lambda: run(close))
