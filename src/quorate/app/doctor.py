"""What works on this machine: each capability tried, what follows, and the command that turns it on."""

from __future__ import annotations

import enum
import gzip
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points, version
from importlib.util import find_spec
from pathlib import Path

import msgspec

from quorate.app.home import VARIABLE, runs
from quorate.app.registry import CHAIRS
from quorate.core.errors import QuorateError

PYTHON_MIN = (3, 11)
FREE_MIN = 1 << 30
_ROWS = "ts,open,high,low,close\n2024-01-01T00:00:00Z,1,2,1,2\n2024-01-01T00:01:00Z,2,2,1,1\n"
_SAMPLE = ("datasets", "data", "sp500_dataset.csv.gz")


class State(enum.StrEnum):
    """OK was tried just now and worked; OFF could be on; MISSING should be there and is not."""

    OK = "OK"
    OFF = "OFF"
    MISSING = "MISSING"


class Capability(msgspec.Struct, frozen=True):
    """One line of the screen: what it is, how it stands, what follows, and the command that changes it."""

    name: str
    state: State
    consequence: str
    turn_on: str = ""


Finding = tuple[State, str, str]


def survey() -> list[Capability]:
    """Every capability in the order it is shown. Never raises: what fails is said where it failed."""
    return [Capability(name, *_tried(probe)) for name, probe in PROBES.items()] + list(_keys())


def _tried(probe: Callable[[], Finding]) -> Finding:
    try:
        return probe()
    except QuorateError as error:
        return State.MISSING, error.line(), ""
    except OSError as error:
        return State.MISSING, f"it could not be tried: {error}", ""
    except Exception as error:  # noqa: BLE001 - a doctor reports failures of every kind
        return State.MISSING, f"{type(error).__name__}: {error}", "pip install --force-reinstall quorate"


def _python() -> Finding:
    said = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    if sys.version_info < PYTHON_MIN:
        return State.MISSING, f"{said}: 3.11 is the oldest that will do", "install Python 3.11 or newer"
    return State.OK, said, ""


def _native() -> Finding:
    from quorate.native.tape import compute, indicator_forms

    rows = compute(["sma:2"], *[[1.0, 3.0]] * 5)
    if float(rows[1, 0]) != 2.0:
        return (
            State.MISSING,
            f"the native core says that the mean of 1 and 3 is {rows[1, 0]}",
            "reinstall quorate",
        )
    return State.OK, f"{len(indicator_forms())} indicators at native speed", ""


def _engine() -> Finding:
    """A whole desk on 600 made-up bars, and its journal proved."""
    from quorate.app.demo import plan_demo
    from quorate.app.run import run_in_memory
    from quorate.audit.audit import verify

    seen, journal = run_in_memory(plan_demo(1, calm=True, bars=600), "backtest")
    found = verify(journal.records(), journal.block)
    if not found.ok:
        return State.MISSING, f"a trial run's journal does not verify: {found.why}", "reinstall quorate"
    said = f"a trial desk just ran {seen.bars} bars, its journal verified"
    return State.OK, said, ""


def _csv() -> Finding:
    from quorate.adapters.feeds.files import read

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.csv"
        path.write_text(_ROWS, encoding="utf-8")
        rows = read(path).rows
    return State.OK, f"CSV and TSV bar files are read ({rows} trial bars)", ""


