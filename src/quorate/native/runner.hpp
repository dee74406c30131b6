// A research run: market rows through the exchange to whoever decides, its orders back, and the trades kept.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "exchange.hpp"
#include "limits.hpp"
#include "lines.hpp"

namespace quorate::exchange {

// What floats a strategy sees: currency a tick, base units a lot.
struct Scale {
  double tick;
  double lot;
};

// How large a stance of 1 is: a share of equity, or so many lots where `lots` is not below 0.
struct Size {
  Ratio share;
  Lots lots = none;
};

// From flat to flat in one instrument, in whole numbers: money in 1e-8. `pnl` is after fees; `best` and
// `worst` are the pnl at the fills' own bounds; `entry` and `exit` the worth of all fills of each kind.
struct Trade {
  std::int64_t instrument, side;
  Instant opened_at, closed_at;
  std::int64_t opened_bar, closed_bar;  // bars of this instrument, from 0, within which it filled
  Lots entry_lots, exit_lots;
  std::int64_t entry_e8, exit_e8, pnl_e8, fees_e8, best_e8, worst_e8, exit_role;
  OrderId order;      // that opened it
  Instant exited_at;  // the modelled instant of the last fill, as `opened_at` is of the first
};
static_assert(sizeof(Trade) == 17 * sizeof(std::int64_t));

enum class Status : std::int64_t { never = 0, sent, working, filled, cancelled, rejected, expired };

struct OrderState {
  Status status = Status::never;
  Lots lots = 0;
  Lots filled = 0;
};

inline constexpr OrderId vetoed = -2;  // in place of a number: the limits let no such order out

// What the limits said of one order: lots asked for and let out, 0 when refused; bits of rules; -1: no price.
struct Review {
  std::int64_t at, order, instrument, side, type, role;
  Lots asked, lots;
  Ticks price, stop, target;
  std::int64_t denied, cut;
};
static_assert(sizeof(Review) == 13 * sizeof(std::int64_t));

// Whoever decides. It may call the runner's verbs from within.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_bar(std::size_t subscription, const Stream& stream, std::size_t number) = 0;
  virtual void on_report(const Report& report) = 0;
  virtual void on_timer(std::int64_t timer) = 0;
  virtual void on_tick(const MarketEvent&) {}  // a trade or quote, if `listen_ticks` asked for them
};

// One run over rows that outlive it. Single-threaded. An instant goes: timers that rang before it; the
// exchange; reports; all streams; bars, in the order of subscription; ticks; timers of this very instant.
// Trades and quotes drive an instrument: its bars, which then stand first in their instant, only inform.
class Runner {
 public:
  // Throws std::invalid_argument when rows run backwards or the terms make no sense, and where an instrument
  // that ticks drive rolls or has a bar behind something else of its instant.
  Runner(std::vector<Terms> terms, std::vector<Scale> scales, std::span<const MarketEvent> rows,
         std::int64_t interval_ns, std::int64_t cash_e8, const Rules& rules, Size size);

  // The bars of an instrument; `every_ns` 0: as they come, else longer ones made of them.
  Stream& stream(std::int64_t instrument, std::int64_t every_ns);
  Stream& columns(std::int64_t instrument, std::int64_t every_ns);  // the same, kept as columns
  Line& line(std::int64_t instrument, std::int64_t every_ns, std::string_view indicator,
             std::string_view column);
  std::size_t subscribe(std::int64_t instrument, std::int64_t every_ns);
  void listen(Report::Kind kind) {
    heard_ |= 1U << static_cast<unsigned>(kind);
    if (kind == Report::Kind::settled || kind == Report::Kind::held) exchange_.state(true);
  }
  void listen_ticks() { ticks_heard_ = true; }
  std::int64_t timer(Instant at, std::int64_t every_ns);

  // From now on these limits review every order, and stand the run down when the breaker falls.
  void guard(limits::Limits limits);

  void run(Listener& listener);

  // ---- verbs, of the instant now ----
  // Wants `stance_e6` of the run's size, and returns whether that is a change. The account is brought there by
  // market orders (an exit first, then an entry, which may have a limit and a bracket), sized from equity at
  // this close and not again. While orders are on their way decisions wait; then only the newest counts.
  bool target(std::int64_t instrument, std::int64_t stance_e6, std::optional<Ticks> limit,
              std::optional<Bracket> bracket);
  // Wants nothing of it, and sends out what is held by whatever order; whether anything is.
  bool close(std::int64_t instrument);
  OrderId submit(Order order);

  // Lots of market exits that are on their way: what is held and not among them is still to be left.
  Lots leaving(std::int64_t instrument);
  bool cancel(OrderId id) { return id >= 0 && exchange_.cancel(id, now_); }
  // Throws std::invalid_argument under limits: they reviewed the order as it was.
  bool replace(OrderId id, std::optional<Lots> lots, std::optional<Ticks> price) {
    if (limits_) throw std::invalid_argument("under a rulebook an order stays as it was reviewed");
    return id >= 0 && exchange_.replace(id, now_, lots, price);
  }

