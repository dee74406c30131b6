"""Two moving averages crossing, as a formula: text that is checked, compiled and run natively."""

from quorate import Formula

sma_cross = Formula(
    long="cross_above(sma(fast), sma(slow))",
    short="cross_below(sma(fast), sma(slow))",
    params={"fast": 10, "slow": 30},
)
