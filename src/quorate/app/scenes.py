"""A narrator: watches a session and tells its scenes as they happen, each with the record that holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from quorate.analysis import words
from quorate.app.compose import Plan
from quorate.core.account import Account
from quorate.core.decision import Decision, Stance, Target
from quorate.core.effects import AnyEffect, BreakerMoved, Vetoed
from quorate.core.errors import InvariantError
from quorate.core.events import AnyEvent, Bar, Breaker, Fill, TradeClosed
from quorate.core.instant import DAY
from quorate.core.order import ApprovedOrder, Order, Role
from quorate.core.ports import Journal
from quorate.kernel.session import Session

SIGNALS, DECISION, VETO, BRACKET, GAP, STALL, HALT, RESUME, WEEK = (
    "signals", "decision", "veto", "bracket", "gap", "stall", "halt", "resume", "week",
)  # fmt: skip
GAP_SHARE = 0.01  # an open so far from the last close, with no bar missing, is a gap
_LEGS = frozenset({Role.STOP, Role.TARGET})


class Scene(msgspec.Struct, frozen=True):
    """One thing that happened: which, when, in which record (None for prices, which lie in blocks), and the
    lines for people, the first one its headline.
    """

    name: str
    at: int
    record: int | None
    lines: tuple[str, ...]


class Narrator:
    """An observer. Most scenes are told once, the first time; every halt and every resume is told.

    ``say`` is given each scene as it happens. ``attach`` it to the session before its first event.
    """

    def __init__(self, plan: Plan, say: Callable[[Scene], None]) -> None:
        self.scenes: list[Scene] = []
        self._say = say
        self._instruments = plan.instruments
        self._currency = plan.cash.scale
        self._interval = plan.opened.interval
        self._journal: Journal | None = None
        self._told: set[str] = set()
        self._last: Bar | None = None
        self._week_ends = 0
        self._trades = self._vetoes = 0
        self._breaker = Breaker.NORMAL
        self._asked: dict[str, tuple[Order, int]] = {}
        self._entered: dict[str, tuple[Fill, int]] = {}
        self._left: tuple[Fill, int] | None = None

    def attach(self, session: Session) -> None:
        """Learn where the session's records go: their numbers are told with the scenes."""
        self._journal = session.journal

    def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Account) -> None:
        """Note one event. Hot: a quiet bar costs a few comparisons."""
        if type(event) is Bar:
            self._bar(event, account)
            return
        if not effects and type(event) is not Fill:
            return
        if self._journal is None:
            raise InvariantError("the narrator was not attached to its session")
        first = self._journal.next_number - len(effects)
        if isinstance(event, Fill):
            if event.role is Role.ENTRY:
                self._entered[event.instrument] = (event, first - 1)
            else:
                self._left = (event, first - 1)
        for number, effect in enumerate(effects, first):
            self._effect(effect, number, effects)

    def _tell(self, name: str, at: int, record: int | None, *lines: str, again: bool = False) -> None:
        if name in self._told and not again:
            return
        self._told.add(name)
        scene = Scene(name, at, record, lines)
        self.scenes.append(scene)
        self._say(scene)

    # ---- prices --------------------------------------------------------------------------------------

    def _bar(self, bar: Bar, account: Account) -> None:
        last, self._last = self._last, bar
        if last is None:
            self._week_ends = bar.start + 7 * DAY
            return
        missing = (bar.start - last.at) // self._interval
        if missing:
            self._stall(bar, last, missing)
        elif abs(bar.open - last.close) > GAP_SHARE * last.close:
            moved = words.percent(bar.open / last.close - 1.0)
            line = f"{bar.instrument} opens {moved} from its last close: {self._between(last, bar)}"
            self._tell(GAP, bar.at, None, line)
        if bar.at >= self._week_ends:
            self._week_ends += 7 * DAY
            equity = words.money(account.equity_e8, self._currency)
            counts = f"trades {self._trades:,}, vetoes {self._vetoes:,}, breaker {self._breaker}"
            self._tell(WEEK, bar.at, None, f"equity {equity}, {counts}", again=True)

    def _stall(self, bar: Bar, last: Bar, missing: int) -> None:
        moved = words.percent(bar.open / last.close - 1.0)
        came = f"the price came back {moved} away: {self._between(last, bar)}"
        line = f"the feed was silent for {missing} bars; {came}"
        self._tell(STALL, bar.at, None, line)

    def _between(self, last: Bar, bar: Bar) -> str:
        show = self._instruments[bar.instrument].show_price
        return f"{show(last.close)} to {show(bar.open)}"

    # ---- what the desk does --------------------------------------------------------------------------

    def _effect(self, effect: AnyEffect, number: int, effects: Sequence[AnyEffect]) -> None:
        if isinstance(effect, Decision):
            self._decision(effect, number, effects)
        elif isinstance(effect, ApprovedOrder):
            self._asked[effect.order.id] = (effect.order, number)
        elif isinstance(effect, Vetoed):
            self._vetoes += 1
            self._veto(effect, number)
        elif isinstance(effect, TradeClosed):
            self._trades += 1
            if effect.exit_role in _LEGS and self._breaker is Breaker.NORMAL:
                self._tell(BRACKET, effect.at, number, *self._bracket(effect))
        elif isinstance(effect, BreakerMoved):
            self._breaker = effect.after
            self._moved(effect, number, effects)

    def _decision(self, decision: Decision, number: int, effects: Sequence[AnyEffect]) -> None:
        """The first one that the shield let pass, with what each agent said for and against it."""
        passed = {each.order.instrument for each in effects if isinstance(each, ApprovedOrder)}
        for target in decision.targets:
            if target.stance is Stance.FLAT or target.instrument not in passed or SIGNALS in self._told:
                continue
            self._tell(SIGNALS, decision.at, number, *_signals(target))
            self._tell(DECISION, decision.at, number, *self._why(decision, target, effects))

    def _why(self, decision: Decision, target: Target, effects: Sequence[AnyEffect]) -> list[str]:
        chance = f"{target.confidence:.3f} sure"
        lines = [f"{target.stance.name} {target.instrument}, {chance}: {target.reason}"]
        for vote in target.votes:
            said = f"said {vote.stated:.3f}, calibrated {vote.calibrated:.3f}"
            lines.append(f"{vote.agent} {said}, heard with weight {vote.weight:.2f}")
        for effect in effects:
            if isinstance(effect, ApprovedOrder) and effect.order.instrument == target.instrument:
                cut = [each.rule for each in effect.verdict.findings if each.lots_max is not None]
                size = f", cut to size by {', '.join(cut)}" if cut else ""
                rules = len({each.rule for each in effect.verdict.findings})
                lines.append(
                    f"the shield let it pass: {self._order(effect.order)}; {rules} rules asked{size}"
                )
        return lines

    def _order(self, order: Order) -> str:
        instrument = self._instruments[order.instrument]
        text = f"{order.side} {instrument.show_quantity(order.quantity.count)} {order.instrument}"
        if order.bracket is None:
            return text
        target = order.bracket.target
        goal = f", target {instrument.show_price(target.count)}" if target is not None else ""
        return f"{text}, stop {instrument.show_price(order.bracket.stop.count)}{goal}"

    def _veto(self, veto: Vetoed, number: int) -> None:
        """Vetoes of a halted desk are no news: the first one by a limit is."""
        if self._breaker is not Breaker.NORMAL:
            return
        lines = [f"{self._order(veto.order)}: refused"]
        for finding in veto.verdict.refusals:
            numbers = words.inputs(finding.inputs, self._currency)
            lines.append(f"{finding.rule}: {finding.reason} ({numbers})")
        self._tell(VETO, veto.at, number, *lines)

    def _bracket(self, trade: TradeClosed) -> list[str]:
        instrument = self._instruments[trade.instrument]
        result = words.money(trade.pnl.count, self._currency, signed=True)
        lines = [f"{trade.exit_role} filled, {result} after fees of {trade.fees}"]
        fill, record = self._entered[trade.instrument]
        order, asked = self._asked[fill.order]
        price = instrument.show_price(fill.price.count)
        lines.append(f"asked for in record {asked}: {self._order(order)}")
        lines.append(f"entered at {price} {words.stamp(fill.filled_at)}, record {record}")
        lines.append(self._exit(trade))
        return lines

    def _exit(self, trade: TradeClosed) -> str:
        if self._left is None:
            raise InvariantError(f"a trade in {trade.instrument} closed without a fill")
        fill, record = self._left
        price = self._instruments[trade.instrument].show_price(fill.price.count)
        return f"{trade.exit_role} filled at {price} {words.stamp(fill.filled_at)}, record {record}"

    def _moved(self, move: BreakerMoved, number: int, effects: Sequence[AnyEffect]) -> None:
        if move.after is Breaker.NORMAL:
            people = ", ".join(move.inputs["principals"])
            line = f"the desk may trade again: {people} ({move.inputs['reason']})"
            self._tell(RESUME, move.at, number, line, again=True)
            return
        numbers = words.inputs(move.inputs, self._currency)
        lines = [f"{move.after.upper()} by {move.rule} ({numbers})", *self._just_lost(move.at)]
        orders = [each for each in effects if isinstance(each, ApprovedOrder) and each.order.reduces]
        lines += [f"closing what is held: {self._order(each.order)}" for each in orders]
        self._tell(HALT, move.at, number, *lines, again=True)

    def _just_lost(self, at: int) -> list[str]:
        """The stop that filled at the instant of the fall, and how far beyond its trigger."""
        if self._left is None or self._left[0].at != at or self._left[0].role is not Role.STOP:
            return []
        fill, record = self._left
        entry = self._entered.get(fill.instrument)
        order = self._asked[entry[0].order][0] if entry is not None else None
        if order is None or order.bracket is None:
            return []
        show = self._instruments[fill.instrument].show_price
        stood, met = show(order.bracket.stop.count), show(fill.price.count)
        return [f"a stop stood at {stood}; the first price to fill it was {met}, record {record}"]


def _signals(target: Target) -> list[str]:
    lines = [f"what the agents think of {target.instrument}: the chance that it will be higher"]
    for vote in target.votes:
        reasons = ", ".join(f"{name} {value:g}" for name, value in vote.reasons)
        lines.append(f"{vote.agent} {vote.stated:.3f} ({reasons})")
    return lines
