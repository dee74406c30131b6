"""Research runs under a rulebook where the clearing house steps in, and sweeps under one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quorate.app import sweep
from quorate.app.clearing import ClearingAsked
from quorate.app.load import Request, load_plan
from quorate.app.research import Asked, Finished, perform_research, prepare
from quorate.app.run import run_in_memory
from quorate.app.sweep import perform_sweep
from quorate.app.venue_rules import VenueAsked
from quorate.cli.main import invoke
from quorate.core.errors import ConfigError
from quorate.core.instant import parse_instant
from quorate.native.exchange import Told
from quorate.native.runner import Reviewed
from tests.cli_support import one_object
from tests.research_desk import BODIES
from tests.support import ROOT

TAPE = "synthetic:seed=3,bars=1000,interval=15m"
HALF, MUCH = Decimal("0.5"), Decimal(5)
SHORTS = """
from quorate import Strategy

class Shorts(Strategy):
    size: float = 0.49

    def on_bar(self, bar):
        if bar.number % 4 == 1 and not self.holding(bar.instrument).lots:
            wanted = {"share": self.size} if self.equity > 0 else {"units": 1}
            self.sell(**wanted, stop_loss=bar.close * 1.039, instrument=bar.instrument)
"""


@pytest.fixture
def wide(tmp_path: Path) -> str:
    """A rulebook under which half of equity may be held in one instrument, with any stop."""
    from quorate.app.recipe import read_values, rulebook_of

    book = rulebook_of(*read_values("rulebook", "aggressive"))
    exposure = msgspec.structs.replace(
        book.exposure, trade_share=HALF, position_share=HALF, gross_share=MUCH, net_share=MUCH
    )
    path = tmp_path / "wide.toml"
    path.write_text(_toml(msgspec.structs.replace(book, name="wide", exposure=exposure).plain()), "utf-8")
    return str(path)


def _toml(values: dict[str, Any]) -> str:
    import json

    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for section, inner in values.items():
        if isinstance(inner, dict):
            rows = [f"{key} = {json.dumps(value)}" for key, value in inner.items() if value is not None]
            lines += [f"[{section}]", *rows]
    return "\n".join(lines) + "\n"


def bars(folder: Path, *closes: float) -> list[str]:
    """Two files of the same hourly bars, each from the close before to its own."""
    lines, before = ["time,open,high,low,close,volume"], closes[0]
    for hour, close in enumerate(closes):
        at = f"2024-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z"
        first = before if abs(close / before - 1) < 0.1 else close  # a gap
        lines.append(f"{at},{first},{max(first, close)},{min(first, close)},{close},100000")
        before = close
    for name in ("AAA", "BBB"):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return [str(folder / f"{name}.csv") for name in ("AAA", "BBB")]


def asked(folder: Path, book: str, *closes: float) -> Asked:
    """Half of equity short in both, where maintenance is nearly all of the worth."""
    file = folder / "shorts.py"
    file.write_text(SHORTS, "utf-8")
    terms = [f"{name},tick=0.01,lot=0.01,kind=perpetual" for name in ("AAA", "BBB")]
    request = Request(
        data=bars(folder, *closes), instruments=terms, rulebook=book, cash="100000", assume_utc=True
    )
    house = ClearingAsked(maintenance="99%", fee="1%")
    return Asked(strategy=file, request=request, clearing=house)


FLAT = (100.0,) * 8
CREEPS = (*FLAT, 100.3, 100.9, 101.5, *(102.0,) * 9)
GAPS = (*FLAT, *(320.0,) * 24)


def on_desk(ask: Asked) -> tuple[list[tuple[int, ...]], list[tuple[Any, ...]]]:
    """(fills as (at, lots, ticks, fee), moves of the breaker) of the same on the desk."""
    house = {"maintenance": "99%", "liquidation_fee": "1%"}
    request = replace(ask.request, strategy=ask.strategy, mode="backtest", venue=house)
    _, journal = run_in_memory(load_plan(request)[0], "backtest")
    fills, moves = [], []
    for record in journal.records():
        if record.kind == "fill":
            each = msgspec.json.decode(record.payload)
            fills.append((each["at"], each["quantity"][0], each["price"][0], each["fee"][0]))
        elif record.kind == "breaker_moved":
            moves.append(msgspec.json.decode(record.payload)["rule"])
    return fills, moves


def fills_of(found: Finished) -> list[tuple[int, ...]]:
    return [tuple(row) for row in found.run.fills[:, (Told.AT, Told.LOTS, Told.PRICE, Told.MONEY)].tolist()]


def test_a_liquidation_under_a_rulebook_is_the_desks_and_the_run_goes_on(tmp_path: Path, wide: str) -> None:
    ask = asked(tmp_path, wide, *CREEPS)
    found = perform_research(ask, keep=False)
    (gone,) = found.result["liquidations"]
    assert (gone["instrument"], gone["side"], gone["price"]) == ("AAA", "short", 101.51)
    assert (found.result["halted"], found.result["bankrupt_at"]) == (False, None)
    assert any("was liquidated at" in note for note in found.result["notes"])
    assert found.result["orders"] == 3  # it entered again
    assert (fills_of(found), []) == on_desk(ask)
    other = perform_research(replace(ask, clearing=ClearingAsked(maintenance="98%", fee="1%")), keep=False)
    assert fills_of(other) != fills_of(found)


def test_bankruptcy_under_a_rulebook_halts_and_is_said(tmp_path: Path, wide: str) -> None:
    found = perform_research(asked(tmp_path, wide, *GAPS), keep=False)
    result = found.result
    assert len(result["liquidations"]) == 2
    assert (result["bankrupt_at"], result["halted"], result["halts"]) == ("2024-01-01T09:00:00Z", True, 1)
    assert any(note.startswith("equity was gone at 2024-01-01T09:00:00Z") for note in result["notes"])
    reviews = found.run.runner.reviews
    after = reviews[reviews[:, Reviewed.AT] >= parse_instant(result["bankrupt_at"])]
    assert len(after) > 0
    assert not after[:, Reviewed.LOTS].any()  # fails closed: nothing is let out any more


def test_the_bankrupt_desk_halts_and_trades_no_more(tmp_path: Path, wide: str) -> None:
    ask = asked(tmp_path, wide, *GAPS)
    fills, moves = on_desk(ask)
    assert fills == fills_of(perform_research(ask, keep=False))
    assert moves == ["losses.day", "losses.drawdown"]


# ---- sweeps --------------------------------------------------------------------------------------------

GRID = ["fast=3:6", "slow=10,20"]


def swept(**more: Any) -> Asked:
    request = Request(data=[TAPE], **more)
    return Asked(strategy=BODIES / "leaning.py", request=request, size="5%", venue=VenueAsked("0s"))


def test_a_sweep_under_a_rulebook_is_so_many_runs_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = perform_sweep(swept(rulebook="balanced"), GRID)
    assert (found.result["rulebook"], found.result["limits"]["applied"]) == ("balanced", "balanced")
    assert found.result["limits"]["refused"]
    assert found.result["notes"][0].startswith("a research run under compiled limits")
    free = perform_sweep(swept(), GRID)
    assert (free.result["rulebook"], free.result["limits"]) == ("none", {"applied": "none"})
    assert free.rows != found.rows
    for row in found.rows:
        sets = [f"{name}={row[name]}" for name in found.grid]
        alone = perform_research(swept(rulebook="balanced", sets=sets), keep=False).result["metrics"]
        assert {name: row[name] for name in ("trades", "fees", "sharpe")} == {
            name: alone[name] for name in ("trades", "fees", "sharpe")
        }
    monkeypatch.setattr(sweep, "ALONE_MAX", 0)
    monkeypatch.setattr(sweep.os, "cpu_count", lambda: 2)
    assert perform_sweep(swept(rulebook="balanced"), GRID).rows == found.rows


def test_a_formula_leaves_the_fast_lane_under_a_rulebook_and_an_empty_best_is_said() -> None:
    formula = replace(swept(rulebook="balanced"), strategy=ROOT / "examples" / "sma_cross_formula.py")
    assert not sweep.stays_native(prepare(formula))
    assert sweep.stays_native(prepare(replace(formula, request=Request(data=[TAPE]))))
    found = perform_sweep(formula, ["fast=5:7", "slow=20,30"])
    assert {row["trades"] for row in found.rows} == {0}  # no stops, so all is refused
    assert any(note.startswith("of the best: every order was refused") for note in found.result["notes"])


def test_the_sweep_command_takes_a_rulebook_and_a_wrong_one_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["sweep", "--strategy", str(BODIES / "leaning.py"), "--data", TAPE, "--grid", "fast=3:5"]
    assert invoke([*words, "--size", "5%", "--rulebook", "conservative", "--json"]) == 0
    assert one_object(capsys.readouterr().out)["rulebook"] == "conservative"
    assert invoke([*words, "--rulebook", "bolanced"]) == 2
    assert "no rulebook is called 'bolanced'" in capsys.readouterr().err
    assert invoke([*words, "--set", "fast=4"]) == 2
    line = capsys.readouterr().err.strip()
    assert "--grid: 'fast' has a grid, and --set gives it one value (leave one of them out)" in line
    assert "\n" not in line


def test_a_parameter_of_grid_and_set_is_refused_and_one_beside_it_is_fixed() -> None:
    with pytest.raises(ConfigError, match="'fast' has a grid, and --set gives it one value"):
        perform_sweep(swept(sets=["fast=4"]), GRID)
    assert perform_sweep(swept(sets=["slow=12"]), ["fast=3,4"]).result["fixed"]["slow"] == 12
