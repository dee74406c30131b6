"""Runs tests on a native core built with AddressSanitizer and UBSan (`make sanitize` builds and preloads).

A whole run that ends well is kept in benches/results/sanitize.json.

Only a core that really carries the sanitizers is tested: anything else stops the run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from benches.machine import ROOT, commit, keep

BUILT = ROOT / "build" / "sanitized"
TESTS = ("tests/parity", "tests/unit", "tests/property")


WORDS = ("native", "formula", "research", "interval")  # what tests of native code are named for


def native_tests() -> list[str]:
    """Every test file about native code, by its name."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for folder in TESTS
        for path in (ROOT / folder).glob("test_*.py")
        if any(word in path.stem for word in WORDS)
    )


class Counted:
    """How the tests of a run ended."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Each test once; what fails before or after it too."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1


def is_built() -> bool:
    """Whether a core with the sanitizers was built since the sources last changed."""
    library = next(iter(BUILT.glob("quorate/native/_native*.so")), None)
    if library is None or b"__asan_init" not in library.read_bytes():
        return False
    parts = [path for path in (ROOT / "src").rglob("*") if path.suffix in {".py", ".cpp", ".hpp"}]
    return max(path.stat().st_mtime for path in parts) <= library.stat().st_mtime


def preload() -> dict[str, str]:
    """The environment in which another process can load that core."""
    ask = [os.environ.get("CXX", "c++")]
    found = [
        subprocess.run([*ask, f"-print-file-name=lib{name}.so"], capture_output=True, text=True, check=True)
        for name in ("asan", "ubsan")
    ]
    return {"LD_PRELOAD": " ".join(each.stdout.strip() for each in found), "ASAN_OPTIONS": "detect_leaks=0"}


def prefer() -> None:
    """Let the sanitized core be the one that is imported; raises SystemExit where it is not."""
    # The editable install comes first on the path by a finder of its own.
    sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in type(each).__module__]
    sys.path.insert(0, str(BUILT))
    from quorate.native import _native

    library = Path(_native.__file__)
    if not library.is_relative_to(BUILT) or b"__asan_init" not in library.read_bytes():
        raise SystemExit(f"{library.name} is not the sanitized core: run make sanitize")


def main() -> int:
    """The exit code of pytest; SystemExit when the core at hand is not the sanitized one."""
    prefer()
    counted, whole, mark = Counted(), len(sys.argv) == 1, commit()
    arguments = sys.argv[1:] or native_tests()
    began = time.perf_counter()
    code = pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", *arguments], plugins=[counted])
    if whole and code == 0:
        files = [Path(each).name for each in arguments]
        seconds = round(time.perf_counter() - began, 1)
        keep(
            "sanitize", {"commit": mark, "files": files, "seconds": seconds, "tests": dict(counted.outcomes)}
        )
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
