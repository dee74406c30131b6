"""The built-in agents lean the way their docstrings say, stay silent when they know nothing, and squash."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite

import numpy as np
import pytest

from quorate.agents.agents import BUILT_IN
from quorate.agents.momentum import Momentum
from quorate.agents.reversion import Reversion
from quorate.agents.squash import clip, told
from quorate.agents.technical import Technical
from quorate.core.errors import InvariantError
from quorate.core.events import Bar, InstantClosed
from quorate.core.instant import MINUTE
from quorate.core.instrument import Instrument, Kind
from quorate.core.roles import Agent
from quorate.core.signal import Signal
from quorate.market.market import Market

COIN = Instrument("COIN", Kind.SPOT, "USD", tick=Decimal("0.01"), lot=Decimal(1))


def shown(agent: Agent, closes: Sequence[float]) -> tuple[Market, list[Signal | None]]:
    """The view after the last close, and what the agent said after each."""
    market = Market({"COIN": COIN}, MINUTE, agent.features())
    said: list[Signal | None] = []
    last = round(closes[0] * 100)
    for number, close in enumerate(closes):
        ticks, at = round(close * 100), (number + 1) * MINUTE
        high, low = max(last, ticks) + 2, min(last, ticks) - 2
        market.on(Bar(at, "COIN", at - MINUTE, last, high, low, ticks, 10))
        said.append(agent.hear(market.on(InstantClosed(at)), "COIN"))
        last = ticks
    return market, said


def noise(bars: int, seed: int = 3) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).normal(0, 0.1, bars))


def test_all_have_names_of_their_own_and_fit_the_chair() -> None:
    assert len({kind.name for kind in BUILT_IN}) == len(BUILT_IN) == 3
    assert all(isinstance(kind(), Agent) for kind in BUILT_IN)


@pytest.mark.parametrize("kind", BUILT_IN)
def test_before_warm_up_and_on_a_dead_market_they_are_silent(kind: type[Agent]) -> None:
    assert shown(kind(), [100.0])[1] == [None]
    _, said = shown(kind(), [100.0] * 150)
    leaning = [signal for signal in said if signal is not None and signal.probability != 0.5]
    assert not leaning


def test_momentum_follows_and_its_lean_is_bounded() -> None:
    up = 100 + np.arange(300) * 0.2 + noise(300)
    _, said = shown(Momentum(), up)
    _, fell = shown(Momentum(), 400 - up)
    assert said[94] is None and said[-1] is not None and fell[-1] is not None
    assert 0.6 < said[-1].probability <= 0.7 and 0.3 <= fell[-1].probability < 0.4
    assert [name for name, _ in said[-1].reasons] == ["gap", "noise"]


def test_reversion_leans_against_a_jump_and_is_silent_near_the_mean() -> None:
    calm = 100 + 0.2 * np.sin(np.arange(120))
    _, up = shown(Reversion(), [*calm, 101.5])
    _, down = shown(Reversion(), [*calm, 98.5])
    _, quiet = shown(Reversion(), [*calm, 100.0])
    assert up[-1] is not None and up[-1].probability < 0.4
    assert down[-1] is not None and down[-1].probability > 0.6
    assert quiet[-1] is None


def test_technical_follows_in_a_trend() -> None:
    up = 100 + np.arange(200) ** 1.4 * 0.05 + noise(200)
    _, said = shown(Technical(), up)
    _, fell = shown(Technical(), 500 - up)
    assert said[-1] is not None and said[-1].probability > 0.5
    assert fell[-1] is not None and fell[-1].probability < 0.5
    assert dict(said[-1].reasons)["follow"] > 0 > dict(fell[-1].reasons)["follow"]


@pytest.mark.parametrize(("kind", "horizon"), [(Momentum, 48), (Reversion, 12), (Technical, 24)])
def test_a_signal_is_rounded_bounded_and_names_its_reasons(kind: type[Agent], horizon: int) -> None:
    for signal in shown(kind(), 100 + 20 * noise(400, seed=5) / 3 + 50)[1]:
        if signal is not None:
            assert (signal.agent, signal.instrument, signal.horizon) == (kind.name, "COIN", horizon)
            assert signal.probability == round(signal.probability, 6)
            assert 0.25 <= signal.probability <= 0.75
            assert signal.reasons and all(isfinite(value) for _, value in signal.reasons)


def test_settings_move_what_they_name() -> None:
    closes = 100 + np.arange(300) * 0.2 + noise(300)
    gentle, bold = (shown(Momentum(reach=reach), closes)[1][-1] for reach in (0.1, 0.4))
    assert gentle is not None and bold is not None
    assert bold.probability - 0.5 == pytest.approx(4 * (gentle.probability - 0.5), abs=1e-5)


def test_nobody_is_surer_than_a_rule_of_thumb_may_be() -> None:
    market, _ = shown(Momentum(), [100.0])
    assert told("x", market, "COIN", 3.0, 1).probability == 0.95
    assert told("x", market, "COIN", -3.0, 1).probability == pytest.approx(0.05)
    assert clip(0.3, 0.0, 1.0) == 0.3
    with pytest.raises(InvariantError, match="nan"):
        told("x", market, "COIN", float("nan"), 1)
