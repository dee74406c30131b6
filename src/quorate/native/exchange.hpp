// The native exchange: takes orders, lets the market of one instant after another fill them, and reports.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "events.hpp"
#include "ladder.hpp"
#include "ledger.hpp"
#include "margin.hpp"
#include "matching.hpp"
#include "rules.hpp"

namespace quorate::exchange {

// A simulated exchange over bars, trades and quotes, deterministic and single-threaded: the owner serialises
// calls. Orders and cancels arrive some time after they were sent; an order only ever meets a row stamped
// after it arrived. At the open exits go before entries; within a bar stops go before limits. Trades and
// quotes of an instant are met one after another, as they stand, and before its bars. Where volume is shared
// out, limits at better prices go first, then who came first.
//
// std::invalid_argument means wrong input, and leaves everything as it was. Overflow (a number that cannot be
// kept exactly, with the order or instrument it was) closes the exchange: every later call throws it again.
class Exchange {
 public:
  // Throws std::invalid_argument when a ratio or the latency makes no sense.
  Exchange(std::vector<Terms> terms, std::int64_t cash_e8, Instant latency_ns);
  Exchange(std::vector<Terms> terms, std::int64_t cash_e8, Rules rules);
  Exchange(const Exchange&) = delete;  // the ledger reads the terms in place
  Exchange& operator=(const Exchange&) = delete;

  // Sends an order. What becomes of it is reported when it arrives; a refusal too.
  OrderId submit(const Order& order);

  // Answers an order that bears the identity of one seen before: a rejection on arrival.
  void duplicate(OrderId known, Instant at);

  // Asks for an order to stop working. False when it has ended or a cancel is under way already. Throws
  // std::invalid_argument for an order that never was.
  bool cancel(OrderId id, Instant at);

  // Asks for an order to go on with other lots (in all, with those filled), another price, or both. It keeps
  // its place in the queue only when nothing but its lots become fewer. With no lots left to fill it is
  // cancelled. False when nothing will come of it. Throws std::invalid_argument for an order that never was,
  // for no lots, and for a price of one that has none of its own (market, session and trailing orders).
  bool replace(OrderId id, Instant at, std::optional<Lots> lots, std::optional<Ticks> price);

  // Takes all rows of the next instant, rolls first whatever their place, and appends to `out` all
  // reports up to and of this instant. Allocates nothing when nothing happens.
  void advance(std::span<const MarketEvent> events, std::vector<Report>& out);

  // Takes the only row of the next instant where it is a bar at which the price moves on and nothing else can
  // happen, as `advance` would. False, and nothing is done, where more might: then `advance` takes it.
  bool pass(const MarketEvent& bar) {
    if (bar.kind != MarketEvent::bar || static_cast<std::uint64_t>(bar.instrument) >= markets_.size()) return false;
    const auto i = static_cast<std::size_t>(bar.instrument);
    const Market& market = markets_[i];
    const bool follows = bar.at > at_ && bar.at < forever;
    const bool today = static_cast<std::uint64_t>(bar.at - market.day * day_ns) < day_ns;  // no financing is due
    const bool busy = head_ < waiting_.size() || !changes_.empty() || !market.book.empty() || !retired_.empty() ||
                      orphans_ || unsettled_ || margin_.watched() || !failure_.empty();
    if (!follows || !today || busy) return false;
    at_ = bar.at;
    ledger_.mark(i, bar.close);
    return true;
  }

  // Whether cash and what is held are stated (`settled`, `held`) after each instant that changed them.
  void state(bool wanted) { states_ = wanted; }

  // The same for a whole block, instant after instant. A bad row is found before anything is done.
  void run(std::span<const MarketEvent> events, std::vector<Report>& out);

  // Pays money of any currency into the account. Throws std::invalid_argument for an unknown one.
  void deposit(std::int64_t currency, std::int64_t amount_e8);

  // Appends the reports on their way that are due at or before an instant.
  void drain(Instant until, std::vector<Report>& out);

  // Whether an order, or a leg, ever was.
  bool knows(OrderId id) const;
  // The instant of the first report on its way; `forever` when there is none.
  Instant due() const { return head_ < waiting_.size() ? waiting_[head_].at : forever; }
  // The first report on its way, or none.
  const Report* head() const { return head_ < waiting_.size() ? &waiting_[head_] : nullptr; }
  // Takes it. Throws std::invalid_argument when there is none.
  void take() {
    if (head() == nullptr) throw std::invalid_argument("there is no report on its way");
    if (++head_ < waiting_.size()) return;
    waiting_.clear();
    head_ = 0;
  }
  Instant now() const { return at_; }
  std::size_t working() const { return pool_.size() - free_.size(); }
  const Ledger& ledger() const { return ledger_; }
  const std::vector<Terms>& terms() const { return terms_; }
  const Margin& margin() const { return margin_; }
  bool is_bankrupt() const { return bankrupt_; }

 private:
  struct Market {
    Friction friction;
    std::vector<Slot> book;  // working orders as submitted
    Ladder ladder = {};      // the same by price, while they are many
    Instant soonest = forever;  // no order of the book is over before
    std::int64_t day = -1;   // UTC day of the last bar
    Instant seen = -1;       // the last trade or quote
    bool funded = false;     // by rows, no more by a fixed rate
  };
  // `again`: an iceberg's second turn at the same moment, for whatever the others left.
  struct Meeting {
    Slot slot;
    std::size_t offer;
    Path path;
    bool again = false;
  };
  enum class Part { opening, rest, tick };  // of a row that orders meet
  struct Change {
    Instant at;
    OrderId order;
    std::optional<Lots> lots;
    std::optional<Ticks> price;
  };

