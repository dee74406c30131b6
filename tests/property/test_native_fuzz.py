"""Hostile callers of the native core, a few seeds a case; `make prove-fuzz` runs thousands."""

from __future__ import annotations

import os
from random import Random

import pytest

import tests.fuzz as fuzzing
from quorate.native.exchange import Exchange, Rows
from tests.fuzz import CASES, attempt, fuzz

SEEDS = int(os.environ.get("QUORATE_FUZZ_SEEDS", "10"))


@pytest.mark.parametrize("name", CASES)
def test_no_hostile_caller_breaks_the_core(name: str) -> None:
    for seed in range(SEEDS):
        fuzz(name, seed)


def test_the_fuzz_sees_a_refused_block_that_changed_something(monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(self: Exchange, rows: Rows) -> Rows:
        attempt(self.deposit, 0, 5)
        raise ValueError("refused")

    monkeypatch.setattr(Exchange, "watch", watch)
    with pytest.raises(AssertionError, match="a refused block changed something"):
        for seed in range(20):
            fuzz("exchange", seed)


def test_the_fuzz_sees_an_error_that_nobody_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Random) -> None:
        raise SystemError("returned NULL without setting an exception")

    monkeypatch.setitem(fuzzing.CASES, "broken", broken)
    with pytest.raises(AssertionError, match="fuzz broken 7: SystemError"):
        fuzz("broken", 7)


def test_a_seed_is_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setitem(fuzzing.CASES, "draw", lambda dice: drawn.append(dice.randrange(2**60)))
    fuzz("draw", 1)
    fuzz("draw", 1)
    fuzz("draw", 2)
    assert drawn[0] == drawn[1] != drawn[2]
