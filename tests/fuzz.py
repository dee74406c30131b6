"""Hostile callers of the native core: seeded cases, each through its Python face, none of which may crash it.

A case passes when whatever it did came back, or was refused by one of the errors a caller can expect, and
when a refused call left everything as it was. `benches.fuzz` runs thousands, on a sanitized core too.
"""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np

from quorate.native import _native, backtest, exchange, program, runner, tape
from quorate.native.limits import Limits
from tests.research_support import free, instrument, walk

MINUTE = 60 * 10**9
REFUSALS = (ValueError, OverflowError, TypeError, IndexError, KeyError, RuntimeError, LookupError)
NUMBERS = (
    0, 1, -1, 2, 3, 7, 100, 1_000, 300_000, 2**31 - 1, -(2**31), 2**53, 2**61, 2**62, 2**63 - 1, -(2**63) + 1,
    -(2**63), 2**63, 2**64, -(10**30), True, np.int64(5), np.int32(-1),
)  # fmt: skip
OTHERS = (None, 1.5, float("nan"), float("inf"), -0.0, "x", "", b"y", [], (1, 2), {}, object())
WORDS = ("o1", "o2", "o1/stop", "o2/target", "", "/", "x" * 300, "\x00", "\udcff", "Ünïcode", "/stop")


def hostile(dice: Random, *usual: Any) -> Any:
    """One of the usual mostly, else a number at some edge, seldom no number at all."""
    roll = dice.random()
    if usual and roll < 0.7:
        return dice.choice(usual)
    return dice.choice(NUMBERS) if roll < 0.95 else dice.choice(OTHERS)