  template <typename Work>
  void guarded(Work&& work);
  std::string culprit() const;
  void check(const MarketEvent& event, std::size_t row) const;
  void check_now(Instant at, const char* what) const;
  Instant arrival_of(Instant at, OrderId id, std::uint64_t purpose) const;
  Working& at_slot(Slot slot) { return pool_[static_cast<std::size_t>(slot)]; }
  Working* alive(OrderId id);

  // What is told.
  void wait(const Report& report);
  template <typename Which>
  void withdraw(Which&& which);
  void tell(const Report& report) { out_->push_back(report); }
  void tell_end(Report::Kind kind, OrderId id, Reason reason);

  // An order's life.
  Reason refusal(const Order& order) const;
  Reason special_refusal(const Order& order) const;
  void prepare(Working& working, const Order& order);
  void arrive();
  void change(const Change& change);
  void stand_last(Working& order);
  Slot accept(const Working& order, Instant at, bool now);
  void retire(Working& order);
  void end(Working& order);
  void end(Working& order, Report::Kind kind, Reason reason);
  void refuse_rest(Working& order, Reason reason);
  void end_orphans();
  std::vector<Slot> family_of(std::int64_t group, OrderId after);

  // The course of an instant.
  void step(std::span<const MarketEvent> events);
  void roll(const MarketEvent& event);
  void carry(const MarketEvent& roll);
  void charge(std::size_t i, Market& market, std::int64_t day);
  void settle();
  void state_holdings();
  void tick(const MarketEvent& event);
  bool value(std::span<const MarketEvent> events);

  // What money does besides trades.
  void check_money(const MarketEvent& event, std::size_t row) const;
  void revalue(std::span<const MarketEvent> events);
  void fund(const MarketEvent& row);
  Reason unpayable(std::size_t instrument) const;
  void guard(Phase phase);
  bool forestalled(const Working& order, const Offer& offer, const Path& path, const Outcome& outcome);
  void liquidate(std::size_t i, Phase phase);
  void withdraw_entries();
  void close_account(std::int64_t equity_e8);

  // Matching.
  void gather(Market& market, const MarketEvent& bar);
  void gather_all(Market& market, const Offer& offer);
  void gather_deep(Market& market, const Offer& offer);
  void gather_tick(Market& market, const MarketEvent& event);
  void watch_tick(Market& market, const MarketEvent& event);
  void match();
  void match_tick();
  void sort(bool opening);
  void meet_one(const Meeting& meeting, const Path& path, Part part);
  std::optional<Outcome> meet_special(Working& order, Offer& offer, Path& path, Part part, bool& over);
  std::optional<Outcome> meet_session(const Working& order, const Offer& offer, Path& path, Part part,
                                      bool& over) const;
  void execute(const Meeting& meeting, const Offer& offer, const Path& path, Outcome outcome);
  void trade(Working& order, Lots lots, Lots most, const Outcome& outcome, std::int64_t fee_e8,
             Instant filled_at, bool uncapped);
  void shrink(Working& order, Lots lots);
  void flatten(std::size_t instrument);
  void protect(const Working& entry, Lots lots, Instant filled_at, std::size_t offer, const Path& path);
  void release(OrderId parent, Instant filled_at, std::size_t offer, const Path& path);

  // Triggers.
  std::optional<Path> awaken(Working& order, const Offer& offer, const Path& path, Part part);
  std::optional<Path> follow(Working& order, const Offer& offer, const Path& path, Part part);
  void trigger(Working& order, Instant at);

  std::vector<Terms> terms_;
  Ledger ledger_;
  Margin margin_;
  Rules rules_;
  bool capped_, impacts_;  // whether participation and impact count at all
  std::vector<Market> markets_;
  Instant at_ = -1;
  bool unsettled_ = false;
  bool states_ = true;
  bool bankrupt_ = false;

  std::vector<Working> pool_;  // slots are reused once the instant in which their order ended is over
  std::vector<Slot> free_, retired_;
  std::vector<Slot> slots_;  // by OrderId: the slot, or what became of it
  std::int64_t accepted_ = 0;
  std::vector<Change> changes_;  // on their way, by (instant, order of sending)
  bool orphans_ = false;  // whether an order ended while others waited for it

  std::vector<Report> waiting_;  // reports on their way, by (instant, order of sending), from head_ on
  std::size_t head_ = 0;
  std::vector<Report>* out_ = nullptr;

  std::vector<Offer> offers_;  // of this instant
  std::vector<Meeting> meetings_, legs_;
  MarketEvent moment_ = {};  // a trade or a quote as a bar

  OrderId busy_order_ = none;  // what an Overflow was about
  std::int64_t busy_instrument_ = none;
  std::string failure_;
};

// What slots_ holds for an order that has no slot.
inline constexpr Slot never = -1;  // a leg that has not come to life
inline constexpr Slot ended = -2;

template <typename Work>
void Exchange::guarded(Work&& work) {
  if (!failure_.empty()) throw Overflow(failure_);
  busy_order_ = busy_instrument_ = none;
  try {
    work();
  } catch (const Overflow& error) {
    failure_ = culprit() + ": " + error.what() + "; the exchange is closed";
    throw Overflow(failure_);
  }
}

template <typename Which>
void Exchange::withdraw(Which&& which) {
  const auto first = waiting_.begin() + static_cast<std::ptrdiff_t>(head_);
  waiting_.erase(std::remove_if(first, waiting_.end(), which), waiting_.end());
}

}  // namespace quorate::exchange
