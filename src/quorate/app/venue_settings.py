"""A recipe's [venue]: how a desk's simulated venue behaves, in the words that research runs have."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from quorate.app.clearing import KIND, ClearingAsked, read_clearing
from quorate.app.venue_rules import VenueAsked, read_venue
from quorate.core.errors import ConfigError
from quorate.core.instrument import Instrument
from quorate.native.clearing import Clearing
from quorate.native.exchange import Rules

ANY, NO_IMPACT, LIKELY, NONE = "any", "0", "likely", "none"
SEED = 1  # draws latencies alone, and a desk's is constant


class VenueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The simulated venue; by default orders take any volume, move nothing, and nobody is liquidated.

    ``participation``: most of a bar's volume that orders take, ``10%``; ``impact``: what a whole bar's volume
    moves the price by; ``intrabar``: pessimistic, likely or optimistic; ``maintenance``: kind, a share, or
    tiers; ``liquidation_fee``: kind, or a share of the worth; ``long_only``: sales of what is not held are
    refused.
    """

    participation: str = ANY
    impact: str = NO_IMPACT
    intrabar: str = LIKELY
    maintenance: str = NONE
    liquidation_fee: str = KIND
    long_only: bool = False

    def read(self, instruments: Sequence[Instrument] = ()) -> tuple[Rules, dict[str, Clearing]]:
        """(rules, clearing by instrument). Raises ConfigError naming the key for nonsense."""
        venue = VenueAsked(
            participation=_asked(self.participation, ANY),
            impact=_asked(self.impact, NO_IMPACT),
            intrabar=self.intrabar,
        )
        house = ClearingAsked(
            maintenance=_asked(self.maintenance, NONE),
            fee=_asked(self.liquidation_fee, KIND),
            long_only=self.long_only,
        )
        try:
            return read_venue(venue, SEED)[1], read_clearing(house, instruments)
        except ConfigError as error:
            key = error.where.removeprefix("--").replace("-", "_")
            raise ConfigError(error.what, where=f"venue.{key}", todo=error.todo) from error


def _asked(word: str, unasked: str) -> str | None:
    return None if word == unasked else word
