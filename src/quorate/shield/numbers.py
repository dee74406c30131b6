"""A rulebook in plain numbers: whole counts, ratios of integers, amounts in 1e-8; for what is compiled."""

from __future__ import annotations

from decimal import Decimal

from quorate.core.money import decimal_to_e8
from quorate.shield.rulebook import Rulebook, explain

Number = int | tuple[int, int] | None


def numbers(rulebook: Rulebook) -> dict[str, Number]:
    """Every limit by its dotted key, in the roundings of the rules themselves.

    A count is an int; a share or a multiple is (numerator, denominator) in lowest terms; an amount of money
    is in 1e-8 of the currency, None where there is none.
    """
    found: dict[str, Number] = {}
    amounts = rulebook.amounts
    for each in explain(rulebook):
        if isinstance(each.value, Decimal):
            amount = each.key in amounts
            found[each.key] = decimal_to_e8(each.value) if amount else each.value.as_integer_ratio()
        else:
            found[each.key] = each.value
    return found
