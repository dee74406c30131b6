"""A `get_signal` that turns with the last bars, with stops as shares of the price."""

from __future__ import annotations


def get_signal(ohlcv, state, *, span=6, risk=0.01):
    """Against the last ``span`` bars; remembers how often it was asked."""
    state["asked"] = state.get("asked", 0) + 1
    if len(ohlcv) <= span or state["asked"] % 3:
        return {"action": "hold"}
    risen = ohlcv.close[-1] / ohlcv.close[-1 - span] - 1
    if abs(risen) < risk / 10:
        return {"action": "close"}
    return {"action": "sell" if risen > 0 else "buy", "stop_loss": risk, "take_profit": 2 * risk}
