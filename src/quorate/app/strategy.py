"""A strategy file: loaded, its one body found, and its parameters bound to what a person set."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate.core.errors import ConfigError, InputError, QuorateError
from quorate.core.instrument import Instrument
from quorate.indicators.formula import Formula
from quorate.research.course import Course, lots_of
from quorate.research.formula import FormulaStrategy, numbers, run_formula
from quorate.research.host import Host
from quorate.research.parameters import KINDS, Value, bind, nearest
from quorate.research.run import Run, Setting, Size, run_array, run_class, run_signal
from quorate.research.signal import SignalStrategy
from quorate.research.strategy import Strategy, defaults_of, parameters_of

FUNCTIONS = {"positions": "array", "get_signal": "signal"}
GIVEN = {"array": 1, "signal": 2}  # arguments that are not parameters
HOW = "a class of Strategy, a Formula, a function positions(ohlcv) or get_signal(ohlcv, state)"


@dataclass(frozen=True)
class Body:
    """The one strategy in a file: a class, array, signal or formula. ``digest``: SHA-256 of the file."""

    kind: str
    thing: Any
    name: str
    file: str
    digest: str
    known: Mapping[str, type]
    defaults: Mapping[str, Value]
    _ran: list[bool] = field(default_factory=list, repr=False, compare=False)

    def bind(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """All parameters with their values. Raises ConfigError for an unknown name or another type."""
        values = bind(self.known, self.defaults, given, self.file)
        return {**numbers(values)} if self.kind == "formula" else values

    def run(self, values: Mapping[str, Value], setting: Setting) -> Run:
        """One run with these parameters. From the second on its file is loaded anew: runs share nothing."""
        if self.kind == "formula":
            return run_formula(self.thing, values, setting)
        thing = self.afresh() if self._ran else self.thing
        self._ran[:] = [True]
        if self.kind == "class":
            return run_class(thing, values, setting, self.file)
        if self.kind == "array":
            return run_array(thing, values, setting, self.file, afresh=self.afresh)
        return run_signal(thing, values, setting, self.file)

    def afresh(self) -> Any:
        """The body out of another load of its file: it remembers nothing of what this one was asked."""
        return getattr(_module(Path(self.file)), self.name)

    @property
    def source(self) -> tuple[str, str]:
        """(name, SHA-256) of its file, as record 0 states plugins."""
        return Path(self.file).name, self.digest

    def host(
        self,
        given: Mapping[str, Any],
        instruments: Mapping[str, Instrument],
        interval_ns: int,
        *,
        size: Size,
        latency_ns: int,
    ) -> Host:
        """The body in a desk's strategist chair. Raises ConfigError for an array, which needs all bars at
        once, for more instruments than it is of, and for what goes wrong as it starts.
        """
        where = Path(self.file).name
        if self.kind == "array":
            what = "an array function needs all bars at once, and a desk has those until now"
            raise ConfigError(what, where=where, todo="write it as a class, a get_signal or a formula")
        if self.kind != "class" and len(instruments) != 1:
            what = f"a {self.kind} is of one instrument, and the data hold {len(instruments)}"
            raise ConfigError(what, where="--data", todo="name one, or write a class")
        values = self.bind(given)
        strategy: Strategy
        if self.kind == "formula":
            strategy = FormulaStrategy(self.thing, values, next(iter(instruments.values())), interval_ns)
        elif self.kind == "signal":
            strategy = SignalStrategy(self.thing, values, where)
        else:
            strategy = self.thing(values, where=where)
        lots = -1 if size.units is None else lots_of(size.units, instruments)
        course = Course(
            list(instruments.values()), interval_ns, share=size.share, lots=lots, latency_ns=latency_ns
        )
        try:
            return Host(strategy, course, interval_ns, f"strategy {self.name}", where)
        except QuorateError:
            raise
        except Exception as error:
            raise ConfigError(f"fails as it starts: {type(error).__name__}: {error}", where=where) from error


def load_strategy(path: Path) -> Body:
    """The body in a file. Raises InputError unless it loads and holds exactly one."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    module = _module(path)
    found = _bodies(module)
    if len(found) != 1:
        named = ", ".join(name for _, name, _ in found)
        what = f"holds {len(found)} strategies: {named}" if found else "holds no strategy"
        raise InputError(what, where=str(path), todo=f"one body a file: {HOW}")
    kind, name, thing = found[0]
    if kind == "class":
        known, defaults = parameters_of(thing), defaults_of(thing)
    elif kind == "formula":
        known, defaults = dict.fromkeys(thing.params, float), dict(thing.params)
    else:
        known, defaults = _of_function(thing, GIVEN[kind], str(path))
    return Body(kind, thing, name, str(path), hashlib.sha256(source).hexdigest(), known, defaults)


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"quorate_strategy_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError("is not a Python file", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except QuorateError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"does not load: {type(error).__name__}: {error}", where=str(path)) from error
    return module


