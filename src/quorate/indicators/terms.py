"""Terms: a formula as an immutable tree of numbers and conditions that can be read, measured and changed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import msgspec

from quorate.core.errors import ConfigError
from quorate.core.instant import spell_span
from quorate.native.tape import Panel, columns, indicator_forms

NUMBER, CONDITION, BARS, EITHER = "number", "condition", "bars", "either"
PRICES = ("open", "high", "low", "close")
DERIVED = ("hl2", "typical")  # (high + low) / 2 and (high + low + close) / 3
CALENDAR = ("hour", "weekday")  # of the bar's close, UTC; Monday is 0
SERIES = (*PRICES, *DERIVED, "volume", *CALENDAR)
BARS_MAX = 100_000


class Signature(NamedTuple):
    """What an operation takes and gives; ``either`` gives what its first argument is."""

    takes: tuple[str, ...]
    gives: str


_COMPARISON = Signature((NUMBER, NUMBER), CONDITION)
_ARITHMETIC = Signature((NUMBER, NUMBER), NUMBER)
_LOGIC = Signature((CONDITION, CONDITION), CONDITION)
_WINDOW = Signature((NUMBER, BARS), NUMBER)
_TREND = Signature((NUMBER, BARS), CONDITION)
OPERATORS: Mapping[str, Signature] = {
    **dict.fromkeys(("+", "-", "*", "/"), _ARITHMETIC),
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARISON),
    **dict.fromkeys(("and", "or"), _LOGIC),
    "not": Signature((CONDITION,), CONDITION),
}
FUNCTIONS: Mapping[str, Signature] = {
    **dict.fromkeys(("min", "max"), _ARITHMETIC),
    "abs": Signature((NUMBER,), NUMBER),
    **dict.fromkeys(("cross_above", "cross_below", "crossed"), _COMPARISON),
    "lag": Signature((EITHER, BARS), EITHER),
    **dict.fromkeys(("highest", "lowest", "change"), _WINDOW),
    **dict.fromkeys(("rising", "falling"), _TREND),
    "since": Signature((CONDITION,), NUMBER),
    "between": Signature((NUMBER, NUMBER, NUMBER), CONDITION),
}
_OPERATIONS = {**OPERATORS, **FUNCTIONS}
_BINDING = {"or": 1, "and": 2, "not": 3, "+": 5, "-": 5, "*": 6, "/": 6}  # comparisons: 4, all else: 7
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@cache
def indicators() -> Mapping[str, tuple[str, ...]]:
    """Name -> names of the arguments, of every indicator of the native tape."""
    forms = (form.split(":") for form in indicator_forms())
    return {name: tuple(arguments) for name, *arguments in forms}


class Term(msgspec.Struct, frozen=True):
    """One node of a formula's tree. Equal trees are equal, hash alike and are spelled alike.

    ``head``: ``number``, ``parameter``, ``series``, ``indicator``, an operator or a function.
    ``name``: of a parameter, a series, or an indicator, with its output after a point (``macd.line``).
    ``every_ns``: the timeframe of a series or an indicator, 0 for the bars themselves.
    Raises ConfigError when the children do not fit the head.
    """

    head: str
    children: tuple[Term, ...] = ()
    value: float = 0.0
    name: str = ""
    every_ns: int = 0

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ConfigError(problem, where="formula")

    def __str__(self) -> str:
        """The canonical spelling, which reads back as an equal term."""
        return _spelled(self)

    @property
    def type(self) -> str:
        """``number`` or ``condition``."""
        if self.head not in _OPERATIONS:
            return NUMBER
        gives = _OPERATIONS[self.head].gives
        return self.children[0].type if gives == EITHER else gives

    @property
    def size(self) -> int:
        """Nodes of the tree."""
        return 1 + sum(child.size for child in self.children)

    @property
    def depth(self) -> int:
        """Levels of the tree; a leaf has one."""
        return 1 + max((child.depth for child in self.children), default=0)

    @property
    def warmup(self) -> int:
        """Bars until the value can first be known; of a timeframe's value: bars of that timeframe."""
        inner = max((child.warmup for child in self.children), default=1)
        if self.head == "indicator":
            return indicator_warmup(self)
        if self.head.startswith("cross"):
            return inner + 1
        if BARS not in _takes(self):
            return inner
        count = bars_of(self.children[1])
        return inner + count - (1 if self.head in ("highest", "lowest") else 0)

    def walk(self, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Term]]:
        """Every node with its path from here: the places of the children to take; this one's is ()."""
        yield path, self
        for place, child in enumerate(self.children):
            yield from child.walk((*path, place))

    def at(self, path: tuple[int, ...]) -> Term:
        """The node at a path. IndexError when there is none."""
        node = self
        for place in path:
            node = node.children[place]
        return node

    def replace(self, path: tuple[int, ...], term: Term) -> Term:
        """A tree with another term at a path. ConfigError where it does not fit, IndexError as ``at``."""
        if not path:
            return term
        place, *rest = path
        child = self.children[place].replace(tuple(rest), term)
        children = (*self.children[:place], child, *self.children[place + 1 :])
        return msgspec.structs.replace(self, children=children)

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters in it."""
        return frozenset(node.name for _, node in self.walk() if node.head == "parameter")

    def bind(self, values: Mapping[str, float]) -> Term:
        """The tree with these numbers for its parameters. ConfigError for one that has none."""
        if self.head == "parameter":
            if self.name not in values:
                raise ConfigError(f"no value for '{self.name}'", where="formula", todo="name it in params")
            return number(values[self.name])
        if not self.children:
            return self
        return msgspec.structs.replace(self, children=tuple(child.bind(values) for child in self.children))


class Binder:
    """Binds one tree with many sets of numbers; parts that come again are not built again."""

    def __init__(self, term: Term) -> None:
        self._term = term
        self._names = sorted(term.parameters)
        self._children = [Binder(child) for child in term.children]
        self._built: dict[tuple[float, ...], Term] = {}

    def bind(self, values: Mapping[str, float]) -> Term:
        """As ``Term.bind``, for values that are all there."""
        if not self._names:
            return self._term
        key = tuple([values[name] for name in self._names])
        if key not in self._built:
            children = tuple([child.bind(values) for child in self._children])
            fresh = msgspec.structs.replace(self._term, children=children) if children else number(key[0])
            self._built[key] = fresh
        return self._built[key]


def number(value: float) -> Term:
    """A constant. ConfigError when it is not finite."""
    if isinstance(value, bool) or not math.isfinite(value):
        raise ConfigError(f"{value} is not a finite number", where="formula")
    return Term("number", value=float(value) + 0.0)  # + 0.0: there is one zero


def bars_of(term: Term) -> int:
    """A whole number of bars, from a bound constant. ConfigError when it is none."""
    if term.head != "number" or term.value != int(term.value) or not 1 <= term.value <= BARS_MAX:
        what = f"'{term}' is not a whole number of bars from 1 to {BARS_MAX}"
        raise ConfigError(what, where="formula", todo="look back only: the future cannot be asked for")
    return int(term.value)


def indicator_form(term: Term) -> str:
    """The tape's name of a bound indicator, such as ``macd:12:26:9``."""
    return ":".join([term.name.partition(".")[0], *(_digits(child.value) for child in term.children)])


