"""The formula body: compiled once, its stances and levels over the whole history traded as they come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from quorate.core.errors import ConfigError
from quorate.core.instrument import Instrument
from quorate.indicators.formula import Formula, compile_formula
from quorate.native.exchange import Market
from quorate.native.program import Bars
from quorate.research.array import Answer
from quorate.research.book import Floats
from quorate.research.parameters import Value
from quorate.research.run import Run, Setting, follow
from quorate.research.strategy import Strategy

if TYPE_CHECKING:
    from quorate.native.runner import ClosedBar


def run_formula(formula: Formula, values: Mapping[str, Value], setting: Setting) -> Run:
    """Run a formula with these numbers for its parameters; it cannot spell a later bar: none is looked for.

    ``stop`` and ``target`` become prices round the close of the decision. Raises ConfigError and DataError.
    """
    bound = formula.with_params(**numbers(values)) if values else formula
    bars = bars_of(setting)
    compiled = compile_formula(bound, setting.instruments[0], interval_ns=setting.interval_ns)
    levels = compiled.levels(bars)
    position = compiled.stances(bars)
    close = setting.ohlcv.close
    stop, target = (
        None if name not in levels else _price(close + way * np.sign(position) * levels[name])
        for name, way in (("stop", -1), ("target", 1))
    )
    limit = None if "limit" not in levels else _price(levels["limit"])
    return follow(Answer(position, limit, stop, target), setting)


class FormulaStrategy(Strategy):
    """A formula followed bar by bar, for a desk: its stances and levels are the batch's in every bit."""

    def __init__(
        self, formula: Formula, values: Mapping[str, Value], terms: Instrument, interval_ns: int
    ) -> None:
        super().__init__()
        bound = formula.with_params(**numbers(values)) if values else formula
        self._stepper = compile_formula(bound, terms, interval_ns=interval_ns).start()
        self._tick, self._lot = terms.tick_float, terms.lot_float

    def on_bar(self, bar: ClosedBar) -> None:
        """One step; prices in ticks, carried over rolls to the nearest."""
        tick = self._tick
        open_, high, low, close = (round(each / tick) for each in (bar.open, bar.high, bar.low, bar.close))
        volume = -1 if math.isnan(bar.volume) else round(bar.volume / self._lot)
        stance = self._stepper.step(bar.at, open_, high, low, close, volume)
        if math.isnan(stance):
            return
        levels = self._stepper.levels
        sign = (stance > 0) - (stance < 0)
        stop = _above_zero(bar.close - sign * levels.get("stop", math.nan))
        target = _above_zero(bar.close + sign * levels.get("target", math.nan))
        limit = _above_zero(levels.get("limit", math.nan))
        self.target(stance, stop=stop, target=None if stop is None else target, limit=limit)


def _above_zero(price: float) -> float | None:
    return price if price > 0 else None


def _price(levels: Floats) -> Floats:
    """Levels that are prices; NaN for those that are not."""
    return np.where(levels > 0, levels, np.nan)


def numbers(values: Mapping[str, Value]) -> dict[str, float]:
    """Parameters as a formula takes them: whole ones as whole numbers."""
    found = {name: float(value) for name, value in values.items()}
    return {name: int(value) if value.is_integer() else value for name, value in found.items()}


def bars_of(setting: Setting) -> Bars:
    """The history of the one instrument in ticks and lots, carried over rolls to the nearest tick.

    Raises ConfigError when there are more instruments.
    """
    ohlcv = setting.ohlcv  # refuses more than one
    rows = setting.rows[setting.rows[:, Market.KIND] == 0]
    columns = [rows[:, each] for each in (Market.OPEN, Market.HIGH, Market.LOW, Market.CLOSE)]
    if len(rows) != len(setting.rows):
        tick = setting.instruments[0].tick_float
        carried = (ohlcv.open, ohlcv.high, ohlcv.low, ohlcv.close)
        columns = [np.rint(each / tick).astype(np.int64) for each in carried]
    if min(int(each.min()) for each in columns) < 1:
        raise ConfigError("a price is below one tick", where="--data", todo="give a finer tick")
    open_, high, low, close = columns
    return Bars(rows[:, Market.AT], open_, high, low, close, rows[:, Market.VOLUME])
