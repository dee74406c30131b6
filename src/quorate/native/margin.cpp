// Maintenance tested along a bar: the excess over it, the tick at which none is left, and the forced exit.
#include "margin.hpp"

#include <algorithm>
#include <stdexcept>

namespace quorate::exchange {
namespace {

constexpr int worst_slippage = 3;  // as for any other exit

[[noreturn]] void refuse(const Terms& terms, const std::string& why) {
  throw std::invalid_argument("instrument " + terms.name + ": " + why);
}

void check_tiers(const Terms& terms) {
  const Tier* below = nullptr;
  for (const Tier& tier : terms.tiers) {
    const Ratio& rate = tier.rate;
    const std::string where = "maintenance from " + std::to_string(tier.floor_e8);
    if (rate.denominator <= 0 || rate.numerator <= 0 || rate.numerator > rate.denominator) {
      refuse(terms, where + ": the rate must be above 0 and at most 1");
    }
    if (below == nullptr) {
      if (tier.floor_e8 != 0 || tier.deduction_e8 != 0) {
        refuse(terms, "maintenance must begin at 0, with no deduction");
      }
    } else {
      if (tier.floor_e8 <= below->floor_e8) refuse(terms, where + ": floors must rise");
      const Ratio& old = below->rate;
      const Wide steeper = Wide{rate.numerator} * old.denominator - Wide{old.numerator} * rate.denominator;
      const Wide deducted = Wide{tier.deduction_e8} - below->deduction_e8;
      if (multiply(steeper, tier.floor_e8) != multiply(multiply(deducted, rate.denominator), old.denominator)) {
        refuse(terms, where + ": the deduction must be the last one and floor times the rise of the rate");
      }
    }
    below = &tier;
  }
  const Ratio& fee = terms.liquidation;
  if (fee.denominator <= 0 || fee.numerator < 0) refuse(terms, "the liquidation fee must not be negative");
}

}  // namespace

Margin::Margin(const std::vector<Terms>& terms, const Ledger& ledger)
    : terms_(terms), ledger_(ledger), seen_(terms.size()) {
  for (const Terms& each : terms) {
    check_tiers(each);
    watched_ = watched_ || !each.tiers.empty();
  }
}

void Margin::see(const MarketEvent& bar) {
  Seen& seen = seen_[static_cast<std::size_t>(bar.instrument)];
  const auto [low, high] = std::minmax({bar.open, bar.high, bar.low, bar.close});
  const bool again = seen.bar.at == bar.at;  // a second bar of the instant: the first one's open stands
  if (!again) {
    seen = {bar, bar.open, bar.open};
    seen.bar.low = low;
    seen.bar.high = high;
  } else {
    seen.bar.low = std::min(seen.bar.low, low);
    seen.bar.high = std::max(seen.bar.high, high);
    seen.bar.close = bar.close;
  }
}

void Margin::touch(std::size_t i, Ticks price, bool was_flat) {
  Seen& seen = seen_[i];
  seen.dip = was_flat ? price : std::min(seen.dip, price);
  seen.peak = was_flat ? price : std::max(seen.peak, price);
}

void Margin::close(std::size_t i) {
  Seen& seen = seen_[i];
  seen.dip = seen.peak = seen.bar.low = seen.bar.high = seen.bar.close;
}

Ticks Margin::start(std::size_t i, Phase phase) const {
  if (phase == Phase::closing || !is_now(i)) return ledger_.mark(i);
  const Seen& seen = seen_[i];
  if (phase == Phase::opening) return seen.bar.open;
  return ledger_.lots(i) > 0 ? std::max(seen.dip, seen.bar.low) : std::min(seen.peak, seen.bar.high);
}

Ticks Margin::extreme(std::size_t i, Phase phase) const {
  if (phase != Phase::within || !is_now(i)) return start(i, phase);
  return ledger_.lots(i) > 0 ? seen_[i].bar.low : seen_[i].bar.high;
}

// Equity less maintenance, all positions at their extremes but one that is moved.
Wide Margin::excess(Phase phase, std::size_t moved, Ticks price) const {
  return ledger_.sum([&](std::size_t j) {
    const Lots lots = ledger_.lots(j);
    if (lots == 0) return Wide{0};
    const Ticks at = j == moved ? price : extreme(j, phase);
    return add(terms_[j].worth_e8(at, lots), -terms_[j].maintenance_e8(at, lots));
  });
}

std::optional<std::size_t> Margin::due(Phase phase) const {
  if (!ledger_.holds()) return std::nullopt;
  const std::size_t count = ledger_.size();
  std::optional<std::size_t> worst;
  Wide most = -1;
  for (std::size_t i = 0; i < count; ++i) {
    if (ledger_.lots(i) == 0) continue;
    if (!worst && excess(phase, count, 0) > 0) return std::nullopt;
    const Wide own = terms_[i].maintenance_e8(extreme(i, phase), ledger_.lots(i));
    const Wide maintenance = ledger_.cost_e8(i, own);
    if (maintenance <= most) continue;
    worst = i;
    most = maintenance;
  }
  return worst;
}

// The first tick from the start to the extreme with nothing left; the extreme must be such a tick. Worth and
// what it exceeds maintenance by move the same way, so halving finds it.
Ticks Margin::threshold(std::size_t i, Phase phase) const {
  Wide near = start(i, phase);
  Wide far = extreme(i, phase);
  const auto gone = [&](Wide tick) { return excess(phase, i, static_cast<Ticks>(tick)) <= 0; };
  if (gone(near)) return static_cast<Ticks>(near);
  while (magnitude(far - near) > 1) {
    const Wide middle = divide(near + far, 2).quotient;
    (gone(middle) ? far : near) = middle;
  }
  return static_cast<Ticks>(far);
}

bool Margin::precedes(std::size_t i, Ticks price, bool reduces) const {
  const Lots lots = ledger_.lots(i);
  if (lots == 0 || !is_now(i) || excess(Phase::within, ledger_.size(), 0) > 0) return false;
  const Wide sign = lots > 0 ? 1 : -1;
  const bool beyond = sign * price <= sign * threshold(i, Phase::within);
  return beyond || (reduces && sign * price > sign * start(i, Phase::within));
}

Outcome Margin::exit(std::size_t i, Phase phase, const Friction& friction) const {
  const Ticks middle = ledger_.is_marked(i) ? ledger_.last(i) : threshold(i, phase);
  MarketEvent bar = seen_[i].bar;
  if (phase == Phase::closing || !is_now(i)) bar.low = bar.high = middle;
  if (bar.at != at_) bar.spread = -1;
  bar.open = middle;
  const Offer offer = friction.offer(bar, 0);
  const Wide sign = ledger_.lots(i) > 0 ? -1 : 1;  // of the exit; prices are mirrored for a seller
  const Wide base = sign * offer.open + offer.half;
  const Wide slip = magnitude(middle) * offer.slip;
  const bool ranged = offer.high > offer.low;
  const Wide bound = sign * (sign > 0 ? offer.high : offer.low) + offer.half;
  const auto settle = [&](Wide price) {
    return narrow(sign * divide_up(ranged ? std::min(price, bound) : price, offer.fine), "a fill price");
  };
  return {settle(base + slip), settle(base), settle(base + worst_slippage * slip), false};
}

Instant Margin::exit_at(std::size_t i, Phase phase, Instant now) const {
  if (phase == Phase::closing || !is_now(i)) return now;
  const MarketEvent& bar = seen_[i].bar;
  if (phase == Phase::opening) return bar.start;
  return static_cast<Instant>(divide(Wide{bar.start} + bar.at, 2).quotient);
}

}  // namespace quorate::exchange
