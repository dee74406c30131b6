// How the simulated world behaves in one run: delays, further slippage, volume, and the unknown path.
#pragma once

#include <vector>

#include "costs.hpp"

namespace quorate::exchange {

// What a bar's unknown order of events gives. `likely`: today's prices, stops before targets, what follows an
// entry seen with suspicion. `pessimistic`: the worst of each fill, and a limit only when the price goes
// through. `optimistic`: the best of each fill, targets before stops.
enum class Intrabar : std::int64_t { pessimistic = -1, likely = 0, optimistic = 1 };

// How long orders and cancels are under way: always the same, drawn from quantiles, or as measured. A draw
// hangs on the seed, the order and the purpose alone, never on what was drawn before.
class Latency {
 public:
  // All throw std::invalid_argument for a negative delay or for lists that make no sense.
  explicit Latency(Instant constant_ns);
  static Latency sampled(std::uint64_t seed, std::vector<Instant> quantiles_ns);
  static Latency measured(std::vector<Instant> instants, std::vector<Instant> delays_ns);

  // The delay of what is sent at an instant. `purpose`: 0 an order, 1 its cancel, 2 and on its changes.
  Instant of(Instant at, OrderId order, std::uint64_t purpose) const {
    return delays_.empty() ? constant_ns_ : look_up(at, order, purpose);
  }
  Instant longest() const;

 private:
  Instant look_up(Instant at, OrderId order, std::uint64_t purpose) const;

  Instant constant_ns_ = 0;
  std::uint64_t seed_ = 0;
  std::vector<Instant> instants_;  // none: `delays_` are quantiles, evenly spaced from 0 to 1
  std::vector<Instant> delays_;
};

// `participation`: share of a row's volume that all orders together may take, 0: any. `range_slippage`: share
// of the bar's range. `impact`: share of the price, times the root of lots over volume (1 where that is
// unknown). Both come on top of the instrument's own slippage. `queue`: a trade at the limit fills what the
// lots shown in front leave over; else only one beyond the limit fills.
struct Rules {
  Latency latency = Latency(0);
  Ratio participation = {0, 1};
  Ratio range_slippage = {0, 1};
  Ratio impact = {0, 1};
  Intrabar intrabar = Intrabar::likely;
  bool queue = false;

  // Throws std::invalid_argument for a ratio that makes no sense.
  void check() const;

  // Lots of a volume that may be taken, rounded down. Volume not negative.
  Lots share(Lots volume) const {
    return narrow(divide(multiply(Wide{volume}, participation.numerator), participation.denominator).quotient,
                  "a share of the volume");
  }
  // Both in fine ticks, rounded up.
  Wide range_slip(const Offer& offer) const {
    return divide_up(multiply(offer.high - offer.low, range_slippage.numerator), range_slippage.denominator);
  }
  Wide impact_slip(const Offer& offer, Lots lots) const;
};

// The largest whole number whose square is not above. value >= 0.
Wide root(Wide value);

}  // namespace quorate::exchange
