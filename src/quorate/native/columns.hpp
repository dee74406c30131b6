// Columns of a formula: blocks of numbers and of truth bits that remember their past, and the loops over them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "window.hpp"

namespace quorate::formula {

inline constexpr std::size_t word_bits = 64;
using Word = std::uint64_t;  // 64 truths, the earliest in the lowest bit

// The words that hold the bits [0, count).
constexpr std::size_t words(std::size_t count) { return (count + word_bits - 1) / word_bits; }

// One block of cells with `tail` cells of history before it: data()[-tail] .. data()[size - 1]. What lies
// before the first bar ever is `before`. A window that reaches back is then a plain read at a negative place.
// Place 0 begins a cache line, so that wide loads do not straddle two.
template <class T>
class Column {
 public:
  Column(std::size_t size, std::size_t tail, T before)
      : size_(size), tail_(tail), cells_(tail + size + line / sizeof(T), before) {
    const auto at = reinterpret_cast<std::uintptr_t>(cells_.data() + tail) % line;
    data_ = cells_.data() + tail + (at == 0 ? 0 : (line - at) / sizeof(T));
  }
  Column(const Column&) = delete;  // others hold its address
  Column& operator=(const Column&) = delete;

  T* data() { return data_; }

  // The block is full: its last cells become the history of the next one.
  void roll() { std::copy(data_ + size_ - tail_, data_ + size_, data_ - tail_); }

 private:
  static constexpr std::size_t line = 64;  // bytes

  std::size_t size_;
  std::size_t tail_;
  std::vector<T> cells_;
  T* data_;
};

using Numbers = Column<double>;
using Truths = Column<Word>;
using Sums = Column<std::uint64_t>;  // running sums of ticks modulo 2^64: their differences are exact

// Comparisons that a NaN on either side makes false, `ne` too.
enum class Relation { lt, le, eq, ne };

// Bit i of `out` tells whether a[i] stands in that relation to b[i], for i in [from, to); the other bits of
// the words touched are left alone. Every machine gives the same bits: a comparison rounds nothing.
void compare(Relation relation, const double* a, const double* b, Word* out, std::size_t from, std::size_t to);

// Bit i: a[i] > b[i] and a[i - 1] <= b[i - 1]. Reads one cell of history.
void cross(const double* a, const double* b, Word* out, std::size_t from, std::size_t to);

// Sets the bits [from, to) to `truth`.
void fill(Word* out, std::size_t from, std::size_t to, bool truth);

inline bool bit(const Word* truths, std::size_t i) { return (truths[i / word_bits] >> (i % word_bits)) & 1; }

// out[i] = sum of ticks up to and including i, carried on from out[from - 1]. Whether all are within ticks_max.
bool running_sum(const std::int64_t* ticks, std::uint64_t* out, std::size_t from, std::size_t to);

// out[i] = (sum of the last n ticks / n) * tick, from running sums with n cells of history: the sum is an
// exact integer, so nothing drifts, and a flat window is exactly its price. One rounding to a double (none
// below 2^53), one in the division, one in the product.
void mean_of_ticks(const std::uint64_t* sums, double* out, std::size_t n, double tick, std::size_t from,
                   std::size_t to);

// out[i] = the largest (smallest) of x[i - n + 1 .. i], NaN if any of them is; n - 1 cells of history.
// A largest number is the same in whichever order it is sought, so how it is found shows nowhere; zeros
// lose their sign, for theirs would show the order. `scratch` is working space that may grow.
void highest(const double* x, double* out, std::size_t n, std::size_t from, std::size_t to,
             std::vector<double>& scratch);
void lowest(const double* x, double* out, std::size_t n, std::size_t from, std::size_t to,
            std::vector<double>& scratch);

// Largest tick, in size, that a column takes: 100,000 of them still sum within 63 bits.
inline constexpr std::int64_t ticks_max = std::int64_t{1} << 45;

// The first place whose size is beyond ticks_max, or ticks.size().
std::size_t first_beyond(std::span<const std::int64_t> ticks);

}  // namespace quorate::formula
