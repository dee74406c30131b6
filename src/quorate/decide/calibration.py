"""How far an agent's word can be taken: what it said against what came, forgetting slowly."""

from __future__ import annotations

from collections import deque

BINS = 20


class Calibration:
    """One agent's reliability: by bins of its stated probability, and its Brier score.

    ``memory``: predictions after which an old outcome has lost 63 % of its weight. ``prior``: how many
    outcomes the agent's own word is worth. A probability is judged when its horizon has passed, never before.
    """

    __slots__ = ("_due", "_keep", "_prior", "_seen", "_ups", "brier", "judged")

    def __init__(self, memory: float, prior: float) -> None:
        self._keep = 1.0 - 1.0 / memory
        self._prior = prior
        self._seen = [0.0] * BINS
        self._ups = [0.0] * BINS
        self._due: dict[str, deque[tuple[int, float, float]]] = {}
        self.brier = 0.25  # what saying one half always scores: nobody starts better
        self.judged = 0

    def note(self, instrument: str, count: int, horizon: int, stated: float, close: float) -> None:
        """Remember a statement made at bar ``count`` on a close, to be judged ``horizon`` bars on."""
        queue = self._due.get(instrument)
        if queue is None:
            queue = self._due[instrument] = deque()
        queue.append((count + horizon, stated, close))

    def judge(self, instrument: str, count: int, close: float) -> None:
        """Judge all statements that are due at bar ``count``; an unchanged close says nothing."""
        queue = self._due.get(instrument)
        if not queue:
            return
        while queue and queue[0][0] <= count:
            _, stated, then = queue.popleft()
            if close == then:
                continue
            rose = 1.0 if close > then else 0.0
            slot = min(int(stated * BINS), BINS - 1)
            self._seen[slot] = self._seen[slot] * self._keep + 1.0
            self._ups[slot] = self._ups[slot] * self._keep + rose
            self.brier += (1.0 - self._keep) * ((stated - rose) ** 2 - self.brier)
            self.judged += 1

    def calibrated(self, stated: float) -> float:
        """The stated probability, pulled towards how often its like came true (Beta prior at the word)."""
        slot = min(int(stated * BINS), BINS - 1)
        return (self._ups[slot] + self._prior * stated) / (self._seen[slot] + self._prior)
