"""One strategy two ways through the command: a research run under a rulebook, and the desk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quorate.cli.main import invoke
from tests.cli_support import clean_environment, one_object, quorate
from tests.research_desk import BODIES
from tests.support import ROOT

TAPE = "synthetic:seed=3,bars=600,interval=15m"
SHORT = "synthetic:seed=3,bars=100,interval=15m"
LEANING = str(BODIES / "leaning.py")
SAME = ("orders", "fills", "vetoes", "halts", "events", "instruments", "cash", "rulebook")
FIGURES = ("pnl", "trades", "fees", "max_drawdown", "total_return", "win_rate")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, value in clean_environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """The JSON object of a command in this process."""
    capsys.readouterr()
    assert invoke([*words, "--json"]) == code
    return one_object(capsys.readouterr().out)


def wrong(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a command that refuses."""
    capsys.readouterr()
    assert invoke(list(words)) == 2
    line = capsys.readouterr().err.strip()
    assert line.count("\n") == 0
    return line


def test_the_same_command_with_desk_gives_the_same_orders_fills_and_money(home: Path) -> None:
    words = ("backtest", "--strategy", LEANING, "--data", TAPE, "--set", "fast=3", "--size", "5%", "--json")
    first = quorate(*words, "--rulebook", "balanced", cwd=home)
    assert first.returncode == 0, first.stderr
    research = one_object(first.stdout)
    second = quorate(*words, "--rulebook", "balanced", "--desk", cwd=home)
    assert second.returncode == 0, second.stderr
    desk = one_object(second.stdout)
    assert {key: research[key] for key in SAME} == {key: desk[key] for key in SAME}
    assert {key: research["metrics"][key] for key in FIGURES} == {
        key: desk["metrics"][key] for key in FIGURES
    }
    assert min(desk["orders"], desk["fills"], desk["vetoes"]) > 0
    assert (research["mode"], research["limits"]["applied"]) == ("research", "balanced")
    assert sum(research["limits"]["refused"].values()) >= research["vetoes"]
    assert (desk["mode"], desk["config"]["strategy"]["settings"]) == ("backtest", {"fast": 3})
    assert (research["journal"], Path(desk["journal"]).is_file()) == (None, True)
    free = one_object(quorate(*words, cwd=home).stdout)
    assert (free["rulebook"], free["limits"], free["vetoes"]) == ("none", {"applied": "none"}, 0)
    assert free["orders"] > research["orders"]


def test_a_recipe_with_a_strategy_replays_and_an_altered_file_stops_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "mine"
    folder.mkdir()
    file = folder / "leaning.py"
    file.write_text(Path(LEANING).read_text("utf-8"), encoding="utf-8")
    recipe = folder / "desk.toml"
    recipe.write_text(
        'name = "mine"\n[strategy]\nfile = "leaning.py"\nsize = "5%"\n[strategy.settings]\nfast = 3\n',
        "utf-8",
    )
    assert told(capsys, "config", "check", str(recipe))["kind"] == "recipe"
    run = told(capsys, "run", "--recipe", str(recipe), "--data", TAPE)
    typed = ("--strategy", str(file), "--set", "fast=3", "--size", "5%", "--data", TAPE)
    assert told(capsys, "backtest", *typed, "--desk")["orders_digest"] == run["orders_digest"]
    assert told(capsys, "paper", *typed)["orders_digest"] == run["orders_digest"]
    stated = json.dumps(run["config"])
    assert str(folder) not in stated
    assert told(capsys, "replay", run["journal"], "--plugin", str(file))["identical"]
    override = ("--override", "strategy.settings.fast=5")
    other = told(capsys, "replay", run["journal"], "--plugin", str(file), *override, code=1)
    assert not other["identical"]
    assert "leaning.py, which is not here" in wrong(capsys, "replay", run["journal"])
    file.write_text(file.read_text("utf-8").replace("0.01", "0.011"), encoding="utf-8")
    line = wrong(capsys, "replay", run["journal"], "--plugin", str(file))
    assert "leaning.py is not the file the run was made with" in line


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('file = "nope.py"', "nope.py: cannot be read"),
        ('file = "leaning.py"\nsettings = {fsat = 3}', "did you mean 'fast'"),
        ('file = "leaning.py"\nsize = "much"', "'much' is no size"),
        ('file = "leaning.py"\nlots = 3', "unknown key 'lots'"),
        ("settings = {fast = 3}", "file"),
        ('file = "leaning.py"\n[agents.momentum]', "exclude each other"),
    ],
)
def test_a_wrong_strategy_table_is_one_line_checked_and_run(
    table: str, said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "leaning.py").write_text(Path(LEANING).read_text("utf-8"), encoding="utf-8")
    (home / "desk.toml").write_text(f'name = "mine"\n[strategy]\n{table}\n', encoding="utf-8")
    assert said in wrong(capsys, "run", "--recipe", "desk.toml", "--data", TAPE)
    assert invoke(["config", "check", "desk.toml"]) in (1, 2)  # 2 where it cannot be read
    told_here = capsys.readouterr()
    assert said in told_here.out + told_here.err


