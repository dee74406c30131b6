"""Trades as they come: enter with who presses the price, leave by a stop or a target, met trade by trade."""

from quorate import Strategy


class TickFlow(Strategy):
    """Counts upticks and downticks within the bar; goes along with the side that has pressed hard."""

    window: int = 20
    press: float = 0.3
    reach: float = 2.0
    share: float = 0.5

    def start(self):
        self.range = self.indicator("atr", self.window)
        self.price, self.up, self.down = 0.0, 0, 0

    def on_tick(self, tick):
        self.up += tick.price > self.price > 0
        self.down += tick.price < self.price
        self.price = tick.price

    def on_bar(self, bar):
        seen, flow = self.up + self.down, self.up - self.down
        self.up = self.down = 0
        if self.position or self.orders or not self.range.value > 0 or seen == 0:
            return
        reach = self.reach * self.range.value
        if flow > self.press * seen:
            self.buy(share=self.share, stop_loss=bar.close - reach, take_profit=bar.close + 2 * reach)
        elif flow < -self.press * seen:
            self.sell(share=self.share, stop_loss=bar.close + reach, take_profit=bar.close - 2 * reach)
