"""Built-in allocators: an equal share each, or shares inverse to volatility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from quorate.core.roles import View


class Equal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same share of capital for every instrument."""

    name: ClassVar[str] = "equal"

    def features(self) -> Sequence[str]:
        """Nothing."""
        return ()

    def weigh(self, view: View, instruments: Sequence[str]) -> Mapping[str, float]:
        """1/N each."""
        return {instrument: 1.0 / len(instruments) for instrument in instruments}


class InverseVolatility(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares proportional to one over volatility; an instrument whose volatility is unknown gets none."""

    name: ClassVar[str] = "inverse-volatility"

    window: int = 96

    def features(self) -> Sequence[str]:
        """The volatility over its window."""
        return (f"volatility:{self.window}",)

    def weigh(self, view: View, instruments: Sequence[str]) -> Mapping[str, float]:
        """Weights that sum to 1 over the instruments that are warm."""
        column = f"volatility_{self.window}"
        inverse = {
            instrument: 1.0 / noise
            for instrument in instruments
            if (noise := view.feature(instrument, column)) > 0.0
        }
        total = sum(inverse.values())
        return {instrument: each / total for instrument, each in inverse.items()}
