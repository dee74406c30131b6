"""Makes an Instrument out of a name, prices and what a person gave; everything assumed is put into words."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from quorate.adapters.feeds.names import INDICES, MULTIPLIERS, Guess
from quorate.adapters.feeds.tables import BarTable
from quorate.core.errors import ConfigError
from quorate.core.instrument import Instrument, Kind

Floats = npt.NDArray[np.float64]

FIELDS = Instrument.__struct_fields__
_DECIMALS = frozenset(
    name for name in FIELDS if name not in ("id", "kind", "currency", "calendar", "max_lots")
)
_ID = re.compile(r"[A-Za-z0-9^][A-Za-z0-9._/^=-]{0,31}")
_WORDS = {
    Kind.SPOT: "spot pair",
    Kind.PERPETUAL: "perpetual",
    Kind.FUTURE: "future",
    Kind.EQUITY: "share",
    Kind.FX: "currency pair",
}
_CALENDARS = {Kind.FUTURE: "cme", Kind.EQUITY: "us-equity", Kind.FX: "fx"}
# Costs of a small trader on a large venue of the kind, said aloud wherever they are assumed. Crypto: the
# first tier of the large exchanges; shares 0.005 each and futures 2.25 a side: a common retail tariff.
_COSTS: dict[Kind, dict[str, str]] = {
    Kind.SPOT: {"taker_bps": "10", "maker_bps": "10", "spread_bps": "1", "slippage_bps": "1",
                "financing_bps_year": "1000", "margin": "0.5"},
    Kind.PERPETUAL: {"taker_bps": "5", "maker_bps": "2", "spread_bps": "1", "slippage_bps": "1",
                     "financing_bps_year": "1095", "margin": "0.1"},
    Kind.EQUITY: {"commission": "0.005", "spread_bps": "1", "slippage_bps": "1",
                  "financing_bps_year": "50", "margin": "0.5"},
    Kind.FUTURE: {"commission": "2.25", "slippage_bps": "0.5", "margin": "0.1"},
    Kind.FX: {"spread_bps": "1", "slippage_bps": "0.2", "margin": "0.05"},
}  # fmt: skip
_SPREAD_MIN, _SPREAD_MAX = Decimal("0.01"), Decimal(100)  # bps of a future


@dataclass(frozen=True)
class Given:
    """What a person said about one instrument: its id and any of Instrument's other fields."""

    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Derived:
    """The instrument, whether its tick was found in the prices, and what was assumed, in words."""

    instrument: Instrument
    tick_found: bool
    notes: tuple[str, ...]


def parse_instrument(text: str) -> Given:
    """``BTCUSDT``, ``BTCUSDT,kind=perpetual,tick=0.1`` or the path of a TOML file with Instrument's fields.

    What is left out is derived from the data. Raises ConfigError naming the wrong key or value.
    """
    if text.lower().endswith(".toml"):
        return _given(_read_toml(text), where=text)
    name, *rest = (part.strip() for part in text.split(","))
    fields: dict[str, Any] = {"id": name}
    for part in rest:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise ConfigError(
                f"'{part}' is not key=value", where=f"instrument {name}", todo="write tick=0.01"
            )
        fields[key] = value
    return _given(fields, where=f"instrument {name}")


def derive(guess: Guess, table: BarTable, given: Given | None = None) -> Derived:
    """The whole instrument for a table of bars. Raises ConfigError when given values do not fit together."""
    fields: dict[str, Any] = dict(given.fields) if given else {}
    kind = fields.get("kind", guess.kind)
    name = given.id if given else guess.id
    first = float(table.close[0])  # not the median: what comes later must not tell what a lot or a spread is
    notes: list[str] = []
    tick_found = "tick" not in fields
    if tick_found:
        prices = (table.open, table.high, table.low, table.close)
        tick, on_grid = find_tick(*([table.close] if table.closes_only else prices))
        fields["tick"] = tick
        found = f"tick {tick:f} found in the prices"
        notes.append(found if on_grid else f"prices rounded to {tick:f} as they share no tick")
    assumed = _assume(kind, guess, fields["tick"], first, table)
    fields = {"id": name, "kind": kind, "currency": guess.currency, **assumed, **fields}
    instrument = Instrument(**fields)
    said = given.fields if given else {}
    known = guess.certain or "kind" in said
    who = f"a {_WORDS[kind]}" if known else f"taken for a {_WORDS[kind]}, as its name says nothing,"
    facts = [f"{who} in {instrument.currency}", *notes, f"lot {instrument.lot:f}"]
    if kind is Kind.FUTURE:
        known = "multiplier" in said or guess.root in MULTIPLIERS
        facts.append(
            f"multiplier {instrument.multiplier:f}" + ("" if known else " as the contract is unknown")
        )
    if name in INDICES:
        facts.append("an index, which nobody can buy: traded here like a share")
    costs = [
        f"{key.removesuffix('_bps').removesuffix('_bps_year').replace('_', ' ')} {value:f}"
        + (" bps a year" if key.endswith("_year") else " bps" if key.endswith("_bps") else "")
        for key, value in assumed.items()
        if isinstance(value, Decimal) and key not in ("lot", "multiplier") and key not in said and value
    ]
    words = (f"{name}: {', '.join(facts)}", f"{name}: costs assumed: {', '.join(costs)}")
    return Derived(instrument, tick_found, words)


