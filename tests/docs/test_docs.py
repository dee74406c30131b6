"""The documents are true: what they name exists, blocks print what they say, claims name their bench."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quorate.app.recipe import read_values, rulebook_of
from quorate.shield.limits import built_in
from tests.docs.pages import (
    PAGES,
    blocks,
    commands,
    exists,
    name,
    prose,
    spans,
    wrong_command,
    wrong_target,
    wrong_test,
)
from tests.support import ROOT

RUN = "# run\n"
DOCS = ROOT / "docs"
EXTENDING = DOCS / "extending.md"
QUORATE = (sys.executable, "-c", "from quorate.cli.main import main; main()")

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"^(?:\.?[\w-]+/)+[\w.-]*$|^[\w-]+\.(?:py|cpp)$")
_REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted|npmjs|crates\.io|docker\.io|ghcr\.io|anaconda\.org|proxy\.golang"
)
_CLAIM = re.compile(
    r"\d\s*(?:ns|µs|us|ms|s|seconds?|minutes?|[KMG]i?B|(?:events|bars|records|ticks)/s)(?![\w-])|"
    r"\d\s*(?:x|times) (?:faster|smaller|quicker)"
)
_MEASURED = re.compile(r"<!-- measured: ([\w-]+)")

pages = pytest.mark.parametrize("page", PAGES, ids=name)


# ---- what is checked, as plain functions -------------------------------------------------------------


def bad_links(text: str, folder: Path) -> list[str]:
    """Links that lead nowhere, and those to a registry of packages."""
    found = []
    for target in _LINK.findall(prose(text)):
        if re.match(r"\w+:", target):
            found += [target] * bool(_REGISTRIES.search(target))
        elif target.partition("#")[0] and not (folder / target.partition("#")[0]).exists():
            found.append(target)
    return found


def bad_names(text: str) -> list[str]:
    """Inline paths, tests, commands and make targets that are not there."""
    found = [wrong for line in commands(text) if (wrong := wrong_command(line))]
    for span in spans(text):
        if span.startswith("make "):
            found += filter(None, [wrong_target(span)])
        elif span.startswith("tests/") and ".py" in span:
            found += filter(None, [wrong_test(span)])
        elif _PATH.match(span) and not exists(span):
            found.append(f"{span}: there is no such file")
    return found


def bad_claims(text: str) -> list[str]:
    """Paragraphs that state a time, a size or a speed and do not name what measured it."""
    found = []
    for paragraph in prose(text).split("\n\n"):
        if not _CLAIM.search(paragraph):
            continue
        benches = _MEASURED.findall(paragraph)
        if not benches:
            found.append(paragraph.strip().splitlines()[0])
        found += [f"no bench is called {bench}" for bench in benches if not _measures(bench)]
    return found


def _measures(bench: str) -> bool:
    """Whether a bench, or a make target, bears that name."""
    return (ROOT / "benches" / f"{bench.replace('-', '_')}.py").exists() or not wrong_target(f"make {bench}")


def wrong_blocks(text: str) -> list[str]:
    """Run a page's marked blocks in one space of names; those that printed otherwise than told."""
    space: dict[str, Any] = {"__name__": "page"}
    found = []
    held = blocks(text)
    for place, block in enumerate(held):
        if block.language != "python" or not block.text.startswith(RUN):
            continue
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block.text, f"line {block.line}", "exec"), space)
        told = held[place + 1] if place + 1 < len(held) else None
        if told is not None and told.language == "text" and told.text.strip() != said.getvalue().strip():
            found.append(f"the block in line {block.line} printed:\n{said.getvalue()}")
    return found


# ---- the pages ---------------------------------------------------------------------------------------


@pages
def test_links_lead_somewhere(page: Path) -> None:
    assert bad_links(page.read_text("utf-8"), page.parent) == []


@pages
def test_what_is_named_exists(page: Path) -> None:
    assert bad_names(page.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if f"```python\n{RUN}" in page.read_text("utf-8")], ids=name
)
def test_marked_blocks_run_and_print_what_the_page_says(page: Path) -> None:
    assert wrong_blocks(page.read_text("utf-8")) == []


def test_the_pages_with_an_executed_example_are_these() -> None:
    ran = [name(page) for page in PAGES if f"```python\n{RUN}" in page.read_text("utf-8")]
    assert ran == [
        "docs/formulas.md",
        "docs/life-of-a-tick.md",
        "docs/life-of-an-order.md",
        "docs/order-types.md",
        "docs/statistics.md",
        "docs/strategies.md",
    ]


def test_claims_of_speed_and_size_name_what_measured_them() -> None:
    assert bad_claims((ROOT / "README.md").read_text("utf-8")) == []


