"""The command `quorate`: every subcommand by name, every error as one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from quorate.cli import audit, bench, config, init, replay, run, runs, sweep
from quorate.cli.options import Json
from quorate.cli.output import (
    INTERNAL,
    INTERRUPTED,
    USAGE,
    Unread,
    fail,
    kept_for_json,
    open_streams,
    read_to_the_end,
    say,
    tell,
)  # fmt: skip
from quorate.core.errors import QuorateError

# Flags that may stand anywhere; the value is how much they tell.
LOUD = {"-v": 1, "--verbose": 1, "-vv": 2, "--debug": 2}
# Commands that keep a log.
LOGGED = frozenset({"run", "backtest", "paper", "sweep"})
# The root of typer's own usage errors; its module has moved between versions.
TYPER_ERROR: type[Exception] = next(
    kind
    for kind in typer.BadParameter.__mro__
    if issubclass(kind, Exception) and kind.__name__ == "ClickException"
)
# Optional packages, and the extra that brings them.
EXTRAS = {
    "pyarrow": "data", "polars": "data", "duckdb": "data", "skfolio": "portfolio", "cvxpy": "portfolio",
    "pandas": "portfolio", "onnxruntime": "ml", "sklearn": "ml", "xgboost": "ml", "openai": "llm",
    "langgraph": "llm", "qiskit": "quantum", "torch": "train", "ccxt": "venues",
}  # fmt: skip


class Interrupted(BaseException):
    """Ctrl-C; typer would make a silent exit of a KeyboardInterrupt."""


app = typer.Typer(
    name="quorate",
    help="A trading desk that trades only when it is quorate, and proves every step.",
    epilog="Anywhere: -v, -vv for more on stderr; --debug for tracebacks. State lives in QUORATE_HOME.",
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)
run.register(app)
app.command()(replay.replay)
app.add_typer(audit.app, name="audit")
app.add_typer(config.app, name="config")
app.add_typer(runs.app, name="runs")
app.command()(init.init)
app.command()(bench.bench)
app.command()(sweep.sweep)


@app.callback()
def bare(
    context: typer.Context,
    json: Json = False,
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False,
) -> int:
    """A trading desk that trades only when it is quorate, and proves every step."""
    if version:
        from importlib.metadata import version as version_of

        say(f"quorate {version_of('quorate')}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        if json:
            raise typer.BadParameter("--json stands after the command")
        return 0
    return doctor(json=json)


@app.command()
def doctor(
    plugin: Annotated[Path | None, typer.Argument(help="A plugin file to check.")] = None, json: Json = False
) -> int:
    """What works here, what is off, and the command that turns it on; or check one plugin."""
    from quorate.cli.doctor import check_plugin, screen

    return screen(json) if plugin is None else check_plugin(plugin, json)


@app.command()
def demo(
    calm: Annotated[bool, typer.Option("--calm", help="Without the crash.")] = False,
    tamper: Annotated[bool, typer.Option("--tamper", help="Flip a byte, and see it found.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the month.")] = 1,
    json: Json = False,
) -> int:
    """The desk at work on a labelled synthetic month, line by line, and its proof."""
    from quorate.cli.demo import demo as show

    return show(seed, calm=calm, tamper=tamper, json=json)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point."""
    open_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    code = invoke(sys.argv[1:] if arguments is None else list(arguments))
    try:
        sys.stdout.flush()
    except OSError:  # it was told; Python would tell it again at its end, with an exit code of its own
        sys.stdout = None
        code = code or USAGE
    sys.exit(code)


def invoke(arguments: list[str]) -> int:
    """Run one command line; returns the exit code. Whatever goes wrong is one line on stderr."""
    loud = max((LOUD[word] for word in arguments if word in LOUD), default=0)
    debug, as_json = "--debug" in arguments, "--json" in arguments
    words = [word for word in arguments if word not in LOUD]
    try:
        if words and words[0] in LOGGED and "--help" not in words:
            from quorate.app.logs import configure, secrets_given

            configure(loud, secrets_given(Path()))
        with read_to_the_end(), kept_for_json(as_json and "--help" not in words):
            answer = app(words, prog_name="quorate", standalone_mode=False)
            sys.stdout.flush()
        return answer if isinstance(answer, int) else 0
    except Unread:
        return 0
    except TYPER_ERROR as error:
        return fail(_usage(error), USAGE, as_json=as_json)
    except (Interrupted, typer.Abort):
        return fail("interrupted", INTERRUPTED, as_json=as_json)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None or debug:
            return _internal(error, debug=debug, as_json=as_json)
        line = f"this needs {error.name}, which is not installed (pip install 'quorate[{extra}]')"
        return fail(line, USAGE, as_json=as_json)
    except QuorateError as error:
        if error.exit_code == INTERNAL:
            return _internal(error, debug=debug, as_json=as_json)
        if debug:
            _traceback()
        return fail(error.line(), error.exit_code, as_json=as_json)
    except OSError as error:
        if debug:
            _traceback()
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return fail(f"{where}the system refuses: {error.strerror or error}", USAGE, as_json=as_json)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a person never sees a traceback
        return _internal(error, debug=debug, as_json=as_json)


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def _usage(error: Exception) -> str:
    """Typer's own complaint, with the command it is about."""
    message = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "quorate"
    return f"{message.rstrip('.')} (see `{command} --help`)"


def _internal(error: BaseException, *, debug: bool, as_json: bool) -> int:
    """A defect: one line, and the traceback in the log."""
    from quorate.app.logs import configure, log_file, secrets_given

    if debug:
        _traceback()
    try:
        configure(0, secrets_given(Path()))
        import structlog

        structlog.get_logger("quorate").info("internal error", error=str(error), exc_info=error)
        where = f"the log is {log_file()}"
    except (OSError, RuntimeError, QuorateError) as second:
        where = f"no log could be written: {second}"
    name = type(error).__name__
    line = error.line() if isinstance(error, QuorateError) else f"{name}: {error}"
    return fail(f"internal error: {line} ({where})", INTERNAL, as_json=as_json)


def _traceback() -> None:
    import traceback

    tell(traceback.format_exc())


if __name__ == "__main__":
    main()
