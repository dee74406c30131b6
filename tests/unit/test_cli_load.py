"""From a request to a plan: what is selected, cut, refused and said, on real files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from quorate.app.config import KNOWN
from quorate.app.load import Request, load_plan, read_acts
from quorate.core.errors import ConfigError, DataError, InputError
from quorate.core.events import Halt, Resume
from quorate.core.instant import parse_instant
from tests.cli_support import walk, write_bars


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with two hourly pairs and a five-minute one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    write_bars(tmp_path / "BTCUSDT_1h.csv", walk(200))
    write_bars(tmp_path / "ETHUSDT_1h.csv", walk(200, seed=8))
    write_bars(tmp_path / "SOLUSDT_5m.csv", walk(200, seed=9, minutes=5))
    return tmp_path


BOTH = ("ETHUSDT_1h.csv", "BTCUSDT_1h.csv")


def test_a_plan_says_all_that_was_derived() -> None:
    plan, notes = load_plan(Request(data=BOTH))
    assert list(plan.instruments) == ["BTCUSDT", "ETHUSDT"]
    assert [each["name"] for each in plan.opened.data] == ["BTCUSDT_1h.csv", "ETHUSDT_1h.csv"]
    assert any(note.startswith("cash 100,000.00 USDT") for note in notes)
    assert plan.opened.mode == "backtest" and plan.opened.recipe["rulebook"] == "balanced"


def test_the_order_of_files_changes_nothing() -> None:
    one, _ = load_plan(Request(data=BOTH))
    other, _ = load_plan(Request(data=BOTH[::-1]))
    assert one.opened == other.opened


def test_from_and_to_cut_by_the_open_of_a_bar() -> None:
    plan, notes = load_plan(Request(data=BOTH, first="2024-01-02", end="2024-01-03T12:00:00Z"))
    assert [len(each) for each in plan.series] == [36, 36]
    assert int(plan.series[0].start[0]) == parse_instant("2024-01-02")
    assert any("2024-01-02" in note for note in notes)
    with pytest.raises(DataError, match="they open from"):
        load_plan(Request(data=BOTH, first="2030-01-01"))
    with pytest.raises(InputError, match="is not before"):
        load_plan(Request(data=BOTH, first="2024-01-03", end="2024-01-03"))


def test_assets_and_interval_select_and_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSETS", "btc")
    monkeypatch.setenv("INTERVAL", "1h")
    plan, notes = load_plan(Request(data=BOTH))
    assert list(plan.instruments) == ["BTCUSDT"]
    assert "left out because ASSETS does not name them: ETHUSDT" in notes
    monkeypatch.setenv("ASSETS", "BTC DOGE")
    with pytest.raises(ConfigError, match="ASSETS asks for DOGE"):
        load_plan(Request(data=BOTH))
    monkeypatch.delenv("ASSETS")
    with pytest.raises(ConfigError, match=r"INTERVAL asks for 1h, SOLUSDT_5m\.csv has bars of 5m"):
        load_plan(Request(data=("SOLUSDT_5m.csv",)))


def test_the_sample_is_taken_as_it_is_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("skfolio") is None:
        pytest.skip("the sample comes with skfolio, which is not installed")
    monkeypatch.setenv("ASSETS", "BTC")
    monkeypatch.setenv("INTERVAL", "5m")
    plan, notes = load_plan(Request())
    assert len(plan.instruments) == 20
    assert sum("not applied to the built-in sample" in note for note in notes) == 2


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request(data=("BTCUSDT_1h.csv", "BTCUSDT_1h.csv")), "two files are both BTCUSDT"),
        (Request(instruments=("BTCUSDT",)), "an instrument needs data"),
        (Request(data=BOTH, instruments=("BTCUSD",)), "unknown instrument"),
        (Request(data=BOTH, cash="-5"), "not above zero"),
        (Request(data=BOTH, cash="NaN"), "amount"),
        (Request(data=BOTH, speed=0.0), "is not a speed"),
        (Request(data=BOTH, mode="live"), "needs a real venue"),
        (Request(data=BOTH, sets=("mode=replay",)), "unknown mode"),
        (Request(data=("nosuchfeed:x",)), "unknown file type"),
    ],
)
def test_what_cannot_be_meant_is_refused(request_: Request, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_plan(request_)


def test_a_feed_by_name_takes_the_rest_of_its_data(here: Path) -> None:
    (here / "feed.py").write_text(
        "from quorate.adapters.feeds.load import load\n\n\n"
        "class Mine:\n    name = 'mine'\n\n"
        "    def read(self, text):\n        return load([text])\n"
    )
    plan, notes = load_plan(
        Request(data=("mine:BTCUSDT_1h.csv", "ETHUSDT_1h.csv"), plugins=(Path("feed.py"),))
    )
    assert list(plan.instruments) == ["BTCUSDT", "ETHUSDT"]
    assert any(note.startswith("data: feed mine, given 'BTCUSDT_1h.csv'") for note in notes)
    assert plan.opened.plugins and plan.opened.plugins[0][0] == "feed.py"


def test_acts_are_read_line_by_line(here: Path) -> None:
    path = here / "acts.jsonl"
    path.write_text(
        '{"at": "2024-01-05T10:00:00Z", "act": "halt", "who": "ann", "why": "news"}\n\n'
        '{"at": "2024-01-06", "act": "resume", "who": ["ann", "bob"]}\n'
    )
    assert read_acts(path) == [
        Halt(parse_instant("2024-01-05T10:00:00Z"), "ann", "news"),
        Resume(parse_instant("2024-01-06"), ("ann", "bob"), ""),
    ]
    for line, said in (
        ("halt", "is no act"),
        ('{"at": "2024-01-05", "act": "halt"}', "who"),
        ('{"at": "2024-01-05", "act": "halt", "who": ""}', "somebody"),
        ('{"at": "soon", "act": "halt", "who": "ann"}', "soon"),
        ('{"at": "2024-01-05", "act": "halt", "who": "ann", "whi": 1}', "whi"),
    ):
        path.write_text(line)
        with pytest.raises(InputError, match=said):
            read_acts(path)
