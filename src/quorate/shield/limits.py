"""The built-in limits, in the order of review: schema, sanity, then every family of the rulebook."""

from __future__ import annotations

from quorate.shield.rulebook import Rulebook
from quorate.shield.rules.base import Limit
from quorate.shield.rules.bracket import StopMandatory, TargetSide
from quorate.shield.rules.exposure import (
    Gross,
    InstrumentCap,
    Leverage,
    Net,
    OpenPositions,
    PositionNotional,
    TradeNotional,
)
from quorate.shield.rules.freshness import LastBar
from quorate.shield.rules.futures import Contracts, Margin
from quorate.shield.rules.halt import BreakerDown
from quorate.shield.rules.losses import DailyLoss, Drawdown, HourLoss, Streak
from quorate.shield.rules.price import Collar, SlipOfSize
from quorate.shield.rules.rate import Duplicate, OrdersPerMinute
from quorate.shield.rules.risk import StopRisk
from quorate.shield.rules.schema import Direction, Once, Terms, Units


def built_in(rulebook: Rulebook) -> tuple[Limit, ...]:
    """Every limit, none of which a rulebook can leave out. ``Units`` comes first."""
    return (
        Units(),
        Terms(),
        Once(),
        Direction(),
        StopMandatory(rulebook.bracket),
        TargetSide(),
        LastBar(rulebook.freshness),
        Collar(rulebook.price),
        SlipOfSize(rulebook.price),
        TradeNotional(rulebook.exposure),
        PositionNotional(rulebook.exposure),
        Gross(rulebook.exposure),
        Net(rulebook.exposure),
        Leverage(rulebook.exposure),
        OpenPositions(rulebook.exposure),
        InstrumentCap(),
        StopRisk(rulebook.risk),
        Contracts(rulebook.futures),
        Margin(rulebook.futures),
        DailyLoss(rulebook.losses),
        Drawdown(rulebook.losses),
        HourLoss(rulebook.losses),
        Streak(rulebook.losses),
        OrdersPerMinute(rulebook.rate),
        Duplicate(rulebook.rate),
        BreakerDown(),
    )
