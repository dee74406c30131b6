// Resting orders by price: where a book is deep, a bar asks only those that it can reach.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "matching.hpp"

namespace quorate::exchange {

// An order as it stood when it was put here. `number`: a changed order has another one.
struct Rung {
  Ticks price;
  std::int64_t number;
  Slot slot;
};

// A shortcut into one instrument's book. It is a guess and never the truth: it may hold orders that have ended
// or changed since, so whoever asks looks again. The newest orders, and those that are no plain limits and stops,
// are named every time.
class Ladder {
 public:
  static constexpr std::size_t deep = 64;  // orders in a book from which on it pays

  bool stands() const { return stands_; }
  void clear() { *this = Ladder(); }
  void add(const Working& order, Slot slot) {
    stands_ = true;
    fresh_.push_back({order.price, order.number, slot});
  }

  // Once in a while sorts the newest in and forgets what is over. `find(rung)` is the order, or null for none.
  template <typename Find>
  void tidy(Find find) {
    if (fresh_.size() <= fresh_max) return;
    const auto over = [&](const Rung& rung) { return find(rung) == nullptr; };
    std::erase_if(always_, over);
    for (std::vector<Rung>& row : rows_) std::erase_if(row, over);
    const std::array<std::size_t, 4> sorted = {rows_[0].size(), rows_[1].size(), rows_[2].size(), rows_[3].size()};
    for (const Rung& rung : fresh_) {
      const Working* order = find(rung);
      if (order != nullptr) row_of(*order).push_back(rung);
    }
    fresh_.clear();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const auto midst = rows_[i].begin() + static_cast<std::ptrdiff_t>(sorted[i]);
      std::sort(midst, rows_[i].end(), cheaper);
      std::inplace_merge(rows_[i].begin(), midst, rows_[i].end(), cheaper);
    }
  }

  // Names every order that a whole bar may reach, in no order that means anything.
  template <typename Visit>
  void visit(const Offer& offer, Visit visit) const {
    std::for_each(always_.begin(), always_.end(), visit);
    std::for_each(fresh_.begin(), fresh_.end(), visit);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const Wide half = i % 2 == 0 ? offer.half : -offer.half;
      const auto falls = [&](const Rung& rung) { return Wide{rung.price} * offer.fine >= offer.low + half; };
      const auto rises = [&](const Rung& rung) { return Wide{rung.price} * offer.fine <= offer.high + half; };
      const std::vector<Rung>& row = rows_[i];
      if (i < 2) std::for_each(row.rbegin(), std::find_if_not(row.rbegin(), row.rend(), falls), visit);
      if (i >= 2) std::for_each(row.begin(), std::find_if_not(row.begin(), row.end(), rises), visit);
    }
  }

 private:
  static constexpr std::size_t fresh_max = 32;
  static bool cheaper(const Rung& a, const Rung& b) { return a.price < b.price; }

  // As `reaches` has it: bought limits and sold stops wait for the price to fall, the others for it to rise.
  std::vector<Rung>& row_of(const Working& order) {
    if (order.special || order.type == Type::market) return always_;
    const bool buys = order.side == Side::buy;
    const bool falls = buys == (order.type == Type::limit);
    return rows_[(falls ? 0U : 2U) + (buys ? 0U : 1U)];
  }

  bool stands_ = false;
  std::array<std::vector<Rung>, 4> rows_;  // falling, rising; of each the buyers first; by price
  std::vector<Rung> always_, fresh_;
};

}  // namespace quorate::exchange
