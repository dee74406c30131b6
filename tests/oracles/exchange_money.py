"""A readable exchange for margin accounts: market, stop and limit orders over bars, and all that money does.

Written for reading: exact fractions, one rounding at each place that names it, the price of a liquidation by
trying one tick after another. It knows nothing of the product's code. No latency; spreads are assumed ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, isqrt

DAY = 86_400_000_000_000
SECOND = 1_000_000_000
E12 = 10**12

Row = tuple[int, int, int, int, int, int, int, int, int, int]
# kind, order, instrument or currency, side, lots, price, money, filled at, best, worst, reason
Said = tuple[str, str, int, int, int, int, int, int, int, int, str]


@dataclass(frozen=True)
class Asset:
    """One instrument: 1e-8 currency of a tick times a lot, shares of price or worth, maintenance."""

    worth: Fraction
    half_spread: Fraction = Fraction(0)
    slippage: Fraction = Fraction(0)
    taker: Fraction = Fraction(0)
    maker: Fraction = Fraction(0)
    commission: Fraction = Fraction(0)  # 1e-8 a lot
    financing: Fraction = Fraction(0)  # bps a year
    pays: str = "nobody"
    margin: Fraction = Fraction(1)
    tiers: tuple[tuple[int, Fraction, int], ...] = ()
    liquidation: Fraction = Fraction(0)
    currency: int = 0
    shortable: bool = True


@dataclass
class Asked:
    """A working order."""

    name: str
    at: int
    i: int
    sign: int
    type: str
    role: str
    lots: int
    price: int = 0
    done: bool = False

    @property
    def reduces(self) -> bool:
        return self.role != "entry"


@dataclass
class Bar:
    """A bar, widened to hold open and close, and the worst that a long or short has met of it for sure."""

    start: int
    at: int
    open: int
    high: int
    low: int
    close: int
    dip: int = 0
    peak: int = 0

    @property
    def pause(self) -> Fraction:
        """How far a random walk gets in the second after a stop's trigger: the root down, to 16 bits."""
        share = isqrt((4 * min(SECOND, self.at - self.start) << 32) // (self.at - self.start))
        return Fraction((self.high - self.low) * share, 1 << 16)


@dataclass
class Book:
    """The account and the exchange in one."""

    assets: list[Asset]
    cash: list[int]
    lots: list[int] = field(init=False)
    marks: list[int] = field(init=False)
    lasts: list[int] = field(init=False)
    official: set[int] = field(default_factory=set)
    funded: set[int] = field(default_factory=set)
    days: dict[int, int] = field(default_factory=dict)
    rates: dict[int, Fraction] = field(default_factory=lambda: {0: Fraction(1)})
    orders: list[Asked] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    bars: dict[int, Bar] = field(default_factory=dict)
    at: int = -1
    bankrupt: bool = False
    paid: dict[int, int] = field(default_factory=dict)  # fees and charges, by currency
    turnover: dict[int, int] = field(default_factory=dict)  # worth bought less worth sold, by currency

    def __post_init__(self) -> None:
        self.lots, self.marks, self.lasts = ([0] * len(self.assets) for _ in range(3))

    # ---- what things are worth and cost; each rounds once -------------------------------------------

    def worth(self, i: int, ticks: int, lots: int) -> int:
        return round(ticks * lots * self.assets[i].worth)  # half to even

    def fee(self, i: int, ticks: int, lots: int, maker: bool) -> int:
        asset = self.assets[i]
        rate = asset.maker if maker else asset.taker
        return ceil(abs(self.worth(i, ticks, lots)) * rate) + ceil(lots * asset.commission)

    def penalty(self, i: int, ticks: int, lots: int) -> int:
        return ceil(abs(self.worth(i, ticks, lots)) * self.assets[i].liquidation)

    def funding(self, i: int, ticks: int, lots: int, rate_e12: int) -> int:
        notional = abs(self.worth(i, ticks, lots)) * (1 if lots > 0 else -1)
        return ceil(Fraction(notional * rate_e12, E12))

    def initial(self, i: int, ticks: int, lots: int) -> int:
        return ceil(abs(self.worth(i, ticks, lots)) * self.assets[i].margin)

    def maintenance(self, i: int, ticks: int, lots: int) -> int:
        notional = abs(self.worth(i, ticks, lots))
        met = [tier for tier in self.assets[i].tiers if notional >= tier[0]]
        return ceil(notional * met[-1][1]) - met[-1][2] if met else 0

    def converted(self, currency: int, amount: int) -> int:
        return floor(amount * self.rates.get(currency, 0))

    def total(self, own: list[int]) -> int:
        """Sums by currency, each brought into the account's once."""
        return sum(self.converted(c, amount) for c, amount in enumerate(own))

    def equity(self) -> int:
        own = list(self.cash)
        for i, lots in enumerate(self.lots):
            own[self.assets[i].currency] += self.worth(i, self.marks[i], lots)
        return self.total(own)

    def excess(self, prices: list[int]) -> int:
        own = list(self.cash)
        for i, lots in enumerate(self.lots):
            if lots:
                kept = self.worth(i, prices[i], lots) - self.maintenance(i, prices[i], lots)
                own[self.assets[i].currency] += kept
        return self.total(own)

    def affords(self, i: int, price: int, lots: int, fee: int) -> bool:
        own = list(self.cash)
        own[self.assets[i].currency] -= fee
        for j, held in enumerate(self.lots):
            after, at = (held + lots, price) if j == i else (held, self.marks[j])
            if after:
                own[self.assets[j].currency] += self.worth(j, at, held) - self.initial(j, at, after)
        return self.total(own) >= 0

    # ---- an instant ---------------------------------------------------------------------------------

    def watch(self, rows: list[Row]) -> None:
        self.at = rows[0][0]
        self.bars = {}
        before = len(self.said)
        for row in rows:
            if row[1] == 1:
                self.roll(row[2], row[4], row[7])
        for row in rows:
            if row[1] == 4:
                self.charge(row[2])
        for row in rows:
            if row[1] == 0:
                self.charge(row[2])
                self.see(row)
        self.guard("opening")
        self.match()
        self.guard("within")
        for i, bar in self.bars.items():
            self.last(i, bar.close)
        for row in rows:
            if row[1] == 4:
                self.official.add(row[2])
                self.marks[row[2]] = row[4]
            elif row[1] == 7:
                self.rates[row[2]] = Fraction(row[4], row[7])
        for row in rows:
            if row[1] == 6:
                self.fund(row[2], row[4])
        self.guard("closing")
        self.orders = [order for order in self.orders if not order.done]
        if any(said[0] in ("fill", "rolled", "charged") for said in self.said[before:]):
            self.settle()

    def last(self, i: int, ticks: int) -> None:
        self.lasts[i] = ticks
        if i not in self.official:
            self.marks[i] = ticks

    def say(
        self,
        kind: str,
        order: str = "",
        i: int = -1,
        side: int = 1,
        lots: int = 0,
        price: int = 0,
        money: int = 0,
        filled: int = 0,
        best: int = 0,
        worst: int = 0,
        why: str = "",
    ) -> None:
        self.said.append((kind, order, i, side, lots, price, money, filled, best, worst, why))

    def settle(self) -> None:
        held = [(i, lots) for i, lots in enumerate(self.lots) if lots]
        self.say("settled", lots=len(held), money=self.cash[0])
        for i, lots in held:
            self.say("held", i=i, lots=lots)
        for currency, amount in list(enumerate(self.cash))[1:]:
            self.say("balance", i=currency, money=amount)

    def pay(self, i: int, amount: int) -> None:
        currency = self.assets[i].currency
        self.cash[currency] -= amount
        self.paid[currency] = self.paid.get(currency, 0) + amount

    def trade(self, i: int, price: int, lots: int, fee: int) -> None:
        currency = self.assets[i].currency
        bought = self.worth(i, price, lots)
        self.cash[currency] -= bought
        self.turnover[currency] = self.turnover.get(currency, 0) + bought
        self.pay(i, fee)
        self.lots[i] += lots
        if not self.marks[i]:
            self.last(i, price)

    def roll(self, i: int, old: int, new: int) -> None:
        lots = self.lots[i]
        for order in self.orders:
            if order.i == i and order.type != "market":
                order.price += new - old
        self.lasts[i] = new
        self.marks[i] = self.marks[i] + new - old if i in self.official else new
        if not lots:
            return
        fee = self.fee(i, old, abs(lots), False) + self.fee(i, new, abs(lots), False)
        self.trade(i, old, -lots, fee)
        self.trade(i, new, lots, 0)
        self.say("rolled", i=i, price=new, money=fee, best=old)

    def see(self, row: Row) -> None:
        _, _, i, start, open_, high, low, close, *_ = row
        highest, lowest = max(open_, high, low, close), min(open_, high, low, close)
        self.bars[i] = Bar(start, self.at, open_, highest, lowest, close, open_, open_)

    def charge(self, i: int) -> None:
        """Financing for the days since the instrument's last row of prices."""
        day = self.at // DAY
        days, self.days[i] = day - self.days.get(i, -1), day
        asset, lots = self.assets[i], self.lots[i]
        liable = asset.pays == "both" or (asset.pays == "shorts" and lots < 0)
        if days and lots and liable and not (asset.pays == "both" and i in self.funded):
            worth = abs(self.worth(i, self.marks[i], lots))
            owed = ceil(worth * asset.financing * days / (10_000 * 365))
            if owed:
                self.pay(i, owed)
                why = "funding" if asset.pays == "both" else "borrow"
                self.say("charged", i=i, money=owed, why=why)

    def fund(self, i: int, rate_e12: int) -> None:
        self.funded.add(i)
        owed = self.funding(i, self.marks[i], self.lots[i], rate_e12) if self.lots[i] else 0
        if owed:
            self.pay(i, owed)
            self.say("charged", i=i, money=owed, why="funding")

    # ---- orders -------------------------------------------------------------------------------------

    def submit(self, order: Asked) -> None:
        if self.bankrupt or (order.sign < 0 and not order.reduces and not self.assets[order.i].shortable):
            self.say("rejected", order.name, why="bankrupt" if self.bankrupt else "not shortable")
        else:
            self.orders.append(order)

    def end(self, order: Asked, kind: str, why: str) -> None:
        order.done = True
        self.say(kind, order.name, why=why)

    def match(self) -> None:
        met = [order for order in self.orders if order.i in self.bars and not order.done]
        for order in sorted(met, key=lambda each: not each.reduces):
            self.meet(order, at_open=True)
        for order in sorted(met, key=lambda each: each.type != "stop"):
            self.meet(order, at_open=False)

    def outcome(self, order: Asked, at_open: bool) -> tuple[int, int, int, bool] | None:
        """(price, best, worst, maker), prices mirrored for a seller until the last step."""
        bar, asset, sign = self.bars[order.i], self.assets[order.i], order.sign
        half = abs(bar.open) * asset.half_spread
        ends = (bar.open, bar.open) if at_open else (bar.low, bar.high)
        near, far = sorted(sign * end + half for end in ends)
        start, bound = sign * bar.open + half, max(sign * bar.low, sign * bar.high) + half
        price = sign * order.price
        if (order.type == "stop" and far < price) or (order.type == "limit" and near > price):
            return None

        def taken(base: Fraction, slip: Fraction, better: Fraction, worse: Fraction) -> tuple[int, int, int]:
            costs = [base + slip, base - better, base + 3 * slip + worse]
            if bar.high > bar.low:
                least = min(sign * bar.low, sign * bar.high)
                costs = [min(costs[0], bound), max(costs[1], least), min(costs[2], bound)]
                costs[1] = min(costs[:2])
            return tuple(ceil(cost) for cost in costs)  # type: ignore[return-value]

        if order.type == "limit":
            if start > price:
                return order.price, order.price, order.price, True
            if order.at < bar.start:
                return sign * ceil(start), sign * ceil(start), order.price, True
            likely, best, worst = (
                min(each, price) for each in taken(start, abs(bar.open) * asset.slippage, half, half)
            )
        elif order.type == "stop":
            likely, best, worst = taken(
                max(Fraction(price), start), abs(order.price) * asset.slippage, Fraction(0), half + bar.pause
            )
        else:
            likely, best, worst = taken(start, abs(bar.open) * asset.slippage, half, half)
        return sign * likely, sign * best, sign * worst, False

    def meet(self, order: Asked, at_open: bool) -> None:
        found = None if order.done else self.outcome(order, at_open)
        if found is not None and not at_open and self.comes_too_late(order, found[0]):
            self.guard("within")
        if found is not None and not order.done:
            self.fill(order, at_open, *found)

    def fill(self, order: Asked, at_open: bool, price: int, best: int, worst: int, maker: bool) -> None:
        i = order.i
        held, lots = self.lots[i] * order.sign, order.lots
        if order.reduces:
            lots = min(lots, -held)
            if lots <= 0:
                self.end(order, "cancelled", "nothing to reduce")
                return
        elif held < 0:
            self.end(order, "rejected", "would turn the position")
            return
        elif self.bankrupt or self.assets[i].currency not in self.rates:
            self.end(order, "rejected", "bankrupt" if self.bankrupt else "no exchange rate")
            return
        fee = self.fee(i, price, lots, maker)
        if not order.reduces and not self.affords(i, price, lots * order.sign, fee):
            self.end(order, "rejected", "margin")
            return
        bar = self.bars[i]
        if not at_open:
            flat = self.lots[i] == 0
            bar.dip, bar.peak = (price, price) if flat else (min(bar.dip, price), max(bar.peak, price))
        self.trade(i, price, lots * order.sign, fee)
        filled = bar.start if at_open else (bar.start + bar.at) // 2
        order.done = True
        self.say("fill", order.name, i, order.sign, lots, price, fee, max(filled, order.at), best, worst)
        if lots < order.lots:
            self.say("cancelled", order.name, why="flat")
        self.flatten(i)

    def flatten(self, i: int) -> None:
        for order in self.orders:
            if not self.lots[i] and order.i == i and order.reduces and not order.done:
                self.end(order, "cancelled", "flat")

    # ---- liquidation --------------------------------------------------------------------------------

    def first(self, i: int, phase: str) -> int:
        """Where the search for the price of a liquidation starts."""
        bar = self.bars.get(i)
        if phase == "closing" or bar is None or i in self.official:
            return self.marks[i]
        if phase == "opening":
            return bar.open
        return max(bar.dip, bar.low) if self.lots[i] > 0 else min(bar.peak, bar.high)

    def extreme(self, i: int, phase: str) -> int:
        bar = self.bars.get(i)
        if phase != "within" or bar is None or i in self.official:
            return self.first(i, phase)
        return bar.low if self.lots[i] > 0 else bar.high

    def extremes(self, phase: str) -> list[int]:
        return [self.extreme(i, phase) for i in range(len(self.assets))]

    def threshold(self, i: int, phase: str) -> int:
        """The first tick, from where it starts to the extreme, at which nothing is left above maintenance."""
        prices, end = self.extremes(phase), self.extreme(i, phase)
        step = -1 if self.lots[i] > 0 else 1
        prices[i] = self.first(i, phase)
        while self.excess(prices) > 0:
            assert prices[i] != end, "there must be one"
            prices[i] += step
        return prices[i]

    def comes_too_late(self, order: Asked, price: int) -> bool:
        """Whether the bar makes a liquidation due before this fill, or may have."""
        i, lots = order.i, self.lots[order.i]
        if not lots or i in self.official or not self.watched() or self.excess(self.extremes("within")) > 0:
            return False
        sign = 1 if lots > 0 else -1
        if sign * price <= sign * self.threshold(i, "within"):
            return True
        return order.reduces and sign * price > sign * self.first(i, "within")

    def watched(self) -> bool:
        return any(asset.tiers for asset in self.assets)

    def guard(self, phase: str) -> None:
        while self.watched() and any(self.lots) and self.excess(self.extremes(phase)) <= 0:
            self.liquidate(self.worst(phase), phase)

    def worst(self, phase: str) -> int:
        """The position with the largest maintenance, in the account's currency."""
        sizes = {
            i: ceil(self.maintenance(i, self.extreme(i, phase), lots) * self.rates[self.assets[i].currency])
            for i, lots in enumerate(self.lots)
            if lots
        }
        return max(sizes, key=lambda i: (sizes[i], -i))

    def liquidate(self, i: int, phase: str) -> None:
        for order in sorted(self.orders, key=lambda each: each.i):
            if not order.done and not order.reduces:
                self.end(order, "cancelled", "liquidation")
        held, asset = self.lots[i], self.assets[i]
        middle = self.lasts[i] if i in self.official else self.threshold(i, phase)
        bar = None if phase == "closing" or i in self.official else self.bars.get(i)
        sign = -1 if held > 0 else 1
        half, slip = abs(middle) * asset.half_spread, abs(middle) * asset.slippage
        prices = []
        for times in (1, 0, 3):
            price = sign * middle + half + times * slip
            if bar and bar.high > bar.low:
                price = min(price, max(sign * bar.low, sign * bar.high) + half)
            prices.append(sign * ceil(price))
        fee = self.fee(i, prices[0], abs(held), False) + self.penalty(i, prices[0], abs(held))
        filled = self.at
        if bar:
            filled = bar.start if phase == "opening" else (bar.start + bar.at) // 2
        self.trade(i, prices[0], -held, fee)
        self.say("fill", "liquidation", i, sign, abs(held), prices[0], fee, filled, prices[1], prices[2],
                 why="liquidation")  # fmt: skip
        self.flatten(i)
        if not any(self.lots) and self.total(self.cash) <= 0:
            self.bankrupt = True
            self.say("bankrupt", money=self.total(self.cash))
