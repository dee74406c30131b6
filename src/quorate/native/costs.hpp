// What trading one instrument costs: worth, fees, margin and financing as exact ratios, spread, slippage.
#pragma once

#include <array>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "events.hpp"
#include "wide.hpp"

namespace quorate::exchange {

// numerator / denominator, denominator > 0.
struct Ratio {
  std::int64_t numerator;
  std::int64_t denominator;
};

enum class Financing : std::int64_t { nobody = 0, shorts = 1, both = 2 };  // who pays it

// A step of the maintenance table: from this notional on, `rate` of all of it, less the deduction.
struct Tier {
  std::int64_t floor_e8;
  Ratio rate;
  std::int64_t deduction_e8;
};

// One instrument's terms. `worth`: 1e-8 currency of one tick times one lot. `half_spread`, `slippage`: shares
// of the price. `taker`, `maker`: shares of the worth. `commission`: 1e-8 currency a lot and fill.
// `financing`: bps a year of 365 days. `margin`: initial margin as a share of the worth. `tiers`: maintenance
// margin, lowest first. `liquidation`: the share of the worth that a liquidation costs beyond the taker fee.
// `currency`: the number of the one it is worth something in; 0 is the account's. Not `shortable`: no entry
// may sell.
struct Terms {
  std::string name;
  Ratio worth;
  Ratio half_spread;
  Ratio slippage;
  Ratio taker;
  Ratio maker;
  Ratio commission;
  Ratio financing;
  Ratio margin;
  Financing pays = Financing::nobody;
  std::vector<Tier> tiers = {};
  Ratio liquidation = {0, 1};
  std::size_t currency = 0;
  bool shortable = true;

  // 1e-8 currency of lots at a price, signed like their product. Throws Overflow, as all below.
  Wide worth_e8(Ticks ticks, Lots lots) const {
    const Wide product = multiply(Wide{ticks} * lots, worth.numerator);
    return worth.denominator == 1 ? product : divide_half_even(product, worth.denominator);
  }

  // The fee on a fill, rounded up: against us. A maker's rebate is negative.
  Wide fee_e8(Ticks ticks, Lots lots, bool is_maker) const {
    const Ratio& rate = is_maker ? maker : taker;
    const Wide paid = multiply(magnitude(worth_e8(ticks, lots)), rate.numerator);
    const Wide lump = multiply(magnitude(lots), commission.numerator);
    return add(divide_up(paid, rate.denominator), divide_up(lump, commission.denominator));
  }

