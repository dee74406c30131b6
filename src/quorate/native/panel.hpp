// A panel: several indicators fed by one stream of closed bars, bar by bar or a whole history at once.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "indicators.hpp"

namespace quorate {

// Largest price or volume taken, so that no square or sum inside an indicator can overflow and leave an
// infinity in a recursion that never forgets it.
inline constexpr double input_max = 1e100;

// Deterministic and single-threaded: the owner serialises calls. Every value is a fold over the bars given.
class Panel {
 public:
  // Throws std::invalid_argument on an unknown or badly written name, or a column asked for twice.
  explicit Panel(const std::vector<std::string>& names);
  Panel(const Panel&) = delete;  // a second panel on the same stream is made by name, not by copy
  Panel& operator=(const Panel&) = delete;

  // Takes one closed bar. Throws std::invalid_argument, leaving the panel as it was, when a price is not
  // finite or beyond input_max, or a volume is negative, infinite or beyond it (NaN: unknown, allowed).
  void update(const Ohlcv& bar) { update(bar, row_.data()); }

  // The same, writing the columns to `out` (columns().size() doubles): the batch form writes its matrix
  // straight from here, so streaming and batch are one code. `values()` is left alone.
  void update(const Ohlcv& bar, double* out);

  // A state equal to a new panel's.
  void reset();

  std::span<const double> values() const { return row_; }  // one a column, NaN while undefined
  double value(std::ptrdiff_t index) const;              // throws std::out_of_range

  std::size_t index(std::string_view column) const;  // throws std::invalid_argument
  const std::vector<std::string>& columns() const { return columns_; }
  std::size_t bars() const { return bars_; }
  std::size_t warmup() const { return warmup_; }  // bars until every column is defined

 private:
  struct Slot {
    std::unique_ptr<Indicator> indicator;
    std::size_t first;  // its first column
  };

  std::vector<Spec> specs_;
  std::vector<Slot> slots_;
  std::vector<std::string> columns_;
  std::vector<double> row_;
  std::size_t bars_ = 0;
  std::size_t warmup_ = 0;
};

// A history as five arrays of one length, oldest bar first.
struct History {
  std::span<const double> open;
  std::span<const double> high;
  std::span<const double> low;
  std::span<const double> close;
  std::span<const double> volume;

  std::size_t size() const;  // throws std::invalid_argument when the lengths differ
  Ohlcv bar(std::size_t i) const { return {open[i], high[i], low[i], close[i], volume[i]}; }
};

// Runs a panel over a history: out is row-major, bars x columns. Throws as Panel::update does, naming
// the row. Touches no Python object and no shared state.
void compute(Panel& panel, const History& history, std::span<double> out);

}  // namespace quorate
