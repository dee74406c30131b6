"""A feed in one file: `quorate backtest --plugin feed.py --data "typed:100 101.5 99.25"`.

A feed turns a text (a path, a query, here the prices themselves) into whole series of closed bars, counted in
ticks and lots. The run journals the bars: a replay never asks the feed. Check it: `quorate doctor feed.py`.
"""

import hashlib
from decimal import Decimal

import numpy as np

from quorate import Instrument
from quorate.adapters.feeds.series import Series, SourceInfo, no_rolls
from quorate.core.instant import DAY, parse_instant
from quorate.core.instrument import Kind


class Typed:
    """Daily closes as somebody typed them."""

    name = "typed"
    example = "100 101.5 99.25 103"  # what `quorate doctor` reads to try it

    def read(self, text: str) -> list[Series]:
        """One series; a name and a digest say where it came from, and go into the journal's first record."""
        cent = Decimal("0.01")
        closes = np.array([int(Decimal(word) / cent) for word in text.split()], dtype=np.int64)
        start = parse_instant("2024-01-01") + DAY * np.arange(len(closes), dtype=np.int64)
        stock = Instrument("TYPED", Kind.EQUITY, "USD", tick=cent, lot=Decimal(1), calendar="us-equity")
        unknown = np.full(len(closes), -1, dtype=np.int64)  # no volume and no spread
        source = SourceInfo("typed", hashlib.sha256(closes.tobytes()).hexdigest(), len(closes))
        bars = (closes, closes, closes, closes)  # open, high, low, close
        return [Series(stock, start, start + DAY, *bars, unknown, unknown, no_rolls(), source, DAY)]
