// Coarse bars from fine ones, with the one rule that matters: a bar is seen when it has closed, never before.
#include "clock.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "columns.hpp"

namespace quorate::formula {
namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;
constexpr std::int64_t monday_ns = 4 * day_ns;  // 1970-01-05 was the first Monday

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

// The first end of a span of `every` beyond the instant.
std::int64_t end_after(std::int64_t instant, std::int64_t every) {
  const std::int64_t anchor = every % (7 * day_ns) == 0 ? monday_ns : 0;
  return (floor_div(instant - anchor, every) + 1) * every + anchor;
}

}  // namespace

void check_ticks(const char* field, std::span<const std::int64_t> ticks, const Block& block) {
  const std::size_t found = first_beyond(ticks);
  if (found == ticks.size()) return;
  throw std::invalid_argument("bar " + std::to_string(block.first + block.from + found) + ": " + field +
                              " is beyond 2^45 ticks");
}

Clock::Clock(const Units& units, std::int64_t every_ns)
    : units_(units), every_(every_ns), before_(std::numeric_limits<std::int64_t>::min()) {
  if (every_ns < 0 || (every_ns > 0 && every_ns % units.interval_ns != 0)) {
    throw std::invalid_argument("a timeframe must be a whole multiple of the bars' interval");
  }
}

Closed Clock::priced(std::size_t place, const std::int64_t (&row)[5]) const {
  const auto price = [this](std::int64_t ticks) { return static_cast<double>(ticks) * units_.tick; };
  const double volume = row[4] < 0 ? undefined : static_cast<double>(row[4]) * units_.lot;
  return {place, {price(row[0]), price(row[1]), price(row[2]), price(row[3]), volume}, row[3]};
}

void Clock::close(std::size_t place) {
  closed_.push_back(priced(place, row_));
  open_ = false;
}

void Clock::fold(std::size_t place, std::int64_t at, const std::int64_t (&row)[5], std::size_t number) {
  if (at <= before_) {
    throw std::invalid_argument("bar " + std::to_string(number) + ": time must run forward");
  }
  before_ = at;
  const std::int64_t start = at - units_.interval_ns;
  if (open_ && start >= end_) close(place);
  if (!open_) {
    end_ = end_after(start, every_);
    std::copy(row, row + 5, row_);
    open_ = true;
  } else {
    row_[1] = std::max(row_[1], row[1]);
    row_[2] = std::min(row_[2], row[2]);
    row_[3] = row[3];
    // One bar of unknown volume makes the whole unknown: a sum of some of it would be invented.
    const bool known = row_[4] >= 0 && row[4] >= 0 && row[4] <= std::numeric_limits<std::int64_t>::max() - row_[4];
    row_[4] = known ? row_[4] + row[4] : -1;
  }
  if (at >= end_) close(place);
}

void Clock::run(const Block& block) {
  const Bars& bars = block.bars;
  check_ticks("open", bars.open, block);
  check_ticks("high", bars.high, block);
  check_ticks("low", bars.low, block);
  check_ticks("close", bars.close, block);
  closed_.resize(fine() ? block.count() : 0);
  for (std::size_t i = 0; i < block.count(); ++i) {
    const std::int64_t row[5] = {bars.open[i], bars.high[i], bars.low[i], bars.close[i], bars.volume[i]};
    if (fine()) {
      closed_[i] = priced(block.from + i, row);
    } else {
      fold(block.from + i, bars.at[i], row, block.first + block.from + i);
    }
  }
}

}  // namespace quorate::formula
