"""What the rules look at: the account with every working order counted, and the watch on its equity."""

from __future__ import annotations

from collections import deque

from quorate.core.account import Account, Position
from quorate.core.errors import InvariantError
from quorate.core.events import Accepted, Breaker, Cancelled, Expired, Fill, Rejected, TradeClosed
from quorate.core.instant import DAY, HOUR
from quorate.core.instrument import Instrument, Kind
from quorate.core.money import divide_up
from quorate.core.order import Order, Role, Side
from quorate.core.roles import View
from quorate.shield.breaker import Switch

LONG_AGO = -(2**62)

Like = tuple[str, Side, int, bool]


class Working:
    """One order that may still fill: ``left`` lots on the side of ``sign``."""

    __slots__ = ("instrument", "left", "role", "sign")

    def __init__(self, instrument: str, sign: int, role: Role, left: int) -> None:
        self.instrument, self.sign, self.role, self.left = instrument, sign, role, left


class Reservations:
    """Everything that works at the venue or is on its way there, by order id; released exactly once."""

    def __init__(self) -> None:
        self.working: dict[str, Working] = {}
        self._approved: set[str] = set()
        self._entries: dict[tuple[str, int], int] = {}
        self._exits: dict[str, int] = {}

    def knows(self, order: str) -> bool:
        """True when this intent was approved before and the venue did not refuse it."""
        return order in self._approved

    def entering(self, instrument: str, sign: int) -> int:
        """Lots of working entries on one side."""
        return self._entries.get((instrument, sign), 0)

    def enters(self, instrument: str) -> bool:
        """True when an entry works on either side."""
        return self.entering(instrument, 1) > 0 or self.entering(instrument, -1) > 0

    def closing(self, instrument: str) -> int:
        """Lots of working exits, protective legs not counted."""
        return self._exits.get(instrument, 0)

    def protecting(self, instrument: str, sign: int, *, besides: str = "") -> int:
        """Lots of working stops on one side, one order left out."""
        return sum(
            each.left
            for name, each in self.working.items()
            if each.role is Role.STOP
            and each.instrument == instrument
            and each.sign == sign
            and name != besides
        )

    def reserve(self, order: Order) -> None:
        """An approved order counts from now on."""
        self._approved.add(order.id)
        self._add(order.id, Working(order.instrument, order.side.sign, order.role, order.quantity.count))

    def accepted(self, event: Accepted) -> str | None:
        """Legs of a bracket begin to work; returns what is wrong when the venue works an unknown entry."""
        known = self.working.get(event.order)
        if known is None and event.role is Role.ENTRY:
            return f"the venue works entry {event.order}, which was never approved"
        if known is None or event.parent is not None:
            self.release(event.order)
            leg = Working(event.instrument, event.side.sign, event.role, event.quantity.count)
            self._add(event.order, leg)
        return None

    def filled(self, event: Fill) -> str | None:
        """The filled part is held now, not reserved; returns what is wrong when more filled than approved."""
        known = self.working.get(event.order)
        lots = event.quantity.count
        if event.role is Role.ENTRY and (known is None or known.left < lots):
            left = 0 if known is None else known.left
            self.release(event.order)
            return f"entry {event.order} filled {lots} lots of {left} approved"
        if known is not None:
            self._less(known, min(lots, known.left))
            if known.left == 0:
                self.release(event.order)
        return None

    def ended(self, event: Rejected | Cancelled | Expired) -> None:
        """The order works no more; a refused one may be asked for again."""
        if isinstance(event, Rejected):
            self._approved.discard(event.order)
        self.release(event.order)

    def release(self, order: str) -> None:
        """Count an order no more. Nothing happens when it already is not."""
        known = self.working.pop(order, None)
        if known is not None:
            self._less(known, known.left)

    def _add(self, order: str, each: Working) -> None:
        if order in self.working:
            raise InvariantError(f"order {order} is already reserved")
        self.working[order] = each
        self._count(each, each.left)

    def _less(self, each: Working, lots: int) -> None:
        each.left -= lots
        self._count(each, -lots)

    def _count(self, each: Working, lots: int) -> None:
        if each.role is Role.ENTRY:
            key = each.instrument, each.sign
            self._entries[key] = self._entries.get(key, 0) + lots
        elif each.role is Role.EXIT:
            self._exits[each.instrument] = self._exits.get(each.instrument, 0) + lots


