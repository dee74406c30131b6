// The exchange's own books, by cash flow: cash, signed lots and last prices, and nothing derived from them.
#pragma once

#include <algorithm>
#include <vector>

#include "costs.hpp"

namespace quorate::exchange {

// `last`: the last price. `mark`: what it is valued at, the last price unless mark prices are given.
struct Position {
  Lots lots = 0;
  Ticks mark = 0;
  Ticks last = 0;
  bool marked = false;
};

// Money in one currency (below 0: borrowed) and what one unit is worth in the account's; 0/1: not known yet.
struct Purse {
  std::int64_t e8 = 0;
  Ratio rate = {0, 1};
};

// What a position came to when it was last asked for: many are asked for again before their price has moved.
struct Valued {
  Lots lots = 0;
  Ticks mark = 0;
  Wide e8 = 0;

  // Throws what `worth` throws, and remembers nothing then.
  template <typename Worth>
  Wide of(const Position& held, Worth&& worth) {
    if (held.lots == 0) return 0;
    if (held.lots != lots || held.mark != mark) {
      e8 = worth(held);
      lots = held.lots;
      mark = held.mark;
    }
    return e8;
  }
};

// Cash pays the full worth of what is bought and every fee, each in the instrument's currency; equity is cash
// and the worth of what is held, in the account's. Each currency is summed first and converted once, rounded
// down. Every call throws Overflow before it changes anything.
class Ledger {
 public:
  Ledger(const std::vector<Terms>& terms, std::int64_t cash_e8)
      : terms_(terms), positions_(terms.size()), worths_(terms.size()), frees_(terms.size()) {
    std::size_t most = 0;
    for (const Terms& each : terms) most = std::max(most, each.currency);
    purses_.resize(most + 1);
    purses_[0] = {cash_e8, {1, 1}};
  }

  std::int64_t cash_e8(std::size_t currency = 0) const { return purses_[currency].e8; }
  std::size_t currencies() const { return purses_.size(); }
  Lots lots(std::size_t i) const { return positions_[i].lots; }
  Ticks mark(std::size_t i) const { return positions_[i].mark; }
  Ticks last(std::size_t i) const { return positions_[i].last; }
  bool is_marked(std::size_t i) const { return positions_[i].marked; }
  std::size_t size() const { return positions_.size(); }
  bool holds() const { return held_ != 0; }

  // The last price; it is the mark too, until mark prices are given.
  void mark(std::size_t i, Ticks ticks) {
    Position& held = positions_[i];
    held.last = ticks;
    if (!held.marked) held.mark = ticks;
  }

  // A mark price given as such: from now on no other counts.
  void mark_officially(std::size_t i, Ticks ticks) {
    positions_[i].mark = ticks;
    positions_[i].marked = true;
  }

  void rate(std::size_t currency, Ratio rate) { purses_[currency].rate = rate; }
  bool has_rate(std::size_t currency) const { return purses_[currency].rate.numerator != 0; }

  // Throws std::invalid_argument while there is money in a currency without a rate.
  std::int64_t equity_e8() const {
    for (std::size_t c = 1; c < purses_.size(); ++c) {
      if (has_rate(c) || purses_[c].e8 == 0) continue;
      throw std::invalid_argument("no rate of currency " + std::to_string(c) + " is known yet: give an fx row");
    }
    return narrow(sum([&](std::size_t j) { return worths_[j].of(positions_[j], [&](const Position& held) {
      return terms_[j].worth_e8(held.mark, held.lots);
    }); }), "equity");
  }

  // Cash of all currencies and for each instrument what `worth_of` says, in its currency; in the account's
  // currency, rounded down. Money of which no rate is known counts for nothing.
  template <typename WorthOf>
  Wide sum(WorthOf&& worth_of) const {
    Wide total = 0;
    for (std::size_t c = 0; c < purses_.size(); ++c) {
      Wide own = purses_[c].e8;
      for (std::size_t j = 0; j < positions_.size(); ++j) {
        if (terms_[j].currency == c) own = add(own, worth_of(j));
      }
      if (c != 0) own = divide(multiply(own, purses_[c].rate.numerator), purses_[c].rate.denominator).quotient;
      total = add(total, own);
    }
    return total;
  }

  // An amount in an instrument's currency as one in the account's, rounded up.
  Wide cost_e8(std::size_t i, Wide amount_e8) const {
    const Ratio& rate = purses_[terms_[i].currency].rate;
    return divide_up(multiply(amount_e8, rate.numerator), rate.denominator);
  }

  // Buys (or with negative lots sells) at a price, for a fee.
  void trade(std::size_t i, Ticks ticks, Lots signed_lots, std::int64_t fee_e8) {
    const Lots after = narrow(Wide{positions_[i].lots} + signed_lots, "the position");
    pay(i, add(terms_[i].worth_e8(ticks, signed_lots), fee_e8));
    held_ += (after != 0) - (positions_[i].lots != 0);
    positions_[i].lots = after;
    if (positions_[i].mark == 0) mark(i, ticks);  // in its first bar: what is held is never worth nothing
  }

  // The next contract's prices hold from now on; sells all that is held at `old`, buys it back at `next`.
  void roll(std::size_t i, Ticks old, Ticks next, std::int64_t fee_e8) {
    Position& held = positions_[i];
    const Ticks mark = held.marked ? narrow(Wide{held.mark} + next - old, "a rolled mark") : next;
    if (held.lots != 0) {
      pay(i, add(add(terms_[i].worth_e8(next, held.lots), -terms_[i].worth_e8(old, held.lots)), fee_e8));
    }
    held.last = next;
    held.mark = mark;
  }

  // Pays (or with a negative amount receives) what is owed for an instrument.
  void pay(std::size_t i, Wide amount_e8) { pay_out(terms_[i].currency, amount_e8); }

  // Money paid into the account.
  void deposit(std::size_t currency, std::int64_t amount_e8) { pay_out(currency, -Wide{amount_e8}); }

  // Whether equity after the trade covers the initial margin of all that would be held.
  bool affords(std::size_t i, Ticks ticks, Lots signed_lots, std::int64_t fee_e8) const {
    const auto free_e8 = [&](std::size_t j, Ticks mark, Lots held, Lots after) {
      return add(terms_[j].worth_e8(mark, held), -terms_[j].margin_e8(mark, after));
    };
    const Wide free = sum([&](std::size_t j) {
      if (j != i) {
        return frees_[j].of(positions_[j],
                            [&](const Position& at) { return free_e8(j, at.mark, at.lots, at.lots); });
      }
      const Lots held = positions_[j].lots;
      const Lots after = narrow(Wide{held} + signed_lots, "the position");
      return add(after == 0 ? Wide{0} : free_e8(j, ticks, held, after), -Wide{fee_e8});
    });
    return free >= 0;
  }

 private:
  void pay_out(std::size_t currency, Wide amount_e8) {
    std::int64_t& cash = purses_[currency].e8;
    cash = narrow(Wide{cash} - narrow(amount_e8, "a payment"), "cash");
  }

  const std::vector<Terms>& terms_;
  std::vector<Position> positions_;
  mutable std::vector<Valued> worths_, frees_;  // equity's and the margin's view of each
  std::vector<Purse> purses_;  // by currency, the account's first
  std::int64_t held_ = 0;      // how many positions there are
};

}  // namespace quorate::exchange
