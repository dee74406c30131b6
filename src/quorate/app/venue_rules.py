"""How the simulated venue of a research run behaves, as a person writes it: delays, volume, impact, path."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from quorate.core.errors import ConfigError, InputError
from quorate.core.instant import parse_span
from quorate.native.exchange import INTRABAR, Latency, Rules

LATENCY = "250ms"  # as a recipe's
SHARE_MIN, SHARE_MAX = Decimal("0.000000000001"), Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class VenueAsked:
    """As typed. ``latency``: a span, or quantiles of it from 0 to 1 with commas. Shares as 10% or 0.1."""

    latency: str = LATENCY
    participation: str | None = None
    impact: str | None = None
    intrabar: str | None = None

    def told(self) -> dict[str, str]:
        """What a result says of it."""
        return {
            "latency": self.latency,
            "participation": self.participation or "any",
            "impact": self.impact or "0",
            "intrabar": self.intrabar or "likely",
        }


def read_venue(asked: VenueAsked, seed: int) -> tuple[int, Rules]:
    """(longest latency in ns, rules); ``seed`` draws latencies. Raises ConfigError for nonsense."""
    try:
        spans = [parse_span(part.strip()) for part in asked.latency.split(",")]
    except InputError as error:
        raise ConfigError(error.what, where="--latency", todo=error.todo) from error
    if spans != sorted(spans):
        todo = "write quantiles that rise, as 50ms,80ms,400ms"
        raise ConfigError(f"'{asked.latency}' does not rise", where="--latency", todo=todo)
    if asked.intrabar is not None and asked.intrabar not in INTRABAR:
        todo = f"one of {', '.join(INTRABAR)}"
        raise ConfigError(f"no path is called '{asked.intrabar}'", where="--intrabar", todo=todo)
    rules = Rules(
        participation=_share(asked.participation, "--participation", Decimal(1)),
        impact=_share(asked.impact, "--impact", None),
        intrabar=asked.intrabar or "likely",
        latency=Latency.sampled(seed, spans) if len(spans) > 1 else None,
    )
    return spans[-1], rules


def _share(text: str | None, where: str, most: Decimal | None) -> Decimal:
    """A share above zero, and at most ``most``; zero where none was asked for."""
    if text is None:
        return Decimal(0)
    try:
        number = Decimal(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number <= 0 or (most is not None and number > most):
        bound = "above zero" if most is None else f"above zero and at most {most:%}"
        raise ConfigError(f"'{text}' is no share {bound}", where=where, todo="write 10% or 0.1")
    if not SHARE_MIN <= number <= SHARE_MAX or max(number.as_integer_ratio()) >= 2**63:
        what = f"'{text}' is no share that can be kept exactly"
        raise ConfigError(what, where=where, todo=f"{SHARE_MIN:f} to {SHARE_MAX}, fewer digits")
    return number
