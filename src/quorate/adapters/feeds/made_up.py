"""The built-in feed of made-up bars: `--data "synthetic:seed=3,bars=5000,interval=5m,crash=0.5"`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from quorate.adapters.feeds.series import Series
from quorate.adapters.feeds.synthetic import Crash, SyntheticSpec, synthetic
from quorate.core.errors import InputError, QuorateError
from quorate.core.instant import parse_instant, parse_span

# How each setting is read; `crash` is the share of the run at which a fall by 20 % begins.
_READ: dict[str, Callable[[str], Any]] = {
    "seed": int,
    "bars": int,
    "start": parse_instant,
    "interval": parse_span,
    "price": float,
    "volatility": float,
    "crash": lambda text: Crash(at=float(text)),
}


class MadeUp:
    """Seeded synthetic bars, labelled as such: trust level D, whatever they are used for."""

    name: ClassVar[str] = "synthetic"
    example: ClassVar[str] = "seed=1,bars=600,interval=5m,crash=0.5"

    def read(self, text: str) -> list[Series]:
        """One series of SYNTH-PERP. Raises InputError naming the setting that is wrong."""
        settings: dict[str, Any] = {"seed": 1}
        for part in filter(None, (each.strip() for each in text.split(","))):
            key, _, value = part.partition("=")
            if key not in _READ:
                raise InputError(
                    f"unknown setting '{key}'", where="synthetic", todo=f"one of {', '.join(_READ)}"
                )
            try:
                settings[key] = _READ[key](value)
            except (ValueError, QuorateError) as error:
                raise InputError(
                    f"'{value}' is no {key}", where="synthetic", todo=f"write {self.example}"
                ) from error
        return [synthetic(SyntheticSpec(**settings))]
