"""Ctrl-C ends a run with a whole instant, so that its replay can stop at the very same place."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from quorate.app.load import Request, load_plan
from quorate.app.replay import Replayed, replay
from quorate.app.run import Outcome, perform
from quorate.cli.main import invoke
from quorate.cli.run import INTERRUPTED, interruptible
from quorate.core.account import Account
from quorate.core.effects import AnyEffect
from quorate.core.events import AnyEvent, Bar
from quorate.kernel.session import Session
from tests.cli_support import one_object, walk, write_bars


class InTheMidst:
    """An observer that acts once, after the first of two bars of an instant, while the second one matters."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def saw(self, event: AnyEvent, effects: list[AnyEffect], account: Account) -> None:
        """BTCUSDT's bar comes first; ETHUSDT's will move the equity of who holds it."""
        if self._act and type(event) is Bar and event.instrument == "BTCUSDT" and account.lots("ETHUSDT"):
            self._act()
            self._act = None


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Two pairs with a bar each at every instant."""
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    paths = [
        write_bars(tmp_path / f"{name}_1h.csv", walk(400, seed))
        for name, seed in (("BTCUSDT", 7), ("ETHUSDT", 8))
    ]
    return tuple(map(str, paths))


def stopped(data: tuple[str, ...], act: Callable[[Session], None]) -> tuple[Outcome, Replayed]:
    """A run stopped in the midst of an instant by ``act``, and its replay."""
    plan, notes = load_plan(Request(data=data))
    with interruptible() as attach:

        def started(session: Session) -> None:
            attach(session)
            session.observers = (InTheMidst(lambda: act(session)), *session.observers)

        outcome = perform(plan, "backtest", notes=notes, report=False, started=started)
    return outcome, replay(Path(outcome.result["journal"]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_its_instant_and_the_replay_is_identical(
    data: tuple[str, ...], number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    outcome, replayed = stopped(data, lambda session: signal.raise_signal(number))
    assert outcome.exit_code == 130 and outcome.result["partial"]
    assert outcome.result["ended"] == INTERRUPTED
    assert outcome.result["events"] % 2 == 0, "the other bar of the instant is in"
    assert replayed.identical and replayed.partial
    assert replayed.head_digest == outcome.result["head_digest"]
    assert signal.getsignal(number) is before, "the handler is put back"


def test_nobody_waits_for_the_next_bar_of_a_paced_tape(
    data: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """At the speed of life the next bar is an hour away."""
    timer = threading.Timer(1.0, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    code = invoke(["paper", "--data", data[0], "--speed", "1", "--json"])
    timer.join()
    result = one_object(capsys.readouterr().out)
    assert code == 130 and result["ended"] == INTERRUPTED and result["events"] == 1
    assert replay(Path(result["journal"])).identical


def test_the_check_above_catches_a_stop_within_an_instant(data: tuple[str, ...]) -> None:
    """Planted defect: a session that forgets which instant it is at, between two bars of one."""

    def forget(session: Session) -> None:
        session.stop("at once")
        session.at -= 1

    outcome, replayed = stopped(data, forget)
    assert outcome.result["events"] % 2 == 1
    assert not replayed.identical
