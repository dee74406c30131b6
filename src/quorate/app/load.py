"""From what a person asked for to a plan: configuration settled, data read, instruments derived and told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from quorate.adapters.feeds.derive import parse_instrument
from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.sample import sample
from quorate.adapters.feeds.series import Series
from quorate.app.compose import PLUGS, Plan, plan_run
from quorate.app.config import Config, load_config
from quorate.app.registry import Registry
from quorate.app.run import default_cash, parse_cash
from quorate.core.errors import ConfigError, InputError
from quorate.core.events import Halt, Human, Resume
from quorate.core.instant import NEVER, parse_instant, spell_instant, spell_span

PLUGIN_TRUST = "C"
BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked for, as typed. No ``mode``: the configuration's own; no ``data``: the sample.

    ``strategy``: one file in the place of a recipe; then ``size`` is its, and a name without a dot in
    ``sets`` is its parameter. ``venue``: values of the recipe's [venue].
    """

    mode: str | None = None
    recipe: str = BASELINE
    overlay: Path | None = None
    sets: Sequence[str] = ()
    data: Sequence[str] = ()
    instruments: Sequence[str] = ()
    first: str | None = None
    end: str | None = None
    cash: str | None = None
    seed: int | None = None
    rulebook: str | None = None
    plugins: Sequence[Path] = ()
    assume_utc: bool = False
    speed: float | None = None
    acts: Path | None = None
    strategy: Path | None = None
    size: str | None = None
    latency: str | None = None
    venue: Mapping[str, Any] = field(default_factory=dict)


def load_plan(request: Request) -> tuple[Plan, list[str]]:
    """(plan, notes). The notes say everything that was derived, tightened, left out or assumed.

    Raises InputError, ConfigError or DataError naming what is wrong; nothing is written.
    """
    config = _configured(request)
    config.require_unattended()
    refuse_live(config.recipe.mode)
    registry = Registry(request.plugins)
    series, notes = _series(request, registry)
    notes = [*config.notes, *notes]
    series = _wanted(series, config, notes, strict=bool(request.data))
    series = _between(series, request, notes)
    _refuse_old(series)
    if request.cash is None:
        cash, why = default_cash(series)
        notes.append(why)
    else:
        cash = parse_cash(request.cash, series[0].instrument.currency)
    acts = read_acts(request.acts) if request.acts is not None else ()
    if request.speed is not None and not request.speed > 0:
        raise InputError(
            f"{request.speed} is not a speed", where="--speed", todo="60 plays an hour in a minute"
        )
    plan = plan_run(
        config.recipe, config.rulebook, registry, series, cash, acts=tuple(acts), speed=request.speed
    )
    return plan, notes


def _configured(request: Request) -> Config:
    given = {"mode": request.mode, "seed": request.seed, "rulebook": request.rulebook}
    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    sets = request.sets
    if request.strategy is not None:
        if request.recipe != BASELINE:
            what = f"a strategy is a recipe by itself, and --recipe names {request.recipe}"
            raise ConfigError(
                what, where="--strategy", todo="leave one out, or lay files over it by --config"
            )
        sets = [each if "." in each.partition("=")[0] else f"strategy.settings.{each}" for each in sets]
        if request.size is not None:
            options["strategy"] = {"size": request.size}
    elif request.size is not None:
        raise ConfigError("is a strategy's", where="--size", todo="add --strategy, or leave it out")
    if request.latency is not None:
        if "," in request.latency:
            what = "quantiles are of research runs: the latency of a desk is one span"
            raise ConfigError(what, where="--latency", todo="write 250ms, or leave --desk out")
        options["costs"] = {"latency": request.latency}
    if request.venue:
        options["venue"] = dict(request.venue)
    return load_config(
        request.recipe, strategy=request.strategy, overlay=request.overlay, sets=sets, options=options
    )


def load_history(request: Request) -> tuple[list[Series], list[str]]:
    """(series, notes) of a request alone, without a recipe. Raises InputError, ConfigError or DataError."""
    series, notes = _series(request, Registry(request.plugins))
    series = _between(series, request, notes)
    _refuse_old(series)
    return series, notes


def refuse_live(mode: str) -> None:
    """Raises ConfigError for a mode that has no plugs."""
    if mode not in PLUGS or mode == "replay":
        raise ConfigError(
            f"mode '{mode}' needs a real venue, and this version has none",
            todo="use `quorate paper` for the same desk on a simulated one",
        )