def installed(package: str) -> bool:
    """True when a package can be found; it is not imported."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # somebody who stands before the finders says so
        return False


def _parquet() -> Finding:
    if not installed("pyarrow"):
        return State.OFF, "Parquet and Feather files cannot be read", "pip install 'quorate[data]'"
    import pyarrow.csv
    import pyarrow.parquet

    from quorate.adapters.feeds.files import read

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.parquet"
        pyarrow.parquet.write_table(pyarrow.csv.read_csv(pyarrow.py_buffer(_ROWS.encode())), path)
        rows = read(path).rows
    return State.OK, f"Parquet and Feather files are read ({rows} trial bars)", ""


def _sample() -> Finding:
    """The file is opened; skfolio itself takes seconds to import and is left alone."""
    spec = find_spec("skfolio") if installed("skfolio") else None
    if spec is None or not spec.submodule_search_locations:
        said = "`quorate run` without --data has no real prices to show"
        return State.OFF, said, "pip install 'quorate[portfolio]'"
    path = Path(spec.submodule_search_locations[0]).joinpath(*_SAMPLE)
    if not path.is_file():
        return State.MISSING, f"skfolio carries no {path.name}", "pip install -U skfolio"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        stocks = file.readline().count(",")
    return State.OK, f"`quorate run` shows {stocks} stocks, 1990 to 2022 (skfolio {version('skfolio')})", ""


def _later(what: str) -> Callable[[], Finding]:
    """Something that no command can turn on in this version, said so."""
    return lambda: (State.OFF, f"{what}: not in this version", "")


def _home() -> Finding:
    """A file is made where journals go, or in the nearest folder above that is there already."""
    choose = f"set {VARIABLE} to a folder that can be written"
    try:
        folder = runs()
        place = _nearest(folder)
        with tempfile.TemporaryFile(dir=place):
            pass
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return State.MISSING, f"no journal can be written: {why}", choose
    return State.OK, f"journals and reports go to {folder}", ""


def _disk() -> Finding:
    try:
        free = shutil.disk_usage(_nearest(runs())).free
    except RuntimeError as error:
        return State.MISSING, str(error), f"set {VARIABLE} to a folder"
    said = f"{free / (1 << 30):,.1f} GB free"
    if free < FREE_MIN:
        return (
            State.MISSING,
            f"{said}: a full disk halts the desk",
            f"free some, or set {VARIABLE} to another disk",
        )
    return State.OK, said, ""


def _nearest(folder: Path) -> Path:
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _terminal() -> Finding:
    if sys.stderr is not None and sys.stderr.isatty():
        return State.OK, "live view with colours and progress", ""
    return State.OFF, "plain lines instead of a live view", "run it in a terminal"


def _plugins() -> Finding:
    """Every entry point of another package is loaded."""
    found: list[str] = []
    for chair in CHAIRS:
        for entry in entry_points(group=f"quorate.{chair}"):
            if _foreign(entry):
                try:
                    entry.load()
                except Exception as error:  # noqa: BLE001 - whatever a plugin raises on import is shown
                    said = f"{chair} {entry.name} does not load: {type(error).__name__}: {error}"
                    return State.MISSING, said, "repair or uninstall that package"
                found.append(f"{entry.name} ({chair})")
    if not found:
        return (
            State.OFF,
            "only the built-in agents, allocators and tactics",
            "quorate init, or --plugin my.py",
        )
    return State.OK, ", ".join(found), ""


def _foreign(entry: EntryPoint) -> bool:
    return entry.value.partition(".")[0] != "quorate"


def _keys() -> Iterator[Capability]:
    """Keys by name, never by value; they are not tried."""
    from quorate.app.config import SECRETS, read_environment

    try:
        given, _ = read_environment(Path())
    except (QuorateError, OSError) as error:
        line = error.line() if isinstance(error, QuorateError) else str(error)
        yield Capability("environment", State.MISSING, line, "correct .env or the environment")
        return
    names = [(name, "set" if name in given else "not set") for name in SECRETS]
    said = ", ".join(f"{name} {state}" for name, state in names)
    yield Capability("keys", State.OFF, f"none is needed, none is used yet: {said}")


PROBES: dict[str, Callable[[], Finding]] = {
    "python": _python,
    "native core": _native,
    "desk": _engine,
    "CSV": _csv,
    "Parquet": _parquet,
    "real sample": _sample,
    "journal folder": _home,
    "disk": _disk,
    "terminal": _terminal,
    "plugins": _plugins,
    "language models": _later("rules council and LLM reasoners"),
    "learned models": _later("agents by machine learning"),
    "quantum": _later("the quantum allocator"),
    "live venues": _later("orders to a real exchange"),
}