class EquityWatch:
    """Equity at the start of the day, at its peak and at the high of the rolling hour; all in 1e-8.

    A mark stands until the next one, so the hour's high includes the mark that stood when the hour began:
    on bars longer than an hour it still compares with the bar before.
    """

    __slots__ = ("_day", "_highs", "_last_e8", "day_start_e8", "hour_high_e8", "peak_e8")

    def __init__(self, equity_e8: int) -> None:
        self._day: int | None = None
        self._highs: deque[tuple[int, int]] = deque()  # (stood until, equity), equity falling
        self.rebase(equity_e8)

    def rebase(self, equity_e8: int) -> None:
        """Begin anew from here: what was lost before counts no more."""
        self._highs.clear()
        self._last_e8 = self.day_start_e8 = self.peak_e8 = self.hour_high_e8 = equity_e8

    def mark(self, at: int, equity_e8: int) -> None:
        """Equity as an instant closes."""
        highs, last = self._highs, self._last_e8
        day = (at - 1) // DAY  # what closes at midnight belongs to the day that ends
        if day != self._day:
            if self._day is not None:
                self.day_start_e8 = last
            self._day = day
        while highs and highs[-1][1] <= last:
            highs.pop()
        highs.append((at, last))
        while highs[0][0] <= at - HOUR:
            highs.popleft()
        high = highs[0][1]
        self.hour_high_e8 = high if high > equity_e8 else equity_e8
        if equity_e8 > self.peak_e8:
            self.peak_e8 = equity_e8
        self._last_e8 = equity_e8