  // Owed for holding signed lots at a price over some days, rounded up.
  Wide financing_e8(Ticks ticks, Lots lots, std::int64_t days) const {
    if (pays == Financing::nobody || (pays == Financing::shorts && lots > 0) || financing.numerator == 0) {
      return 0;
    }
    const Wide yearly = multiply(magnitude(worth_e8(ticks, lots)), financing.numerator);
    return divide_up(multiply(yearly, days), Wide{financing.denominator} * (10'000 * 365));
  }

  // Initial margin of signed lots at a price, rounded up.
  Wide margin_e8(Ticks ticks, Lots lots) const {
    return divide_up(multiply(magnitude(worth_e8(ticks, lots)), margin.numerator), margin.denominator);
  }

  // Maintenance margin of signed lots at a price, rounded up; 0 without a table.
  Wide maintenance_e8(Ticks ticks, Lots lots) const {
    const Wide notional = magnitude(worth_e8(ticks, lots));
    const Tier* tier = nullptr;
    for (const Tier& each : tiers) {
      if (each.floor_e8 <= notional) tier = &each;
    }
    if (tier == nullptr) return 0;
    return divide_up(multiply(notional, tier->rate.numerator), tier->rate.denominator) - tier->deduction_e8;
  }

  // The fee of a liquidation, rounded up: the taker's and the penalty.
  Wide liquidation_e8(Ticks ticks, Lots lots) const {
    const Wide penalty = multiply(magnitude(worth_e8(ticks, lots)), liquidation.numerator);
    return add(fee_e8(ticks, lots, false), divide_up(penalty, liquidation.denominator));
  }

  // Owed at a funding rate (1e-12 of the worth at the mark) by signed lots, rounded up: what is received is
  // rounded down. A positive rate is paid by longs to shorts.
  Wide funding_e8(Ticks ticks, Lots lots, std::int64_t rate_e12) const {
    const Wide worth = magnitude(worth_e8(ticks, lots));
    return divide_up(multiply(lots < 0 ? -worth : worth, rate_e12), 1'000'000'000'000);
  }
};

// One bar with its costs, in fine ticks. `half`: half the spread; `slip`: slippage on one tick of price;
// `extra`: slippage besides. `left`: lots that may still be bought and sold of it, which only a quote keeps
// apart. `queued`: lots already taken of a trade at the limit. `aggressor`: who took, of a trade. A trade or
// quote is a bar of one moment.
struct Offer {
  const MarketEvent* bar;
  Instant latency_ns;
  std::int64_t fine;
  std::int64_t slip;
  Wide open, high, low, close;
  Wide half;
  Wide extra = 0;
  std::array<Lots, 2> left = {int64_max, int64_max};
  Lots queued = 0;
  std::int64_t aggressor = 0;

  Lots& left_for(Side side) { return left[bar->kind == MarketEvent::quote && side == Side::sell ? 1 : 0]; }
  bool is_tick() const { return bar->kind != MarketEvent::bar; }

  Wide interval() const {
    const Wide lasted = Wide{bar->at} - bar->start;
    return lasted < 1 ? 1 : lasted;
  }

  // An order that arrives by then meets the open, one later the bar's midst.
  Wide prompt() const { return Wide{bar->start} + (latency_ns < interval() ? latency_ns : 0); }

  // What the way to the venue costs: half the bar's range times the delay's share of the bar, rounded up.
  Wide late() const {
    const Wide interval = this->interval();
    const auto delay = latency_ns < interval ? latency_ns : static_cast<Instant>(interval);
    return divide_up(multiply(high - low, delay), 2 * interval);
  }
};

// Prices are worked in fine ticks: a tick divided so that half spreads and slippage are whole numbers too.
// With at most 48 bits for that, no sum of an int64 price and its costs can leave 128 bits.
class Friction {
 public:
  // Throws std::invalid_argument when spread and slippage have too many decimals for 48 bits.
  explicit Friction(const Terms& terms) {
    const Wide pair = common(2, terms.half_spread.denominator);
    const Wide fine = common(pair, terms.slippage.denominator);
    const bool fits = fine <= most;
    const Wide half = fits ? terms.half_spread.numerator * (fine / terms.half_spread.denominator) : 0;
    const Wide slip = fits ? terms.slippage.numerator * (fine / terms.slippage.denominator) : 0;
    if (!fits || half > most || slip > most) {
      throw std::invalid_argument("instrument " + terms.name +
                                  ": spread and slippage are too large or have too many decimals");
    }
    fine_ = static_cast<std::int64_t>(fine);
    half_ = static_cast<std::int64_t>(half);
    slip_ = static_cast<std::int64_t>(slip);
  }

  // A quote between bid and ask, which are what is paid: its midst and half its width are whole fine ticks.
  Offer quote(const MarketEvent& quote) const {
    const Wide half = fine_ / 2;
    const Wide mid = (Wide{quote.open} + quote.close) * half;
    return {.bar = &quote, .latency_ns = 0, .fine = fine_, .slip = 0, .open = mid, .high = mid, .low = mid,
            .close = mid, .half = (Wide{quote.close} - quote.open) * half};
  }

  // The bar with its costs: the quoted spread where it has one, else the instrument's.
  Offer offer(const MarketEvent& bar, Instant latency_ns) const {
    const Wide fine = fine_;
    const Wide half = bar.spread >= 0 ? bar.spread * fine / 2 : magnitude(bar.open) * half_;
    return {.bar = &bar, .latency_ns = latency_ns, .fine = fine_, .slip = slip_, .open = bar.open * fine,
            .high = bar.high * fine, .low = bar.low * fine, .close = bar.close * fine, .half = half};
  }

 private:
  static constexpr Wide most = Wide{1} << 48;

  // The least common multiple, or at once something beyond `most`.
  static Wide common(Wide a, std::int64_t b) {
    if (a > most) return a;
    return a / std::gcd(static_cast<std::int64_t>(a), b) * b;
  }

  std::int64_t fine_;
  std::int64_t half_;
  std::int64_t slip_;
};

}  // namespace quorate::exchange
