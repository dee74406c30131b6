"""The typed door to the compiled limits: the rulebook's answers on orders, for runs that call no Python.

Limits here answer exactly as the shield does: the same orders refused by the same rules, the same sizes cut,
the same moves of the breaker. They mint nothing: no venue takes an order on their word.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from quorate.native import _native
from quorate.native.exchange import FOREVER, ROLES, SIDES, TYPES, Rows
from quorate.native.exchange import Traded as TradedThere

# By number: a rule's bit in an answer is 1 << its place. The last four move the breaker only.
RULES = (
    "schema.units", "schema.terms", "schema.once", "sanity.direction", "bracket.stop", "bracket.target",
    "freshness.bar", "price.collar", "price.size", "exposure.trade", "exposure.position", "exposure.gross",
    "exposure.net", "exposure.leverage", "exposure.positions", "exposure.lots", "risk.stop",
    "futures.contracts", "futures.margin", "losses.day", "losses.drawdown", "losses.hour", "losses.streak",
    "rate.minute", "rate.duplicate", "halt.breaker", "halt", "resume", "approved.only", "books",
)  # fmt: skip
BREAKERS = ("normal", "reducing", "halted")

_E8 = 100_000_000
_FUTURE = "future"


class Traded(TradedThere, Protocol):
    """What the limits must know of an instrument; `core.instrument.Instrument` is one."""

    @property
    def max_lots(self) -> int: ...


class Duty(enum.IntEnum):
    """What a desk must do once the breaker has fallen; to leave is to close every position too."""

    NONE = 0
    CANCEL_ENTRIES = 1
    LEAVE = 2


class Answer(NamedTuple):
    """What the limits say of one order. ``lots``: what may be sent, 0 when refused."""

    allowed: bool
    lots: int
    denied: frozenset[str]
    cut: frozenset[str]


class Move(NamedTuple):
    """One move of the breaker, by a rule, a person or the automatic operator."""

    at: int
    before: str
    after: str
    rule: str


class Limits:
    """Limits, breaker and reservations of one desk in one currency. Instruments are numbered as given.

    ``numbers``: the rulebook by ``shield.numbers``. ``cool_down_ns``: the automatic operator resumes so long
    after a fall unless that is past ``until``; None for never. ValueError for wrong input, which changes
    nothing, and for a limit that is missing or not known here. A number beyond 63 bits (127 between them) and
    reports that contradict each other halt the desk: within a review that denies the order, in the account
    it denies all from then on, and ``failure`` says why.
    """

    def __init__(
        self,
        instruments: Sequence[Traded],
        numbers: Mapping[str, int | tuple[int, int] | None],
        cash_e8: int,
        *,
        cool_down_ns: int | None = None,
        until: int = FOREVER,
    ) -> None:
        self._places = {each.id: place for place, each in enumerate(instruments)}
        if len(self._places) != len(instruments):
            raise ValueError("two instruments have the same id")
        for name, number in {"cash_e8": cash_e8, "cool_down_ns": cool_down_ns, "until": until}.items():
            if number is not None and not -FOREVER <= number <= FOREVER:
                raise ValueError(f"{name} needs more than 63 bits")
        traded = [_traded(each) for each in instruments]
        self.core = _native.Limits(traded, dict(numbers), cash_e8, cool_down_ns, until)

    # ---- events --------------------------------------------------------------------------------------

    def watch(self, rows: Rows) -> None:
        """Market rows as `native.exchange` takes them: bars and rolls move marks."""
        self.core.watch(rows)

    def hear(self, rows: Rows) -> None:
        """Report rows as `native.exchange` gives them."""
        self.core.hear(rows)

    def instant_closed(self, at: int) -> None:
        """No more rows bear this instant: equity is marked, and the watchers look at it."""
        self.core.instant_closed(at)

    def halt(self, at: int) -> None:
        """A person stops the desk."""
        self.core.halt(at)

    def resume(self, at: int) -> bool:
        """People take the breaker up, losses so far count no more; False when that changes nothing."""
        return self.core.resume(at)

    def operate(self, until: int) -> None:
        """The automatic operator resumes, if that is due by then."""
        self.core.operate(until)

    @property
    def resume_at(self) -> int:
        """When the automatic operator will; FOREVER for never."""
        return self.core.resume_at

    # ---- orders --------------------------------------------------------------------------------------

    def review(
        self,
        id: int,
        at: int,
        instrument: str,
        side: str,
        type: str,
        role: str,
        lots: int,
        reference: int,
        *,
        limit: int | None = None,
        trigger: int | None = None,
        stop: int | None = None,
        target: int | None = None,
    ) -> Answer:
        """Every rule on one order, in ticks and lots; an approval reserves it under its number."""
        allowed, size, denied, cut = self.core.review(
            id, at, self._places.get(instrument, -1), SIDES[side], TYPES[type], ROLES[role], lots, reference,
            limit, trigger, stop, target,
        )  # fmt: skip
        return Answer(allowed, size, rules(denied), rules(cut))

    def may_cancel(self, order: int) -> bool:
        """False when held lots would be left without a working stop."""
        return self.core.may_cancel(order)

    def duty(self) -> Duty:
        """What the events since the last call ask of the desk, taken."""
        return Duty(self.core.duty())

    def entries(self) -> list[int]:
        """Working entries, as numbered: what a fall of the breaker cancels."""
        return self.core.entries()

    def expires_at(self, at: int) -> int:
        """When an order approved at an instant must have arrived."""
        return self.core.expires_at(at)

    # ---- state ---------------------------------------------------------------------------------------

    @property
    def breaker(self) -> str:
        """NORMAL, REDUCING or HALTED, in lower case."""
        return BREAKERS[self.core.breaker]

    @property
    def moves(self) -> list[Move]:
        """Every move of the breaker so far."""
        return [
            Move(at, BREAKERS[before], BREAKERS[after], RULES[rule])
            for at, before, after, rule in self.core.moves
        ]

    @property
    def failure(self) -> str:
        """Why the books are closed for good; empty while they are open."""
        return self.core.failure

    @property
    def equity_e8(self) -> int:
        """Cash and unrealised profit at the last marks."""
        return self.core.equity_e8

    def lots(self, instrument: str) -> int:
        """Signed lots held. KeyError for an instrument not traded here, as for `mark`."""
        return self.core.lots(self._places[instrument])

    def mark(self, instrument: str) -> int:
        """The last price in ticks; 0 before any."""
        return self.core.mark(self._places[instrument])


def rules(bits: int) -> frozenset[str]:
    """The names of the rules in an answer's bits."""
    return frozenset(name for place, name in enumerate(RULES) if bits >> place & 1)


def _traded(each: Traded) -> _native.Traded:
    """The instrument's ratios, by the same expressions as `core.instrument`."""
    ratios = {
        "worth": each.tick * each.lot * each.multiplier * _E8,
        "taker": each.taker_bps / 10_000,
        "commission": each.commission * _E8,
        "margin": each.margin,
        "lot": each.lot,
    }
    pairs = {name: value.as_integer_ratio() for name, value in ratios.items()}
    for name, number in [
        *((name, max(map(abs, pair))) for name, pair in pairs.items()),
        ("max_lots", each.max_lots),
    ]:
        if number > FOREVER:
            raise ValueError(f"instrument {each.id}: {name} needs more than 63 bits")
    return _native.Traded(each.id, **pairs, is_future=each.kind == _FUTURE, lots_max=each.max_lots)
