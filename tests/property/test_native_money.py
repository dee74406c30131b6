"""Margin, liquidation, funding and currencies: the native exchange beside its oracle, to the integer."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.core.instant import DAY, HOUR
from quorate.core.instrument import Instrument
from quorate.core.instrument import Kind as Sort
from quorate.native.clearing import Clearing, Tier
from quorate.native.exchange import REASONS, Exchange, Kind, Rows, Told
from tests.oracles.exchange_money import Asked, Asset, Book, Row, Said

START = 1_700_000_000_000_000_000 // DAY * DAY
D = Decimal
PERPETUAL = Instrument(
    "PERP", Sort.PERPETUAL, "USD", tick=D("0.1"), lot=D("0.001"), taker_bps=D("4.5"), maker_bps=D("-0.5"),
    spread_bps=D(10), slippage_bps=D("1.5"), financing_bps_year=D(1095), margin=D("0.02"),
)  # fmt: skip
FUTURE = Instrument(
    "FUT", Sort.FUTURE, "EUR", tick=D("0.25"), lot=D(1), multiplier=D(20), calendar="cme",
    commission=D("2.25"), spread_bps=D("3"), slippage_bps=D("2"), margin=D("0.05"),
)  # fmt: skip
SHARE = Instrument(
    "SHARE", Sort.EQUITY, "GBP", tick=D("0.000001"), lot=D("0.003"), taker_bps=D(10), spread_bps=D(3),
    slippage_bps=D(2), financing_bps_year=D(300), margin=D("0.04"),
)  # fmt: skip
PAYS = {Sort.PERPETUAL: "both", Sort.EQUITY: "shorts"}
COLUMNS = (
    Told.INSTRUMENT, Told.SIDE, Told.LOTS, Told.PRICE, Told.MONEY, Told.FILLED_AT, Told.BEST, Told.WORST,
)  # fmt: skip


def asset_of(each: Instrument, rules: Clearing) -> Asset:
    """The oracle's terms, from the same words."""
    tiers = tuple(
        (int(tier.floor * 10**8), Fraction(tier.rate), int(tier.deduction * 10**8))
        for tier in rules.maintenance
    )
    return Asset(
        worth=Fraction(each.tick * each.lot * each.multiplier * 10**8),
        half_spread=Fraction(each.spread_bps / 20_000), slippage=Fraction(each.slippage_bps / 10_000),
        taker=Fraction(each.taker_bps / 10_000), maker=Fraction(each.maker_bps / 10_000),
        commission=Fraction(each.commission * 10**8), financing=Fraction(each.financing_bps_year),
        pays=PAYS.get(each.kind, "nobody"), margin=Fraction(each.margin), tiers=tiers,
        liquidation=Fraction(rules.liquidation_bps / 10_000), currency=rules.currency,
        shortable=rules.shortable,
    )  # fmt: skip


def table(unit: Decimal) -> tuple[Tier, ...]:
    """A table in three steps, round a notional of some units."""
    first, second = unit.quantize(D(1)) + 1, 3 * unit.quantize(D(1)) + 7
    low, middle, high = D("0.01"), D("0.015"), D("0.025")
    one = first * (middle - low)
    return (Tier(D(0), low), Tier(first, middle, one), Tier(second, high, one + second * (high - middle)))


