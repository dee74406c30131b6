"""Blocks the modules that only POSIX has, in every Python the tests start: the desk must run anywhere."""

from __future__ import annotations

import sys

POSIX_ONLY = ("fcntl", "grp", "posix_ipc", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty")


class Blocked:
    """A finder that says such a module does not exist."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Raise for a blocked name; leave all others to the finders behind."""
        if name in POSIX_ONLY:
            raise ModuleNotFoundError(f"{name} is blocked: only POSIX has it", name=name)


for _name in POSIX_ONLY:
    sys.modules.pop(_name, None)
sys.meta_path.insert(0, Blocked)  # type: ignore[arg-type]
