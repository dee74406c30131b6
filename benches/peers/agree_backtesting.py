"""backtesting.py's trades of one rule of rules.py: `agree_backtesting.py BARS.npz TICK RULE`, JSON out."""

import json
import sys
import warnings

import numpy as np
import pandas as pd
import rules

warnings.filterwarnings("ignore")
from backtesting import Backtest, Strategy  # noqa: E402

path, tick, rule = sys.argv[1], float(sys.argv[2]), rules.RULES[sys.argv[3]]
held = np.load(path)
frame = pd.DataFrame(
    {name.capitalize(): held[name] for name in ("open", "high", "low", "close")},
    index=pd.to_datetime(held["seconds"], unit="s"),
)


class Asked(Strategy):
    """Does what the rule asks, one unit at a time."""

    def init(self):
        """Nothing is prepared: the rule looks at bars."""
        self.sent = 0

    def next(self):
        """One closed bar."""
        count = len(self.data)
        first = max(0, count - rules.WINDOW)
        size = int(np.sign(self.position.size))
        waiting = [order for order in self.orders if not order.is_contingent]
        high, low, close = (
            np.asarray(each)[first:] for each in (self.data.High, self.data.Low, self.data.Close)
        )
        ask = rule(rules.Seen(high, low, close, size, len(waiting), count - self.sent, tick))
        if ask is None:
            return
        if ask.cancel:
            for order in waiting:
                order.cancel()
            return
        if size and (ask.turn or ask.side == 0):
            self.position.close()
        if ask.side:
            self.sent = count
            act = self.buy if ask.side > 0 else self.sell
            act(size=1, sl=ask.stop, tp=ask.target, limit=ask.limit)


run = Backtest(frame, Asked, cash=1e9, commission=0.0, finalize_trades=False).run()
trades = [
    [int(row.EntryBar), int(row.ExitBar), int(np.sign(row.Size)), float(row.EntryPrice), float(row.ExitPrice)]
    for row in run["_trades"].itertuples()
]
sys.stdout.write(json.dumps(sorted(trades)) + "\n")
