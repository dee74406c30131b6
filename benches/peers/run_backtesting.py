"""backtesting.py on workload A: `run_backtesting.py BARS.npz COUNT ROUNDS`."""

import sys
import warnings

import numpy as np
import pandas as pd
import tape
import told

warnings.filterwarnings("ignore")
from backtesting import Backtest, Strategy  # noqa: E402
from backtesting.lib import crossover  # noqa: E402


def average(values, window):
    """A simple moving average, NaN before it is warm."""
    return pd.Series(values).rolling(window).mean()


class Cross(Strategy):
    """Long one unit over the slow average, short one unit under it."""

    def init(self):
        """Declares both averages."""
        self.fast = self.I(average, self.data.Close, tape.FAST)
        self.slow = self.I(average, self.data.Close, tape.SLOW)

    def next(self):
        """Turns at a cross."""
        if crossover(self.fast, self.slow):
            self.position.close()
            self.buy(size=1)
        elif crossover(self.slow, self.fast):
            self.position.close()
            self.sell(size=1)


path, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
bars = tape.read(path, count)
frame = pd.DataFrame(
    {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close, "Volume": bars.volume},
    index=pd.to_datetime(bars.seconds, unit="s"),
)


def run():
    """One whole backtest with its statistics."""
    stats = Backtest(frame, Cross, cash=tape.CASH, commission=tape.FEE, finalize_trades=True).run()
    return np.int64(stats["# Trades"]), stats["Equity Final [$]"]


told.measure(rounds, count, run)
