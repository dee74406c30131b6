// The standard indicators (TA-Lib's conventions unless a comment says otherwise) and their table.
#include "indicators.hpp"

#include <cmath>
#include <optional>
#include <stdexcept>

#include "smoothing.hpp"
#include "window.hpp"

namespace quorate {
namespace {

std::size_t bars(double argument) { return static_cast<std::size_t>(argument); }

// Simple moving average of the close, in price.
class Sma final : public Indicator {
 public:
  explicit Sma(Arguments a) : closes_(bars(a[0])) {}
  void update(const Ohlcv& bar, double* out) override {
    closes_.push(bar.close);
    out[0] = closes_.full() ? mean(closes_.run()) : undefined;
  }

 private:
  Window closes_;
};

// Exponential moving average of the close, in price; the seed is the mean of the first n closes.
class Ema final : public Indicator {
 public:
  explicit Ema(Arguments a) : average_(Smoothing::ema(bars(a[0]))) {}
  void update(const Ohlcv& bar, double* out) override { out[0] = average_.update(bar.close); }

 private:
  Smoothing average_;
};

// Linearly weighted moving average of the close, in price; the newest close weighs n, the oldest 1.
class Wma final : public Indicator {
 public:
  explicit Wma(Arguments a) : closes_(bars(a[0])) {}
  void update(const Ohlcv& bar, double* out) override {
    closes_.push(bar.close);
    out[0] = closes_.full() ? weighted_mean(closes_.run()) : undefined;
  }

 private:
  Window closes_;
};

// Relative strength index (Wilder 1978), 0..100 = 100 * gain / (gain + loss), both Wilder averages.
// A market that has not moved at all is 50: TA-Lib's 0 would read as extremely oversold.
class Rsi final : public Indicator {
 public:
  explicit Rsi(Arguments a) : gain_(Smoothing::wilder(bars(a[0]))), loss_(gain_) {}
  void update(const Ohlcv& bar, double* out) override {
    out[0] = undefined;
    if (before_) {
      const double change = bar.close - *before_;
      const double gain = gain_.update(change > 0.0 ? change : 0.0);
      const double loss = loss_.update(change < 0.0 ? -change : 0.0);
      if (gain_.warm()) out[0] = gain + loss == 0.0 ? 50.0 : 100.0 * (gain / (gain + loss));
    }
    before_ = bar.close;
  }

 private:
  std::optional<double> before_;
  Smoothing gain_;
  Smoothing loss_;
};

// Wilder's average of the true range, in price. The first bar has no close before it and no true range.
class TrueRangeAverage {
 public:
  explicit TrueRangeAverage(std::size_t n) : average_(Smoothing::wilder(n)) {}
  double update(const Ohlcv& bar) {
    if (before_) average_.update(true_range(bar.high, bar.low, *before_));
    before_ = bar.close;
    return average_.value();
  }

 private:
  std::optional<double> before_;
  Smoothing average_;
};

class Atr final : public Indicator {
 public:
  explicit Atr(Arguments a) : average_(bars(a[0])) {}
  void update(const Ohlcv& bar, double* out) override { out[0] = average_.update(bar); }

 private:
  TrueRangeAverage average_;
};

// Average directional index and the two directional indicators (Wilder 1978), all 0..100.
// The DIs are defined from bar n + 1, ADX from bar 2n. Without any range a DI is 0; without any
// directional movement DX does not exist: it seeds ADX as 0 and later leaves it as it was, as in TA-Lib.
class Adx final : public Indicator {
 public:
  explicit Adx(Arguments a)
      : plus_(bars(a[0])), minus_(plus_), range_(plus_), index_(Smoothing::wilder(bars(a[0]))) {}

  void update(const Ohlcv& bar, double* out) override {
    out[0] = out[1] = out[2] = undefined;
    if (before_) {
      move(bar);
      if (range_.warm()) write(out);
    }
    before_ = bar;
  }

