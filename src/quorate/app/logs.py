"""Logs by structlog: quiet on the console, whole in a rotating file, and no secret in either."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

import structlog
from dotenv import dotenv_values
from structlog.typing import EventDict, Processor, WrappedLogger

from quorate.app.home import home

FILE_BYTES = 2_000_000
FILES_KEPT = 3
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
HIDDEN = "[hidden]"

_SECRET_NAME = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD|PASSPHRASE|MNEMONIC)$", re.IGNORECASE)
_SECRET_LENGTH_MIN = 6  # shorter values would blot out ordinary words
# Keys by their shape, wherever they came from: 32 bytes in hex after 0x, sk-..., and JSON web tokens.
_SECRET_SHAPE = re.compile(
    r"0x[0-9a-fA-F]{64}\b|\bsk-[A-Za-z0-9_-]{12,}|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]+)?"
)


class Redactor:
    """Blots out known secret values, whatever looks like a key, and the values of fields named like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {text.strip() for text in secrets}
        self._known = sorted(
            (text for text in known if len(text) >= _SECRET_LENGTH_MIN), key=len, reverse=True
        )

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        return _SECRET_SHAPE.sub(HIDDEN, text)

    def value(self, value: Any) -> Any:
        """A value of any shape without secrets; what is neither text nor number becomes its own spelling."""
        if isinstance(value, bool | int | float | type(None)):
            return value
        if isinstance(value, Mapping):
            return {
                str(key): HIDDEN if _SECRET_NAME.search(str(key)) else self.value(each)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return self.text(str(value))

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """The structlog processor."""
        redacted: EventDict = self.value(event)
        return redacted


class _RedactedFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats, then looks once more: a library's own message or traceback may carry a key."""

    def __init__(
        self, redactor: Redactor, *, processors: list[Processor], foreign_pre_chain: list[Processor]
    ) -> None:
        super().__init__(processors=processors, foreign_pre_chain=foreign_pre_chain)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(super().format(record))


class _Console(logging.StreamHandler[TextIO]):
    """Ours, told from the handlers of others."""


class _LateFile(RotatingFileHandler):
    """Makes its folder with the first line, so that a command that logs nothing leaves nothing."""

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """A log that cannot be written stops nothing, but is said, once."""
        sys.stderr.write(f"quorate: the log {self.baseFilename} cannot be written: {sys.exc_info()[1]}\n")
        logging.getLogger().removeHandler(self)


def log_file() -> Path:
    """Where the log lies."""
    return home() / "logs" / "quorate.log"


def secrets_in(values: Mapping[str, str | None]) -> list[str]:
    """The values whose names say that they are secret."""
    return [value for name, value in values.items() if value and _SECRET_NAME.search(name)]


def secrets_given(folder: Path) -> list[str]:
    """The secrets of a folder's ``.env``; one that cannot be read has none; others complain of it."""
    try:
        return secrets_in(dotenv_values(folder / ".env", interpolate=False))
    except (OSError, UnicodeDecodeError):
        return []


def configure(verbosity: int = 0, secrets: Iterable[str] = ()) -> Redactor:
    """Set logging up: console on stderr from WARNING (-v: INFO, -vv: DEBUG), the file from INFO.

    ``secrets`` are blotted out beside those that the environment holds.
    """
    redactor = Redactor([*secrets, *secrets_in(os.environ)])
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redactor,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    console = _Console(sys.stderr)
    console.setLevel(LEVELS[min(verbosity, len(LEVELS) - 1)])
    console.setFormatter(
        _formatter(redactor, shared, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    )
    file = _LateFile(log_file(), maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True)
    file.setLevel(logging.INFO)
    file.setFormatter(_formatter(redactor, shared, structlog.processors.JSONRenderer(sort_keys=True)))
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Console | _LateFile)]:
        root.removeHandler(handler)
        handler.close()
    root.addHandler(console)
    root.addHandler(file)
    root.setLevel(logging.DEBUG if verbosity > 1 else logging.INFO)
    return redactor


def _formatter(redactor: Redactor, shared: list[Processor], renderer: Processor) -> logging.Formatter:
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return _RedactedFormatter(redactor, processors=[drop, renderer], foreign_pre_chain=shared)
