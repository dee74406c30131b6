"""The breaker: NORMAL, REDUCING, HALTED; down by any rule at once, up only by people."""

from __future__ import annotations

from typing import Any

from quorate.core.effects import BreakerMoved
from quorate.core.events import Breaker

_DEPTH = {Breaker.NORMAL: 0, Breaker.REDUCING: 1, Breaker.HALTED: 2}


class Switch:
    """The one place where the breaker moves; every move is an effect, journalled and told."""

    def __init__(self) -> None:
        self.state = Breaker.NORMAL

    def down(self, at: int, to: Breaker, rule: str, inputs: dict[str, Any]) -> BreakerMoved | None:
        """Fall at least to ``to``; None when it already is that low."""
        if _DEPTH[to] <= _DEPTH[self.state]:
            return None
        return self._move(at, to, rule, inputs)

    def up(self, at: int, principals: tuple[str, ...], reason: str) -> BreakerMoved | None:
        """Back to NORMAL by people; None when it is there already or nobody asked."""
        if not any(principals) or self.state is Breaker.NORMAL:
            return None
        return self._move(at, Breaker.NORMAL, "resume", {"principals": list(principals), "reason": reason})

    def _move(self, at: int, to: Breaker, rule: str, inputs: dict[str, Any]) -> BreakerMoved:
        before, self.state = self.state, to
        return BreakerMoved(at, before, to, rule, inputs)