 private:
  void move(const Ohlcv& bar) {
    const double up = bar.high - before_->high;
    const double down = before_->low - bar.low;
    plus_.update(up > down && up > 0.0 ? up : 0.0);
    minus_.update(down > up && down > 0.0 ? down : 0.0);
    range_.update(true_range(bar.high, bar.low, before_->close));
  }

  void write(double* out) {
    const double range = range_.value();
    const double plus = range == 0.0 ? 0.0 : 100.0 * (plus_.value() / range);
    const double minus = range == 0.0 ? 0.0 : 100.0 * (minus_.value() / range);
    if (plus + minus != 0.0) {
      index_.update(100.0 * (std::fabs(plus - minus) / (plus + minus)));
    } else if (!index_.warm()) {
      index_.update(0.0);
    }
    out[0] = index_.value();
    out[1] = plus;
    out[2] = minus;
  }

  std::optional<Ohlcv> before_;
  WilderTotal plus_;
  WilderTotal minus_;
  WilderTotal range_;
  Smoothing index_;
};

// Moving average convergence/divergence (Appel), in price: line = EMA fast - EMA slow, signal = EMA of
// the line, hist = line - signal. TA-Lib's convention: both EMAs give their first value on bar `slow`
// (so the fast one is seeded by the `fast` closes that end there), and all three columns begin together.
class Macd final : public Indicator {
 public:
  explicit Macd(Arguments a)
      : skip_(bars(a[1]) - bars(a[0])),
        fast_(Smoothing::ema(bars(a[0]))),
        slow_(Smoothing::ema(bars(a[1]))),
        signal_(Smoothing::ema(bars(a[2]))) {}

  static std::unique_ptr<Indicator> make(Arguments a) {
    if (a[0] >= a[1]) throw std::invalid_argument("fast must be shorter than slow");
    return std::make_unique<Macd>(a);
  }

  void update(const Ohlcv& bar, double* out) override {
    out[0] = out[1] = out[2] = undefined;
    if (skip_ > 0) {
      --skip_;
    } else {
      fast_.update(bar.close);
    }
    slow_.update(bar.close);
    if (!slow_.warm()) return;
    const double line = fast_.value() - slow_.value();
    const double signal = signal_.update(line);
    if (!signal_.warm()) return;
    out[0] = line;
    out[1] = signal;
    out[2] = line - signal;
  }

 private:
  std::size_t skip_;
  Smoothing fast_;
  Smoothing slow_;
  Smoothing signal_;
};

// Bollinger bands, in price: mean of n closes -/+ k population deviations.
class Bollinger final : public Indicator {
 public:
  explicit Bollinger(Arguments a) : closes_(bars(a[0])), k_(a[1]) {}
  void update(const Ohlcv& bar, double* out) override {
    out[0] = out[1] = out[2] = undefined;
    closes_.push(bar.close);
    if (!closes_.full()) return;
    const double middle = mean(closes_.run());
    const double width = k_ * deviation(closes_.run(), middle);
    out[0] = middle + width;
    out[1] = middle;
    out[2] = middle - width;
  }

 private:
  Window closes_;
  double k_;
};

// Donchian channel, in price: highest high and lowest low of the last n bars, this bar included (a
// break-out rule must therefore compare the close with the channel of the bar before).
class Donchian final : public Indicator {
 public:
  explicit Donchian(Arguments a) : highs_(bars(a[0])), lows_(highs_) {}
  void update(const Ohlcv& bar, double* out) override {
    out[0] = out[1] = out[2] = undefined;
    highs_.push(bar.high);
    lows_.push(bar.low);
    if (!highs_.full()) return;
    out[0] = highest(highs_.run());
    out[1] = lowest(lows_.run());
    out[2] = (out[0] + out[1]) / 2.0;
  }

