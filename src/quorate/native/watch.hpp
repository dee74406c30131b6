// What the limits watch between orders: reservations of all that works, equity's marks, orders just sent.
#pragma once

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <vector>

#include "account.hpp"

namespace quorate::limits {

inline constexpr Instant second_ns = 1'000'000'000;
inline constexpr Instant minute_ns = 60 * second_ns;
inline constexpr Instant hour_ns = 60 * minute_ns;

constexpr std::int64_t sign_of(Side side) { return static_cast<std::int64_t>(side); }

// One order that may still fill: `left` lots.
struct Reserved {
  std::size_t instrument;
  Role role;
  Side side;
  Lots left;
  Lots filled = 0;
};

// Order numbers, one bit each: they mostly follow each other.
class OrderSet {
 public:
  bool contains(OrderId order) const {
    const auto word = words_.find(order >> 6);
    return word != words_.end() && (word->second & bit(order)) != 0;
  }
  void insert(OrderId order) { words_[order >> 6] |= bit(order); }
  void erase(OrderId order) {
    const auto word = words_.find(order >> 6);
    if (word != words_.end()) word->second &= ~bit(order);
  }

 private:
  static std::uint64_t bit(OrderId order) { return std::uint64_t{1} << (order & 63); }

  std::unordered_map<OrderId, std::uint64_t> words_;
};

// Everything that works at the venue or is on its way there; released exactly once.
class Reservations {
 public:
  explicit Reservations(std::size_t instruments) : sums_(instruments) {}

  // Whether this order was approved before and the venue did not refuse it.
  bool knows(OrderId order) const { return approved_.contains(order); }
  Lots entering(std::size_t i, Side side) const {
    return side == Side::buy ? sums_[i].buying : sums_[i].selling;
  }
  bool enters(std::size_t i) const { return sums_[i].buying > 0 || sums_[i].selling > 0; }
  Lots closing(std::size_t i) const { return sums_[i].closing; }
  const std::unordered_map<OrderId, Reserved>& working() const { return working_; }

  // Lots of working stops on one side, one order left out.
  Wide protecting(const Reserved& like, OrderId besides) const {
    Wide lots = 0;
    for (const auto& [order, each] : working_) {
      if (each.role == Role::stop && each.instrument == like.instrument && each.side == like.side &&
          order != besides) {
        lots += each.left;
      }
    }
    return lots;
  }

  // An approved order counts from now on.
  void reserve(OrderId order, const Reserved& asked) {
    if (!working_.try_emplace(order, asked).second) throw Inconsistent("an order is reserved already");
    approved_.insert(order);
    count(asked, asked.left);
  }

  // Legs of a bracket begin to work. False for an entry that was never approved.
  bool accepted(const Report& report) {
    const bool known = working_.contains(report.order);
    if (!known && report.role == Role::entry) return false;
    if (known && report.parent == none) return true;
    release(report.order);
    const Reserved leg{static_cast<std::size_t>(report.instrument), report.role, report.side, report.lots};
    working_.emplace(report.order, leg);
    count(leg, leg.left);
    return true;
  }

  // A leg covers a further fill of its entry, or no more what its sibling filled; all of it, filled or not.
  void resized(const Report& report) {
    const auto found = working_.find(report.order);
    if (found == working_.end()) return;
    Reserved& each = found->second;
    const Lots left = std::max<Lots>(report.lots - each.filled, 0);
    count(each, left - each.left);
    each.left = left;
  }

  // The filled part is held now, not reserved. False when more of an entry filled than was approved.
  bool filled(const Report& report) {
    const auto found = working_.find(report.order);
    const bool known = found != working_.end();
    if (report.role == Role::entry && (!known || found->second.left < report.lots)) {
      release(report.order);
      return false;
    }
    if (!known) return true;
    Reserved& each = found->second;
    const Lots lots = std::min(report.lots, each.left);
    each.left -= lots;
    each.filled += lots;
    count(each, -lots);
    if (each.left == 0) working_.erase(found);
    return true;
  }

