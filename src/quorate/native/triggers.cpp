// Orders that wait for a trigger: what sets it off in a bar, trade, quote, mark or index price, and trails.
#include <algorithm>

#include "exchange.hpp"

namespace quorate::exchange {
namespace {

// Whether an order's trigger watches what an offer shows.
bool watches(const Working& order, const Offer& offer) {
  switch (order.wanted.watch) {
    case Watch::any: return true;
    case Watch::last: return offer.bar->kind != MarketEvent::quote;
    case Watch::touch: return offer.bar->kind != MarketEvent::trade;
    default: return false;  // mark and index come as rows of their own
  }
}

// What stands between the mid price and the one a trigger watches.
Wide margin_of(const Working& order, const Offer& offer) {
  const bool shown = offer.bar->kind == MarketEvent::trade || order.wanted.watch == Watch::last;
  return shown ? Wide{0} : offer.half;
}

// What is left of a bar after a trigger at a mid price. Rising to it, the high came later; of the low only
// the close is sure. Falling to it, the other way round.
Path rest_of(const Offer& offer, const Path& path, Wide start, bool rising) {
  if (path.is_moment()) return {start, start, start};
  start = std::min(std::max(start, path.low), path.high);
  if (rising) return {start, std::min(start, offer.close), path.high};
  return {start, path.low, std::max(start, offer.close)};
}

// The price a trailing trigger follows: of a quote the side it would trade on.
Ticks shown(const Working& order, const MarketEvent& event) {
  if (event.kind != MarketEvent::quote) return event.open;
  return order.side == Side::buy ? event.close : event.open;
}

}  // namespace

// A trigger turns an order into what it is from then on, at an instant.
void Exchange::trigger(Working& order, Instant at) {
  tell({.at = at_, .kind = Report::Kind::triggered, .order = order.id, .price = order.price});
  switch (order.type) {
    case Type::stop_limit:
    case Type::limit_if_touched:
      order.price = *order.wanted.limit;
      order.type = Type::limit;
      break;
    case Type::trailing_stop_limit:
      order.price = narrow(Wide{order.price} + order.sign() * Wide{order.wanted.limit_offset}, "a limit");
      order.type = Type::limit;
      break;
    default:
      order.type = Type::market;
  }
  order.dormant = false;
  order.arrival = std::max(order.arrival, at);
  order.delay_ns = 0;
  order.ahead = -1;
}

// The path that is left of a row once its trigger was reached; none when it was not.
std::optional<Path> Exchange::awaken(Working& order, const Offer& offer, const Path& path, Part part) {
  if (!watches(order, offer)) return std::nullopt;
  const std::int64_t sign = order.sign();
  const Wide margin = margin_of(order, offer);
  const Wide level = sign * Wide{order.price} * offer.fine;
  const Wide start = sign * path.start + margin;
  const bool buys = order.side == Side::buy;
  const bool rising = buys == !is_touched(order.type);  // in price, not mirrored
  const Wide end = sign * (rising ? path.high : path.low) + margin;
  if (is_touched(order.type) ? end > level : end < level) return std::nullopt;
  const Wide met = is_touched(order.type) ? std::min(level, start) : std::max(level, start);
  const MarketEvent& bar = *offer.bar;
  const bool first = part != Part::rest;
  trigger(order, first ? bar.start : static_cast<Instant>(divide(Wide{bar.start} + bar.at, 2).quotient));
  return rest_of(offer, path, sign * (met - margin), rising);
}

// A trailing trigger: moved by what surely came before, then looked at, then moved by what came in between.
// The way back from the bar's best price to its close surely came after it.
std::optional<Path> Exchange::follow(Working& order, const Offer& offer, const Path& path, Part part) {
  if (!watches(order, offer)) return std::nullopt;
  const MarketEvent& bar = *offer.bar;
  const std::int64_t sign = order.sign();
  const bool lived = order.arrival <= offer.prompt();
  if (part != Part::rest) {
    if (!lived) return std::nullopt;  // it arrives later in this bar
    order.trail(shown(order, bar));
    return order.peak ? awaken(order, offer, path, part) : std::nullopt;
  }
  if (lived && order.peak) {
    const std::optional<Path> left = awaken(order, offer, path, part);
    if (left) return left;
  }
  if (lived) order.trail(order.side == Side::buy ? bar.low : bar.high);
  order.trail(bar.close);
  if (!order.peak) return std::nullopt;
  const Wide level = sign * Wide{order.price} * offer.fine;
  const Wide margin = margin_of(order, offer);
  if (sign * offer.close + margin < level) return std::nullopt;
  trigger(order, static_cast<Instant>(divide(Wide{bar.start} + bar.at, 2).quotient));
  const Wide start = std::min(std::max(sign * (level - margin), offer.low), offer.high);
  return Path{start, std::min(start, offer.close), std::max(start, offer.close)};
}

}  // namespace quorate::exchange
