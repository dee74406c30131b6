"""Synthetic bars are labelled, seeded and shaped; the built-in sample is real and comes without imports."""

from __future__ import annotations

import subprocess
import sys
from importlib import util

import numpy as np
import pytest

from quorate.adapters.feeds import sample as sample_module
from quorate.adapters.feeds.sample import sample
from quorate.adapters.feeds.synthetic import Crash, Gap, Stall, SyntheticSpec, synthetic
from quorate.core.errors import ConfigError, InputError
from quorate.core.instant import DAY, MINUTE

SMALL = SyntheticSpec(seed=11, bars=5_000)


def test_same_seed_same_bytes() -> None:
    """Pinned: only the raw stream of PCG64 is used, which NumPy promises to keep."""
    pinned = "fe9b85c49d2692d1ffc8dcd7a71201f0aff7db785cf3e78145c78be762757a9a"
    assert synthetic(SMALL).source.sha256 == pinned
    assert synthetic(SyntheticSpec(seed=12, bars=5_000)).source.sha256 != synthetic(SMALL).source.sha256


def test_it_says_what_it_is() -> None:
    series = synthetic(SMALL)
    assert series.source.name == "synthetic seed=11" and "SYNTHETIC" in series.notes[0]


def test_bars_are_whole_and_in_order() -> None:
    series = synthetic(SMALL)
    assert (series.high >= np.maximum(series.open, series.close)).all() and (series.low >= 1).all()
    assert (series.low <= np.minimum(series.open, series.close)).all() and (series.volume >= 1).all()
    assert (series.open[1:] == series.close[:-1]).all() and (np.diff(series.at) == MINUTE).all()


def test_tails_are_fat_and_volatility_clusters() -> None:
    series = synthetic(SyntheticSpec(seed=3))
    returns = np.diff(np.log(series.close))
    scaled = (returns - returns.mean()) / returns.std()
    assert (scaled**4).mean() > 4.5
    assert np.corrcoef(np.abs(scaled[1:]), np.abs(scaled[:-1]))[0, 1] > 0.1
    assert 0.5 < returns.std() * np.sqrt(365 * 24 * 60) / 0.8 < 2


def test_crash_gap_and_stall_happen() -> None:
    calm = synthetic(SMALL)
    events = {"crash": Crash(0.5, -0.2, 10), "gap": Gap(0.3, -0.05), "stall": Stall(0.8, 60)}
    wild = synthetic(SyntheticSpec(seed=11, bars=5_000, **events))  # type: ignore[arg-type]
    assert wild.close[2509] / wild.close[2499] - 1 == pytest.approx(-0.2, abs=0.05)
    assert wild.open[1500] / wild.close[1499] - 1 == pytest.approx(-0.05, abs=0.001)
    assert wild.close[1400] == calm.close[1400], "nothing before the gap"
    assert len(wild) == len(calm) - 60 and np.diff(wild.start).max() == 61 * MINUTE


@pytest.mark.parametrize(
    "bad",
    [
        {"bars": 1}, {"interval": 0}, {"price": 0.5}, {"seed": -1}, {"crash": Crash(0.5, -1.0)},
        {"crash": Crash(1.5)}, {"gap": Gap(0.5, -1.0)}, {"stall": Stall(0.5, 0)},
    ],
)  # fmt: skip
def test_impossible_specs_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="synthetic data"):
        SyntheticSpec(**({"seed": 1} | bad))  # type: ignore[arg-type]


def test_a_price_below_a_tick_is_refused() -> None:
    with pytest.raises(ConfigError, match="below one tick"):
        synthetic(SyntheticSpec(seed=1, bars=50_000, price=1.0, volatility=60.0))


needs_skfolio = pytest.mark.skipif(
    util.find_spec("skfolio") is None, reason="skfolio (extra portfolio) is not installed"
)


@needs_skfolio
def test_the_sample() -> None:
    series = sample()
    assert len(series) == 20 and all(len(each) == 8_313 and each.interval == DAY for each in series)
    assert [each.instrument.id for each in series] == sorted(each.instrument.id for each in series)
    assert "daily closes" in series[0].notes[0] and "adjusted" in series[0].notes[1]
    assert (series[0].open == series[0].close).all()


@needs_skfolio
def test_the_sample_imports_no_heavy_wheel() -> None:
    code = (
        "import sys; from quorate.adapters.feeds.sample import sample; sample();"
        "sys.exit(bool({'skfolio', 'pandas', 'pyarrow', 'sklearn'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_skfolio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"quorate\[portfolio\]"):
        sample()
