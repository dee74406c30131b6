"""Seeded synthetic bars, labelled as such: moving volatility, fat tails, a day's rhythm; a crash on demand.

Only the raw stream of PCG64 is used, which NumPy keeps the same for ever (NEP 19); the methods of its
Generator may change between versions, so uniforms, normals and tails are made here.
"""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal

import msgspec
import numpy as np
import numpy.typing as npt

from quorate.adapters.feeds.series import Series, SourceInfo, no_rolls
from quorate.core.errors import ConfigError
from quorate.core.instant import DAY, MINUTE, SECOND, YEAR, parse_instant, spell_span
from quorate.core.instrument import Instrument, Kind

Floats = npt.NDArray[np.float64]

_STEPS = 8  # prices within a bar, the last one its close
_TAIL_NORMALS = 4  # degrees of freedom of the tails
_CRASH_NOISE = 3.0  # volatility while it falls, against before
_RECOVERED = 0.5  # of the fall, over twice its length
_BUSY_HOUR_NS = 14 * 3600 * SECOND + 1800 * SECOND


class Crash(msgspec.Struct, frozen=True):
    """A fall by ``depth`` (-0.2) within ``minutes``, begun at a share ``at`` of the run; half comes back."""

    at: float
    depth: float = -0.2
    minutes: int = 10


class Gap(msgspec.Struct, frozen=True):
    """A jump between two bars by ``size`` (-0.03) at a share ``at`` of the run."""

    at: float
    size: float


class Stall(msgspec.Struct, frozen=True):
    """``minutes`` without bars from a share ``at`` of the run on; the price moves on unseen."""

    at: float
    minutes: int


class SyntheticSpec(msgspec.Struct, frozen=True):
    """What to make. ``interval`` in ns, ``volatility`` a year, ``start`` the first bar's open time."""

    seed: int
    bars: int = 43_200
    start: int = parse_instant("2024-01-01")
    interval: int = MINUTE
    price: float = 100.0
    volatility: float = 0.8
    crash: Crash | None = None
    gap: Gap | None = None
    stall: Stall | None = None

    def __post_init__(self) -> None:
        shares = [event.at for event in (self.crash, self.gap, self.stall) if event is not None]
        good = (
            self.seed >= 0
            and self.bars >= 2
            and self.interval > 0
            and self.price >= 1
            and self.volatility >= 0
            and all(0 < share < 1 for share in shares)
            and (self.crash is None or (-1 < self.crash.depth < 0 and self.crash.minutes > 0))
            and (self.gap is None or self.gap.size > -1)
            and (self.stall is None or self.stall.minutes > 0)
        )
        if not good:
            raise ConfigError(
                f"no bars can be made of {self}",
                where="synthetic data",
                todo="seed >= 0, bars >= 2, price >= 1, shares of the run and the fall within 0 to 1",
            )


SYNTHETIC = Instrument(
    id="SYNTH-PERP",
    kind=Kind.PERPETUAL,
    currency="USD",
    tick=Decimal("0.01"),
    lot=Decimal("0.01"),
    taker_bps=Decimal(5),
    maker_bps=Decimal(2),
    spread_bps=Decimal(2),
    slippage_bps=Decimal(1),
    financing_bps_year=Decimal(1095),
    margin=Decimal("0.1"),
)


def synthetic(spec: SyntheticSpec, instrument: Instrument = SYNTHETIC) -> Series:
    """The bars of a spec: same spec, same bytes. Raises ConfigError when a price would fall below a tick."""
    path, busy = _walk(spec)
    ticks = np.rint(spec.price * np.exp(path) / instrument.tick_float).astype(np.int64)
    prices = ticks.reshape(spec.bars, _STEPS + 1)
    if prices.min() < 1:
        todo = "raise price, or lower volatility"
        raise ConfigError("the price falls below one tick", where="synthetic data", todo=todo)
    start = spec.start + spec.interval * np.arange(spec.bars, dtype=np.int64)
    volume = np.rint(busy * 1_000).astype(np.int64) + 1
    kept = np.ones(spec.bars, np.bool_)
    if spec.stall is not None:
        first = int(spec.stall.at * spec.bars)
        kept[first : first + _bars(spec.stall.minutes, spec)] = False
    columns = [start, prices[:, 0], prices.max(axis=1), prices.min(axis=1), prices[:, -1], volume]
    start, open_, high, low, close, volume = (column[kept] for column in columns)
    digest = hashlib.sha256()
    for column in (start, open_, high, low, close, volume):
        digest.update(column.astype("<i8").tobytes())
    source = SourceInfo(f"synthetic seed={spec.seed}", digest.hexdigest(), len(start))
    made = f"made from seed {spec.seed}, {spell_span(spec.interval)} bars"
    notes = (f"SYNTHETIC DATA: {made}; no market ever did this",)
    spread = np.full(len(start), -1, np.int64)
    at = start + spec.interval
    return Series(
        instrument,
        start,
        at,
        open_,
        high,
        low,
        close,
        volume,
        spread,
        no_rolls(),
        source,
        spec.interval,
        notes,
        trust="D",
    )


