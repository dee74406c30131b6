"""The readable oracle's delays: constant, drawn by seed and order alone, and as measured."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

Delay = Callable[[int, int, int], int]
WORD = 2**64


def constant(ns: int) -> Delay:
    return lambda at, order, purpose: ns


def scramble(word: int) -> int:
    """splitmix64 (Steele, Lea, Flood 2014)."""
    word = (word + 0x9E3779B97F4A7C15) % WORD
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB % WORD
    return word ^ word >> 31


def sampled(seed: int, quantiles: Sequence[int]) -> Delay:
    """On the straight line between evenly spaced quantiles from 0 to 1."""

    def delay(at: int, order: int, purpose: int) -> int:
        drawn = scramble(scramble(seed ^ scramble(order)) ^ purpose) >> 1
        place, beyond = divmod(drawn * (len(quantiles) - 1), 2**63)
        low, high = quantiles[place], quantiles[min(place + 1, len(quantiles) - 1)]
        return low + (high - low) * beyond // 2**63

    return delay


def measured(instants: Sequence[int], delays: Sequence[int]) -> Delay:
    """What was last measured by then; the first where nothing was."""
    return lambda at, order, purpose: delays[max(0, bisect_right(instants, at) - 1)]
