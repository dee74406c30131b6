"""Random bracket strategies at two exchanges, one fed bars and one the ticks they were made of.

Every order goes to both at the same instant and price; only what the exchange sees of the market differs.
Bars say what happened, not in which order: what came of a run is therefore an interval. It is true when it
holds what came of the same orders over the ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from random import Random

import numpy as np
import polars as pl

from quorate.core.instant import MINUTE, SECOND
from quorate.core.instrument import Instrument, Kind
from quorate.native.exchange import INTRABAR, Exchange, Market, Row, Rows, Rules, Told
from quorate.native.exchange import Kind as Report
from tests.support import DATA

CASH_E8 = 10**17
MILLISECOND = SECOND // 1000
LATENCIES = 0, 250 * MILLISECOND, SECOND
TRADES_MAX, HOLD_MAX, APART = 40, 12, 3  # bars from one trade's timed exit to the next one's entry
FILL = int(Report.FILL)
FEW = MINUTE, 5 * MINUTE, 15 * MINUTE
SHORT = 5 * SECOND, 15 * SECOND, 30 * SECOND  # six minutes of data hold no more


@dataclass(frozen=True)
class Source:
    """Where ticks lie, what they are of, and how long bars of them are."""

    trades: str
    instrument: Instrument
    intervals: tuple[int, ...]
    contract: str = ""
    quotes: str = ""


def _coin(id: str, kind: Kind, tick: str, spread: str) -> Instrument:
    return Instrument(
        id, kind, "USDT", tick=Decimal(tick), lot=Decimal("0.00001"), taker_bps=Decimal(4),
        maker_bps=Decimal(2), spread_bps=Decimal(spread), slippage_bps=Decimal("0.1"),
    )  # fmt: skip


SOURCES = {
    "GC": Source(
        "futures/GC_ticks.parquet",
        Instrument(
            "GC", Kind.FUTURE, "USD", tick=Decimal("0.1"), lot=Decimal(1), multiplier=Decimal(100),
            calendar="cme", commission=Decimal("2.25"), spread_bps=Decimal("0.8"),
            slippage_bps=Decimal("0.2"),
        ),
        FEW,
        contract="201312",
    ),
    "ES": Source(
        "futures/ESM8_ticks_20180507.parquet",
        Instrument(
            "ES", Kind.FUTURE, "USD", tick=Decimal("0.25"), lot=Decimal(1), multiplier=Decimal(50),
            calendar="cme", commission=Decimal("2.25"), spread_bps=Decimal("0.9"),
            slippage_bps=Decimal("0.2"),
        ),
        FEW,
    ),
    "BTC perpetual": Source(
        "crypto/l2/usdm_btcusdt_20240808_trades.parquet", _coin("BTC", Kind.PERPETUAL, "0.1", "0.016"), SHORT,
        quotes="crypto/l2/usdm_btcusdt_20240808_bbo.parquet",
    ),
    "BTC spot": Source(
        "crypto/l2/spot_btcusdt_20240808_trades.parquet", _coin("BTC", Kind.SPOT, "0.01", "0.0016"), SHORT,
        quotes="crypto/l2/spot_btcusdt_20240808_bbo.parquet",
    ),
}  # fmt: skip


# ---- the market -----------------------------------------------------------------------------------------


def _whole(prices: pl.Series, unit: Decimal) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.rint(prices.to_numpy() / float(unit)).astype(np.int64)


def _blank(at: pl.Series, kind: Row) -> Rows:
    rows = np.zeros((len(at), len(Market)), np.int64)
    rows[:, Market.AT] = at.dt.timestamp("ns").to_numpy()
    rows[:, Market.KIND] = kind
    rows[:, Market.VOLUME] = rows[:, Market.SPREAD] = -1
    return rows


@cache
def trades_of(name: str) -> Rows:
    """All trades of a source as market rows."""
    source = SOURCES[name]
    assert DATA is not None
    table = pl.read_parquet(DATA / source.trades)
    if source.contract:
        table = table.filter(pl.col("contract") == source.contract)
    rows = _blank(table["ts"], Row.TRADE)
    rows[:, Market.OPEN] = _whole(table["price"], source.instrument.tick)
    if "size" in table.columns:
        rows[:, Market.VOLUME] = _whole(table["size"], source.instrument.lot)
    if "side" in table.columns:
        rows[:, Market.CLOSE] = table["side"].to_numpy()
    return rows[(rows[:, Market.OPEN] > 0) & (rows[:, Market.VOLUME] != 0)]


@cache
def ticks_of(name: str) -> Rows:
    """Trades, and quotes where there are any, as they came."""
    source, trades = SOURCES[name], trades_of(name)
    if not source.quotes:
        return trades
    assert DATA is not None
    table = pl.read_parquet(DATA / source.quotes)
    rows = _blank(table["ts"], Row.QUOTE)
    rows[:, Market.OPEN] = _whole(table["bid"], source.instrument.tick)
    rows[:, Market.CLOSE] = _whole(table["ask"], source.instrument.tick)
    rows[:, Market.LOW] = _whole(table["bid_size"], source.instrument.lot)
    rows[:, Market.HIGH] = _whole(table["ask_size"], source.instrument.lot)
    both = np.concatenate((rows[rows[:, Market.CLOSE] >= rows[:, Market.OPEN]], trades))
    return both[np.argsort(both[:, Market.AT], kind="stable")]


@cache
def bars_of(name: str, interval: int) -> Rows:
    """Bars from the trades; an interval without a trade has none."""
    trades = trades_of(name)
    slot = trades[:, Market.AT] // interval
    first = np.flatnonzero(np.diff(slot, prepend=-1))
    last = np.append(first[1:], len(slot)) - 1
    price = trades[:, Market.OPEN]
    rows = np.zeros((len(first), len(Market)), np.int64)
    rows[:, Market.START] = slot[first] * interval
    rows[:, Market.AT] = rows[:, Market.START] + interval
    rows[:, Market.OPEN], rows[:, Market.CLOSE] = price[first], price[last]
    rows[:, Market.HIGH] = np.maximum.reduceat(price, first)
    rows[:, Market.LOW] = np.minimum.reduceat(price, first)
    volume = np.add.reduceat(trades[:, Market.VOLUME], first)
    rows[:, Market.VOLUME] = np.where(volume < 0, -1, volume)
    rows[:, Market.SPREAD] = -1
    return rows


# ---- the strategies -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trade:
    """One bracket trade as planned: sent at ``at``, taken back or closed at the market at ``until``."""

    at: int
    until: int
    side: int
    type: str
    price: int | None
    stop: int
    target: int


@dataclass(frozen=True)
class Plan:
    """A strategy: all it will send is known before the first tick."""

    name: str
    seed: int
    interval: int
    latency: int
    lots: int
    trades: tuple[Trade, ...]


def plan(name: str, seed: int) -> Plan:
    """A random bracket strategy over a source."""
    draw = Random(f"{name} {seed}")
    interval, latency = draw.choice(SOURCES[name].intervals), draw.choice(LATENCIES)
    bars = bars_of(name, interval)
    span = float(np.mean(bars[:, Market.HIGH] - bars[:, Market.LOW]))
    near, far = draw.uniform(0.5, 3) * span, draw.uniform(0.5, 4) * span
    count, lots = draw.randint(1, TRADES_MAX), draw.randint(1, 20)
    trades: list[Trade] = []
    place = draw.randint(0, 2)
    while len(trades) < count:
        hold = draw.randint(1, min(HOLD_MAX, max(1, len(bars) // 4)))
        if place + hold + APART >= len(bars):
            break
        at, until = int(bars[place, Market.AT]), int(bars[place + hold, Market.AT])
        close, side = int(bars[place, Market.CLOSE]), draw.choice((1, -1))
        type = draw.choice(("market", "limit", "stop"))
        away = round(draw.uniform(0.1, 1) * span) * {"market": 0, "limit": -side, "stop": side}[type]
        level = close + away
        stop, target = level - side * max(1, round(near)), level + side * max(1, round(far))
        trades.append(Trade(at, until, side, type, None if type == "market" else level, stop, target))
        place += hold + APART + draw.randint(0, 3)
    return Plan(name, seed, interval, latency, lots, tuple(trades))


def send(exchange: Exchange, plan: Plan, rows: Rows) -> list[list[int]]:
    """All reports of a plan's orders over market rows."""
    acts: list[tuple[int, Callable[[], object]]] = []
    who = SOURCES[plan.name].instrument.id
    for number, each in enumerate(plan.trades):
        sides = ("buy", "sell")[:: each.side]

        def enter(each: Trade = each, name: str = f"e{number}", side: str = sides[0]) -> None:
            exchange.submit(
                name, each.at, who, side, each.type, "entry", plan.lots, each.price,
                stop=each.stop, target=each.target,
            )  # fmt: skip

        def leave(each: Trade = each, number: int = number, side: str = sides[1]) -> None:
            exchange.cancel(f"e{number}", each.until)
            exchange.submit(f"x{number}", each.until, who, side, "market", "exit", plan.lots)

        acts += [(each.at, enter), (each.until, leave)]
    told: list[list[int]] = []
    start = 0
    for at, act in acts:
        end = int(np.searchsorted(rows[:, Market.AT], at, side="right"))
        told += exchange.run(rows[start:end]).tolist()
        act()
        start = end
    told += exchange.run(rows[start:]).tolist()
    assert exchange.lots(who) == 0, f"{plan.name} {plan.seed}: a trade is left open"
    return told