def attempt(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What a call gives, or None where it is refused: by an error a caller can expect, and with words."""
    try:
        return call(*arguments, **named)
    except REFUSALS as error:
        assert str(error), f"{type(error).__name__} without a word"
        return None


def spoilt(dice: Random, array: Any) -> Any:
    """The array, sometimes with numbers from the edges, another shape, type or order of bytes."""
    made = np.array(array)
    for _ in range(dice.choice((0, 0, 1, 3))):
        if made.size and made.dtype.kind in "if":
            edge = dice.choice(NUMBERS[:17])
            made.flat[dice.randrange(made.size)] = float(edge) if made.dtype.kind == "f" else _fit(made, edge)
    if made.dtype.kind == "f" and made.size and dice.random() < 0.3:
        made.flat[dice.randrange(made.size)] = dice.choice((np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e308))
    twists: tuple[Callable[[Any], Any], ...] = (
        lambda a: a[::2], lambda a: a[::-1], lambda a: a[:0], lambda a: a[:1], np.asfortranarray,
        lambda a: a.astype(">i8"), lambda a: a.astype(np.float32), lambda a: a.astype(np.int32),
        lambda a: a[..., None], lambda a: a.astype(object), lambda a: a.tolist(), lambda a: a.T,
        lambda a: None,
        lambda a: np.frombuffer(a.tobytes(), np.uint8), lambda a: np.broadcast_to(a[:1], a.shape),
    )  # fmt: skip
    if dice.random() < 0.3:
        with np.errstate(all="ignore"), suppress(ValueError, IndexError, TypeError):
            return dice.choice(twists)(made)
    return made


def _fit(array: Any, number: int) -> int:
    info = np.iinfo(array.dtype)
    return int(min(max(number, info.min), info.max))


def edged(dice: Random, count: int, instruments: int = 1) -> Any:
    """Bars of a walk, sometimes at an edge of what numbers hold: vast, zero, below zero, crashed, still."""
    rows = walk(count, dice.randrange(2**31))
    rows[:, 2] = [dice.randrange(instruments) for _ in range(count)] if instruments > 1 else 0
    prices = slice(4, 8)
    kind = dice.randrange(9)
    if kind == 1:
        rows[:, prices] -= 300_000  # round zero
    if kind == 2:
        rows[:, prices] = 0
    if kind == 3:
        rows[:, prices] += 2**62
    if kind == 4:
        rows[count // 2 :, prices] //= 100  # a crash of 99 %
    if kind == 5:
        rows[:, 8] = 0
    if kind == 6:
        rows[:, prices] = 2**63 - 1
    if kind == 7:
        rows[dice.randrange(count), 1] = dice.choice((1, 2, 3, 4, 5, 6, 7, 8, -1))
    return rows


# ---- the exchange --------------------------------------------------------------------------------------


def order(dice: Random, made: exchange.Exchange, number: int) -> None:
    """One order, sometimes with anything in any place."""
    more: dict[str, Any] = {}
    for name, usual in (
        ("stop", (299_000, None)), ("target", (301_000, None)), ("limit", (300_000,)), ("trail", (0, 50)),
        ("trail_bps", (0, 10)), ("limit_offset", (0,)), ("activation", (None, 300_100)), ("display", (0, 2)),
        ("group", (0, 1)), ("good_until", (2**63 - 1, 50 * MINUTE)), ("session", (2**63 - 1,)),
        ("expires_at", (2**62,)), ("force", tuple(exchange.FORCES)), ("watch", tuple(exchange.WATCHES)),
        ("after", ("o1",)), ("post_only", (True, False)), ("shrinks", (True, False)),
    ):  # fmt: skip
        if dice.random() < 0.12:
            more[name] = hostile(dice, *usual)
    attempt(
        made.submit, dice.choice(WORDS) if dice.random() < 0.1 else f"o{number}",
        hostile(dice, *[max(made.now, 0)] * 5), dice.choice(("X", "X", "X", "Y", "", "Z")),
        dice.choice(("buy", "sell", "buy", "sell", "hold")), dice.choice([*exchange.TYPES, "no"]),
        dice.choice([*exchange.ROLES, "no"]), hostile(dice, 1, 5, 10**6),
        hostile(dice, None, 300_000, 299_900), **more,
    )  # fmt: skip


def books(made: exchange.Exchange) -> tuple[Any, ...]:
    """What a refused call must leave as it was."""
    return made.now, made.cash_e8, attempt(lambda: made.equity_e8), made.working, made.due


def exchange_case(dice: Random) -> None:
    """Orders and rows of every kind, right and wrong, until the exchange closes or the rows are over."""
    latency = attempt(exchange.Latency, hostile(dice, 0, 0, MINUTE, 10**9))
    rules = exchange.Rules(
        participation=Decimal(dice.choice(("0", "0", "0.1", "1", "2", "-1", "1e-30"))),
        range_slippage=Decimal(dice.choice(("0", "0", "0.1", "1e9"))),
        impact=Decimal(dice.choice(("0", "0", "0.1", "1e9"))),
        intrabar=dice.choice(("likely", "optimistic", "pessimistic", "no")),
        queue=dice.random() < 0.3, latency=latency,
    )  # fmt: skip
    traded = [instrument("X"), free("Y")]
    cash = hostile(dice, 10**14, 10**14)
    made = attempt(exchange.Exchange, traded, cash, rules=rules)
    if made is None:
        made = exchange.Exchange(traded, 10**14)
    rows = edged(dice, 60, 2)
    place = 0
    for number in range(25):
        for _ in range(dice.choice((0, 1, 3))):
            order(dice, made, number * 4 + dice.randrange(4))
        name = f"o{dice.randrange(100)}"
        now = hostile(dice, *[max(made.now, 0)] * 3)
        attempt(made.cancel, name, now)
        attempt(made.replace, name, now, lots=hostile(dice, None, 2), price=hostile(dice, None, 300_000))
        attempt(made.deposit, hostile(dice, 0), hostile(dice, 10**9))
        attempt(made.drain, hostile(dice, max(made.now, 0)))
        before, block = books(made), rows[place : place + dice.choice((1, 1, 4))]
        shown = spoilt(dice, block)
        try:
            way = dice.choice((made.watch, made.run, made.run))
            table = way(shown)
            assert table.shape[1:] == (16,) and table.dtype == np.int64
        except (ValueError, TypeError):
            assert books(made) == before, "a refused block changed something"
        except OverflowError as error:
            assert "bits" in str(error)
            assert attempt(made.run, rows[-1:]) is None, "a closed exchange went on"
            return
        place += len(block)
        attempt(made.step, [tuple(hostile(dice, each) for each in row) for row in block.tolist()])


# ---- research runs -------------------------------------------------------------------------------------


class TroubleError(Exception):
    """What a callback throws."""


def verbs(dice: Random, made: runner.Runner) -> None:
    """One verb, right or wrong, from wherever we are."""
    n = lambda *usual: hostile(dice, *usual)  # noqa: E731
    stop = n(None, 299_000)
    choices: tuple[tuple[Any, ...], ...] = (
        (made.target, n(0), dice.choice((-1.0, 0.0, 0.3, 1.0, 1.0, np.nan, np.inf)), n(None), stop),
        (
            made.submit, n(0), n(1, -1), n(0, 1, 2), n(0, 1), n(1, 5), n(None, 300_000), stop, n(None),
            n(2**62),
        ),
        (made.close, n(0)), (made.cancel, n(0, 3)), (made.state, n(0, 3)), (made.held, n(0)),
        (made.line, n(0), n(0, 5 * MINUTE), dice.choice(("sma:3", "rsi:5", "adx:4", "sma:0", "", "x")), ""),
        (made.view, n(0), n(0, 5 * MINUTE), n(0, 3)), (made.instants, n(0), n(0)),
        (made.last, n(0), n(0), n(3), n(5)),
        (made.timer, n(made.now + MINUTE), dice.choice((0, -1, 2**50, 2**62, 2**63 - 1))),
        (made.subscribe, n(0), n(0, 5 * MINUTE)), (made.bars, n(0), n(0)), (made.entry, n(0)),
        (made.unrealised_e8, n(0)), (made.mark, n(0)), (made.tick_now, n(0)),
        (made.run, print, None, None), (lambda: made.equity,), (lambda: made.trades,),
        (lambda: made.reports,),
        (made.follow, np.zeros(3), *[np.zeros(0, np.int64)] * 3), (gc.collect, 0),
    )  # fmt: skip
    verb, *arguments = dice.choice(choices)
    got = attempt(verb, *arguments)
    if isinstance(got, runner.Line):
        attempt(lambda: (got[hostile(dice, 0, -1)], got.lag(hostile(dice, 1)), got.last(hostile(dice, 2))))
        attempt(lambda: (got.crossed_above(hostile(dice, got, 1.0)), got.crossed_below(got), got > 1.0))


def runner_case(dice: Random) -> None:
    """What a run's callbacks kept is still whole when the run is gone."""
    kept = hostile_run(dice)
    gc.collect()
    for each in kept:
        if isinstance(each, runner.ClosedBar):
            assert each.number >= 0 and each.at > 0
        elif isinstance(each, np.ndarray):
            assert np.isfinite(each).all()
        elif each is not None:
            assert each.value == each.value or len(each) < 3


def hostile_run(dice: Random) -> list[Any]:
    """What was kept of a run whose callbacks do anything, and throw anywhere."""
    traded = [instrument("X"), instrument("Y")]
    share = Decimal(dice.choice(("0.95", "1", "0.0001", "1000", "0", "-1")))
    made = attempt(
        runner.make, traded, spoilt(dice, edged(dice, 40, 2)), interval_ns=hostile(dice, *[MINUTE] * 6),
        cash_e8=hostile(dice, *[10**14] * 6), latency_ns=hostile(dice, *[0, 10**9] * 3), share=share,
        lots=hostile(dice, *[-1, 5] * 4),
    )  # fmt: skip
    if made is None:
        return []
    kept: list[Any] = []
    throws = dice.choice((None, None, TroubleError, KeyboardInterrupt, SystemExit, MemoryError))
    left = [dice.randrange(1, 60)]

    def on_bar(bar: Any) -> None:
        left[0] -= 1
        if left[0] == 0 and throws is not None:
            raise throws("here")
        verbs(dice, made)
        if dice.random() < 0.2:
            kept.extend((bar, attempt(made.view, 0, 0, 3), attempt(made.line, 0, 0, "ema:3", "")))

    def on_other(*row: Any) -> None:
        left[0] -= 1
        if left[0] == 0 and throws is not None:
            raise throws("there")
        verbs(dice, made)

    attempt(made.subscribe, 0, 0)
    for kind in range(13):
        attempt(made.listen, kind)
    try:
        made.run(on_bar, on_other, on_other)
    except (*REFUSALS, TroubleError, KeyboardInterrupt, SystemExit, MemoryError):
        pass
    for _ in range(10):
        verbs(dice, made)
    return kept


# ---- the fast lane -------------------------------------------------------------------------------------


def lane_case(dice: Random) -> None:
    """Tapes, stances and lists of changes that do not fit, and runs looked at over another tape."""
    rows = edged(dice, 50)
    columns = [spoilt(dice, rows[:, each]) for each in (0, 3, 4, 5, 6, 7, 8, 9)]
    made = attempt(
        lambda: backtest.Tape(
            _native.Tape(columns, dice.choice((365.0, 0.0, -1.0, float("nan"), float("inf"))),
                         hostile(dice, MINUTE))
        )
    )  # fmt: skip
    plain = backtest.Tape.of_rows(walk(30, 5), days_per_year=365, interval_ns=MINUTE)
    whole = backtest.Tape.of_rows(walk(50, 6), days_per_year=365, interval_ns=MINUTE)
    settings = attempt(
        backtest.Settings, instrument(), cash_e8=hostile(dice, 10**14),
        share=Decimal(dice.choice(("0.95", "1e-20", "1e20", "NaN", "3"))),
        latency_ns=hostile(dice, 0, MINUTE),
        stop=dice.choice((None, np.full(50, 500), np.full(3, 5))),
    ) or backtest.Settings(instrument(), 10**14, share=Decimal("0.5"))  # fmt: skip
    stances = spoilt(dice, np.array([dice.choice((-1.0, 0.0, 0.4, 1.0, np.nan)) for _ in range(50)]))
    pairs = spoilt(
        dice, np.array([[i, dice.choice((0, 10**6, -(10**6), 5))] for i in range(0, 50, 3)], np.int32)
    )
    source = attempt(backtest.changes_source, [pairs], hostile(dice, 50))
    for over in (made, whole):
        for given in (stances, source):
            if over is None or given is None:
                continue
            result = attempt(
                lambda o=over, g=given: backtest.run(o, g, settings, stepped=dice.random() < 0.3)
            )
            if result is not None:
                attempt(lambda r=result: (r.fills, r.trades, r.equity(), r.statistics))
                attempt(result._core.equity, plain.core, settings.core)
                attempt(result._core.fills, plain.core, settings.core)
            if isinstance(given, np.ndarray):
                attempt(lambda o=over, g=given: backtest.sweep(o, np.stack([g, g]), settings, threads=2))
            else:
                attempt(
                    lambda o=over, g=given: backtest.Sweep(o, g, settings, threads=hostile(dice, 1, 3)).wait()
                )


def tape_case(dice: Random) -> None:
    """Indicators by name and number, over arrays that do not fit."""
    rows = edged(dice, 40).astype(np.float64)
    names = [
        dice.choice(
            ("sma:5", "ema:3", "macd:2:5:3", "adx:4", "obv", "bollinger:5:2", "sma", "x:1", "sma:-1", "")
        )
        for _ in range(dice.randrange(4))
    ] + [f"sma:{dice.choice((0, 1, 2**31, 2**63, 10**30))}"] * dice.choice((0, 0, 1))
    columns = [spoilt(dice, rows[:, each]) for each in (4, 5, 6, 7, 8)]
    got = attempt(tape.compute, names, *columns)
    assert got is None or got.ndim == 2
    made = attempt(tape.Panel, names)
    if made is None:
        return
    for row in rows[:10, 4:9].tolist():
        attempt(made.update, *(hostile(dice, each) for each in row))
    attempt(lambda: made.values)


# ---- programs, limits ----------------------------------------------------------------------------------

OPERATIONS = (
    "number", "true", "open", "close", "volume", "hour", "indicator", "sma", "add", "div", "neg", "lag",
    "highest", "lowest", "since", "lt", "eq", "cross_above", "and", "not", "lag_truth", "streak", "ready", "",
)  # fmt: skip


def program_case(dice: Random) -> None:
    """What was made of a program still works when the program is gone."""
    follower, plan = hostile_program(dice)
    gc.collect()
    if follower is not None:
        for row in edged(dice, 70)[:, [0, 4, 5, 6, 7, 8]].tolist():
            attempt(follower.step, *(hostile(dice, each, each, each) for each in row))
    if plan is not None and plan.size:
        attempt(plan.changes, 0)


def hostile_program(dice: Random) -> tuple[Any, Any]:
    """(follower, plan) of operations at random that ran over any bars, or None."""
    made = attempt(program.Program, hostile(dice, 0.01, 0.01), hostile(dice, 0.001), hostile(dice, MINUTE))
    made = made or program.Program(0.01, 0.001, MINUTE)
    for _ in range(dice.randrange(25)):
        inputs = [dice.randrange(max(len(made), 1) + 1) for _ in range(dice.choice((0, 0, 1, 1, 2, 2, 3)))]
        attempt(
            made.add, dice.choice(OPERATIONS), *inputs,
            value=dice.choice((0.0, 1.0, 30.0, 1e308, np.nan, np.inf)),
            count=hostile(dice, 1, 2, 5), every_ns=hostile(dice, 0, 0, 5 * MINUTE),
            text=dice.choice(("", "sma:3", "rsi:5", "x")),
        )  # fmt: skip
    nodes = lambda: dice.choice((None, *range(len(made) + 1)))  # noqa: E731
    head = attempt(made.add_head, nodes(), nodes(), nodes(), dice.randrange(len(made) + 1))
    rows = edged(dice, 130)
    bars = program.Bars(*(spoilt(dice, rows[:, each]) for each in (0, 4, 5, 6, 7, 8)))
    attempt(lambda: made.columns([dice.randrange(len(made) + 1) for _ in range(3)], bars))
    if head is None:
        return None, None
    attempt(made.changes, hostile(dice, head), bars)
    plan = attempt(made.plan, bars, hostile(dice, 2**20))
    follower = attempt(made.follow, head, [0])
    for _ in range(40):
        attempt(made.add, "number", value=dice.random())
    return follower, plan


def limits_case(dice: Random) -> None:
    """Limits with numbers at the edges, fed rows and reports of any shape."""
    from quorate.shield.numbers import numbers
    from tests.shield_support import rulebook

    ruled: dict[str, Any] = dict(numbers(rulebook()))
    if dice.random() < 0.3:
        key = dice.choice([*ruled])
        ruled[key] = hostile(dice, (1, 10), (0, 0), (-1, 1), None)
    made = attempt(Limits, [instrument("X"), instrument("Y")], ruled, hostile(dice, 10**14))
    if made is None:
        return
    rows = edged(dice, 20, 2)
    for number in range(20):
        attempt(made.watch, spoilt(dice, rows[number : number + 1]))
        attempt(made.instant_closed, hostile(dice, int(rows[number, 0])))
        attempt(
            made.review, hostile(dice, number * 3), hostile(dice, int(rows[number, 0])),
            dice.choice(("X", "Y", "Z")), dice.choice(("buy", "sell")),
            dice.choice(("market", "limit", "stop")),
            dice.choice(("entry", "exit", "stop")), hostile(dice, 1, 100), hostile(dice, 300_000),
            limit=hostile(dice, None), stop=hostile(dice, None, 290_000), target=hostile(dice, None),
        )  # fmt: skip
        table = np.array([[hostile(dice, 0, 1, 4) for _ in range(16)]], dtype=object)
        with suppress(OverflowError, TypeError, ValueError):
            attempt(made.hear, spoilt(dice, table.astype(np.int64)))
        attempt(made.halt, hostile(dice, number))
        attempt(made.resume, hostile(dice, number))
        attempt(lambda: (made.duty(), made.entries(), made.failure, made.equity_e8, made.breaker))


# ---- objects and threads -------------------------------------------------------------------------------


def objects_case(dice: Random) -> None:
    """Objects made without their constructors, made twice, and used after what they hang on is gone."""
    kinds = [each for each in vars(_native).values() if isinstance(each, type)]
    kind = dice.choice(kinds)
    blank = attempt(lambda: kind.__new__(kind))
    line = runner.make([free()], walk(5, 1), interval_ns=MINUTE, cash_e8=10**12, share=Decimal(1)).line(
        0, 0, "sma:2", ""
    )
    gc.collect()
    assert len(line) == 0 and line.value != line.value
    if blank is not None and not isinstance(blank, BaseException):
        attempt(line.crossed_above, blank)
        for name in dir(kind):
            if not name.startswith("__"):
                attempt(lambda n=name: getattr(blank, n))
        attempt(lambda: len(blank))
    whole = backtest.Tape.of_rows(walk(50, 6), days_per_year=365, interval_ns=MINUTE)
    settings = backtest.Settings(instrument(), 10**14, share=Decimal("0.5"))
    sweep = _native.Sweep(
        whole.core, backtest.source_of(np.ones((20, 50), np.int8)), settings.core, dice.choice((1, 2))
    )
    if dice.random() < 0.5:
        attempt(sweep.__init__, whole.core, backtest.source_of(np.ones((2, 50), np.int8)), settings.core, 1)
    del whole, settings
    gc.collect()
    got = attempt(sweep.wait)
    assert got is None or got.shape[0] == 20
    made = exchange.Exchange([instrument()], 10**12)
    attempt(made._core.__init__, [], 5, 0)
    attempt(lambda: made.equity_e8)


def threads_case(dice: Random) -> None:
    """Four threads at one exchange, one program and one sweep, whichever of them has let the GIL go."""
    rows = walk(4_000, dice.randrange(99))
    made = exchange.Exchange([instrument("X")], 10**14)
    shared = program.Program(0.01, 0.001, MINUTE)
    close, mean = shared.add("close"), shared.add("sma", count=5)
    head = shared.add_head(shared.add("lt", mean, close), None, None, shared.add("ready", mean))
    bars = program.Bars(*(np.ascontiguousarray(rows[:, each]) for each in (0, 4, 5, 6, 7, 8)))
    lane = backtest.Tape.of_rows(rows, days_per_year=365, interval_ns=MINUTE)
    settings = backtest.Settings(instrument(), 10**14, share=Decimal("0.5"))
    sweep = backtest.Sweep(lane, backtest.source_of(np.ones((30, 4_000), np.int8)), settings, threads=2)
    broken: list[BaseException] = []

    def hammer(seed: int) -> None:
        own = Random(seed)
        try:
            for turn in range(15):
                attempt(made.run, rows)
                attempt(made.submit, f"o{seed}-{turn}", max(made_now(), 0), "X", "buy", "market", "entry", 1)
                attempt(shared.add, "number", value=own.random())
                attempt(shared.changes, head, bars)
                attempt(shared.columns, [close, mean], bars)
                attempt(sweep.wait)
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            broken.append(error)

    def made_now() -> int:
        found = attempt(lambda: made.now)
        return 0 if found is None else int(found)

    threads = [threading.Thread(target=hammer, args=(dice.randrange(2**30),)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if broken:
        raise broken[0]
    assert len(shared.changes(head, bars)) > 0


CASES: dict[str, Callable[[Random], None]] = {
    "exchange": exchange_case, "runner": runner_case, "lane": lane_case, "tape": tape_case,
    "program": program_case, "limits": limits_case, "objects": objects_case, "threads": threads_case,
}  # fmt: skip


def fuzz(name: str, seed: int) -> None:
    """One case by name and seed: the same every time. Raises AssertionError naming both where it fails."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nanobind's, of objects made without their constructors
            CASES[name](Random(f"{name} {seed}"))
    except Exception as error:
        raise AssertionError(f"fuzz {name} {seed}: {type(error).__name__}: {error}") from error
