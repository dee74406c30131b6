// Checking a history and making its shortcuts: closes in 32 bits, their extremes and sums by block, days.
#include "history.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "wider.hpp"

namespace quorate::lane {
namespace {

constexpr std::int64_t bars_max = std::numeric_limits<std::int32_t>::max() - 1;

// What a glance over all bars finds; of each number only its sign bit or its bits beyond 30 count, so that eight
// comparisons a bar become a few whole-word operations.
struct Glance {
  std::uint64_t wide = 0;     // any bit: a price needs more than 30 bits and a sign, or a time is odd
  std::uint64_t outside = 0;  // top bit: an open or a close lies outside its bar
  std::uint64_t magnitude = 0;
  std::uint64_t quoted = 0;   // top bit: a spread above 0
  std::uint64_t frozen = 0;   // top bit: no volume and no range
};

QUORATE_WIDER void glance_prices(const Columns& columns, Tape::Price* closes, Glance& found) {
  const std::size_t count = columns.at.size();
  const std::int64_t *open = columns.open.data(), *high = columns.high.data(), *low = columns.low.data(),
                     *close = columns.close.data();
  std::uint64_t wide = 0, outside = 0, magnitude = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto o = static_cast<std::uint64_t>(open[i]), h = static_cast<std::uint64_t>(high[i]),
               l = static_cast<std::uint64_t>(low[i]), c = static_cast<std::uint64_t>(close[i]);
    constexpr std::uint64_t half = std::uint64_t{1} << 30;  // so differences fit as well
    wide |= ((o + half) | (h + half) | (l + half) | (c + half)) >> 31;
    outside |= (o - l) | (h - o) | (c - l) | (h - c);
    magnitude |= (h ^ (h << 1)) | (l ^ (l << 1));  // the highest bit that is not the sign's
    closes[i] = static_cast<Tape::Price>(static_cast<std::uint32_t>(c));
  }
  found.wide = wide;
  found.outside = outside;
  found.magnitude = magnitude;
}

QUORATE_WIDER void glance_rest(const Columns& columns, Glance& found) {
  std::uint64_t odd = 0;  // instants and lengths of bars beyond 36 years, or so: sums of them must fit
  for (std::size_t i = 0; i < columns.at.size(); ++i) {
    const auto start = static_cast<std::uint64_t>(columns.start[i]);
    const std::uint64_t lasted = static_cast<std::uint64_t>(columns.at[i]) - start;
    odd |= (start + (std::uint64_t{1} << 62)) >> 63 | (lasted + (std::uint64_t{1} << 60)) >> 61;
  }
  found.wide |= odd;
  for (const std::int64_t spread : columns.spread) {
    found.quoted |= std::uint64_t{0} - static_cast<std::uint64_t>(spread);
  }
  std::uint64_t frozen = 0;
  for (std::size_t i = 0; i < columns.volume.size(); ++i) {
    const auto v = static_cast<std::uint64_t>(columns.volume[i]);
    const std::uint64_t range = static_cast<std::uint64_t>(columns.high[i]) -
                                static_cast<std::uint64_t>(columns.low[i]);
    frozen |= ~(v | (std::uint64_t{0} - v)) & (range - 1);
  }
  found.frozen = frozen;
}

QUORATE_WIDER std::uint64_t falls(const std::int64_t* at, std::size_t count) {
  std::uint64_t falls = 0;  // top bit: an instant that does not come after the one before, both from 0 on
  for (std::size_t i = 1; i < count; ++i) {
    const auto before = static_cast<std::uint64_t>(at[i - 1]), now = static_cast<std::uint64_t>(at[i]);
    falls |= now | (now - before - 1);
  }
  return falls;
}

// Whether each bar starts where the one before closed, all of one length.
QUORATE_WIDER bool is_even(const std::int64_t* at, const std::int64_t* start, std::size_t count) {
  const auto step = static_cast<std::uint64_t>(at[0]) - static_cast<std::uint64_t>(start[0]);
  auto next = static_cast<std::uint64_t>(at[0]);
  std::uint64_t off = 0;
  for (std::size_t i = 0; i < count; ++i, next += step) {
    off |= (static_cast<std::uint64_t>(at[i]) ^ next) | (static_cast<std::uint64_t>(start[i]) ^ (next - step));
  }
  return off == 0;
}

// Least, greatest and sum of a few prices.
QUORATE_WIDER Tape::Range range_of(const Tape::Price* first, std::size_t count) {
  Tape::Price low = first[0], high = first[0];
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    low = first[i] < low ? first[i] : low;
    high = first[i] > high ? first[i] : high;
    sum += first[i];
  }
  return {low, high, sum};
}

