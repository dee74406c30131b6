"""What many tests need: where real market data lies, and the mark that skips without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_PLACE = Path(os.environ.get("QUORATE_TEST_DATA", ROOT.parent / "shared" / "data"))
DATA = _PLACE if (_PLACE / "MANIFEST.md").is_file() else None

needs_data = pytest.mark.skipif(
    DATA is None, reason="no market data: put it at ../shared/data or name its folder in QUORATE_TEST_DATA"
)
