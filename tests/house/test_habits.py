"""The house's habits: short functions and files, opening sentences, no banned calls; each check can fail."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

SRC = ROOT / "src" / "quorate"
PYTHON = sorted(SRC.rglob("*.py"))
NATIVE = sorted(path for path in SRC.rglob("*") if path.suffix in {".cpp", ".hpp"})
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MAX_FUNCTION, MAX_FILE = 70, 500
PURE = {
    "core", "native", "indicators", "audit", "analysis", "market", "decide", "portfolio", "execution",
    "shield", "simulator", "research", "agents", "kernel",
}  # fmt: skip
BANNED_CALLS = {"print", "eval", "exec", "input", "breakpoint"}
CLOCKS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"), ("time", "time_ns"),
}  # fmt: skip
WALLS = {"adapters/clocks.py", "app/home.py"}  # the only files that may ask the wall clock


def long_functions(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION:
                yield f"{node.lineno} {node.name} has {length} lines"


def banned(tree: ast.AST, room: str, place: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{node.lineno} bare except"
        if isinstance(node, ast.Import | ast.ImportFrom):
            plain = isinstance(node, ast.Import)
            names = [alias.name for alias in node.names] if plain else [node.module or ""]
            if any(name.split(".")[0] == "random" for name in names):
                yield f"{node.lineno} global random"
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id in BANNED_CALLS:
                yield f"{node.lineno} {function.id}()"
            if isinstance(function, ast.Name) and function.id == "open" and room in PURE:
                yield f"{node.lineno} open() on a pure floor"
            if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
                called = function.value.id, function.attr
                if called in CLOCKS and place not in WALLS:
                    yield f"{node.lineno} {function.value.id}.{function.attr}()"
            if is_money(function) and any(float_literal(argument) for argument in node.args):
                yield f"{node.lineno} float money"


def is_money(function: ast.expr) -> bool:
    maker = function.value if isinstance(function, ast.Attribute) else function
    return isinstance(maker, ast.Name) and maker.id == "Money"


def float_literal(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def opens_with_a_sentence(text: str) -> bool:
    docstring = ast.get_docstring(ast.parse(text))
    return docstring is not None and docstring.split("\n\n")[0].strip().endswith((".", ":", "?"))


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(SRC)))
def test_python_keeps_the_habits(path: Path) -> None:
    text = path.read_text("utf-8")
    place = path.relative_to(SRC).as_posix()
    tree = ast.parse(text)
    assert text.count("\n") <= MAX_FILE, "file too long"
    assert not list(long_functions(tree))
    assert not list(banned(tree, place.split("/")[0], place))
    if path.name == "__init__.py" and path.parent != SRC:
        assert text == "", "__init__ files are empty"
    else:
        assert opens_with_a_sentence(text), "a module opens with one sentence that says what it is for"


def cpp_functions(text: str) -> Iterator[tuple[int, int]]:
    """(line, length) of every brace block that opens at column 0 to 4 after a parenthesis."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if re.match(r"^( {0,4}\S.*)?\)[^;]*\{$", line):
            indent = len(line) - len(line.lstrip())
            for end in range(number + 1, len(lines)):
                if re.match(rf"^ {{0,{indent}}}\}}", lines[end]):
                    yield number + 1, end - number + 1
                    break


@pytest.mark.parametrize("path", NATIVE, ids=lambda path: str(path.relative_to(SRC)))
def test_native_keeps_the_habits(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= MAX_FILE
    assert text.startswith("//"), "a file opens with one sentence that says what it is for"
    assert all(length <= MAX_FUNCTION for _, length in cpp_functions(text))


def functions_of(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def asserts(function: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Attribute) and node.attr.startswith(("raises", "fail", "assert")))
        or (isinstance(node, ast.Raise) and "AssertionError" in ast.dump(node))
        for node in ast.walk(function)
    )


def calls(function: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in names
        for node in ast.walk(function)
    )


def checkers(functions: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> set[str]:
    """Names of functions that assert, or call one that does."""
    names = {function.name for function in functions if asserts(function)}
    while more := {each.name for each in functions if each.name not in names and calls(each, names)}:
        names |= more
    return {name for name in names if not name.startswith("test_")}


SHARED_CHECKS = checkers(
    [
        function
        for path in TESTS
        if not path.name.startswith("test_")
        for function in functions_of(path.read_text("utf-8"))
    ]
)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_assert_something(path: Path) -> None:
    functions = list(functions_of(path.read_text("utf-8")))
    helpers = checkers(functions) | SHARED_CHECKS
    for function in functions:
        if function.name.startswith("test_"):
            assert asserts(function) or calls(function, helpers), f"{function.name} asserts nothing"


def test_the_checks_can_fail() -> None:
    long = "def f():\n" + "    x = 1\n" * 80
    assert list(long_functions(ast.parse(long)))
    planted = "import random\ntry:\n    print(1)\nexcept:\n    datetime.now()\nMoney(1.5, 'USD')\nopen('x')\n"
    found = list(banned(ast.parse(planted), "decide", "decide/decide.py"))
    words = ("bare except", "global random", "print()", "datetime.now()", "float money", "open() on a pure")
    for word in words:
        assert any(word in line for line in found), word
    assert not opens_with_a_sentence("x = 1\n")
    assert not asserts(ast.parse("def test_x():\n    f()\n"))
    body = "int f(int x) {\n" + "  x++;\n" * 80 + "}\n"
    assert any(length > MAX_FUNCTION for _, length in cpp_functions(body))
