"""The tear sheet as its reader meets it: what it says, that it needs nothing else, and that it is safe."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quorate.analysis.analysis import analyse
from quorate.analysis.catalogue import CATALOGUE
from quorate.analysis.result import Closes, Curve, RunStats
from quorate.app.report import Report, Source, render, write_report
from quorate.core.errors import InputError
from quorate.core.events import Breaker
from quorate.core.instant import DAY, HOUR, MINUTE
from tests.golden.runs import coin, future, make_run, stock

EXPECTED = Path(__file__).with_name("tearsheet.txt")
OUTSIDE = re.compile(
    r"""(?:src|href|action|data|poster)\s*=|url\(|@import|https?:|//[a-z]|<script|<link|\son\w+="""
)


def make_report(instruments, bars, interval, seed=5, *, recipe_of="", bars_of=0.0, **changes) -> Report:
    """``bars_of``: how far highs and lows lie from the closes, as a share; 0 for closes alone."""
    stats, closes = make_run(instruments, bars, interval, seed)
    if bars_of:
        closes = {
            name: Closes(each.at, each.close, each.close * (1 + bars_of), each.close * (1 - bars_of))
            for name, each in closes.items()
        }
    report = Report(
        run_id="run-1",
        product="quorate 0",
        recipe="baseline",
        mode="backtest",
        reasoner="rules, no language model",
        seed=7,
        trust_level="B",
        trust_reason="synthetic prices",
        head_digest="9f" * 32,
        policy_digest="7a" * 32,
        counts=[(bars, "bars"), (len(stats.fills), "fills")],
        complete=True,
        breaker=Breaker.NORMAL,
        sources=[
            Source(
                name, f"{name}.csv", each.at.size, int(each.at[0]), int(each.at[-1]), "5b" * 32, "5m closes"
            )
            for name, each in closes.items()
        ],
        notes=["Fills at the next bar's open."],
        analysis=analyse(stats, closes, 7, recipe=recipe_of),
    )
    return replace(report, **changes)