SOURCE = """
from quorate import Strategy

class Mine(Strategy):
    def start(self):
        {start}
    def on_bar(self, bar):
        if bar.number == 9:
            {act}
"""


def strategy(folder: Path, start: str = "pass", act: str = "pass") -> str:
    file = folder / "mine.py"
    file.write_text(SOURCE.format(start=start, act=act), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("self.buy(1, tif='ioc')", "buy: a rulebook has no rule for tif='ioc'"),
        ("self.sell(1, limit=1e6, post_only=True)", "sell: a rulebook has no rule for post_only=True"),
        ("self.buy(1, trail=1.0)", "a rulebook has no rule for trail=1.0"),
        ("self.buy(1, on='close')", "a rulebook has no rule for on='close'"),
        ("self.buy(1, limit=1e6, oco='pair')", "a rulebook has no rule for oco='pair'"),
        ("self.buy(1, limit=1.0, trigger=2.0)", "a rulebook has no rule for a trigger with a limit"),
        ("self.buy(1, limit=1.0, stop_loss=.5, until=2 * 10**18)", "a rulebook has no rule for until="),
        (
            "self.buy(share=0.01, limit=bar.close, stop_loss=bar.close * 0.99).replace(price=bar.close)",
            "replace: under a rulebook an order stays as it was reviewed (cancel it and send another)",
        ),
    ],
)
def test_what_a_rulebook_cannot_review_is_refused_by_name_in_both(
    act: str, said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("backtest", "--strategy", strategy(home, act=act), "--data", SHORT)
    line = wrong(capsys, *words, "--rulebook", "balanced")
    assert said in line
    silenced = told(capsys, *words, "--desk")["silenced"]
    assert len(silenced) == 1
    assert said in silenced[0]
    assert "without --desk)" in silenced[0] or "send another)" in silenced[0]
    assert told(capsys, *words)["vetoes"] == 0  # without a rulebook there is nothing to review


def test_an_order_that_goes_round_the_verbs_is_refused_under_a_rulebook_too(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = "order(at=self.now, instrument=0, side=1, role=0, lots=1, type=0, stop=1, {more})"
    act = f"from quorate.native._native import order; self.desk.runner.submit_order({order})"
    for more in ("group=1", "force=3", "post_only=True", "display=1", "after=0", "session=1", "watch=1"):
        file = strategy(home, act=act.format(more=more))
        words = ("backtest", "--strategy", file, "--data", SHORT, "--rulebook", "balanced")
        assert "a rulebook has no rule for an order of these terms" in wrong(capsys, *words)
    file = strategy(home, act=act.format(more=""))
    assert (
        told(capsys, "backtest", "--strategy", file, "--data", SHORT, "--rulebook", "balanced")["orders"] == 1
    )


def test_a_timer_is_refused_on_the_desk_before_anything_runs(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = strategy(home, start="self.timer(every='1h')")
    words = ("backtest", "--strategy", file, "--data", SHORT)
    assert "timer: a desk has no timers (count bars in on_bar" in wrong(capsys, *words, "--desk")
    assert not list((home / "home").glob("runs/*"))
    assert told(capsys, *words, "--rulebook", "balanced")["events"] == 100


def test_a_run_whose_every_order_is_refused_says_so_and_by_which_rule(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = strategy(home, act="self.target(1)")  # no stop
    for more in (("--desk",), ()):
        result = told(
            capsys, "backtest", "--strategy", file, "--data", SHORT, "--rulebook", "balanced", *more
        )
        assert "every order was refused: 1 in all, 1 by bracket.stop" in result["notes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--participation", "200%", "--desk"), "venue.participation: '200%' is no share above zero and at"),
        (("--intrabar", "luky", "--desk"), "venue.intrabar: no path is called 'luky'"),
        (
            ("--liquidation-fee", "1%", "--desk"),
            "venue.liquidation_fee: is paid where somebody is liquidated",
        ),
        (("--funding", "rates.csv", "--desk"), "--funding: is of research runs"),
        (("--interval", "1h", "--desk"), "--interval: is of research runs"),
        (("--latency", "50ms,1s", "--desk"), "--latency: quantiles are of research runs"),
        (("--set", "venue.part=1", "--desk"), "unknown key 'part'"),
        (("--trades", "--desk"), "--trades: is of research runs"),
        (("--journal", "x.db"), "--journal: belongs to a desk"),
        (("--config", "x.toml"), "--config: belongs to a desk"),
        (("--recipe", "swing"), "--recipe: belongs to a desk"),
        (("--recipe", "swing", "--desk"), "a strategy is a recipe by itself"),
        (("--set", "fsat=3", "--desk"), "did you mean 'fast'"),
        (("--set", "strategy.sise=3", "--desk"), "unknown key 'sise'"),
        (("--size", "0", "--desk"), "is no size"),
        (("--latency", "1m", "--desk"), "outlives every approval"),
        (("--latency", "1m", "--rulebook", "balanced"), "outlives every approval"),
        (("--rulebook", "bolanced"), "no rulebook is called 'bolanced'"),
        (("--rulebook", "conservative-small"), ""),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    words: tuple[str, ...], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("backtest", "--strategy", LEANING, "--data", SHORT, *words)
    if said:
        assert said in wrong(capsys, *asked)
    else:
        assert told(capsys, *asked)["limits"]["applied"] == "conservative-small"


VENUE = ("--participation", "2%", "--impact", "0.01%", "--intrabar", "pessimistic")
HOUSE = ("--maintenance", "kind", "--liquidation-fee", "1%", "--long-only")


def test_the_venue_of_a_desk_is_the_recipes_or_the_commands_and_replays(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ("--strategy", LEANING, "--set", "fast=3", "--size", "5%", "--data", TAPE)
    plain = told(capsys, "backtest", *typed, "--desk")
    assert "venue" not in plain["config"]  # as it was before there was such a table
    desk = told(capsys, "backtest", *typed, "--desk", *VENUE, *HOUSE)
    assert desk["config"]["venue"] == {
        "participation": "2%", "impact": "0.01%", "intrabar": "pessimistic", "maintenance": "kind",
        "liquidation_fee": "1%", "long_only": True,
    }  # fmt: skip
    assert desk["fills"] > plain["fills"]
    assert desk["orders_digest"] != plain["orders_digest"]
    assert not desk["halted"]
    for command in ("run", "paper"):
        assert told(capsys, command, *typed, *VENUE, *HOUSE)["orders_digest"] == desk["orders_digest"]
    lines = [
        'name = "mine"', "[strategy]", f'file = "{LEANING}"', 'size = "5%"', "settings = {fast = 3}",
        "[venue]", 'participation = "2%"', 'impact = "0.01%"', 'intrabar = "pessimistic"',
        'maintenance = "kind"', 'liquidation_fee = "1%"', "long_only = true",
    ]  # fmt: skip
    (home / "mine.toml").write_text("\n".join(lines), encoding="utf-8")
    assert (
        told(capsys, "run", "--recipe", "mine.toml", "--data", TAPE)["orders_digest"] == desk["orders_digest"]
    )
    words = ("replay", desk["journal"], "--plugin", LEANING)
    assert told(capsys, *words)["identical"]
    for journal in (desk["journal"], plain["journal"]):  # whether record 0 has the table or not
        override = ("--override", "venue.participation=any")
        assert "'venue' is not run again" in wrong(capsys, "replay", journal, "--plugin", LEANING, *override)


def test_agents_trade_on_the_venue_too_and_size_is_a_strategys(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = told(capsys, "backtest", "--data", TAPE)
    thin = told(capsys, "backtest", "--data", TAPE, "--participation", "1%")
    assert thin["fills"] > plain["fills"]
    assert not thin["halted"]
    assert told(capsys, "replay", thin["journal"])["identical"]
    slow = told(capsys, "backtest", "--data", TAPE, "--latency", "3s")
    assert slow["config"]["costs"]["latency"] == "3s"
    assert "--size: is a strategy's" in wrong(capsys, "backtest", "--data", TAPE, "--size", "5%")


def test_an_array_is_of_research_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("backtest", "--strategy", str(ROOT / "examples" / "sma_cross_array.py"), "--data", SHORT)
    assert "an array function needs all bars at once" in wrong(capsys, *words, "--desk")
    assert told(capsys, *words, "--rulebook", "aggressive")["limits"]["applied"] == "aggressive"


def test_limits_of_the_environment_tighten_a_research_run_too(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("backtest", "--strategy", LEANING, "--data", TAPE, "--size", "5%", "--rulebook", "balanced")
    assert not told(capsys, *words)["limits"]["cut"]
    monkeypatch.setenv("MAX_POSITION_SIZE", "0.03")
    result = told(capsys, *words)
    assert result["limits"]["cut"] > 0
    assert any("exposure.position_share tightened to 0.03" in note for note in result["notes"])
