"""The rulebook of a research run: settled as a desk's, compiled, and what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quorate.app.compose import check_latency
from quorate.app.config import load_config
from quorate.core.errors import ConfigError
from quorate.core.instant import spell_instant, spell_span
from quorate.core.instrument import Instrument
from quorate.core.money import Money
from quorate.native.exchange import Market, Rows
from quorate.native.limits import RULES, Limits, rules
from quorate.native.runner import Reviewed
from quorate.research.run import Run
from quorate.shield.numbers import numbers
from quorate.shield.rulebook import Rulebook

BOOKS = "books"


def compiled(
    strategy: Path,
    name_or_path: str,
    instruments: Sequence[Instrument],
    rows: Rows,
    cash: Money,
    latency_ns: int,
) -> tuple[Rulebook, Limits, list[str]]:
    """(rulebook, its limits compiled, notes), tightened by the environment as a desk's; after a halt the
    automatic operator resumes as in a backtest. Raises ConfigError where a desk would.
    """
    config = load_config(strategy=strategy, options={"rulebook": name_or_path})
    book = config.rulebook
    book.require_currency(cash.scale)
    check_latency(latency_ns, spell_span(latency_ns), book, "--latency")
    cool_down_ns = config.recipe.operator.cool_down_ns
    end = int(rows[:, Market.AT].max())
    try:
        limits = Limits(instruments, numbers(book), cash.count, cool_down_ns=cool_down_ns, until=end)
    except (ValueError, OverflowError) as error:
        raise ConfigError(str(error), where=f"rulebook {book.name}") from error
    return book, limits, list(config.notes)


def failures(run: Run) -> list[str]:
    """A note where the limits' books failed: closed for good, they refuse every order from then on."""
    return [
        f"the limits' own books failed at {spell_instant(at)}: halted for good, every order after is refused"
        for at, _, _, rule in run.runner.moves
        if RULES[rule] == BOOKS
    ]


def told(run: Run, book: Rulebook | None) -> dict[str, Any]:
    """What a result says of the limits: whose, orders refused by rule, how many were cut, and the halts."""
    if book is None:
        return {"applied": "none"}
    refused: Counter[str] = Counter()
    cut = 0
    for row in run.runner.reviews.tolist():
        if row[Reviewed.LOTS] == 0:
            refused.update(rules(row[Reviewed.DENIED]))
        elif row[Reviewed.CUT]:
            cut += 1
    by_rule = dict(sorted(refused.items(), key=lambda each: (-each[1], each[0])))
    return {"applied": book.name, "refused": by_rule, "cut": cut}
