// The prices of fills, in fine ticks until the last step, which rounds once and against us.
#include "matching.hpp"

#include <algorithm>

namespace quorate::exchange {
namespace {

constexpr int worst_slippage = 3;  // the worst bound allows this many times the likely slippage

// A mirrored price in fine ticks as one in ticks, rounded against us.
Ticks settle(Wide mirrored, std::int64_t sign, const Offer& offer) {
  return narrow(sign * divide_up(mirrored, offer.fine), "a fill price");
}

// Takes the price `base` with costs, never beyond the bar's extreme and half the spread. A bar without a
// range (close-only data) shows no extremes, so there the costs stand in full.
Outcome pay(const Working& order, const Offer& offer, Wide base, Wide slip, Wide late) {
  const std::int64_t sign = order.sign();
  Wide likely = base + slip + late;
  Wide worst = base + worst_slippage * slip + late;
  if (offer.high > offer.low) {
    const Wide extreme = sign * (sign > 0 ? offer.high : offer.low) + offer.half;
    likely = std::min(likely, extreme);
    worst = std::min(worst, extreme);
  }
  return {settle(likely, sign, offer), settle(base, sign, offer), settle(worst, sign, offer), false};
}

Wide opening_slip(const Offer& offer) { return magnitude(offer.bar->open) * offer.slip; }

// A market order sent while the bar was under way: its open was past, and the price at an instant within it
// is not known. Likely on the line from open to close; at best and worst the bar's own extremes.
Outcome midst(const Working& order, const Offer& offer) {
  const std::int64_t sign = order.sign();
  const MarketEvent& bar = *offer.bar;
  const std::int64_t past = narrow(Wide{order.arrival} - bar.start, "the length of a bar");
  const Wide line = offer.open + divide(multiply(offer.close - offer.open, past), offer.interval()).quotient;
  const Wide slip = divide(magnitude(line), offer.fine).quotient * offer.slip;
  Outcome taken = pay(order, offer, sign * line + offer.half, slip, 0);
  if (offer.high == offer.low) return taken;
  const auto [best, worst] = std::minmax({sign * offer.low, sign * offer.high});
  taken.best = settle(best + offer.half, sign, offer);
  taken.worst = settle(worst + offer.half, sign, offer);
  return taken;
}

Outcome meet_limit(const Working& order, const Offer& offer, Wide start) {
  const std::int64_t sign = order.sign();
  const Ticks limit = order.price;
  if (start > sign * Wide{limit} * offer.fine) return {limit, limit, limit, true};
  if (order.arrival < offer.bar->start) {  // it rested, and the market opened through it
    const Ticks price = settle(start, sign, offer);
    return {price, price, limit, true};
  }
  const Outcome taken = pay(order, offer, start, opening_slip(offer), offer.late());
  const auto capped = [&](Ticks ticks) { return sign > 0 ? std::min(ticks, limit) : std::max(ticks, limit); };
  return {capped(taken.price), capped(taken.best), capped(taken.worst), false};
}

}  // namespace

void Working::shift(Wide ticks) {
  const auto moved = [ticks](Ticks from) { return narrow(from + ticks, "a rolled price"); };
  if (type != Type::market) price = moved(price);
  if (bracket) {
    bracket->stop = moved(bracket->stop);
    if (bracket->target) bracket->target = moved(*bracket->target);
  }
}

std::optional<Outcome> meet(const Working& order, const Offer& offer, const Path& path) {
  if (!reaches(order, offer, path)) return std::nullopt;
  const std::int64_t sign = order.sign();
  const Wide start = sign * path.start + offer.half;
  if (order.type == Type::limit) return meet_limit(order, offer, start);
  if (order.type == Type::market) {
    if (order.arrival <= offer.prompt()) return pay(order, offer, start, opening_slip(offer), offer.late());
    if (path != whole(offer)) return std::nullopt;
    return midst(order, offer);
  }
  const Wide trigger = sign * Wide{order.price} * offer.fine;
  return pay(order, offer, std::max(trigger, start), magnitude(order.price) * offer.slip, 0);
}

Outcome with_rival(Outcome outcome, const Working& stop, const Working& target, const Offer& offer,
                   const Path& path) {
  const std::int64_t sign = stop.sign();
  const bool at_once = sign * path.start + offer.half >= sign * Wide{stop.price} * offer.fine;
  if (at_once || !reaches(target, offer, whole(offer))) return outcome;
  outcome.best = sign > 0 ? std::min(outcome.best, target.price) : std::max(outcome.best, target.price);
  return outcome;
}

Path aftermath(const Working& entry, const Offer& offer, const Outcome& outcome, const Path& path) {
  if (path.is_moment()) return whole(offer);
  Wide start = Wide{outcome.price} * offer.fine - entry.sign() * offer.half;
  start = std::min(std::max(start, offer.low), offer.high);
  if (entry.type == Type::stop) return {start, offer.low, offer.high};
  if (entry.side == Side::buy) return {start, offer.low, std::max(start, offer.close)};
  return {start, std::min(start, offer.close), offer.high};
}

}  // namespace quorate::exchange
