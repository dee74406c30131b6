"""What a session looks like from outside the chain: the equity curve and all that statistics are made of."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence

import numpy as np

from quorate.analysis.result import Curve, RunStats
from quorate.core.account import Account
from quorate.core.canon import spell
from quorate.core.decision import Decision
from quorate.core.effects import AnyEffect, BreakerMoved, Silenced, Vetoed
from quorate.core.events import (
    AnyEvent,
    Bar,
    Breaker,
    Cancelled,
    Degraded,
    Expired,
    Fill,
    InstantClosed,
    Rejected,
    Resume,
    TradeClosed,
)
from quorate.core.instrument import Instrument
from quorate.core.money import Money
from quorate.core.order import ApprovedOrder, Role, Verdict


class Collector:
    """Observes a session. Memory grows by two integers an instant and by what the desk itself does."""

    def __init__(self, instruments: dict[str, Instrument], cash: Money, interval: int) -> None:
        self.instruments, self.cash, self.interval = instruments, cash, interval
        self._at, self._equity, self._gross = array("q"), array("q"), array("q")
        self.fills: list[Fill] = []
        self.trades: list[TradeClosed] = []
        self.vetoes: list[Vetoed] = []
        self.approved: list[Verdict] = []
        self.decisions: list[Decision] = []
        self.moves: list[BreakerMoved] = []
        self.resumes: list[Resume] = []
        self.silenced: list[Silenced] = []
        self.degraded: list[Degraded] = []
        self.references: dict[str, int] = {}
        self.ends: dict[type, int] = dict.fromkeys((Rejected, Cancelled, Expired), 0)
        self.bars = self.entries = 0
        self._account: Account | None = None
        self._orders = hashlib.sha256()

    def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Account) -> None:
        """Note one event and its effects."""
        kind = type(event)
        if kind is Bar:
            self.bars += 1
        elif kind is InstantClosed:
            self._account = account
            self._at.append(event.at)
            self._equity.append(account.equity_e8)
            self._gross.append(account.gross_e8)
        elif isinstance(event, Fill):
            self.fills.append(event)
            self._orders.update(spell(event))
        elif kind in self.ends:
            self.ends[kind] += 1
        elif isinstance(event, Resume):
            self.resumes.append(event)
        elif isinstance(event, Degraded):
            self.degraded.append(event)
        for effect in effects:
            self._note(effect)

    def _note(self, effect: AnyEffect) -> None:
        if isinstance(effect, ApprovedOrder):
            self.approved.append(effect.verdict)
            self.references[effect.order.id] = effect.order.reference.count
            self.entries += effect.order.role is Role.ENTRY
            self._orders.update(spell(effect.order))
        elif isinstance(effect, Vetoed):
            self.vetoes.append(effect)
        elif isinstance(effect, Decision):
            self.decisions.append(effect)
        elif isinstance(effect, TradeClosed):
            self.trades.append(effect)
        elif isinstance(effect, BreakerMoved):
            self.moves.append(effect)
        elif isinstance(effect, Silenced):
            self.silenced.append(effect)

    def held(self, instrument: str) -> int:
        """Signed lots held now."""
        return 0 if self._account is None else self._account.lots(instrument)

    @property
    def orders_digest(self) -> str:
        """SHA-256 over every approved order and fill, in order: equal orders, equal digest, in any mode."""
        return self._orders.hexdigest()

    @property
    def halts(self) -> int:
        """How often the breaker reached HALTED."""
        return sum(move.after is Breaker.HALTED for move in self.moves)

    @property
    def last_equity(self) -> Money:
        """Equity at the last closed instant."""
        return Money(self._equity[-1] if self._equity else self.cash.count, self.cash.scale)

    def stats(self) -> RunStats:
        """Everything the analysis reads."""
        account = self._account
        return RunStats(
            curve=Curve(_ints(self._at), _ints(self._equity)),
            trades=self.trades,
            fills=self.fills,
            cash=self.cash,
            instruments=self.instruments,
            interval=self.interval,
            vetoes=self.vetoes,
            approved=self.approved,
            decisions=self.decisions,
            moves=self.moves,
            gross=_ints(self._gross),
            fees=None if account is None else Money(account.fees_e8, self.cash.scale),
            charges=None if account is None else Money(account.charges_e8, self.cash.scale),
            references=self.references,
            rejected=self.ends[Rejected],
            cancelled=self.ends[Cancelled],
            expired=self.ends[Expired],
        )


def _ints(values: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)
