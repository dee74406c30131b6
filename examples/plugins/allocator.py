"""An allocator in one file: `[allocator] name = "leaders"` in a recipe, `--plugin allocator.py`.

An allocator shares the capital among the instruments that have enough past: weights that are not negative
and add up to one at most. What it leaves out gets nothing. Check it: `quorate doctor allocator.py`.
"""

from collections.abc import Mapping, Sequence

from quorate import View


class Leaders:
    """Equal shares for the better half, by their return over the last bars."""

    name = "leaders"

    def __init__(self, window: int = 200) -> None:
        self.window = window

    def weigh(self, view: View, instruments: Sequence[str]) -> Mapping[str, float]:
        """Called when the desk has decided something. `closes` is a copy: nothing here can be changed."""
        returns: dict[str, float] = {}
        for name in instruments:
            closes = view.closes(name, self.window)
            returns[name] = float(closes[-1] / closes[0] - 1.0)
        ranked = sorted(returns, key=lambda name: (-returns[name], name))  # ties go by name: no chance in it
        best = ranked[: (len(ranked) + 1) // 2]
        return {name: 1.0 / len(best) for name in best}
