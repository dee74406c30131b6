"""What conformance is tried out on: made-up markets, the views of them, and promises that are kept or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np

from quorate.adapters.feeds.history import HistoryFeed
from quorate.adapters.feeds.series import Rolls, Series
from quorate.adapters.feeds.synthetic import SYNTHETIC, Crash, Gap, Stall, SyntheticSpec, synthetic
from quorate.core.errors import QuorateError
from quorate.core.events import InstantClosed
from quorate.core.instant import DAY
from quorate.core.roles import Indicator, View
from quorate.market.market import Market

BARS = 900
SEED = 20_240_101
REPEATED = 1  # the edition that is shown twice
# Editions that are shown first without their future and then with it: how many instants of each are known.
CUTS = {2: BARS // 3, 3: BARS // 2, 4: BARS - 60}

Make = Callable[[], Any]
Plugins = Mapping[str, type[Indicator]]


class Broken(Exception):  # noqa: N818 - it is an answer, not an error
    """A promise that is not kept, in one line."""


class Check(msgspec.Struct, frozen=True):
    """One promise: kept or, with the reason, not."""

    promise: str
    ok: bool
    why: str = ""


def check(promise: str, trial: Callable[[], None]) -> Check:
    """The trial's answer. Whatever a plugin raises is an answer too, never our failure."""
    try:
        trial()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - see above
        return Check(promise, False, why(error))
    return Check(promise, True)


def why(error: BaseException) -> str:
    """What a broken promise or an error of the plugin's own says, in one line."""
    if isinstance(error, Broken):
        return str(error)
    line = error.line() if isinstance(error, QuorateError) else f"{type(error).__name__}: {error}"
    return f"it raised {line}"


def need(holds: bool, reason: str) -> None:
    """Raises Broken unless it holds."""
    if not holds:
        raise Broken(reason)


def same(first: Mapping[Any, Any], second: Mapping[Any, Any], what: str) -> None:
    """Raises Broken at the first key of ``first`` where ``second`` says something else."""
    for key, value in first.items():
        if value != second.get(key):
            raise Broken(f"at {key} it said {value}, on {what} {second.get(key)}")


@cache
def markets(edition: int = 0) -> tuple[Series, ...]:
    """Two instruments: one with a crash and a stall, one with a gap, a dead stretch, a roll and no volume.

    Each edition has other prices, higher and later ones: who remembers an earlier edition gains nothing, and
    who remembers this one, in a global say, is found out when it is shown a second time.
    """
    scale = 1.7**edition
    spec = SyntheticSpec(
        seed=SEED + 2 * edition,
        bars=BARS,
        start=SyntheticSpec(0).start + edition * 30 * DAY,
        price=100 * scale,
        volatility=1.5,
    )
    first = synthetic(msgspec.structs.replace(spec, crash=Crash(0.7, -0.3, 8), stall=Stall(0.45, 7)))
    second = synthetic(
        msgspec.structs.replace(spec, seed=spec.seed + 1, price=40 * scale, gap=Gap(0.6, 0.2)),
        msgspec.structs.replace(SYNTHETIC, id="SYNTH-TWO"),
    )
    for column in (second.open, second.high, second.low, second.close):
        column[200:280] = column[200]
    second.volume[240:] = -1
    close = int(second.close[499])
    rolls = Rolls(*(np.array([value]) for value in (500, close, close + 150)))
    return first, replace(second, rolls=rolls)


def walk(series: Sequence[Series], names: Sequence[str], plugins: Plugins) -> Iterator[View]:
    """The view at the end of each instant, as a desk's agents get it."""
    instruments = {each.instrument.id: each.instrument for each in series}
    market = Market(instruments, series[0].interval, sorted(set(names)), plugins)
    feed = HistoryFeed(series)
    while events := feed.instant():
        for event in events:
            market.on(event)
        yield market.on(InstantClosed(events[-1].at))


def cut(series: Sequence[Series], instants: int) -> tuple[tuple[Series, ...], int]:
    """(the series up to the instant of that number, the instant): what comes later is not there at all."""
    at = int(np.unique(np.concatenate([each.at for each in series]))[instants - 1])
    return tuple(each.between(0, at - each.interval + 1) for each in series), at
