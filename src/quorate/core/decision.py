"""What the desk makes of its signals: at most one Decision an instant, a vector of targets."""

from __future__ import annotations

import enum

import msgspec


class Stance(enum.IntEnum):
    """Which way the desk wants to stand."""

    SHORT = -1
    FLAT = 0
    LONG = 1


class Vote(msgspec.Struct, frozen=True):
    """One agent's stated and calibrated probability, the weight it was heard with, and its reasons."""

    agent: str
    stated: float
    calibrated: float
    weight: float
    reasons: tuple[tuple[str, float], ...] = ()


class Target(msgspec.Struct, frozen=True):
    """Where to stand in one instrument and why. ``confidence`` is the pooled probability of the stance."""

    instrument: str
    stance: Stance
    confidence: float
    reason: str
    votes: tuple[Vote, ...] = ()


class Decision(msgspec.Struct, frozen=True, tag="decision"):
    """A vector of targets made at one instant. ``id`` is the digest of the rest."""

    at: int
    id: str
    targets: tuple[Target, ...]