class State:
    """Fills ``core.roles.ShieldState``; exposure leaves exchange futures out, as the limits do.

    An instrument counts with the larger of its two sides: what is held long and would be bought, or what is
    held short and would be sold. Hedges that only work, or whose exit works, are not counted on.
    """

    def __init__(self, account: Account, switch: Switch) -> None:
        self.account = account
        self.orders = Reservations()
        self.watch = EquityWatch(account.equity_e8)
        self.at = 0
        self.losses_in_a_row = 0
        self.last_loss_at = LONG_AGO
        self._switch = switch
        self._view: View | None = None
        self._sent: deque[tuple[int, Like]] = deque()
        self._likes: dict[Like, int] = {}
        self._sums: tuple[int, int, int, int] | None = None
        self._futures: dict[str, Position] = {
            name: each for name, each in account.positions.items() if each.instrument.kind is Kind.FUTURE
        }

    def begin(self, at: int, view: View) -> None:
        """Everything is read as of this instant."""
        self.at = at
        self._view = view
        self._sums = None

    @property
    def view(self) -> View:
        """The market now. Raises InvariantError before anything was seen."""
        if self._view is None:
            raise InvariantError("the shield was asked before it saw the market")
        return self._view

    @property
    def breaker(self) -> Breaker:
        """The breaker's state."""
        return self._switch.state

    @property
    def equity_e8(self) -> int:
        """Equity at the last marks."""
        return self.account.equity_e8

    @property
    def day_start_e8(self) -> int:
        """Equity when the UTC day began, or at a resume since."""
        return self.watch.day_start_e8

    @property
    def peak_e8(self) -> int:
        """Highest equity since the start or the last resume."""
        return self.watch.peak_e8

    @property
    def hour_high_e8(self) -> int:
        """Highest equity within the rolling hour, and the last mark before it."""
        return self.watch.hour_high_e8

    # ---- what is held and asked for ------------------------------------------------------------------

    def held(self, instrument: str) -> int:
        """Signed position in lots, filled only."""
        return self.account.positions[instrument].lots

    def on_side(self, instrument: str, sign: int) -> int:
        """Lots >= 0 that are held or would be on one side (+1 long, -1 short) if all entries there filled."""
        return max(self.account.positions[instrument].lots * sign, 0) + self.orders.entering(instrument, sign)

    def lots(self, instrument: str) -> int:
        """The larger side, signed."""
        long, short = self.on_side(instrument, 1), self.on_side(instrument, -1)
        return long if long >= short else -short

    def exposure_e8(self, instrument: str) -> int:
        """Signed notional of ``lots`` at the last price."""
        position = self.account.positions[instrument]
        return position.instrument.worth_e8(position.mark, self.lots(instrument))

    def gross_e8(self) -> int:
        """Sum of absolute exposures."""
        return self._totals()[0]

    def gross_besides_e8(self, instrument: str) -> int:
        """Gross of all instruments but one, in 1e-8."""
        return self._totals()[0] - max(self._sides_e8(instrument, self.account.positions[instrument]))

    def net_e8(self) -> int:
        """The larger of the two nets, signed."""
        long, short = self.net_side_e8(1), self.net_side_e8(-1)
        return long if long >= short else -short

    def side_e8(self, instrument: str, sign: int) -> int:
        """What one instrument adds to the net of a side; negative when its position is a hedge."""
        return self._sides_e8(instrument, self.account.positions[instrument])[0 if sign > 0 else 1]

    def net_side_e8(self, sign: int) -> int:
        """The net on one side if all entries there filled, none on the other."""
        return self._totals()[1 if sign > 0 else 2]

    def margin_e8(self, *, besides: str) -> int:
        """Initial margin of all exchange futures but one, rounded up."""
        return sum(
            margin_e8(position.instrument, abs(self.exposure_e8(name)))
            for name, position in self._futures.items()
            if name != besides
        )

    def open_count(self) -> int:
        """Instruments with any exposure, held or reserved; futures too."""
        return self._totals()[3]

    def _totals(self) -> tuple[int, int, int, int]:
        """(gross, net long, net short, open positions), added up once an order."""
        if self._sums is None:
            gross = long = short = count = 0
            for name, position in self.account.positions.items():
                if not position.lots and not self.orders.enters(name):
                    continue
                count += 1
                if name not in self._futures:
                    on_long, on_short = self._sides_e8(name, position)
                    gross += max(on_long, on_short)
                    long += on_long
                    short += on_short
            self._sums = gross, long, short, count
        return self._sums

    def _sides_e8(self, name: str, position: Position) -> tuple[int, int]:
        """What one instrument adds to the nets of both sides; the larger is its absolute exposure."""
        held = position.lots
        long, short = self.orders.entering(name, 1), self.orders.entering(name, -1)
        long, short = (long + held, short) if held > 0 else (long, short - held)
        hedge = 0 if self.orders.closing(name) else held
        worth, mark = position.instrument.worth_e8, position.mark
        return worth(mark, long or min(hedge, 0)), worth(mark, short or min(-hedge, 0))

    # ---- what was approved and how it went -----------------------------------------------------------

    def approved(self, order: Order) -> None:
        """Reserve an approved order and remember when it was."""
        self.orders.reserve(order)
        self._sums = None
        like = _like(order)
        self._sent.append((self.at, like))
        self._likes[like] = self.at
        while self._sent[0][0] < self.at - HOUR:
            at, old = self._sent.popleft()
            if self._likes.get(old) == at:
                del self._likes[old]

    def sent_since(self, since: int) -> int:
        """Orders approved at or after an instant, within the last hour."""
        count = 0
        for at, _ in reversed(self._sent):
            if at < since:
                break
            count += 1
        return count

    def last_like(self, order: Order) -> int:
        """When such an order was last approved within an hour: entries like entries, exits like exits."""
        return self._likes.get(_like(order), LONG_AGO)

    def closed(self, trade: TradeClosed) -> None:
        """Count losses in a row; a trade at zero changes nothing."""
        if trade.pnl.count < 0:
            self.losses_in_a_row += 1
            self.last_loss_at = trade.at
        elif trade.pnl.count > 0:
            self.losses_in_a_row = 0

    def rebase(self) -> None:
        """People resumed the desk: losses so far count no more."""
        self.watch.rebase(self.account.equity_e8)
        self.losses_in_a_row = 0
        self.last_loss_at = LONG_AGO


def _like(order: Order) -> Like:
    return order.instrument, order.side, order.quantity.count, order.reduces


def margin_e8(instrument: Instrument, notional_e8: int) -> int:
    """Initial margin of a notional, rounded up."""
    numerator, denominator = instrument.margin.as_integer_ratio()
    return divide_up(notional_e8 * numerator, denominator)
