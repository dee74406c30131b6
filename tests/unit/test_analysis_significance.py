"""Is it luck: the tests of significance against closed forms, plain loops, and worlds known to be noise."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from quorate.analysis import bootstrap, rolling
from quorate.analysis.bootstrap import circular, interval, seeded, stationary
from quorate.analysis.metrics import sharpe
from quorate.analysis.significance import (
    Trials,
    best_of_luck,
    deflated_sharpe,
    mean_test,
    overfitting,
    probabilistic_sharpe,
    student_tails,
    track_length,
)
from quorate.analysis.targets import FIGURES, Goal, Reached, Spread, _judged
from quorate.core.errors import InputError

DAYS = 1250


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, shape)


# ---- probabilistic and deflated Sharpe -----------------------------------------------------------------


def test_psr_of_luck_is_uniform() -> None:
    """Skill-less strategies: any probability is as likely as any other (Kolmogorov's distance is small)."""
    found = np.sort([probabilistic_sharpe(row) for row in noise(1, 600, 500)])
    gap = np.max(np.abs(found - (np.arange(600) + 0.5) / 600))
    assert gap < 1.63 / math.sqrt(600)
    skilled = np.sort([probabilistic_sharpe(row + 0.001) for row in noise(1, 600, 500)])
    assert np.max(np.abs(skilled - (np.arange(600) + 0.5) / 600)) > 0.5  # the planted defect: skill


def test_psr_counts_fat_tails_and_skew() -> None:
    calm = noise(2, DAYS) + 0.0004
    crash = calm.copy()
    crash[::125] -= 0.05
    crash += calm.mean() - crash.mean()  # as much is earned, with a crash twice a year
    crash *= calm.std() / crash.std()
    crash += calm.mean() - crash.mean()
    assert sharpe(crash, 365) == pytest.approx(sharpe(calm, 365))
    low, high = probabilistic_sharpe(crash), probabilistic_sharpe(calm)
    assert low is not None and high is not None and low < high


def test_the_best_of_many_lucky_is_not_significant() -> None:
    significant = naive = 0
    worlds = 60
    for seed in range(worlds):
        returns = noise(100 + seed, 100, 500)
        sharpes = [sharpe(row, 1.0) or 0.0 for row in returns]
        best = returns[int(np.argmax(sharpes))]
        found, alone = deflated_sharpe(best, Trials.of(sharpes)), probabilistic_sharpe(best)
        assert found is not None
        assert alone is not None
        significant += found > 0.95
        naive += alone > 0.95
    assert significant <= worlds * 0.1
    assert naive > worlds * 0.9  # the planted defect: not counting the trials


def test_luck_grows_with_trials_as_it_really_does() -> None:
    for count in (10, 100, 1000):
        drawn = np.random.default_rng(count).normal(0, 0.1, (2000, count)).max(axis=1).mean()
        assert best_of_luck(Trials(count, 0.01)) == pytest.approx(drawn, rel=0.04)
    assert best_of_luck(Trials(1, 0.0)) == 0.0


def test_a_track_just_long_enough_is_just_significant() -> None:
    returns = noise(7, DAYS)
    returns += 0.0005 - returns.mean()
    needed = track_length(returns)
    assert needed is not None
    z = NormalDist().inv_cdf(probabilistic_sharpe(returns) or 0.5)
    assert z == pytest.approx(NormalDist().inv_cdf(0.95) * math.sqrt((DAYS - 1) / (needed - 1)))
    assert track_length(-np.abs(returns)) is None


# ---- overfitting ---------------------------------------------------------------------------------------


def test_noise_is_overfitted_half_the_time_and_an_edge_is_not() -> None:
    found = [overfitting(noise(seed, 480, 20), 8).pbo for seed in range(40)]
    assert 0.4 < np.mean(found) < 0.6
    edge = noise(3, 960, 20)
    edge[:, 7] += 0.003
    told = overfitting(edge)
    assert told.pbo < 0.01
    assert told.loss < 0.05
    assert told.splits == 12_870


def test_overfitting_by_the_plain_loop() -> None:
    from itertools import combinations

    returns = noise(5, 61, 5)  # one period is left over at the start
    parts = np.split(returns[1:], 6)
    below = lost = 0
    for chosen in combinations(range(6), 3):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.concatenate([parts[i] for i in range(6) if i not in chosen])
        best = int(np.argmax(inside.mean(axis=0) / inside.std(axis=0)))
        judged = outside.mean(axis=0) / outside.std(axis=0)
        rank = 1 + sum(judged < judged[best])
        below += rank / 6 <= 0.5
        lost += judged[best] < 0
    found = overfitting(returns, 6)
    assert (found.splits, found.pbo, found.loss) == (20, below / 20, lost / 20)


@pytest.mark.parametrize(("shape", "blocks"), [((100, 1), 4), ((100, 3), 5), ((7, 3), 4), ((100,), 4)])
def test_what_cannot_be_split_is_refused(shape: tuple[int, ...], blocks: int) -> None:
    with pytest.raises(InputError, match="overfitting cannot be told"):
        overfitting(np.zeros(shape), blocks)


# ---- the t-test ----------------------------------------------------------------------------------------


def test_student_by_closed_forms_and_by_quadrature() -> None:
    for t in (0.0, 0.3, 1.0, 2.5, 40.0):
        assert student_tails(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, abs=1e-12)
        assert student_tails(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), abs=1e-12)
    grid = np.linspace(-2.0, 2.0, 200_001)
    for freedom in (5, 29, 400):
        scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(
            freedom * math.pi
        )
        density = scale * (1 + grid**2 / freedom) ** (-(freedom + 1) / 2)
        inside = float(np.sum((density[1:] + density[:-1]) / 2) * (grid[1] - grid[0]))
        assert student_tails(2.0, freedom) == pytest.approx(1 - inside, abs=1e-9)
    assert mean_test(np.array([1.0])) is None
    assert mean_test(np.ones(5)) is None


