"""The technical agent: a panel of four indicators that each vote, weighed by how much trend there is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import msgspec

from quorate.agents.squash import clip, told
from quorate.core.roles import View
from quorate.core.signal import Signal


class Technical(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """RSI, MACD, Bollinger and ADX as one voice.

    Trend voices (MACD histogram against volatility, DI balance) count with ADX/50, turning voices (RSI,
    Bollinger %B) with the rest; the blend in [-1, 1] moves the probability by at most ``reach``.
    """

    name: ClassVar[str] = "technical"

    rsi: int = 14
    fast: int = 12
    slow: int = 26
    signal: int = 9
    adx: int = 14
    bollinger: int = 20
    reach: float = 0.25
    horizon: int = 24

    def features(self) -> Sequence[str]:
        """RSI, MACD, ADX/DI, Bollinger and ATR by its own windows."""
        return (
            f"rsi:{self.rsi}",
            f"macd:{self.fast}:{self.slow}:{self.signal}",
            f"adx:{self.adx}",
            f"bollinger:{self.bollinger}:2",
            f"atr:{self.adx}",
        )

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        # Put together once: this is read at every bar.
        macd, band = f"macd_{self.fast}_{self.slow}_{self.signal}", f"bollinger_{self.bollinger}_2"
        adx = f"adx_{self.adx}"
        return (
            f"rsi_{self.rsi}", f"{macd}_hist", adx, f"{adx}_plus_di", f"{adx}_minus_di",
            f"{band}_upper", f"{band}_lower", f"{band}_middle", f"atr_{self.adx}",
        )  # fmt: skip

    def hear(self, view: View, instrument: str) -> Signal | None:
        """None until every indicator is warm."""
        feature = view.feature
        rsi, histogram, adx, up, down, upper, lower, middle, atr = [
            feature(instrument, column) for column in self._columns
        ]
        close = view.close(instrument)
        total = rsi + histogram + adx + up + down + upper + atr
        if total != total or upper <= lower or atr <= 0.0 or up + down <= 0.0:
            return None
        trend = clip(adx / 50.0, 0.0, 1.0)
        follow = 0.5 * clip(histogram / (0.25 * atr), -1.0, 1.0) + 0.5 * (up - down) / (up + down)
        turn = 0.5 * clip((50.0 - rsi) / 30.0, -1.0, 1.0) + 0.5 * clip(
            (middle - close) / (upper - middle), -1.0, 1.0
        )
        score = trend * follow + (1.0 - trend) * turn
        return told(
            self.name,
            view,
            instrument,
            0.5 + self.reach * score,
            self.horizon,
            adx=adx,
            rsi=rsi,
            follow=follow,
            turn=turn,
        )
