"""A real account, market, mint and shield on a few instruments, driven step by step by the shield's tests."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from quorate.core.account import Account
from quorate.core.effects import AnyEffect, Vetoed
from quorate.core.events import AnyEvent, Bar, Fill, InstantClosed
from quorate.core.instant import MINUTE
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money
from quorate.core.order import Answer, ApprovedOrder, Bracket, Finding, Order, OrderType, Role, Side
from quorate.market.market import Market
from quorate.shield.mint import Mint
from quorate.shield.rulebook import Rulebook, parse
from quorate.shield.shield import Shield

RULEBOOKS = Path(__file__).resolve().parent.parent / "src" / "quorate" / "rulebooks"
PROFILES = ("balanced", "conservative", "conservative-small", "aggressive")
KEY = bytes(range(32))
START = 1_700_000_000_000_000_000 // MINUTE * MINUTE
PRICE = 10_000  # ticks; 100.00 of the currency at a tick of 0.01


def plain(name: str) -> dict[str, Any]:
    """A built-in rulebook as parsed from its file."""
    return tomllib.loads((RULEBOOKS / f"{name}.toml").read_text(encoding="utf-8"), parse_float=Decimal)


def rulebook(name: str = "balanced", **changes: Any) -> Rulebook:
    """A built-in rulebook with changes as ``losses__day_share=...``."""
    tree = plain(name)
    for key, value in changes.items():
        section, _, field = key.partition("__")
        tree[section] = tree[section] | {field: value} if field else value
    return parse(tree)


def spot(name: str, *, fee_bps: int = 0, kind: Kind = Kind.SPOT, **more: Any) -> Instrument:
    """A thing at a tick of 0.01 and a lot of 0.01: one lot at PRICE is worth 1.00."""
    return Instrument(
        id=name,
        kind=kind,
        currency="USD",
        tick=Decimal("0.01"),
        lot=Decimal("0.01"),
        taker_bps=Decimal(fee_bps),
        **more,
    )


def future(name: str, **more: Any) -> Instrument:
    """A future of 20 a point at a tick of 0.25, margin 10 %."""
    terms = {"lot": Decimal(1), "margin": Decimal("0.1")} | more
    return Instrument(
        id=name, kind=Kind.FUTURE, currency="USD", tick=Decimal("0.25"), multiplier=Decimal(20), **terms
    )


class Desk:
    """Events go to the account, the market and the shield in the kernel's order."""

    def __init__(
        self,
        instruments: Sequence[Instrument] = (spot("AAA"), spot("BBB"), spot("CCC")),
        *,
        cash: int = 10_000,
        rules: Rulebook | None = None,
        extra: Sequence[Any] = (),
        held: dict[str, int] | None = None,
    ) -> None:
        self.instruments = {each.id: each for each in instruments}
        self.account = Account(Money.of(cash, "USD"), self.instruments)
        self.view = Market(self.instruments, MINUTE, ())
        self.at = START
        for name, lots in (held or {}).items():
            self.account.on(self.fill_of(name, Side.BUY if lots > 0 else Side.SELL, abs(lots), "before"))
        self.mint = Mint(KEY)
        self.shield = Shield(
            rules or rulebook(), self.account, self.instruments, self.mint, extra_rules=extra
        )
        self.count = 0
        self.nonce = 0
        self.prices = dict.fromkeys(self.instruments, PRICE)
        self.tick()

    def on(self, event: AnyEvent) -> list[AnyEffect]:
        """One event, in the kernel's order."""
        view = self.view.on(event)
        closed = self.account.on(event)
        if closed is not None:
            self.shield.closed(closed)
        return self.shield.on(event, view)

    def tick(self, span: int = MINUTE, **prices: int) -> list[AnyEffect]:
        """A bar for every instrument, and the end of the instant."""
        self.at += span
        self.prices |= prices
        for name, price in self.prices.items():
            self.on(Bar(self.at, name, self.at - span, price, price, price, price))
        return self.on(InstantClosed(self.at))

    def order(self, side: Side = Side.BUY, lots: int = 100, name: str = "AAA", **more: Any) -> Order:
        """A market entry with a stop 1 % away, or what ``more`` says."""
        self.count += 1
        instrument = self.instruments[name]
        price = self.prices[name]
        role = more.pop("role", Role.ENTRY)
        away = side.sign * more.pop("away", price // 100)
        terms: dict[str, Any] = {
            "id": f"o{self.count}",
            "decision": "d",
            "instrument": name,
            "side": side,
            "type": OrderType.MARKET,
            "role": role,
            "quantity": instrument.quantity(lots),
            "reference": instrument.price(price),
            "bracket": Bracket(instrument.price(price - away)) if role is Role.ENTRY else None,
        }
        return Order(**(terms | more))

    def review(self, order: Order) -> ApprovedOrder | Vetoed:
        """Past the shield, under the next nonce."""
        self.nonce += 1
        return self.shield.review(order, self.view, self.nonce)

    def fill_of(self, name: str, side: Side, lots: int, order: str, **more: Any) -> Fill:
        """A fill at the last price."""
        instrument = self.instruments[name]
        price = instrument.price(more.pop("price", getattr(self, "prices", {}).get(name, PRICE)))
        return Fill(
            at=self.at,
            id=f"f-{order}",
            order=order,
            instrument=name,
            side=side,
            role=more.pop("role", Role.ENTRY),
            quantity=instrument.quantity(lots),
            price=price,
            fee=Money(more.pop("fee", 0), "USD"),
            filled_at=self.at,
            best=price,
            worst=price,
        )

    def fill(self, order: Order, lots: int | None = None, **more: Any) -> list[AnyEffect]:
        """Fill an order, whole or in part."""
        count = order.quantity.count if lots is None else lots
        return self.on(self.fill_of(order.instrument, order.side, count, order.id, role=order.role, **more))


def refusals(answer: ApprovedOrder | Vetoed) -> set[str]:
    """Names of the rules that denied."""
    return {finding.rule for finding in answer.verdict.refusals}


def approved(answer: ApprovedOrder | Vetoed) -> ApprovedOrder:
    """The approval, or a failed test that names who denied."""
    assert isinstance(answer, ApprovedOrder), refusals(answer)
    return answer


class Custom:
    """A rule made of a function from order to (answer, lots_max)."""

    def __init__(self, name: str, answer: Answer, lots_max: int | None = None) -> None:
        self.name = name
        self.answer = answer
        self.lots_max = lots_max

    def review(self, order: Order, instrument: Instrument, state: Any) -> Finding:
        """The fixed answer; a cut only where it cuts."""
        inputs = {"asked_lots": order.quantity.count}
        if self.answer is Answer.REDUCE and order.quantity.count <= (self.lots_max or 0):
            return Finding(self.name, Answer.ALLOW, inputs)
        return Finding(self.name, self.answer, inputs, "because", self.lots_max)
