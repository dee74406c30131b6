"""Buys dips with resting limit orders: tickets, a timer, what fills say, and orders taken back."""

from quorate import Strategy


class RestingOrders(Strategy):
    """Every four hours one bid below the market; what it buys is sold above, or at a loss below."""

    dip: float = 0.004
    gain: float = 0.006
    share: float = 0.5

    def start(self):
        self.bid = None
        self.timer(every="4h")
        self.range = self.indicator("atr:30")

    def on_timer(self, timer):
        if self.bid is not None and not self.bid.is_done:
            self.bid.cancel()
        if self.position or not len(self.range):
            return
        price = self.closes(1)[0] * (1 - self.dip)
        self.bid = self.buy(
            share=self.share,
            limit=price,
            stop_loss=price * (1 - 2 * self.gain),
            take_profit=price * (1 + self.gain),
        )

    def on_reject(self, notice):
        self.bid = None
