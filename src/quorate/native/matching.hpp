// How one order meets one bar: whether it fills, at what price, and the best and worst it could have had.
//
// Written once, for a buyer. A seller's prices are mirrored (times -1), so that for both sides a higher
// number is worse, the price met is mid plus half the spread, and rounding against us is rounding up.
#pragma once

#include <optional>

#include "costs.hpp"

namespace quorate::exchange {

using Slot = std::int32_t;  // a place in the exchange's pool of orders
inline constexpr Slot no_slot = -1;

// An order at the venue. `number`: its place in the order of arrival of all orders. `until`: when its cancel
// arrives. `sibling`: the other leg of its bracket while that works.
struct Working {
  OrderId id;
  std::int64_t number;
  Instant arrival;
  Instant until = forever;
  std::size_t instrument;
  Lots lots;
  Ticks price = 0;
  std::optional<Bracket> bracket;
  Side side;
  Type type;
  Role role;
  Slot sibling = no_slot;
  bool done = false;

  std::int64_t sign() const { return static_cast<std::int64_t>(side); }
  bool reduces() const { return role != Role::entry; }
  void shift(Wide ticks);  // carry all prices over into the next contract; throws Overflow
};

// The part of a bar that an order lived through, mid prices in fine ticks.
struct Path {
  Wide start, low, high;
  bool is_moment() const { return low == high; }
  bool operator==(const Path&) const = default;
};

inline Path opening(const Offer& offer) { return {offer.open, offer.open, offer.open}; }
inline Path whole(const Offer& offer) { return {offer.open, offer.low, offer.high}; }

// A fill in ticks; from our side `best` is no worse and `worst` no better than `price`.
struct Outcome {
  Ticks price, best, worst;
  bool maker;
};

// Whether a path reaches an order's price at all. Hot: asked for every working order at every bar.
inline bool reaches(const Working& order, const Offer& offer, const Path& path) {
  if (order.type == Type::market) return true;
  const bool buys = order.side == Side::buy;
  const Wide price = Wide{order.price} * offer.fine;
  const bool falls = buys ? path.low + offer.half <= price : path.low - offer.half <= price;
  const bool rises = buys ? path.high + offer.half >= price : path.high - offer.half >= price;
  return buys == (order.type == Type::limit) ? falls : rises;
}

// What becomes of an order on a path; none when the path does not reach it. Market: the start, or the midst
// of the bar when it arrived there. Stop: at its trigger, or at the start when that is beyond it, with
// slippage. Limit: at its price, or at the start when that is better; as maker when it rested before. Throws
// Overflow when a price needs more than 63 bits.
std::optional<Outcome> meet(const Working& order, const Offer& offer, const Path& path);

// The stop's outcome, at best the target where the bar reaches both, in unknown order.
Outcome with_rival(Outcome outcome, const Working& stop, const Working& target, const Offer& offer,
                   const Path& path);

// What an entry's legs live through in the bar of its fill, seen with suspicion. At the open: all of it. A
// limit reached later: the adverse extreme came after the fill, of the favourable side only the close is
// sure. A stop reached later: the whole range, whichever end came first.
Path aftermath(const Working& entry, const Offer& offer, const Outcome& outcome, const Path& path);

}  // namespace quorate::exchange