bool top(std::uint64_t bits) { return (bits >> 63) != 0; }

}  // namespace

Tape::Tape(const Columns& columns, const Calendar& calendar) : columns_(columns), calendar_(calendar) {
  check();
  day_ends_ = lane::day_ends(columns_.at, calendar_);
  find_days();
  narrow();
}

void Tape::check() const {
  const std::size_t count = columns_.at.size();
  if (count == 0) throw std::invalid_argument("a tape needs at least one bar");
  for (const auto& column : {columns_.start, columns_.open, columns_.high, columns_.low, columns_.close,
                             columns_.volume.empty() ? columns_.at : columns_.volume,
                             columns_.spread.empty() ? columns_.at : columns_.spread}) {
    if (column.size() != count) throw std::invalid_argument("the columns of a tape differ in length");
  }
  if (count > static_cast<std::size_t>(bars_max)) throw std::invalid_argument("a tape of too many bars");
  if (!(calendar_.days_per_year > 0) || calendar_.interval_ns <= 0) {
    throw std::invalid_argument("days per year and the interval must be above zero");
  }
  const std::int64_t* at = columns_.at.data();
  if (at[0] >= 0 && at[count - 1] < exchange::forever && !top(falls(at, count))) return;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t last = i == 0 ? -1 : at[i - 1];
    if (at[i] > last && at[i] < exchange::forever) continue;
    throw std::invalid_argument("row " + std::to_string(i) + ": instant " + std::to_string(at[i]) +
                                " cannot come after " + std::to_string(last));
  }
}

// UTC days by the bars that open them: financing is due there.
void Tape::find_days() {
  const auto at = columns_.at;
  for (std::size_t bar = 0; bar < at.size();) {
    const std::int64_t ends = (at[bar] / exchange::day_ns + 1) * exchange::day_ns;
    const auto rest = at.subspan(bar);
    bar += static_cast<std::size_t>(std::lower_bound(rest.begin(), rest.end(), ends) - rest.begin());
    if (bar < at.size()) day_starts_.push_back(static_cast<std::int32_t>(bar));
  }
}

void Tape::narrow() {
  const std::size_t count = columns_.at.size();
  close_own_.reset(new Price[count]);  // written below: not worth clearing first
  close_ = {close_own_.get(), count};
  Glance found;
  glance_prices(columns_, close_own_.get(), found);
  glance_rest(columns_, found);
  narrow_ = found.wide == 0 && !top(found.outside) && columns_.at.back() < exchange::forever / 2;
  quoted_ = top(found.quoted);
  frozen_ = top(found.frozen);
  if (!narrow_) return;
  if (is_even(columns_.at.data(), columns_.start.data(), count)) {
    first_at_ = columns_.at[0];
    step_ = first_at_ - columns_.start[0];
  }
  price_max_ = 1;
  while (price_max_ <= static_cast<std::int64_t>(found.magnitude & 0x7fff'ffff)) price_max_ *= 2;
  blocks_.reserve(count / block + 1);
  for (std::size_t i = 0; i < count; i += block) {
    blocks_.push_back(range_of(&close_[i], std::min<std::size_t>(block, count - i)));
  }
}

exchange::MarketEvent Tape::event(std::int32_t bar) const {
  const auto i = static_cast<std::size_t>(bar);
  const Columns& c = columns_;
  return {.at = c.at[i], .kind = exchange::MarketEvent::bar, .instrument = 0, .start = c.start[i],
          .open = c.open[i], .high = c.high[i], .low = c.low[i], .close = c.close[i],
          .volume = c.volume.empty() ? exchange::none : c.volume[i],
          .spread = c.spread.empty() ? exchange::none : c.spread[i]};
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
  Range found = blocks_[begin];
  const auto widen = [&found](const Range& range) {
    found.low = std::min(found.low, range.low);
    found.high = std::max(found.high, range.high);
    found.sum += range.sum;
  };
  for (std::size_t i = begin + 1; i < end; ++i) widen(blocks_[i]);
  if (from < begin * block) widen(range_of(&close_[from], begin * block - from));
  if (end * block < to) widen(range_of(&close_[end * block], to - end * block));
  return found;
}

}  // namespace quorate::lane
