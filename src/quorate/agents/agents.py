"""The door to the built-in fast agents; each is registered by the plugin door, as any other."""

from __future__ import annotations

from quorate.agents.momentum import Momentum
from quorate.agents.reversion import Reversion
from quorate.agents.technical import Technical

BUILT_IN = (Momentum, Reversion, Technical)
