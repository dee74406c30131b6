"""Reads a formula's text: Python's expression syntax, of which only what `terms` knows is let in."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection
from functools import reduce

from quorate.core.errors import ConfigError, InputError
from quorate.core.instant import parse_span
from quorate.indicators.terms import CALENDAR, FUNCTIONS, SERIES, Term, indicators, number

TEXT_MAX = 4_000  # characters
DEPTH_MAX = 40  # levels of a tree
SIZE_MAX = 500  # nodes of a tree

_ALLOWED = re.compile(r'[\w\s.,()<>=!+\-*/&|~"\']*', re.ASCII)
_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.BitAnd: "and", ast.BitOr: "or",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.And: "and", ast.Or: "or",
}  # fmt: skip
RESERVED = frozenset((*SERIES, *FUNCTIONS, "every", "and", "or", "not", "True", "False", "None"))


def read_term(text: str, where: str = "formula", names: Collection[str] | None = None) -> Term:
    """The tree of a formula's text, parameters still by name; ``names``: those there are, None for any.

    Raises ConfigError, one line with the place marked by ^, when it is not a formula, is longer than
    TEXT_MAX, deeper than DEPTH_MAX or larger than SIZE_MAX.
    """
    return _Reader(text, where, names).read()


class _Reader:
    """One text on its way to a tree."""

    def __init__(self, text: str, where: str, names: Collection[str] | None) -> None:
        self._text = re.sub(r"\s", " ", text).strip()
        self._where = where
        self._names = names
        self._size = 0

    def read(self) -> Term:
        """The whole text as a term."""
        if not self._text:
            raise ConfigError("there is nothing in it", where=self._where, todo="leave it out instead")
        if len(self._text) > TEXT_MAX:
            raise ConfigError(f"longer than {TEXT_MAX} characters", where=self._where)
        allowed = _ALLOWED.match(self._text)
        end = allowed.end() if allowed else 0
        if end < len(self._text):
            raise self._wrong(f"'{self._text[end]}' has no place in a formula", end)
        try:
            tree = ast.parse(self._text, mode="eval")
        except SyntaxError as error:
            place = error.offset - 1 if error.offset else len(self._text)
            raise self._wrong(f"it does not read: {error.msg}", place) from error
        except (RecursionError, MemoryError) as error:
            raise self._wrong(f"deeper than {DEPTH_MAX} levels", 0) from error
        return self._term(tree.body, 1)

    def _wrong(self, what: str, place: int, todo: str = "") -> ConfigError:
        place = max(0, min(place, len(self._text)))
        before, after = self._text[:place], self._text[place:]
        around = f"{'...' * (len(before) > 40)}{before[-40:]}^{after[:40]}{'...' * (len(after) > 40)}"
        return ConfigError(f"{what}, at {around}", where=self._where, todo=todo)

    def _term(self, node: ast.expr, depth: int) -> Term:
        self._size += 1
        if depth > DEPTH_MAX or self._size > SIZE_MAX:
            what = f"deeper than {DEPTH_MAX} levels or larger than {SIZE_MAX} terms"
            raise self._wrong(what, node.col_offset)
        read = self._READERS.get(type(node))
        if read is None:
            raise self._wrong(
                "only numbers, names, calls, arithmetic, comparisons and logic", node.col_offset
            )
        try:
            return read(self, node, depth)
        except InputError as error:
            if "^" in error.what:
                raise
            raise self._wrong(error.what, node.col_offset, error.todo) from error

    def _constant(self, node: ast.Constant, depth: int) -> Term:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self._wrong("a number is wanted", node.col_offset)
        try:
            return number(float(node.value))
        except OverflowError as error:
            raise self._wrong("the number is too large", node.col_offset) from error

    def _name(self, node: ast.Name, depth: int) -> Term:
        if node.id in SERIES:
            return Term("series", name=node.id)
        if node.id in FUNCTIONS or node.id in indicators():
            if node.id in indicators() and not indicators()[node.id]:
                return Term("indicator", name=node.id)
            raise self._wrong(f"{node.id} is a function: it needs its arguments", node.col_offset)
        if self._names is not None and node.id not in self._names:
            todo = f"as a parameter it needs a number: params={{'{node.id}': ...}}"
            raise self._wrong(f"'{node.id}' is neither known nor a parameter", node.col_offset, todo)
        return Term("parameter", name=node.id)

    def _unary(self, node: ast.UnaryOp, depth: int) -> Term:
        inner = self._term(node.operand, depth + 1)
        if isinstance(node.op, ast.UAdd):
            return inner
        if isinstance(node.op, ast.USub):
            return number(-inner.value) if inner.head == "number" else Term("*", (number(-1), inner))
        return Term("not", (inner,))

    def _binary(self, node: ast.BinOp, depth: int) -> Term:
        head = _BINARY.get(type(node.op))
        if head is None:
            raise self._wrong("only + - * / & | stand between two terms", node.col_offset)
        return Term(head, (self._term(node.left, depth + 1), self._term(node.right, depth + 1)))

    def _logic(self, node: ast.BoolOp, depth: int) -> Term:
        return self._folded(_BINARY[type(node.op)], node.values, depth)

    def _compared(self, node: ast.Compare, depth: int) -> Term:
        terms = [self._term(each, depth + 1) for each in (node.left, *node.comparators)]
        heads = [_BINARY.get(type(op)) for op in node.ops]
        if None in heads:
            raise self._wrong("only < <= > >= == != compare", node.col_offset)
        pairs = zip(heads, terms, terms[1:], strict=False)
        return reduce(lambda one, two: Term("and", (one, two)), (Term(str(h), (a, b)) for h, a, b in pairs))

    def _folded(self, head: str, nodes: list[ast.expr], depth: int) -> Term:
        terms = [self._term(each, depth + 1) for each in nodes]
        term = reduce(lambda one, two: Term(head, (one, two)), terms)
        if term.depth > DEPTH_MAX:
            raise self._wrong(f"deeper than {DEPTH_MAX} levels", nodes[0].col_offset)
        return term

    def _call(self, node: ast.Call, depth: int, output: str = "") -> Term:
        if not isinstance(node.func, ast.Name):
            raise self._wrong("only names are called", node.col_offset)
        name, every = node.func.id, self._every(node)
        suffix = f"{name}.{output}" if output else name
        if name in indicators():
            children = tuple(self._term(each, depth + 1) for each in node.args)
            return Term("indicator", children, name=suffix, every_ns=every)
        if output:
            raise self._wrong(f"{name} has no outputs", node.col_offset)
        if name in SERIES and name not in CALENDAR and not node.args:
            return Term("series", name=name, every_ns=every)
        if name not in FUNCTIONS or every:
            what = f"{name} has no timeframe" if name in FUNCTIONS else f"unknown function '{name}'"
            raise self._wrong(
                what, node.col_offset, todo=f"there are {', '.join((*indicators(), *FUNCTIONS))}"
            )
        if name in ("min", "max") and len(node.args) > 1:
            return self._folded(name, node.args, depth)
        return Term(name, tuple(self._term(each, depth + 1) for each in node.args))

    def _every(self, node: ast.Call) -> int:
        if not node.keywords:
            return 0
        keyword = node.keywords[0]
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if len(node.keywords) > 1 or keyword.arg != "every" or not isinstance(value, str):
            raise self._wrong('only every="1h" is known here', keyword.col_offset)
        span = parse_span(value)
        if span <= 0:
            raise self._wrong("a timeframe is longer than nothing", keyword.col_offset)
        return span

    def _output(self, node: ast.Attribute, depth: int) -> Term:
        if not isinstance(node.value, ast.Call):
            raise self._wrong("only an indicator has outputs", node.col_offset)
        return self._call(node.value, depth, node.attr)

    _READERS: dict[type[ast.AST], Callable[..., Term]] = {  # noqa: RUF012 - a table, never written
        ast.Constant: _constant,
        ast.Name: _name,
        ast.UnaryOp: _unary,
        ast.BinOp: _binary,
        ast.BoolOp: _logic,
        ast.Compare: _compared,
        ast.Call: _call,
        ast.Attribute: _output,
    }
