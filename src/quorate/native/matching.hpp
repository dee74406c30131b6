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
// arrives, or just after its time is over. `type`: as it works now, a triggered one as what it became;
// `lots`: still to be filled. `sibling`: the other leg of its bracket while that works. `delay_ns`: how long
// it was under way. `special`: anything but a plain market, limit or stop order. `leads`: another waits for
// it, which until then never arrives. `dormant`: waits for its trigger. `cancelling`: `until` is a cancel's.
// `expects`: its end or a change is on the way. `heard`: when the last of what was sent about it arrives, for
// nothing overtakes. `ahead`: lots in front of it at its price, below 0: unknown. `peak`: the best price a
// trailing trigger has seen. `wanted`: as it was asked for.
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
  bool special = false;
  bool leads = false;
  bool dormant = false;
  bool cancelling = false;
  bool expects = false;
  std::int32_t changes = 0;
  Instant heard = 0;
  Instant delay_ns = 0;
  Lots filled = 0;
  Lots ahead = -1;
  std::optional<Ticks> peak = std::nullopt;
  Order wanted = {};

  bool has_price() const {
    return type == Type::limit || type == Type::stop || type == Type::stop_limit || is_touched(type);
  }
  bool is_immediate() const { return wanted.force == Force::ioc || wanted.force == Force::fok; }
  std::int64_t sign() const { return static_cast<std::int64_t>(side); }
  bool reduces() const { return role != Role::entry; }
  void trail(Ticks seen);  // let a trailing trigger follow a price; throws Overflow
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
// `most`: lots that can be had at it.
struct Outcome {
  Ticks price, best, worst;
  bool maker;
  Lots most = int64_max;

  // No price beyond a limit of the side given.
  void cap(Ticks limit, std::int64_t sign);
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

// The same for an order whose chance is now and not later: a market order takes the path's start; one that
// is not filled at once is done with. `lived`: whether the order was there at the start, else the price when
// it arrived is as unknown as a market order's.
std::optional<Outcome> meet_at_once(const Working& order, const Offer& offer, const Path& path, bool lived);

// What a triggered market order gets: the path's start, with the slippage of its trigger.
Outcome take_start(const Working& order, const Offer& offer, const Path& path);

// The outcome, at worst at the bar's extreme: a trailing trigger may have gone off anywhere before.
Outcome widened(Outcome outcome, const Working& order, const Offer& offer);

// The open, and the close, with costs.
Outcome take_open(const Working& order, const Offer& offer);
Outcome take_close(const Working& order, const Offer& offer);

// How one order meets a trade or a quote, `offer` being that moment. Market: its price; a trade's with costs.
// Stop: where the price shown is at its trigger or beyond. Limit: the first row since it arrived it may take;
// after that it rests and fills at its price when a trade goes through it or the quote of the other side
// comes to it, and with a `queue` when a trade at its price leaves lots over from those ahead.
std::optional<Outcome> meet_tick(const Working& order, const Offer& offer, bool rested, bool queue);

// Counts who is in front of a resting limit order, from a quote or a trade.
void queue_up(Working& order, const MarketEvent& event);

// Whether a path starts at a stop's trigger or beyond it.
bool is_beyond(const Working& stop, const Offer& offer, const Path& path);

// The stop's outcome, at best the target where the bar reaches both, in unknown order.
Outcome with_rival(Outcome outcome, const Working& stop, const Working& target, const Offer& offer,
                   const Path& path);

// The target's outcome where it goes first, at worst the stop where the path reaches both.
Outcome with_stop(Outcome outcome, const Working& target, const Working& stop, const Offer& offer,
                  const Path& path);

// Whether a path comes to a resting limit but not through it.
bool only_touches(const Working& order, const Offer& offer, const Path& path);

// What an entry's legs live through in the bar of its fill, seen with suspicion. At the open: all of it. A
// limit reached later: the adverse extreme came after the fill, of the favourable side only the close is
// sure. A stop reached later: the whole range, whichever end came first; seen `hopeful`, the adverse extreme
// came before it.
Path aftermath(const Working& entry, const Offer& offer, const Outcome& outcome, const Path& path,
               bool hopeful = false);

// How far a random walk gets within a time, as a share of its range over a bar: twice the root of the time's
// share of the bar, with so many bits behind the point. Over a bar the range is 1.6 deviations of the way it
// goes (Feller 1951), so twice the root stands for three of them.
inline constexpr int walk_bits = 16;
std::int64_t walk(Instant within, Wide interval);

}  // namespace quorate::exchange
