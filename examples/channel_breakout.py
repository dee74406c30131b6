"""A breakout of the last day's range on hourly bars, with a stop and a target in multiples of that range."""

from quorate import Strategy


class ChannelBreakout(Strategy):
    """Buys above the highest high of `hours`, sells below the lowest low; out by its bracket, or turned."""

    hours: int = 24
    stop_ranges: float = 2.0
    target_ranges: float = 4.0

    def start(self):
        self.upper = self.indicator("donchian", self.hours, column="upper", every="1h")
        self.lower = self.indicator("donchian", self.hours, column="lower", every="1h")
        self.range = self.indicator("atr", self.hours, every="1h")
        self.bars(every="1h")

    def on_bar(self, bar):
        before, below = self.upper.lag(1), self.lower.lag(1)  # the channel without this bar
        away, gain = self.stop_ranges * self.range.value, self.target_ranges * self.range.value
        if bar.close > before and away == away:
            self.target(1, stop=bar.close - away, target=bar.close + gain)
        elif bar.close < below and away == away:
            self.target(-1, stop=bar.close + away, target=bar.close - gain)