class Twins:
    """The native exchange and its oracle, asked the same and shown the same, compared after every instant."""

    def __init__(self, seed: int, oracle: type[Book]) -> None:
        self.dice = dice = Random(seed)
        self.level = {"PERP": 4_000, "FUT": 2_500, "SHARE": 3_000}
        self.traded = dice.sample((PERPETUAL, FUTURE, SHARE), dice.randint(1, 3))
        one_currency = dice.random() < 0.3
        self.clearing = {each.id: self.rules(each, one_currency) for each in self.traded}
        assets = [asset_of(each, self.clearing[each.id]) for each in self.traded]
        self.unit = {
            each.id: int(10**13 * dice.choice((1, 1, 4)) / (self.level[each.id] * asset.worth))
            for each, asset in zip(self.traded, assets, strict=True)
        }
        cash = int(10**13 * dice.choice((0.02, 0.08, 0.3, 2)))
        currencies = 1 + max(asset.currency for asset in assets)
        self.book = oracle(assets, [cash] + [0] * (currencies - 1))
        self.native = Exchange(self.traded, cash, clearing=self.clearing)
        self.start = [cash] + [0] * (currencies - 1)
        if currencies > 1 and dice.random() < 0.3:
            self.native.deposit(1, 10**11)
            self.book.cash[1] += 10**11
            self.start[1] = 10**11
        self.sent = 0
        self.at = START

    def rules(self, each: Instrument, one_currency: bool) -> Clearing:
        dice = self.dice
        currency = 0 if one_currency else {"PERP": 0, "FUT": 1, "SHARE": 2}[each.id]
        tiers = {"PERP": table(D(90_000)), "FUT": (Tier(D(0), D("0.03")),), "SHARE": ()}[each.id]
        if each.id == "SHARE" and dice.random() < 0.5:
            tiers = (Tier(D(0), D("0.021")),)
        if dice.random() < 0.1:
            tiers = ()
        fee = D(dice.choice(("0", "50", "12.345")))
        return Clearing(tiers, fee, currency, shortable=each.id != "SHARE" or dice.random() < 0.5)

    def rows(self) -> list[Row]:
        """What the market does in an instant."""
        dice, rows = self.dice, []
        start, self.at = self.at, self.at + dice.choice((HOUR, HOUR, 8 * HOUR, DAY))
        for i, each in enumerate(self.traded):
            level = self.level[each.id]
            if dice.random() < 0.1:
                new = level + dice.randint(-80, 80)
                rows.append((self.at, 1, i, 0, level, 0, 0, new, 0, 0))
                level = new
            if dice.random() < 0.9:
                spread = dice.choice((20, 60, 200))
                prices = [level + dice.randint(-spread, spread) for _ in range(4)]
                prices[0] = dice.choice((level, prices[0]))
                open_, close = prices[0], prices[3]
                high, low = max(prices), min(prices)
                rows.append((self.at, 0, i, start, open_, high, low, close, -1, -1))
                level = close
            self.level[each.id] = max(level, 300)
            if each.id == "PERP" and dice.random() < 0.2:
                rate = dice.choice((1, -1, 10**8, 375 * 10**6, -(10**10), 3 * 10**10 + 1))
                rows.append((self.at, 6, i, 0, rate, 0, 0, 0, 0, 0))
            if (i in self.book.official or dice.random() < 0.02) and dice.random() < 0.8:
                rows.append((self.at, 4, i, 0, level + dice.randint(-20, 20), 0, 0, 0, 0, 0))
        rows += [
            (self.at, 7, currency, 0, dice.randint(80, 130), 0, 0, 100, 0, 0)
            for currency in range(1, len(self.start))
            if dice.random() < 0.3
        ]
        dice.shuffle(rows)
        return rows or self.rows()

    def order(self) -> None:
        dice = self.dice
        i = dice.randrange(len(self.traded))
        name, held = self.traded[i].id, self.book.lots[i]
        role = dice.choice(("entry", "entry", "exit")) if held else "entry"
        sign = dice.choice((1, -1)) if not held or dice.random() < 0.05 else (1 if held > 0 else -1)
        sign = -sign if role == "exit" else sign
        kind = dice.choice(("market", "market", "stop", "limit"))
        away = dice.randint(-5, 120) * sign * (1 if kind == "stop" else -1)
        price = None if kind == "market" else self.level[name] + away
        share = dice.choice((0.001, 0.1, 0.5, 1, 3))
        lots = int(self.unit[name] * share) if role == "entry" else abs(held) // dice.choice((1, 1, 2))
        lots = max(1, lots)
        self.sent += 1
        order = f"o{self.sent}"
        side = "buy" if sign > 0 else "sell"
        self.native.submit(order, self.at, name, side, kind, role, lots, price)
        self.book.submit(Asked(order, self.at, i, sign, kind, role, lots, price or 0))

    def step(self) -> None:
        rows = self.rows()
        self.book.watch(rows)
        self.hear(self.native.watch(np.array(rows, np.int64)))
        for i, each in enumerate(self.traded):
            assert self.native.lots(each.id) == self.book.lots[i], "lots differ"
            assert self.native.mark(each.id) == self.book.marks[i], "marks differ"
        for currency, amount in enumerate(self.book.cash):
            assert self.native.balance_e8(currency) == amount, "cash differs"
        assert self.native.bankrupt == self.book.bankrupt, "bankruptcy differs"
        if all(currency in self.book.rates or not amount for currency, amount in enumerate(self.book.cash)):
            assert self.native.equity_e8 == self.book.equity(), "equity differs"
        assert self.native.free_e8 == self.book.excess(self.book.marks), "what is free differs"
        self.invariants()

    def hear(self, rows: Rows) -> None:
        """Compares what was heard with what the oracle said."""
        heard: list[Said] = []
        for row in rows.tolist():
            kind = Kind(row[Told.KIND]).name.lower()
            if kind == "accepted":
                continue
            name = self.native.name(row[Told.ORDER]) if kind in ("fill", "rejected", "cancelled") else ""
            heard.append((kind, name, *(row[column] for column in COLUMNS), REASONS[row[Told.REASON]]))
        wanted, self.book.said = self.book.said, []
        for number, (one, other) in enumerate(zip(heard, wanted, strict=False)):
            assert one == other, f"report {number} differs"
        assert len(heard) == len(wanted), "the number of reports differs"

    def invariants(self) -> None:
        """Money is conserved in every currency; nobody is left below maintenance."""
        book = self.book
        for currency, began in enumerate(self.start):
            spent = book.paid.get(currency, 0) + book.turnover.get(currency, 0)
            assert self.native.balance_e8(currency) + spent == began, "money came or went"
        if book.watched() and any(self.native.lots(each.id) for each in self.traded):
            assert self.native.free_e8 > 0, "below maintenance, and not liquidated"


