"""The door from raw market events to the View: what is known now, and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from math import nan

import numpy as np

from quorate.core.errors import ConfigError
from quorate.core.events import AnyEvent, Bar, InstantClosed, Roll
from quorate.core.instrument import Instrument
from quorate.core.roles import Floats, Indicator
from quorate.indicators.indicators import Indicators

CLOSES_KEPT = 1_024


class Tape:
    """One instrument's memory: its last bars, its indicators, and how rolls have shifted its prices."""

    __slots__ = ("adjust", "closes", "count", "indicators", "instrument", "last", "lot", "tick")

    def __init__(self, instrument: Instrument, indicators: Indicators) -> None:
        self.instrument = instrument
        self.indicators = indicators
        self.tick = instrument.tick_float
        self.lot = instrument.lot_float
        self.adjust = 1.0
        self.last: Bar | None = None
        self.count = 0
        self.closes: deque[float] = deque(maxlen=CLOSES_KEPT)

    def take(self, bar: Bar) -> None:
        """Fold a closed bar in; indicators see prices carried over rolls, so a roll is never a return."""
        scale = self.tick * self.adjust
        close = bar.close * scale
        volume = bar.volume * self.lot if bar.volume >= 0 else nan
        self.indicators.update(bar.open * scale, bar.high * scale, bar.low * scale, close, volume)
        self.closes.append(close)
        self.last = bar
        self.count += 1


class Market:
    """Folds market events into what is known now; it is itself the View it hands out.

    ``names`` are the indicators anyone on the desk asked for. Nothing here can be asked for a bar that has
    not closed: there is no argument for time.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        interval: int,
        names: Sequence[str],
        plugins: Mapping[str, type[Indicator]] | None = None,
    ) -> None:
        self.instruments = instruments
        self.interval = interval
        self.at = 0
        self.fresh: list[str] = []
        self._fresh_at = -1
        self._tapes = {
            name: Tape(instrument, Indicators(names, plugins)) for name, instrument in instruments.items()
        }
        self._readers = {name: tape.indicators.reader() for name, tape in self._tapes.items()}
        self._per_year = {name: each.hours.bars_per_year(interval) for name, each in instruments.items()}
        self.columns: frozenset[str] = frozenset().union(
            *(tape.indicators.columns for tape in self._tapes.values())
        )

    def on(self, event: AnyEvent) -> Market:
        """Fold one event in and return the view as of it."""
        self.at = event.at
        kind = type(event)
        if kind is Bar:
            if event.at != self._fresh_at:
                self._fresh_at = event.at
                self.fresh.clear()
            self.fresh.append(event.instrument)  # type: ignore[union-attr]
            self._tapes[event.instrument].take(event)  # type: ignore[union-attr, arg-type]
        elif kind is InstantClosed:
            if event.at != self._fresh_at:
                self.fresh.clear()
            elif len(self.fresh) > 1:
                self.fresh.sort()
        elif isinstance(event, Roll):
            tape = self._tapes[event.instrument]
            tape.adjust *= event.old / event.new
        return self

    def count(self, instrument: str) -> int:
        """Closed bars seen so far."""
        return self._tapes[instrument].count

    def bar(self, instrument: str) -> Bar | None:
        """The last closed bar, as traded, in ticks."""
        return self._tapes[instrument].last

    def feature(self, instrument: str, column: str) -> float:
        """The value of a column now, NaN before warm-up. Raises ConfigError if nobody asked for it."""
        slots, value, own = self._readers[instrument]
        slot = slots.get(column)
        if slot is not None:
            return value(slot)
        if column in own:
            return own[column]
        known = ", ".join(sorted(self.columns))
        raise ConfigError(f"no indicator column '{column}'", where="view", todo=f"one of {known}")

    def close(self, instrument: str) -> float:
        """The last close, roll-adjusted, in currency; NaN before the first bar."""
        closes = self._tapes[instrument].closes
        return closes[-1] if closes else nan

    def closes(self, instrument: str, count: int) -> Floats:
        """Up to ``count`` (<= 1,024) last closes, roll-adjusted, in currency, oldest first; a fresh copy."""
        closes = self._tapes[instrument].closes
        return np.fromiter(islice(closes, max(0, len(closes) - count), None), dtype=np.float64)

    def bars_per_year(self, instrument: str) -> float:
        """Bars of this run's interval in a year of the instrument's calendar."""
        return self._per_year[instrument]
