// Exact whole-number arithmetic in 128 bits: checked products and sums, and the three roundings of money.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#ifndef __SIZEOF_INT128__
#error "the native exchange needs a compiler with 128-bit integers (GCC or Clang)"
#endif

namespace quorate::exchange {

__extension__ typedef __int128 Wide;

inline constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();

// A number too large to be kept exactly. Whoever knows which order or instrument it was adds its name.
struct Overflow : std::overflow_error {
  using std::overflow_error::overflow_error;
};

// Symmetrical: the most negative int64 does not fit, so that everything that does can be negated.
inline bool fits(Wide value) { return value >= -Wide{int64_max} && value <= Wide{int64_max}; }

// Throws Overflow, naming the quantity, when the value needs more than 63 bits and a sign.
inline std::int64_t narrow(Wide value, const char* what) {
  if (!fits(value)) throw Overflow(std::string(what) + " needs more than 63 bits");
  return static_cast<std::int64_t>(value);
}

// a * b. Throws Overflow beyond 127 bits. Two int64 always multiply in range, which is the usual case.
inline Wide multiply(Wide a, std::int64_t b) {
  if (!fits(a) && b != 0) {
    const Wide most = std::numeric_limits<Wide>::max() / (b < 0 ? -Wide{b} : Wide{b});
    if (a > most || a < -most) throw Overflow("a product needs more than 127 bits");
  }
  return a * b;
}

// a + b. Throws Overflow beyond 127 bits.
inline Wide add(Wide a, Wide b) {
  Wide sum;
  if (__builtin_add_overflow(a, b, &sum)) throw Overflow("a sum needs more than 127 bits");
  return sum;
}

inline Wide magnitude(Wide value) { return value < 0 ? -value : value; }

// Quotient towards minus infinity and its remainder, 0 <= remainder < denominator. denominator > 0.
struct Division {
  Wide quotient;
  Wide remainder;
};

inline Division divide(Wide numerator, Wide denominator) {
  Division result;
  if (fits(numerator) && fits(denominator)) {  // one machine instruction instead of a library call
    const auto n = static_cast<std::int64_t>(numerator);
    const auto d = static_cast<std::int64_t>(denominator);
    result = {n / d, n % d};
  } else {
    result.quotient = numerator / denominator;
    result.remainder = numerator - result.quotient * denominator;
  }
  if (result.remainder < 0) {
    result.quotient -= 1;
    result.remainder += denominator;
  }
  return result;
}

// numerator / denominator, rounded half to even: the one rule for worth. denominator > 0, below 2**126.
inline Wide divide_half_even(Wide numerator, Wide denominator) {
  const Division exact = divide(numerator, denominator);
  const Wide twice = 2 * exact.remainder;
  const bool up = twice > denominator || (twice == denominator && (exact.quotient & 1) != 0);
  return exact.quotient + (up ? 1 : 0);
}

// The smallest whole number >= numerator / denominator: how fees and prices paid round, against us.
inline Wide divide_up(Wide numerator, Wide denominator) {
  const Division exact = divide(numerator, denominator);
  return exact.quotient + (exact.remainder != 0 ? 1 : 0);
}

}  // namespace quorate::exchange