  // The order works no more; a refused one may be asked for again.
  void ended(OrderId order, bool refused) {
    if (refused) approved_.erase(order);
    release(order);
  }

 private:
  struct Sums {
    Lots buying = 0, selling = 0, closing = 0;
  };

  void release(OrderId order) {
    const auto found = working_.find(order);
    if (found == working_.end()) return;
    count(found->second, -found->second.left);
    working_.erase(found);
  }

  void count(const Reserved& each, Lots lots) {
    if (each.role == Role::stop || each.role == Role::target) return;
    Sums& sums = sums_[each.instrument];
    Lots& sum = each.role == Role::exit ? sums.closing : each.side == Side::buy ? sums.buying : sums.selling;
    sum = narrow(Wide{sum} + lots, "what works");
  }

  std::unordered_map<OrderId, Reserved> working_;
  OrderSet approved_;
  std::vector<Sums> sums_;
};

// Equity at the start of the UTC day, at its peak and at the high of the rolling hour. A mark stands until
// the next one, so the hour's high includes the mark that stood when the hour began.
class EquityWatch {
 public:
  explicit EquityWatch(std::int64_t equity_e8) { rebase(equity_e8); }

  std::int64_t day_start_e8() const { return day_start_e8_; }
  std::int64_t peak_e8() const { return peak_e8_; }
  std::int64_t hour_high_e8() const { return hour_high_e8_; }

  // Begins anew from here: what was lost before counts no more.
  void rebase(std::int64_t equity_e8) {
    highs_.clear();
    last_e8_ = day_start_e8_ = peak_e8_ = hour_high_e8_ = equity_e8;
  }

  // Equity as an instant closes. What closes at midnight belongs to the day that ends.
  void mark(Instant at, std::int64_t equity_e8) {
    const auto day = static_cast<std::int64_t>(divide(Wide{at} - 1, day_ns).quotient);
    if (day != day_) {
      if (day_) day_start_e8_ = last_e8_;
      day_ = day;
    }
    while (!highs_.empty() && highs_.back().equity_e8 <= last_e8_) highs_.pop_back();
    highs_.push_back({at, last_e8_});
    while (highs_.front().until <= Wide{at} - hour_ns) highs_.pop_front();
    hour_high_e8_ = std::max(highs_.front().equity_e8, equity_e8);
    peak_e8_ = std::max(peak_e8_, equity_e8);
    last_e8_ = equity_e8;
  }

 private:
  struct High {
    Instant until;  // it stood until then
    std::int64_t equity_e8;
  };

  std::optional<std::int64_t> day_;
  std::deque<High> highs_;  // equity falling
  std::int64_t last_e8_ = 0, day_start_e8_ = 0, peak_e8_ = 0, hour_high_e8_ = 0;
};

// What makes an order like another: entries like entries, exits like exits.
struct Like {
  std::int64_t instrument;
  Side side;
  Lots lots;
  bool reduces;
  bool operator==(const Like&) const = default;
};

// Orders approved within the last hour. Time never runs backwards here.
class Sent {
 public:
  static constexpr Instant long_ago = -(Instant{1} << 62);

  void add(Instant at, const Like& like) {
    sent_.push_back({at, like});
    while (sent_.front().at < Wide{at} - hour_ns) sent_.pop_front();
  }

  // Orders approved at or after an instant.
  std::int64_t since(Wide instant) const {
    std::int64_t count = 0;
    for (auto each = sent_.rbegin(); each != sent_.rend() && each->at >= instant; ++each) ++count;
    return count;
  }

  // When the last like it was approved; `long_ago` when there is none after an instant.
  Instant last_like(const Like& like, Wide after) const {
    for (auto each = sent_.rbegin(); each != sent_.rend() && each->at > after; ++each) {
      if (each->like == like) return each->at;
    }
    return long_ago;
  }

 private:
  struct Approved {
    Instant at;
    Like like;
  };

  std::deque<Approved> sent_;
};

}  // namespace quorate::limits
