"""What every filler of a chair must keep to, tried out: one suite a chair, for built-ins and plugins alike.

A suite works a class hard on made-up markets (a crash, a gap, a stall, a dead stretch, a contract roll, bars
without volume) and answers with its checks; ``quorate doctor my.py`` shows them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from quorate.adapters.feeds.blocks import encode, merge
from quorate.adapters.feeds.history import HistoryFeed
from quorate.adapters.feeds.series import Series
from quorate.app.registry import Registry, load_file
from quorate.app.tryout import CUTS, REPEATED, Check, Make, Plugins, check, cut, markets, need, same, walk
from quorate.app.tryout_orders import examine_rules, examine_tactic
from quorate.core.roles import Agent, Allocator, Indicator
from quorate.core.signal import Signal
from quorate.kernel.desk import checked

MOST = 1.0 + 1e-9  # shares are floats: a sum of one may miss it by rounding


def conform(
    chair: str, make: Make, *, indicators: Plugins | None = None, text: str | None = None
) -> tuple[Check, ...]:
    """All checks of a chair on what ``make`` builds without arguments.

    ``indicators``: plugin indicators that an agent or allocator may ask for. ``text``: what a feed reads, by
    default its own ``example``.
    """
    built = check("can be made without settings", lambda: _built(make))
    if not built.ok:
        return (built,)
    if chair == "tactics":
        return (built, *examine_tactic(make))
    if chair == "rules":
        rule = make()
        return (built, *examine_rules([rule])[rule.name])
    if chair == "feeds":
        return (built, *(check(promise, partial(trial, make, text)) for promise, trial in FEEDS.items()))
    plugins = indicators or {}
    return (
        built,
        *(check(promise, partial(trial, make, plugins)) for promise, trial in SUITES[chair].items()),
    )


def conform_file(path: Path) -> list[tuple[str, str, tuple[Check, ...]]]:
    """(chair, name, checks) of every class in a plugin file. Raises InputError when it is no plugin file."""
    found = load_file(path)
    installed = Registry()
    indicators = {name: installed.get("indicators", name) for name in installed.names("indicators")}
    indicators |= {kind.name: kind for chair, kind in found if chair == "indicators"}

    def free(chair: str, name: str) -> None:
        taken = name in installed.names(chair)
        need(not taken, f"{chair} already has '{name}': choose another name")

    return [
        (
            chair,
            kind.name,
            (
                check("has a name of its own", partial(free, chair, kind.name)),
                *conform(chair, kind, indicators=indicators),
            ),
        )
        for chair, kind in found
    ]


def _built(make: Make) -> None:
    need(bool(make().name), "it has no name")


# ---- agents ------------------------------------------------------------------------------------------


def signals(agent: Agent, series: Sequence[Series], plugins: Plugins) -> dict[tuple[int, str], Signal | None]:
    """What an agent says of each instrument at each instant."""
    said: dict[tuple[int, str], Signal | None] = {}
    for view in walk(series, agent.features(), plugins):
        for instrument in view.fresh:
            said[view.at, instrument] = agent.hear(view, instrument)
    return said


def _agent_speaks(make: Make, plugins: Plugins) -> None:
    agent: Agent = make()
    said = [signal for signal in signals(agent, markets(), plugins).values() if signal is not None]
    need(bool(said), "it never said anything")


def _agent_is_valid(make: Make, plugins: Plugins) -> None:
    agent: Agent = make()
    for (at, instrument), signal in signals(agent, markets(), plugins).items():
        if signal is None:
            continue
        need(type(signal) is Signal, f"it said {signal!r}, which is no Signal")
        checked(signal, agent.name, instrument, at)
        need(
            type(signal.horizon) is int and signal.horizon > 0, f"a horizon of {signal.horizon} bars is none"
        )
        for name, value in signal.reasons:
            need(math.isfinite(value), f"reason {name} is {value} at {at}, which has no spelling")


def _agent_repeats(make: Make, plugins: Plugins) -> None:
    series = markets(REPEATED)
    same(signals(make(), series, plugins), signals(make(), series, plugins), "another run")
    agent: Agent = make()
    for view in walk(series, agent.features(), plugins):
        for instrument in view.fresh:
            first, second = agent.hear(view, instrument), agent.hear(view, instrument)
            need(first == second, f"asked twice at {view.at} it said {first} and {second}")


def _agent_is_truncated(make: Make, plugins: Plugins) -> None:
    for edition, count in CUTS.items():
        known, at = cut(markets(edition), count)
        early = signals(make(), known, plugins)  # before anyone has seen the rest
        whole = signals(make(), markets(edition), plugins)
        same({key: signal for key, signal in whole.items() if key[0] <= at}, early, "data that end there")


# ---- indicators --------------------------------------------------------------------------------------


def outputs(indicator: Indicator, series: Series) -> list[tuple[Any, ...]]:
    """An indicator's values after each bar, prices in currency."""
    tick, lot = series.instrument.tick_float, series.instrument.lot_float
    rows = []
    for open_, high, low, close, volume in zip(
        *(column.tolist() for column in (series.open, series.high, series.low, series.close, series.volume)),
        strict=True,
    ):
        known = volume * lot if volume >= 0 else math.nan
        rows.append(tuple(indicator.update(open_ * tick, high * tick, low * tick, close * tick, known)))
    return rows


