"""Two moving averages crossing, as a class: `on_bar` is called when a bar has closed."""

from quorate import Strategy


class SmaCross(Strategy):
    """Long while the fast average is above the slow one, short while it is below."""

    fast: int = 10
    slow: int = 30

    def start(self):
        self.quick = self.indicator("sma", self.fast)
        self.calm = self.indicator("sma", self.slow)

    def on_bar(self, bar):
        if self.quick.crossed_above(self.calm):
            self.target(1)
        elif self.quick.crossed_below(self.calm):
            self.target(-1)