def test_every_page_is_in_the_readmes_index() -> None:
    index = (ROOT / "README.md").read_text("utf-8")
    missing = [name(page) for page in PAGES if page.parent == DOCS and f"({name(page)})" not in index]
    assert missing == []


def test_the_rules_are_told_in_the_order_they_are_asked() -> None:
    text = (DOCS / "life-of-an-order.md").read_text("utf-8")
    told = re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", text, re.MULTILINE)
    rulebook = rulebook_of(*read_values("rulebook", "balanced"))
    assert told == [rule.name for rule in built_in(rulebook)]


def test_every_invariant_names_its_test() -> None:
    text = (ROOT / "SAFETY.md").read_text("utf-8")
    rows = [
        line
        for line in text.splitlines()
        if line.startswith("| ") and not line.startswith(("| invariant", "|-"))
    ]
    held = [row for row in rows if "not yet" not in row]
    assert len(held) >= 30
    assert [row for row in held if "::test_" not in row] == []


def test_pages_keep_calm_and_to_themselves() -> None:
    for page in PAGES:
        text = prose(page.read_text("utf-8"))
        assert "!" not in re.sub(r"!\[|<!--", "", text), f"{name(page)} shouts"
        assert not re.search(r"(?<![\w.])/(?:home|root|work|tmp|usr)/", text), (
            f"{name(page)} names a machine's path"
        )


# ---- extending.md, done ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the page shows."""
    folder = tmp_path_factory.mktemp("extending")
    for block in blocks(EXTENDING.read_text("utf-8")):
        found = re.match(r"# (?:file|recipe): (\S+)\n", block.text)
        if found is not None:
            (folder / found[1]).write_text(block.text, "utf-8")
    assert {path.suffix for path in folder.iterdir()} == {".py", ".toml"}
    return folder


def quorate(folder: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    """(exit code, JSON, stderr) of the command in a folder."""
    environment = {
        **{
            key: value
            for key, value in os.environ.items()
            if key not in ("ASSETS", "INTERVAL", "TRADING_MODE")
        },
        "QUORATE_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT / "src"),
    }
    done = subprocess.run(
        [*QUORATE, *words, "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("plugin", ["pullback.py", "long_only.py", "sine.py"])
def test_shown_plugins_keep_their_chairs_promises(workshop: Path, plugin: str) -> None:
    code, said, complaint = quorate(workshop, "doctor", plugin)
    assert code == 0, f"{said} {complaint}"


@pytest.mark.parametrize(
    "line", [line for line in commands(EXTENDING.read_text("utf-8")) if line.startswith("quorate backtest")]
)
def test_shown_backtests_trade(workshop: Path, line: str) -> None:
    code, result, complaint = quorate(workshop, *shlex.split(line)[1:])
    assert code == 0, complaint
    assert result["metrics"]["trades"] > 0


def test_the_shown_rule_refuses_what_it_says(workshop: Path) -> None:
    line = next(line for line in commands(EXTENDING.read_text("utf-8")) if "long_only" in line)
    _, result, _ = quorate(workshop, *shlex.split(line)[1:])
    assert result["metrics"]["short_trades"] == 0
    assert result["metrics"]["long_trades"] > 0
    assert result["vetoes"] > 0


# ---- the checks can fail -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "planted",
    [
        "Run `quorate conjure`.",
        "Run `quorate backtest --no-shield`.",
        "```console\n$ quorate runs burn\n```\n",
        "Held by `tests/unit/test_shield_mint.py::test_that_nobody_wrote`.",
        "Held by `tests/unit/test_nowhere.py`.",
        "It lives in `shield/bypass.py`.",
        "Run `make money`.",
    ],
)
def test_a_name_of_nothing_is_caught(planted: str) -> None:
    assert bad_names(planted)


REGISTRY = "pypi" + ".org"  # no registry is named whole in a commit


@pytest.mark.parametrize("planted", ["[x](no-such-page.md)", f"[x](https://{REGISTRY}/project/quorate)"])
def test_a_bad_link_is_caught(planted: str) -> None:
    assert bad_links(planted, DOCS)


@pytest.mark.parametrize(
    "planted",
    [
        "It runs 400,000 events/s.",
        "A start takes 0.3 s.",
        "Ten times faster, 10 times faster.",
        "<!-- measured: wishes --> It takes 3 s.",
    ],
)
def test_a_claim_without_a_bench_is_caught(planted: str) -> None:
    assert bad_claims(planted)


def test_a_block_that_prints_something_else_is_caught() -> None:
    page = f"```python\n{RUN}print(6 * 7)\n```\n\n```text\n41\n```\n"
    assert wrong_blocks(page)
    assert wrong_blocks(page.replace("41", "42")) == []
