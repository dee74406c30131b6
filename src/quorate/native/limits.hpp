// The rulebook's numeric limits, compiled: the same answers as the Python shield, to the lot and the rule.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "watch.hpp"

namespace quorate::limits {

enum class Breaker : std::int64_t { normal = 0, reducing = 1, halted = 2 };

// The built-in limits in the order of review, and what else moves the breaker.
enum class Rule : std::int64_t {
  units, terms, once, direction, stop, target, last_bar, collar, slip_of_size, trade, position, gross, net,
  leverage, open_positions, instrument_cap, stop_risk, contracts, margin, daily_loss, drawdown, hour_loss,
  streak, minute, duplicate, breaker_down,
  halt, resume, approved_only, books
};
inline constexpr std::size_t rule_count = 26;
inline constexpr std::size_t first_of_entries = 4;  // from here on a rule lets pass what only reduces
inline constexpr std::uint32_t every_rule = (1U << rule_count) - 1;
constexpr std::uint32_t bit_of(Rule rule) { return 1U << static_cast<unsigned>(rule); }

// A share of equity, and at most an amount of money.
struct Cap {
  Ratio share;
  std::optional<std::int64_t> money_e8;

  // The cap in 1e-8, rounded down; zero when equity is.
  Wide of(std::int64_t equity_e8) const {
    const Wide whole = multiply(std::max<std::int64_t>(equity_e8, 0), share.numerator);
    const Wide cap = divide(whole, share.denominator).quotient;
    return money_e8 && *money_e8 < cap ? Wide{*money_e8} : cap;
  }

  // Whether 1e-8 are within the cap; the same by multiplying, which is faster.
  bool holds(Wide needed_e8, std::int64_t equity_e8) const {
    if (money_e8 && needed_e8 > *money_e8) return false;
    const Wide whole = multiply(std::max<std::int64_t>(equity_e8, 0), share.numerator);
    return multiply(needed_e8, share.denominator) <= whole;
  }

  // Whether the loss from a base is at the cap or beyond, or nothing is left to lose.
  bool reached(std::int64_t equity_e8, std::int64_t base_e8) const {
    if (equity_e8 <= 0 || base_e8 <= 0) return true;
    const Wide loss = Wide{base_e8} - equity_e8;
    if (multiply(loss, share.denominator) >= multiply(base_e8, share.numerator)) return true;
    return money_e8 && loss >= *money_e8;
  }
};

// A rulebook in plain numbers: one member for each of its keys.
struct Numbers {
  std::int64_t approval_ttl_s;
  std::int64_t stop_ticks_min;
  Cap trade, position, gross, net, leverage;
  std::int64_t positions_max;
  Cap stop_risk;
  std::int64_t contracts_max;
  Cap margin;
  Cap day, drawdown, hour;
  std::int64_t streak_max, streak_pause_s;
  std::int64_t orders_per_minute_max, duplicate_window_s;
  Ratio collar;
  Cap order;
  std::int64_t bars_old_max;
};

// What the limits know of an instrument. `lot`: base units of one lot. `lots_max`: its own cap, 0 for none.
struct Traded {
  Terms terms;
  Ratio lot;
  bool is_future;
  Lots lots_max;
};

// An order before it is sent. `reference`: the price it was decided at.
struct Asked {
  OrderId id;
  Instant at;
  std::int64_t instrument;
  Side side;
  Type type;
  Role role;
  Lots lots;
  Ticks reference;
  std::optional<Ticks> limit, trigger, stop, target;

  bool reduces() const { return role != Role::entry; }
  std::int64_t sign() const { return sign_of(side); }
};

// The order of the exchange as a question to the limits.
Asked asked_of(OrderId id, const Order& order, Ticks reference);

// `lots`: what may be sent, 0 when refused. `denied`, `cut`: the rules that did, as bits by their number.
struct Answer {
  bool allowed;
  Lots lots;
  std::uint32_t denied, cut;
};

struct Move {
  Instant at;
  Breaker before, after;
  Rule rule;
};

// What a desk must do once the breaker has fallen: cancel its entries; or leave: close all positions too.
enum class Duty : std::int64_t { none = 0, cancel_entries = 1, leave = 2 };

// Limits, breaker and reservations of one desk in one currency, as a fold over its events and approvals.
// Feed it in the desk's order: the reports of an instant, people, rolls, bars, then `instant_closed`.
//
// std::invalid_argument means wrong input, and leaves everything as it was. A number beyond 63 bits (127
// between them) and reports that contradict each other never throw: they halt the desk. Within a review that
// denies the order; in the account it denies every order from then on, and `failure` says why.
class Limits {
 public:
  // `cool_down`: an automatic operator resumes so long after a fall, unless that is after `until`.
  // Throws std::invalid_argument for numbers that make no sense.
  Limits(std::vector<Traded> traded, const Numbers& numbers, std::int64_t cash_e8,
         std::optional<Instant> cool_down = std::nullopt, Instant until = forever);

  void on(const MarketEvent& event);
  void on(const Report& report);
  void instant_closed(Instant at);
  void halt(Instant at);
  // People take the breaker up; losses so far count no more. False when it was up already, or cannot be.
  bool resume(Instant at);

  // The automatic operator: when it will resume, `forever` for never; and its resume if that is due.
  Instant resume_at() const { return resume_at_; }
  void operate(Instant until);

  // Every rule on one order. Too large, it is cut to the smallest room and asked again, once. An approval
  // reserves the order; a refusal leaves everything as it was.
  Answer review(const Asked& asked);
  Answer review(OrderId id, const Order& order, Ticks reference) {
    return review(asked_of(id, order, reference));
  }