def _indicator_fits(make: Make, _: Plugins) -> None:
    indicator: Indicator = make()
    names = tuple(indicator.outputs)
    need(bool(names) and len(set(names)) == len(names), f"its outputs {names} are not distinct names")
    for series in markets():
        for number, row in enumerate(outputs(make(), series), 1):
            need(len(row) == len(names), f"bar {number}: {len(row)} values for {len(names)} outputs")
            bad = [value for value in row if not isinstance(value, float | int) or math.isinf(value)]
            need(not bad, f"bar {number}: {bad} is neither a finite number nor NaN")


def _indicator_warms_up(make: Make, _: Plugins) -> None:
    rows = outputs(make(), markets()[0])
    names = make().outputs
    for place, name in enumerate(names):
        known = [number for number, row in enumerate(rows) if not math.isnan(row[place])]
        need(bool(known), f"{name or 'its value'} is NaN after {len(rows)} bars")
        gaps = [number for number in range(known[0], len(rows)) if math.isnan(rows[number][place])]
        need(
            not gaps, f"{name or 'its value'} is NaN again at bar {gaps[0] + 1 if gaps else 0}, after warm-up"
        )


def _indicator_repeats(make: Make, _: Plugins) -> None:
    for series in markets(REPEATED):
        first, second = np.array(outputs(make(), series)), np.array(outputs(make(), series))
        need(np.array_equal(first, second, equal_nan=True), "a fresh one gives other values on the same bars")


def _indicator_is_truncated(make: Make, _: Plugins) -> None:
    for edition, count in CUTS.items():
        for series in markets(edition):
            known, _at = cut([series], count)
            early = np.array(outputs(make(), known[0]))  # before anyone has seen the rest
            whole = np.array(outputs(make(), series))
            kept = np.array_equal(early, whole[: len(early)], equal_nan=True)
            need(kept, f"its first {len(early)} values differ when the data end there")


# ---- allocators --------------------------------------------------------------------------------------


def weights(allocator: Allocator, series: Sequence[Series], plugins: Plugins) -> dict[int, dict[str, float]]:
    """Its shares at every 20th instant, of the instruments that have some past."""
    names: Sequence[str] = getattr(allocator, "features", tuple)()
    found: dict[int, dict[str, float]] = {}
    for number, view in enumerate(walk(series, names, plugins)):
        ready = [name for name in view.instruments if view.count(name) > 20]
        if ready and number % 20 == 0:
            found[view.at] = dict(allocator.weigh(view, ready))
    return found