def _series(request: Request, registry: Registry) -> tuple[list[Series], list[str]]:
    """The series of every --data, feeds by name and files by path, or the built-in sample."""
    if not request.data:
        if request.instruments:
            raise InputError("an instrument needs data", where="--instrument", todo="name a file with --data")
        held = list(sample())
        return held, [f"data: the built-in sample, {held[0].source.name}: {len(held)} stocks, daily closes"]
    series: list[Series] = []
    paths: list[str] = []
    notes: list[str] = []
    for text in request.data:
        name, colon, settings = text.partition(":")
        if colon and name in registry.names("feeds"):
            read = registry.build("feeds", name, {}).read(settings)
            series.extend(replace(each, trust=max(each.trust, PLUGIN_TRUST)) for each in read)
            notes.append(f"data: feed {name}, given '{settings}'; a plugin's word counts up to trust level C")
        else:
            paths.append(text)
    given = [parse_instrument(text) for text in request.instruments]
    if paths:
        series.extend(load(paths, given, assume_utc=request.assume_utc))
    elif given:
        raise InputError("instruments are named for files only", where="--instrument", todo="leave it out")
    return series, notes


def _wanted(series: list[Series], config: Config, notes: list[str], *, strict: bool) -> list[Series]:
    """What ASSETS and INTERVAL ask for. The built-in sample is taken as it is, and that is said."""
    for name, wrong in (("ASSETS", _not_held(series, config)), ("INTERVAL", _other_interval(series, config))):
        if wrong and strict:
            source = config.environment[name].source
            raise ConfigError(wrong, where=source, todo=f"change {name}, or give data that fits")
        if wrong:
            notes.append(f"{wrong}: not applied to the built-in sample")
    kept = [each for each in series if _in(each.instrument.id, config.assets)]
    if kept and len(kept) < len(series):
        left = ", ".join(each.instrument.id for each in series if each not in kept)
        notes.append(f"left out because ASSETS does not name them: {left}")
    return kept or series


def _in(name: str, assets: tuple[str, ...]) -> bool:
    """True when no asset is asked for, or one is this instrument or the base of this pair."""
    return not assets or any(name == asset or name.startswith(asset) for asset in assets)


def _not_held(series: Sequence[Series], config: Config) -> str:
    held = [each.instrument.id for each in series]
    missing = [asset for asset in config.assets if not any(_in(name, (asset,)) for name in held)]
    return f"ASSETS asks for {', '.join(missing)}, the data hold {', '.join(held[:6])}" if missing else ""


def _other_interval(series: Sequence[Series], config: Config) -> str:
    other = next((each for each in series if config.interval and each.interval != config.interval), None)
    if other is None:
        return ""
    asked, found = spell_span(config.interval), spell_span(other.interval)
    return f"INTERVAL asks for {asked}, {other.source.name} has bars of {found}"


def _between(series: list[Series], request: Request, notes: list[str]) -> list[Series]:
    if request.first is None and request.end is None:
        return series
    first = parse_instant(request.first) if request.first is not None else -NEVER
    end = parse_instant(request.end) if request.end is not None else NEVER
    if first >= end:
        raise InputError(f"{request.first} is not before {request.end}", where="--from, --to")
    notes.append(f"bars that open from {request.first or 'the first'} to before {request.end or 'the end'}")
    return [each.between(first, end) for each in series]


def _refuse_old(series: Sequence[Series]) -> None:
    """Instants are counted from 1970 on. Raises InputError for bars that open before."""
    for each in series:
        if each.start[0] < 0:
            opens = spell_instant(int(each.start[0]))
            what = f"the bars of {each.instrument.id} begin at {opens}, and instants here begin in 1970"
            raise InputError(what, where=each.source.name, todo="add --from 1970-01-01")


def read_acts(path: Path) -> list[Human]:
    """People's acts, one JSON object a line: ``{"at": "2024-01-05T10:00:00Z", "act": "halt", "who": "ann",
    "why": "news"}``; a resume names ``"who": ["ann", "bob"]``. Raises InputError naming the line.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
    return [_act(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


class _Act(msgspec.Struct, forbid_unknown_fields=True):
    at: str
    act: str
    who: str | list[str]
    why: str = ""


def _act(line: str, where: str) -> Human:
    try:
        act: Any = msgspec.convert(json.loads(line), _Act)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        todo = 'write {"at": "2024-01-05T10:00:00Z", "act": "halt", "who": "ann"}'
        raise InputError(f"is no act: {error}", where=where, todo=todo) from error
    who = [act.who] if isinstance(act.who, str) else act.who
    if not who or not all(who):
        raise InputError("an act is somebody's", where=where, todo='name them with "who"')
    if act.act == "halt":
        return Halt(parse_instant(act.at), ", ".join(who), act.why)
    if act.act == "resume":
        return Resume(parse_instant(act.at), tuple(who), act.why)
    raise InputError(f"unknown act '{act.act}'", where=where, todo="halt or resume")
