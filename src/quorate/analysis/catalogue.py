"""Every statistic there is, in reading order: what the page, the JSON and the documentation are made from."""

from __future__ import annotations

from quorate.analysis.beside import BENCHMARK
from quorate.analysis.dealing import HOLDINGS, ORDERS
from quorate.analysis.entry import Basis, Entry, Section, Unit, Value, entries
from quorate.analysis.ratios import RATIOS
from quorate.analysis.returns import PERIOD, RETURNS
from quorate.analysis.risk import DRAWDOWN, RISK
from quorate.analysis.sample import Sample
from quorate.analysis.significance import deflated_sharpe, probabilistic_sharpe, track_length
from quorate.analysis.trading import TRADES

_D, _F = Basis.DAYS, Basis.FILLS

HONESTY = entries(
    Section.HONESTY,
    (
        "pnl_pessimistic",
        "Profit, pessimistic",
        Unit.MONEY,
        _F,
        "Had each fill met the worst price the same data allow.",
        "profit - sum(worst - price) quantity",
        "definition",
        lambda s: s.metrics.pnl.pessimistic,
    ),
    (
        "pnl_likely",
        "Profit, likely",
        Unit.MONEY,
        _F,
        "As the fills were modelled.",
        "end - start",
        "definition",
        lambda s: s.metrics.pnl.likely,
    ),
    (
        "pnl_optimistic",
        "Profit, optimistic",
        Unit.MONEY,
        _F,
        "Had each fill met the best price the same data allow.",
        "profit + sum(price - best) quantity",
        "definition",
        lambda s: s.metrics.pnl.optimistic,
    ),
    (
        "psr",
        "Probabilistic Sharpe",
        Unit.SHARE,
        _D,
        "Probability that the true Sharpe is above zero, fat tails and skew counted; it knows of one trial.",
        "Phi(SR sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2))",
        "Bailey and Lopez de Prado 2012",
        lambda s: probabilistic_sharpe(s.returns),
    ),
    (
        "trials",
        "Trials counted",
        Unit.COUNT,
        _D,
        "Runs tried before this one was chosen, where somebody counted.",
        "count",
        "definition",
        lambda s: None if s.trials is None else s.trials.count,
    ),
    (
        "dsr",
        "Deflated Sharpe",
        Unit.SHARE,
        _D,
        "Probability that the Sharpe is more than the luck of the best trial; undefined until counted.",
        "PSR above sqrt(V) ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e)))",
        "Bailey and Lopez de Prado 2014",
        lambda s: None if s.trials is None else deflated_sharpe(s.returns, s.trials),
    ),
    (
        "track_length_days",
        "Days needed",
        Unit.COUNT,
        _D,
        "Daily returns needed to call the Sharpe above zero with 95 % confidence.",
        "1 + (1 - skew SR + (kurtosis - 1) / 4 SR^2) (z / SR)^2",
        "Bailey and Lopez de Prado 2012",
        lambda s: _whole(track_length(s.returns)),
    ),
)

CATALOGUE: tuple[Entry, ...] = (
    *PERIOD,
    *RETURNS,
    *RISK,
    *DRAWDOWN,
    *RATIOS,
    *BENCHMARK,
    *TRADES,
    *ORDERS,
    *HOLDINGS,
    *HONESTY,
)


def statistics(sample: Sample) -> dict[str, Value]:
    """All figures by name, in the catalogue's order; None where undefined."""
    return {entry.name: entry.of(sample) for entry in CATALOGUE}


def described() -> str:
    """The catalogue as Markdown tables, one a section."""
    lines: list[str] = []
    for section in Section:
        lines += [f"## {section}", "", "| name | unit | read from | what it says | formula | source |"]
        lines.append("|---|---|---|---|---|---|")
        for entry in CATALOGUE:
            if entry.section is section:
                formula = entry.formula.replace("|", "\\|")
                lines.append(
                    f"| **{entry.label}** ({entry.name}) | {entry.unit} | {entry.basis} | {entry.says} "
                    f"| {formula} | {entry.source} |"
                )
        lines.append("")
    return "\n".join(lines)


def _whole(value: float | None) -> int | None:
    """Rounded up; None stays, and so does what is beyond counting."""
    return int(-(-value // 1)) if value is not None and value < 2**53 else None
