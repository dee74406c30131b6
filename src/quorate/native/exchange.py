"""The typed door to the native exchange: orders by name, market rows in, report rows out, in whole numbers.

Market rows are int64 (n, 10) with the columns of `Market`, grouped by instant. What is not a bar uses these:

    ROLL                           open ticks of the old contract are worth close ticks of the new one
    TRADE                          open (price), volume, close (aggressor: 1 buyer, -1 seller, 0 unknown)
    QUOTE                          open (bid), close (ask), low (lots bid), high (lots asked)
    MARK, INDEX                    open (price)
    FUNDING                        open (1e-12 of the worth at the mark that longs pay shorts)
    FX                             close of the currency in the instrument's place is worth open of ours

Report rows are int64 (m, 16) with the columns of `Told`:

    ACCEPTED                       order, parent (of a leg), instrument, role, side, type, lots, price
    REJECTED, CANCELLED            order, reason
    EXPIRED                        order
    FILL                           order, instrument, role, side, type, lots, price, money (fee), filled_at,
                                   best, worst, maker, reason (volume unknown where it should be a cap)
    ROLLED                         instrument, best (old price), price (new one), money (fee)
    CHARGED                        instrument, money, reason
    SETTLED                        money (cash), lots: so many HELD rows follow
    HELD                           instrument, lots (signed)
    REPLACED                       order, lots (in all, with those filled), price
    TRIGGERED                      order, price (the trigger)
    BALANCE                        instrument (here: the currency), money: after HELD, in each other currency
    BANKRUPT                       money (equity): every order is refused from now on

A liquidation is a FILL of no order (-1) with the reason "liquidation".

Prices in ticks, quantities in lots, money in 1e-8 of the currency, instants in ns; -1 where a row has no
order, parent or instrument. Instruments are numbered as they were given.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from quorate.native import _native
from quorate.native.clearing import LIQUIDATION, Clearing, clear

Rows = NDArray[np.int64]
Latency = _native.Latency

FOREVER = 2**63 - 1
SIDES = {"buy": 1, "sell": -1}
TYPES = {
    "market": 0, "limit": 1, "stop": 2, "stop_limit": 3, "trailing_stop": 4, "trailing_stop_limit": 5,
    "market_if_touched": 6, "limit_if_touched": 7, "market_to_limit": 8, "on_open": 9, "on_close": 10,
}  # fmt: skip
ROLES = {"entry": 0, "exit": 1, "stop": 2, "target": 3}
FORCES = {"gtc": 0, "day": 1, "gtd": 2, "ioc": 3, "fok": 4}  # time in force
WATCHES = {"any": 0, "last": 1, "touch": 2, "mark": 3, "index": 4}  # what a trigger watches
INTRABAR = {"pessimistic": -1, "likely": 0, "optimistic": 1}
LEGS = ("", "/stop", "/target")  # an order's number is three times its place; its legs take the next two
REASONS = (
    "", "duplicate", "unknown instrument", "no quantity", "limit order without a limit",
    "stop order without a trigger", "bracket on an exit", "would turn the position", "margin", "asked", "oco",
    "flat", "nothing to reduce", "funding", "borrow", "trailing order without an offset",
    "terms that do not go together", "the order it waits for does not work", "post-only would take",
    "not filled at once", "missed its session", "the order it waits for ended", "volume unknown",
    "not shortable", "no exchange rate", "liquidation", "bankrupt",
)  # fmt: skip

_E8 = 100_000_000
_PAYS = {"perpetual": 2, "spot": 1, "equity": 1}  # who pays financing: both sides, shorts, else nobody


class Market(enum.IntEnum):
    """Columns of a market row. ``VOLUME``, ``SPREAD``: below 0 when unknown."""

    AT = 0
    KIND = 1
    INSTRUMENT = 2
    START = 3
    OPEN = 4
    HIGH = 5
    LOW = 6
    CLOSE = 7
    VOLUME = 8
    SPREAD = 9


class Row(enum.IntEnum):
    """What a market row is."""

    BAR = 0
    ROLL = 1
    TRADE = 2
    QUOTE = 3
    MARK = 4
    INDEX = 5
    FUNDING = 6
    FX = 7


class Told(enum.IntEnum):
    """Columns of a report row."""

    AT = 0
    KIND = 1
    ORDER = 2
    PARENT = 3
    INSTRUMENT = 4
    ROLE = 5
    SIDE = 6
    TYPE = 7
    LOTS = 8
    PRICE = 9
    MONEY = 10
    FILLED_AT = 11
    BEST = 12
    WORST = 13
    MAKER = 14
    REASON = 15


class Kind(enum.IntEnum):
    """What a report row says."""

    ACCEPTED = 0
    REJECTED = 1
    CANCELLED = 2
    EXPIRED = 3
    FILL = 4
    ROLLED = 5
    CHARGED = 6
    SETTLED = 7
    HELD = 8
    REPLACED = 9
    TRIGGERED = 10
    BALANCE = 11
    BANKRUPT = 12


@dataclass(frozen=True)
class Rules:
    """How the simulated world behaves in one run.

    ``participation``: share of a row's volume that all orders together may take, 0 any. ``range_slippage``:
    share of the bar's range, ``impact``: share of the price times the root of lots over volume (over 1 where
    that is unknown), both besides the instrument's slippage. ``intrabar``: what a bar's unknown order of
    events gives. ``queue``: a trade at a resting limit fills it with what those shown in front leave over;
    else only a trade beyond it does. ``latency``: in place of a constant one.
    """

    participation: Decimal = Decimal(0)
    range_slippage: Decimal = Decimal(0)
    impact: Decimal = Decimal(0)
    intrabar: str = "likely"
    queue: bool = False
    latency: Latency | None = None


class More(TypedDict, total=False):
    """What an order can have besides its price.

    ``limit``: of a stop-limit or limit-if-touched, or the worst price of a session order. ``force``: its time
    in force; ``good_until``: its last instant, of gtd, and of day (else the end of the UTC day). ``watch``:
    what its trigger watches. ``trail`` in ticks or ``trail_bps`` of the best price: how far its trigger
    follows, from ``activation`` on; ``limit_offset``: ticks from that trigger to its limit. ``display``: lots
    an iceberg shows. ``group``: orders of which one's fill ends the others, or with ``shrinks`` makes them
    smaller. ``after``: the order whose first fill brings it to life. ``session``: the instant of the open or
    close it is for (else the first UTC midnight after it arrives).
    """

    limit: int | None
    force: str
    good_until: int
    watch: str
    trail: int
    trail_bps: int
    limit_offset: int
    activation: int | None
    display: int
    post_only: bool
    group: int
    shrinks: bool
    after: str
    session: int


class Traded(Protocol):
    """What the exchange must know of an instrument; `core.instrument.Instrument` is one."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def tick(self) -> Decimal: ...
    @property
    def lot(self) -> Decimal: ...
    @property
    def multiplier(self) -> Decimal: ...
    @property
    def taker_bps(self) -> Decimal: ...
    @property
    def maker_bps(self) -> Decimal: ...
    @property
    def commission(self) -> Decimal: ...
    @property
    def spread_bps(self) -> Decimal: ...
    @property
    def slippage_bps(self) -> Decimal: ...
    @property
    def financing_bps_year(self) -> Decimal: ...
    @property
    def margin(self) -> Decimal: ...


