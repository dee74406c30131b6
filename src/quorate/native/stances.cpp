// Finding where a stance changes: whole words of equal neighbours are passed over at once.
#include "stances.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

namespace quorate {
namespace {

[[noreturn]] void refuse(std::size_t bar, double stance) {
  throw std::invalid_argument("bar " + std::to_string(bar) + ": a stance must lie in [-1, 1], not " +
                              std::to_string(stance));
}

// The machine word at a place that need not be aligned.
std::uint64_t word(const void* place) {
  std::uint64_t read;
  std::memcpy(&read, place, sizeof read);
  return read;
}

// Takes the stance of one bar; only what differs from the last is a change.
class Reader {
 public:
  explicit Reader(std::vector<Change>& out) : out_(out) {}
  void take(std::size_t bar, std::int8_t stance) {
    if (stance < -1 || stance > 1) refuse(bar, stance);
    take_e6(bar, stance * 1'000'000);
  }
  void take(std::size_t bar, double stance) {
    if (std::isnan(stance)) return;
    if (!(stance >= -1 && stance <= 1)) refuse(bar, stance);
    take_e6(bar, static_cast<std::int32_t>(std::lrint(stance * 1e6)));
  }

 private:
  void take_e6(std::size_t bar, std::int32_t stance_e6) {
    if (stance_e6 == last_e6_) return;
    out_.push_back({static_cast<std::int32_t>(bar), stance_e6});
    last_e6_ = stance_e6;
  }

  std::vector<Change>& out_;
  std::int32_t last_e6_ = 0;
};

// Which of the `step` stances from one on differ, in any bit, from the one of the bar before: bit i for the i-th.
// The loop over the few that do is left to the caller.
template <typename Stance, std::size_t step>
unsigned differing(const Stance* at) {
  const auto* here = reinterpret_cast<const char*>(at);
  const auto* before = reinterpret_cast<const char*>(at - 1);
  std::uint64_t any = 0;
  for (std::size_t i = 0; i < step * sizeof(Stance); i += 8) any |= word(here + i) ^ word(before + i);
  if (any == 0) return 0;
  unsigned found = 0;
  if constexpr (sizeof(Stance) == 1 && std::endian::native == std::endian::little) {
    constexpr std::uint64_t low = 0x7f7f'7f7f'7f7f'7f7f, ones = 0x0102'0408'1020'4080;
    for (std::size_t i = 0; i < step; i += 8) {
      const std::uint64_t x = word(here + i) ^ word(before + i);
      const std::uint64_t tops = (((x & low) + low) | x) & ~low;  // the top bit of each byte that is not zero
      found |= static_cast<unsigned>((tops >> 7) * ones >> 56) << i;  // a product that moves them together
    }
    return found;
  }
  for (std::size_t i = 0; i < step; ++i) {
    const bool same = std::memcmp(at + i, at + i - 1, sizeof(Stance)) == 0;
    found |= (same ? 0U : 1U) << i;
  }
  return found;
}

template <std::size_t step, typename Stance>
void scan(std::span<const Stance> stances, std::vector<Change>& out) {
  Reader reader(out);
  const Stance* data = stances.data();
  const std::size_t count = stances.size();
  std::size_t bar = 0;
  if (count > 0) reader.take(bar++, data[0]);
  for (; bar + step <= count; bar += step) {
    for (unsigned found = differing<Stance, step>(data + bar); found != 0; found &= found - 1) {
      const std::size_t place = bar + static_cast<std::size_t>(std::countr_zero(found));
      reader.take(place, data[place]);
    }
  }
  for (; bar < count; ++bar) reader.take(bar, data[bar]);
}

}  // namespace

void changes_of(std::span<const std::int8_t> stances, std::vector<Change>& out) { scan<16>(stances, out); }
void changes_of(std::span<const double> stances, std::vector<Change>& out) { scan<8>(stances, out); }

}  // namespace quorate
