"""Who earned it: profit by agent, instrument, side and exit, and what each of the shield's rules said.

Every table adds up to the profit of the closed trades exactly, in integers; what is still open is one line of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from quorate.analysis.result import RunStats, TradeRow
from quorate.core.decision import Decision, Vote
from quorate.core.instant import DAY, HOUR
from quorate.core.order import Answer, Side, Verdict

NOBODY = "not attributed"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = tuple(f"{hour:02d}:00" for hour in range(24))


class Share(msgspec.Struct, frozen=True):
    """One line of a table: profit and fees in 1e-8, and the trades it took part in or won."""

    name: str
    pnl_e8: int
    fees_e8: int
    trades: int
    wins: int


class RuleCount(msgspec.Struct, frozen=True):
    """How often a rule allowed, reduced and denied."""

    rule: str
    allowed: int
    reduced: int
    denied: int


class Attribution(msgspec.Struct, frozen=True):
    """Profit cut six ways and the verdicts counted by rule. Money in 1e-8.

    The largest come first, but weekdays and hours (UTC, of the opening) in their own order.
    ``open_e8`` is what the closed trades do not explain: open positions and financing.
    """

    agents: tuple[Share, ...]
    instruments: tuple[Share, ...]
    sides: tuple[Share, ...]
    exits: tuple[Share, ...]
    weekdays: tuple[Share, ...]
    hours: tuple[Share, ...]
    open_e8: int
    rules: tuple[RuleCount, ...]


def attribute(stats: RunStats) -> Attribution:
    """All tables of one run."""
    rows = stats.rows
    verdicts = [*stats.approved, *(veto.verdict for veto in stats.vetoes)]
    return Attribution(
        agents=by_agent(rows, stats.decisions),
        instruments=_by(rows, lambda row: row.instrument),
        sides=_by(rows, lambda row: "long" if row.side is Side.BUY else "short"),
        exits=_by(rows, lambda row: row.exit_role.value),
        weekdays=_in_order(rows, WEEKDAYS, lambda row: WEEKDAYS[(row.opened_at // DAY + 3) % 7]),
        hours=_in_order(rows, HOURS, lambda row: HOURS[row.opened_at % DAY // HOUR]),
        open_e8=stats.end_e8 - stats.cash.count - sum(row.pnl_e8 for row in rows),
        rules=count_rules(verdicts),
    )


def by_agent(rows: Sequence[TradeRow], decisions: Iterable[Decision]) -> tuple[Share, ...]:
    """Each trade's profit shared among the agents that spoke for it, by the weights they were heard with.

    Whoever said the price would move the trade's way shares its gain or loss; whoever said otherwise has no
    part. When no vote spoke for the trade, all share by weight; with no votes known, nobody does.
    """
    votes = {
        (decision.id, target.instrument): target.votes
        for decision in decisions
        for target in decision.targets
    }
    sums: dict[str, list[int]] = {}
    for row in rows:
        weights = _speakers(votes.get((row.decision, row.instrument), ()), row.side)
        gains, fees = split(row.pnl_e8, weights), split(row.fees_e8, weights)
        for name in weights:
            _add(sums, name, gains[name], fees[name], row.pnl_e8 > 0)
    return _shares(sums)


def split(amount: int, weights: dict[str, float]) -> dict[str, int]:
    """An integer shared by weight, to the last unit: the last name takes what rounding left."""
    total, names = sum(weights.values()), list(weights)
    parts = {name: round(amount * (weights[name] / total)) for name in names[:-1]}
    parts[names[-1]] = amount - sum(parts.values())
    return parts


def count_rules(verdicts: Iterable[Verdict]) -> tuple[RuleCount, ...]:
    """What each rule said over all verdicts, the most refusals first."""
    counts: dict[str, dict[Answer, int]] = {}
    for verdict in verdicts:
        for finding in verdict.findings:
            own = counts.setdefault(finding.rule, dict.fromkeys(Answer, 0))
            own[finding.answer] += 1
    found = [
        RuleCount(rule, own[Answer.ALLOW], own[Answer.REDUCE], own[Answer.DENY])
        for rule, own in counts.items()
    ]
    return tuple(sorted(found, key=lambda count: (-count.denied, -count.reduced, count.rule)))


def _speakers(votes: Sequence[Vote], side: Side) -> dict[str, float]:
    """The weights of the agents that share a trade, sorted by name; never empty, never all zero."""
    heard = sorted((vote for vote in votes if vote.weight > 0), key=lambda vote: vote.agent)
    spoke_for = [vote for vote in heard if (vote.calibrated - 0.5) * side.sign > 0]
    return {vote.agent: vote.weight for vote in spoke_for or heard} or {NOBODY: 1.0}


def _by(rows: Sequence[TradeRow], key: Callable[[TradeRow], str]) -> tuple[Share, ...]:
    sums: dict[str, list[int]] = {}
    for row in rows:
        _add(sums, key(row), row.pnl_e8, row.fees_e8, row.pnl_e8 > 0)
    return _shares(sums)


def _in_order(
    rows: Sequence[TradeRow], names: Sequence[str], key: Callable[[TradeRow], str]
) -> tuple[Share, ...]:
    """A table whose lines stand in the order of ``names``; names without a trade are left out."""
    return tuple(sorted(_by(rows, key), key=lambda share: names.index(share.name)))


def _add(sums: dict[str, list[int]], name: str, pnl: int, fees: int, won: bool) -> None:
    own = sums.setdefault(name, [0, 0, 0, 0])
    for index, value in enumerate((pnl, fees, 1, int(won))):
        own[index] += value


def _shares(sums: dict[str, list[int]]) -> tuple[Share, ...]:
    shares = [Share(name, *own) for name, own in sums.items()]
    return tuple(sorted(shares, key=lambda share: (-share.pnl_e8, share.name)))