def _allocator_adds_up(make: Make, plugins: Plugins) -> None:
    shared = False
    for at, shares in weights(make(), markets(), plugins).items():
        strangers = set(shares) - {each.instrument.id for each in markets()}
        need(not strangers, f"at {at} it gave a share to {sorted(strangers)}, which nobody asked about")
        bad = {name: share for name, share in shares.items() if not share >= 0.0}
        need(not bad, f"at {at} it gave {bad}: shares are not negative")
        need(
            sum(shares.values()) <= MOST,
            f"at {at} its shares add up to {sum(shares.values()):g}, more than 1",
        )
        shared = shared or sum(shares.values()) > 0
    need(shared, "it never gave anyone a share")


def _allocator_repeats(make: Make, plugins: Plugins) -> None:
    series = markets(REPEATED)
    same(weights(make(), series, plugins), weights(make(), series, plugins), "another run")


def _allocator_is_truncated(make: Make, plugins: Plugins) -> None:
    for edition, count in CUTS.items():
        known, at = cut(markets(edition), count)
        early = weights(make(), known, plugins)  # before anyone has seen the rest
        whole = weights(make(), markets(edition), plugins)
        same({key: shares for key, shares in whole.items() if key <= at}, early, "data that end there")


# ---- feeds -------------------------------------------------------------------------------------------


def _read(make: Make, text: str | None) -> Sequence[Any]:
    feed = make()
    example = text if text is not None else getattr(feed, "example", None)
    need(isinstance(example, str), "it has no `example`: a text that it can read without network")
    return cast(Sequence[Any], feed.read(example))


def _feed_gives_series(make: Make, text: str | None) -> None:
    found = _read(make, text)
    need(bool(found), "it read no series")
    for each in found:
        need(isinstance(each, Series) and len(each) > 0, f"{each!r} is no series of bars")
        name = each.instrument.id
        columns = (each.start, each.at, each.open, each.high, each.low, each.close, each.volume, each.spread)
        need(all(column.dtype == np.int64 for column in columns), f"{name}: its columns are not all int64")
        need(
            all(len(column) == len(each) for column in columns), f"{name}: its columns are not of one length"
        )
        need(bool(np.all(np.diff(each.start) > 0)), f"{name}: its bars are not in order of time, each once")
        need(bool(np.all(each.at == each.start + each.interval)), f"{name}: `at` is not the close of the bar")
        need(int(each.low.min()) > 0, f"{name}: a price is not above zero")
        low = np.minimum(each.open, each.close)
        high = np.maximum(each.open, each.close)
        need(
            bool(np.all((each.low <= low) & (high <= each.high))), f"{name}: a bar's low or high is inside it"
        )
        source = each.source.name
        need(bool(source) and "/" not in source and "\\" not in source, f"its source is named '{source}'")
    HistoryFeed(found)


def _feed_repeats(make: Make, text: str | None) -> None:
    first, second = _read(make, text), _read(make, text)
    need(encode(merge(first)) == encode(merge(second)), "reading twice gives other bars")
    same = [each.source for each in first] == [each.source for each in second]
    need(same, "reading twice gives another name or digest of the source")


SUITES: dict[str, dict[str, Callable[[Make, Plugins], None]]] = {
    "agents": {
        "never raises, and has something to say": _agent_speaks,
        "says valid probabilities in its own name": _agent_is_valid,
        "says the same of the same view": _agent_repeats,
        "knows nothing of the future": _agent_is_truncated,
    },
    "indicators": {
        "gives one value an output": _indicator_fits,
        "is NaN before warm-up only": _indicator_warms_up,
        "gives the same on the same bars": _indicator_repeats,
        "knows nothing of the future": _indicator_is_truncated,
    },
    "allocators": {
        "gives shares that add up to one at most": _allocator_adds_up,
        "gives the same to the same view": _allocator_repeats,
        "knows nothing of the future": _allocator_is_truncated,
    },
}

FEEDS: dict[str, Callable[[Make, str | None], None]] = {
    "gives whole, ordered, positive bars": _feed_gives_series,
    "gives the same bytes twice": _feed_repeats,
}
