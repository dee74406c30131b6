// What goes into the native exchange and what comes out of it: plain rows of 64-bit integers, and orders.
#pragma once

#include <cstdint>
#include <optional>

#include "wide.hpp"

namespace quorate::exchange {

using Instant = std::int64_t;  // nanoseconds since 1970-01-01 UTC
using Ticks = std::int64_t;    // a price
using Lots = std::int64_t;     // a quantity
using OrderId = std::int64_t;  // family * n of the n-th order; its legs follow it

inline constexpr Instant forever = int64_max;
inline constexpr Instant day_ns = 86'400'000'000'000;
inline constexpr std::int64_t none = -1;  // where a row has no order, parent or instrument

// An order and the two legs its bracket may bring to life have numbers from the first on.
inline constexpr OrderId family = 3;
constexpr OrderId stop_of(OrderId entry) { return entry + 1; }
constexpr OrderId target_of(OrderId entry) { return entry + 2; }

enum class Side : std::int64_t { sell = -1, buy = 1 };
enum class Type : std::int64_t {
  market = 0, limit = 1, stop = 2, stop_limit = 3, trailing_stop = 4, trailing_stop_limit = 5,
  market_if_touched = 6, limit_if_touched = 7, market_to_limit = 8, on_open = 9, on_close = 10
};
enum class Role : std::int64_t { entry = 0, exit = 1, stop = 2, target = 3 };
enum class Force : std::int64_t { gtc = 0, day = 1, gtd = 2, ioc = 3, fok = 4 };  // time in force

// What a trigger watches. `any`: whatever shows a price, from the side the order would trade on. `last`: mid
// prices of bars, and trades. `touch`: bid or ask, of bars and quotes.
enum class Watch : std::int64_t { any = 0, last = 1, touch = 2, mark = 3, index = 4 };

constexpr bool is_trailing(Type type) {
  return type == Type::trailing_stop || type == Type::trailing_stop_limit;
}
constexpr bool is_stop(Type type) {
  return type == Type::stop || type == Type::stop_limit || is_trailing(type);
}
constexpr bool is_touched(Type type) {
  return type == Type::market_if_touched || type == Type::limit_if_touched;
}
constexpr bool is_session(Type type) { return type == Type::on_open || type == Type::on_close; }

// One row of market data. A bar is stamped with its close. Volume 0 without a range: a frozen price, nothing
// trades; below 0: unknown. Spread: the full quoted one in ticks, below 0: unknown. A roll says that `open`
// ticks of the old contract are worth `close` ticks of the new one. A trade: price `open`, lots `volume`,
// aggressor `close` (1 buyer, -1 seller, 0 unknown). A quote: bid `open`, ask `close`, lots at them `low` and
// `high` (below 0: unknown). A mark or index price: `open`. Funding: longs pay shorts `open` * 1e-12 of the
// worth at the mark. Fx: `instrument` is a currency, `close` of it are worth `open` of the account's. Marks
// value, funding and fx settle when their instant's bars are done.
struct MarketEvent {
  enum Kind : std::int64_t { bar = 0, roll = 1, trade = 2, quote = 3, mark = 4, index = 5, funding = 6, fx = 7 };
  Instant at;
  std::int64_t kind;
  std::int64_t instrument;
  Instant start;
  Ticks open, high, low, close;
  Lots volume;
  Ticks spread;
};
static_assert(sizeof(MarketEvent) == 10 * sizeof(std::int64_t));

enum class Reason : std::int64_t {
  none = 0,
  // of Rejected
  duplicate, unknown_instrument, no_quantity, limit_without_price, stop_without_price, bracket_on_exit,
  would_turn, margin,
  // of Cancelled
  asked, oco, flat, nothing_to_reduce,
  // of Charged
  funding, borrow,
  // of Rejected
  no_trail, unusable, no_parent, post_only,
  // of Cancelled
  immediate, missed, parent,
  // of Fill
  uncapped,
  // of Rejected, Cancelled and Fill, when money is short
  not_shortable, no_rate, liquidation, bankrupt,
};

// One row of what the venue says. `accepted`: order, parent (of a leg), instrument, role, side, type, lots,
// price (limit or trigger). `rejected`, `cancelled`: order, reason. `expired`: order. `fill`: order,
// instrument, role, side, type, lots, price, money (fee), filled_at, best, worst, maker, reason (`uncapped`
// where the volume that participation is a share of is unknown). `rolled`: instrument, best (old price),
// price (new), money (fee). `charged`: instrument, money, reason. `settled`: money (cash), lots (how many
// `held` rows follow). `held`: instrument, signed lots. `replaced`: order, lots (all, also those filled),
// price. `triggered`: order, price (the trigger). `balance`, after `held`: currency (in the instrument's
// place), money. `bankrupt`: money (equity); every order is refused from then on. A liquidation is a fill of
// no order, with its reason.
struct Report {
  enum class Kind : std::int64_t {
    accepted = 0, rejected, cancelled, expired, fill, rolled, charged, settled, held, replaced, triggered,
    balance, bankrupt
  };
  Instant at = 0;
  Kind kind = Kind::accepted;
  OrderId order = none;
  OrderId parent = none;
  std::int64_t instrument = none;
  Role role = Role::entry;
  Side side = Side::buy;
  Type type = Type::market;
  Lots lots = 0;
  Ticks price = 0;
  std::int64_t money_e8 = 0;
  Instant filled_at = 0;
  Ticks best = 0;
  Ticks worst = 0;
  std::int64_t maker = 0;
  Reason reason = Reason::none;
};
static_assert(sizeof(Report) == 16 * sizeof(std::int64_t));

// A stop and perhaps a target, one cancelling the other, that come to life with the fill.
struct Bracket {
  Ticks stop;
  std::optional<Ticks> target;
};

// What is asked. `price`: the limit or the trigger. It expires when it arrives after `expires_at`. The rest
// is for who needs it. `limit`: the second price of a stop-limit or limit-if-touched, or the worst that a
// session order takes. `good_until`: its last instant, of GTD, and of DAY (else the end of the UTC day it
// arrives on). `trail` (ticks) or `trail_bps` (of the best price seen, rounded up): how far a trailing
// trigger follows, once the price was at `activation`; `limit_offset`: how far beyond the trigger its limit
// is. `display`: lots an iceberg shows. `group`: not 0, orders of which one's fill ends the others, or with
// `shrinks` makes them smaller by as much. `after`: the order whose first fill brings this one to life.
// `session`: the instant of the open or close it is for (else the first UTC midnight from its arrival on).
struct Order {
  Instant at;
  std::int64_t instrument;
  Side side;
  Type type;
  Role role;
  Lots lots;
  std::optional<Ticks> price;
  std::optional<Bracket> bracket;
  Instant expires_at = forever;
  std::optional<Ticks> limit = std::nullopt;
  Force force = Force::gtc;
  Instant good_until = forever;
  Watch watch = Watch::any;
  Ticks trail = 0;
  std::int64_t trail_bps = 0;
  Ticks limit_offset = 0;
  std::optional<Ticks> activation = std::nullopt;
  Lots display = 0;
  bool post_only = false;
  std::int64_t group = 0;
  bool shrinks = false;
  OrderId after = none;
  Instant session = forever;

  bool reduces() const { return role != Role::entry; }  // can never open or turn a position
};

}  // namespace quorate::exchange