  // When an order approved now must have arrived.
  Instant expires_at(Instant at) const {
    const Wide expires = at + Wide{numbers_.approval_ttl_s} * second_ns;
    return expires < forever ? static_cast<Instant>(expires) : forever;
  }

  // False when a cancel would leave held lots without a working stop.
  bool may_cancel(OrderId order) const;

  // What the events since the last call ask of the desk, taken. Cancels go to `entries`, unless `may_cancel`
  // refuses; exits to every instrument that is held and not `closing`.
  Duty duty() { return std::exchange(duty_, Duty::none); }
  bool halted_now() const { return duty_ == Duty::leave; }
  std::vector<OrderId> entries() const;  // working entries, as numbered

  Breaker breaker() const { return breaker_; }
  const std::vector<Move>& moves() const { return moves_; }
  const std::string& failure() const { return failure_; }
  const Account& account() const { return account_; }
  const EquityWatch& watch() const { return watch_; }
  const Reservations& orders() const { return orders_; }
  std::int64_t losses_in_a_row() const { return losses_in_a_row_; }
  Instant last_loss_at() const { return last_loss_at_; }
  std::size_t size() const { return traded_.size(); }

 private:
  struct LastBar {
    Instant at = 0, start = 0;
    Ticks close = 0;
    bool seen = false;
  };
  struct Finding {  // small enough to be returned in registers
    enum { allow, deny, reduce } answer;
    Lots lots = 0;
  };
  static Finding cut_to(Wide lots) {  // no room for a single lot denies
    if (lots <= 0) return {Finding::deny};
    return {Finding::reduce, fits(lots) ? static_cast<Lots>(lots) : int64_max};
  }
  struct Findings {
    std::uint32_t denied = 0, cut = 0;
    Lots lots;
  };
  struct Sides {
    Wide buy, sell;
  };
  struct Totals {
    Wide gross = 0, net_buy = 0, net_sell = 0, futures_margin = 0;
    std::int64_t open = 0;
  };
  using Check = Finding (Limits::*)(const Asked&) const;
  static const std::array<Check, rule_count> checks;

  template <typename Work>
  void guarded(Instant at, Work&& work);
  void check_time(Instant at) const;
  std::size_t place_of(std::int64_t instrument) const;
  void fold(const Report& report);
  void fold_fill(const Report& report);
  void fail(const char* why);
  void down(Instant at, Breaker to, Rule rule);
  void move(Instant at, Breaker to, Rule rule);
  void rebase();

  Findings ask(const Asked& asked);
  Finding find(std::size_t rule, const Asked& asked);

  // What is held and asked for. An instrument counts with the larger of its two sides; hedges that only
  // work, or whose exit works, are not counted on.
  Wide on_side(const Asked& asked) const { return on_side(place(asked), asked.side); }
  Wide on_side(std::size_t i, Side side) const;
  Lots larger_side(std::size_t i) const;
  Sides sides_e8(std::size_t i) const;
  Wide margin_e8(std::size_t i) const;
  const Totals& totals() const;

  static std::size_t place(const Asked& asked) { return static_cast<std::size_t>(asked.instrument); }
  const Traded& traded(const Asked& asked) const { return traded_[place(asked)]; }
  Ticks last_close(const Asked& asked) const { return bars_[place(asked)].close; }
  Ticks highest_price(const Asked& asked) const;
  Ticks worst_entry(const Asked& asked) const;
  Finding within(const Cap& cap, const Asked& asked, Wide before, Wide others) const;
  Finding fits_gross(const Cap& cap, const Asked& asked) const;

  Finding units(const Asked& asked) const;
  Finding terms(const Asked& asked) const;
  Finding once(const Asked& asked) const;
  Finding direction(const Asked& asked) const;
  Finding stop(const Asked& asked) const;
  Finding target(const Asked& asked) const;
  Finding last_bar(const Asked& asked) const;
  Finding collar(const Asked& asked) const;
  Finding slip_of_size(const Asked& asked) const;
  Finding trade(const Asked& asked) const;
  Finding position(const Asked& asked) const;
  Finding gross(const Asked& asked) const;
  Finding net(const Asked& asked) const;
  Finding leverage(const Asked& asked) const;
  Finding open_positions(const Asked& asked) const;
  Finding instrument_cap(const Asked& asked) const;
  Finding stop_risk(const Asked& asked) const;
  Finding contracts(const Asked& asked) const;
  Finding margin(const Asked& asked) const;
  Finding daily_loss(const Asked& asked) const;
  Finding drawdown(const Asked& asked) const;
  Finding hour_loss(const Asked& asked) const;
  Finding streak(const Asked& asked) const;
  Finding minute(const Asked& asked) const;
  Finding duplicate(const Asked& asked) const;
  Finding breaker_down(const Asked& asked) const;

  std::vector<Traded> traded_;
  Numbers numbers_;
  Account account_;
  Reservations orders_;
  EquityWatch watch_;
  Sent sent_;
  std::vector<LastBar> bars_;
  Instant at_ = -int64_max;
  std::int64_t losses_in_a_row_ = 0;
  Instant last_loss_at_ = Sent::long_ago;

  Breaker breaker_ = Breaker::normal;
  std::vector<Move> moves_;
  Duty duty_ = Duty::none;
  std::optional<Instant> cool_down_;
  Instant until_;
  Instant resume_at_ = forever;

  mutable std::optional<Totals> totals_;  // added up once a review
  std::int64_t told_held_ = 0;            // rows of `held` still to come after `settled`
  std::int64_t busy_ = none;              // the instrument that a failure was about
  std::string failure_;
};

}  // namespace quorate::limits
