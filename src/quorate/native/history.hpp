// One instrument's bars made ready for many runs: checked once, shared by all threads, never changed.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "statistics.hpp"

namespace quorate::lane {

// Bars as columns of one length, oldest first; what they mean stands at exchange::MarketEvent. Volume and spread
// may be empty: unknown.
struct Columns {
  std::span<const std::int64_t> at, start, open, high, low, close, volume, spread;
};

// The columns are read in place: whoever owns them keeps them, unchanged, as long as the tape lives.
class Tape {
 public:
  using Price = std::int32_t;
  struct Range {
    Price low, high;
    std::int64_t sum;
  };

  // std::invalid_argument: lengths that differ, instants that do not rise, more than 2**31 - 2 bars.
  Tape(const Columns& columns, const Calendar& calendar);

  std::int32_t size() const { return static_cast<std::int32_t>(columns_.at.size()); }
  const Columns& columns() const { return columns_; }
  const Calendar& calendar() const { return calendar_; }
  std::span<const DayEnd> day_ends() const { return day_ends_; }
  exchange::MarketEvent event(std::int32_t bar) const;
  Instant at(std::int32_t bar) const {
    return step_ != 0 ? first_at_ + bar * step_ : columns_.at[static_cast<std::size_t>(bar)];
  }
  Instant start(std::int32_t bar) const {
    return step_ != 0 ? first_at_ + (bar - 1) * step_ : columns_.start[static_cast<std::size_t>(bar)];
  }

  // Whether every price fits 30 bits and every bar's extremes hold its open and its close. All that follows is
  // of such a tape only.
  bool is_narrow() const { return narrow_; }
  bool is_quoted() const { return quoted_; }  // some bar has a spread of its own
  std::int64_t price_max() const { return price_max_; }  // no price lies beyond, on either side of 0
  Ticks open(std::int32_t bar) const { return columns_.open[static_cast<std::size_t>(bar)]; }
  Price close(std::int32_t bar) const { return close_[static_cast<std::size_t>(bar)]; }
  const Price* closes_from(std::int32_t bar) const { return close_.data() + bar; }
  // The first bar from one on in which anything trades; size() when there is none.
  std::int32_t thawed(std::int32_t bar) const;
  // Least, greatest and sum of the closes of the bars [first, last), at least one.
  Range closes(std::int32_t first, std::int32_t last) const;
  // Asks the memory for what an order sent at this bar's close will need, with the bar's extremes or without.
#ifdef __GNUC__
  [[gnu::always_inline]]  // a call of it would be left out: to the compiler, asking beforehand does nothing
#endif
  void expect(std::int32_t bar, bool extremes) const {
#ifdef __GNUC__
    const auto i = static_cast<std::size_t>(bar);
    if (step_ == 0) {
      __builtin_prefetch(columns_.at.data() + i);
      __builtin_prefetch(columns_.start.data() + i + 1);
    }
    __builtin_prefetch(columns_.open.data() + i + 1);
    __builtin_prefetch(close_.data() + i);
    if (!extremes) return;
    __builtin_prefetch(columns_.high.data() + i + 1);
    __builtin_prefetch(columns_.low.data() + i + 1);
#endif
  }
  // The bars that open a UTC day, the first bar apart.
  std::span<const std::int32_t> day_starts() const { return day_starts_; }

 private:
  static constexpr std::int32_t block = 64;
  void check() const;
  void find_days();
  void narrow();

  Columns columns_;
  Calendar calendar_;
  std::vector<DayEnd> day_ends_;
  std::vector<std::int32_t> day_starts_;
  bool narrow_ = false, quoted_ = false, frozen_ = false;
  Instant first_at_ = 0, step_ = 0;  // bar after bar without a gap: no memory need be read; 0 where it is not so
  std::int64_t price_max_ = 0;
  std::unique_ptr<Price[]> close_own_;
  std::span<const Price> close_;
  std::vector<Range> blocks_;  // of `block` closes each
};

}  // namespace quorate::lane
