"""From terms to a native program: each operation once, with the condition that all it reads is known."""

from __future__ import annotations

from functools import reduce

from quorate.indicators.terms import (
    CALENDAR,
    CONDITION,
    Term,
    bars_of,
    indicator_form,
    output_place,
)
from quorate.native.program import Program

_PLAIN = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "min": "min", "max": "max", "abs": "abs", "<": "lt",
    "<=": "le", "==": "eq", "!=": "ne", "and": "and", "or": "or", "not": "not", "since": "since",
    "cross_above": "cross_above",
}  # fmt: skip
_SWAPPED = {">": "lt", ">=": "le", "cross_below": "cross_above"}  # a > b is b < a


class Lowering:
    """Writes bound terms into a program. ConfigError for what no program can do."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._nodes: dict[Term, int] = {}
        self._ready: dict[Term, int | None] = {}

    def node(self, term: Term) -> int:
        """The operation that gives the term's value."""
        if term not in self._nodes:
            self._nodes[term] = self._lower(term)
        return self._nodes[term]

    def ready(self, *terms: Term) -> int:
        """The condition that everything these terms read has been known once, as far back as they read."""
        found = self._all([self._known(term) for term in terms])
        return self._program.add("true") if found is None else found

    def every(self, *nodes: int) -> int:
        """The condition that all of these hold."""
        return reduce(lambda one, two: self._program.add("and", one, two), nodes)

    def _all(self, nodes: list[int | None]) -> int | None:
        held = sorted({node for node in nodes if node is not None})
        return self.every(*held) if held else None

    def _lower(self, term: Term) -> int:
        add = self._program.add
        if term.head == "number":
            return add("number", value=term.value)
        if term.head == "series":
            return self._series(term)
        if term.head == "indicator":
            return self._indicator(term)
        if term.head in _PLAIN:
            return add(_PLAIN[term.head], *map(self.node, term.children))
        if term.head in _SWAPPED:
            return add(_SWAPPED[term.head], *map(self.node, reversed(term.children)))
        if term.head == "crossed":
            first, second = map(self.node, term.children)
            return add("or", add("cross_above", first, second), add("cross_above", second, first))
        if term.head == "between":
            x, low, high = map(self.node, term.children)
            return add("and", add("le", low, x), add("le", x, high))
        return self._window(term)

    def _window(self, term: Term) -> int:
        add = self._program.add
        x, count = self.node(term.children[0]), bars_of(term.children[1])
        if term.head == "lag":
            return add("lag_truth" if term.type == CONDITION else "lag", x, count=count)
        if term.head in ("highest", "lowest"):
            return add(term.head, x, count=count)
        if term.head == "change":
            return add("sub", x, add("lag", x, count=count))
        before = add("lag", x, count=1)  # rising, falling: each of the last steps went that way
        pair = (before, x) if term.head == "rising" else (x, before)
        return add("streak", add("lt", *pair), count=count)

    def _series(self, term: Term) -> int:
        def price(name: str) -> int:
            return self._program.add(name, every_ns=term.every_ns)

        add = self._program.add
        if term.name not in ("hl2", "typical"):
            return price(term.name)
        total = add("add", price("high"), price("low"))
        if term.name == "hl2":
            return add("div", total, add("number", value=2.0))
        return add("div", add("add", total, price("close")), add("number", value=3.0))

    def _indicator(self, term: Term) -> int:
        add, name = self._program.add, term.name.partition(".")[0]
        place = output_place(term)
        if name == "sma":
            return add("sma", count=bars_of(term.children[0]), every_ns=term.every_ns)
        if name == "donchian" and not term.every_ns:  # the tape's values, found faster
            count = bars_of(term.children[0])
            upper = add("highest", add("high"), count=count)
            lower = add("lowest", add("low"), count=count)
            middle = add("div", add("add", upper, lower), add("number", value=2.0))
            return {"donchian.upper": upper, "donchian.lower": lower}.get(term.name, middle)
        return add("indicator", text=indicator_form(term), value=place, every_ns=term.every_ns)

    def _known(self, term: Term) -> int | None:
        if term not in self._ready:
            self._ready[term] = self._known_of(term)
        return self._ready[term]

    def _known_of(self, term: Term) -> int | None:
        """None where the value is there from the first bar on."""
        add = self._program.add
        if term.head == "indicator":
            return add("ready", self.node(term))
        if term.head == "series":
            always = term.name in CALENDAR or (not term.every_ns and term.name != "volume")
            return None if always else add("ready", self.node(term))
        inner = self._all([self._known(child) for child in term.children])
        back = _reach(term)
        if back == 0:
            return inner
        return add("lag_truth", add("true") if inner is None else inner, count=back)


def _reach(term: Term) -> int:
    """Bars that an operation looks back."""
    if term.head in ("cross_above", "cross_below", "crossed"):
        return 1
    if term.head in ("highest", "lowest"):
        return bars_of(term.children[1]) - 1
    return bars_of(term.children[1]) if term.head in ("lag", "change", "rising", "falling") else 0