def _walk(spec: SyntheticSpec) -> tuple[Floats, Floats]:
    """Log prices over the first, [bars x (1 + steps)] flat, and how busy each bar was, about 1."""
    bits = np.random.PCG64(spec.seed)
    bars = spec.bars
    shape = _volatility(_normals(bits, bars)) * _rhythm(spec)
    if spec.crash is not None:
        first = int(spec.crash.at * bars)
        shape[first : first + 3 * _bars(spec.crash.minutes, spec)] *= _CRASH_NOISE
    deviation = spec.volatility * np.sqrt(spec.interval / YEAR / _STEPS)
    moves = _fat_normals(bits, bars * _STEPS).reshape(bars, _STEPS) * (shape * deviation)[:, None]
    drift = _drift(spec)
    moves += (drift / _STEPS)[:, None]
    ends = np.cumsum(moves.reshape(-1)).reshape(bars, _STEPS)
    opens = np.concatenate([[0.0], ends[:-1, -1]])
    path = np.concatenate([opens[:, None], ends], axis=1)
    if spec.gap is not None:
        path[int(spec.gap.at * bars) :] += np.log1p(spec.gap.size)
    busy = shape * np.exp(0.4 * _normals(bits, bars))
    return path.reshape(-1), busy


def _drift(spec: SyntheticSpec) -> Floats:
    """Log return of each bar that is not chance: the fall and the half of it that comes back."""
    drift = np.zeros(spec.bars)
    if spec.crash is not None:
        first, length = int(spec.crash.at * spec.bars), _bars(spec.crash.minutes, spec)
        fall = np.log1p(spec.crash.depth)
        drift[first : first + length] = fall / length
        drift[first + length : first + 3 * length] = -_RECOVERED * fall / (2 * length)
    return drift


def _bars(minutes: int, spec: SyntheticSpec) -> int:
    return max(1, minutes * MINUTE // spec.interval)


def _volatility(shocks: Floats) -> Floats:
    """A log-volatility that reverts with a half-life of about 230 bars and swings by a factor of 1.5."""
    keep, swing = 0.997, 0.4
    level, innovation = 0.0, swing * math.sqrt(1 - keep * keep)
    levels = np.empty(len(shocks))
    for place, shock in enumerate(shocks.tolist()):
        level = keep * level + innovation * shock
        levels[place] = level
    levels -= swing * swing  # so that the mean square is 1
    return np.exp(levels)


def _rhythm(spec: SyntheticSpec) -> Floats:
    """Busy when New York opens, quiet twelve hours off."""
    opens = (spec.start + spec.interval * np.arange(spec.bars, dtype=np.int64)) % DAY
    phase: Floats = 2 * np.pi * (opens - _BUSY_HOUR_NS) / DAY
    return (1.0 + 0.4 * np.cos(phase)) / math.sqrt(1.08)  # so that the mean square is 1


def _uniforms(bits: np.random.PCG64, count: int) -> Floats:
    """In (0, 1], from the upper 53 bits of each raw word."""
    return ((bits.random_raw(count) >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53


def _normals(bits: np.random.PCG64, count: int) -> Floats:
    """Box and Muller, Annals of Mathematical Statistics 29 (1958) 610."""
    radius = np.sqrt(-2.0 * np.log(_uniforms(bits, count)))
    return radius * np.cos(2.0 * np.pi * _uniforms(bits, count))


def _fat_normals(bits: np.random.PCG64, count: int) -> Floats:
    """Student's t with four degrees of freedom, scaled to a deviation of 1 and cut at 12."""
    normals = _normals(bits, count * _TAIL_NORMALS).reshape(count, _TAIL_NORMALS)
    chi = np.maximum((normals * normals).sum(axis=1), 1e-12)
    scaled: Floats = _normals(bits, count) * np.sqrt((_TAIL_NORMALS - 2) / chi)
    return np.clip(scaled, -12.0, 12.0)
