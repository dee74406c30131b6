"""Thousands of hostile callers of the native core, in processes of their own: none crashes or hangs it.

Runs on the core at hand and, where `make sanitize` has built one since the sources last changed, on that with
AddressSanitizer and UBSan. Resumes after the last block of seeds that ended well; other sources begin anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from tests.fuzz import CASES

from benches.machine import ROOT, keep, kept, sources
from benches.sanitize import BUILT, is_built, preload

SEEDS = {"plain": 1_000, "sanitized": 200}  # of each case
AT_ONCE, HANG_S = 50, 300
CODE = """
import sys
if sys.argv[4:]:
    from benches.sanitize import prefer
    prefer()
from tests.fuzz import fuzz
for seed in range(int(sys.argv[2]), int(sys.argv[3])):
    fuzz(sys.argv[1], seed)
"""


def block(core: str, case: str, first: int) -> str:
    """What went wrong in a block of seeds; empty where nothing did."""
    words = [sys.executable, "-X", "faulthandler", "-c", CODE, case, str(first), str(first + AT_ONCE)]
    environment = dict(os.environ)
    if core == "sanitized":
        words.append(core)
        environment |= preload()
    try:
        done = subprocess.run(
            words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=HANG_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"hangs for more than {HANG_S} s"
    # UBSan speaks and goes on; whatever it says is a failure.
    told = done.returncode != 0 or "runtime error" in done.stderr
    return f"exit {done.returncode}\n{done.stderr[-3000:]}" if told else ""


def main() -> int:
    """The cases with the fewest seeds first; 1 where one fails, naming it."""
    mark, before = sources(), kept("fuzz")
    cores = {name: count for name, count in SEEDS.items() if name == "plain" or is_built()}
    proved: dict[str, dict[str, int]] = {name: dict.fromkeys(CASES, 0) for name in SEEDS}
    spent = 0.0
    if before.get("sources") == mark:
        proved = {name: proved[name] | before["seeds"].get(name, {}) for name in SEEDS}
        spent = before["seconds"]
    for core, count in cores.items():
        while min(proved[core].values()) < count:
            case = min(proved[core], key=lambda name: proved[core][name])
            began = time.perf_counter()
            wrong = block(core, case, proved[core][case])
            if wrong:
                sys.stderr.write(f"{core} core, {case}, a seed from {proved[core][case]} on: {wrong}\n")
                return 1
            proved[core][case] += AT_ONCE
            spent += time.perf_counter() - began
            result: dict[str, Any] = {"sources": mark, "seeds": proved, "failures": 0}
            keep("fuzz", {**result, "seconds": round(spent, 1)})
    for core in cores:
        sys.stdout.write(f"{core} core: {sum(proved[core].values()):,} hostile callers, none broke it\n")
    if "sanitized" not in cores:
        sys.stdout.write(f"no core at {BUILT.relative_to(ROOT)}: make sanitize builds one\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
