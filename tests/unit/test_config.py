"""Configuration: which layer wins, who is named as the source, what only tightens; no key is shown."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.app.check import check_file
from quorate.app.config import (
    ENVIRONMENT_LIMITS,
    KNOWN,
    LARGER_IS_TIGHTER,
    SECRETS,
    Tightening,
    load_config,
    settings_of,
    tighten,
)
from quorate.app.imports import import_settings
from quorate.app.recipe import read_values, rulebook_of
from quorate.app.registry import Registry
from quorate.cli.main import invoke
from quorate.core.errors import ConfigError, InputError
from quorate.shield.rulebook import Rulebook, explain

BALANCED = rulebook_of(*read_values("rulebook", "balanced"))
PLANTED = "0x" + "ab12" * 16


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder and none of our names in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def limits_of(book: Rulebook) -> dict[str, Decimal | int | None]:
    return {each.key: each.value for each in explain(book)}


# ---- layers ------------------------------------------------------------------------------------------


def test_later_layers_win_and_each_value_names_its_source(here: Path) -> None:
    desk = here / "desk.toml"
    desk.write_text("seed = 5\n[decide]\nquorum = 1\nagree = 1\n[agents.momentum]\nfast = 9\n")
    config = load_config(
        overlay=desk, sets=["decide.agree=2", "agents.momentum.slow=50"], options={"seed": 11}
    )
    rows = {key: (value, source) for key, value, source in settings_of(config, Registry())}
    assert rows["seed"] == (11, "option")
    assert rows["decide.quorum"] == (1, f"file {desk}")
    assert rows["decide.agree"] == (2, "--set")
    assert rows["agents.momentum.fast"] == (9, f"file {desk}")
    assert rows["agents.momentum.slow"] == (50, "--set")
    assert rows["agents.momentum.gain"][1] == "default"
    assert rows["allocator.name"] == ("inverse-volatility", "recipe baseline")
    assert {"agents.reversion.window", "agents.technical.rsi"} <= rows.keys(), (
        "an overlay lies over, it does not replace"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sede = 1", "did you mean 'seed'"),
        ("[decide]\nquorm = 1", "did you mean 'quorum'"),
        ("[limits.losses]\nday_shar = 0.1", "did you mean 'losses.day_share'"),
        ("[limits.losses]\nday_share = 'much'", "not a number"),
        ("[limits.losses]\nday_share = -1", "above zero"),
        ("limits = 3", "must be a table"),
        ("seed = ", "is not TOML"),
        ("mode = 'papr'", "did you mean 'paper'"),
    ],
)
def test_the_layer_that_is_wrong_is_named_with_the_nearest_right_key(
    here: Path, text: str, said: str
) -> None:
    desk = here / "desk.toml"
    desk.write_text(text + "\n")
    with pytest.raises(ConfigError, match=r"desk\.toml") as caught:
        load_config(overlay=desk)
    assert said in str(caught.value)


def test_a_rulebook_lies_beside_the_file_that_names_it_and_leaves_no_path(here: Path) -> None:
    folder = here / "deep"
    folder.mkdir()
    values = BALANCED.plain() | {"name": "mine"}
    text = "\n".join(
        f"{key} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict)
    )
    for section, inner in values.items():
        if isinstance(inner, dict):
            rows = [f"{key} = {json.dumps(value)}" for key, value in inner.items() if value is not None]
            text += "\n".join(["", f"[{section}]", *rows, ""])
    (folder / "mine.toml").write_text(text)
    (folder / "desk.toml").write_text('rulebook = "mine.toml"\n')
    config = load_config(overlay=folder / "desk.toml")
    assert config.rulebook.name == "mine" and limits_of(config.rulebook) == limits_of(BALANCED)
    assert config.recipe.rulebook == "mine", "where it lay stays out of the journal"


# ---- limits only tighten -----------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from([each.key for each in explain(BALANCED) if each.unit != "currency"]),
            st.decimals("0.0001", "100000", places=4),
        ),
        max_size=6,
    )
)
def test_whatever_is_asked_no_limit_gets_looser(asked: list[tuple[str, Decimal]]) -> None:
    held = limits_of(BALANCED)
    wanted = [
        Tightening(key, Decimal(int(value) + 1) if isinstance(held[key], int) else value, key, "test")
        for key, value in asked
    ]
    try:
        book, moved, _ = tighten(BALANCED, wanted)
    except ConfigError:
        return  # a value that no rulebook may have is refused whole
    for key, now in limits_of(book).items():
        before = held[key]
        if before is None or now is None:
            assert before is now
        elif key in LARGER_IS_TIGHTER:
            assert now >= before
        else:
            assert now <= before
        assert (now != before) <= (key in moved)


def test_the_check_above_would_catch_a_limit_turned_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted defect: one key taken for a larger-is-tighter one."""
    monkeypatch.setattr("quorate.app.config.LARGER_IS_TIGHTER", frozenset({"exposure.leverage_max"}))
    book, _, _ = tighten(BALANCED, [Tightening("exposure.leverage_max", Decimal(9), "MAX_LEVERAGE", "test")])
    assert book.exposure.leverage_max > BALANCED.exposure.leverage_max


