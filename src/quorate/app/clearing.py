"""The clearing house of a research run as a person asks for it: maintenance, liquidation, shorts, funding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from quorate.adapters.feeds.funding import Funding, read_funding
from quorate.core.errors import ConfigError, InputError
from quorate.core.instant import spell_instant
from quorate.core.instrument import Instrument
from quorate.native.clearing import Clearing, Tier
from quorate.native.exchange import Market, Row, Rows

KIND = "kind"
# Of the initial margin: brokers and exchanges of perpetuals keep half of it, exchanges of futures, whose
# members ask 110 % of maintenance at first, ten elevenths.
_KEPT = {"future": Decimal(10) / 11}
_FEES = {"perpetual": Decimal(50)}  # bps, beyond the taker fee


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingAsked:
    """As typed. ``maintenance``: kind, a share or tiers; ``fee``: of a liquidation; ``funding``: files."""

    maintenance: str | None = None
    fee: str | None = None
    long_only: bool = False
    funding: Sequence[str] = ()


def read_clearing(asked: ClearingAsked, instruments: Sequence[Instrument]) -> dict[str, Clearing]:
    """Rules by instrument, none where nothing was asked. Raises ConfigError for nonsense."""
    if asked.fee is not None and asked.maintenance is None:
        what = "is paid where somebody is liquidated"
        raise ConfigError(what, where="--liquidation-fee", todo="add --maintenance kind")
    if asked.maintenance is None and not asked.long_only:
        return {}
    given = None if asked.maintenance in (None, KIND) else read_tiers(asked.maintenance or "")
    fee = None if asked.fee is None else share_of(asked.fee, "--liquidation-fee") * 10_000
    found = {}
    for each in instruments:
        tiers = given or ()
        if asked.maintenance == KIND:
            tiers = (Tier(Decimal(0), usual(each)),)
        bps = _FEES.get(each.kind, Decimal(0)) if fee is None else fee
        found[each.id] = Clearing(tiers, bps if tiers else Decimal(0), 0, not asked.long_only)
    return found


def usual(instrument: Instrument) -> Decimal:
    """The maintenance that is usual for its kind, as a share of the worth, to 1e-6."""
    kept = instrument.margin * _KEPT.get(instrument.kind, Decimal("0.5"))
    return kept.quantize(Decimal("0.000001"))


def read_tiers(text: str) -> tuple[Tier, ...]:
    """``0.5%``, or ``0:0.4%,50000:0.5%``: from a worth on so much of it. What the higher rate would take of
    the worth below its floor is deducted, so that maintenance never jumps. Raises ConfigError.
    """
    where, todo = "--maintenance", "write kind, 0.5%, or 0:0.4%,50000:0.5%"
    tiers: list[Tier] = []
    for part in text.split(","):
        before, colon, after = part.partition(":")
        floor, rate = (_amount(before, text), after) if colon else (Decimal(0), before)
        share, deduction = share_of(rate, where), Decimal(0)
        if tiers:
            last = tiers[-1]
            if floor <= last.floor or share <= last.rate:
                raise ConfigError(f"the tiers of '{text}' do not rise", where=where, todo=todo)
            deduction = last.deduction + floor * (share - last.rate)
        elif floor != 0:
            raise ConfigError(f"the first tier of '{text}' does not begin at 0", where=where, todo=todo)
        tiers.append(Tier(floor, share, deduction))
    return tuple(tiers)


def _amount(text: str, whole: str) -> Decimal:
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0 or amount != round(amount, 2):
        raise ConfigError(
            f"'{text}' of '{whole}' is no worth", where="--maintenance", todo="write 50000:0.5%"
        )
    return amount


def share_of(text: str, where: str) -> Decimal:
    """A share above 0 and below 1, as 0.5% or 0.005, to 1e-6. Raises ConfigError."""
    try:
        number = Decimal(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or not 0 < number < 1 or number != round(number, 6):
        raise ConfigError(
            f"'{text}' is no share above 0 and below 1", where=where, todo="write 0.5% or 0.005"
        )
    return number


# ---- funding -------------------------------------------------------------------------------------------


def read_fundings(
    asked: Sequence[str], instruments: Sequence[Instrument], *, assume_utc: bool
) -> dict[str, Funding]:
    """Rates by instrument. Raises ConfigError for one that is not traded or not funded; DataError."""
    found: dict[str, Funding] = {}
    ids = {each.id: each for each in instruments}
    for text in asked:
        name, equals, path = text.partition("=")
        if not equals:
            if len(ids) != 1:
                what = f"'{text}' does not say of which of {len(ids)} instruments"
                raise ConfigError(what, where="--funding", todo=f"write {next(iter(ids))}={text}")
            name, path = next(iter(ids)), text
        if name not in ids:
            todo = f"one of {', '.join(list(ids)[:6])}"
            raise ConfigError(f"'{name}' is not traded here", where="--funding", todo=todo)
        if name in found:
            raise ConfigError(f"'{name}' has two files", where="--funding")
        if ids[name].kind != "perpetual":
            what = f"{name} is of kind {ids[name].kind}, and only perpetuals pay funding"
            raise ConfigError(what, where="--funding", todo=f"--instrument {name},kind=perpetual")
        found[name] = read_funding(Path(path), assume_utc=assume_utc)
    return found


def with_funding(
    rows: Rows, fundings: dict[str, Funding], instruments: Sequence[Instrument]
) -> tuple[Rows, list[str]]:
    """(rows with the rates of their time after each instant's bars, notes on what the rates do not cover)."""
    parts, notes = [rows], []
    for place, each in enumerate(instruments):
        if each.id not in fundings:
            continue
        found = fundings[each.id]
        own = rows[rows[:, Market.INSTRUMENT] == place, Market.AT]
        first, last = int(own[0]), int(own[-1])
        within = (found.at >= first) & (found.at <= last)
        if not within.any():
            span = f"{spell_instant(int(found.at[0]))} to {spell_instant(int(found.at[-1]))}"
            what = f"holds rates from {span}, and the bars run from {spell_instant(first)}"
            raise InputError(
                f"{what} to {spell_instant(last)}", where=found.name, todo="give rates of that time"
            )
        part = np.zeros((int(within.sum()), len(Market)), np.int64)
        part[:, [Market.AT, Market.START]] = found.at[within][:, np.newaxis]
        part[:, Market.KIND], part[:, Market.INSTRUMENT] = Row.FUNDING, place
        part[:, Market.OPEN] = found.rate_e12[within]
        part[:, [Market.VOLUME, Market.SPREAD]] = -1
        parts.append(part)
        notes.append(
            f"{each.id}: {len(part):,} funding rates of {found.name}; before the first the assumed rate"
        )
        step = int(np.median(np.diff(found.at))) if found.at.size > 1 else 0
        if found.at[-1] + step < last:
            notes.append(
                f"{each.id}: no funding rate after {spell_instant(int(found.at[-1]))}: none is paid there"
            )
    joined = np.concatenate(parts)
    return joined[np.argsort(joined[:, Market.AT], kind="stable")], notes
