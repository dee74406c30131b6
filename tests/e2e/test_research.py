"""Research runs from the command: examples keep their expected results, bodies agree, errors are one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quorate.app.load import Request
from quorate.app.research import Asked, perform_research, prepare
from quorate.app.strategy import load_strategy, read_grid
from quorate.app.sweep import _each, perform_sweep, rank
from quorate.core.errors import ConfigError, InputError
from tests.cli_support import one_object, quorate
from tests.support import ROOT

EXAMPLES = ROOT / "examples"
EXPECTED: dict[str, Any] = json.loads((EXAMPLES / "expected.json").read_text("utf-8"))
TAPE: str = EXPECTED["data"]
BODIES = ("event", "array", "signal", "formula")


def asked(name: str, **more: Any) -> Asked:
    own = EXPECTED["examples"].get(name, {})  # an example of trades has data of its own
    request = Request(data=[more.pop("data", own.get("data", TAPE))], sets=more.pop("sets", ()))
    if "interval" in own:
        more.setdefault("interval", own["interval"])
    return Asked(strategy=EXAMPLES / f"{name}.py", request=request, **more)


def measured(name: str) -> dict[str, Any]:
    """What `expected.json` holds of one example."""
    result = perform_research(asked(name), keep=False).result
    metrics = result["metrics"]
    figures = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate", "fees")
    return {"orders_digest": result["orders_digest"], **{key: metrics[key] for key in figures}}


def test_every_example_has_its_expected_results() -> None:
    assert sorted(EXPECTED["examples"]) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", sorted(EXPECTED["examples"]))
def test_an_example_gives_what_it_gave(name: str) -> None:
    found, expected = measured(name), EXPECTED["examples"][name]
    assert found.pop("orders_digest") == expected["orders_digest"]
    for key, value in found.items():
        assert value == pytest.approx(expected[key], rel=1e-9), key
    assert found["trades"] >= 5


def test_the_cross_is_one_strategy_in_every_body() -> None:
    digests = {EXPECTED["examples"][f"sma_cross_{body}"]["orders_digest"] for body in BODIES}
    assert len(digests) == 1
    other = perform_research(asked("sma_cross_event", sets=["fast=11"]), keep=False).result
    assert other["orders_digest"] not in digests


def test_the_command_says_it_all_and_leaves_its_result(tmp_path: Path) -> None:
    words = ("backtest", "--strategy", str(EXAMPLES / "sma_cross_event.py"), "--data", TAPE)
    done = quorate(*words, "--set", "fast=12", "--size", "30%", "--trades", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = one_object(done.stdout)
    assert (result["mode"], result["rulebook"], result["journal"]) == ("research", "none", None)
    assert result["config"]["parameters"] == {"fast": 12, "slow": 30}
    assert (result["config"]["size"], result["config"]["latency"]) == ("30%", "250ms")
    assert any("no shield" in note for note in result["notes"])
    trades = result["trades"]
    assert len(trades) == result["metrics"]["trades"] > 0
    assert sum(each["pnl"] for each in trades) == pytest.approx(
        result["metrics"]["expectancy"] * len(trades), rel=1e-9
    )
    assert all(each["entry_bar"] <= each["exit_bar"] and each["exit_reason"] == "exit" for each in trades)
    listed = one_object(quorate("runs", "list", "--json", cwd=tmp_path).stdout)
    assert result["run_id"] in json.dumps(listed)


CLASS = "from quorate import Strategy\nclass Mine(Strategy):\n    def on_bar(self, bar):\n        "
LEAVES = CLASS + "raise SystemExit(7)\n"
WRONG = CLASS + "self.target(float('nan'))\n"
REMEMBERS = (
    "KEPT = []\ndef positions(o):\n    KEPT or KEPT.append(o.close.mean())\n    return o.close < KEPT[0]\n"
)


@pytest.mark.parametrize(
    ("source", "words", "said"),
    [
        ("x = 1\n", (), "holds no strategy"),
        ("1/0\n", (), "does not load: ZeroDivisionError"),
        ("def positions(o): return o.close * 0\ndef get_signal(o, s): ...\n", (), "holds 2 strategies"),
        ("def positions(o, n): return o.close * 0\n", (), "'n' needs a default"),
        ("def positions(o, size=1): return o.close * 0\n", ("--set", "siez=1"), "did you mean 'size'"),
        ("def positions(o, n=1): return o.close * 0\n", ("--set", "n=x"), "n must be a whole number"),
        ("def positions(o): return o.close * 0\n", ("--config", "x.toml"), "belongs to a desk"),
        ("def positions(o): return o.close * 0\n", ("--size", "0"), "is no size"),
        ("def positions(o): return o.close > o.close[-1]\n", (), "bars are known"),
        (REMEMBERS, (), "bars are known"),
        (LEAVES, (), "mine.py, line 4: fails at 2024-01-01T00:01:00Z: SystemExit: 7"),
        (WRONG, (), "mine.py, line 4: target: a stance is a number from -1 to 1, not nan"),
        ("def positions(o): return o.close * 0\n", ("--interval", "7m"), "a day must be a multiple of it"),
        ("def positions(o): return o.close * 0\n", ("--interval", "1d"), "less than two bars of 1d"),
    ],
)
def test_what_is_wrong_is_one_line(
    source: str, words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from quorate.cli.main import invoke

    file = tmp_path / "mine.py"
    file.write_text(source, encoding="utf-8")
    data = "synthetic:seed=1,bars=100"
    assert invoke(["backtest", "--strategy", str(file), "--data", data, *words]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert told.count("\n") == 0


def test_trades_drive_a_run_from_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from quorate.cli.main import invoke

    lines = [f"2024-01-01T00:{n // 60:02}:{n % 60:02}Z,{100 + n % 7},1,{(-1) ** n}" for n in range(600)]
    data = tmp_path / "BTCUSDT.csv"
    data.write_text("\n".join(["ts,price,size,side", *lines]) + "\n", "utf-8")
    words = ["backtest", "--strategy", str(EXAMPLES / "sma_cross_event.py"), "--data", str(data)]
    assert invoke([*words, "--interval", "1m", "--json"]) == 0
    result = one_object(capsys.readouterr().out)
    assert (result["events"], result["ticks"], result["interval_ns"]) == (9, 600, 60 * 10**9)
    assert invoke(words) == 2
    assert "holds ticks, not bars" in capsys.readouterr().err
    assert invoke(["backtest", "--data", str(data), "--interval", "1m"]) == 2
    assert "give --strategy" in capsys.readouterr().err


def test_a_strategy_that_fails_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from quorate import Strategy\n\n\nclass Mine(Strategy):\n    def on_bar(self, bar):\n"
        "        if bar.number == 3:\n            raise ValueError('no')\n",
        encoding="utf-8",
    )
    request = Request(data=["synthetic:seed=1,bars=100"])
    with pytest.raises(InputError, match=r"mine\.py, line 7: fails at 2024-01-01T00:04:00Z: ValueError: no"):
        perform_research(Asked(strategy=file, request=request), keep=False)


# ---- sweeps --------------------------------------------------------------------------------------------

SMALL = "synthetic:seed=3,bars=2000,interval=15m"


def test_a_sweep_is_so_many_runs() -> None:
    grid = ["fast=5:8", "slow=20,30"]
    told: list[tuple[int, int]] = []
    swept = perform_sweep(
        asked("sma_cross_event", data=SMALL), grid, progress=lambda done, total: told.append((done, total))
    )
    assert [(row["fast"], row["slow"]) for row in swept.rows] == [
        (fast, slow) for fast in (5, 6, 7) for slow in (20, 30)
    ]
    assert told == [(done, 6) for done in range(1, 7)]
    assert swept.result["trials"] == 6
    for row in swept.rows:
        sets = [f"fast={row['fast']}", f"slow={row['slow']}"]
        alone = perform_research(asked("sma_cross_event", data=SMALL, sets=sets), keep=False).result
        assert {key: row[key] for key in ("sharpe", "trades", "total_return")} == {
            key: alone["metrics"][key] for key in ("sharpe", "trades", "total_return")
        }
    best = max(row["sharpe"] for row in swept.rows)
    assert swept.result["rows"][0]["sharpe"] == best


def test_runs_of_a_sweep_share_no_globals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path))
    file = tmp_path / "mine.py"
    file.write_text(
        "SEEN = []\ndef get_signal(ohlcv, state, *, lag=3):\n    SEEN.append(1)\n"
        "    return {'action': 'buy' if len(SEEN) % 7 < lag else 'close'}\n",
        encoding="utf-8",
    )
    body = load_strategy(file)
    asked = Asked(strategy=file, request=Request(data=["synthetic:seed=3,bars=200,interval=15m"]))
    prepared = prepare(asked)
    found = [body.run({"lag": 3}, prepared.setting).runner.equity.tolist() for _ in range(3)]
    assert found[0] == found[1] == found[2]


def test_processes_give_the_same_rows_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from quorate.app import sweep

    ask = asked("sma_cross_event", data=SMALL)
    grid = ["fast=5:7", "slow=20,30"]
    alone = perform_sweep(ask, grid)
    monkeypatch.setattr(sweep, "ALONE_MAX", 0)
    monkeypatch.setattr(sweep.os, "cpu_count", lambda: 2)
    assert perform_sweep(ask, grid).rows == alone.rows
    assert _each is sweep._each


def test_a_native_sweep_gives_what_single_runs_give(monkeypatch: pytest.MonkeyPatch) -> None:
    from quorate.app import sweep

    ask, grid = asked("sma_cross_formula", data=SMALL), ["fast=5:9", "slow=20,30"]
    native = perform_sweep(ask, grid).rows
    monkeypatch.setattr(sweep, "stays_native", lambda prepared: False)
    single = perform_sweep(ask, grid).rows
    assert len({row["sharpe"] for row in native}) > 4
    for one, other in zip(native, single, strict=True):
        for key, value in other.items():
            assert (one[key] is None) == (value is None), key
            assert value is None or one[key] == pytest.approx(value, rel=1e-9), key


def test_ranks_put_the_undefined_last() -> None:
    rows = [{"sharpe": None, "fees": 3.0}, {"sharpe": -1.0, "fees": 1.0}, {"sharpe": 2.0, "fees": 2.0}]
    assert [row["sharpe"] for row in rank(rows, "sharpe")] == [2.0, -1.0, None]
    assert [row["fees"] for row in rank(rows, "fees")] == [1.0, 2.0, 3.0]


def test_grids_are_half_open_ranges_or_lists() -> None:
    body = load_strategy(EXAMPLES / "sma_cross_event.py")
    assert read_grid(["fast=5:8", "slow=20:30:5"], body) == {"fast": [5, 6, 7], "slow": [20, 25]}
    assert read_grid(["slow=30,10"], body) == {"slow": [30, 10]}


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("fast", "is no grid"),
        ("fsat=1:3", "did you mean 'fast'"),
        ("fast=5:5", "is empty"),
        ("fast=a:b", "is no range"),
        ("fast=1,x", "fast must be a whole number"),
        ("fast=1,1", "names a value twice"),
    ],
)
def test_wrong_grids_are_one_line(grid: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_grid([grid], load_strategy(EXAMPLES / "sma_cross_event.py"))


def test_the_sweep_command_ranks_and_draws(tmp_path: Path) -> None:
    words = ("sweep", "--strategy", str(EXAMPLES / "sma_cross_event.py"), "--data", SMALL, "--top", "2")
    done = quorate(*words, "--grid", "fast=5:8", "--grid", "slow=20:24", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("best sharpe first")
    assert "and 10 more (--top)" in lines
    drawn = [line for line in lines if line.endswith("|")]
    assert len(drawn) == 3
    assert "@" in "".join(drawn)
    assert any("best of 12 tries" in line for line in lines)


# ---- what a sweep is worth -----------------------------------------------------------------------------


def test_a_sweep_counts_its_tries_against_its_best() -> None:
    found = perform_sweep(asked("sma_cross_event"), ["fast=5:9", "slow=20:60:5"]).result
    judged = found["significance"]
    assert (judged["trials"], found["trials"]) == (32, 32)
    assert judged["sharpe"] == pytest.approx(found["rows"][0]["sharpe"], rel=1e-12)
    assert judged["sharpe_of_luck"] > 0
    assert 0 <= judged["deflated_sharpe"] <= 1 and 0 <= judged["pbo"] <= 1
    assert judged["says"] in found["notes"]
    fewer = perform_sweep(asked("sma_cross_event"), ["fast=5:7", "slow=20:60:5"]).result["significance"]
    assert fewer["sharpe_of_luck"] != judged["sharpe_of_luck"]


def test_native_and_single_runs_are_judged_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    from quorate.app import sweep

    ask, grid = asked("sma_cross_formula"), ["fast=5:9", "slow=20,30"]
    native = perform_sweep(ask, grid).result["significance"]
    monkeypatch.setattr(sweep, "stays_native", lambda prepared: False)
    single = perform_sweep(ask, grid).result["significance"]
    assert native.pop("says") and single.pop("says")
    assert native == pytest.approx(single, rel=1e-9)


def test_too_many_combinations_have_no_pbo(monkeypatch: pytest.MonkeyPatch) -> None:
    from quorate.app import sweep, trials

    for module in (sweep, trials):
        monkeypatch.setattr(module, "PBO_MAX", 3)
    judged = perform_sweep(asked("sma_cross_event"), ["fast=5:9"]).result["significance"]
    assert judged["pbo"] is None and "more than 3 combinations" in judged["says"]
    assert judged["deflated_sharpe"] is not None


# ---- the report ----------------------------------------------------------------------------------------


def test_a_research_run_has_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    place = tmp_path / "new" / "mine.html"
    result = perform_research(asked("order_types"), report=place).result
    assert result["report"] == str(place)
    page = place.read_text("utf-8")
    for said in (
        "order_types.py (OrderTypes)", "Buy and hold", "Random trader", "pessimistic", "optimistic",
        "Targets", result["orders_digest"], result["config"]["strategy_sha256"],
        "No shield looked at these orders", "latency 250ms", 'id="equity-t"', "no shield, no rulebook",
    ):  # fmt: skip
        assert said in page, said
    for foreign in ("Halts and vetoes", "Head of the chain", "Verdicts by rule", "By agent"):
        assert foreign not in page, foreign
    orders = page.split("Orders sent</")[1][:200]
    assert f"{result['orders']:,}" in orders
    kept = json.loads((tmp_path / "home" / "runs" / result["run_id"] / "result.json").read_text("utf-8"))
    assert kept["report"] == str(place)
    beside = perform_research(asked("order_types")).result
    assert Path(beside["report"]).parent.name == beside["run_id"]


@pytest.mark.parametrize("place", ["", "file.txt/mine.html"])
def test_a_report_that_cannot_be_is_told_before_the_run(tmp_path: Path, place: str) -> None:
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="the report"):
        perform_research(asked("order_types"), report=tmp_path / place)


def test_a_sweep_has_a_page_with_its_ground(tmp_path: Path) -> None:
    place = tmp_path / "ground.html"
    swept = perform_sweep(asked("sma_cross_event"), ["fast=5:9", "slow=20:40:5"], report=place)
    assert swept.result["report"] == str(place)
    page = place.read_text("utf-8")
    best = swept.result["rows"][0]
    assert page.count('class="cell ') == 16
    assert f"the chosen one is fast {best['fast']}, slow {best['slow']}" in page
    for row in swept.rows:
        assert f"fast {row['fast']}, slow {row['slow']}: sharpe" in page
    for said in (swept.result["significance"]["says"], "Believe a plateau before a peak", 'id="equity-t"'):
        assert said in page, said
    assert "http" not in page and "<script" not in page
    line = place.with_name("line.html")
    perform_sweep(asked("sma_cross_event", data=SMALL), ["fast=5:9"], report=line)
    assert line.read_text("utf-8").count('class="cell ') == 4


def test_tables_show_returns_in_per_cent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from quorate.cli.main import invoke

    words = [
        "sweep",
        "--strategy",
        str(EXAMPLES / "sma_cross_event.py"),
        "--data",
        SMALL,
        "--grid",
        "fast=5,6",
    ]
    assert invoke(words) == 0
    shown = capsys.readouterr().out.splitlines()[3].split("  ")
    assert invoke([*words, "--json"]) == 0
    best = one_object(capsys.readouterr().out)["rows"][0]
    assert f"{abs(100 * best['total_return']):.2f} %" in " ".join(shown)
