"""The Python shield with the compiled limits at its side: shown and asked the same, they must agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quorate.adapters.operators import AUTOMATIC
from quorate.core.account import Account
from quorate.core.effects import AnyEffect, BreakerMoved, Cancel, Vetoed
from quorate.core.events import (
    Accepted,
    AnyEvent,
    Bar,
    Breaker,
    Cancelled,
    Charged,
    Expired,
    Fill,
    Halt,
    InstantClosed,
    Rejected,
    Resume,
    Roll,
    Rolled,
    Settled,
)
from quorate.core.instrument import Instrument
from quorate.core.order import Answer, ApprovedOrder, Order, Role, Side
from quorate.core.roles import View
from quorate.native.exchange import Kind as Told_
from quorate.native.exchange import Market as Row
from quorate.native.exchange import Rows, Told
from quorate.native.limits import BREAKERS, ROLES, Duty, Limits, Move
from quorate.shield.mint import Mint
from quorate.shield.numbers import Number, numbers
from quorate.shield.rulebook import Rulebook
from quorate.shield.shield import Shield

SIGNS = {Side.BUY: 1, Side.SELL: -1}


class Twin(Shield):
    """The shield and the compiled limits, shown and asked the same; they must agree after every step."""

    cool_down: int | None = None

    def __init__(
        self,
        rulebook: Rulebook,
        account: Account,
        instruments: Mapping[str, Instrument],
        mint: Mint,
        **more: Any,
    ) -> None:
        super().__init__(rulebook, account, instruments, mint, **more)
        self.places = list(instruments)
        self.native = Limits(
            list(instruments.values()), self.native_numbers(numbers(rulebook)), account.cash_e8,
            cool_down_ns=self.cool_down,
        )  # fmt: skip
        self.ids: dict[str, int] = {"": -1}
        self.moved: list[Move] = []
        self.steps = self.reviews = self.approvals = self.cuts = 0
        self.denied: set[str] = set()
        self.cut: set[str] = set()

    def native_numbers(self, given: dict[str, Number]) -> dict[str, Number]:
        """Where defects are planted."""
        return given

    def id_of(self, order: str) -> int:
        return self.ids.setdefault(order, len(self.ids))

    # ---- the same to both ----------------------------------------------------------------------------

    def on(self, event: AnyEvent, view: View) -> list[AnyEffect]:
        effects = super().on(event, view)
        kind = type(event)
        if kind in (Bar, Roll):
            self.native.watch(self._market_row(event))
        elif kind is InstantClosed:
            self.native.instant_closed(event.at)
        elif kind is Halt:
            self.native.halt(event.at)
        elif isinstance(event, Resume):
            self._native_resume(event)
        else:
            self.native.hear(self._report_rows(event))
        late = (
            isinstance(event, Fill) and event.role is Role.ENTRY and self.breaker is Breaker.HALTED
        )  # as kernel/desk.py
        self._agree(effects, late=late)
        return effects

    def _native_resume(self, event: Resume) -> None:
        if self.cool_down is not None and event.principals == (AUTOMATIC,):
            self.native.operate(event.at - 1)  # not yet
            assert self.native.breaker != "normal"
            self.native.operate(event.at)
        elif any(event.principals):
            self.native.resume(event.at)

    def review(self, order: Order, view: View, nonce: int) -> ApprovedOrder | Vetoed:
        answer = super().review(order, view, nonce)
        bracket, count = order.bracket, lambda unit: None if unit is None else unit.count
        got = self.native.review(
            self.id_of(order.id), view.at, order.instrument, order.side, order.type, order.role,
            order.quantity.count, order.reference.count, limit=count(order.limit),
            trigger=count(order.trigger), stop=None if bracket is None else bracket.stop.count,
            target=None if bracket is None else count(bracket.target),
        )  # fmt: skip
        findings = answer.verdict.findings
        denied = {each.rule for each in findings if each.answer is Answer.DENY}
        cut = {each.rule for each in findings if each.answer is Answer.REDUCE}
        assert got.denied == denied, f"denied by {sorted(got.denied ^ denied)} on one side only"
        assert got.cut == cut, f"cut by {sorted(got.cut ^ cut)} on one side only"
        allowed = isinstance(answer, ApprovedOrder)
        assert got.allowed == allowed
        assert got.lots == (answer.order.quantity.count if allowed else 0), "another size"
        self.reviews += 1
        self.approvals += allowed
        self.cuts += bool(cut)
        if len(denied) < 26:
            self.denied |= denied
        self.cut |= cut
        self._agree([])
        return answer

    def may_cancel(self, cancel: Cancel) -> str | None:
        refusal = super().may_cancel(cancel)
        assert self.native.may_cancel(self.id_of(cancel.order)) == (refusal is None), "another cancel"
        return refusal

    # ---- what both know ------------------------------------------------------------------------------

    def _agree(self, effects: Sequence[AnyEffect], *, late: bool = False) -> None:
        self.steps += 1
        state, core = self._state, self.native.core
        moves = [each for each in effects if isinstance(each, BreakerMoved)]
        self.moved += [Move(each.at, each.before, each.after, each.rule) for each in moves]
        assert self.native.failure == ""
        assert (core.equity_e8, core.cash_e8) == (state.equity_e8, state.account.cash_e8), "another equity"
        for name, position in state.account.positions.items():
            assert self.native.lots(name) == position.lots, "other lots"
            assert self.native.mark(name) == position.mark, "another mark"
        known = state.day_start_e8, state.peak_e8, state.hour_high_e8
        assert (core.day_start_e8, core.peak_e8, core.hour_high_e8) == known, "another watch"
        assert (core.losses_in_a_row, core.last_loss_at) == (state.losses_in_a_row, state.last_loss_at)
        working = {
            (self.id_of(name), self.places.index(each.instrument), ROLES[each.role], each.sign, each.left)
            for name, each in state.orders.working.items()
        }
        assert set(core.working) == working, "other working orders"
        assert BREAKERS[core.breaker] == self.breaker, "another breaker"
        assert len(core.moves) == len(self.moved), "other moves"
        assert self.native.moves[-3:] == self.moved[-3:], "other moves"
        downs = [each.after for each in moves]
        duty = Duty.CANCEL_ENTRIES if Breaker.REDUCING in downs else Duty.NONE
        assert self.native.duty() == (Duty.LEAVE if late or Breaker.HALTED in downs else duty)

    def _market_row(self, event: Any) -> Rows:
        row = np.zeros((1, len(Row)), dtype=np.int64)
        row[0, [Row.AT, Row.INSTRUMENT]] = event.at, self.places.index(event.instrument)
        if isinstance(event, Roll):
            row[0, [Row.KIND, Row.OPEN, Row.CLOSE]] = 1, event.old, event.new
        else:
            row[0, [Row.START, Row.OPEN, Row.HIGH, Row.LOW]] = event.start, event.open, event.high, event.low
            row[0, Row.CLOSE] = event.close
        return row

    def _report_rows(self, event: Any) -> Rows:
        rows: list[dict[int, int]] = []
        told: dict[int, int] = {Told.AT: event.at}
        for name, column in (("order", Told.ORDER), ("parent", Told.PARENT)):
            if getattr(event, name, None) is not None:
                told[column] = self.id_of(getattr(event, name))
        if hasattr(event, "instrument"):
            told[Told.INSTRUMENT] = self.places.index(event.instrument)
        if isinstance(event, Accepted | Fill):
            told |= {Told.ROLE: ROLES[event.role], Told.SIDE: SIGNS[event.side]}
            told[Told.LOTS] = event.quantity.count
        if isinstance(event, Fill):
            rows.append(
                told | {Told.KIND: Told_.FILL, Told.PRICE: event.price.count, Told.MONEY: event.fee.count}
            )
        elif isinstance(event, Rolled):
            terms = {Told.BEST: event.old.count, Told.PRICE: event.new.count, Told.MONEY: event.fee.count}
            rows.append(told | {Told.KIND: Told_.ROLLED} | terms)
        elif isinstance(event, Charged):
            rows.append(told | {Told.KIND: Told_.CHARGED, Told.MONEY: event.amount.count})
        elif isinstance(event, Settled):
            held = [(name, lots) for name, lots in event.positions.items() if lots]
            rows.append(told | {Told.KIND: Told_.SETTLED, Told.MONEY: event.cash.count, Told.LOTS: len(held)})
            rows += [
                told | {Told.KIND: Told_.HELD, Told.INSTRUMENT: self.places.index(name), Told.LOTS: lots}
                for name, lots in held
            ]
        elif isinstance(event, Accepted | Rejected | Cancelled | Expired):
            rows.append(told | {Told.KIND: Told_[type(event).__name__.upper()]})
        table = np.zeros((len(rows), len(Told)), dtype=np.int64)
        table[:, [Told.ORDER, Told.PARENT, Told.INSTRUMENT]] = -1
        for number, row in enumerate(rows):
            table[number, list(row)] = list(row.values())
        return table
