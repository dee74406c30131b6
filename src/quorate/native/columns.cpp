// The loops over columns: comparisons to bits, exact means of ticks, sliding extremes.
#include "columns.hpp"

#include <bit>
#include <cmath>

#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>
#endif

namespace quorate::formula {
namespace {

// The nearest double to a 63-bit integer, as a cast gives it, from parts that every vector unit can move: the
// high and the low half lie in the fractions of 2^84 and 2^52; the last addition alone rounds.
inline double to_double(std::uint64_t x) {
  const auto high = std::bit_cast<double>((x >> 32) ^ 0x4530000080000000u);
  const auto low = std::bit_cast<double>((x & 0xffffffffu) | 0x4330000000000000u);
  return (high - std::bit_cast<double>(std::uint64_t{0x4530000080100000u})) + low;
}

template <Relation relation>
bool holds(double a, double b) {
  if constexpr (relation == Relation::lt) return a < b;
  if constexpr (relation == Relation::le) return a <= b;
  if constexpr (relation == Relation::eq) return a == b;
  return a < b || a > b;
}

template <Relation relation>
Word some(const double* a, const double* b, std::size_t count) {
  Word bits = 0;
  for (std::size_t i = 0; i < count; ++i) bits |= Word{holds<relation>(a[i], b[i])} << i;
  return bits;
}

template <Relation relation>
void whole_plain(const double* a, const double* b, Word* out, std::size_t count) {
  for (std::size_t w = 0; w < count; ++w) out[w] = some<relation>(a + w * word_bits, b + w * word_bits, word_bits);
}

using Whole = void (*)(const double*, const double*, Word*, std::size_t);

#if defined(__GNUC__) && defined(__x86_64__)
template <Relation relation>
constexpr int predicate() {
  if constexpr (relation == Relation::lt) return _CMP_LT_OQ;
  if constexpr (relation == Relation::le) return _CMP_LE_OQ;
  if constexpr (relation == Relation::eq) return _CMP_EQ_OQ;
  return _CMP_NEQ_OQ;
}

template <Relation relation>
__attribute__((target("avx512f"))) void whole_512(const double* a, const double* b, Word* out, std::size_t count) {
  for (std::size_t w = 0; w < count; ++w, a += word_bits, b += word_bits) {
    Word bits = 0;
    for (int k = 0; k < 8; ++k) {
      const __mmask8 eight =
          _mm512_cmp_pd_mask(_mm512_loadu_pd(a + 8 * k), _mm512_loadu_pd(b + 8 * k), predicate<relation>());
      bits |= static_cast<Word>(eight) << (8 * k);
    }
    out[w] = bits;
  }
}

template <Relation relation>
__attribute__((target("avx"))) void whole_256(const double* a, const double* b, Word* out, std::size_t count) {
  for (std::size_t w = 0; w < count; ++w, a += word_bits, b += word_bits) {
    Word bits = 0;
    for (int k = 0; k < 16; ++k) {
      const __m256d four =
          _mm256_cmp_pd(_mm256_loadu_pd(a + 4 * k), _mm256_loadu_pd(b + 4 * k), predicate<relation>());
      bits |= static_cast<Word>(_mm256_movemask_pd(four)) << (4 * k);
    }
    out[w] = bits;
  }
}
#endif

template <Relation relation>
Whole widest() {
#if defined(__GNUC__) && defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return whole_512<relation>;
  if (__builtin_cpu_supports("avx")) return whole_256<relation>;
#endif
  return whole_plain<relation>;
}

template <Relation relation>
void compare_as(const double* a, const double* b, Word* out, std::size_t from, std::size_t to) {
  static const Whole whole = widest<relation>();
  while (from < to && (from % word_bits != 0 || to - from < word_bits)) {
    const std::size_t end = std::min(to, (from / word_bits + 1) * word_bits);
    const Word bits = some<relation>(a + from, b + from, end - from) << (from % word_bits);
    fill(out, from, end, false);
    out[from / word_bits] |= bits;
    from = end;
  }
  const std::size_t count = (to - from) / word_bits;
  whole(a + from, b + from, out + from / word_bits, count);
  from += count * word_bits;
  if (from < to) compare_as<relation>(a, b, out, from, to);
}

using Means = void (*)(const std::uint64_t*, const std::uint64_t*, double*, std::size_t, double, double);

void means_plain(const std::uint64_t* now, const std::uint64_t* before, double* out, std::size_t count, double n,
                 double tick) {
  for (std::size_t i = 0; i < count; ++i) out[i] = to_double(now[i] - before[i]) / n * tick;
}

#if defined(__GNUC__) && defined(__x86_64__)
// The same quotients, to the bit, without the divider, which would take most of the time. With y the double
// nearest to 1 / n, q = s * y is within 1.5 units in the last place of s / n; n having 17 bits, the remainder
// s - q * n is then exact, and q + remainder * y misses s / n by less than 2^-52 units before it is rounded.
// A quotient of a 53-bit integer by n is never half-way between two doubles, and never nearer to there than
// one unit in 2 n: so that rounding is the division's.
template <class Convert>
[[gnu::always_inline]] inline void means_fused(const std::uint64_t* now, const std::uint64_t* before, double* out,
                                               std::size_t count, double n, double tick, Convert convert) {
  const double y = 1.0 / n;
  for (std::size_t i = 0; i < count; ++i) {
    const double sum = convert(now[i] - before[i]);
    const double quotient = sum * y;
    const double rest = __builtin_fma(-quotient, n, sum);
    out[i] = __builtin_fma(rest, y, quotient) * tick;
  }
}

__attribute__((target("avx2,fma"))) void means_256(const std::uint64_t* now, const std::uint64_t* before,
                                                   double* out, std::size_t count, double n, double tick) {
  means_fused(now, before, out, count, n, tick, [](std::uint64_t x) { return to_double(x); });
}

__attribute__((target("avx512f,avx512dq,avx512vl,fma"))) void means_512(const std::uint64_t* now,
                                                                        const std::uint64_t* before, double* out,
                                                                        std::size_t count, double n, double tick) {
  means_fused(now, before, out, count, n, tick,
              [](std::uint64_t x) { return static_cast<double>(static_cast<std::int64_t>(x)); });
}
#endif

Means widest_means() {
#if defined(__GNUC__) && defined(__x86_64__)
  const bool fused = __builtin_cpu_supports("fma");
  if (fused && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) return means_512;
  if (fused && __builtin_cpu_supports("avx2")) return means_256;
#endif
  return means_plain;
}

struct Higher {
  double operator()(double x, double y) const { return x != x || x > y ? x : y; }
};
struct Lower {
  double operator()(double x, double y) const { return x != x || x < y ? x : y; }
};

// One pass of the doubling: out[i] is the best of twice as many numbers as before.
template <class Better>
inline void widen(const double* x, double* out, std::size_t shift, std::size_t count, Better better) {
  for (std::size_t i = 0; i < count; ++i) out[i] = better(x[i], x[i + shift]);
}

// Extremes of 1, 2, 4, ... numbers, each from two of the last; two overlapping runs then make n. The passes
// are written forward over cells already read, so they can work in place.
template <class Better>
void extreme_by_doubling(const double* x, double* out, std::size_t n, std::size_t from, std::size_t to,
                         std::vector<double>& scratch, Better better) {
  const std::size_t all = to - from + n - 1;
  scratch.resize(all);
  double* run = scratch.data();  // run[i]: the best of the `width` numbers that begin at i
  std::copy(x + from - (n - 1), x + to, run);
  std::size_t width = 1;
  for (std::size_t left = all; 2 * width <= n; width *= 2) {
    left -= width;
    widen(run, run, width, left, better);
  }
  for (std::size_t i = 0; i < to - from; ++i) out[from + i] = better(run[i], run[i + n - width]) + 0.0;
}

template <class Better>
void extreme(const double* x, double* out, std::size_t n, std::size_t from, std::size_t to,
             std::vector<double>& scratch, Better better) {
  if (to - from >= n && n > 1) return extreme_by_doubling(x, out, n, from, to, scratch, better);
  for (std::size_t i = from; i < to; ++i) {
    const double* end = x + i + 1;
    double best = *(end - 1);
    for (const double* each = end - n; each < end; ++each) best = better(best, *each);
    out[i] = best + 0.0;
  }
}

}  // namespace

void fill(Word* out, std::size_t from, std::size_t to, bool truth) {
  while (from < to) {
    const std::size_t end = std::min(to, (from / word_bits + 1) * word_bits);
    const Word ones = end - from == word_bits ? ~Word{0} : ((Word{1} << (end - from)) - 1) << (from % word_bits);
    Word& word = out[from / word_bits];
    word = truth ? word | ones : word & ~ones;
    from = end;
  }
}

void compare(Relation relation, const double* a, const double* b, Word* out, std::size_t from, std::size_t to) {
  switch (relation) {
    case Relation::lt: return compare_as<Relation::lt>(a, b, out, from, to);
    case Relation::le: return compare_as<Relation::le>(a, b, out, from, to);
    case Relation::eq: return compare_as<Relation::eq>(a, b, out, from, to);
    case Relation::ne: return compare_as<Relation::ne>(a, b, out, from, to);
  }
}

void cross(const double* a, const double* b, Word* out, std::size_t from, std::size_t to) {
  const auto above = [a, b](std::ptrdiff_t i) { return a[i] > b[i]; };
  Word carry = above(static_cast<std::ptrdiff_t>(from) - 1);
  compare_as<Relation::lt>(b, a, out, from, to);
  for (std::size_t w = from / word_bits; w < words(to); ++w) {
    const std::size_t first = from > w * word_bits ? from % word_bits : 0;
    Word over = out[w];
    Word kept = 0;  // bits of other bars
    if (first != 0 || to - w * word_bits < word_bits) {
      const std::size_t last = std::min(to - w * word_bits, word_bits);
      const Word ones = (last == word_bits ? ~Word{0} : (Word{1} << last) - 1) & ~Word{0} << first;
      kept = over & ~ones;
      over &= ones;
    }
    Word fresh = over & ~((over << 1) | (carry << first));  // not above one bar before: or unknown there
    carry = over >> (word_bits - 1);
    out[w] = kept | fresh;
    for (; fresh != 0; fresh &= fresh - 1) {  // seldom: so whether it was unknown is asked one by one
      const std::size_t i = w * word_bits + static_cast<std::size_t>(std::countr_zero(fresh));
      const auto before = static_cast<std::ptrdiff_t>(i) - 1;
      if (std::isunordered(a[before], b[before])) out[w] &= ~(fresh & -fresh);
    }
  }
}

bool running_sum(const std::int64_t* ticks, std::uint64_t* out, std::size_t from, std::size_t to) {
  std::uint64_t sum = out[static_cast<std::ptrdiff_t>(from) - 1];
  std::uint64_t seen = 0;
  for (std::size_t i = from; i < to; ++i) {
    const auto each = static_cast<std::uint64_t>(ticks[i - from]);
    seen |= each + ticks_max;  // as in first_beyond
    out[i] = sum += each;
  }
  return seen < 2 * static_cast<std::uint64_t>(ticks_max);
}

void mean_of_ticks(const std::uint64_t* sums, double* out, std::size_t n, double tick, std::size_t from,
                   std::size_t to) {
  static const Means widest = widest_means();
  widest(sums + from, sums + from - n, out + from, to - from, static_cast<double>(n), tick);
}

void highest(const double* x, double* out, std::size_t n, std::size_t from, std::size_t to,
             std::vector<double>& scratch) {
  extreme(x, out, n, from, to, scratch, Higher{});
}

void lowest(const double* x, double* out, std::size_t n, std::size_t from, std::size_t to,
            std::vector<double>& scratch) {
  extreme(x, out, n, from, to, scratch, Lower{});
}

std::size_t first_beyond(std::span<const std::int64_t> ticks) {
  // Moved up by the bound, what is within it has no bit at or above twice the bound.
  const auto moved = [](std::int64_t each) { return static_cast<std::uint64_t>(each) + ticks_max; };
  std::uint64_t seen = 0;
  for (const std::int64_t each : ticks) seen |= moved(each);
  if (seen < 2 * static_cast<std::uint64_t>(ticks_max)) return ticks.size();
  std::size_t i = 0;
  while (moved(ticks[i]) < 2 * static_cast<std::uint64_t>(ticks_max)) ++i;
  return i;
}

}  // namespace quorate::formula
