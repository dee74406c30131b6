"""The live view: progress, equity, breaker, positions, vetoes and the last decisions with their reasons."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from quorate.analysis import words
from quorate.app.compose import Plan
from quorate.core.account import Account
from quorate.core.decision import Decision, Stance, Target
from quorate.core.effects import AnyEffect, BreakerMoved, Silenced, Vetoed
from quorate.core.events import AnyEvent, Bar, Breaker, TradeClosed

DECISIONS_SHOWN = 6
POSITIONS_SHOWN = 8
REFRESH_PER_SECOND = 8
_COLOURS = {Breaker.NORMAL: "green", Breaker.REDUCING: "yellow", Breaker.HALTED: "red"}


class LiveView:
    """An observer that draws on stderr. ``saw`` only notes; the screen is made a few times a second."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._total = sum(len(each) for each in plan.series)
        self._bars = self._vetoes = self._trades = 0
        self._at = 0
        self._breaker = Breaker.NORMAL
        self._account: Account | None = None
        self._decisions: deque[tuple[int, Target]] = deque(maxlen=DECISIONS_SHOWN)
        self._last_veto = ""
        self._silenced: list[str] = []
        self._live = Live(
            get_renderable=self._draw,
            console=Console(stderr=True),
            refresh_per_second=REFRESH_PER_SECOND,
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Account) -> None:
        """Note one event; hot, so that nothing is drawn here."""
        self._at, self._account = event.at, account
        if type(event) is Bar:
            self._bars += 1
        for effect in effects:
            self._note(effect)

    def _note(self, effect: AnyEffect) -> None:
        if isinstance(effect, Decision):
            self._decisions.extend((effect.at, target) for target in effect.targets)
        elif isinstance(effect, TradeClosed):
            self._trades += 1
        elif isinstance(effect, BreakerMoved):
            self._breaker = effect.after
        elif isinstance(effect, Silenced):
            self._silenced.append(effect.agent)
        elif isinstance(effect, Vetoed):
            self._vetoes += 1
            rules = ", ".join(finding.rule for finding in effect.verdict.refusals)
            self._last_veto = f"{effect.order.side} {effect.order.instrument}: {rules}"

    def _draw(self) -> Panel:
        plan, account = self._plan, self._account
        top = Table.grid(padding=(0, 2))
        top.add_row(
            ProgressBar(total=max(self._total, 1), completed=self._bars, width=40),
            f"{self._bars:,} of {self._total:,} bars",
            words.stamp(self._at) if self._at else "",
        )
        parts: list[Table | Text] = [top, self._state(account)]
        if account is not None:
            parts.append(self._positions(account))
        parts.append(self._reasons())
        title = f"quorate {plan.opened.mode}: {plan.recipe.name}"
        return Panel(Group(*parts), title=title, title_align="left")

    def _state(self, account: Account | None) -> Text:
        text = Text()
        if account is not None:
            change = account.equity_e8 / account.start_e8 - 1.0
            text.append(f"equity {account.equity} ({words.percent(change)})   ")
        text.append("breaker ")
        text.append(self._breaker.value, style=_COLOURS[self._breaker])
        text.append(f"   trades {self._trades:,}   vetoes {self._vetoes:,}")
        if self._last_veto:
            text.append(f"   last veto {self._last_veto}", style="dim")
        if self._silenced:
            text.append(f"   silenced {', '.join(self._silenced)}", style="red")
        return text

    def _positions(self, account: Account) -> Text:
        held = [(name, each.lots) for name, each in account.positions.items() if each.lots]
        shown = [
            f"{name} {self._plan.instruments[name].show_quantity(lots)}"
            for name, lots in held[:POSITIONS_SHOWN]
        ]
        more = f" and {len(held) - POSITIONS_SHOWN} more" if len(held) > POSITIONS_SHOWN else ""
        return Text(f"positions {', '.join(shown) or 'none'}{more}")

    def _reasons(self) -> Table:
        table = Table(box=None, padding=(0, 2), show_header=False)
        for at, target in list(self._decisions):
            table.add_row(words.stamp(at), target.instrument, target.stance.name.lower(), reason_of(target))
        return table


def reason_of(target: Target) -> str:
    """Why, in one line: the pool's confidence, the reason, and each vote with its weight."""
    votes = ", ".join(f"{vote.agent} {vote.calibrated:.3f} x{vote.weight:.2f}" for vote in target.votes)
    sure = "" if target.stance is Stance.FLAT else f"{target.confidence:.3f} "
    return f"{sure}{target.reason} ({votes})" if votes else f"{sure}{target.reason}"
