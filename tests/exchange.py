"""A session in miniature for the simulator's tests: bars in, orders out, every report folded and checked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from quorate.core.account import Account
from quorate.core.effects import Cancel
from quorate.core.events import (
    Accepted,
    Bar,
    Cancelled,
    Charged,
    Expired,
    Fill,
    MarketEvent,
    Rejected,
    Report,
    Roll,
    Rolled,
    Settled,
)
from quorate.core.instant import MINUTE
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import Money
from quorate.core.order import ApprovedOrder, Bracket, Order, OrderType, Role, Side, Verdict
from quorate.simulator.costs import Costs
from quorate.simulator.simulator import Simulator

START = 1_700_000_000 * 1_000_000_000 // MINUTE * MINUTE
FREE = Costs(latency_ns=0, slippage=Decimal(0))

PLAIN = Instrument("PLAIN", Kind.FX, "USD", tick=Decimal("0.01"), lot=Decimal(1), margin=Decimal("0.1"))
CRYPTO = Instrument(
    "BTC-PERP", Kind.PERPETUAL, "USD", tick=Decimal("0.01"), lot=Decimal("0.00001"), taker_bps=Decimal("4.5"),
    maker_bps=Decimal("-0.5"), spread_bps=Decimal("1"), slippage_bps=Decimal("1.5"),
    financing_bps_year=Decimal(1095), margin=Decimal("0.1"),
)  # fmt: skip
FUTURE = Instrument(
    "NQ", Kind.FUTURE, "USD", tick=Decimal("0.25"), lot=Decimal(1), multiplier=Decimal(20), calendar="cme",
    commission=Decimal("2.25"), spread_bps=Decimal("0.3"), slippage_bps=Decimal("0.2"),
    margin=Decimal("0.05"),
)  # fmt: skip
SMALL = Instrument(
    "COIN", Kind.SPOT, "USD", tick=Decimal("0.000001"), lot=Decimal("0.003"), taker_bps=Decimal(10),
    spread_bps=Decimal(3), slippage_bps=Decimal(2), financing_bps_year=Decimal(300), margin=Decimal("0.5"),
)  # fmt: skip


def approve(order: Order, at: int, expires_at: int = 2**62) -> ApprovedOrder:
    """What the shield would hand over."""
    return ApprovedOrder(at, order, Verdict(True, (), "test"), "policy", expires_at, 0)


class Desk:
    """Drives a Simulator bar by bar beside an Account, and holds every rule that any run must keep.

    ``kind``: the venue, where none is named; the oracle is asked the same by tests that set it.
    """

    kind: type[Any] = Simulator

    def __init__(
        self,
        *instruments: Instrument,
        cash: int = 1_000_000,
        costs: Costs = FREE,
        simulator: type[Any] | None = None,
        interval: int = MINUTE,
    ) -> None:
        traded: Mapping[str, Instrument] = {instrument.id: instrument for instrument in instruments}
        self.instruments, self.interval, self.at = traded, interval, START
        self.venue = (simulator or self.kind)(traded, Money.of(cash, "USD"), costs)
        self.account = Account(Money.of(cash, "USD"), traded)
        self.reports: list[Report] = []
        self.accepted: dict[str, Accepted] = {}
        self.ended: dict[str, str] = {}
        self.filled: dict[str, int] = {}
        self.shifts = dict.fromkeys(traded, 0)  # by rolls, so far
        self.shifted: dict[str, int] = {}  # the same when an order was sent

    # ---- driving -------------------------------------------------------------------------------------

    def bar(
        self,
        open: int,
        high: int | None = None,
        low: int | None = None,
        close: int | None = None,
        *,
        volume: int = -1,
        spread: int = -1,
        instrument: str = "",
    ) -> list[Report]:
        """The next bar of one instrument; returns the reports since the last one."""
        name = instrument or next(iter(self.instruments))
        close = open if close is None else close
        high = max(open, close) if high is None else high
        low = min(open, close) if low is None else low
        at = self.at + self.interval
        return self.step(Bar(at, name, self.at, open, high, low, close, volume, spread))

    def step(self, *events: MarketEvent) -> list[Report]:
        """One instant: late reports, then the venue's of now, then the market's."""
        before = len(self.reports)
        self._drain(events[0].at - 1)
        self.at = events[0].at
        for event in events:
            if isinstance(event, Roll):
                self.shifts[event.instrument] += event.new - event.old
        self.venue.watch(events)
        self._drain(self.at)
        for event in events:
            self.account.on(event)
        return self.reports[before:]

    def finish(self) -> None:
        """Take whatever is still on its way."""
        self._drain(2**62)

    def send(
        self,
        id: str,
        side: str,
        lots: int,
        *,
        limit: int | None = None,
        trigger: int | None = None,
        stop: int | None = None,
        target: int | None = None,
        role: Role = Role.ENTRY,
        instrument: str = "",
    ) -> Order:
        """Submit an order now; its type follows from its prices."""
        traded = self.instruments[instrument or next(iter(self.instruments))]
        kind = (
            OrderType.LIMIT
            if limit is not None
            else OrderType.STOP
            if trigger is not None
            else OrderType.MARKET
        )
        order = Order(
            id, "decision", traded.id, Side(side), kind, role, traded.quantity(lots), traded.price(1),
            limit=None if limit is None else traded.price(limit),
            trigger=None if trigger is None else traded.price(trigger),
            bracket=None if stop is None else Bracket(
                traded.price(stop), None if target is None else traded.price(target)
            ),
        )  # fmt: skip
        self.shifted.setdefault(id, self.shifts[traded.id])
        self.venue.submit(approve(order, self.at))
        return order

    def stop_working(self, id: str) -> None:
        """Ask the venue to cancel."""
        self.venue.cancel(Cancel(self.at, id, next(iter(self.instruments)), "asked"))

    @property
    def fills(self) -> list[Fill]:
        """All fills so far."""
        return [report for report in self.reports if isinstance(report, Fill)]

    def lots(self, instrument: str = "") -> int:
        """Signed lots held."""
        return self.account.lots(instrument or next(iter(self.instruments)))

    # ---- what every run must keep --------------------------------------------------------------------

    def _drain(self, until: int) -> None:
        while (head := self.venue.peek()) is not None and head.at <= until:
            report = self.venue.pop()
            assert report is head
            assert not self.reports or report.at >= self.reports[-1].at, "reports ran backwards"
            self._check(report)
            self.reports.append(report)
            self.account.on(report)

    def _check(self, report: Report) -> None:
        if isinstance(report, Accepted):
            assert report.order not in self.accepted, f"{report.order} accepted twice"
            self.accepted[report.order] = report
            self.shifted.setdefault(report.order, self.shifts[report.instrument])
        elif isinstance(report, Fill):
            self._check_fill(report)
        elif isinstance(report, Rejected) and report.reason == "duplicate":
            assert report.order in self.accepted or report.order in self.ended
        elif isinstance(report, Rejected | Cancelled | Expired):
            assert report.order not in self.ended, f"{report.order} ended twice"
            self.ended[report.order] = type(report).__name__
        else:
            assert isinstance(report, Rolled | Charged | Settled)

    def _check_fill(self, fill: Fill) -> None:
        terms, sign, held = self.accepted[fill.order], fill.side.sign, self.lots(fill.instrument)
        assert fill.order not in self.ended, f"{fill.order} filled after its end"
        assert fill.order not in self.filled, f"{fill.order} executed twice"
        self.filled[fill.order] = fill.quantity.count
        assert 0 < fill.quantity.count <= terms.quantity.count, "filled more than was asked"
        assert sign * fill.best.count <= sign * fill.price.count <= sign * fill.worst.count, "bounds crossed"
        if terms.limit is not None:
            limit = terms.limit.count + self.shifts[fill.instrument] - self.shifted[fill.order]
            assert sign * fill.worst.count <= sign * limit, "worse than the limit"
        if fill.role is not Role.ENTRY:
            assert held * sign < 0 and fill.quantity.count <= abs(held), "an exit opened or turned"
        else:
            assert held * sign >= 0, "an entry turned the position"
        assert fill.filled_at <= fill.at