@cache
def outputs(form: str) -> tuple[str, ...]:
    """Names of an indicator's outputs, in the tape's order. ConfigError when an argument does not do."""
    try:
        found = columns([form])
    except ValueError as error:
        raise ConfigError(str(error).partition("; known")[0], where="formula") from error
    base = len(form.replace(":", "_"))
    return tuple(column[base + 1 :] for column in found)


def output_place(term: Term) -> int:
    """Which of its outputs a bound indicator names. ConfigError lists them when there is none such."""
    name, _, output = term.name.partition(".")
    form = indicator_form(term)
    if output in outputs(form):
        return outputs(form).index(output)
    named = [f"{name}(...).{each}" if each else f"{name}(...)" for each in outputs(form)]
    raise ConfigError(f"{name} has no output '{output}'", where="formula", todo=f"one of {', '.join(named)}")


def indicator_warmup(term: Term) -> int:
    """Bars until a bound indicator's outputs are known."""
    output_place(term)
    return Panel([indicator_form(term)]).warmup


def _takes(term: Term) -> tuple[str, ...]:
    return _OPERATIONS[term.head].takes if term.head in _OPERATIONS else ()


def _problem(term: Term) -> str:
    """What is wrong with a node, its children being right; empty when nothing is."""
    if term.head == "indicator":
        name = term.name.partition(".")[0]
        if name not in indicators():
            return f"unknown indicator '{name}'"
        wanted = indicators()[name]
        if len(wanted) != len(term.children):
            return f"{name} takes {len(wanted)} numbers ({', '.join(wanted)}), not {len(term.children)}"
        if any(child.head not in ("number", "parameter") for child in term.children):
            return f"{name} takes numbers or parameters only"
        return _wrong_timeframe(term)
    if term.head in ("number", "parameter", "series"):
        if term.children:
            return f"a {term.head} has no children"
        if term.head == "series":
            return _wrong_timeframe(term) if term.name in SERIES else f"unknown series '{term.name}'"
        fine = term.name.isidentifier() if term.head == "parameter" else math.isfinite(term.value)
        return "" if fine and not term.every_ns else f"this is no {term.head}"
    if term.head not in _OPERATIONS:
        return f"unknown operation '{term.head}'"
    return _wrong_arguments(term)