DEFAULT = Rules()


class Exchange:
    """A simulated exchange over bars, trades and quotes. One thread at a time; only `run` frees the GIL.

    ``latency_ns``: from an order or a cancel to its arrival. ``slippage``: times each instrument's own.
    ValueError for wrong input, which changes nothing. OverflowError, naming the order or the instrument, for
    a number beyond 63 bits (prices, lots, money) or 127 (between them): the exchange is closed from then on.
    """

    def __init__(
        self,
        instruments: Sequence[Traded],
        cash_e8: int,
        *,
        latency_ns: int = 0,
        slippage: Decimal = Decimal(1),
        rules: Rules = DEFAULT,
        clearing: Mapping[str, Clearing] | None = None,
    ) -> None:
        self._places = {each.id: place for place, each in enumerate(instruments)}
        if len(self._places) != len(instruments):
            raise ValueError("two instruments have the same id")
        _check_whole(cash_e8=cash_e8, latency_ns=latency_ns)
        terms = [_terms(each, slippage) for each in instruments]
        for name, carried in (clearing or {}).items():
            if name not in self._places:
                raise ValueError(f"clearing of '{name}', which is not traded here")
            clear(terms[self._places[name]], carried)
        self._core = _native.Exchange(terms, cash_e8, _rules(rules, latency_ns))
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []

    # ---- orders --------------------------------------------------------------------------------------

    def submit(
        self,
        name: str,
        at: int,
        instrument: str,
        side: str,
        type: str,
        role: str,
        lots: int,
        price: int | None = None,
        *,
        stop: int | None = None,
        target: int | None = None,
        expires_at: int = FOREVER,
        **more: Unpack[More],
    ) -> int:
        """Sends an order; returns its number in reports. ``price``: the limit or the trigger.

        ``stop`` and ``target``: its bracket, whose legs are called ``name/stop`` and ``name/target``. A name
        seen before is rejected on arrival. ValueError also for a new name that ends like a leg's.
        """
        known = self._find(name)
        if known is not None:
            self._core.duplicate(known, at)
            return known
        if name.endswith(LEGS[1:]):
            raise ValueError(f"order '{name}': names that end in /stop or /target belong to brackets")
        place = self._places.get(instrument, -1)
        codes = _code(SIDES, side, "side"), _code(TYPES, type, "type"), _code(ROLES, role, "role")
        terms = at, place, *codes, lots, price, stop, target, expires_at
        rest = self._more(more) if more else {}
        try:
            plain = not rest and codes[1] <= TYPES["stop"]
            number = (
                self._core.submit(*terms) if plain else self._core.submit_order(_native.order(*terms, **rest))
            )
        except TypeError:
            _check_whole(
                f"order '{name}': ", at=at, lots=lots, price=price, stop=stop, target=target,
                expires_at=expires_at, **rest,
            )  # fmt: skip
            raise
        self._numbers[name] = number
        self._names.append(name)
        return number

    def cancel(self, name: str, at: int) -> bool:
        """Asks for an order to stop working; False when it has ended or a cancel is under way already.

        ValueError for one that never was.
        """
        return self._core.cancel(self.number(name), at)

    def replace(self, name: str, at: int, *, lots: int | None = None, price: int | None = None) -> bool:
        """Asks for an order to go on with other ``lots`` (in all, with those filled), another price, or both.

        It keeps its place in the queue only when nothing but its lots become fewer. False when nothing will
        come of it. ValueError for one that never was, for no lots, or a price of one that has none itself.
        """
        return self._core.replace(self.number(name), at, lots, price)

    def number(self, name: str) -> int:
        """An order's number. ValueError for one that never was."""
        known = self._find(name)
        if known is None:
            raise ValueError(f"there never was an order '{name}'")
        return known

    def name(self, number: int) -> str:
        """The name of an order, or of a leg, from its number; "liquidation" for none."""
        if number < 0:
            return LIQUIDATION
        place, leg = divmod(number, len(LEGS))
        return self._names[place] + LEGS[leg]

    def _more(self, more: More) -> dict[str, Any]:
        terms: dict[str, Any] = dict(more)
        if "force" in more:
            terms["force"] = _code(FORCES, more["force"], "time in force")
        if "watch" in more:
            terms["watch"] = _code(WATCHES, more["watch"], "watch")
        if "after" in more:
            terms["after"] = self.number(more["after"])
        return terms

    def _find(self, name: str) -> int | None:
        known = self._numbers.get(name)
        if known is not None:
            return known
        if not isinstance(name, str):
            raise TypeError(f"an order's name is a str, not {name!r}")
        parent, slash, leg = name.rpartition("/")
        if not slash or slash + leg not in LEGS or parent not in self._numbers:
            return None
        number = self._numbers[parent] + LEGS.index(slash + leg)
        return number if self._core.knows(number) else None

    # ---- the market ----------------------------------------------------------------------------------

    def watch(self, rows: Rows) -> Rows:
        """All market rows of the next instant; returns the reports up to and of it. Hot.

        ValueError when a row is of another instant, of none that can come next, or of no known instrument.
        """
        return self._core.watch(rows)

    def run(self, rows: Rows) -> Rows:
        """The same for a whole block, instant after instant, without the GIL; every row is checked first."""
        return self._core.run(rows)

    def step(self, rows: list[tuple[int, ...]]) -> list[list[int]]:
        """What `watch` does, from and to plain integers: for one instant of a few rows. Hot."""
        try:
            return self._core.step(rows)
        except TypeError:
            for number, row in enumerate(rows):
                _check_whole(f"row {number}: ", **{each.name.lower(): row[each] for each in Market})
            raise

    def drain(self, until: int = FOREVER) -> Rows:
        """The reports on their way that are due at or before an instant."""
        return self._core.drain(until)

    def head(self) -> Rows:
        """The first report on its way as a table of one row, or of none."""
        return self._core.head()

    def take(self) -> None:
        """Takes that first report. ValueError when there is none."""
        self._core.take()

    @property
    def due(self) -> int:
        """The instant of the first report on its way; FOREVER when there is none."""
        return self._core.due

    # ---- the books -----------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The last instant seen; -1 before any."""
        return self._core.now

    @property
    def working(self) -> int:
        """How many orders are at work."""
        return self._core.working

    @property
    def cash_e8(self) -> int:
        """What was paid in and not paid out; not equity."""
        return self._core.cash_e8

    @property
    def equity_e8(self) -> int:
        """Cash and the worth of all holdings at the last prices."""
        return self._core.equity_e8

    @property
    def free_e8(self) -> int:
        """Equity less the maintenance margin of all holdings, at the marks."""
        return self._core.free_e8

    @property
    def bankrupt(self) -> bool:
        """Whether a liquidation left nothing; every order is refused from then on."""
        return self._core.bankrupt

    def deposit(self, currency: int, amount_e8: int) -> None:
        """Pays money of a currency (0: the account's) into the account. ValueError for an unknown one."""
        self._core.deposit(currency, amount_e8)

    def balance_e8(self, currency: int) -> int:
        """Cash in one currency, in 1e-8 of it; below 0 when borrowed. IndexError for an unknown one."""
        return self._core.balance_e8(currency)

    def lots(self, instrument: str) -> int:
        """Signed lots held. KeyError for an instrument not traded here, as for `mark`."""
        return self._core.lots(self._places[instrument])

    def mark(self, instrument: str) -> int:
        """The last price in ticks; 0 before any."""
        return self._core.mark(self._places[instrument])


