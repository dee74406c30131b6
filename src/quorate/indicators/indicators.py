"""The door to indicators: native ones by name, a plugin's Python ones beside them, one column space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from quorate.core.errors import ConfigError, InvariantError
from quorate.core.roles import Indicator
from quorate.native.tape import Panel


class Indicators:
    """All indicators of one instrument, fed one closed bar at a time.

    ``names`` are indicator forms such as ``rsi:14``; a name found in ``plugins`` is built from the class
    there with its colon-separated arguments as integers. Raises ConfigError for a name nobody knows.
    """

    def __init__(self, names: Sequence[str], plugins: Mapping[str, type[Indicator]] | None = None) -> None:
        plugins = plugins or {}
        own = [name for name in names if name.split(":")[0] in plugins]
        try:
            self._panel = Panel([name for name in dict.fromkeys(names) if name not in own])
        except ValueError as error:
            raise ConfigError(str(error), where="indicators") from error
        self._slots = {column: index for index, column in enumerate(self._panel.columns)}
        self._own: list[Indicator] = []
        self._own_values: dict[str, float] = {}
        self._own_columns: list[tuple[str, ...]] = []
        for name in dict.fromkeys(own):
            kind, *arguments = name.split(":")
            indicator = plugins[kind](*(int(argument) for argument in arguments))
            stem = "_".join([kind, *arguments])
            columns = tuple(f"{stem}_{output}" if output else stem for output in indicator.outputs)
            self._own.append(indicator)
            self._own_columns.append(columns)
            self._own_values |= dict.fromkeys(columns, float("nan"))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column's name."""
        return (*self._slots, *self._own_values)

    def update(self, open: float, high: float, low: float, close: float, volume: float) -> None:
        """Take one closed bar; prices in currency, volume NaN when unknown."""
        self._panel.update(open, high, low, close, volume)
        for indicator, columns in zip(self._own, self._own_columns, strict=True):
            values = indicator.update(open, high, low, close, volume)
            if len(values) != len(columns):
                raise InvariantError(
                    f"indicator {indicator.name} gave {len(values)} values for {len(columns)} outputs"
                )
            self._own_values.update(zip(columns, values, strict=True))

    def reader(self) -> tuple[Mapping[str, int], Callable[[int], float], Mapping[str, float]]:
        """(slots by column, value by slot, values of Python columns): for those who read in a hot loop."""
        return self._slots, self._panel.value, self._own_values

    def value(self, column: str) -> float:
        """The column's value after the last bar, NaN before warm-up. KeyError for an unknown column."""
        slot = self._slots.get(column)
        return self._panel.value(slot) if slot is not None else self._own_values[column]