def _wrong_timeframe(term: Term) -> str:
    if term.every_ns < 0 or (term.every_ns and term.name in CALENDAR):
        return f"{term.name} has no timeframe of its own"
    return ""


def _wrong_arguments(term: Term) -> str:
    takes = _takes(term)
    if len(takes) != len(term.children):
        return f"{term.head} takes {len(takes)} arguments, not {len(term.children)}"
    for wanted, child in zip(takes, term.children, strict=True):
        if wanted == BARS and child.head == "number":
            bars_of(child)
        elif wanted == BARS and child.head != "parameter":
            return f"{term.head} takes a number of bars or a parameter, not '{child}'"
        elif wanted in (NUMBER, CONDITION) and child.type != wanted:
            hint = " (put each comparison in brackets)" if wanted == CONDITION else ""
            return f"{term.head} takes a {wanted} where '{child}' is a {child.type}{hint}"
    return ""


# ---- spelling ------------------------------------------------------------------------------------------


def _digits(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _binding(term: Term) -> int:
    if term.head in _COMPARISONS:
        return 4
    return _BINDING.get(term.head, 7)


def _inside(child: Term, least: int) -> str:
    text = _spelled(child)
    return text if _binding(child) >= least else f"({text})"


def _spelled(term: Term) -> str:
    if term.head == "number":
        return _digits(term.value)
    if term.head == "parameter":
        return term.name
    every = f'every="{spell_span(term.every_ns)}"' if term.every_ns else ""
    if term.head == "series":
        return f"{term.name}({every})" if every else term.name
    if term.head == "indicator":
        name, point, output = term.name.partition(".")
        arguments = ", ".join([*map(_spelled, term.children), *([every] if every else [])])
        return f"{name}({arguments}){point}{output}"
    if term.head == "not":
        return f"not {_inside(term.children[0], 3)}"
    if term.head in OPERATORS:
        mine = _binding(term)
        first, second = term.children
        both = mine + 1 if mine == 4 else mine  # a comparison of comparisons does not exist
        return f"{_inside(first, both)} {term.head} {_inside(second, mine + 1)}"
    return f"{term.head}({', '.join(map(_spelled, term.children))})"