 private:
  Window highs_;
  Window lows_;
};

// Slow stochastic (Lane), 0..100: raw = 100 * (close - low_n) / (high_n - low_n), k = SMA of raw,
// d = SMA of k; both begin together. A window without any range is 50, neither high nor low (TA-Lib: 0).
class Stochastic final : public Indicator {
 public:
  explicit Stochastic(Arguments a)
      : highs_(bars(a[0])), lows_(highs_), raw_(bars(a[1])), k_(bars(a[2])) {}

  void update(const Ohlcv& bar, double* out) override {
    out[0] = out[1] = undefined;
    highs_.push(bar.high);
    lows_.push(bar.low);
    if (!highs_.full()) return;
    const double low = lowest(lows_.run());
    const double range = highest(highs_.run()) - low;
    raw_.push(range == 0.0 ? 50.0 : 100.0 * ((bar.close - low) / range));
    if (!raw_.full()) return;
    const double k = mean(raw_.run());
    k_.push(k);
    if (!k_.full()) return;
    out[0] = k;
    out[1] = mean(k_.run());
  }

 private:
  Window highs_;
  Window lows_;
  Window raw_;
  Window k_;
};

// Rate of change of the close over n bars, in percent. NaN where the old close is 0 (TA-Lib: 0).
class Roc final : public Indicator {
 public:
  explicit Roc(Arguments a) : closes_(bars(a[0]) + 1) {}
  void update(const Ohlcv& bar, double* out) override {
    out[0] = undefined;
    closes_.push(bar.close);
    if (!closes_.full()) return;
    const double old = closes_.run().front();
    if (old != 0.0) out[0] = (bar.close / old - 1.0) * 100.0;
  }

 private:
  Window closes_;
};

// Commodity channel index (Lambert 1980): (typical - mean) / (0.015 * mean distance) over n typical
// prices (high + low + close) / 3; 0 in a window without any movement. The rounding of the sum of three
// prices makes equal typical prices differ in their last bit; a distance that small is no movement.
class Cci final : public Indicator {
 public:
  explicit Cci(Arguments a) : typical_(bars(a[0])) {}
  void update(const Ohlcv& bar, double* out) override {
    out[0] = undefined;
    const double typical = (bar.high + bar.low + bar.close) / 3.0;
    typical_.push(typical);
    if (!typical_.full()) return;
    const double centre = mean(typical_.run());
    const double distance = mean_distance(typical_.run(), centre);
    const bool moved = distance > 1e-14 * std::fabs(centre);
    out[0] = moved ? (typical - centre) / (0.015 * distance) : 0.0;
  }

 private:
  Window typical_;
};

// Realised volatility: sample standard deviation (n - 1) of the last n log returns of the close, per bar,
// not annualised. A close <= 0 has no log return: NaN until it has left the window.
class Volatility final : public Indicator {
 public:
  explicit Volatility(Arguments a) : returns_(bars(a[0])) {}
  void update(const Ohlcv& bar, double* out) override {
    out[0] = undefined;
    if (before_) {
      const bool positive = *before_ > 0.0 && bar.close > 0.0;
      returns_.push(positive ? std::log(bar.close / *before_) : undefined);
    }
    before_ = bar.close;
    if (!returns_.full()) return;
    const Run returns = returns_.run();
    const double squares = squared_distance(returns, mean(returns));
    out[0] = std::sqrt(squares / static_cast<double>(returns.size() - 1));
  }

 private:
  std::optional<double> before_;
  Window returns_;
};

// Z-score: distance of the close from the mean of n closes (itself among them), in population
// deviations, the same deviation as Bollinger's; 0 in a window without any movement.
class Zscore final : public Indicator {
 public:
  explicit Zscore(Arguments a) : closes_(bars(a[0])) {}
  void update(const Ohlcv& bar, double* out) override {
    out[0] = undefined;
    closes_.push(bar.close);
    if (!closes_.full()) return;
    const double centre = mean(closes_.run());
    const double width = deviation(closes_.run(), centre);
    out[0] = width == 0.0 ? 0.0 : (bar.close - centre) / width;
  }

