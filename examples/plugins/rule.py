"""A shield rule in one file: `[rules.night]` in a recipe, `--plugin rule.py`.

A rule sees every order before it can be sent. It may only tighten: allow, reduce (with `lots_max`) or deny;
nothing it says lets an order pass that another rule refused. If it fails, the order is refused and the desk
halts. Closing orders always pass: no rule may lock a position in. Check it: `quorate doctor rule.py`.
"""

from quorate import Answer, Finding, Instrument, Order, ShieldState

HOUR_NS = 3_600_000_000_000


class Night:
    """Entries at half size before `until` o'clock UTC, when books are thin."""

    name = "night"

    def __init__(self, until: int = 6, lots_kept: float = 0.5) -> None:
        self.until, self.kept = until, lots_kept

    def review(self, order: Order, instrument: Instrument, state: ShieldState) -> Finding:
        """The answer, with every number that it was made from: it is journalled beside the order."""
        hour = state.at // HOUR_NS % 24  # the run's own time: rules have no clock
        inputs = {"hour": hour, "until": self.until, "asked_lots": order.quantity.count}
        if order.reduces or hour >= self.until:
            return Finding(self.name, Answer.ALLOW, inputs)
        lots = int(order.quantity.count * self.kept)
        if lots < 1:
            return Finding(self.name, Answer.DENY, inputs, "too small to be halved at night")
        return Finding(self.name, Answer.REDUCE, inputs, "half size at night", lots)
