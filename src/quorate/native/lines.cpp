// Streams of closed bars: their columns, their lines, and longer bars out of shorter ones.
#include "lines.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace quorate {
namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;
constexpr std::int64_t week_ns = 7 * day_ns;
constexpr std::int64_t monday_ns = 4 * day_ns;  // 1970-01-05, the first Monday

}  // namespace

Stream::Stream(std::int64_t instrument, std::int64_t interval_ns, std::size_t bars_max)
    : instrument_(instrument), interval_ns_(interval_ns), bars_max_(bars_max) {}

void Stream::overfull() { throw std::logic_error("a stream was given more bars than it has room for"); }

void Stream::keep() {
  kept_ = true;
  start_.reserve(bars_max_);
  at_.reserve(bars_max_);
  for (Room<double>& each : values_) each.reserve(bars_max_);
}

void Stream::remember(const Candle& candle) {
  const Ohlcv& bar = candle.ohlcv;
  start_.push_back(candle.start);
  at_.push_back(candle.at);
  values_[open].push_back(bar.open);
  values_[high].push_back(bar.high);
  values_[low].push_back(bar.low);
  values_[close].push_back(bar.close);
  values_[volume].push_back(bar.volume);
}

Candle Stream::candle(std::size_t i) const {
  return {start_[i],
          at_[i],
          {values_[open][i], values_[high][i], values_[low][i], values_[close][i], values_[volume][i]}};
}

Stream::Slot& Stream::slot(std::string_view indicator) {
  const auto same = [indicator](const Slot& slot) { return slot.text == indicator; };
  const auto found = std::find_if(slots_.begin(), slots_.end(), same);
  if (found != slots_.end()) return *found;
  Slot made{std::string(indicator), parse_indicator(indicator), nullptr, {}, {}};
  made.indicator = made.spec.make();
  made.row.resize(made.spec.columns.size());
  for (const std::string& name : made.spec.columns) {
    made.lines.push_back(&lines_.emplace_back(name));
    made.lines.back()->expect(bars_max_);
  }
  for (std::size_t i = 0; i < size(); ++i) feed(made, candle(i).ohlcv);
  slots_.push_back(std::move(made));
  return slots_.back();
}

Line& Stream::line(std::string_view indicator, std::string_view column) {
  Slot& made = slot(indicator);
  const std::vector<std::string>& names = made.spec.columns;
  if (column.empty() && names.size() == 1) return *made.lines[0];
  const std::string suffix = std::string("_").append(column);
  std::string known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    // A column is called in full (macd_12_26_9_line) or by its last word (line); adx_14 heads its others.
    const bool own = column.empty() && i == 0 && names[1].starts_with(names[0] + suffix);
    const bool last = !column.empty() && names[i].ends_with(suffix);
    if (own || last || names[i] == column) return *made.lines[i];
    known += (known.empty() ? "" : ", ") + names[i];
  }
  throw std::invalid_argument("indicator '" + made.text + "' has no column '" + suffix.substr(1) +
                              "': name one of " + known);
}

Resampler::Resampler(std::int64_t interval_ns, std::int64_t every_ns) : every_ns_(every_ns) {
  constexpr std::int64_t longest = std::int64_t{1} << 61;
  const bool longer = interval_ns > 0 && every_ns > interval_ns && every_ns < longest;
  if (longer && every_ns % interval_ns == 0) return;
  throw std::invalid_argument("bars of " + std::to_string(every_ns) + " ns cannot be made of bars of " +
                              std::to_string(interval_ns) + " ns");
}

std::int64_t Resampler::end_of(std::int64_t start) const {
  const std::int64_t origin = every_ns_ % week_ns == 0 ? monday_ns : 0;
  std::int64_t place = (start - origin) % every_ns_;
  if (place < 0) place += every_ns_;
  return start - place + every_ns_;
}

int Resampler::take(const Candle& candle, Stream& out) {
  int told = 0;
  if (open_ && candle.start >= open_->at) {
    out.push(*open_);
    open_.reset();
    ++told;
  }
  if (!open_) {
    const std::int64_t end = end_of(candle.start);
    open_ = Candle{end - every_ns_, end, candle.ohlcv};
  } else {
    Ohlcv& bar = open_->ohlcv;
    bar.high = std::max(bar.high, candle.ohlcv.high);
    bar.low = std::min(bar.low, candle.ohlcv.low);
    bar.close = candle.ohlcv.close;
    bar.volume += candle.ohlcv.volume;  // unknown stays unknown
  }
  if (candle.at >= open_->at) {
    out.push(*open_);
    open_.reset();
    ++told;
  }
  return told;
}

}  // namespace quorate
