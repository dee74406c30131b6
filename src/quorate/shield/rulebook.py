"""The typed limits of a desk: a strict tree whose every number has a unit and a sentence that explains it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, get_type_hints

import msgspec

from quorate.core.errors import ConfigError

_EQUITY = "share of equity"
_PRICE = "share of the last close"
_MONEY = "currency"


def _said(unit: str, why: str, *, most: str | None = None) -> msgspec.Meta:
    """The unit and the meaning of a limit, and the hard ceiling that no rulebook may pass."""
    return msgspec.Meta(description=why, extra={"unit": unit, "most": most})


class Explained(msgspec.Struct, frozen=True):
    """One limit as ``config check`` shows it: dotted key, value, unit, and what it does in one sentence."""

    key: str
    value: Decimal | int | None
    unit: str
    why: str


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A family of limits. Every number is finite and above zero, and at most its hard ceiling."""

    def __post_init__(self) -> None:
        for name, meta in _meanings(type(self)).items():
            value: Decimal | int | None = getattr(self, name)
            if value is None:
                continue
            if not Decimal(value).is_finite() or value <= 0:
                raise ConfigError(f"{name} must be above zero, not {value}", where="rulebook")
            most = (meta.extra or {})["most"]
            if most is not None and value > Decimal(most):
                raise ConfigError(f"{name} may be at most {most}, not {value}", where="rulebook")


class BracketLimits(Limits, frozen=True, kw_only=True):
    """Every entry carries a stop on its losing side; there is no key that turns this off."""

    stop_ticks_min: Annotated[int, _said("ticks", "An entry's stop is at least so far from its price.")]


class ExposureLimits(Limits, frozen=True, kw_only=True):
    """Notional of all but exchange futures, held, working and asked for together."""

    trade_share: Annotated[Decimal, _said(_EQUITY, "One entry's notional is cut to this.", most="0.5")]
    trade_money: Annotated[
        Decimal | None, _said(_MONEY, "One entry's notional is cut to this amount as well.")
    ] = None
    position_share: Annotated[
        Decimal, _said(_EQUITY, "One instrument's notional is cut to this.", most="0.5")
    ]
    gross_share: Annotated[Decimal, _said(_EQUITY, "Longs and shorts added up stay within this.", most="10")]
    gross_money: Annotated[
        Decimal | None, _said(_MONEY, "Longs and shorts added up stay within this amount as well.")
    ] = None
    net_share: Annotated[
        Decimal, _said(_EQUITY, "Longs less shorts stay within this, hedges counted once filled.", most="10")
    ]
    positions_max: Annotated[int, _said("instruments", "So many instruments may be open at once.")]
    leverage_max: Annotated[
        Decimal, _said("times equity", "Gross notional is at most so many times equity.", most="10")
    ]


class RiskLimits(Limits, frozen=True, kw_only=True):
    """What a trade loses when its stop is hit."""

    trade_share: Annotated[
        Decimal, _said(_EQUITY, "A trade that is stopped out loses at most this, fees included.", most="0.02")
    ]


class FuturesLimits(Limits, frozen=True, kw_only=True):
    """Exchange futures are limited in contracts and initial margin, not by notional."""

    contracts_max: Annotated[int, _said("contracts", "One future is held in at most so many contracts.")]
    margin_share: Annotated[
        Decimal, _said(_EQUITY, "Initial margin of all futures stays within this.", most="1")
    ]


class LossLimits(Limits, frozen=True, kw_only=True):
    """Losses that stop new entries or bring the breaker down."""

    day_share: Annotated[
        Decimal, _said(_EQUITY, "A loss of this since midnight UTC allows exits only.", most="1")
    ]
    day_money: Annotated[
        Decimal | None, _said(_MONEY, "A loss of this amount since midnight UTC allows exits only.")
    ] = None
    drawdown_share: Annotated[
        Decimal, _said("share of peak equity", "A fall of this from the peak halts the desk.", most="1")
    ]
    hour_share: Annotated[
        Decimal,
        _said("share of the hour's high", "A fall of this within a rolling hour halts the desk.", most="1"),
    ]
    streak_max: Annotated[int, _said("trades", "So many losing trades in a row pause new entries.")]
    streak_pause_s: Annotated[int, _said("seconds", "The pause after the last loss of such a row.")]


