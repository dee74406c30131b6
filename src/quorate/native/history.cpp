// Checking a history and making its shortcuts: narrow prices, sums and extremes of closes, days.
#include "history.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "wider.hpp"

namespace quorate::lane {
namespace {

constexpr std::int64_t price_limit = std::numeric_limits<Tape::Price>::max();

bool holds(std::int64_t low, std::int64_t price, std::int64_t high) { return low <= price && price <= high; }

// Least and greatest of a few prices.
QUORATE_WIDER Tape::Range range_of(const Tape::Price* first, std::size_t count) {
  Tape::Price low = first[0], high = first[0];
  for (std::size_t i = 1; i < count; ++i) {
    low = first[i] < low ? first[i] : low;
    high = first[i] > high ? first[i] : high;
  }
  return {low, high};
}

}  // namespace

Tape::Tape(const Columns& columns, const Calendar& calendar) : columns_(columns), calendar_(calendar) {
  check();
  day_ends_ = lane::day_ends(columns_.at, calendar_);
  sample();
  narrow();
}

void Tape::check() const {
  const std::size_t count = columns_.at.size();
  for (const auto& column : {columns_.start, columns_.open, columns_.high, columns_.low, columns_.close,
                             columns_.volume, columns_.spread}) {
    if (column.size() != count) throw std::invalid_argument("the columns of a tape differ in length");
  }
  if (count == 0) throw std::invalid_argument("a tape needs at least one bar");
  if (count > static_cast<std::size_t>(price_limit) - 1) throw std::invalid_argument("a tape of too many bars");
  if (!(calendar_.days_per_year > 0) || calendar_.interval_ns <= 0) {
    throw std::invalid_argument("days per year and the interval must be above zero");
  }
  const std::int64_t* at = columns_.at.data();
  bool rises = at[0] >= 0 && at[count - 1] < exchange::forever;
  for (std::size_t i = 1; i < count; ++i) rises &= at[i] > at[i - 1];
  if (rises) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (at[i] > (i == 0 ? -1 : at[i - 1]) && at[i] < exchange::forever) continue;
    throw std::invalid_argument("row " + std::to_string(i) + ": instant " + std::to_string(at[i]) +
                                " cannot come after " + std::to_string(i == 0 ? -1 : at[i - 1]));
  }
}

// UTC days by the bars that open them: financing is due there.
void Tape::sample() {
  const auto at = columns_.at;
  std::int64_t ends = (at[0] / exchange::day_ns + 1) * exchange::day_ns;  // of the day under way
  for (std::size_t i = 1; i < at.size(); ++i) {
    if (at[i] < ends) continue;
    day_starts_.push_back(static_cast<std::int32_t>(i));
    ends = (at[i] / exchange::day_ns + 1) * exchange::day_ns;
  }
}

void Tape::narrow() {
  const Columns& c = columns_;
  const std::size_t count = c.at.size();
  open_.resize(count);
  close_.resize(count);
  sums_.resize(count + 1);
  bool held = true, narrow = true;
  std::int64_t most = 0, sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t open = c.open[i], high = c.high[i], low = c.low[i], close = c.close[i];
    held &= holds(low, open, high) & holds(low, close, high);
    narrow &= holds(-price_limit, low, price_limit) & holds(-price_limit, high, price_limit);
    quoted_ |= c.spread[i] > 0;
    frozen_ |= c.volume[i] == 0 && high <= low;
    open_[i] = static_cast<Price>(open);
    close_[i] = static_cast<Price>(close);
    sums_[i] = sum;
    sum += close_[i];
    most = std::max(most, std::max(high, -low));
  }
  sums_[count] = sum;
  narrow_ = held && narrow;
  if (!narrow_) return;
  price_max_ = static_cast<Price>(most);
  for (std::size_t i = 0; i < count; i += block) {
    blocks_.push_back(range_of(&close_[i], std::min<std::size_t>(block, count - i)));
  }
}

exchange::MarketEvent Tape::event(std::int32_t bar) const {
  const auto i = static_cast<std::size_t>(bar);
  const Columns& c = columns_;
  return {.at = c.at[i], .kind = exchange::MarketEvent::bar, .instrument = 0, .start = c.start[i],
          .open = c.open[i], .high = c.high[i], .low = c.low[i], .close = c.close[i], .volume = c.volume[i],
          .spread = c.spread[i]};
}

std::int32_t Tape::thawed(std::int32_t bar) const {
  if (!frozen_) return bar;
  for (; bar < size(); ++bar) {
    const auto i = static_cast<std::size_t>(bar);
    if (columns_.volume[i] != 0 || columns_.high[i] > columns_.low[i]) break;
  }
  return bar;
}

Tape::Range Tape::closes(std::int32_t first, std::int32_t last) const {
  const auto from = static_cast<std::size_t>(first), to = static_cast<std::size_t>(last);
  if (last - first < 3 * block) return range_of(&close_[from], to - from);
  const std::size_t begin = (from + block - 1) / block, end = to / block;
  Range found = range_of(&close_[from], begin * block - from + 1);
  const Range tail = range_of(&close_[to - 1], 1);
  const auto widen = [&found](const Range& range) {
    found.low = std::min(found.low, range.low);
    found.high = std::max(found.high, range.high);
  };
  widen(tail);
  for (std::size_t i = begin; i < end; ++i) widen(blocks_[i]);
  if (end * block < to) widen(range_of(&close_[end * block], to - end * block));
  return found;
}

}  // namespace quorate::lane
