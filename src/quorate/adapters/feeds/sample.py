"""The real sample that `quorate run` shows: 20 S&P 500 stocks, 1990 to 2022, as skfolio carries them."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.series import Series
from quorate.core.errors import InputError

_PLACE = ("datasets", "data", "sp500_dataset.csv.gz")
_NOTES = (
    "20 S&P 500 stocks, daily closes, carried by skfolio; picked in hindsight: all of them still exist",
    "adjusted prices: returns are right, early levels were never traded",
)


def sample() -> tuple[Series, ...]:
    """20 series of daily closes, by ticker. Raises InputError when skfolio is not installed.

    The file is read out of the package without importing it, which would take seconds.
    """
    found = find_spec("skfolio")
    path = Path(found.origin).parent.joinpath(*_PLACE) if found is not None and found.origin else None
    if path is None or not path.is_file():
        missing = "is not installed" if path is None else "is installed without it"
        raise InputError(
            f"the built-in sample comes with skfolio, which {missing}",
            where="sample data",
            todo="pip install 'quorate[portfolio]', or give a file with --data",
        )
    return tuple(replace(each, notes=(*_NOTES, *each.notes)) for each in load([path]))
