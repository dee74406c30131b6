"""Bracketed orders over five thousand real bars: fills stay within what the market showed, books agree."""

from __future__ import annotations

import pytest

from quorate.core.events import Bar
from quorate.core.instant import MINUTE
from quorate.core.order import Role
from quorate.simulator.costs import Costs
from tests.exchange import CRYPTO, Desk
from tests.support import DATA, needs_data

BARS = 5_000


@pytest.mark.data
@needs_data
def test_real_bars_with_brackets_long_and_short() -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow reads the real bars")
    assert DATA is not None
    table = parquet.read_table(DATA / "crypto" / "spot_5m" / "BTCUSDT.parquet").slice(0, BARS)
    starts = table.column("ts").cast("int64").to_pylist()
    columns = (table.column(name).to_pylist() for name in ("open", "high", "low", "close", "volume"))
    desk = Desk(CRYPTO, costs=Costs())
    shown: dict[int, Bar] = {}
    for number, (start, *prices, volume) in enumerate(zip(starts, *columns, strict=True)):
        ticks = [round(price * 100) for price in prices]
        bar = Bar(start + 5 * MINUTE, CRYPTO.id, start, *ticks, round(volume * 100_000))
        shown[bar.at] = bar
        desk.step(bar)
        if number % 40 == 20 and not desk.lots():
            sign = 1 if number % 80 == 20 else -1
            side, move = ("buy" if sign > 0 else "sell"), sign * bar.close // 200
            desk.send(f"e{number}", side, 50_000, stop=bar.close - move, target=bar.close + 2 * move)
        elif number % 40 == 10 and number % 160 == 10 and (lots := desk.lots()):
            desk.send(f"x{number}", "sell" if lots > 0 else "buy", abs(lots), role=Role.EXIT)
    desk.finish()
    for fill in desk.fills:
        bar = shown[fill.at]
        half = bar.open // 20_000 + 2  # half a basis point, and rounding
        assert bar.low - half <= fill.price.count <= bar.high + half
        assert bar.start <= fill.filled_at <= bar.at
    assert {fill.role for fill in desk.fills} == set(Role)
    assert desk.account.trades >= 60
    assert desk.account.fees_e8 > 0 and desk.account.charges_e8 > 0
    assert desk.venue.ledger.equity_e8 == desk.account.equity_e8