def test_p_values_of_nothing_are_uniform() -> None:
    found = np.array([mean_test(row) for row in noise(8, 800, 12)])
    assert np.mean(found < 0.05) == pytest.approx(0.05, abs=0.025)
    assert np.mean(found < 0.5) == pytest.approx(0.5, abs=0.06)


# ---- bootstrap -----------------------------------------------------------------------------------------


def test_blocks_are_runs_of_the_length_asked_for() -> None:
    drawn = stationary(500, 400, seeded(1), 10.0)
    assert drawn.shape == (400, 500)
    assert (drawn.min(), drawn.max()) == (0, 499)
    follows = (drawn[:, 1:] - drawn[:, :-1]) % 500 == 1
    assert follows.mean() == pytest.approx(0.9 + 0.1 / 500, abs=0.005)
    assert np.bincount(drawn.ravel(), minlength=500).std() < 60  # each value as often as any other
    fixed = circular(500, 50, seeded(1), 10)
    steps = (fixed[:, 1:] - fixed[:, :-1]) % 500 == 1
    assert steps.mean(axis=0)[[index for index in range(499) if (index + 1) % 10]].min() == 1.0
    assert steps[:, 9::10].mean() < 0.05


def test_the_same_seed_draws_the_same() -> None:
    values = noise(3, 300)
    first, again, other = (
        interval(values, {"sharpe": bootstrap.sharpe_of(365)}, seeded(seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Known worlds whose days hang together: the true Sharpe lies in the 90 % interval nine times in ten."""
    held = naive = 0
    worlds = 100
    for seed in range(worlds):
        shocks = np.random.default_rng(seed).normal(0, 1, 1001)
        returns = 0.1 + shocks[1:] + 0.8 * shocks[:-1]  # mean 0.1, variance 1.64, each day like the last
        true = 0.1 / math.sqrt(1.64)
        found = interval(returns, {"s": bootstrap.sharpe_of(1.0)}, seeded(seed), draws=200)["s"]
        assert found is not None
        held += found.low <= true <= found.high
        alone = np.random.default_rng(seed).integers(0, 1000, (200, 1000))
        low, high = np.percentile(bootstrap.sharpe_of(1.0)(returns[alone]), (5, 95))
        naive += low <= true <= high
    assert held / worlds > 0.84
    assert naive < held - 0.05 * worlds  # the planted defect: drawing days one by one


def test_statistics_of_a_draw_are_those_of_the_room() -> None:
    returns = noise(11, 250)
    row = returns[None, :]
    assert bootstrap.sharpe_of(365)(row)[0] == pytest.approx(sharpe(returns, 365))
    growth = np.prod(1 + returns) ** (365 / 250) - 1
    assert bootstrap.growth_of(365)(row)[0] == pytest.approx(growth)
    level = np.concatenate(([1.0], np.cumprod(1 + returns)))
    assert bootstrap.deepest(row)[0] == pytest.approx(np.max(1 - level / np.maximum.accumulate(level)))
    gains = returns[returns > 0].sum() / -returns[returns < 0].sum()
    assert bootstrap.profit_factor(row)[0] == pytest.approx(gains)
    assert bootstrap.win_rate(row)[0] == np.mean(returns > 0)


def test_too_little_has_no_interval() -> None:
    assert interval(np.array([0.1, 0.2]), {"win": bootstrap.win_rate}, seeded(1)) == {"win": None}
    only_gains = interval(np.array([0.1, 0.2, 0.3]), {"pf": bootstrap.profit_factor}, seeded(1))
    assert only_gains == {"pf": None}


# ---- targets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "value", "low", "high", "expected"),
    [
        (True, 3.0, 2.5, 3.5, Reached.YES),
        (True, 1.0, 0.5, 1.5, Reached.NO),
        (True, 3.0, 1.5, 4.0, Reached.UNTOLD),
        (False, 1.0, 0.5, 1.5, Reached.YES),
        (False, 3.0, 2.5, 3.5, Reached.NO),
        (False, 1.0, 0.5, 2.5, Reached.UNTOLD),
        (True, 1.0, 2.5, 3.5, Reached.UNTOLD),  # a biased interval is not believed against its own figure
        (True, 2.0, 2.0, 2.0, Reached.UNTOLD),
        (True, None, 2.5, 3.5, Reached.UNTOLD),
    ],
)
def test_a_target_is_told_only_by_the_whole_interval(above, value, low, high, expected) -> None:
    found = _judged(Goal("sharpe", "Sharpe", 2.0, above), value, Spread(low, high, 0.9, 100))
    assert found.reached is expected
    assert _judged(Goal("sharpe", "Sharpe", 2.0, above), value, None).reached is Reached.UNTOLD
    assert "sharpe" in FIGURES


# ---- rolling -------------------------------------------------------------------------------------------


def test_rolling_windows_by_the_plain_loop() -> None:
    own, market = noise(4, 200), noise(5, 200)
    window = 21
    spots = range(200 - window + 1)
    assert rolling.rolling_sharpe(own, window, 365).tolist() == pytest.approx(
        [sharpe(own[spot : spot + window], 365) for spot in spots]
    )
    assert rolling.rolling_volatility(own, window, 365).tolist() == pytest.approx(
        [own[spot : spot + window].std(ddof=1) * math.sqrt(365) for spot in spots]
    )
    assert rolling.rolling_beta(own, market, window).tolist() == pytest.approx(
        [np.polyfit(market[spot : spot + window], own[spot : spot + window], 1)[0] for spot in spots]
    )
    for spot in (0, 77, 179):
        level = np.concatenate(([1.0], np.cumprod(1 + own[spot : spot + window])))
        assert rolling.rolling_drawdown(own, window)[spot] == pytest.approx(
            np.max(1 - level / np.maximum.accumulate(level))
        )
    assert rolling.rolling_sharpe(own[:5], window, 365).size == 0
    assert np.isnan(rolling.rolling_sharpe(np.zeros(30), window, 365)).all()
    assert (rolling.window_for(62), rolling.window_for(63), rolling.window_for(400)) == (None, 21, 126)
