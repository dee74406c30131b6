"""One line of the catalogue: a statistic's name, unit, sentence, formula and source, and how to read it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from quorate.analysis.sample import Sample


class Unit(enum.StrEnum):
    """What a figure is counted in. Fractions: 0.05 is 5 %."""

    RETURN = "signed fraction"
    SHARE = "fraction"
    RATIO = "number"
    COUNT = "count"
    MONEY = "currency"
    BPS = "1e-4"
    SPAN = "ns"
    INSTANT = "ns since 1970"


class Section(enum.StrEnum):
    """The chapters that figures are grouped by, in the order they are read."""

    PERIOD = "Period and exposure"
    RETURNS = "Returns"
    RISK = "Risk"
    DRAWDOWN = "Drawdown"
    RATIOS = "Ratios"
    BENCHMARK = "Beside buy and hold"
    TRADES = "Trades"
    ORDERS = "Orders and costs"
    HOLDINGS = "Portfolio"
    HONESTY = "How far to believe it"


class Basis(enum.StrEnum):
    """What a figure is read from. Days are those of the instruments' own calendar, and annualise by it."""

    DAYS = "daily closes of equity"
    CURVE = "equity at every instant"
    TRADES = "closed trades"
    FILLS = "orders and fills"
    HELD = "positions at every instant"


Value = float | int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A statistic. ``of`` reads it off a sample; None where it is undefined."""

    name: str
    label: str
    unit: Unit
    basis: Basis
    says: str
    formula: str
    source: str
    of: Callable[[Sample], Value]
    section: Section


Row = tuple[str, str, Unit, Basis, str, str, str, Callable[[Sample], Value]]


def entries(section: Section, *rows: Row) -> tuple[Entry, ...]:
    """The entries of one section; a row is an entry's fields in order, its section left out."""
    return tuple(
        Entry(name, label, unit, basis, says, formula, source, of, section)
        for name, label, unit, basis, says, formula, source, of in rows
    )
