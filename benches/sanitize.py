"""Runs tests on a native core built with AddressSanitizer and UBSan (`make sanitize` builds and preloads).

Only a core that really carries the sanitizers is tested: anything else stops the run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benches.machine import ROOT

BUILT = ROOT / "build" / "sanitized"
TESTS = ("tests/parity", "tests/unit", "tests/property")


def native_tests() -> list[str]:
    """Every test file about the native core, by its name."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for folder in TESTS
        for path in (ROOT / folder).glob("test_*native*.py")
    )


def main() -> int:
    """The exit code of pytest; 2 when the core at hand is not the sanitized one."""
    # The editable install comes first on the path by a finder of its own.
    sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in type(each).__module__]
    sys.path.insert(0, str(BUILT))
    from quorate.native import _native

    library = Path(_native.__file__)
    if not library.is_relative_to(BUILT) or b"__asan_init" not in library.read_bytes():
        sys.stderr.write(f"{library.name} is not the sanitized core: run make sanitize\n")
        return 2
    arguments = sys.argv[1:] or native_tests()
    return pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", *arguments])


if __name__ == "__main__":
    sys.exit(main())