def play(seed: int, oracle: type[Book] = Book, steps: int = 14) -> Twins:
    twins = Twins(seed, oracle)
    for _ in range(steps):
        for _ in range(twins.dice.choice((0, 1, 2, 4))):
            twins.order()
        twins.step()
    return twins


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**48))
def test_native_and_oracle_agree_on_money(seed: int) -> None:
    play(seed)


def test_the_flows_reach_all_that_money_can_do() -> None:
    seen: set[str] = set()

    class Listening(Book):
        phase = ""

        def guard(self, phase: str) -> None:
            self.phase = phase
            super().guard(phase)

        def comes_too_late(self, order: Asked, price: int) -> bool:
            late = super().comes_too_late(order, price)
            seen.update(["too late"] if late else [])
            return late

        def say(self, kind: str, order: str = "", i: int = -1, *args: Any, **told: Any) -> None:
            why = told.get("why", "")
            seen.add(f"{kind} {why} {self.phase if kind == 'fill' and why else ''}".strip())
            if kind == "charged" and told["money"] < 0:
                seen.add("received")
            if kind == "fill" and why:
                seen.update(["two at once"] if any(said[10] == why for said in self.said) else [])
                seen.add(f"currency {self.assets[i].currency}")
            super().say(kind, order, i, *args, **told)

    for seed in range(150):
        play(seed, Listening)
    wanted = {
        "bankrupt", "cancelled flat", "cancelled liquidation", "charged borrow", "charged funding",
        "fill liquidation closing", "fill liquidation opening", "fill liquidation within", "received",
        "rejected bankrupt", "rejected margin", "rejected no exchange rate", "rejected not shortable",
        "rolled", "too late", "two at once", "currency 0", "currency 1", "currency 2",
    }  # fmt: skip
    assert wanted <= seen, wanted - seen