class RateLimits(Limits, frozen=True, kw_only=True):
    """How fast orders may follow each other."""

    orders_per_minute_max: Annotated[int, _said("orders", "So many orders are approved in any minute.")]
    duplicate_window_s: Annotated[
        int, _said("seconds", "The same instrument, side and size is not entered twice within this.")
    ]


class PriceLimits(Limits, frozen=True, kw_only=True):
    """Guards against prices and sizes that nobody meant."""

    collar_share: Annotated[
        Decimal, _said(_PRICE, "An entry's prices lie within this of the last close.", most="0.5")
    ]
    order_share_max: Annotated[
        Decimal,
        _said(_EQUITY, "An entry that asks for more (futures: margin) is a slip, and denied.", most="20"),
    ]


class FreshnessLimits(Limits, frozen=True, kw_only=True):
    """How old a price may be."""

    bars_old_max: Annotated[int, _said("bar intervals", "A last bar older than this denies entries.")]


class Rulebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All limits of a desk. ``currencies``: those in which the limits in money are meant as stated."""

    name: str
    approval_ttl_s: Annotated[int, _said("seconds", "An approval that is not sent within this is void.")]
    currencies: tuple[str, ...] = ()
    bracket: BracketLimits
    exposure: ExposureLimits
    risk: RiskLimits
    futures: FuturesLimits
    losses: LossLimits
    rate: RateLimits
    price: PriceLimits
    freshness: FreshnessLimits

    def __post_init__(self) -> None:
        if self.approval_ttl_s <= 0:
            raise ConfigError(
                f"approval_ttl_s must be above zero, not {self.approval_ttl_s}", where="rulebook"
            )
        if self.amounts and not self.currencies:
            raise ConfigError(
                f"{self.amounts[0]} is an amount of money in no currency",
                where=f"rulebook {self.name}",
                todo='say which with currencies = ["USD"]',
            )

    @property
    def amounts(self) -> tuple[str, ...]:
        """Keys of the limits that are stated in money."""
        return tuple(each.key for each in explain(self) if each.unit == _MONEY and each.value is not None)

    def require_currency(self, currency: str) -> None:
        """Raises ConfigError when amounts are not meant in the account's currency."""
        if self.amounts and currency not in self.currencies:
            raise ConfigError(
                f"{self.amounts[0]} is meant in {', '.join(self.currencies)}, the account is in {currency}",
                where=f"rulebook {self.name}",
                todo="add the currency to `currencies` if the amounts hold for it too",
            )

    def plain(self) -> dict[str, Any]:
        """The tree as mappings, strings and integers, as it is journalled; ``parse`` reads it back."""
        tree: dict[str, Any] = msgspec.to_builtins(self)
        return tree


def parse(plain: Mapping[str, Any], *, where: str = "rulebook") -> Rulebook:
    """The rulebook in a plain tree, as a TOML file or the journal gives it.

    Raises ConfigError for a missing key, a wrong type, a value out of range, or an unknown key, with the
    nearest known one.
    """
    _refuse_unknown(plain, Rulebook, where)
    try:
        return msgspec.convert(plain, Rulebook)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=where, todo="`quorate config check` lists every key") from error


def explain(rulebook: Rulebook) -> tuple[Explained, ...]:
    """Every limit with its value, unit and meaning, in the order of the tree."""
    return tuple(_explain(rulebook, ""))


def _explain(tree: msgspec.Struct, prefix: str) -> Iterator[Explained]:
    meanings = _meanings(type(tree))
    for name in tree.__struct_fields__:
        value = getattr(tree, name)
        if isinstance(value, msgspec.Struct):
            yield from _explain(value, f"{prefix}{name}.")
        elif name in meanings:
            meta = meanings[name]
            yield Explained(prefix + name, value, (meta.extra or {})["unit"], meta.description or "")


@cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _meanings(kind: type[msgspec.Struct]) -> dict[str, msgspec.Meta]:
    return {
        name: meta
        for name, hint in _hints(kind).items()
        for meta in getattr(hint, "__metadata__", ())
        if isinstance(meta, msgspec.Meta)
    }


def _refuse_unknown(plain: Mapping[str, Any], kind: type[msgspec.Struct], where: str) -> None:
    known = _hints(kind)
    for key, value in plain.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)
            raise ConfigError(f"unknown key '{key}'", where=where, todo=f"did you mean '{near[0]}'?")
        inner = known[key]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(value, Mapping):
            _refuse_unknown(value, inner, f"{where}.{key}")