def _terms(each: Traded, slippage: Decimal) -> _native.Terms:
    """The instrument's ratios, by the same expressions as `core.instrument` and `simulator.costs`."""
    ratios = {
        "worth": each.tick * each.lot * each.multiplier * _E8,
        "half_spread": each.spread_bps / 20_000,
        "slippage": each.slippage_bps * slippage / 10_000,
        "taker": each.taker_bps / 10_000,
        "maker": each.maker_bps / 10_000,
        "commission": each.commission * _E8,
        "financing": each.financing_bps_year,
        "margin": each.margin,
    }
    pairs: dict[str, tuple[int, int]] = {}
    for name, value in ratios.items():
        numerator, denominator = value.as_integer_ratio()
        _check_whole(
            f"instrument {each.id}: {name} as a ratio: ", numerator=numerator, denominator=denominator
        )
        pairs[name] = numerator, denominator
    return _native.Terms(each.id, **pairs, pays=_PAYS.get(each.kind, 0))


def _rules(rules: Rules, latency_ns: int) -> _native.Rules:
    shares = {name: getattr(rules, name) for name in ("participation", "range_slippage", "impact")}
    pairs: dict[str, tuple[int, int]] = {}
    for name, value in shares.items():
        pair = value.as_integer_ratio()
        _check_whole(f"{name} as a ratio: ", numerator=pair[0], denominator=pair[1])
        pairs[name] = pair
    latency = Latency(latency_ns) if rules.latency is None else rules.latency
    intrabar = _code(INTRABAR, rules.intrabar, "intrabar path")
    return _native.Rules(latency, **pairs, intrabar=intrabar, queue=rules.queue)


def _code(codes: dict[str, int], word: str, what: str) -> int:
    code = codes.get(word)
    if code is None:
        raise ValueError(f"{what} '{word}' is not one of {', '.join(codes)}")
    return code


def _check_whole(where: str = "", /, **numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and not -FOREVER <= number <= FOREVER:
            raise OverflowError(f"{where}{name} needs more than 63 bits")
