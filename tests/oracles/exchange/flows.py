"""Random markets and orders of every kind through the native exchange and its oracle, in lockstep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from quorate.core.instant import DAY, HOUR
from quorate.core.instrument import Instrument
from quorate.native.exchange import (
    FORCES,
    FOREVER,
    ROLES,
    SIDES,
    TYPES,
    WATCHES,
    Exchange,
    Kind,
    Latency,
    Rules,
    Told,
)  # fmt: skip
from quorate.native.exchange import Row as RowKind
from tests.exchange import CRYPTO, FUTURE, PLAIN, SMALL, START
from tests.oracles.exchange import delays
from tests.oracles.exchange.prices import SESSION, STOP, TRAILING, Ask, Row, World
from tests.oracles.exchange.venue import Report, Venue

INSTRUMENTS = (CRYPTO, FUTURE, PLAIN, SMALL)
NAME_OF = {
    key: {code: name for name, code in codes.items()}
    for key, codes in {
        "side": SIDES, "type": TYPES, "role": ROLES, "force": FORCES, "watch": WATCHES,
    }.items()
}  # fmt: skip
DEFAULTS = asdict(Ask(0, 0, 1, 0, 0, 1))
DEEP = 64  # orders in a book from which on the native one looks at those alone that a bar can reach


class Pair:
    """Both exchanges, asked the same and shown the same; they must tell the same and keep the same books."""

    def __init__(
        self, instruments: Sequence[Instrument], cash_e8: int, world: World, latency: Any, kind: type[Venue]
    ) -> None:
        self.instruments = list(instruments)
        self.oracle = kind(instruments, cash_e8, world)
        decimal = lambda share: Decimal(share.numerator) / Decimal(share.denominator)  # noqa: E731
        rules = Rules(
            decimal(world.participation), decimal(world.range_slippage), decimal(world.impact),
            ("pessimistic", "likely", "optimistic")[world.path + 1], world.queue, latency,
        )  # fmt: skip
        self.native = Exchange(instruments, cash_e8, slippage=world.slippage, rules=rules)
        self.asked: list[Ask] = []
        self.told: list[Report] = []
        self.shown: list[Row] = []
        self.cash_e8 = cash_e8
        self.world = world

    def submit(self, ask: Ask) -> None:
        number = self.oracle.submit(ask)
        more: dict[str, Any] = {name: value for name, value in asdict(ask).items() if value != DEFAULTS[name]}
        for name in ("at", "instrument", "lots", "price", "side", "type", "role"):
            more.pop(name, None)
        for name in ("force", "watch"):
            if name in more:
                more[name] = NAME_OF[name][more[name]]
        if "after" in more:
            more["after"] = self.native.name(ask.after)
        known = 0 <= ask.instrument < len(self.instruments)
        got = self.native.submit(
            f"o{number}", ask.at, self.instruments[ask.instrument].id if known else "NOWHERE",
            NAME_OF["side"][ask.side], NAME_OF["type"][ask.type], NAME_OF["role"][ask.role], ask.lots,
            ask.price, **more,
        )  # fmt: skip
        assert got == number
        self.asked.append(ask)

    def cancel(self, number: int, at: int) -> None:
        assert self.oracle.cancel(number, at) == self.native.cancel(self.native.name(number), at)

    def replace(self, number: int, at: int, lots: int | None, price: int | None) -> None:
        order = self.oracle.orders[number]
        if order is not None and not order.priced:
            price = None
        wanted = self.oracle.replace(number, at, lots, price)
        got = self.native.replace(self.native.name(number), at, lots=lots, price=price)
        assert got == wanted, "a change"

    def watch(self, rows: Sequence[Row]) -> None:
        wanted = self.oracle.watch(rows)
        self.shown += rows
        self.compare(self.native.watch(np.array(rows, np.int64).reshape(-1, 10)).tolist(), wanted)
        ledger = self.oracle.ledger
        assert (self.native.cash_e8, self.native.equity_e8) == (ledger.cash_e8, ledger.equity_e8), "books"
        for each in self.instruments:
            assert self.native.lots(each.id) == ledger.lots[each.id], f"lots of {each.id}"
            assert self.native.mark(each.id) == ledger.marks[each.id], f"mark of {each.id}"
        assert self.native.working == len(self.oracle.working()), "orders at work"

    def finish(self) -> None:
        self.compare(self.native.drain().tolist(), self.oracle.drain(FOREVER))

    def compare(self, got: list[Report], wanted: list[Report]) -> None:
        for one, other in zip(got, wanted, strict=False):
            if one != other:
                spelt = [f"{Kind(row[Told.KIND]).name} {row}" for row in (one, other)]
                raise AssertionError(f"native {spelt[0]}\noracle {spelt[1]}")
        assert len(got) == len(wanted), f"{len(got)} reports, {len(wanted)} wanted"
        self.told += got


class Flow:
    """One seeded run."""

    def __init__(self, seed: int, kind: type[Venue] = Venue, instruments: int = 3) -> None:
        self.dice = dice = Random(seed)
        traded = dice.sample(INSTRUMENTS, dice.randint(1, instruments))
        self.level = dice.choice((300, 20_000, 60_000))
        self.scale = max(2, self.level // dice.choice((30, 300)))
        delay, latency = self.latency()
        share = lambda *choices: Fraction(dice.choice(choices))  # noqa: E731
        self.world = World(
            delay, Decimal(dice.choice(("0", "1", "2.5"))), share("0", "0", "0.1", "0.5", "1"),
            share("0", "0", "0.05"), share("0", "0", "0.01"), dice.choice((-1, 0, 0, 1)),
            dice.random() < 0.5,
        )  # fmt: skip
        self.queueing = dice.random() < 0.25  # limit orders and what is traded at their very prices
        if self.queueing:
            self.level, self.scale, self.world.queue = 300, 10, True
        cash = dice.choice((3_000, 1_000_000, 10_000_000)) * 10**8
        self.pair = Pair(traded, cash, self.world, latency, kind)
        self.at, self.ticks = START, self.queueing or dice.random() < 0.6
        self.big = dice.choice((3, 40, 4_000))

    def latency(self) -> tuple[delays.Delay, Any]:
        pick = self.dice.random()
        if pick < 0.6:
            ns = self.dice.choice((0, 1, HOUR // 7, 3 * HOUR))
            return delays.constant(ns), Latency(ns)
        if pick < 0.8:
            seed = self.dice.randint(0, 2**64 - 1)
            quantiles = sorted(self.dice.randint(0, 2 * HOUR) for _ in range(self.dice.randint(1, 5)))
            return delays.sampled(seed, quantiles), Latency.sampled(seed, quantiles)
        instants = sorted(START + self.dice.randint(0, 20 * HOUR) for _ in range(5))
        found = [self.dice.randint(0, HOUR) for _ in instants]
        return delays.measured(instants, found), Latency.measured(instants, found)

    def near(self) -> int:
        return self.level + self.dice.randint(-self.scale, self.scale)

    def maybe(self, *choices: int) -> int | None:
        return self.dice.choice((None, self.near(), self.near(), *choices))

    # ---- the market ----------------------------------------------------------------------------------

    def bar(self, place: int) -> Row:
        dice = self.dice
        low, high = sorted((self.near(), self.near()))
        if dice.random() < 0.15:
            high = low
        open_, close = dice.randint(low, high), dice.randint(low, high)
        start = self.at - dice.choice((0, HOUR, HOUR, HOUR, DAY))
        volume = dice.choice((-1, 0, 9, self.big, 10 * self.big))
        return Row(
            self.at, RowKind.BAR, place, start, open_, high, low, close, volume, dice.choice((-1, -1, 0, 5))
        )

    def tick(self, place: int) -> Row:
        dice, blank = self.dice, Row(self.at, 0, place, 0, 0, 0, 0, 0, -1, -1)
        kind = dice.choice(
            (RowKind.TRADE, RowKind.TRADE, RowKind.QUOTE, RowKind.QUOTE, RowKind.MARK, RowKind.INDEX)
        )
        price, lots = self.near() // 5 * 5, lambda: dice.choice((-1, 0, 5, self.big, 5 * self.big))
        if kind is RowKind.TRADE:
            return blank._replace(kind=kind, open=price, volume=lots(), close=dice.choice((-1, 0, 1)))
        if kind is RowKind.QUOTE:
            ask = price + dice.choice((0, 5, 5, 10))
            return blank._replace(kind=kind, open=price, close=ask, low=lots(), high=lots())
        return blank._replace(kind=kind, open=price)

    def rows(self) -> list[Row]:
        dice = self.dice
        self.at += dice.choice((1, 60 * 10**9, HOUR, HOUR, HOUR, 7 * HOUR, DAY))
        rows = []
        for place in range(len(self.pair.instruments)):
            if dice.random() < 0.85:
                many = dice.randint(1, 4) if self.ticks and dice.random() < 0.8 else 0
                rows += [self.tick(place) for _ in range(many)] or [self.bar(place)]
            if dice.random() < 0.03:
                step = dice.randint(-self.scale, self.scale)
                rows.append(Row(self.at, RowKind.ROLL, place, 0, self.level, 0, 0, self.level + step, 0, 0))
        if not self.queueing:
            self.level = max(50, self.level + dice.randint(-self.scale, self.scale) // 2)
        return rows or [self.bar(0)]

    # ---- orders --------------------------------------------------------------------------------------

    def ask(self, at: int) -> Ask:
        """Mostly sensible, so that most of it works; sometimes with terms that do not go together."""
        dice, price = self.dice, self.near() // 5 * 5 if self.ticks else self.near()
        kind = TYPES["limit"] if self.queueing and dice.random() < 0.8 else dice.randint(0, 10)
        role = dice.choice((0, 0, 0, 1, 1, 2))
        ask = Ask(
            at, dice.randrange(len(self.pair.instruments)) if dice.random() < 0.98 else 99,
            dice.choice((-1, 1)), kind, role, dice.choice((1, 2, 7, self.big, 3 * self.big)), price,
        )  # fmt: skip
        if role == 0 and dice.random() < 0.4:
            ask.stop, ask.target = self.near(), self.maybe()
        self.special(ask)
        if dice.random() < 0.04:
            name, value = dice.choice(
                (
                    ("lots", 0),
                    ("price", None),
                    ("limit", 5),
                    ("limit", None),
                    ("trail", -1),
                    ("display", -1),
                    ("good_until", at),
                    ("shrinks", True),
                    ("watch", 3),
                    ("post_only", True),
                    ("trail_bps", 9),
                    ("session", at),
                    ("activation", 5),
                    ("limit_offset", -2),
                    ("force", 2),
                )
            )
            setattr(ask, name, value)
        return ask

    def special(self, ask: Ask) -> None:
        dice, conditional = self.dice, STOP <= ask.type < 8
        if ask.type in TRAILING:
            ask.price = None
            if dice.random() < 0.5:
                ask.trail = dice.randint(1, self.scale)
            else:
                ask.trail_bps = dice.randint(1, 200)
            ask.activation = self.maybe()
            ask.limit_offset = dice.choice((0, 3)) if ask.type == 5 else 0
        if ask.type in (3, 7):
            ask.limit = ask.price + dice.randint(-self.scale, self.scale) // 3 if ask.price is not None else 5
        if ask.type in SESSION:
            ask.limit = self.maybe()
            ask.session = dice.choice((FOREVER, ask.at + 2 * HOUR))
        if conditional and dice.random() < 0.4:
            ask.watch = dice.randint(0, 4)
        if dice.random() < (0.05 if self.queueing else 0.35):
            ask.force = dice.choice((1, 2, 3, 4)) if ask.type not in SESSION else 1
            if ask.force == 2 or (ask.force == 1 and dice.random() < 0.5):
                ask.good_until = ask.at + dice.choice((HOUR, 9 * HOUR))
        elif dice.random() < 0.3 and ask.type not in SESSION:
            ask.display = dice.randint(1, ask.lots)
        if ask.type == 1 and ask.force < 3 and dice.random() < 0.3:
            ask.post_only = True
        if dice.random() < 0.2:
            ask.group, ask.shrinks = dice.randint(1, 2), dice.random() < 0.5
        alive = self.pair.oracle.working()
        if alive and dice.random() < 0.15:
            ask.after = dice.choice(alive).id
        elif self.pair.asked and dice.random() < 0.02:
            ask.after = 0
        if dice.random() < 0.1:
            ask.expires_at = ask.at + dice.choice((0, 1, HOUR))

    def act(self) -> None:
        dice = self.dice
        for _ in range(dice.choice((0, 1, 2, 4))):
            at = self.at + dice.choice((0, 0, 1, HOUR // 2))
            self.pair.submit(self.ask(at))
            if dice.random() < 0.5:
                known = dice.choice([order.id for order in self.pair.oracle.working()] or [0])
                if dice.random() < 0.3:
                    self.pair.cancel(known, at)
                else:
                    lots = dice.choice((None, 1, 3, self.big))
                    self.pair.replace(known, at, lots, self.maybe())

    def run(self, steps: int = 20) -> Pair:
        for _ in range(steps):
            self.act()
            self.pair.watch(self.rows())
        self.pair.finish()
        return self.pair


class Deep(Flow):
    """A run over one book of many resting orders, of which a bar reaches few."""

    def __init__(self, seed: int, venue: type[Venue] = Venue) -> None:
        super().__init__(seed, venue, instruments=1)
        dice, far = self.dice, 12 * self.scale
        for _ in range(dice.randint(DEEP + 20, 3 * DEEP)):
            price, lots = max(1, self.level + dice.randint(-far, far)), dice.randint(1, 9)
            kind, shown = dice.choice((1, 1, 2)), dice.choice((0, 0, 1, lots))
            self.pair.submit(
                Ask(
                    self.at, 0, dice.choice((-1, 1)), kind, dice.choice((0, 0, 0, 1)), lots, price,
                    display=shown if kind == 1 else 0,
                )
            )  # fmt: skip

    def act(self) -> None:
        """Some of the many come nearer, by a change, or end."""
        super().act()
        alive = self.pair.oracle.working()
        for order in self.dice.sample(alive, min(3, len(alive))):
            if self.dice.random() < 0.2:
                self.pair.cancel(order.id, self.at)
            else:
                self.pair.replace(order.id, self.at, self.dice.choice((None, None, 1, 9)), self.near())


def flow(seed: int, kind: type[Venue] = Venue, steps: int = 20) -> Pair:
    """A run of random rows and orders, everything compared after every instant."""
    return Flow(seed, kind).run(steps)


def deep_flow(seed: int, kind: type[Venue] = Venue, steps: int = 12) -> Pair:
    """The same over a book of many orders, which the native exchange keeps by price."""
    return Deep(seed, kind).run(steps)
