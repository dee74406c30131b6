// What a strategy may look at: the closed bars of one stream and the indicators over them, and nothing later.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "indicators.hpp"
#include "room.hpp"
#include "window.hpp"

namespace quorate {

// One closed bar of a stream. Prices carried over rolls, in currency; volume in base units, NaN: unknown.
struct Candle {
  std::int64_t start;  // ns
  std::int64_t at;     // ns: when it closed and was known
  Ohlcv ohlcv;
};

// One number a closed bar: an indicator's output. It holds what has been and cannot be asked for more.
class Line {
 public:
  explicit Line(std::string name) : name_(std::move(name)) {}

  void push(double value) {
    before_ = now_;
    now_ = value;
    values_.push_back(value);
  }

  void expect(std::size_t bars) { values_.reserve(bars); }

  double now() const { return now_; }  // NaN while undefined
  double before() const { return before_; }
  double back(std::size_t bars) const {  // NaN where there was no bar yet
    return bars < values_.size() ? values_[values_.size() - 1 - bars] : undefined;
  }
  // From at or below to above, by this bar. False while any of the four numbers is undefined.
  bool crossed_above(const Line& other) const { return before_ <= other.before_ && now_ > other.now_; }
  bool crossed_below(const Line& other) const { return before_ >= other.before_ && now_ < other.now_; }
  bool crossed_above(double level) const { return before_ <= level && now_ > level; }
  bool crossed_below(double level) const { return before_ >= level && now_ < level; }

  const std::string& name() const { return name_; }
  const Room<double>& values() const { return values_; }

 private:
  std::string name_;
  double now_ = undefined;
  double before_ = undefined;
  Room<double> values_;
};

// The closed bars of one instrument and interval, with the lines over them; once somebody asks, as columns too.
// Their memory never moves and is filled as bars close: a view of it holds nothing that is yet to come.
class Stream {
 public:
  enum Column : std::size_t { open = 0, high, low, close, volume, columns };

  // `bars_max`: bars it will ever take; one more throws std::logic_error.
  Stream(std::int64_t instrument, std::int64_t interval_ns, std::size_t bars_max);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void push(const Candle& candle) {
    if (size_ == bars_max_) overfull();
    last_ = candle;
    ++size_;
    if (kept_) remember(candle);
    for (Slot& slot : slots_) feed(slot, candle.ohlcv);
  }

  // Keeps columns from here on; the bars so far must be remembered at once.
  void keep();
  void remember(const Candle& candle);
  bool kept() const { return kept_; }

  // The line of an indicator's column (`""`: its own, or its only one), made and caught up with the bars so
  // far, which must be kept by then, on first use. Throws std::invalid_argument naming what there is.
  Line& line(std::string_view indicator, std::string_view column);

  std::int64_t instrument() const { return instrument_; }
  std::int64_t interval_ns() const { return interval_ns_; }
  std::size_t size() const { return size_; }
  std::size_t room() const { return bars_max_; }
  const Candle& last() const { return last_; }
  Candle candle(std::size_t i) const;  // of the columns
  const std::int64_t* at() const { return at_.data(); }
  const double* column(Column which) const { return values_[which].data(); }

 private:
  struct Slot {
    std::string text;
    Spec spec;
    std::unique_ptr<Indicator> indicator;
    std::vector<double> row;
    std::vector<Line*> lines;  // one an output
  };

  [[noreturn]] static void overfull();
  static void feed(Slot& slot, const Ohlcv& bar) {
    slot.indicator->update(bar, slot.row.data());
    for (std::size_t i = 0; i < slot.lines.size(); ++i) slot.lines[i]->push(slot.row[i]);
  }
  Slot& slot(std::string_view indicator);

  std::int64_t instrument_;
  std::int64_t interval_ns_;
  std::size_t bars_max_;
  std::size_t size_ = 0;
  bool kept_ = false;
  Candle last_{};
  Room<std::int64_t> start_, at_;
  Room<double> values_[columns];
  std::deque<Slot> slots_;
  std::deque<Line> lines_;  // their places never move
};

// Longer bars out of shorter ones, on the clock in UTC; weeks begin on Mondays. A longer bar is told when its
// last moment has passed: with the bar that ends there, or with the first one beyond.
class Resampler {
 public:
  // Throws std::invalid_argument unless `every_ns` is a multiple of, and more than, `interval_ns`.
  Resampler(std::int64_t interval_ns, std::int64_t every_ns);

  // Takes the next bar; pushes the longer bars that are over now, two at most. Returns how many.
  int take(const Candle& candle, Stream& out);

 private:
  std::int64_t end_of(std::int64_t start) const;

  std::int64_t every_ns_;
  std::optional<Candle> open_;
};

}  // namespace quorate
