"""The door to deciding: calibrated votes, a quorum, a confidence gate; at most one Decision an instant."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, isfinite, log
from typing import Annotated

import msgspec
from msgspec import Meta

from quorate.core.canon import probability, spell
from quorate.core.decision import Decision, Stance, Target, Vote
from quorate.core.events import AnyEvent, InstantClosed
from quorate.core.intent import identify
from quorate.core.roles import View
from quorate.core.signal import Signal
from quorate.decide.calibration import Calibration


class DecideSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the desk makes up its mind.

    ``quorum``: agents that must have spoken. ``agree``: of them, how many must lean the way of the decision.
    ``confidence``: pooled probability a new stance needs. ``leave``: pooled probability of the stance below
    which it is left. ``memory``, ``prior``: of the calibration, in judged predictions. ``sharpness``: how
    strongly a better Brier score is heard.
    """

    quorum: Annotated[int, Meta(ge=1)] = 2
    agree: Annotated[int, Meta(ge=1)] = 2
    confidence: Annotated[float, Meta(ge=0, le=1)] = 0.55
    leave: Annotated[float, Meta(ge=0, le=1)] = 0.46
    memory: Annotated[float, Meta(ge=1, le=1e9)] = 2_000.0
    prior: Annotated[float, Meta(ge=1, le=1e9)] = 400.0
    sharpness: Annotated[float, Meta(ge=0, le=1e6)] = 100.0


class Decide:
    """Turns what agents say into stances, instrument by instrument.

    A stance is taken when the quorum is met and the pooled probability passes the gate, and left when it
    falls below ``leave`` or turns. After a stance ended the instrument is disarmed until the pool has fallen
    back within the gate, so that one opinion is acted on once.
    """

    def __init__(self, settings: DecideSettings, agents: Sequence[str]) -> None:
        self.settings = settings
        self._calibrations = {agent: Calibration(settings.memory, settings.prior) for agent in agents}
        self._stances: dict[str, Stance] = {}
        self._armed: dict[str, bool] = {}

    def stand_down(self, instrument: str) -> None:
        """The stance came to nothing or to its end (closed, vetoed, refused): wait for a fresh opinion."""
        self._stances[instrument] = Stance.FLAT
        self._armed[instrument] = False

    def on(self, event: AnyEvent, signals: Sequence[Signal], view: View) -> Decision | None:
        """The decision of this instant; None when every stance stays as it is."""
        if type(event) is not InstantClosed:
            return None
        targets: list[Target] = []
        heard: dict[str, list[Signal]] = {name: [] for name in view.fresh}
        for signal in signals:
            heard[signal.instrument].append(signal)
        for instrument, spoken in heard.items():
            self._learn(instrument, spoken, view)
            target = self._weigh(instrument, spoken)
            if target is not None:
                targets.append(target)
        if not targets:
            return None
        vector = tuple(targets)
        return Decision(at=event.at, id=identify(spell((event.at, vector)).decode()), targets=vector)

    def _learn(self, instrument: str, spoken: Sequence[Signal], view: View) -> None:
        count, close = view.count(instrument), view.close(instrument)
        for calibration in self._calibrations.values():
            calibration.judge(instrument, count, close)
        for signal in spoken:
            self._calibrations[signal.agent].note(
                instrument, count, signal.horizon, signal.probability, close
            )

    def _pool(self, spoken: Sequence[Signal]) -> tuple[float, list[tuple[float, float]]]:
        """The pooled probability, and (calibrated, weight) per signal.

        Log-odds averaged with weights that fall off exponentially with the Brier score: a logarithmic
        opinion pool (Genest and Zidek 1986) under proper-score weights.
        """
        best = min(self._calibrations[signal.agent].brier for signal in spoken)
        rows: list[tuple[float, float]] = []
        odds = total = 0.0
        for signal in spoken:
            calibration = self._calibrations[signal.agent]
            chance = min(max(calibration.calibrated(signal.probability), 1e-6), 1.0 - 1e-6)
            weight = exp(-self.settings.sharpness * (calibration.brier - best))
            odds += weight * log(chance / (1.0 - chance))
            total += weight
            rows.append((chance, weight))
        return 1.0 / (1.0 + exp(-odds / total)), [(chance, weight / total) for chance, weight in rows]

    def _weigh(self, instrument: str, spoken: Sequence[Signal]) -> Target | None:
        stance = self._stances.get(instrument, Stance.FLAT)
        if len(spoken) < (self.settings.quorum if stance is Stance.FLAT else 1):
            return None
        pooled, rows = self._pool(spoken)
        lean = Stance.LONG if pooled > 0.5 else Stance.SHORT
        strength = pooled if lean is Stance.LONG else 1.0 - pooled
        agreeing = sum((chance - 0.5) * lean > 0 for chance, _ in rows)
        strong = strength >= self.settings.confidence and agreeing >= self.settings.agree
        if stance is Stance.FLAT:
            if not strong:
                self._armed[instrument] = True
                return None
            if not self._armed.get(instrument, True):
                return None
            return self._take(instrument, lean, strength, f"{agreeing} of {len(spoken)} agree", spoken, rows)
        if strong and lean is not stance and len(spoken) >= self.settings.quorum:
            return self._take(
                instrument, lean, strength, f"turned: {agreeing} of {len(spoken)} agree", spoken, rows
            )
        held = pooled if stance is Stance.LONG else 1.0 - pooled
        if held < self.settings.leave:
            return self._take(instrument, Stance.FLAT, 1.0 - held, "belief gone", spoken, rows)
        return None

    def _take(
        self,
        instrument: str,
        stance: Stance,
        strength: float,
        reason: str,
        spoken: Sequence[Signal],
        rows: Sequence[tuple[float, float]],
    ) -> Target:
        self._stances[instrument] = stance
        self._armed[instrument] = True
        votes = tuple(
            Vote(signal.agent, signal.probability, probability(chance), round(weight, 6), told(signal))
            for signal, (chance, weight) in zip(spoken, rows, strict=True)
        )
        return Target(instrument, stance, probability(strength), reason, votes)


def told(signal: Signal) -> tuple[tuple[str, float], ...]:
    """The reasons as they are recorded: finite, to 6 significant digits."""
    return tuple((name, float(f"{value:.6g}")) for name, value in signal.reasons if isfinite(value))