def test_environment_limits_tighten_and_a_looser_one_is_ignored_and_said(here: Path) -> None:
    (here / ".env").write_text("MAX_POSITION_SIZE=0.05  # small\nMAX_LEVERAGE=10\nSTOP_LOSS_PCT=0.01\n")
    config = load_config()
    assert config.rulebook.exposure.position_share == Decimal("0.05")
    assert config.rulebook.risk.trade_share == Decimal("0.01")
    assert config.rulebook.exposure.leverage_max == BALANCED.exposure.leverage_max
    assert config.limits["exposure.position_share"] == ".env"
    assert config.limits["exposure.leverage_max"] == "rulebook balanced"
    said = "\n".join(config.notes)
    assert "exposure.position_share tightened to 0.05" in said
    assert "MAX_LEVERAGE=10 (.env) is looser" in said and "ignored" in said


def test_the_environment_goes_before_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".env").write_text("MAX_POSITION_SIZE=0.05\nASSETS=BTC ETH\nINTERVAL=5m\n")
    monkeypatch.setenv("MAX_POSITION_SIZE", "0.07")
    monkeypatch.setenv("ASSETS", "sol, btc")
    config = load_config()
    assert config.rulebook.exposure.position_share == Decimal("0.07")
    assert config.limits["exposure.position_share"] == "environment"
    assert config.assets == ("SOL", "BTC") and config.interval == 300 * 10**9


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("MAX_POSITION_SIZE=50", "write 0.5 for 50 %"),
        ("MAX_LEVERAGE=lots", "not a number"),
        ("STOP_LOSS_PCT=-0.1", "above zero"),
        ("STOP_LOSS_PCT=nan", "above zero"),
        ("TRADING_MODE=robot", "auto, manual"),
        ("INTERVAL=soon", "not a span"),
    ],
)
def test_an_environment_value_that_cannot_be_meant_is_refused(here: Path, line: str, said: str) -> None:
    (here / ".env").write_text(line + "\n")
    with pytest.raises(InputError, match=said):
        load_config()


def test_a_misspelt_name_in_the_file_is_said(here: Path) -> None:
    (here / ".env").write_text("MAX_LEVRAGE=1\nSOMETHING_ELSE=1\n")
    (note,) = load_config().notes
    assert "MAX_LEVRAGE" in note and "MAX_LEVERAGE" in note


def test_manual_trading_is_refused_until_somebody_can_be_asked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / ".env").write_text("TRADING_MODE=manual\n")
    assert invoke(["run"]) == 2
    assert "TRADING_MODE=manual" in capsys.readouterr().err
    assert not (here / "home" / "runs").exists()


# ---- what is shown -----------------------------------------------------------------------------------


