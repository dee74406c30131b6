// Delays from a counter-based generator and from measurements, and what an order's own size costs.
#include "rules.hpp"

#include <algorithm>
#include <utility>

namespace quorate::exchange {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument(why); }

// One step of splitmix64 (Steele, Lea, Flood 2014): every bit of the word in reaches every bit of the word
// out.
std::uint64_t scramble(std::uint64_t word) {
  word += 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

void check_delay(Instant delay) {
  if (delay < 0) refuse("latency_ns must not be negative, but is " + std::to_string(delay));
}

void check_share(const char* what, const Ratio& ratio) {
  if (ratio.denominator > 0 && ratio.numerator >= 0) return;
  refuse(std::string(what) + " must not be " + std::to_string(ratio.numerator) + "/" +
         std::to_string(ratio.denominator));
}

}  // namespace

Latency::Latency(Instant constant_ns) : constant_ns_(constant_ns) { check_delay(constant_ns); }

Latency Latency::sampled(std::uint64_t seed, std::vector<Instant> quantiles_ns) {
  if (quantiles_ns.empty()) refuse("latency quantiles: there are none");
  check_delay(quantiles_ns.front());
  if (!std::is_sorted(quantiles_ns.begin(), quantiles_ns.end())) refuse("latency quantiles must rise");
  Latency made(0);
  made.seed_ = seed;
  made.delays_ = std::move(quantiles_ns);
  return made;
}

Latency Latency::measured(std::vector<Instant> instants, std::vector<Instant> delays_ns) {
  if (instants.empty() || instants.size() != delays_ns.size()) {
    refuse("measured latency: " + std::to_string(instants.size()) + " instants and " +
           std::to_string(delays_ns.size()) + " delays");
  }
  if (!std::is_sorted(instants.begin(), instants.end())) refuse("measured latency: instants must rise");
  for (const Instant delay : delays_ns) check_delay(delay);
  Latency made(0);
  made.instants_ = std::move(instants);
  made.delays_ = std::move(delays_ns);
  return made;
}

// Measured: the last measurement made by then, the first where there was none. Sampled: between two quantiles
// on the straight line.
Instant Latency::look_up(Instant at, OrderId order, std::uint64_t purpose) const {
  if (!instants_.empty()) {
    const auto later = std::upper_bound(instants_.begin(), instants_.end(), at);
    const auto place = later == instants_.begin() ? 0 : later - instants_.begin() - 1;
    return delays_[static_cast<std::size_t>(place)];
  }
  const std::uint64_t mixed = scramble(seed_ ^ scramble(static_cast<std::uint64_t>(order)));
  const std::uint64_t drawn = scramble(mixed ^ purpose);
  const Wide scaled = Wide{drawn >> 1} * static_cast<std::int64_t>(delays_.size() - 1);  // of 2**63
  const auto place = static_cast<std::size_t>(scaled >> 63);
  if (place + 1 >= delays_.size()) return delays_.back();
  const Wide beyond = scaled - (Wide{static_cast<std::int64_t>(place)} << 63);
  return delays_[place] + static_cast<Instant>((Wide{delays_[place + 1] - delays_[place]} * beyond) >> 63);
}

Instant Latency::longest() const {
  return delays_.empty() ? constant_ns_ : *std::max_element(delays_.begin(), delays_.end());
}

void Rules::check() const {
  check_share("participation", participation);
  check_share("range slippage", range_slippage);
  check_share("impact", impact);
  if (participation.numerator > participation.denominator) refuse("participation must not be above 1");
}

Wide Rules::impact_slip(const Offer& offer, Lots lots) const {
  constexpr int bits = 16;  // of the root behind the point
  const Lots volume = offer.bar->volume;
  const Wide share = volume > 0 ? divide(Wide{lots} << (2 * bits), volume).quotient : Wide{1} << (2 * bits);
  const auto rooted = narrow(root(share), "a root");
  const Wide whole = multiply(multiply(magnitude(offer.open), impact.numerator), rooted);
  return divide_up(whole, Wide{impact.denominator} << bits);
}

Wide root(Wide value) {
  if (value < 2) return value;
  Wide guess = 1;
  for (Wide rest = value; rest > 0; rest >>= 2) guess <<= 1;  // at least the root
  for (;;) {
    const Wide next = (guess + value / guess) >> 1;
    if (next >= guess) return guess;
    guess = next;
  }
}

}  // namespace quorate::exchange
