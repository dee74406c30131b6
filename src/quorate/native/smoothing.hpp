// Recursive averages with TA-Lib's seeding, and the one-bar quantities (true range) that they smooth.
#pragma once

#include <algorithm>
#include <cstddef>

#include "window.hpp"

namespace quorate {

// average += (x - average) * rate, seeded with the plain mean of the first n numbers; undefined before.
// The error of a recursion fades with its memory, so nothing drifts however long the stream.
class Smoothing {
 public:
  // Exponential: rate 2 / (n + 1).
  static Smoothing ema(std::size_t n) { return {n, 2.0 / (static_cast<double>(n) + 1.0)}; }
  // Wilder (New Concepts in Technical Trading Systems, 1978): rate 1 / n.
  static Smoothing wilder(std::size_t n) { return {n, 1.0 / static_cast<double>(n)}; }

  double update(double x) {
    if (seen_ >= n_) return average_ += (x - average_) * rate_;
    if (seen_ == 0) pivot_ = x;
    sum_ += x - pivot_;  // from the first number on, for the reason given at mean()
    if (++seen_ == n_) average_ = pivot_ + sum_ / static_cast<double>(n_);
    return average_;
  }

  bool warm() const { return seen_ >= n_; }
  double value() const { return average_; }

 private:
  Smoothing(std::size_t n, double rate) : n_(n), rate_(rate) {}

  std::size_t n_;
  double rate_;
  std::size_t seen_ = 0;
  double pivot_ = 0.0;
  double sum_ = 0.0;
  double average_ = undefined;
};

// Wilder's decaying total as TA-Lib starts it for DI and ADX: the plain sum of n - 1 numbers, then
// total = total - total / n + x; ready from the n-th number on.
class WilderTotal {
 public:
  explicit WilderTotal(std::size_t n) : n_(n) {}

  void update(double x) {
    if (++seen_ >= n_) total_ -= total_ / static_cast<double>(n_);
    total_ += x;
  }

  bool warm() const { return seen_ >= n_; }
  double value() const { return total_; }

 private:
  std::size_t n_;
  std::size_t seen_ = 0;
  double total_ = 0.0;
};

// Wilder's true range, in price: the bar's range stretched to the close before it.
inline double true_range(double high, double low, double close_before) {
  return std::max({high - low, std::fabs(high - close_before), std::fabs(low - close_before)});
}

}  // namespace quorate
