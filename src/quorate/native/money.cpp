// What an instant costs and settles besides trades: rolls, financing, and the books told at its end.
#include <utility>

#include "exchange.hpp"

namespace quorate::exchange {

// A roll, before anything trades in the next contract: prices shift, the position follows for two fees.
void Exchange::carry(const MarketEvent& roll) {
  busy_instrument_ = roll.instrument;
  const auto i = static_cast<std::size_t>(roll.instrument);
  const Ticks old = roll.open;
  const Ticks next = roll.close;
  for (const Slot slot : markets_[i].book) {
    Working& order = pool_[static_cast<std::size_t>(slot)];
    busy_order_ = order.id;
    order.shift(Wide{next} - old);
  }
  busy_order_ = none;
  ledger_.mark(i, next);
  const Lots lots = ledger_.lots(i);
  if (lots == 0) return;
  const Lots held = lots < 0 ? -lots : lots;
  const Wide fees = add(terms_[i].fee_e8(old, held, false), terms_[i].fee_e8(next, held, false));
  const std::int64_t fee = narrow(fees, "the fee of a roll");
  ledger_.roll(i, old, next, fee);
  unsettled_ = true;
  tell({.at = at_, .kind = Report::Kind::rolled, .instrument = roll.instrument, .price = next,
        .money_e8 = fee, .best = old});
}

// Financing for the days since this instrument's last bar, on what was held over them.
void Exchange::charge(std::size_t i, Market& market, std::int64_t day) {
  const std::int64_t days = day - std::exchange(market.day, day);
  const Lots lots = ledger_.lots(i);
  if (lots == 0) return;
  busy_order_ = none;
  busy_instrument_ = static_cast<std::int64_t>(i);
  const std::int64_t owed = narrow(terms_[i].financing_e8(ledger_.mark(i), lots, days), "financing");
  if (owed == 0) return;
  ledger_.pay(owed);
  unsettled_ = true;
  const Reason why = terms_[i].pays == Financing::both ? Reason::funding : Reason::borrow;
  tell({.at = at_, .kind = Report::Kind::charged, .instrument = busy_instrument_, .money_e8 = owed,
        .reason = why});
}

void Exchange::settle() {
  unsettled_ = false;
  const std::size_t place = out_->size();
  tell({.at = at_, .kind = Report::Kind::settled, .money_e8 = ledger_.cash_e8()});
  for (std::size_t i = 0; i < ledger_.size(); ++i) {
    if (ledger_.lots(i) == 0) continue;
    tell({.at = at_, .kind = Report::Kind::held, .instrument = static_cast<std::int64_t>(i),
          .lots = ledger_.lots(i)});
  }
  (*out_)[place].lots = static_cast<Lots>(out_->size() - place - 1);
}

}  // namespace quorate::exchange