# ---- what came of them ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """By trade, in 1e-8: profit or loss, the same at the fills' worst and best; all fees; the fills."""

    pnl: list[int]
    worst: list[int]
    best: list[int]
    fees: int
    fills: list[list[str]]


def result_of(plan: Plan, exchange: Exchange, told: Sequence[Sequence[int]]) -> Result:
    """What came of each trade of a plan."""
    count, instrument = len(plan.trades), SOURCES[plan.name].instrument
    pnl, worst, best, fees = [0] * count, [0] * count, [0] * count, 0
    fills: list[list[str]] = [[] for _ in plan.trades]
    for row in told:
        if row[Told.KIND] != FILL:
            continue
        name = exchange.name(row[Told.ORDER])
        place = int(name[1:].partition("/")[0])
        signed, fee = row[Told.SIDE] * row[Told.LOTS], row[Told.MONEY]
        for kept, price in ((pnl, Told.PRICE), (worst, Told.WORST), (best, Told.BEST)):
            kept[place] -= instrument.worth_e8(row[price], signed) + fee
        fees += fee
        fills[place].append(f"{name} {row[Told.PRICE]} [{row[Told.BEST]}, {row[Told.WORST]}]")
    return Result(pnl, worst, best, fees, fills)


def perform(plan: Plan, rows: Rows, intrabar: str = "likely", late_ns: int = 0) -> Result:
    """A plan over market rows, seen with pessimism, optimism, or as is likely; ``late_ns``: a defect."""
    exchange = Exchange(
        [SOURCES[plan.name].instrument], CASH_E8, latency_ns=plan.latency + late_ns,
        rules=Rules(intrabar=intrabar),
    )  # fmt: skip
    return result_of(plan, exchange, send(exchange, plan, rows))