# ---- planted defects: the comparison above bites -------------------------------------------------------


class DearPenalty(Book):
    def penalty(self, i: int, ticks: int, lots: int) -> int:
        return super().penalty(i, ticks, lots) + 1


class DearFee(Book):
    def fee(self, i: int, ticks: int, lots: int, maker: bool) -> int:
        return super().fee(i, ticks, lots, maker) + 1


class FundingReversed(Book):
    def funding(self, i: int, ticks: int, lots: int, rate_e12: int) -> int:
        return super().funding(i, ticks, -lots, rate_e12)


class FundingRoundedTowardsUs(Book):
    def funding(self, i: int, ticks: int, lots: int, rate_e12: int) -> int:
        return -super().funding(i, ticks, -lots, rate_e12)


class MaintenanceRoundedTowardsUs(Book):
    def maintenance(self, i: int, ticks: int, lots: int) -> int:
        return max(0, super().maintenance(i, ticks, lots) - 1)


class ConvertedTowardsUs(Book):
    def converted(self, currency: int, amount: int) -> int:
        return -super().converted(currency, -amount)


class FirstTierOnly(Book):
    def maintenance(self, i: int, ticks: int, lots: int) -> int:
        tiers = self.assets[i].tiers[:1]
        return -(-abs(self.worth(i, ticks, lots)) * tiers[0][1] // 1) if tiers else 0


class DeductionForgotten(Book):
    def maintenance(self, i: int, ticks: int, lots: int) -> int:
        met = [tier for tier in self.assets[i].tiers if abs(self.worth(i, ticks, lots)) >= tier[0]]
        return super().maintenance(i, ticks, lots) + (met[-1][2] if met else 0)


class TickLate(Book):
    def threshold(self, i: int, phase: str) -> int:
        found = super().threshold(i, phase)
        return found if found == self.extreme(i, phase) else found + (-1 if self.lots[i] > 0 else 1)


class TickEarly(Book):
    def threshold(self, i: int, phase: str) -> int:
        found = super().threshold(i, phase)
        return found if found == self.first(i, phase) else found - (-1 if self.lots[i] > 0 else 1)


class BestFirst(Book):
    def worst(self, phase: str) -> int:
        return max(i for i, lots in enumerate(self.lots) if lots)


class StopsNeverLate(Book):
    def comes_too_late(self, order: Asked, price: int) -> bool:
        return False


class ClosesOnly(Book):
    def extreme(self, i: int, phase: str) -> int:
        return self.bars[i].close if phase == "within" and i in self.bars else super().extreme(i, phase)


class OpensUnseen(Book):
    def guard(self, phase: str) -> None:
        if phase != "opening":
            super().guard(phase)


class LastForMark(Book):
    def last(self, i: int, ticks: int) -> None:
        self.lasts[i] = self.marks[i] = ticks


class FeesInTheAccountsCurrency(Book):
    def pay(self, i: int, amount: int) -> None:
        self.cash[self.assets[i].currency] += amount
        self.cash[0] -= amount
        super().pay(i, amount)


class FixedRateToo(Book):
    def fund(self, i: int, rate_e12: int) -> None:
        super().fund(i, rate_e12)
        self.funded.clear()


DEFECTS: list[Callable[..., Book]] = [
    DearPenalty, DearFee, FundingReversed, FundingRoundedTowardsUs, MaintenanceRoundedTowardsUs,
    ConvertedTowardsUs, FirstTierOnly, DeductionForgotten, TickLate, TickEarly, BestFirst, StopsNeverLate,
    ClosesOnly, OpensUnseen, LastForMark, FeesInTheAccountsCurrency, FixedRateToo,
]  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_caught(defect: type[Book]) -> None:
    with pytest.raises(AssertionError, match="differ"):
        for seed in range(300):
            play(seed, defect)
