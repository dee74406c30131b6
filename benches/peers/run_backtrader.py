"""backtrader on workload A: `run_backtrader.py BARS.npz COUNT ROUNDS`."""

import sys

import backtrader as bt
import pandas as pd
import tape
import told


class Cross(bt.Strategy):
    """Long one unit over the slow average, short one unit under it."""

    def __init__(self):
        fast, slow = bt.ind.SMA(period=tape.FAST), bt.ind.SMA(period=tape.SLOW)
        self.cross = bt.ind.CrossOver(fast, slow)

    def next(self):
        """Turns at a cross."""
        if self.cross > 0:
            self.order_target_size(target=1)
        elif self.cross < 0:
            self.order_target_size(target=-1)


path, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
bars = tape.read(path, count)
frame = pd.DataFrame(
    {"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close, "volume": bars.volume},
    index=pd.to_datetime(bars.seconds, unit="s"),
)


def run():
    """One whole backtest with its trade statistics."""
    engine = bt.Cerebro(stdstats=False)
    engine.addstrategy(Cross)
    engine.broker.setcash(tape.CASH)
    engine.broker.setcommission(tape.FEE)
    engine.adddata(bt.feeds.PandasData(dataname=frame))
    engine.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    held = engine.run()[0]
    return held.analyzers.trades.get_analysis().total.total, engine.broker.getvalue()


told.measure(rounds, count, run)
