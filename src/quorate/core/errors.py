"""The one tree of errors: what went wrong, where, and what to do about it.

QuorateError
|-- InputError            what a person or a file gave us is wrong            (exit 2)
|   |-- ConfigError       a recipe, rulebook, option or environment value
|   |-- DataError         market data: a file, a column, a row
|   `-- LookAheadError    a strategy read, or answers as if it had read, what was yet to come
|-- UnitError             two units that must not meet met                    (exit 4)
|-- SealError             an order that the shield did not let pass, at the gate
|-- VenueError            a venue did not do what its port promises
|-- JournalError          the journal cannot be written, read or believed
|   `-- TamperError       a stored record is not what was written
`-- InvariantError        our own bookkeeping contradicts itself: halt        (exit 4)
"""

from __future__ import annotations


class QuorateError(Exception):
    """Root of the tree. ``str(error)`` is one clear line: what, where, what to do."""

    exit_code = 4

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what, self.where, self.todo = what, where, todo
        super().__init__(self.line())

    def line(self) -> str:
        """The one line a person reads."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.todo})" if self.todo else text


class InputError(QuorateError):
    """What a person or a file gave us is wrong; nothing was done."""

    exit_code = 2


class ConfigError(InputError):
    """A recipe, rulebook, option or environment value is wrong."""


class DataError(InputError):
    """Market data is wrong: a file, a column or a row, named."""


class LookAheadError(InputError):
    """A strategy read, or answers as if it had read, what was yet to come."""


class UnitError(QuorateError, TypeError):
    """Two units that must not meet met: 15 USD against 15 BTC."""


class SealError(QuorateError):
    """The gate refused an order: forged, altered, stale, replayed or second-hand."""


class VenueError(QuorateError):
    """A venue did not do what its port promises."""


class JournalError(QuorateError):
    """The journal cannot be written, read or believed."""


class TamperError(JournalError):
    """A stored record is not what was written; ``number`` names the first bad one."""

    def __init__(self, what: str, *, number: int, where: str = "") -> None:
        self.number = number
        super().__init__(what, where=where)


class InvariantError(QuorateError):
    """Our own bookkeeping contradicts itself. The desk halts; this is a defect of ours."""
