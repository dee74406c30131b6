"""The door of the audit room: is this journal exactly what was written?"""

from __future__ import annotations

from quorate.audit.chain import KINDS, Verification, verify

__all__ = ["KINDS", "Verification", "verify"]
