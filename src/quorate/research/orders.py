"""The words of an order beyond market, limit and stop: checked, and turned into what the exchange takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from quorate.core.errors import InputError
from quorate.core.instant import DAY
from quorate.native.exchange import FORCES, FOREVER, TYPES, WATCHES, Row
from quorate.research.parameters import nearest
from quorate.research.prices import lots_of, ticks_of

if TYPE_CHECKING:
    from quorate.core.instrument import Instrument
    from quorate.native.runner import Runner
    from quorate.research.book import Ticket

SESSIONS = ("open", "close")
REVIEWED = frozenset({"reduce_only"})  # words that rulebooks know
_SHOWN = {"mark": Row.MARK, "index": Row.INDEX}  # watches that need rows of their own


class Words(TypedDict, total=False):
    """What an order can be besides its price; prices and distances in currency, instants in ns.

    ``tif``: gtc, day (until the end of the UTC day), gtd (until ``until``), ioc or fok. ``touch``: the price
    from which on it is sent, as ``trigger``, but on the good side of the market. ``trail`` or ``trail_bps``
    (of the best price): how far a stop follows, from ``activation`` on; ``limit_offset``: how far beyond its
    trigger its limit is. ``watch``: what a trigger looks at: any, last, touch (bid or ask), mark, index.
    ``post_only``: refused rather than taking. ``reduce_only``: never more than is held. ``display``: units
    that an iceberg shows. ``on``: for the open or the close, of ``session`` (an instant, else the next
    midnight UTC). ``to_limit``: what is not filled at once rests at the price of what was. ``oco``, ``ouo``:
    names of groups in which one's fill ends the others, or makes them smaller. ``after``: lives from the
    first fill of that ticket on.
    """

    until: int | None
    tif: str | None
    touch: float | None
    trail: float | None
    trail_bps: int | None
    limit_offset: float | None
    activation: float | None
    watch: str | None
    post_only: bool
    reduce_only: bool
    display: float | None
    on: str | None
    session: int | None
    to_limit: bool
    oco: str | None
    ouo: str | None
    after: Ticket | None


@dataclass(frozen=True, slots=True)
class Wish:
    """One order as a strategy words it. ``limit``, ``trigger`` and the bracket as of `Strategy.buy`."""

    side: int
    limit: float | None
    trigger: float | None
    stop_loss: float | None
    take_profit: float | None
    words: Words

    @property
    def verb(self) -> str:
        """What the strategy called."""
        return "buy" if self.side > 0 else "sell"

    @property
    def is_single(self) -> bool:
        """Whether it must stay one order: two halves of it would work against each other."""
        linked = any(self.words.get(name) is not None for name in ("oco", "ouo", "after"))
        return linked or self.words.get("tif") == "fok"

    def get(self, name: str) -> Any:
        """A word, None where it was left out."""
        return self.words.get(name)

    # ---- what does not go together -----------------------------------------------------------------------

    def check(self) -> None:
        """Raises InputError for words that are unknown or do not go together, naming both."""
        for name in self.words:
            if name not in Words.__annotations__:
                raise self._wrong(f"has no '{name}'", nearest(name, [*Words.__annotations__]))
        self._check_words()
        self._check_kind()
        self._check_time()

    def check_reviewed(self) -> None:
        """Raises InputError naming the first word that a rulebook has no rule for."""
        todo = "use market, limit or stop orders, or run without a rulebook and without --desk"
        for name, value in self.words.items():
            if name not in REVIEWED and value is not None and value is not False:
                raise self._wrong(f"a rulebook has no rule for {name}={_shown(value)}", todo)
        if self.limit is not None and self.trigger is not None:
            raise self._wrong("a rulebook has no rule for a trigger with a limit", todo)

    def _check_words(self) -> None:
        for name, known in (("tif", tuple(FORCES)), ("on", SESSIONS), ("watch", tuple(WATCHES))):
            word = self.get(name)
            if word is not None and word not in known:
                raise self._wrong(f"{name}={word!r} is not known", f"one of {', '.join(known)}")
        for name in ("oco", "ouo"):
            group = self.get(name)
            if group is not None and (not isinstance(group, str) or not group):
                raise self._wrong(f"{name}={group!r} is not the name of a group", "write a text")
        if self.get("oco") is not None and self.get("ouo") is not None:
            raise self._wrong("is in one group, oco or ouo", "leave one out")
        if self.take_profit is not None and self.stop_loss is None:
            raise self._wrong(
                "take_profit needs a stop_loss beside it", "give both, or a limit order of its own"
            )
        if self.get("reduce_only") and self.stop_loss is not None:
            raise self._wrong("reduce_only has nothing that a bracket could protect", "leave one out")
        after = self.get("after")
        if after is not None and not hasattr(after, "numbers"):
            raise self._wrong(f"after={after!r} is no ticket", "give what buy or sell answered with")

    def _check_kind(self) -> None:
        given = {
            "trigger": self.trigger is not None,
            "touch": self.get("touch") is not None,
            "trail": self.get("trail") is not None or self.get("trail_bps") is not None,
            "on": self.get("on") is not None,
            "to_limit": bool(self.get("to_limit")),
        }
        kinds = [name for name, is_given in given.items() if is_given]
        if len(kinds) > 1:
            raise self._wrong(f"is of one kind, not {' and '.join(kinds)}", "leave all but one out")
        kind = kinds[0] if kinds else ""
        if self.get("trail") is not None and self.get("trail_bps") is not None:
            raise self._wrong("trails by trail or by trail_bps", "leave one out")
        if self.limit is not None and kind in ("trail", "to_limit"):
            todo = "use limit_offset=" if kind == "trail" else "leave one out"
            raise self._wrong(f"has a limit, or {kind}", todo)
        for name in ("limit_offset", "activation"):
            if self.get(name) is not None and kind != "trail":
                raise self._wrong(f"{name} belongs to a trailing stop", "add trail= or trail_bps=")
        if self.get("watch") is not None and kind not in ("trigger", "touch", "trail"):
            raise self._wrong("watch belongs to a trigger", "add trigger=, touch= or trail=")
        if self.get("session") is not None and kind != "on":
            raise self._wrong("session belongs to an order for the open or the close", "add on=")
        if self.get("post_only") and (self.limit is None or kind):
            raise self._wrong("post_only belongs to a limit order", "give limit= and no trigger")
        if self.get("display") is not None and kind == "on":
            raise self._wrong("an order for the open or the close shows no part", "leave display= out")

    def _check_time(self) -> None:
        tif = self.get("tif")
        if tif in ("ioc", "fok"):
            for name in ("on", "post_only", "display"):
                if self.get(name):
                    raise self._wrong(f"tif={tif!r} does not go with {name}", "leave one out")
        if tif == "gtd" and self.get("until") is None:
            raise self._wrong("tif='gtd' needs its last instant", "add until=, in ns")
        until = self.get("until")
        if until is not None and not 0 <= until <= FOREVER:
            raise self._wrong(f"until={until} is no instant", "give it in ns since 1970")
        if until is not None and tif not in (None, "gtd", "day"):
            raise self._wrong(f"until is for tif='gtd' or 'day', not {tif!r}", "leave one out")

    def _wrong(self, what: str, todo: str) -> InputError:
        return InputError(what, where=self.verb, todo=todo)

    # ---- as the exchange takes it ------------------------------------------------------------------------

    def type(self) -> str:
        """The exchange's name of it."""
        is_limited = self.limit is not None
        if self.trigger is not None:
            return "stop_limit" if is_limited else "stop"
        if self.get("touch") is not None:
            return "limit_if_touched" if is_limited else "market_if_touched"
        if self.get("trail") is not None or self.get("trail_bps") is not None:
            return "trailing_stop" if self.get("limit_offset") is None else "trailing_stop_limit"
        if self.get("on") is not None:
            return f"on_{self.get('on')}"
        if self.get("to_limit"):
            return "market_to_limit"
        return "limit" if is_limited else "market"

    def terms(self, runner: Runner, place: int, instrument: Instrument, lots: int) -> dict[str, Any]:
        """The keywords of `_native.order` that hang on neither role nor place in line; prices in ticks."""
        tick = runner.tick_now(place)
        kind = self.type()
        terms: dict[str, Any] = {"type": TYPES[kind]}
        limit = None if self.limit is None else ticks_of(self.limit, tick, -self.side)
        if kind == "limit":
            terms["price"] = limit
        elif limit is not None:
            terms["limit"] = limit
        price = self.trigger if self.trigger is not None else self.get("touch")
        if price is not None:
            terms["price"] = ticks_of(price, tick)
        if kind.startswith("trailing"):
            terms |= self._trail(tick)
        if kind.startswith("on_"):
            terms |= self._session(instrument)
        terms |= self._life() | self._watch(runner, instrument)
        if self.get("post_only"):
            terms["post_only"] = True
        if self.get("display") is not None:
            terms["display"] = self._display(instrument, lots)
        return terms

    def bracket(self, tick: float) -> dict[str, int]:
        """Stop and target of an entry in ticks."""
        prices = {"stop": self.stop_loss, "target": self.take_profit}
        return {name: ticks_of(price, tick) for name, price in prices.items() if price is not None}

    def _trail(self, tick: float) -> dict[str, int]:
        terms = {}
        if self.get("trail") is not None:
            terms["trail"] = self._distance("trail", tick, 1)
        else:
            share = self.get("trail_bps")
            if isinstance(share, bool) or share != share or int(share) != share or share < 1:
                raise self._wrong(f"trail_bps={share} is no whole number above zero", "write 50 for 0.5%")
            terms["trail_bps"] = int(share)
        if self.get("limit_offset") is not None:
            terms["limit_offset"] = self._distance("limit_offset", tick, 0)
        if self.get("activation") is not None:
            terms["activation"] = ticks_of(self.get("activation"), tick)
        return terms

    def _distance(self, name: str, tick: float, least: int) -> int:
        wanted = self.get(name)
        ticks = round(wanted / tick) if math.isfinite(wanted) else -1
        if wanted < 0 or ticks < least:
            raise self._wrong(
                f"{name}={wanted} is no distance of {least} ticks or more", "give it in currency"
            )
        return ticks

    def _session(self, instrument: Instrument) -> dict[str, int]:
        session = self.get("session")
        if session is not None:
            return {"session": int(session)}
        if instrument.hours.session_ns < DAY:
            what = f"{instrument.id} does not open and close at midnight UTC"
            raise self._wrong(what, "say which session: session=, the instant of its open or close in ns")
        return {}

    def _life(self) -> dict[str, int]:
        until = self.get("until")
        tif = self.get("tif") or ("gtc" if until is None else "gtd")
        return {"force": FORCES[tif]} | ({} if until is None else {"good_until": int(until)})

    def _watch(self, runner: Runner, instrument: Instrument) -> dict[str, int]:
        watch = self.get("watch")
        if watch is None:
            return {}
        if watch in _SHOWN and not runner.shows(_SHOWN[watch]):
            what = f"the data hold no {watch} prices: a trigger that watches them would never go off"
            raise self._wrong(what, "watch 'any', 'last' or 'touch'")
        return {"watch": WATCHES[watch]}

    def _display(self, instrument: Instrument, lots: int) -> int:
        shown = lots_of(self.get("display"), instrument.lot_float)
        if shown < 1:
            raise self._wrong("display is less than one lot", f"show {instrument.show_quantity(1)} or more")
        if shown > lots:
            what = f"shows more than there is: {self.get('display')} of {instrument.show_quantity(lots)}"
            raise self._wrong(what, "leave display= out, or show less")
        return shown


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str | int | float) else "..."


class Groups:
    """The numbers of a strategy's groups, by name."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._shrinking: dict[str, bool] = {}

    def terms(self, wish: Wish) -> dict[str, Any]:
        """``group`` and ``shrinks`` of an order; none for one without. InputError: a name of both kinds."""
        shrinks = wish.get("ouo") is not None
        name = wish.get("ouo") if shrinks else wish.get("oco")
        if name is None:
            return {}
        if self._shrinking.setdefault(name, shrinks) != shrinks:
            what = f"group '{name}' is {'oco' if shrinks else 'ouo'} already"
            raise InputError(what, where=wish.verb, todo="name another group")
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        return {"group": number, "shrinks": shrinks}
