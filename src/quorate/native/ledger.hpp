// The exchange's own books, by cash flow: cash, signed lots and last prices, and nothing derived from them.
#pragma once

#include <vector>

#include "costs.hpp"

namespace quorate::exchange {

struct Position {
  Lots lots = 0;
  Ticks mark = 0;
};

// Cash pays the full worth of what is bought and every fee; equity is cash and the worth of what is held.
// Every call throws Overflow before it changes anything.
class Ledger {
 public:
  Ledger(const std::vector<Terms>& terms, std::int64_t cash_e8)
      : terms_(terms), positions_(terms.size()), cash_e8_(cash_e8) {}

  std::int64_t cash_e8() const { return cash_e8_; }
  Lots lots(std::size_t i) const { return positions_[i].lots; }
  Ticks mark(std::size_t i) const { return positions_[i].mark; }
  void mark(std::size_t i, Ticks ticks) { positions_[i].mark = ticks; }
  std::size_t size() const { return positions_.size(); }

  std::int64_t equity_e8() const {
    Wide equity = cash_e8_;
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const Position& held = positions_[i];
      if (held.lots != 0) equity = add(equity, terms_[i].worth_e8(held.mark, held.lots));
    }
    return narrow(equity, "equity");
  }

  // Buys (or with negative lots sells) at a price, for a fee.
  void trade(std::size_t i, Ticks ticks, Lots signed_lots, std::int64_t fee_e8) {
    const Lots after = narrow(Wide{positions_[i].lots} + signed_lots, "the position");
    pay(add(terms_[i].worth_e8(ticks, signed_lots), fee_e8));
    positions_[i].lots = after;
  }

  // Sells all that is held at `old` and buys the same lots of the next contract at `next`.
  void roll(std::size_t i, Ticks old, Ticks next, std::int64_t fee_e8) {
    const Lots lots = positions_[i].lots;
    pay(add(add(terms_[i].worth_e8(next, lots), -terms_[i].worth_e8(old, lots)), fee_e8));
  }

  // Pays (or with a negative amount receives) what is owed.
  void pay(Wide amount_e8) { cash_e8_ = narrow(Wide{cash_e8_} - narrow(amount_e8, "a payment"), "cash"); }

  // Whether equity after the trade covers the initial margin of all that would be held.
  bool affords(std::size_t i, Ticks ticks, Lots signed_lots, std::int64_t fee_e8) const {
    Wide equity = Wide{cash_e8_} - fee_e8;
    Wide needed = 0;
    for (std::size_t j = 0; j < positions_.size(); ++j) {
      const Lots held = positions_[j].lots;
      const Lots after = j == i ? narrow(Wide{held} + signed_lots, "the position") : held;
      if (after == 0) continue;
      const Ticks mark = j == i ? ticks : positions_[j].mark;
      equity = add(equity, terms_[j].worth_e8(mark, held));
      needed = add(needed, terms_[j].margin_e8(mark, after));
    }
    return needed <= equity;
  }

 private:
  const std::vector<Terms>& terms_;
  std::vector<Position> positions_;
  std::int64_t cash_e8_;
};

}  // namespace quorate::exchange
