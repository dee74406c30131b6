"""`quorate demo`: a labelled synthetic month, told line by line, judged beside chance, and proved."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quorate.cli.output import emit, say, tell

if TYPE_CHECKING:
    from rich.progress import TaskID

    from quorate.app.demo import Demo, Tampered
    from quorate.app.scenes import Scene

SEED = 1
_COLOURS = {"veto": "yellow", "halt": "bold red", "resume": "green", "gap": "magenta", "stall": "magenta"}
_INDENT = " " * 29
Tell = Callable[[str, str], None]
Progress = Callable[[str, float], None]


def demo(seed: int = SEED, calm: bool = False, tamper: bool = False, json: bool = False) -> int:
    """Run it; returns the exit code: 0 when the desk ended trading and the proof held, 1 when a proof did
    not, 3 when it ended halted, 130 when a person ended it.
    """
    began = time.perf_counter()
    from quorate.app import demo as house
    from quorate.cli.run import interruptible

    note = house.settle_home()
    with screen(json) as (line, progress), interruptible() as started:
        line(house.LABEL, "bold yellow")
        if note:
            line(note, "yellow")
        line(f"seed {seed}{', calm' if calm else ''}: {house.BARS:,} bars of one minute, recipe demo", "dim")
        plan = house.plan_demo(seed, calm=calm)
        played = house.play(
            plan, calm=calm, say=lambda scene: _scene(scene, line), progress=progress, started=started
        )
        altered = None
        if tamper and played.outcome.result["fills"] and played.replayed is not None:
            altered = house.tamper(Path(played.outcome.result["journal"]))
        seconds = time.perf_counter() - began
        _statistics(played, line)
        _proof(played, altered, line)
        _ending(played, seconds, tamper=tamper, line=line)
    if json:
        emit(_object(played, altered, seed, calm=calm, seconds=seconds))
    return _exit_code(played, altered)


def _exit_code(played: Demo, altered: Tampered | None) -> int:
    proved = played.replayed is not None and played.replayed.identical
    if played.outcome.exit_code:
        return played.outcome.exit_code
    return 0 if proved and (altered is None or altered.found) else 1


@contextmanager
def screen(json: bool) -> Iterator[tuple[Tell, Progress]]:
    """How lines and progress are shown: with colours and a bar on a terminal, as plain lines elsewhere.

    With ``json`` every line goes to stderr: stdout is the object's alone.
    """
    stream = sys.stderr if json else sys.stdout
    plain = tell if json else say

    def written(text: str, style: str) -> None:
        plain(text)
        stream.flush()

    if not sys.stderr.isatty():
        yield written, lambda phase, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # One console for lines and bar: two that draw on one terminal overwrite each other.
    seen = stream.isatty()
    console = Console(stderr=json or not seen, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def moved(phase: str, share: float) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=1.0)
            bars.update(tasks[phase], completed=share, visible=share < 1.0, refresh=share >= 1.0)

        def coloured(text: str, style: str) -> None:
            console.print(text, style=style or None, markup=False, soft_wrap=True)

        yield coloured if seen else written, moved


def _scene(scene: Scene, line: Tell) -> None:
    from quorate.analysis import words

    record = "" if scene.record is None else f"  [record {scene.record}]"
    style = _COLOURS.get(scene.name, "dim" if scene.name == "week" else "")
    head, *more = scene.lines
    line(f"{words.stamp(scene.at)}  {scene.name:<9}{head}{record}", style)
    for text in more:
        line(f"{_INDENT}  {text}", style)


def _statistics(played: Demo, line: Tell) -> None:
    """The month in figures, beside what the same money would have done without the desk."""
    from quorate.analysis import words

    result, analysis = played.outcome.result, played.outcome.analysis
    metrics, others = analysis.metrics, analysis.baselines
    currency = result["cash"].split()[-1]
    low, likely, high = (
        words.number(value, signed=True)
        for value in (metrics.pnl.pessimistic, metrics.pnl.likely, metrics.pnl.optimistic)
    )
    line("", "")
    line(f"profit or loss  {low} (pessimistic)  {likely} (likely)  {high} (optimistic) {currency}", "bold")
    counts = f"{metrics.trades:,} trades, {metrics.long_trades:,} long and {metrics.short_trades:,} short"
    costs = f"fees {words.number(metrics.fees)} and financing {words.number(metrics.financing)} {currency}"
    line(f"{counts}, {words.share(metrics.win_rate)} won; {costs}", "")
    trust = f"trust level {result['trust_level']}: the data are made up"
    line(f"vetoes {result['vetoes']:,}, halts {result['halts']}, {trust}", "")
    line("", "")
    line(f"{'':<16}{'return':>10}  {'worst fall':>11}", "dim")
    hold, chance = others.buy_and_hold, others.random
    rows: list[tuple[str, float, float | None, str]] = [
        ("the desk", metrics.total_return, metrics.max_drawdown, "")
    ]
    if hold is not None:
        rows.append(("buy and hold", hold.total_return, hold.max_drawdown, ""))
    if chance is not None:
        span = f"5 to 95 %: {words.percent(chance.low)} to {words.percent(chance.high)}"
        rows.append(("a random trader", chance.median, None, f"{span}; the desk beat {chance.beaten:.0%}"))
    rows.append(("doing nothing", others.nothing, 0.0, ""))
    for name, gain, fall, more in rows:
        deep = words.UNKNOWN if fall is None else words.percent(-fall)
        line(f"{name:<16}{words.percent(gain):>10}  {deep:>11}  {more}".rstrip(), "")


def _proof(played: Demo, altered: Tampered | None, line: Tell) -> None:
    line("", "")
    replayed = played.replayed
    if replayed is None:
        line(f"no proof: {played.outcome.error}", "bold red")
        return
    if replayed.identical:
        line(f"replay: {replayed.records:,} records, digest equal ({replayed.head_digest})", "bold green")
    elif replayed.divergence is not None:
        other = replayed.divergence
        line(
            f"replay: DIFFERENT from record {other.number} on: {other.recorded} / {other.replayed}",
            "bold red",
        )
    if altered is not None:
        line(f"tamper: one bit flipped in {altered.copy}: {altered.before} became {altered.after}", "")
        style = "bold green" if altered.found else "bold red"
        line(f"verify: {'found, ' if altered.found else ''}{altered.verification.why or 'NOT FOUND'}", style)


def _ending(played: Demo, seconds: float, *, tamper: bool, line: Tell) -> None:
    result = played.outcome.result
    for halt in played.halts:
        resumed = halt["resumed"]
        after = (
            f"resumed by the automatic operator in record {resumed['record']}" if resumed else "NOT resumed"
        )
        line(f"halt: record {halt['record']}, {after}", "" if resumed else "bold red")
    for name in played.missing:
        line(f"not seen with this seed: {name}", "yellow")
    line(f"report: {result['report']}", "dim")
    line(f"journal: {result['journal']}", "dim")
    line(
        f"{seconds:.1f} s in all: {played.seconds['run']:.1f} s run, {played.seconds['replay']:.1f} s replay",
        "dim",
    )
    line("", "")
    for command, why in following(result["journal"], tamper=tamper):
        line(f"  {command:<54}  {why}" if len(command) <= 54 else f"  {command}\n{'':58}{why}", "")


def following(journal: str, *, tamper: bool) -> list[tuple[str, str]]:
    """The commands to try next, and what each shows."""
    from quorate.app.doctor import installed

    needs = "" if installed("skfolio") else ", with quorate[portfolio]"
    found = [
        (f"quorate replay {journal} --override agents.momentum.fast=60", "where another setting parts ways"),
        ("quorate run", f"a desk on 20 real stocks{needs}"),
        ("quorate init my-desk", "a recipe and an agent of your own"),
        ("quorate doctor", "what else can be turned on"),
    ]  # fmt: skip
    return found if tamper else [("quorate demo --tamper", "flip one byte, and see it found"), *found]


def _object(
    played: Demo, altered: Tampered | None, seed: int, *, calm: bool, seconds: float
) -> dict[str, Any]:
    import msgspec

    from quorate.app import demo as house

    result = played.outcome.result
    return {
        "synthetic": True,
        "label": house.LABEL,
        "seed": seed,
        "calm": calm,
        "scenes": msgspec.to_builtins(played.scenes),
        "missing": list(played.missing),
        "halts": played.halts,
        "replay": msgspec.to_builtins(played.replayed),
        "tamper": None if altered is None else msgspec.to_builtins(altered) | {"found": altered.found},
        "seconds": played.seconds | {"all": seconds},
        "next": [command for command, _ in following(result["journal"], tamper=altered is not None)],
        "run": {key: value for key, value in result.items() if key not in ("metrics", "baselines")},
        "metrics": result["metrics"],
        "baselines": result["baselines"],
    }
