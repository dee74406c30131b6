"""An indicator in one file: an agent asks for it as `efficiency:20` and reads `efficiency_20`.

It is fed one closed bar at a time, in currency, carried over contract rolls; it can never see a later one.
Built-ins are native; one in Python costs some microseconds a bar. Check it: `quorate doctor indicator.py`.
"""

from collections import deque
from math import nan


class Efficiency:
    """Kaufman's efficiency ratio: the way made over `window` bars, divided by the way walked. 0 to 1."""

    name = "efficiency"
    outputs = ("",)  # one column, named as the form: efficiency_20; ("up", "down") would make two

    def __init__(self, window: int = 20) -> None:  # arguments after the colon, as whole numbers
        self._closes: deque[float] = deque(maxlen=window + 1)

    def update(self, open: float, high: float, low: float, close: float, volume: float) -> tuple[float]:
        """The value after this bar; NaN until the window is full. `volume` is NaN when unknown."""
        closes = self._closes
        closes.append(close)
        if len(closes) < (closes.maxlen or 0):
            return (nan,)
        walked = sum(abs(closes[i] - closes[i - 1]) for i in range(1, len(closes)))
        return (abs(closes[-1] - closes[0]) / walked if walked else 0.0,)
