"""The demo: a made-up month through the real desk, told scene by scene, then replayed and proved."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from quorate.adapters.feeds.synthetic import Crash, Gap, Stall, SyntheticSpec, synthetic
from quorate.adapters.journals.sqlite import open_journal, verify_file
from quorate.app.compose import Plan, plan_run
from quorate.app.config import LIMITS, Tightening, flatten, tighten
from quorate.app.home import VARIABLE, home
from quorate.app.recipe import read_values, recipe_of, rulebook_of
from quorate.app.registry import Registry
from quorate.app.replay import Replayed, replay
from quorate.app.run import Outcome, default_cash, perform
from quorate.app.scenes import BRACKET, DECISION, GAP, HALT, RESUME, SIGNALS, STALL, VETO, Narrator, Scene
from quorate.audit.audit import Verification
from quorate.core.account import Account
from quorate.core.effects import AnyEffect
from quorate.core.errors import ConfigError, InvariantError
from quorate.core.events import AnyEvent, Bar
from quorate.kernel.session import Session

RECIPE = "demo"
SEED = 1
BARS = 43_200
LABEL = "SYNTHETIC DATA: a random walk with costs. Nothing here says anything about a market."
CALM_SCENES = (SIGNALS, DECISION, VETO, BRACKET, GAP, STALL)
CRASH_SCENES = (*CALM_SCENES, HALT, RESUME)

# The crash begins on the 18th day, and the feed goes silent with it: what a stop is worth then is the story.
_CRASH_AT = 0.6
_CRASH = Crash(_CRASH_AT, depth=-0.2, minutes=10)
_GAP = Gap(0.35, size=-0.03)
_STALL = Stall(_CRASH_AT, minutes=5)
_TICKS = 200  # how often progress is told, a phase


@dataclass(frozen=True, slots=True)
class Demo:
    """What came of it: the run, its scenes, those that this seed did not bring, and the replay's answer."""

    outcome: Outcome
    scenes: tuple[Scene, ...]
    missing: tuple[str, ...]
    replayed: Replayed | None
    seconds: dict[str, float]

    @property
    def halts(self) -> list[dict[str, Any]]:
        """Every fall of the breaker: its record, rule and numbers, and the record that took it up again."""
        found: list[dict[str, Any]] = []
        for scene in self.scenes:
            if scene.name == HALT:
                found.append({"record": scene.record, "at": scene.at, "why": scene.lines[0], "resumed": None})
            elif scene.name == RESUME and found:
                found[-1]["resumed"] = {"record": scene.record, "at": scene.at}
        return found


class Tampered(msgspec.Struct, frozen=True):
    """One byte of a copy was flipped: where, what it said before and after, and what ``verify`` found."""

    copy: str
    record: int
    before: str
    after: str
    verification: Verification

    @property
    def found(self) -> bool:
        """True when the record that was altered is the one that was named."""
        return not self.verification.ok and self.verification.first_bad == self.record


def plan_demo(seed: int, *, calm: bool, bars: int = BARS) -> Plan:
    """The plan: same seed, same bytes, whatever the environment says. Raises ConfigError for a bad seed."""
    if not 0 <= seed < 2**63:
        raise ConfigError(f"{seed} is not a seed", where="--seed", todo="a whole number from 0 on")
    values, where = read_values("recipe", RECIPE)
    limits = values.pop(LIMITS)
    recipe = recipe_of(values | {"seed": seed}, where)
    wanted = [Tightening(key, Decimal(str(value)), key, where) for key, value in flatten(limits)]
    rulebook, _, _ = tighten(rulebook_of(*read_values("rulebook", recipe.rulebook)), wanted)
    spec = SyntheticSpec(seed=seed, bars=bars, gap=_GAP, stall=_STALL, crash=None if calm else _CRASH)
    series = [synthetic(spec)]
    return plan_run(recipe, rulebook, Registry(), series, default_cash(series)[0])


def play(
    plan: Plan,
    *,
    calm: bool,
    say: Callable[[Scene], None],
    progress: Callable[[str, float], None],
    started: Callable[[Session], None],
) -> Demo:
    """Run the plan for real and replay its journal. ``progress`` is given (phase, share done).

    ``started`` is given the session before its first event, so that Ctrl-C can end it.
    """
    narrator = Narrator(plan, say)

    def begin(session: Session) -> None:
        narrator.attach(session)
        started(session)

    total = sum(len(each) for each in plan.series)
    began = time.perf_counter()
    outcome = perform(
        plan,
        plan.opened.mode,
        observers=(narrator, Ticker("the desk trades", total, progress)),
        notes=(LABEL,),
        started=begin,
    )
    ran = time.perf_counter()
    replayed: Replayed | None = None
    if not outcome.error:
        ticker = Ticker("the journal is replayed", total, progress)
        replayed = replay(Path(outcome.result["journal"]), observers=(ticker,))
    seconds = {"run": ran - began, "replay": time.perf_counter() - ran}
    told = {scene.name for scene in narrator.scenes}
    missing = tuple(name for name in (CALM_SCENES if calm else CRASH_SCENES) if name not in told)
    return Demo(outcome, tuple(narrator.scenes), missing, replayed, seconds)


class Ticker:
    """An observer that tells how far a phase is, a few hundred times."""

    def __init__(self, phase: str, total: int, progress: Callable[[str, float], None]) -> None:
        self._phase, self._total, self._progress = phase, total, progress
        self._bars = 0
        self._every = max(1, total // _TICKS)

    def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Account) -> None:
        """Count bars."""
        if type(event) is Bar:
            self._bars += 1
            if self._bars % self._every == 0 or self._bars == self._total:
                self._progress(self._phase, self._bars / self._total)


def tamper(journal: Path) -> Tampered:
    """Make the last fill of a copy of the journal a little better by one flipped bit, and verify the copy."""
    with open_journal(journal) as reader:
        fills = [record for record in reader.records() if record.kind == "fill"]
    if not fills:
        raise InvariantError("the journal holds no fill to alter")
    record = fills[-1]
    content = bytearray(journal.read_bytes())
    start = content.find(record.payload)
    digit = start + record.payload.index(b",", record.payload.index(b'"price":[')) - 1
    if start < 0:
        raise InvariantError(f"record {record.number} does not lie in one piece in its file")
    content[digit] ^= 1
    altered = bytes(content[start : start + len(record.payload)])
    copy = journal.with_name("tampered.db")
    copy.write_bytes(content)
    return Tampered(str(copy), record.number, _price(record.payload), _price(altered), verify_file(copy))


def _price(payload: bytes) -> str:
    start = payload.index(b'"price":[')
    return payload[start : payload.index(b"]", start) + 1].decode()


def settle_home() -> str:
    """Make sure that there is a place for the run; returns what is to be said when it is a passing one.

    Without QUORATE_HOME and a home folder that can be written, a temporary folder takes its place.
    """
    if os.environ.get(VARIABLE):
        return ""
    try:
        home().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home()):
            return ""
    except (OSError, RuntimeError) as error:
        folder = tempfile.mkdtemp(prefix="quorate-")
        os.environ[VARIABLE] = folder
        why = error.strerror if isinstance(error, OSError) else str(error)
        return (
            f"no home folder can be written ({why}): this run is kept in {folder}; set {VARIABLE} to choose"
        )
