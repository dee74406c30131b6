// When bars of a timeframe close, seen from the bars of a finer one: never before their last moment is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "indicators.hpp"

namespace quorate::formula {

// Bars as the feeds keep them: `at` is the close in ns since 1970 UTC, prices in ticks, volume in lots
// (below 0: unknown). All of one length, oldest first.
struct Bars {
  std::span<const std::int64_t> at, open, high, low, close, volume;

  std::size_t size() const { return at.size(); }
  Bars slice(std::size_t first, std::size_t count) const {
    return {at.subspan(first, count),  open.subspan(first, count),  high.subspan(first, count),
            low.subspan(first, count), close.subspan(first, count), volume.subspan(first, count)};
  }
};

// What turns ticks and lots into numbers, and how long one bar is.
struct Units {
  double tick;               // price of one tick
  double lot;                // quantity of one lot
  std::int64_t interval_ns;  // of one bar
};

// The bars at places [from, to) of a block; place 0 of it is bar number `first` of the history.
struct Block {
  Bars bars;
  std::size_t from;
  std::size_t to;
  std::size_t first;

  std::size_t count() const { return to - from; }
};

// A bar of the timeframe, known from the close of the fine bar at `place` on. `close`: in ticks.
struct Closed {
  std::size_t place;
  Ohlcv bar;
  std::int64_t close;
};

// Folds fine bars into those of `every_ns` (0: the fine bars themselves). Timeframes are aligned to midnight
// UTC of 1970-01-01, whole weeks to a Monday. A bar is closed by the fine bar that ends at or after its own
// end; where that one is missing, by the first fine bar beyond. A span without any fine bar has no bar.
class Clock {
 public:
  // Throws std::invalid_argument when every_ns is no whole multiple of the bars' interval.
  Clock(const Units& units, std::int64_t every_ns);

  // Takes a block; `closed()` then lists what closed in it. Throws std::invalid_argument, naming the bar,
  // where time does not run forward or a price is too large.
  void run(const Block& block);
  const std::vector<Closed>& closed() const { return closed_; }
  bool fine() const { return every_ == 0; }

 private:
  void fold(std::size_t place, std::int64_t at, const std::int64_t (&row)[5], std::size_t number);
  void close(std::size_t place);
  Closed priced(std::size_t place, const std::int64_t (&row)[5]) const;

  Units units_;
  std::int64_t every_;
  std::int64_t end_ = 0;       // of the bar under way
  bool open_ = false;          // whether one is
  std::int64_t row_[5] = {};   // its open, high, low, close and volume so far
  std::int64_t before_;        // the last fine bar's close
  std::vector<Closed> closed_;
};

// Throws std::invalid_argument naming the first bar of the block whose ticks are too large for exact sums.
void check_ticks(const char* field, std::span<const std::int64_t> ticks, const Block& block);

}  // namespace quorate::formula
