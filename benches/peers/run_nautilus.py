"""NautilusTrader on workload A: `run_nautilus.py BARS.npz COUNT ROUNDS`."""

import sys
from decimal import Decimal

import pandas as pd
import tape
import told
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model import BarType, Money, TraderId, Venue
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

CASH = 10_000_000  # with the bench's billion its own float check of balances fails

path, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
bars = tape.read(path, count)


def perpetual():
    """Their sample BTC perpetual with a cent for a tick and the bench's fee."""
    values = TestInstrumentProvider.btcusdt_perp_binance().to_dict(
        TestInstrumentProvider.btcusdt_perp_binance()
    )
    values |= {"price_precision": 2, "price_increment": "0.01", "max_price": None, "min_price": None}
    values |= {"taker_fee": str(tape.FEE), "maker_fee": str(tape.FEE)}
    return CryptoPerpetual.from_dict(values)


instrument = perpetual()
kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
frame = pd.DataFrame(
    {
        "open": bars.open,
        "high": bars.high,
        "low": bars.low,
        "close": bars.close,
        "volume": bars.volume.round(3),
    },
    index=pd.to_datetime(bars.seconds, unit="s", utc=True),
)
data = BarDataWrangler(kind, instrument).process(frame.round({"volume": 3}))


class Cross(Strategy):
    """Long one unit over the slow average, short one unit under it."""

    def on_start(self):
        """Declares both averages."""
        self.fast, self.slow = SimpleMovingAverage(tape.FAST), SimpleMovingAverage(tape.SLOW)
        self.side = 0
        self.register_indicator_for_bars(kind, self.fast)
        self.register_indicator_for_bars(kind, self.slow)
        self.subscribe_bars(kind)
        self.one = instrument.make_qty(Decimal(1))

    def on_bar(self, bar):
        """Turns at a cross."""
        if not self.slow.initialized:
            return
        side = 1 if self.fast.value > self.slow.value else -1
        if side != self.side and self.side:
            self.close_all_positions(instrument.id)
            order = OrderSide.BUY if side > 0 else OrderSide.SELL
            self.submit_order(self.order_factory.market(instrument.id, order, self.one))
        self.side = side


def run():
    """One whole backtest."""
    config = BacktestEngineConfig(trader_id=TraderId("B-001"), logging=LoggingConfig(bypass_logging=True))
    engine = BacktestEngine(config)
    venue = Venue("BINANCE")
    engine.add_venue(venue, OmsType.NETTING, AccountType.MARGIN, [Money(CASH, USDT)], base_currency=None)
    engine.add_instrument(instrument)
    engine.add_data(data)
    engine.add_strategy(Cross(StrategyConfig()))
    engine.run()
    trades = len(engine.cache.orders()) // 2
    return trades, tape.CASH - CASH + float(engine.portfolio.account(venue).balance_total(USDT))


told.measure(rounds, count, run)