def _assume(kind: Kind, guess: Guess, tick: Decimal, first: float, table: BarTable) -> dict[str, Any]:
    """Defaults by kind; ``first`` is the first close."""
    assumed: dict[str, Any] = {"lot": Decimal(1), "calendar": _CALENDARS.get(kind, "always")}
    assumed |= {key: Decimal(value) for key, value in _COSTS[kind].items()}
    if kind in (Kind.SPOT, Kind.PERPETUAL):
        # One lot is worth about one unit of the quote currency.
        assumed["lot"] = _power_of_ten(round(-math.log10(first)))
    elif kind is Kind.FX:
        assumed["lot"] = Decimal(1000)
    elif kind is Kind.FUTURE:
        assumed["multiplier"] = Decimal(MULTIPLIERS.get(guess.root, "1"))
        spread = Decimal(f"{float(tick) / first * 1e4:.2f}")  # one tick, at the first price
        assumed["spread_bps"] = min(max(spread, _SPREAD_MIN), _SPREAD_MAX)
    elif table.closes_only:
        # Prices of a panel are mostly adjusted for splits: a fee a share would tax the old ones absurdly.
        assumed |= {"commission": Decimal(0), "taker_bps": Decimal(1), "maker_bps": Decimal(1)}
    if table.spread is not None:
        assumed.pop("spread_bps", None)
    return assumed


def find_tick(*columns: Floats) -> tuple[Decimal, bool]:
    """The largest tick of 1, 1.25, 2, 2.5 or 5 times a power of ten on which every price sits, and True.

    1.25 is for eighths, and for mids of a tick of 2.5. Where there is none, about a hundred-thousandth of
    the lowest price, and False. One price alone would be its own tick: then its last decimal is, above one
    a cent.
    """
    lowest = min(float(column.min()) for column in columns)
    for decimals in range(11):
        scaled = [column * 10.0**decimals for column in columns]
        if max(column.max() for column in scaled) >= 2.0**50:
            break
        if all(_whole(column) for column in scaled):
            counts = [np.rint(column).astype(np.int64) for column in scaled]
            if len({int(each) for count in counts for each in (count.min(), count.max())}) == 1:
                return _power_of_ten(-max(decimals, 2 if lowest >= 1 else 0)), True
            return _largest_step(math.gcd(*(int(np.gcd.reduce(count)) for count in counts)), decimals), True
    return _power_of_ten(math.floor(math.log10(lowest)) - 5), False


def _whole(scaled: Floats) -> bool:
    """True when all values are integers above zero but for the noise that arithmetic on floats leaves."""
    whole = np.rint(scaled)
    near = np.abs(scaled - whole) <= np.minimum(1e-6 + 1e-11 * scaled, 1e-3)
    return bool((near & (whole >= 1)).all())


def _largest_step(common: int, decimals: int) -> Decimal:
    """The largest of 1, 2, 5, 25, 125 times 10^n that divides ``common``, in units of 10^-decimals."""
    steps = (digit * 10**power for power in range(len(str(common))) for digit in (1, 2, 5, 25, 125))
    largest = max(step for step in steps if common % step == 0)
    return Decimal(f"{Decimal(largest).scaleb(-decimals).normalize():f}")


def _power_of_ten(exponent: int) -> Decimal:
    return Decimal(f"{Decimal(1).scaleb(exponent):f}")


def _read_toml(text: str) -> dict[str, Any]:
    try:
        with Path(text).open("rb") as file:
            return tomllib.loads(file.read().decode(), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not TOML: {error}", where=text) from error
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror or error}", where=text, todo="check the path"
        ) from error


def _given(fields: dict[str, Any], where: str) -> Given:
    """Typed and checked; a field wrong by itself fails here and not with the data."""
    name = fields.pop("id", None)
    if not isinstance(name, str) or not _ID.fullmatch(name):
        todo = "an id is up to 32 letters, digits and ._/^=-, as in BTCUSDT"
        raise ConfigError(f"'{name or ''}' is not an instrument's id", where=where, todo=todo)
    typed: dict[str, Any] = {}
    for key, value in fields.items():
        if key not in FIELDS:
            near = get_close_matches(key, FIELDS, 1, 0.4)
            todo = f"did you mean {near[0]}?" if near else f"one of {', '.join(FIELDS)}"
            raise ConfigError(f"unknown key '{key}'", where=where, todo=todo)
        typed[key] = _typed(key, value, where)
    neutral: dict[str, Any] = {"kind": Kind.SPOT, "currency": "USD", "tick": Decimal(1), "lot": Decimal(1)}
    Instrument(id=name, **(neutral | typed))
    return Given(name, typed)


def _typed(key: str, value: Any, where: str) -> Any:
    """The value as Instrument declares it."""
    try:
        if key in _DECIMALS and not isinstance(value, bool):
            return Decimal(value)
        if key == "max_lots":
            return msgspec.convert(value, int, strict=False)
        return msgspec.convert(value, Kind if key == "kind" else str)
    except (InvalidOperation, TypeError, ValueError, msgspec.ValidationError) as error:
        todo = f"one of {', '.join(Kind)}" if key == "kind" else ""
        raise ConfigError(f"{key} cannot be '{value}'", where=where, todo=todo) from error
