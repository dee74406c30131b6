"""What markets, sizes and grids are at their worst, through the command: each body, a sweep and the desk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quorate.cli.main import invoke
from tests.cli_support import Row, one_object, quorate, walk, write_bars

# One strategy in four bodies: bought at the first close and never sold.
HOLDERS = {
    "class": """
from quorate import Strategy
class Hold(Strategy):
    way = 1
    def on_bar(self, bar):
        self.target(self.way)
""",
    "array": """
import numpy as np
def positions(ohlcv, way=1):
    return np.full(len(ohlcv), float(way))
""",
    "signal": """
def get_signal(ohlcv, state, *, way=1):
    return {"action": "buy" if way > 0 else "sell"}
""",
    "formula": """
from quorate import Formula
hold = Formula(long="close * way > 0", short="close * way < 0", params={"way": 1})
""",
}
BARS = walk(60)
Command = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in this process, with its state, data and strategies in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    for body, source in HOLDERS.items():
        (tmp_path / f"{body}.py").write_text(source, encoding="utf-8")

    def run(way: str, bars: list[Row], *words: str) -> tuple[int, dict[str, Any], str]:
        write_bars(tmp_path / "BTCUSDT_1h.csv", bars)
        body = {"desk": ["backtest"], "sweep": ["sweep", "--strategy", "formula.py"]}.get(
            way, ["backtest", "--strategy", f"{way}.py"]
        )
        grid = ["--grid", "way=1,-1"] if way == "sweep" and "--grid" not in words else []
        code = invoke([*body, *grid, "--data", "BTCUSDT_1h.csv", "--json", *words])
        told = capsys.readouterr()
        return code, one_object(told.out), told.err

    return run


WAYS = pytest.mark.parametrize("way", [*HOLDERS, "sweep", "desk"])
RUNS = pytest.mark.parametrize("way", [*HOLDERS, "sweep"])


def refused(answer: tuple[int, dict[str, Any], str], *said: str) -> None:
    """One line that says it, and exit 2: never a traceback, never a result."""
    code, result, told = answer
    assert code == 2, told
    assert told.count("\n") == 1 and told.startswith("quorate: ")
    assert all(each in told for each in said), told
    assert "metrics" not in result and "rows" not in result


def figures(answer: tuple[int, dict[str, Any], str]) -> dict[str, Any]:
    """The measures of a run; of a sweep those of its first combination, long."""
    code, result, told = answer
    assert code == 0, told
    if result["mode"] == "sweep":
        return dict(next(row for row in result["rows"] if row.get("way", 1) == 1))
    return dict(result["metrics"])


def spoilt(place: int, column: int, value: float) -> list[Row]:
    bars = [list(row) for row in BARS]
    bars[place][column] = value
    return [tuple(row) for row in bars]  # type: ignore[misc]


def times(factor: float, since: int = 0) -> list[Row]:
    return [
        row if place < since else (row[0], *(price * factor for price in row[1:5]), row[5])  # type: ignore[misc]
        for place, row in enumerate(BARS)
    ]


# ---- markets -------------------------------------------------------------------------------------------

BAD = {
    "NaN price": (spoilt(9, 4, float("nan")), ("row 10", "close is nan")),
    "infinite price": (spoilt(9, 2, float("inf")), ("row 10", "high is inf")),
    "price of minus infinity": (spoilt(9, 3, float("-inf")), ("row 10", "low is -inf")),
    "price of zero": (spoilt(9, 3, 0.0), ("row 10", "low is 0", "above zero")),
    "negative price": (spoilt(9, 1, -3.5), ("row 10", "open is -3.5", "above zero")),
    "all prices zero": (times(0.0), ("row 1", "above zero")),
    "vast prices": (times(1e12), ("row 1", "prices go from 1e-18 to 1e+15")),
    "prices beyond floats": (times(1e303), ("row 1", "prices go from 1e-18 to 1e+15")),
    "NaN volume": (spoilt(9, 5, float("nan")), ("row 10", "volume is nan")),
    "negative volume": (spoilt(9, 5, -1.0), ("row 10", "volume is -1", "negative")),
    "infinite volume": (spoilt(9, 5, float("inf")), ("row 10", "volume is inf")),
    "vast volume": (spoilt(9, 5, 1e30), ("volume does not fit 64 bits",)),
    "one bar": (BARS[:1], ("one bar does not tell the interval",)),
}  # fmt: skip


EVERY = ("NaN price", "negative price", "one bar")  # one reader serves all: the others by two ways


@pytest.mark.parametrize(
    ("what", "way"),
    [
        (what, way)
        for what in BAD
        for way in ([*HOLDERS, "sweep", "desk"] if what in EVERY else ["class", "desk"])
    ],
)
def test_a_market_that_cannot_be_is_refused_in_one_line(what: str, way: str, command: Command) -> None:
    bars, said = BAD[what]
    refused(command(way, bars), "BTCUSDT_1h.csv", *said)


@WAYS
def test_two_bars_are_a_run_without_a_trade(way: str, command: Command) -> None:
    found = figures(command(way, BARS[:2]))
    assert found["trades"] == 0
    assert found["total_return"] == pytest.approx(0, abs=0.01)


@WAYS
def test_a_market_that_never_moves_costs_its_fees_and_gives_no_nan(way: str, command: Command) -> None:
    still: list[Row] = [(row[0], 100.0, 100.0, 100.0, 100.0, 5.0) for row in BARS]
    found = figures(command(way, still))
    assert found["trades"] == 0
    assert -0.01 < found["total_return"] <= 0


@WAYS
def test_volume_that_is_nowhere_is_taken_as_unknown(way: str, command: Command) -> None:
    bars: list[Row] = [(*row[:5], 0.0) for row in BARS]
    code, result, _ = command(way, bars)
    assert code == 0
    assert any("volume is 0 in every bar" in note for note in result["notes"])
    if way != "desk":
        assert figures((code, result, ""))["total_return"] == figures(command(way, BARS))["total_return"]


@WAYS
def test_a_crash_of_99_percent_is_booked_to_its_end(way: str, command: Command) -> None:
    found = figures(command(way, times(0.01, since=30)))
    if way == "desk":
        return  # whatever it did, it ended well
    assert found["max_drawdown"] == pytest.approx(0.95 * 0.99, abs=0.02)
    assert found["total_return"] == pytest.approx(-0.95 * 0.99, abs=0.02)


@RUNS
def test_a_crash_of_what_was_borrowed_leaves_debt_and_finite_numbers(way: str, command: Command) -> None:
    found = figures(command(way, times(0.01, since=30), "--size", "180%"))
    assert found["total_return"] == pytest.approx(-1.8 * 0.99, abs=0.1)
    assert found["max_drawdown"] > 1


def test_the_bodies_are_one_strategy_at_the_edge_too(command: Command) -> None:
    digests = {command(body, times(0.01, since=30))[1]["orders_digest"] for body in HOLDERS}
    assert len(digests) == 1


# ---- sizes, money, time --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["class", "sweep"])  # the runner, and the fast lane
@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("NaN", "is no size"), ("-5%", "is no size"), ("inf", "is no size"), ("0%", "is no size"),
        ("1e-30%", "kept exactly"), ("1e999999", "kept exactly"), ("1e30", "kept exactly"),
        ("95.00000000000000000001%", "kept exactly"), ("0.0000000001", "less than a lot"),
        ("1e15", "63 bits"), ("100000000000", "63 bits"),
    ],
)  # fmt: skip
def test_a_size_that_cannot_be_is_refused_in_one_line(
    size: str, said: str, way: str, command: Command
) -> None:
    refused(command(way, BARS, "--size", size, "--cash", "10000000000"), said)


@RUNS
def test_a_size_beyond_all_margin_trades_nothing(way: str, command: Command) -> None:
    assert figures(command(way, BARS, "--size", "100000%"))["trades"] == 0


@pytest.mark.parametrize("way", ["class", "sweep"])
@pytest.mark.parametrize("cash", ["NaN", "1e30", "-1", "0", "inf"])
def test_cash_that_cannot_be_is_refused_in_one_line(cash: str, way: str, command: Command) -> None:
    refused(command(way, BARS, "--cash", cash), "--cash")


@RUNS
def test_a_cent_buys_nothing_and_says_so(way: str, command: Command) -> None:
    code, result, _ = command(way, BARS, "--cash", "0.00000001")
    assert code == 0
    assert figures((code, result, ""))["trades"] == 0
    if way != "sweep":
        assert any("too small for one lot" in note for note in result["notes"])


@pytest.mark.parametrize("way", ["class", "sweep"])
@pytest.mark.parametrize("latency", ["1e30s", "-1s", "x", "99999999999d", "9" * 5_000 + "s"])
def test_a_latency_that_cannot_be_is_refused_in_one_line(latency: str, way: str, command: Command) -> None:
    refused(command(way, BARS, "--latency", latency), "--latency")


@pytest.mark.parametrize("option", ["--participation", "--impact"])
@pytest.mark.parametrize(
    "share", ["NaN", "inf", "-1%", "0", "1e-30%", "1e-999999", "0.1000000000000000000001"]
)
def test_a_share_that_cannot_be_is_refused_in_one_line(share: str, option: str, command: Command) -> None:
    refused(command("class", BARS, option, share), option)


@RUNS
def test_an_order_that_never_arrives_trades_nothing(way: str, command: Command) -> None:
    assert figures(command(way, BARS, "--latency", "9999h"))["trades"] == 0


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (("way=1:9999999999",), "more than 100,000 values"), (("way=1:" + "9" * 40,), "more than 100,000"),
        (("way=1:9:0",), "is no range"), (("way=5:1",), "is empty"), (("way=1,1",), "a value twice"),
        (("way=nan",), "way"), (("way=inf",), "way"), (("way=",), "is no grid"), (("x=1",), "no parameter"),
    ],
)  # fmt: skip
def test_a_grid_that_cannot_be_is_refused_before_it_is_made(
    grid: tuple[str, ...], said: str, command: Command
) -> None:
    refused(command("sweep", BARS, *(word for each in grid for word in ("--grid", each))), said)


def test_two_grids_are_multiplied_before_they_are_made(tmp_path: Path, command: Command) -> None:
    (tmp_path / "two.py").write_text("def positions(ohlcv, a=1, b=1):\n    return ohlcv.close * 0\n")
    words = ("--strategy", "two.py", "--grid", "a=0:90000", "--grid", "b=0:90000")
    refused(command("sweep", BARS, *words), "8,100,000,000 combinations")


def test_a_real_process_says_the_same_as_one_line(tmp_path: Path) -> None:
    """The fixture above calls the command's own entry in this process; this one is the program itself."""
    (tmp_path / "hold.py").write_text(HOLDERS["class"], encoding="utf-8")
    write_bars(tmp_path / "BTCUSDT_1h.csv", times(0.01, since=30))
    words = ("backtest", "--strategy", "hold.py", "--data", "BTCUSDT_1h.csv", "--json")
    done = quorate(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert one_object(done.stdout)["metrics"]["total_return"] == pytest.approx(-0.94, abs=0.02)
    done = quorate(*words, "--size", "1e-30%", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "kept exactly" in done.stderr
    assert json.loads(done.stdout)["exit_code"] == 2
