"""Many order types in one: stop-limits of a group, then a target and a trailing stop that shrink together."""

from quorate import Strategy


class OrderTypes(Strategy):
    """A breakout either way; what it opened leaves at a target, or by a stop that follows."""

    window: int = 24
    reach: float = 1.5
    share: float = 0.5

    def start(self):
        self.range = self.indicator("atr:30")

    def on_bar(self, bar):
        if bar.number % self.window or not self.range.value > 0:
            return
        for ticket in self.orders:
            ticket.cancel()
        if self.position:
            self.close()
            return
        reach, group = self.reach * self.range.value, f"bar {bar.number}"
        for enter, leave, way in ((self.buy, self.sell, 1), (self.sell, self.buy, -1)):
            trigger = bar.close + way * reach
            limit = trigger + way * reach / 4
            entry = enter(share=self.share, trigger=trigger, limit=limit, watch="last", tif="day", oco=group)
            exits = {"after": entry, "reduce_only": True, "ouo": f"{group}, {way}"}
            if entry.units:
                leave(entry.units, limit=trigger + way * 2 * reach, **exits)
                leave(entry.units, trail=reach, **exits)