 private:
  Window closes_;
};

// On-balance volume (Granville), in volume: the first bar's volume, then plus on a higher and minus on a
// lower close. A bar of unknown volume is NaN and adds nothing, so that the bars after it are defined.
class Obv final : public Indicator {
 public:
  explicit Obv(Arguments) {}
  void update(const Ohlcv& bar, double* out) override {
    const bool known = !std::isnan(bar.volume);
    if (known && (!before_ || bar.close > *before_)) {
      total_ += bar.volume;
    } else if (known && bar.close < *before_) {
      total_ -= bar.volume;
    }
    before_ = bar.close;
    out[0] = known ? total_ : undefined;
  }

 private:
  std::optional<double> before_;
  double total_ = 0.0;
};

// Keltner channel in Raschke's form, in price: EMA of n closes -/+ k Wilder ATRs of n bars.
class Keltner final : public Indicator {
 public:
  explicit Keltner(Arguments a)
      : middle_(Smoothing::ema(bars(a[0]))), range_(bars(a[0])), k_(a[1]) {}
  void update(const Ohlcv& bar, double* out) override {
    const double middle = middle_.update(bar.close);
    const double width = k_ * range_.update(bar);
    const bool warm = !std::isnan(width);  // the true range needs one bar more than the mean
    out[0] = middle + width;
    out[1] = warm ? middle : undefined;
    out[2] = middle - width;
  }

 private:
  Smoothing middle_;
  TrueRangeAverage range_;
  double k_;
};

template <class T>
std::unique_ptr<Indicator> made(Arguments a) {
  return std::make_unique<T>(a);
}

std::size_t at_n(Arguments a) { return bars(a[0]); }
std::size_t after_n(Arguments a) { return bars(a[0]) + 1; }

}  // namespace

std::span<const Kind> standard_kinds() {
  constexpr Parameter n{"n"};
  constexpr Parameter n2{"n", Parameter::Type::period, 2};  // a spread of one number says nothing
  constexpr Parameter k{"k", Parameter::Type::multiplier};
  static const std::vector<Kind> kinds = {
      {"sma", {n}, {""}, at_n, made<Sma>},
      {"ema", {n}, {""}, at_n, made<Ema>},
      {"wma", {n}, {""}, at_n, made<Wma>},
      {"rsi", {n}, {""}, after_n, made<Rsi>},
      {"atr", {n}, {""}, after_n, made<Atr>},
      {"adx", {n2}, {"", "plus_di", "minus_di"}, [](Arguments a) { return 2 * bars(a[0]); },
       made<Adx>},
      {"macd", {{"fast"}, {"slow"}, {"signal"}}, {"line", "signal", "hist"},
       [](Arguments a) { return bars(a[1]) + bars(a[2]) - 1; }, Macd::make},
      {"bollinger", {n, k}, {"upper", "middle", "lower"}, at_n, made<Bollinger>},
      {"donchian", {n}, {"upper", "lower", "middle"}, at_n, made<Donchian>},
      {"stochastic", {n, {"k"}, {"d"}}, {"k", "d"},
       [](Arguments a) { return bars(a[0]) + bars(a[1]) + bars(a[2]) - 2; }, made<Stochastic>},
      {"roc", {n}, {""}, after_n, made<Roc>},
      {"cci", {n2}, {""}, at_n, made<Cci>},
      {"volatility", {n2}, {""}, after_n, made<Volatility>},
      {"zscore", {n2}, {""}, at_n, made<Zscore>},
      {"obv", {}, {""}, [](Arguments) { return std::size_t{1}; }, made<Obv>},
      {"keltner", {n, k}, {"upper", "middle", "lower"}, after_n, made<Keltner>},
  };
  return kinds;
}

}  // namespace quorate
