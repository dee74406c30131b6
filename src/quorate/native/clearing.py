"""How an account carries an instrument: maintenance margin, liquidation fee, currency, short sales."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from quorate.native import _native

LIQUIDATION = "liquidation"  # the name of the exchange's own exits

_E8 = 100_000_000


class Tier(NamedTuple):
    """From a notional of ``floor`` on, maintenance is ``rate`` times all of it, less ``deduction``.

    Floor and deduction in currency, the rate as a share. As exchanges print their tables for perpetuals; a
    plain ratio, as for futures, is one tier from 0.
    """

    floor: Decimal
    rate: Decimal
    deduction: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Clearing:
    """One instrument's rules beside its costs.

    ``maintenance``: the table, lowest tier first; an account is liquidated only once one instrument has one.
    ``liquidation_bps``: of the notional, beyond the taker fee. ``currency``: its number, 0 for the account's.
    ``shortable``: whether an entry may sell.
    """

    maintenance: tuple[Tier, ...] = ()
    liquidation_bps: Decimal = Decimal(0)
    currency: int = 0
    shortable: bool = True


def clear(terms: _native.Terms, rules: Clearing) -> None:
    """Writes the rules into an instrument's terms. ValueError when an amount has more than eight decimals.

    The exchange itself refuses a table that makes no sense or jumps.
    """
    tiers = [
        (_whole(tier.floor), *tier.rate.as_integer_ratio(), _whole(tier.deduction))
        for tier in rules.maintenance
    ]
    terms.clear(tiers, (rules.liquidation_bps / 10_000).as_integer_ratio(), rules.currency, rules.shortable)


def _whole(amount: Decimal) -> int:
    numerator, denominator = (amount * _E8).as_integer_ratio()
    if denominator != 1:
        raise ValueError(f"{amount} has more than eight decimals")
    return numerator