@dataclass(frozen=True)
class Held:
    """What the bars say came of a plan, by trade in 1e-8, and what the ticks say."""

    plan: Plan
    low: list[int]
    high: list[int]
    bars: Result
    ticks: Result

    @property
    def true(self) -> bool:
        """Whether the interval of the whole plan holds what came of it over the ticks."""
        return sum(self.low) <= sum(self.ticks.pnl) <= sum(self.high)

    @property
    def missed(self) -> list[int]:
        """The trades whose own interval does not."""
        three = zip(self.low, self.ticks.pnl, self.high, strict=True)
        return [place for place, (low, came, high) in enumerate(three) if not low <= came <= high]

    def cause(self, place: int) -> str:
        """Why a trade's interval missed, as far as the fills tell."""
        bars, ticks = self.bars.fills[place], self.ticks.fills[place]
        names = [[fill.split()[0] for fill in fills] for fills in (bars, ticks)]
        if not all(names):
            return "entered in one of the two only"
        if names[0] != names[1]:
            return "left by another order"
        return "the same orders at prices further off than assumed"


def interval_of(plan: Plan, late_ns: int = 0) -> tuple[list[int], list[int], Result]:
    """(low, high, likely) by trade: the likely run's fills at their worst and best, and the runs that see
    every bar's open question with pessimism and with optimism.
    """
    bars = bars_of(plan.name, plan.interval)
    seen = {each: perform(plan, bars, each, late_ns) for each in INTRABAR}
    likely, runs = seen["likely"], [each.pnl for each in seen.values()]
    low = [min(each) for each in zip(likely.worst, *runs, strict=True)]
    high = [max(each) for each in zip(likely.best, *runs, strict=True)]
    return low, high, likely


def held(plan: Plan, late_ns: int = 0) -> Held:
    """A plan over bars and over ticks."""
    return Held(plan, *interval_of(plan, late_ns), perform(plan, ticks_of(plan.name)))
