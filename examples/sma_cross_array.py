"""Two moving averages crossing, as a function of whole arrays: one stance a bar, NaN for no change."""

import numpy as np

from quorate.native import tape


def positions(ohlcv, fast=10, slow=30):
    names = [f"sma:{fast}", f"sma:{slow}"]
    bars = (ohlcv.open, ohlcv.high, ohlcv.low, ohlcv.close, ohlcv.volume)
    quick, calm = (tape.compute([name], *bars)[:, 0] for name in names)
    above, below = quick > calm, quick < calm
    wanted = np.full(len(ohlcv), np.nan)
    wanted[1:][above[1:] & (quick[:-1] <= calm[:-1])] = 1
    wanted[1:][below[1:] & (quick[:-1] >= calm[:-1])] = -1
    return wanted
