"""The desk's only bookkeeping: cash, positions, open trades; a fold over fills, rolls, charges and marks.

Positions are kept at cost: cash moves by realised profit and fees, equity = cash + unrealised. The venue's
own ledger moves cash by full notionals instead; both must give the same equity to the last 1e-8, at every
fill.
"""

from __future__ import annotations

from collections.abc import Mapping

from quorate.core.errors import InvariantError, UnitError
from quorate.core.events import AnyEvent, Bar, Charged, Fill, Roll, Rolled, Settled, TradeClosed
from quorate.core.instrument import Instrument
from quorate.core.money import Money, divide_half_even
from quorate.core.order import Role


class Position:
    """One instrument's holding: signed lots, their cost and worth in 1e-8, and the trade they make up."""

    __slots__ = (
        "best_e8", "cost_e8", "decision", "entry_e8", "entry_lots", "exit_e8", "exit_lots", "exit_role",
        "fees_e8", "instrument", "lots", "mark", "opened_at", "realised_e8", "worst_e8", "worth_e8",
    )  # fmt: skip

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.lots = 0
        self.cost_e8 = 0
        self.worth_e8 = 0
        self.mark = 0
        self._open_trade(0, "")

    def _open_trade(self, at: int, decision: str) -> None:
        self.opened_at, self.decision = at, decision
        self.realised_e8 = self.fees_e8 = self.best_e8 = self.worst_e8 = 0
        self.entry_e8 = self.entry_lots = self.exit_e8 = self.exit_lots = 0
        self.exit_role = Role.EXIT

    def mark_to(self, ticks: int) -> int:
        """Value at a new price; returns the change of unrealised profit in 1e-8."""
        self.mark = ticks
        if not self.lots:
            return 0
        worth = self.instrument.worth_e8(ticks, self.lots)
        change, self.worth_e8 = worth - self.worth_e8, worth
        return change


