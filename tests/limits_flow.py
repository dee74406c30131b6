"""Random desks of real rooms under the shield and its compiled twin, often at the very edge of a limit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from quorate.adapters.operators import AutomaticOperator
from quorate.core.account import Account
from quorate.core.effects import Cancel
from quorate.core.events import (
    Accepted,
    AnyEvent,
    Bar,
    Breaker,
    Cancelled,
    Charged,
    Expired,
    Fill,
    Halt,
    InstantClosed,
    Rejected,
    Resume,
    Roll,
    Rolled,
    Settled,
    Wake,
)
from quorate.core.instant import DAY, HOUR, MINUTE, SECOND
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money, divide_up
from quorate.core.order import ApprovedOrder, Bracket, Order, OrderType, Role, Side
from quorate.market.market import Market
from quorate.shield.mint import Mint
from quorate.shield.rulebook import Rulebook, parse
from quorate.shield.rules.base import Cap, most_lots
from tests.limits import Twin
from tests.shield_support import KEY, START, plain


def any_share(dice: Random, loose: str, most: str, tightness: float) -> Decimal:
    """A share as a rulebook may have it: loose, or tight and odd; never above its ceiling."""
    if dice.random() < tightness:
        return min(Decimal(dice.randint(1, 10**6)) / 10 ** dice.randint(6, 8), Decimal(most))
    return Decimal(dice.choice((loose, loose, loose, most)))


def any_rulebook(dice: Random) -> Rulebook:
    """Random limits within their ceilings, about half of them loose."""
    tree: dict[str, Any] = plain("balanced")
    maybe = lambda: dice.choice((None, None, Decimal(dice.randint(1, 10**12)) / 10**8, Decimal(500)))  # noqa: E731
    tightness = dice.choice((0.0, 0.1, 0.1, 0.5))
    share = lambda loose, most: any_share(dice, loose, most, tightness)  # noqa: E731
    tree["approval_ttl_s"] = dice.choice((1, 5, 3_600))
    tree["currencies"] = ["USD"]
    tree["bracket"] = {"stop_ticks_min": dice.choice((1, 2, 7))}
    tree["exposure"] = {
        "trade_share": share("0.5", "0.5"), "position_share": share("0.5", "0.5"),
        "gross_share": share("1", "10"), "net_share": share("0.3", "10"), "leverage_max": share("2", "10"),
        "positions_max": dice.choice((1, 2, 20, 20)), "trade_money": maybe(), "gross_money": maybe(),
    }  # fmt: skip
    tree["risk"] = {"trade_share": share("0.02", "0.02")}
    tree["futures"] = {"contracts_max": dice.choice((1, 5, 400)), "margin_share": share("1", "1")}
    tree["losses"] = {
        "day_share": share("0.1", "1"), "drawdown_share": share("0.1", "1"), "hour_share": share("0.1", "1"),
        "day_money": maybe(), "streak_max": dice.choice((1, 2, 3)),
        "streak_pause_s": dice.choice((1, 60, 3_600, 10**7)),
    }  # fmt: skip
    tree["rate"] = {
        "orders_per_minute_max": dice.choice((1, 2, 5, 60)),
        "duplicate_window_s": dice.choice((1, 5, 60, 7_200)),
    }
    tree["price"] = {"collar_share": share("0.05", "0.5"), "order_share_max": share("20", "20")}
    tree["freshness"] = {"bars_old_max": dice.choice((1, 2, 3))}
    for family in ("exposure", "losses"):
        tree[family] = {key: value for key, value in tree[family].items() if value is not None}
    return parse(tree)


def any_instrument(dice: Random, name: str) -> Instrument:
    """Whole and odd ticks and lots of every kind."""
    kind = dice.choice((Kind.SPOT, Kind.PERPETUAL, Kind.FUTURE, Kind.EQUITY))
    future = kind is Kind.FUTURE
    return Instrument(
        name, kind, "USD",
        tick=Decimal(dice.choice(("0.25", "0.01") if future else ("0.01", "0.005", "0.00001234", "1"))),
        lot=Decimal(dice.choice(("1", "0.5", "3") if future else ("0.01", "0.0003", "1", "0.00001"))),
        multiplier=Decimal(dice.choice(("20", "0.1") if future else ("1", "1", "0.333"))),
        taker_bps=Decimal(dice.choice(("0", "4.5", "10"))), commission=Decimal(dice.choice(("0", "2.25"))),
        margin=Decimal(dice.choice(("1", "0.1", "0.0770000123457"))),
        max_lots=dice.choice((0, 0, 0, 7, 5_000)),
    )  # fmt: skip


class Flow:
    """A desk of real rooms under a Twin, fed with whatever a market, a venue and people may do."""

    def __init__(self, seed: int, kind: type[Twin] = Twin) -> None:
        self.dice = dice = Random(seed)
        names = ("AAA", "BBB", "NQ", "ES")[: dice.choice((1, 2, 3, 4, 4))]
        self.instruments = {name: any_instrument(dice, name) for name in names}
        self.prices = {name: dice.choice((100, 10_000, 60_000)) for name in names}
        lot_e8 = max(each.worth_e8(self.prices[name], 1) for name, each in self.instruments.items())
        self.cash = Money(min(lot_e8 * dice.choice((5, 100, 1_000, 1_000, 10_000, 10**6)), 10**17), "USD")
        self.account = Account(self.cash, self.instruments)
        self.rules = any_rulebook(dice)
        self.view = Market(self.instruments, MINUTE, ())
        cool_down = dice.choice((0, HOUR, DAY, 10**20))
        self.operator = AutomaticOperator(cool_down)
        twin = type("Cooled", (kind,), {"cool_down": None if cool_down == 10**20 else cool_down})
        self.twin: Twin = twin(self.rules, self.account, self.instruments, Mint(KEY))
        self.at, self.count = START, 0
        self.orders: dict[str, Order] = {}
        self.left: dict[str, int] = {}
        self.legs: dict[str, tuple[str, Role, Side, int]] = {}

    # ---- the desk's own order of things ----------------------------------------------------------------

    def on(self, event: AnyEvent) -> None:
        """One event to market, account and shield; the operator hears what came of it."""
        view = self.view.on(event)
        closed = self.account.on(event)
        if closed is not None:
            self.twin.closed(closed)
        for effect in self.twin.on(event, view):
            self.operator.tell(effect)

    def pass_to(self, at: int) -> None:
        """Time goes on; planned resumes come when they are due."""
        while (head := self.operator.peek()) is not None and head.at <= at:
            due = self.operator.pop()
            if self.twin.breaker is not Breaker.NORMAL:
                assert self.twin.native.resume_at == due.at, "another plan"
                self.on(due)
        self.at = at
        self.on(Wake(at, "time"))

    def instant(self) -> None:
        """One instant: reports, people, rolls, bars, its end, orders."""
        dice = self.dice
        self.pass_to(self.next_at())
        for _ in range(dice.choice((0, 1, 2, 4))):
            self.report()
        self.people()
        for name in self.instruments:
            if dice.random() < 0.9:
                self.bar(name)
        if dice.random() < 0.1:
            self.nudge()
        self.on(InstantClosed(self.at))
        for _ in range(dice.choice((0, 1, 2, 3, 6))):
            self.ask(self.any_order())
        if dice.random() < 0.3:
            self.to_cap()
        if self.left and dice.random() < 0.3:
            order = dice.choice((*self.left, *self.legs))
            self.twin.may_cancel(Cancel(self.at, order, "AAA", "asked"))

    def next_at(self) -> int:
        """The next instant, often at the very edge of some window."""
        dice, state, rules = self.dice, self.twin._state, self.rules
        edges = [state.last_loss_at + rules.losses.streak_pause_s * SECOND]
        edges += [each + MINUTE for each, _ in list(state._sent)[-3:]]
        edges += [each + rules.rate.duplicate_window_s * SECOND for each, _ in list(state._sent)[-3:]]
        edges += [each + HOUR for each, _ in list(state.watch._highs)[:2]]
        for name in self.instruments:
            bar = self.view.bar(name)
            if bar is not None:
                edges.append(bar.at + rules.freshness.bars_old_max * (bar.at - bar.start))
        edges.append((self.at // DAY + 1) * DAY)
        near = [edge + dice.choice((-1, 0, 1)) for edge in edges]
        near = [edge for edge in near if self.at < edge <= self.at + 2 * DAY]
        if near and dice.random() < 0.4:
            return dice.choice(near)
        return self.at + dice.choice((1, SECOND, 5 * SECOND, MINUTE, MINUTE, 5 * MINUTE, HOUR, 7 * HOUR))

    def bar(self, name: str) -> None:
        dice = self.dice
        wild = dice.random() < 0.05
        step = self.prices[name] // (3 if wild else 200) + 2
        price = self.prices[name] = max(2, self.prices[name] + dice.randint(-step, step))
        start = self.at - dice.choice((*[MINUTE] * 9, *[HOUR] * 3, 0))
        if dice.random() < 0.03:
            self.roll(name, price, price + price // 9)
            return
        self.on(Bar(self.at, name, start, price, price + 1, price - 1, price))

    def roll(self, name: str, old: int, new: int) -> None:
        """The series goes on in another contract, and trades there at the next instant."""
        price, fee = self.instruments[name].price, Money(self.dice.randint(0, 10**6), "USD")
        if self.account.lots(name):
            self.on(Rolled(self.at, name, price(old), price(new), fee))
        self.on(Roll(self.at, name, old, new))
        self.prices[name] = new

    def people(self) -> None:
        dice = self.dice
        if dice.random() < 0.02:
            self.on(Halt(self.at, "ann", "test"))
        down = self.twin.breaker is not Breaker.NORMAL
        if dice.random() < (0.7 if down else 0.02):
            self.on(Resume(self.at, dice.choice((("ann", "bob"), ("ann", "bob"), ("",))), "test"))

    def nudge(self) -> None:
        """A charge that brings a loss to its cap, or 1e-8 to either side."""
        state, losses, dice = self.twin._state, self.rules.losses, self.dice
        base, share = dice.choice(
            (
                (state.day_start_e8, losses.day_share),
                (state.peak_e8, losses.drawdown_share),
                (state.hour_high_e8, losses.hour_share),
            )
        )
        numerator, denominator = share.as_integer_ratio()
        cap = divide_up(base * numerator, denominator)
        if losses.day_money is not None and dice.random() < 0.5:
            base, cap = state.day_start_e8, int(losses.day_money * 10**8)
        amount = self.account.equity_e8 - (base - cap + dice.choice((-1, 0, 0, 1, 1)))
        if cap <= base // 10:  # what is left must be worth trading with
            self.on(Charged(self.at, next(iter(self.instruments)), Money(amount, "USD"), "funding"))

    # ---- what the venue says ---------------------------------------------------------------------------

    def report(self) -> None:
        """Something that a venue may say, now and then something that it must not."""
        dice = self.dice
        pick = dice.random()
        if pick < 0.05:
            cost = sum(each.cost_e8 for each in self.account.positions.values())
            held = {name: each.lots for name, each in self.account.positions.items() if each.lots}
            self.on(Settled(self.at, Money(self.account.cash_e8 - cost, "USD"), held))
        elif pick < 0.07:
            self.stray()
        elif pick < 0.25 and self.legs:
            self.leg(dice.choice(tuple(self.legs)))
        elif self.left:
            self.life(dice.choice(tuple(self.left)))

    def stray(self) -> None:
        """An order that nobody sent."""
        dice, name = self.dice, self.dice.choice(tuple(self.instruments))
        lots = self.instruments[name].quantity(dice.randint(1, 9))
        role, side = dice.choice(tuple(Role)), dice.choice(tuple(Side))
        self.on(Accepted(self.at, f"stray{dice.randint(0, 9)}", name, role, side, lots))

    def life(self, order: str) -> None:
        """A (partial) fill, or an end, of an order that was approved."""
        dice, asked, left = self.dice, self.orders[order], self.left[order]
        pick = dice.random()
        if pick < 0.2:
            end = dice.choice((Rejected, Cancelled, Expired))
            self.on(end(self.at, order) if end is Expired else end(self.at, order, "test"))
            del self.left[order]
            return
        lots = left if pick < 0.6 else dice.randint(1, left)
        if pick > 0.98:
            lots = left + 1  # more than was approved
        filled = self.fill(order, asked.instrument, asked.side, asked.role, lots)
        if filled and asked.bracket is not None:
            self.protect(asked, asked.quantity.count - left + filled)
        self.left[order] = left - filled
        if self.left[order] <= 0 or not filled:
            del self.left[order]
            if not filled:
                self.on(Cancelled(self.at, order, "nothing to reduce"))

    def fill(self, order: str, name: str, side: Side, role: Role, lots: int) -> int:
        """A fill that turns no position; returns its lots."""
        instrument, held = self.instruments[name], self.account.lots(name)
        against = held * side.sign < 0
        lots = min(lots, abs(held)) if against else lots if role is Role.ENTRY else 0
        if lots == 0:
            return 0
        ticks = max(1, self.prices[name] + self.dice.choice((-3, -1, 0, 0, 1, 3)))
        price, quantity = instrument.price(ticks), instrument.quantity(lots)
        fee = instrument.money(instrument.fee_e8(ticks, lots, maker=False))
        self.on(Fill(self.at, order, order, name, side, role, quantity, price, fee, self.at, price, price))
        return lots

    def protect(self, asked: Order, lots: int) -> None:
        """Legs come to life with what has filled, and grow with it."""
        instrument = self.instruments[asked.instrument]
        for role in (Role.STOP, Role.TARGET):
            leg = f"{asked.id}/{role}"
            side, quantity = asked.side.opposite, instrument.quantity(lots)
            self.on(Accepted(self.at, leg, asked.instrument, role, side, quantity, parent=asked.id))
            self.legs[leg] = asked.instrument, role, side, lots

    def leg(self, leg: str) -> None:
        """A leg fills or is cancelled."""
        name, role, side, lots = self.legs.pop(leg)
        if self.dice.random() < 0.3 or not self.fill(leg, name, side, role, lots):
            self.on(Cancelled(self.at, leg, "oco"))

    # ---- what the desk asks ------------------------------------------------------------------------------

    def to_cap(self) -> None:
        """A charge after which some lots are just at a cap, or 1e-8 beyond it; and an order for them."""
        dice, name = self.dice, self.dice.choice(tuple(self.instruments))
        traded, bar, held = self.instruments[name], self.view.bar(name), self.account.lots(name)
        if bar is None:
            return
        side = dice.choice(tuple(Side)) if not held else Side.BUY if held > 0 else Side.SELL
        stop = max(1, bar.close - side.sign * (self.rules.bracket.stop_ticks_min + 1))
        share, before, others, cost = self.any_cap(traded, side, bar.close, stop)
        equity = self.account.equity_e8
        lots = max(most_lots(cost, Cap(share).of(equity) - others, 10**9), before + 1)
        numerator, denominator = share.as_integer_ratio()
        needed = divide_up((others + cost(lots) - dice.choice((0, 0, 1))) * denominator, numerator)
        if abs(needed - equity) > equity // 5:
            return
        self.on(Charged(self.at, name, Money(equity - needed, "USD"), "funding"))
        self.count += 1
        order = Order(
            f"o{self.count}", "decision", name, side, OrderType.MARKET, Role.ENTRY,
            traded.quantity(lots - before), traded.price(bar.close), bracket=Bracket(traded.price(stop)),
        )  # fmt: skip
        self.ask(order)

    def any_cap(
        self, traded: Instrument, side: Side, close: int, stop: int
    ) -> tuple[Decimal, int, int, Callable[[int], int]]:
        """(share of equity, lots before, 1e-8 beside, what lots cost) of one of the rules that cap."""
        rules, state, future = self.rules, self.twin._state, traded.kind is Kind.FUTURE
        margin, before = traded.margin.as_integer_ratio(), state.on_side(traded.id, side.sign)

        def size(lots: int) -> int:
            worth = traded.worth_e8(close, lots)
            return divide_up(worth * margin[0], margin[1]) if future else worth

        def loss(lots: int) -> int:
            fees = (traded.fee_e8(price, lots, maker=False) for price in (close, stop))
            return traded.worth_e8(abs(close - stop), lots) + sum(fees)

        held = rules.exposure.position_share, before, 0, size
        if future:
            held = rules.futures.margin_share, before, state.margin_e8(besides=traded.id), size
        slip = rules.price.order_share_max, 0, 0, size
        return self.dice.choice(
            (
                held,
                held,
                slip,
                (rules.exposure.trade_share, 0, 0, size),
                (rules.risk.trade_share, before, 0, loss),
            )
        )

    def ask(self, order: Order) -> None:
        """One order past both; an approval is remembered."""
        answer = self.twin.review(order, self.view, self.count)
        assert self.twin.pending() == []
        if isinstance(answer, ApprovedOrder):
            self.orders[order.id] = answer.order
            self.left[order.id] = answer.order.quantity.count

    def any_order(self) -> Order:
        """Mostly an order that means something; prices, sizes and distances often at an edge."""
        dice = self.dice
        self.count += 1
        name = dice.choice(tuple(self.instruments))
        instrument, held, last = self.instruments[name], self.account.lots(name), self.prices[name]
        side, role = dice.choice(tuple(Side)), Role.ENTRY
        if held and dice.random() < 0.35:
            side = Side.SELL if held > 0 else Side.BUY
            role = dice.choice((Role.EXIT, Role.EXIT, Role.EXIT, Role.STOP, Role.TARGET))
        if held and role is Role.ENTRY and dice.random() < 0.6:
            side = Side.BUY if held > 0 else Side.SELL
        collar = int(self.rules.price.collar_share * last)
        edges = 0, 1, -1, collar, -collar, collar + 1, -collar - 1
        near = lambda: last + (dice.choice(edges) if dice.random() < 0.2 else 0)  # noqa: E731
        kind = {Role.STOP: OrderType.STOP, Role.TARGET: OrderType.LIMIT}.get(
            role, dice.choice(tuple(OrderType))
        )
        reference = near()
        limit = near() if kind is OrderType.LIMIT else None
        trigger = near() if kind is OrderType.STOP else None
        if dice.random() < 0.04:
            limit, trigger = (dice.choice((None, near(), 0, -5)) for _ in range(2))
        price = lambda ticks: None if ticks is None else instrument.price(ticks)  # noqa: E731
        order = Order(
            self.any_id(), "decision", name if dice.random() < 0.99 else "NOWHERE", side, kind, role,
            instrument.quantity(self.any_size(instrument, held, last)), instrument.price(reference),
            price(limit), price(trigger),
        )  # fmt: skip
        prices = [each for each in (reference, limit, trigger) if each is not None]
        return self.bracketed(order, prices, price)

    def bracketed(self, order: Order, prices: list[int], price: Callable[[Any], Any]) -> Order:
        """The order with the legs that it needs, and now and then with others."""
        dice, sign = self.dice, order.side.sign
        if (order.role is not Role.ENTRY) != (dice.random() < 0.03):
            return order
        tick = self.rules.bracket.stop_ticks_min
        wide = max(prices) // 100 + tick, max(prices) // 10 + tick, tick + 9
        away = dice.choice((tick - 1, tick, tick + 1) if dice.random() < 0.2 else wide)
        far = min(prices) if sign > 0 else max(prices)
        stop = max(far - sign * away, dice.choice((-1, 1, 1, 1)))
        best = max(prices) if sign > 0 else min(prices)
        far_off = dice.choice((0, -3)) if dice.random() < 0.1 else dice.choice((1, 5, 300))
        target = dice.choice((None, best + sign * far_off))
        fields = {each: getattr(order, each) for each in order.__struct_fields__}
        return Order(**(fields | {"bracket": Bracket(price(stop), price(target))}))

    def any_id(self) -> str:
        known = tuple(self.orders)
        if known and self.dice.random() < 0.03:
            return self.dice.choice(known)
        return "" if self.dice.random() < 0.01 else f"o{self.count}"

    def any_size(self, instrument: Instrument, held: int, last: int) -> int:
        """From one lot to far beyond equity; exits round what is held; sizes repeat."""
        dice = self.dice
        lot_e8 = max(1, instrument.worth_e8(last, 1))
        whole = max(1, self.account.equity_e8 // lot_e8)
        if held and dice.random() < 0.3:
            return max(0, abs(held) + dice.choice((-1, 0, 1)))
        if dice.random() < 0.3:
            parts = max(1, whole // 100), max(1, whole // 10), whole, 30 * whole
            return dice.choice((0, 1, 2, 5, *parts, dice.randint(1, 3 * whole)))
        return dice.choice((1, 2, max(1, whole // 50), dice.randint(1, whole // 3 + 1)))


def flow(seed: int, kind: type[Twin] = Twin, steps: int = 40) -> Flow:
    """A random desk driven through so many instants; AssertionError where the two differ."""
    made = Flow(seed, kind)
    for _ in range(steps):
        made.instant()
    return made
