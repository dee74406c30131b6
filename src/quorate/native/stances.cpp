// Finding where a stance changes: whole words of equal neighbours are passed over at once.
#include "stances.hpp"

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

// Whether the `step` stances from one on are, bit for bit, those of the bar before each.
template <typename Stance, std::size_t step>
bool stands(const Stance* at) {
  constexpr std::size_t bytes = step * sizeof(Stance);
  const auto* here = reinterpret_cast<const char*>(at);
  const auto* before = reinterpret_cast<const char*>(at - 1);
  std::uint64_t differ = 0;
  for (std::size_t i = 0; i < bytes; i += 8) differ |= word(here + i) ^ word(before + i);
  return differ == 0;
}

template <std::size_t step, typename Stance>
void scan(std::span<const Stance> stances, std::vector<Change>& out) {
  Reader reader(out);
  const Stance* data = stances.data();
  const std::size_t count = stances.size();
  std::size_t bar = 0;
  if (count > 0) reader.take(bar++, data[0]);
  for (; bar + step <= count; bar += step) {
    if (stands<Stance, step>(data + bar)) continue;
    for (std::size_t i = bar; i < bar + step; ++i) {
      if (std::memcmp(data + i, data + i - 1, sizeof(Stance)) != 0) reader.take(i, data[i]);
    }
  }
  for (; bar < count; ++bar) reader.take(bar, data[bar]);
}

}  // namespace

void changes_of(std::span<const std::int8_t> stances, std::vector<Change>& out) { scan<8>(stances, out); }
void changes_of(std::span<const double> stances, std::vector<Change>& out) { scan<4>(stances, out); }

}  // namespace quorate
