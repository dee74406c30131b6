// What a desk holds, by cost: cash moves by realised profit and fees, equity is cash and unrealised profit.
#pragma once

#include <optional>
#include <stdexcept>
#include <vector>

#include "costs.hpp"

namespace quorate::limits {

using namespace quorate::exchange;

// Reports that cannot all be true. Books that meet one are not to be traded on.
struct Inconsistent : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One instrument's holding: signed lots, their cost and worth, and what its open trade has made and paid.
struct Holding {
  Lots lots = 0;
  Ticks mark = 0;
  std::int64_t cost_e8 = 0;
  std::int64_t worth_e8 = 0;
  std::int64_t realised_e8 = 0;
  std::int64_t fees_e8 = 0;

  std::int64_t unrealised_e8() const { return narrow(Wide{worth_e8} - cost_e8, "unrealised profit"); }
};

// The desk's own account, fold by fold equal to core/account.py. It keeps no price but the mark.
// Throws Overflow or Inconsistent, after which it must not be used.
class Account {
 public:
  Account(std::vector<Terms> terms, std::int64_t cash_e8)
      : terms_(std::move(terms)), holdings_(terms_.size()), cash_e8_(cash_e8) {}

  std::int64_t cash_e8() const { return cash_e8_; }
  std::int64_t equity_e8() const { return narrow(Wide{cash_e8_} + unrealised_e8_, "equity"); }
  const Holding& holding(std::size_t i) const { return holdings_[i]; }
  const Terms& terms(std::size_t i) const { return terms_[i]; }
  std::size_t size() const { return holdings_.size(); }

  // A bar closed at a price.
  void mark(std::size_t i, Ticks ticks) {
    Holding& held = holdings_[i];
    held.mark = ticks;
    if (held.lots == 0) return;
    const std::int64_t worth = worth_of(i, ticks, held.lots);
    raise(unrealised_e8_, Wide{worth} - held.worth_e8);
    held.worth_e8 = worth;
  }

  // The series goes on in another contract; what is held follows with `carry`.
  void shift(std::size_t i, Ticks next) { holdings_[i].mark = next; }

  // A fill of signed lots. Returns the profit of the trade that it closed.
  std::optional<std::int64_t> fill(std::size_t i, Lots signed_lots, Ticks price, std::int64_t fee_e8);

  // What is held was carried from one contract into the next: cost moves with the price.
  void carry(std::size_t i, Ticks old, Ticks next, std::int64_t fee_e8) {
    Holding& held = holdings_[i];
    const std::int64_t before = held.unrealised_e8();
    raise(held.cost_e8, Wide{worth_of(i, next, held.lots)} - worth_of(i, old, held.lots));
    held.mark = next;
    held.worth_e8 = worth_of(i, next, held.lots);
    raise(unrealised_e8_, Wide{held.unrealised_e8()} - before);
    raise(held.fees_e8, fee_e8);
    pay(fee_e8);
  }

  // Pays, or with a negative amount receives.
  void pay(std::int64_t amount_e8) { raise(cash_e8_, -Wide{amount_e8}); }

  // How many instruments are held. Throws Inconsistent unless the venue's cash, which pays full worths, is
  // ours by cost.
  std::int64_t reconcile(std::int64_t venue_cash_e8) const {
    Wide told = venue_cash_e8;
    std::int64_t held = 0;
    for (const Holding& each : holdings_) {
      told = add(told, each.cost_e8);
      held += each.lots != 0;
    }
    if (told != cash_e8_) throw Inconsistent("cash differs from the venue's");
    return held;
  }

 private:
  std::int64_t worth_of(std::size_t i, Ticks ticks, Lots lots) const {
    return narrow(terms_[i].worth_e8(ticks, lots), "a worth");
  }
  static void raise(std::int64_t& sum, Wide by) { sum = narrow(add(by, sum), "the account"); }

  std::vector<Terms> terms_;
  std::vector<Holding> holdings_;
  std::int64_t cash_e8_;
  std::int64_t unrealised_e8_ = 0;
};

inline std::optional<std::int64_t> Account::fill(std::size_t i, Lots signed_lots, Ticks price,
                                                 std::int64_t fee_e8) {
  Holding& held = holdings_[i];
  const Lots before = held.lots;
  const bool opens = before == 0 || (before > 0) == (signed_lots > 0);
  if (!opens && magnitude(signed_lots) > magnitude(before)) {
    throw Inconsistent("a fill turns a position: exits only reduce");
  }
  if (before == 0) held.realised_e8 = held.fees_e8 = 0;
  pay(fee_e8);
  raise(held.fees_e8, fee_e8);
  const std::int64_t unrealised = held.unrealised_e8();
  const std::int64_t paid = worth_of(i, price, signed_lots);
  if (opens) {
    raise(held.cost_e8, paid);
  } else {
    const auto closed = static_cast<std::int64_t>(magnitude(signed_lots));
    const Wide cost = divide_half_even(multiply(held.cost_e8, closed), magnitude(before));
    const std::int64_t gain = narrow(-Wide{paid} - cost, "a profit");
    raise(held.cost_e8, -cost);
    raise(held.realised_e8, gain);
    raise(cash_e8_, gain);
  }
  held.lots = narrow(Wide{before} + signed_lots, "a position");
  if (held.mark == 0) held.mark = price;
  held.worth_e8 = worth_of(i, held.mark, held.lots);
  raise(unrealised_e8_, Wide{held.unrealised_e8()} - unrealised);
  if (held.lots != 0) return std::nullopt;
  return narrow(Wide{held.realised_e8} - held.fees_e8, "a profit");
}

}  // namespace quorate::limits
