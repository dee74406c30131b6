"""A formula with a bracket: leans with two averages, and leaves when they have met."""

from __future__ import annotations

from quorate import Formula

leaning = Formula(
    long="cross_above(sma(fast), sma(slow))",
    short="cross_below(sma(fast), sma(slow))",
    stop="close * risk",
    target="close * risk * 2",
    params={"fast": 4, "slow": 11, "risk": 0.01},
)
