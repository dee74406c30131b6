"""Bare `quorate` and `quorate doctor`: what works here; and one plugin file against its chair's suite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quorate.cli.output import emit, say

if TYPE_CHECKING:
    from quorate.app.tryout import Check

_INTRO = "a trading desk that trades only when it is quorate, and proves every step"
_START = (
    ("quorate demo", "a made-up month with a crash: the desk, the shield and the proof"),
    ("quorate run", "the desk on 20 real stocks, with a report"),
    ("quorate --help", "everything else"),
)


def screen(json: bool = False) -> int:
    """One screen: each capability OK, OFF or MISSING, what follows and the command that turns it on. 0."""
    import msgspec

    from quorate.app.doctor import survey

    found = survey()
    if json:
        emit({"version": _version(), "capabilities": msgspec.to_builtins(found)})
        return 0
    say(f"quorate {_version()}: {_INTRO}")
    say()
    for each in found:
        say(f"  {each.state:<8}{each.name:<16}{each.consequence}")
        if each.turn_on:
            say(f"  {'':<8}{'':<16}-> {each.turn_on}")
    say()
    for command, why in _START:
        say(f"  {command:<16}{why}")
    return 0


def check_plugin(path: Path, json: bool = False) -> int:
    """Every class in a plugin file against the suite of its chair: 0 when all promises are kept, else 1.

    Raises InputError when the file is no plugin.
    """
    import msgspec

    from quorate.app.conformance import conform_file

    found = conform_file(path)
    kept = all(check.ok for _, _, checks in found for check in checks)
    if json:
        emit(
            {"file": str(path), "ok": kept, "classes": [_class(*each, msgspec.to_builtins) for each in found]}
        )
        return 0 if kept else 1
    for chair, name, checks in found:
        say(f"{path.name}: {chair} {name}")
        for check in checks:
            say(
                f"  {'ok' if check.ok else 'BROKEN':<8}{check.promise}{f': {check.why}' if check.why else ''}"
            )
    say("all promises are kept" if kept else "not fit for a desk: see BROKEN above")
    return 0 if kept else 1


def _class(chair: str, name: str, checks: tuple[Check, ...], plain: Any) -> dict[str, Any]:
    ok = all(check.ok for check in checks)
    return {"chair": chair, "name": name, "ok": ok, "checks": plain(checks)}


def _version() -> str:
    from importlib.metadata import version

    return version("quorate")
