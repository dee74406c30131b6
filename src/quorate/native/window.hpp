// The last n numbers of a stream as one contiguous run, and the sums and extremes taken over such a run.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace quorate {

inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

using Run = std::span<const double>;  // oldest first

// A ring written twice, n cells apart, so that the last n numbers always lie side by side in memory:
// every fold below is then a plain loop, and its order of additions depends on age alone.
class Window {
 public:
  explicit Window(std::size_t size) : size_(size), cells_(2 * size) {}

  void push(double x) {
    cells_[next_] = x;
    cells_[next_ + size_] = x;
    next_ = next_ + 1 == size_ ? 0 : next_ + 1;
    if (count_ < size_) ++count_;
  }

  bool full() const { return count_ == size_; }
  Run run() const { return {cells_.data() + (full() ? next_ : 0), count_}; }

 private:
  std::size_t size_;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  std::vector<double> cells_;
};

// Why each fold walks the whole window on every bar instead of carrying a running sum:
//  - a running sum keeps the rounding of every bar it ever saw, so it drifts, and after a spike it can lose
//    the small numbers for good; a fresh sum has no memory beyond its window;
//  - the value is then a function of the window alone, so a desk that starts today and one that has run for
//    a year agree bit for bit once both are warm.
// Four lanes break the chain of dependent additions; their order is fixed, so the result is the same on
// every machine that keeps IEEE 754 and does not contract (-ffp-contract=off).
template <class Term>
double lane_sum(Run xs, Term term) {
  double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
  std::size_t i = 0;
  for (; i + 4 <= xs.size(); i += 4) {
    a += term(i, xs[i]);
    b += term(i + 1, xs[i + 1]);
    c += term(i + 2, xs[i + 2]);
    d += term(i + 3, xs[i + 3]);
  }
  for (; i < xs.size(); ++i) a += term(i, xs[i]);
  return (a + b) + (c + d);
}

// Arithmetic mean, in the units of xs. Summed as distances from the oldest number: a flat window gives
// exactly its price (so its deviation is exactly 0, not dust), and digits are spent on what moves.
inline double mean(Run xs) {
  const double pivot = xs.front();
  const double sum = lane_sum(xs, [pivot](std::size_t, double x) { return x - pivot; });
  return pivot + sum / static_cast<double>(xs.size());
}

// Linearly weighted mean: weight 1 for the oldest, n for the newest.
inline double weighted_mean(Run xs) {
  const double pivot = xs.front();
  const double sum = lane_sum(
      xs, [pivot](std::size_t i, double x) { return static_cast<double>(i + 1) * (x - pivot); });
  const double n = static_cast<double>(xs.size());
  return pivot + sum / (n * (n + 1.0) / 2.0);
}

// Sum of squared distances from `centre`: the two-pass form, since mean(x^2) - mean(x)^2 loses all digits
// when the deviation is small beside the price.
inline double squared_distance(Run xs, double centre) {
  return lane_sum(xs, [centre](std::size_t, double x) { return (x - centre) * (x - centre); });
}

// Population standard deviation round a mean already known (Bollinger's and the z-score's form).
inline double deviation(Run xs, double centre) {
  return std::sqrt(squared_distance(xs, centre) / static_cast<double>(xs.size()));
}

// Mean absolute distance from `centre` (Lambert's form, used by CCI).
inline double mean_distance(Run xs, double centre) {
  return lane_sum(xs, [centre](std::size_t, double x) { return std::fabs(x - centre); }) /
         static_cast<double>(xs.size());
}

template <class Better>
double extreme(Run xs, Better better) {
  double a = xs[0], b = a, c = a, d = a;
  std::size_t i = 0;
  for (; i + 4 <= xs.size(); i += 4) {
    a = better(xs[i], a) ? xs[i] : a;
    b = better(xs[i + 1], b) ? xs[i + 1] : b;
    c = better(xs[i + 2], c) ? xs[i + 2] : c;
    d = better(xs[i + 3], d) ? xs[i + 3] : d;
  }
  for (; i < xs.size(); ++i) a = better(xs[i], a) ? xs[i] : a;
  a = better(b, a) ? b : a;
  c = better(d, c) ? d : c;
  return better(c, a) ? c : a;
}

inline double highest(Run xs) {
  return extreme(xs, [](double x, double y) { return x > y; });
}

inline double lowest(Run xs) {
  return extreme(xs, [](double x, double y) { return x < y; });
}

}  // namespace quorate
