// The prices of fills, in fine ticks until the last step, which rounds once and against us.
#include "matching.hpp"

#include <algorithm>

#include "rules.hpp"

namespace quorate::exchange {
namespace {

constexpr int worst_slippage = 3;           // the worst bound allows this many times the likely slippage
constexpr Instant pause_ns = 1'000'000'000;  // and this long from a stop's trigger to the price it meets

// A mirrored price in fine ticks as one in ticks, rounded against us.
Ticks settle(Wide mirrored, std::int64_t sign, const Offer& offer) {
  return narrow(sign * divide_up(mirrored, offer.fine), "a fill price");
}

// What a bar's prices leave open besides slippage: by how much `base` may have been better or worse.
struct Doubt {
  Wide better = 0, worse = 0;
};

// How far the market may get within some time, and that the price shown was a trade's, at bid or ask.
Wide reach(const Offer& offer, Instant within) {
  if (offer.is_tick()) return 0;
  const std::int64_t share = walk(within, offer.interval());
  return add(offer.half, divide_up(multiply(offer.high - offer.low, share), Wide{1} << walk_bits));
}

// The open as an order finds it that was under way: the market may have gone either way since.
Doubt at_open(const Offer& offer) {
  const Wide either = reach(offer, offer.latency_ns);
  return {either, either};
}

// A trigger that a trade has set off: the next price may be beyond it.
Doubt beyond(const Offer& offer) { return {0, reach(offer, pause_ns)}; }

// Takes the price `base` with costs, never beyond the bar's extremes and half the spread. A bar without a
// range (close-only data) shows no extremes, so there the costs stand in full.
Outcome pay(const Working& order, const Offer& offer, Wide base, Wide slip, Wide late, Doubt doubt = {}) {
  const std::int64_t sign = order.sign();
  slip = add(slip, offer.extra);
  Wide likely = add(base, slip + late);
  Wide best = add(base, -doubt.better);
  Wide worst = add(base, multiply(slip, worst_slippage) + late + doubt.worse);
  if (offer.high > offer.low) {
    const auto [low, high] = std::minmax({sign * offer.low, sign * offer.high});
    likely = std::min(likely, high + offer.half);
    best = std::min(std::max(best, low), likely);
    worst = std::min(worst, high + offer.half);
  }
  return {settle(likely, sign, offer), settle(best, sign, offer), settle(worst, sign, offer), false};
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

// What a limit order takes that finds a price within its limit.
Outcome take_limit(const Working& order, const Offer& offer, Wide start) {
  Outcome taken = pay(order, offer, start, opening_slip(offer), offer.late(), at_open(offer));
  taken.cap(order.price, order.sign());
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
  return take_limit(order, offer, start);
}

Ticks better(Ticks a, Ticks b, std::int64_t sign) { return sign > 0 ? std::min(a, b) : std::max(a, b); }
Ticks worse(Ticks a, Ticks b, std::int64_t sign) { return better(a, b, -sign); }

// A trade at the limit of an order that rests: what it leaves over.
std::optional<Outcome> meet_queue(const Working& order, const Offer& offer) {
  const MarketEvent& trade = *offer.bar;
  const bool ours = offer.aggressor == order.sign();  // its aggressor took from the other side
  if (trade.close != order.price || ours || order.ahead < 0) return std::nullopt;
  const Wide over = Wide{trade.volume} - order.ahead - offer.queued;
  if (over <= 0) return std::nullopt;
  return Outcome{order.price, order.price, order.price, true, static_cast<Lots>(over)};
}

}  // namespace

std::int64_t walk(Instant within, Wide interval) {
  if (within <= 0) return 0;
  const Wide time = std::min(Wide{within}, interval);
  return narrow(root(divide((4 * time) << (2 * walk_bits), interval).quotient), "a root");
}

void Outcome::cap(Ticks limit, std::int64_t sign) {
  price = better(price, limit, sign);
  best = better(best, limit, sign);
  worst = better(worst, limit, sign);
}

void Working::shift(Wide ticks) {
  const auto moved = [ticks](Ticks from) { return narrow(from + ticks, "a rolled price"); };
  if (type != Type::market) price = moved(price);
  if (bracket) {
    bracket->stop = moved(bracket->stop);
    if (bracket->target) bracket->target = moved(*bracket->target);
  }
  if (!special) return;
  if (peak) peak = moved(*peak);
  if (wanted.limit) wanted.limit = moved(*wanted.limit);
  if (wanted.activation) wanted.activation = moved(*wanted.activation);
}

void Working::trail(Ticks seen) {
  const std::int64_t side = sign();
  if (!peak && wanted.activation && side * seen > side * *wanted.activation) return;
  if (peak && side * seen >= side * *peak) return;
  peak = seen;
  const Wide offset = wanted.trail > 0 ? Wide{wanted.trail}
                                       : divide_up(multiply(magnitude(seen), wanted.trail_bps), 10'000);
  price = narrow(seen + side * offset, "a trailing trigger");
}

std::optional<Outcome> meet(const Working& order, const Offer& offer, const Path& path) {
  if (!reaches(order, offer, path)) return std::nullopt;
  const std::int64_t sign = order.sign();
  const Wide start = sign * path.start + offer.half;
  if (order.type == Type::limit) return meet_limit(order, offer, start);
  if (order.type == Type::market) {
    if (order.arrival <= offer.prompt()) {
      return pay(order, offer, start, opening_slip(offer), offer.late(), at_open(offer));
    }
    if (path != whole(offer)) return std::nullopt;
    return midst(order, offer);
  }
  const Wide trigger = sign * Wide{order.price} * offer.fine;
  return pay(order, offer, std::max(trigger, start), magnitude(order.price) * offer.slip, 0, beyond(offer));
}

std::optional<Outcome> meet_at_once(const Working& order, const Offer& offer, const Path& path, bool lived) {
  if (order.type != Type::limit) return meet(order, offer, path);
  const std::int64_t sign = order.sign();
  const Wide limit = sign * Wide{order.price} * offer.fine;
  if (lived) {
    const Wide start = sign * path.start + offer.half;
    return start > limit ? std::nullopt : std::optional(take_limit(order, offer, start));
  }
  Outcome taken = midst(order, offer);
  if (sign * taken.price > sign * order.price) return std::nullopt;
  taken.cap(order.price, sign);
  return taken;
}

Outcome take_start(const Working& order, const Offer& offer, const Path& path) {
  const Wide start = order.sign() * path.start + offer.half;
  return pay(order, offer, start, magnitude(order.price) * offer.slip, 0, beyond(offer));
}

Outcome widened(Outcome outcome, const Working& order, const Offer& offer) {
  const std::int64_t sign = order.sign();
  const Wide extreme = sign * (sign > 0 ? offer.high : offer.low) + offer.half;
  outcome.worst = worse(outcome.worst, settle(extreme, sign, offer), sign);
  return outcome;
}

Outcome take_open(const Working& order, const Offer& offer) {
  const Wide base = order.sign() * offer.open + offer.half;
  return pay(order, offer, base, opening_slip(offer), offer.late(), at_open(offer));
}

Outcome take_close(const Working& order, const Offer& offer) {
  const Wide slip = magnitude(offer.bar->close) * offer.slip;
  return pay(order, offer, order.sign() * offer.close + offer.half, slip, 0);
}

std::optional<Outcome> meet_tick(const Working& order, const Offer& offer, bool rested, bool queue) {
  const std::int64_t sign = order.sign();
  const Wide start = sign * offer.open + offer.half;
  const bool trade = offer.bar->kind == MarketEvent::trade;
  if (order.type == Type::stop) {
    const Wide shown = trade ? sign * offer.open : start;
    if (shown < sign * Wide{order.price} * offer.fine) return std::nullopt;
  }
  if (order.type != Type::limit) return pay(order, offer, start, opening_slip(offer), 0);
  const Wide limit = sign * Wide{order.price} * offer.fine;
  if (!rested) return start > limit ? std::nullopt : std::optional(take_limit(order, offer, start));
  const Outcome resting{order.price, order.price, order.price, true};
  if (trade && sign * offer.open == limit && queue) return meet_queue(order, offer);
  const bool reached = trade ? sign * offer.open < limit : start <= limit;
  return reached ? std::optional(resting) : std::nullopt;
}

void queue_up(Working& order, const MarketEvent& event) {
  if (order.type != Type::limit) return;
  const bool buys = order.side == Side::buy;
  if (event.kind == MarketEvent::trade) {
    if (order.ahead > 0 && event.open == order.price && event.close != order.sign()) {
      order.ahead = std::max(Lots{0}, order.ahead - std::max(Lots{0}, event.volume));
    }
    return;
  }
  const Ticks best = buys ? event.open : event.close;
  const Lots shown = buys ? event.low : event.high;
  if (best == order.price) {
    if (shown >= 0) order.ahead = order.ahead < 0 ? shown : std::min(order.ahead, shown);
  } else if (order.sign() * best < order.sign() * order.price) {
    order.ahead = 0;  // nobody else is there
  }
}

bool is_beyond(const Working& stop, const Offer& offer, const Path& path) {
  const std::int64_t sign = stop.sign();
  return sign * path.start + offer.half >= sign * Wide{stop.price} * offer.fine;
}

Outcome with_rival(Outcome outcome, const Working& stop, const Working& target, const Offer& offer,
                   const Path& path) {
  const std::int64_t sign = stop.sign();
  if (is_beyond(stop, offer, path) || !reaches(target, offer, whole(offer))) return outcome;
  const std::optional<Outcome> other = meet(target, offer, path);
  outcome.best = better(outcome.best, other ? other->best : target.price, sign);
  return outcome;
}

Outcome with_stop(Outcome outcome, const Working& target, const Working& stop, const Offer& offer,
                  const Path& path) {
  const std::optional<Outcome> other = meet(stop, offer, path);
  if (other) outcome.worst = worse(outcome.worst, other->worst, target.sign());
  return outcome;
}

bool only_touches(const Working& order, const Offer& offer, const Path& path) {
  const std::int64_t sign = order.sign();
  const Wide nearest = sign * (sign > 0 ? path.low : path.high) + offer.half;
  return nearest == sign * Wide{order.price} * offer.fine;
}

Path aftermath(const Working& entry, const Offer& offer, const Outcome& outcome, const Path& path,
               bool hopeful) {
  if (path.is_moment()) return whole(offer);
  Wide start = Wide{outcome.price} * offer.fine - entry.sign() * offer.half;
  start = std::min(std::max(start, offer.low), offer.high);
  if (entry.type == Type::stop && !hopeful) return {start, offer.low, offer.high};
  if (entry.type == Type::stop && entry.side == Side::buy) {
    return {start, std::min(start, offer.close), offer.high};
  }
  if (entry.type == Type::stop) return {start, offer.low, std::max(start, offer.close)};
  if (entry.side == Side::buy) return {start, offer.low, std::max(start, offer.close)};
  return {start, std::min(start, offer.close), offer.high};
}

}  // namespace quorate::exchange
