"""Bars that look like two series mixed are said to, and lower the trust level; honest bars are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quorate.adapters.feeds.load import load
from quorate.adapters.feeds.suspect import looked_at, reversal
from quorate.core.instrument import Instrument
from tests.sessions import plan, tape
from tests.support import DATA, needs_data


def test_two_series_in_one_are_suspect() -> None:
    honest = tape()
    shift = np.where(np.arange(len(honest)) % 3 == 0, 150, 0)
    columns = ("open", "high", "low", "close")
    mixed = replace(honest, **{name: getattr(honest, name) + shift for name in columns})
    assert not looked_at([honest])[1]
    found, suspect = looked_at([honest, mixed])
    assert suspect
    assert found[0].notes == honest.notes
    assert "two series may be mixed" in found[1].notes[-1]
    given, wrong = (replace(each, trust="B") for each in (honest, mixed))
    assert plan([given]).opened.trust_level == "B"
    assert plan([wrong]).opened.trust_level == "C"
    assert plan([replace(given, instrument=other("B")), honest]).opened.trust_level == "D"


def other(name: str) -> Instrument:
    return tape(name=name).instrument


@needs_data
@pytest.mark.parametrize(
    ("name", "suspect"), [("futures/ES_1h.parquet", True), ("futures/ES_5m.parquet", False)]
)
def test_real_files(name: str, suspect: bool) -> None:
    assert DATA is not None
    series = load([DATA / name])
    assert looked_at(series)[1] is suspect
    assert (reversal(series[0]) < -0.4) is suspect