class Account:
    """What we hold. Feed it every event with ``on``; read it as Money, or as integers where it is hot."""

    def __init__(self, cash: Money, instruments: Mapping[str, Instrument]) -> None:
        for instrument in instruments.values():
            if instrument.currency != cash.scale:
                raise InvariantError(
                    f"{instrument.id} is quoted in {instrument.currency}, the account is in {cash.scale}"
                )
        self.currency = cash.scale
        self.cash_e8 = cash.count
        self.start_e8 = cash.count
        self.fees_e8 = 0
        self.charges_e8 = 0
        self.fills = 0
        self.trades = 0
        self._unrealised_e8 = 0
        self.positions = {name: Position(instrument) for name, instrument in instruments.items()}
        self.decisions: dict[str, str] = {}

    @property
    def equity_e8(self) -> int:
        """Cash and unrealised profit at the last marks, in 1e-8."""
        return self.cash_e8 + self._unrealised_e8

    @property
    def equity(self) -> Money:
        """Cash and unrealised profit at the last marks."""
        return Money(self.equity_e8, self.currency)

    @property
    def gross_e8(self) -> int:
        """Sum of absolute worths at the last marks, in 1e-8."""
        return sum(abs(position.worth_e8) for position in self.positions.values())

    @property
    def cash(self) -> Money:
        """Settled cash: start, realised profit, fees and charges."""
        return Money(self.cash_e8, self.currency)

    def lots(self, instrument: str) -> int:
        """Signed lots held."""
        return self.positions[instrument].lots

    def on(self, event: AnyEvent) -> TradeClosed | None:
        """Fold one event in; a fill that closes a trade returns it."""
        kind = type(event)
        if kind is Bar:
            position = self.positions[event.instrument]  # type: ignore[union-attr]
            self._unrealised_e8 += position.mark_to(event.close)  # type: ignore[union-attr]
            return None
        if isinstance(event, Fill):
            return self._fill(event)
        if isinstance(event, Rolled):
            self._roll(event)
        elif isinstance(event, Charged):
            charge = self._own(event.amount)
            self.cash_e8 -= charge
            self.charges_e8 += charge
        elif isinstance(event, Roll):
            self.positions[event.instrument].mark = event.new
        elif isinstance(event, Settled):
            self._reconcile(event)
        return None

    def _fill(self, fill: Fill) -> TradeClosed | None:
        position = self.positions[fill.instrument]
        instrument = position.instrument
        for unit in (fill.price, fill.quantity, fill.best, fill.worst):
            instrument.check(unit)
        fee = self._own(fill.fee)
        self.fills += 1
        self.fees_e8 += fee
        self.cash_e8 -= fee
        signed = fill.quantity.count * fill.side.sign
        before = position.lots
        if before and (before > 0) != (signed > 0) and abs(signed) > abs(before):
            raise InvariantError(
                f"fill {fill.id} turns a position of {before} lots by {signed}: exits only reduce"
            )
        opens = before == 0 or (before > 0) == (signed > 0)
        if before == 0:
            position._open_trade(fill.filled_at, self.decisions.get(fill.order, fill.order))
        position.fees_e8 += fee
        unrealised = position.worth_e8 - position.cost_e8
        paid = instrument.worth_e8(fill.price.count, signed)
        if opens:
            position.cost_e8 += paid
            position.entry_e8 += abs(paid)
            position.entry_lots += abs(signed)
        else:
            closed_cost = divide_half_even(position.cost_e8 * abs(signed), abs(before))
            position.cost_e8 -= closed_cost
            gain = -paid - closed_cost
            position.realised_e8 += gain
            self.cash_e8 += gain
            position.exit_e8 += abs(paid)
            position.exit_lots += abs(signed)
            position.exit_role = fill.role
        position.best_e8 += paid - instrument.worth_e8(fill.best.count, signed)
        position.worst_e8 += paid - instrument.worth_e8(fill.worst.count, signed)
        position.lots = before + signed
        position.mark = position.mark or fill.price.count
        position.worth_e8 = instrument.worth_e8(position.mark, position.lots)
        self._unrealised_e8 += position.worth_e8 - position.cost_e8 - unrealised
        return self._close_trade(position, fill) if position.lots == 0 else None

    def _close_trade(self, position: Position, fill: Fill) -> TradeClosed:
        self.trades += 1
        instrument = position.instrument
        pnl = position.realised_e8 - position.fees_e8
        unit = float(instrument.lot * instrument.multiplier) * 1e8
        return TradeClosed(
            at=fill.at,
            instrument=fill.instrument,
            side=fill.side.opposite,
            opened_at=position.opened_at,
            quantity=instrument.quantity(position.entry_lots),
            entry=position.entry_e8 / position.entry_lots / unit,
            exit=position.exit_e8 / position.exit_lots / unit,
            pnl=instrument.money(pnl),
            fees=instrument.money(position.fees_e8),
            best=instrument.money(pnl + position.best_e8),
            worst=instrument.money(pnl + position.worst_e8),
            decision=position.decision,
            exit_role=fill.role,
        )

    def _roll(self, event: Rolled) -> None:
        """Closed in one contract at ``old``, opened in the next at ``new``: cost moves with the price."""
        position, fee = self.positions[event.instrument], self._own(event.fee)
        shift = position.instrument.worth_e8(event.new.count, position.lots) - position.instrument.worth_e8(
            event.old.count, position.lots
        )
        unrealised = position.worth_e8 - position.cost_e8
        position.cost_e8 += shift
        position.mark = event.new.count
        position.worth_e8 = position.instrument.worth_e8(position.mark, position.lots)
        self._unrealised_e8 += position.worth_e8 - position.cost_e8 - unrealised
        position.fees_e8 += fee
        self.fees_e8 += fee
        self.cash_e8 -= fee

    def _reconcile(self, event: Settled) -> None:
        """The venue's ledger is the second witness; a difference is a defect, and the desk halts."""
        for name, position in self.positions.items():
            if event.positions.get(name, 0) != position.lots:
                raise InvariantError(
                    f"{name}: the desk holds {position.lots} lots, the venue {event.positions.get(name, 0)}"
                )
        cost = sum(position.cost_e8 for position in self.positions.values())
        told = self._own(event.cash) + cost
        if told != self.cash_e8:
            said = Money(told, self.currency).decimal()
            raise InvariantError(f"the desk's cash is {self.cash.decimal()}, the venue's ledger says {said}")

    def _own(self, amount: Money) -> int:
        """The 1e-8 of an amount in the account's currency. Raises UnitError for one in another."""
        if amount.scale != self.currency:
            raise UnitError(f"{amount} cannot meet an account in {self.currency}")
        return amount.count
