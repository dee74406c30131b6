"""An agent in one file: `quorate backtest --plugin agent.py --set agents.squeeze={} ...`.

An agent looks at the view (what is known now; the future is not in it) and says how likely it is that the
price will be higher `horizon` bars on. 0.5 says nothing, None abstains. Check it: `quorate doctor agent.py`.
"""

from quorate import Signal, View


class Squeeze:
    """After a quiet stretch the first strong close tends to go on its way."""

    name = "squeeze"  # how recipes call it: [agents.squeeze]

    def __init__(self, window: int = 40, horizon: int = 24) -> None:  # its settings, with defaults
        self.window, self.horizon = window, horizon

    def features(self) -> list[str]:
        """The indicators it needs; the desk computes each once, natively, for all agents."""
        return [f"volatility:{self.window}", f"volatility:{5 * self.window}", f"zscore:{self.window}"]

    def hear(self, view: View, instrument: str) -> Signal | None:
        """Called once a bar and instrument. Same view, same answer: no clock, files or chance in here."""
        short = view.feature(instrument, f"volatility_{self.window}")
        long = view.feature(instrument, f"volatility_{5 * self.window}")
        score = view.feature(instrument, f"zscore_{self.window}")
        if not short < long or not abs(score) > 1.0:  # NaN before warm-up compares false: abstain
            return None
        chance = round(0.5 + 0.05 * max(-2.0, min(score, 2.0)), 6)
        reasons = (("calm", round(short / long, 6)), ("score", round(score, 6)))  # shown, and journalled
        return Signal(view.at, self.name, instrument, chance, self.horizon, reasons)