  Instant now() const { return now_; }
  const Exchange& exchange() const { return exchange_; }
  const OrderState& state(OrderId id) const {
    static constexpr OrderState refused{Status::rejected, 0, 0};
    return id == vetoed ? refused : states_.at(static_cast<std::size_t>(id));
  }
  Lots held(std::int64_t instrument) const { return exchange_.ledger().lots(place(instrument)); }
  const Trade& open_trade(std::int64_t instrument) const { return open_[place(instrument)]; }
  std::int64_t unrealised_e8(std::int64_t instrument) const;
  double price_of(std::int64_t instrument) const { return scales_[place(instrument)].tick * adjust(instrument); }
  double lot_of(std::int64_t instrument) const { return scales_[place(instrument)].lot; }
  std::int64_t stance_e6(std::int64_t instrument) const { return desires_[place(instrument)].wanted_e6; }

  // ---- what came of it ----
  const std::vector<Report>& reports() const { return kept_; }  // all but accepted, settled and held
  const std::vector<Trade>& trades() const { return trades_; }
  const Room<Instant>& at() const { return at_; }
  const Room<std::int64_t>& equity() const { return equity_; }
  const Room<std::int64_t>& gross() const { return gross_; }
  const std::optional<limits::Limits>& limits() const { return limits_; }
  const std::vector<Review>& reviews() const { return reviews_; }
  std::int64_t orders() const { return orders_; }
  std::int64_t unsized() const { return unsized_; }  // changes of stance too small for one lot
  std::int64_t fees_e8() const { return fees_e8_; }
  double traded_e8() const { return static_cast<double>(traded_e8_); }  // worth of all fills
  std::int64_t charges_e8() const { return charges_e8_; }

 private:
  struct Longer {
    Resampler resampler;
    Stream* stream;
  };
  struct Market {
    Stream* base = nullptr;
    std::deque<Longer> longer;
    double adjust = 1.0;  // what a price of now is worth in the first contract
    std::size_t bars = 0;
    bool driven = false;  // by trades and quotes
    std::vector<std::size_t> told;  // its subscriptions
  };
  struct Timer {
    Instant at;
    std::int64_t every_ns;
  };
  struct Desire {
    std::int64_t wanted_e6 = 0;
    std::int64_t stance_e6 = 0;  // acted on
    std::optional<Ticks> limit;
    std::optional<Bracket> bracket;
    OrderId entry = none, exit = none;  // that the last decision sent
    bool rests = false;                 // its entry has a limit
    bool waits = false;
    std::vector<OrderId> exits;  // at the market, the dead ones swept when somebody asks
  };
  struct Subscription {
    const Stream* stream;
    std::size_t seen;
  };

  std::size_t place(std::int64_t instrument) const;
  double adjust(std::int64_t instrument) const { return markets_[place(instrument)].adjust; }
  Stream& make_stream(std::int64_t instrument, std::int64_t every_ns, std::size_t bars_max);
  Lots sized(std::size_t i, std::int64_t stance_e6) const;
  bool alive(OrderId id) const;
  OrderId leave(std::int64_t instrument, bool is_long, Lots lots);
  bool settled(Desire& desire);
  void decide(std::size_t i);
  void decide_waiting();

  void hear(Listener& listener);
  void watch(std::span<const MarketEvent> rows);
  void obey();
  bool reviewed(Order& order);
  void check_driven() const;
  std::size_t inform(std::size_t first, std::size_t next);
  void tell_ticks(std::span<const MarketEvent> rows, Listener& listener);
  void note(const Report& report);
  void note_fill(const Report& fill);
  void note_roll(const Report& roll);
  void show(const MarketEvent& event);
  void remember(std::size_t i);
  void tell(Listener& listener);
  void ring(Instant until, Listener& listener);
  void sample();
  void revalue(std::span<const MarketEvent> rows);
  void revalue(std::int64_t instrument);
  void check_books() const;

  Exchange exchange_;
  std::vector<Scale> scales_;
  std::span<const MarketEvent> rows_;
  std::size_t shown_ = 0;  // rows that the streams have seen
  std::int64_t interval_ns_;
  Instant longest_ns_;  // that an order or a cancel may be under way
  std::int64_t cash_e8_;
  Size size_;

  std::vector<Market> markets_;
  std::deque<Stream> streams_;
  std::vector<Subscription> subscriptions_;
  std::vector<std::size_t> due_;  // subscriptions of what has been shown at this instant
  std::vector<Timer> timers_;
  Instant timer_due_ = forever;
  unsigned heard_ = 0;
  bool driven_ = false;  // any instrument, by ticks
  bool ticks_heard_ = false;
  Instant now_ = 0;
  bool waiting_ = false;

  std::optional<limits::Limits> limits_;
  std::vector<Review> reviews_;
  std::vector<Desire> desires_;
  std::vector<OrderState> states_;
  std::vector<Report> fresh_, kept_;
  std::vector<Trade> open_, trades_;
  Room<Instant> at_;
  Room<std::int64_t> equity_, gross_;
  std::vector<Wide> worths_;  // by instrument, of what is held; their sum, and that of their sizes
  Wide worth_e8_ = 0, gross_e8_ = 0, traded_e8_ = 0;
  std::int64_t orders_ = 0, unsized_ = 0, fees_e8_ = 0, charges_e8_ = 0;
};

}  // namespace quorate::exchange
