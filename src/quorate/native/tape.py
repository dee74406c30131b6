"""The typed door to the native tape: closed bars in, indicator values out, streaming or as one matrix.

An indicator is written `name:argument:...`; `indicator_forms()` lists every form. Its columns are named
after it, with a suffix where it has several outputs and none for the one that bears its own name:

    sma:n                  sma_10                    price
    ema:n                  ema_10                    price, seeded with the mean of the first n closes
    wma:n                  wma_10                    price, newest close weighs n
    rsi:n                  rsi_14                    0..100, Wilder; 50 when nothing has moved
    atr:n                  atr_14                    price, Wilder
    adx:n                  adx_14, adx_14_plus_di, adx_14_minus_di                        0..100, Wilder
    macd:fast:slow:signal  macd_12_26_9_line, _signal, _hist                              price
    bollinger:n:k          bollinger_20_2_upper, _middle, _lower                          price
    donchian:n             donchian_20_upper, _lower, _middle                             price
    stochastic:n:k:d       stochastic_14_3_3_k, _d                                        0..100
    roc:n                  roc_10                    percent
    cci:n                  cci_20                    1
    volatility:n           volatility_20             per bar: sample deviation of n log returns
    zscore:n               zscore_20                 1: population deviations from the mean of n closes
    obv                    obv                       volume
    keltner:n:k            keltner_20_2_upper, _middle, _lower                            price

Conventions are TA-Lib's where it has the indicator; the formula's source stands beside each in
`indicators.cpp`. Values before warm-up are NaN. After it NaN means that the value does not exist: `obv`
on a bar of unknown volume, `roc` over a close of 0, `volatility` while a close <= 0 is in its window.
Streaming and batch are the same code and agree bit for bit; the value at a bar depends on no later bar.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quorate.native import _native
from quorate.native._native import Panel, columns, indicator_forms

__all__ = ["Panel", "columns", "compute", "indicator_forms"]


def compute(
    names: Sequence[str],
    open: ArrayLike,
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    volume: ArrayLike,
) -> NDArray[np.float64]:
    """The rows that a new `Panel(names)` shows after each bar: float64 (n, k), C-contiguous.

    The five arrays have shape (n,), oldest bar first, and are read as float64. The GIL is released, so
    they must not be written to meanwhile. ValueError as for `Panel`, naming the row, and when the
    lengths differ; TypeError when an array is not one-dimensional.
    """
    arrays = (np.ascontiguousarray(each, dtype=np.float64) for each in (open, high, low, close, volume))
    return _native.compute(names, *arrays)
