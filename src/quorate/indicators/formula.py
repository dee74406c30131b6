"""Formulas: a whole strategy as text, checked, compiled to native code, run over histories or bar by bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import product

import msgspec
import numpy as np
from numpy.typing import NDArray

from quorate.core.canon import digest, spell
from quorate.core.errors import ConfigError, DataError
from quorate.core.instrument import Instrument
from quorate.indicators.grammar import RESERVED, read_term
from quorate.indicators.lowering import Lowering
from quorate.indicators.terms import CONDITION, NUMBER, Binder, Term, number
from quorate.native.program import MEMORY, Bars, Plan, Program

CONDITIONS = ("long", "short", "exit")
LEVELS = ("stop", "target", "limit")


class Formula(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A strategy in one instrument, decided at each bar's close.

    ``long``, ``short``: conditions that make the stance 1 or -1; where both hold it stays. ``exit``: a
    condition that makes it 0, whatever the others say; without it a stance stays until the opposite one.
    ``stop``, ``target``: distances in price from the decision; where one is not above 0, or not known, no
    stance is taken up. ``limit``: the price of entry. ``params``: numbers for the names in the texts.
    Texts are kept in canonical spelling, so formulas that mean the same terms are equal and hash alike.
    Nothing is decided before everything a formula reads has been known once. Raises ConfigError, one line
    that marks the place, for a text that is no formula, a parameter without a value or without a use.
    """

    long: str = ""
    short: str = ""
    exit: str = ""
    stop: str = ""
    target: str = ""
    limit: str = ""
    params: Mapping[str, float] = {}
    name: str = ""

    def __post_init__(self) -> None:
        if not self.long and not self.short:
            raise ConfigError("a formula needs long, short or both", where=self._where())
        texts = {part: getattr(self, part) for part in (*CONDITIONS, *LEVELS) if getattr(self, part)}
        terms = {part: read_term(text, self._where(part), self.params) for part, text in texts.items()}
        for part, term in terms.items():
            wanted = CONDITION if part in CONDITIONS else NUMBER
            if term.type != wanted:
                raise ConfigError(f"'{term}' is a {term.type}, not a {wanted}", where=self._where(part))
            msgspec.structs.force_setattr(self, part, str(term))
        used = frozenset().union(*(term.parameters for term in terms.values()))
        self._check_params(used)
        params = {key: number(self.params[key]).value for key in sorted(self.params)}
        msgspec.structs.force_setattr(self, "params", params)
        self.__dict__["terms"] = terms
        for part, term in self.bound.items():
            with _named(self._where(part)):
                Lowering(Program(1.0, 1.0, 1)).ready(term)

    def __hash__(self) -> int:
        return hash(self.digest)

    def _where(self, part: str = "") -> str:
        return " ".join(filter(None, ["formula", self.name, part]))

    def _check_params(self, used: frozenset[str]) -> None:
        for key in sorted(RESERVED & set(self.params)):
            raise ConfigError(
                f"'{key}' is a word of formulas", where=self._where(), todo="rename the parameter"
            )
        for key in sorted(set(self.params) - used):
            raise ConfigError(f"parameter '{key}' is not used", where=self._where(), todo="leave it out")

    @property
    def terms(self) -> Mapping[str, Term]:
        """Part -> tree with parameters by name: what evolution reads and changes."""
        terms: Mapping[str, Term] = self.__dict__["terms"]
        return terms

    @cached_property
    def bound(self) -> Mapping[str, Term]:
        """Part -> tree with numbers for the parameters."""
        return {part: term.bind(self.params) for part, term in self.terms.items()}

    def bindings(self, combinations: Iterable[Mapping[str, float]]) -> Iterator[Mapping[str, Term]]:
        """``bound`` with other numbers, for each combination. ConfigError for a parameter it has not."""
        binders = {part: Binder(term) for part, term in self.terms.items()}
        for combination in combinations:
            if not combination.keys() <= self.params.keys():
                unknown = ", ".join(sorted(set(combination) - set(self.params)))
                raise ConfigError(f"there is no parameter '{unknown}'", where=self._where())
            values = {**self.params, **combination}
            yield {part: binder.bind(values) for part, binder in binders.items()}

    @cached_property
    def digest(self) -> bytes:
        """32 bytes over the canonical spelling of everything but the name."""
        parts = {part: getattr(self, part) for part in (*CONDITIONS, *LEVELS)}
        return digest(b"formula 1", spell(parts), spell(dict(self.params)))

    @property
    def warmup(self) -> int:
        """Bars until it can first decide, where all it reads is of the bars' own timeframe."""
        return max(term.warmup for term in self.bound.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self.digest == other.digest and self.name == other.name

    def with_params(self, **params: float) -> Formula:
        """The same formula with other numbers for some of its parameters."""
        return msgspec.structs.replace(self, params={**self.params, **params})


class Compiled:
    """A formula for one kind of bars. Runs release the GIL; DataError names a bar that cannot be."""

    def __init__(self, formula: Formula, tick: float, lot: float, interval_ns: int) -> None:
        self.formula = formula
        with _named("formula"):
            self._program = Program(tick, lot, interval_ns)
            lowering = Lowering(self._program)
            self._head = _head(self._program, lowering, formula.bound)
            self._levels = {
                part: lowering.node(formula.bound[part]) for part in LEVELS if part in formula.bound
            }
            self._program.follow(self._head, list(self._levels.values()))  # refuses what cannot be run

    @property
    def native(self) -> tuple[Program, int]:
        """The program and its strategy's number, for runs that stay native."""
        return self._program, self._head

    def stances(self, bars: Bars) -> NDArray[np.float64]:
        """The stance at each bar's close: float64 (n,) of -1, 0, 1."""
        with _data():
            return self._program.stances(self._head, bars)

    def changes(self, bars: Bars) -> NDArray[np.int32]:
        """Where it changes: int32 (m, 2), the bar and the stance from its close on, in 1e-6."""
        with _data():
            return self._program.changes(self._head, bars)

    def levels(self, bars: Bars) -> dict[str, NDArray[np.float64]]:
        """``stop``, ``target``, ``limit``, those the formula has: float64 (n,), in price, at each close."""
        with _data():
            rows = self._program.columns(list(self._levels.values()), bars)
        return dict(zip(self._levels, rows, strict=True))

    def start(self) -> Stepper:
        """A fresh follower, bar by bar."""
        return Stepper(self)


class Stepper:
    """One formula followed bar by bar, equal to the batch in every bit."""

    def __init__(self, compiled: Compiled) -> None:
        program, head = compiled.native
        self._names = tuple(compiled._levels)
        self._follower = program.follow(head, list(compiled._levels.values()))
        self._step = self._follower.step

    def step(self, at: int, open: int, high: int, low: int, close: int, volume: int = -1) -> float:
        """The stance after one more closed bar; ns, ticks and lots. DataError leaves all as it was."""
        try:  # no context manager: this is the live path
            return self._step(at, open, high, low, close, volume)
        except ValueError as error:
            raise DataError(str(error), where="bars", todo="mend the data") from error

    @property
    def levels(self) -> dict[str, float]:
        """``stop``, ``target``, ``limit`` after the last bar, in price, NaN while unknown."""
        return {name: self._follower.value(place) for place, name in enumerate(self._names)}


def compile_formula(
    formula: Formula,
    instrument: Instrument | None = None,
    *,
    tick: float = 1.0,
    lot: float = 1.0,
    interval_ns: int,
) -> Compiled:
    """A formula ready to run over bars of ``interval_ns`` of an instrument, or of this tick and lot.

    Raises ConfigError for what these bars cannot serve, such as a timeframe that is no multiple of theirs.
    """
    if instrument is not None:
        tick, lot = instrument.tick_float, instrument.lot_float
    return Compiled(formula, tick, lot, interval_ns)


def grid(choices: Mapping[str, Sequence[float]]) -> list[dict[str, float]]:
    """Every combination, the last name running fastest."""
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def plan_formula(
    formula: Formula,
    combinations: Sequence[Mapping[str, float]],
    bars: Bars,
    instrument: Instrument | None = None,
    *,
    tick: float = 1.0,
    lot: float = 1.0,
    interval_ns: int,
    memory: int = MEMORY,
) -> Plan:
    """One formula with many sets of parameters over one history: what a sweep runs, by number.

    Equal columns are computed once, whatever number of combinations read them. ``memory``: bytes beyond
    which it works in groups. Raises ConfigError as Formula does, DataError for a bar that cannot be.
    """
    if instrument is not None:
        tick, lot = instrument.tick_float, instrument.lot_float
    with _named("formula"):
        program = Program(tick, lot, interval_ns)
        lowering = Lowering(program)
        for bound in formula.bindings(combinations):
            _head(program, lowering, bound)
    with _data():
        return program.plan(bars, memory)


def evaluate(
    term: Term, bars: Bars, *, tick: float = 1.0, lot: float = 1.0, interval_ns: int
) -> NDArray[np.float64]:
    """A bound term's value on each bar: float64 (n,); a condition gives 0 or 1."""
    with _named("formula"):
        program = Program(tick, lot, interval_ns)
        node = Lowering(program).node(term)
    with _data():
        found: NDArray[np.float64] = program.columns([node], bars)[0]
        return found


def _head(program: Program, lowering: Lowering, bound: Mapping[str, Term]) -> int:
    """The strategy of a bound formula: entries only where stop, target and limit make sense."""
    zero = program.add("number", value=0.0)
    guards = [
        program.add("lt", zero, lowering.node(bound[part])) for part in ("stop", "target") if part in bound
    ]
    if "limit" in bound:
        limit = lowering.node(bound["limit"])
        guards.append(program.add("eq", limit, limit))  # false while it is NaN
    nodes = [lowering.node(bound[part]) if part in bound else None for part in CONDITIONS]
    rise, fall = (None if node is None else lowering.every(node, *guards) for node in nodes[:2])
    return program.add_head(rise, fall, nodes[2], lowering.ready(*bound.values()))


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Says in which part of a formula something native or a term is wrong."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(error.what, where=where, todo=error.todo) from error
    except ValueError as error:
        raise ConfigError(str(error).partition("; known")[0], where=where) from error


@contextmanager
def _data() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        raise DataError(str(error), where="bars", todo="mend the data") from error
