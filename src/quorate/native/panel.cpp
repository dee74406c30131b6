// The panel's bookkeeping: which indicator owns which columns, what a bar may hold, and the batch loop.
#include "panel.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "window.hpp"

namespace quorate {
namespace {

[[noreturn]] void refuse(const char* field, double value) {
  throw std::invalid_argument(std::string(field) + " must be finite, at most 1e100 in size" +
                              (field == std::string_view("volume") ? " and not negative" : "") + ": it is " +
                              std::to_string(value));
}

void check_price(const char* field, double price) {
  if (!(std::fabs(price) <= input_max)) refuse(field, price);  // NaN fails the comparison too
}

void check(const Ohlcv& bar) {
  check_price("open", bar.open);
  check_price("high", bar.high);
  check_price("low", bar.low);
  check_price("close", bar.close);
  if (bar.volume < 0.0 || bar.volume > input_max) refuse("volume", bar.volume);  // NaN passes both
}

}  // namespace

Panel::Panel(const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    specs_.push_back(parse_indicator(name));
    warmup_ = std::max(warmup_, specs_.back().warmup);
    for (const std::string& column : specs_.back().columns) {
      if (!seen.insert(column).second) {
        throw std::invalid_argument("column '" + column + "' is asked for twice (by '" + name + "')");
      }
      columns_.push_back(column);
    }
  }
  reset();
}

void Panel::update(const Ohlcv& bar, double* out) {
  check(bar);
  for (const Slot& slot : slots_) slot.indicator->update(bar, out + slot.first);
  ++bars_;
}

void Panel::reset() {
  slots_.clear();
  std::size_t first = 0;
  for (const Spec& spec : specs_) {
    slots_.push_back({spec.make(), first});
    first += spec.columns.size();
  }
  row_.assign(columns_.size(), undefined);
  bars_ = 0;
}

double Panel::value(std::ptrdiff_t index) const {
  // A negative index wraps to a huge one, which no row has.
  const auto place = static_cast<std::size_t>(index);
  if (place < row_.size()) return row_[place];
  throw std::out_of_range("column " + std::to_string(index) + " of a panel that has " +
                          std::to_string(row_.size()));
}

std::size_t Panel::index(std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found != columns_.end()) return static_cast<std::size_t>(found - columns_.begin());
  std::string known;
  for (const std::string& each : columns_) known += (known.empty() ? "" : ", ") + each;
  throw std::invalid_argument("column '" + std::string(column) + "' is not in this panel; it has: " + known);
}

std::size_t History::size() const {
  for (const auto& each : {high, low, close, volume}) {
    if (each.size() != open.size()) {
      throw std::invalid_argument("open, high, low, close and volume must have one length");
    }
  }
  return open.size();
}

void compute(Panel& panel, const History& history, std::span<double> out) {
  const std::size_t rows = history.size();
  const std::size_t width = panel.columns().size();
  if (out.size() != rows * width) throw std::invalid_argument("the matrix must hold bars x columns");
  for (std::size_t i = 0; i < rows; ++i) {
    try {
      panel.update(history.bar(i), out.data() + i * width);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("row " + std::to_string(i) + ": " + error.what());
    }
  }
}

}  // namespace quorate
