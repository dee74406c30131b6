"""Two moving averages crossing, as `get_signal`: asked at every close, the form that evolution writes."""

from quorate.native import tape


def get_signal(ohlcv, state, *, fast=10, slow=30):
    panel = tape.Panel([f"sma:{fast}", f"sma:{slow}"])
    for place in range(max(0, len(ohlcv) - slow - 1), len(ohlcv)):
        before = panel.values()
        price = ohlcv.close[place]
        panel.update(price, price, price, price, 0.0)
    (quick, calm), (was_quick, was_calm) = panel.values(), before
    if was_quick <= was_calm and quick > calm:
        return {"action": "buy", "confidence": 1.0}
    if was_quick >= was_calm and quick < calm:
        return {"action": "sell", "confidence": 1.0}
    return {"action": "hold", "confidence": 1.0}
