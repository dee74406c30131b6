// What a streaming indicator is, and the catalogue that makes one from its written name ("macd:12:26:9").
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quorate {

// One closed bar. Prices in quote currency, volume in the venue's unit (NaN: unknown).
struct Ohlcv {
  double open;
  double high;
  double low;
  double close;
  double volume;
};

// A fold over closed bars. `update` takes the next bar and writes the columns' values after it to `out`,
// NaN while a value is undefined. It sees nothing but the bars given so far, reads no clock, and its
// prices are finite (Panel checks). There is no reset: a new start is a new object, so that a reset
// cannot forget a field.
class Indicator {
 public:
  virtual ~Indicator() = default;
  virtual void update(const Ohlcv& bar, double* out) = 0;
};

using Arguments = std::span<const double>;

// A written argument: a period is a whole number of bars >= least, a multiplier a decimal > 0.
struct Parameter {
  enum class Type { period, multiplier };
  std::string_view name;
  Type type = Type::period;
  std::size_t least = 1;
};

// One line of the catalogue. A family (one .cpp file) is a table of these.
struct Kind {
  std::string_view name;
  std::vector<Parameter> parameters;
  std::vector<std::string_view> outputs;     // "" is the column that bears the indicator's own name
  std::size_t (*warmup)(Arguments);          // bars until every output is defined
  std::unique_ptr<Indicator> (*make)(Arguments);  // throws std::invalid_argument on clashing arguments
};

// The families.
std::span<const Kind> standard_kinds();  // indicators.cpp

// A name understood: what it is called in a matrix, how long it warms up, and how to make it.
struct Spec {
  std::vector<std::string> columns;  // "sma_10"; "macd_12_26_9_line", ..., in the order of the outputs
  std::size_t warmup = 0;            // bars
  std::function<std::unique_ptr<Indicator>()> make;
};

// Reads "name:argument:...". Throws std::invalid_argument, naming the known forms, when it cannot.
Spec parse_indicator(std::string_view text);

// Every known form, "sma:n", "macd:fast:slow:signal", ..., in catalogue order.
std::vector<std::string> indicator_forms();

}  // namespace quorate