class _Text(HTMLParser):
    """The words of a page, one line a text; charts by their descriptions only."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        if tag != "br":
            assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        drawn = "svg" in self.open and "desc" not in self.open
        if data.strip() and "style" not in self.open and not drawn:
            self.lines.append(" ".join(data.split()))


def words_of(page: str) -> str:
    parser = _Text()
    parser.feed(page)
    assert parser.open == []  # every tag is closed, in order
    return "\n".join(parser.lines) + "\n"


@pytest.fixture(scope="module")
def month() -> Report:
    return make_report([coin()], 8640, 5 * MINUTE)


@pytest.fixture(scope="module")
def page(month: Report) -> str:
    return render(month)


def test_it_says_what_it_said_before(page: str) -> None:
    """After a wanted change of words: write ``words_of(page)`` to tearsheet.txt and read the difference."""
    assert words_of(page) == EXPECTED.read_text(encoding="utf-8")


def test_the_same_report_gives_the_same_bytes(month: Report, page: str) -> None:
    assert render(month) == page


def test_it_asks_nothing_of_the_outside(page: str) -> None:
    assert OUTSIDE.findall(page) == []
    for planted in ('<img src="x.png">', "<link rel=x>", "url(x)", "<script>", "http://x", '<a onclick="x">'):
        assert OUTSIDE.search(planted), planted


def test_it_is_light_and_dark_and_calm(page: str) -> None:
    assert "prefers-color-scheme: light" in page
    for token in ("#2fb5a3", "#f0756a", "#0b0e14", "tabular-nums"):
        assert token in page
    assert "!" not in words_of(page)
    assert not re.search(r"\b(nan|inf|None|True|False)\b", words_of(page))


def test_money_has_a_currency_and_times_a_zone(page: str) -> None:
    text = words_of(page)
    for found in re.finditer(r"\d{4}-\d\d-\d\d \d\d:\d\d(.{0,4})", text):
        assert found.group(1) == " UTC"
    assert re.search(r"100,000\.00 USDT became [\d,.]+ USDT", text)


def test_every_defined_figure_is_on_the_page(month: Report, page: str) -> None:
    text = words_of(page)
    assert [entry.name for entry in CATALOGUE if entry.label not in text] == []
    listed = text.partition("Not defined for this run: ")[2].partition("\n")[0]
    undefined = {entry.label for entry in CATALOGUE if month.analysis.statistics[entry.name] is None}
    assert set(listed.removesuffix(".").split(" · ")) == undefined


def test_targets_are_told_with_their_intervals(month: Report) -> None:
    """A recipe without targets of its own has the general two; one with its own has its four."""
    assert [each.figure for each in month.analysis.targets] == ["sharpe", "max_drawdown"]
    own = make_report([coin()], 3000, HOUR, recipe_of="swing")
    text = words_of(render(own))
    assert [each.figure for each in own.analysis.targets][2:] == ["win_rate", "profit_factor"]
    for each in own.analysis.targets:
        assert each.spread is not None
        assert each.reached.value in text
    assert "above 2.00" in text
    assert "below 15.0 %" in text
    assert "90 % of 1,000 resamples" in text


def test_a_run_of_months_shows_how_steady_it_was(page: str) -> None:
    longer = words_of(render(make_report([coin()], 3000, HOUR, bars_of=0.004)))
    assert "Sharpe over 21 days between" in longer
    assert "What trades went through" in longer
    assert "Sharpe over" not in words_of(page)  # a month is too short for three windows
    assert "What trades went through" not in words_of(page)  # closes alone do not know


def test_a_hostile_name_stays_text(month: Report) -> None:
    evil = "<script>alert(1)</script>"
    named = make_report([coin(evil)], 1500, 5 * MINUTE, recipe=evil, notes=[evil], trust_reason=evil)
    text = render(named)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    words_of(text)


def test_many_instruments_show_the_few_with_most_trades() -> None:
    text = words_of(render(make_report([stock(name) for name in "ABCDE"], 900, DAY, 6)))
    assert "The 3 of 5 traded instruments with most trades." in text


@pytest.mark.parametrize("bars", [1, 50])
def test_a_run_without_trades_has_a_page_too(bars: int) -> None:
    text = words_of(render(make_report([coin()], bars, 5 * MINUTE)))
    assert "No trade closed in this run." in text
    assert "no closed trade to copy" in text


def test_a_run_that_saw_nothing_has_a_page_too(month: Report) -> None:
    none = np.empty(0, dtype=np.int64)
    stats = RunStats(Curve(none, none), (), (), month.analysis.stats.cash, {"BTCUSDT": coin()}, MINUTE)
    text = words_of(render(replace(month, analysis=analyse(stats, {}, 1), sources=[])))
    assert "The run saw no bar, so there is no curve." in text
    assert "No order came before the shield." in text


def test_a_halted_and_partial_run_says_so() -> None:
    page = render(make_report([coin()], 900, 5 * MINUTE, breaker=Breaker.HALTED, complete=False))
    assert '<body class="mode-halted">' in page
    assert "partial" in words_of(page)


def test_a_long_run_stays_small() -> None:
    report = make_report([future()], 200_000, 5 * MINUTE, 11)
    assert report.analysis.metrics.trades > 1000
    assert len(render(report).encode()) < 1_000_000


def test_it_is_written_whole_or_not_at_all(tmp_path: Path, month: Report) -> None:
    path = write_report(tmp_path / "new" / "report.html", month)
    assert path.read_text(encoding="utf-8") == render(month)
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]
    with pytest.raises(InputError, match="cannot be written"):
        write_report(path / "below" / "report.html", month)


def test_what_the_page_says_is_json_too(month: Report) -> None:
    found = month.analysis
    assert b"NaN" not in msgspec.json.encode((found.metrics, found.baselines, found.attribution))