def _bodies(module: Any) -> list[tuple[str, str, Any]]:
    """(kind, name, body) of all the file itself defines; a class that another there extends is none."""
    own = {
        name: each
        for name, each in vars(module).items()
        if getattr(each, "__module__", "") == module.__name__
    }
    classes = {
        name: each for name, each in own.items() if isinstance(each, type) and issubclass(each, Strategy)
    }
    bases = {base for each in classes.values() for base in each.__mro__[1:]}
    found: list[tuple[str, str, Any]] = []
    found += [("class", name, each) for name, each in classes.items() if each not in bases]
    found += [("formula", name, each) for name, each in vars(module).items() if isinstance(each, Formula)]
    found += [(kind, name, own[name]) for name, kind in FUNCTIONS.items() if callable(own.get(name))]
    return found


def _of_function(
    function: Callable[..., Any], given: int, where: str
) -> tuple[dict[str, type], dict[str, Value]]:
    """(types, values) of a function's keyword parameters, by their defaults."""
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) < given:
        raise InputError(f"takes {len(parameters)} arguments, and is given {given}", where=where, todo=HOW)
    known: dict[str, type] = {}
    defaults: dict[str, Value] = {}
    for each in parameters[given:]:
        if each.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            raise InputError(f"parameters must be named, not *{each.name}", where=where)
        if type(each.default) not in KINDS.values():
            what = f"parameter '{each.name}' needs a default that is a number, text, true or false"
            raise InputError(what, where=where)
        known[each.name], defaults[each.name] = type(each.default), each.default
    return known, defaults


def read_sets(sets: Sequence[str]) -> dict[str, str]:
    """``name=value`` texts as a dict. Raises ConfigError for another form and for a name given twice."""
    values: dict[str, str] = {}
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"'{text}' sets nothing", where="--set", todo="write fast=12")
        if name.strip() in values:
            raise ConfigError(f"'{name.strip()}' is set twice", where="--set")
        values[name.strip()] = value.strip()
    return values


VALUES_MAX = 100_000  # of one parameter


def read_grid(texts: Sequence[str], body: Body) -> dict[str, list[Value]]:
    """``fast=5:25`` (5 to 24, as Python's range), ``slow=60:80:5`` or ``kind=a,b`` as values by name.

    Raises ConfigError for an unknown name, an empty range and a value of another type.
    """
    grid: dict[str, list[Value]] = {}
    for text in texts:
        name, equals, wanted = (part.strip() for part in text.partition("="))
        if not equals or not wanted:
            raise ConfigError(f"'{text}' is no grid", where="--grid", todo="write fast=5:25 or fast=5,10,20")
        if name not in body.known:
            what = f"no parameter is called '{name}'"
            raise ConfigError(what, where="--grid", todo=nearest(name, list(body.known)))
        if name in grid:
            raise ConfigError(f"'{name}' has two grids", where="--grid")
        parts = _range(wanted) if ":" in wanted else [part.strip() for part in wanted.split(",")]
        values = [body.bind({name: part})[name] for part in parts]
        if len(set(values)) != len(values):
            raise ConfigError(f"'{text}' names a value twice", where="--grid")
        grid[name] = values
    return grid


def _range(text: str) -> list[str]:
    try:
        bounds = [int(part) for part in text.split(":")]
        numbers = range(*bounds) if len(bounds) in (2, 3) else range(0)
    except ValueError as error:
        raise ConfigError(f"'{text}' is no range", where="--grid", todo="write 5:25 or 5:25:2") from error
    if max(map(abs, bounds)) > VALUES_MAX**2 or len(numbers) > VALUES_MAX:
        what = f"'{text}' is more than {VALUES_MAX:,} values"
        raise ConfigError(what, where="--grid", todo="use a coarser step, as 5:25:2")
    if not numbers:
        what = f"'{text}' is empty: the end is not in it"
        raise ConfigError(what, where="--grid", todo="5:25 is 5 to 24")
    return [str(number) for number in numbers]