def test_keys_are_shown_as_set_and_never_themselves(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / ".env").write_text(f"HYPERLIQUID_PRIVATE_KEY={PLANTED}\nLLM_MODEL=some/model\n")
    monkeypatch.setenv("OPENROUTER_API_KEY", "planted-openrouter-key")
    for words in (["config", "show"], ["config", "show", "--json"], ["-vv", "config", "show"]):
        assert invoke(words) == 0
        said = capsys.readouterr()
        assert PLANTED not in said.out + said.err and "planted-openrouter-key" not in said.out + said.err
    shown = {name: (value, source) for name, value, source in load_config().shown()}
    assert shown["HYPERLIQUID_PRIVATE_KEY"] == ("set", ".env")
    assert shown["OPENROUTER_API_KEY"] == ("set", "environment")
    assert shown["TAAPI_API_KEY"] == ("not set", "default")
    assert shown["LLM_MODEL"] == ("some/model", ".env")
    assert set(shown) == set(KNOWN) and set(SECRETS) <= set(shown)


def test_the_example_file_names_all_that_is_known_and_changes_nothing() -> None:
    example = Path(__file__).resolve().parents[2] / ".env.example"
    text = example.read_text()
    for name in KNOWN:
        assert f"#{name}=" in text, name
    assert all(line.startswith("#") for line in text.splitlines() if line)
    assert set(ENVIRONMENT_LIMITS) <= set(KNOWN)


def test_config_show_as_json_has_every_value_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["config", "show", "--json", "--seed", "3"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {"key": "seed", "value": 3, "source": "option"} in shown["recipe"]
    assert {"key": "mode", "value": "backtest", "source": "default"} in shown["recipe"]
    assert len(shown["limits"]) == len(explain(BALANCED))
    assert all(each["unit"] and each["source"] for each in shown["limits"])


# ---- check and import --------------------------------------------------------------------------------


def test_check_explains_every_limit_and_finds_unknown_keys(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["config", "check", "balanced"]) == 0
    said = capsys.readouterr().out
    for each in explain(BALANCED):
        assert each.key in said and each.why in said and each.unit in said
    (here / "book.toml").write_text("[losses]\nday_shre = 0.1\n")
    assert invoke(["config", "check", "book.toml", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"] and "day_share" in found["why"]
    (here / "desk.toml").write_text("[agents.momentum]\nfats = 3\n")
    assert invoke(["config", "check", "desk.toml"]) == 1
    assert "'fast'" in capsys.readouterr().out


def test_check_takes_an_overlay_for_one(here: Path) -> None:
    (here / "desk.toml").write_text("[limits.losses]\nday_share = 0.02\n")
    kind, book, notes = check_file("desk.toml")
    assert kind.startswith("overlay") and book.losses.day_share == Decimal("0.02") and notes


SETTINGS = """
system:
  mode: "backtest"
data_handler:
  live_settings:
    provider: "rithmic"
  backtest_settings:
    file_path: "data/ES_historical.csv"
marl_core:
  mc_dropout:
    iterations: 30
    confidence_threshold: 0.8
rde:
  latent_dim: 8
risk_management:
  max_position_size: 2
  max_daily_drawdown: 0.05
  typo_here: 1
"""


def test_algospace_settings_become_a_recipe_that_loads(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "settings.yaml").write_text(SETTINGS)
    assert invoke(["config", "import", "settings.yaml", "--out", "desk.toml"]) == 0
    told = capsys.readouterr().err
    assert "kept for later: marl_core.mc_dropout.iterations = 30" in told
    assert "kept for later: rde.latent_dim = 8" in told
    assert "not known, not mapped: risk_management.typo_here = 1" in told
    assert "--data data/ES_historical.csv" in told
    for config in (load_config("desk.toml"), load_config(overlay=here / "desk.toml")):
        assert config.recipe.mode == "backtest" and config.recipe.agents
        assert config.rulebook.futures.contracts_max == 2
        assert config.rulebook.losses.day_share == Decimal("0.05")
    assert invoke(["config", "import", "settings.yaml", "--out", "desk.toml"]) == 2, "never over a file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "no settings"),
        ("a: [", "not YAML"),
        ("system:\n  mode: fast", "fast"),
        ("risk_management:\n  max_position_size: 2.5", "whole number"),
        ("risk_management:\n  max_daily_drawdown: -1", "above zero"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(here: Path, text: str, said: str) -> None:
    (here / "settings.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        import_settings(here / "settings.yaml")
