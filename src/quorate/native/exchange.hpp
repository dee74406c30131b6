// The native exchange: takes orders, lets the bars of one instant after another fill them, and reports.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "events.hpp"
#include "ledger.hpp"
#include "matching.hpp"

namespace quorate::exchange {

// A simulated exchange over bars, deterministic and single-threaded: the owner serialises calls. Orders and
// cancels arrive `latency_ns` after they were sent; an order only ever meets a bar that closes after it
// arrived. At the open exits go before entries; within a bar stops go before limits.
//
// std::invalid_argument means wrong input, and leaves everything as it was. Overflow (a number that cannot be
// kept exactly, with the order or instrument it was) closes the exchange: every later call throws it again.
class Exchange {
 public:
  // Throws std::invalid_argument when a ratio or the latency makes no sense.
  Exchange(std::vector<Terms> terms, std::int64_t cash_e8, Instant latency_ns);
  Exchange(const Exchange&) = delete;  // the ledger reads the terms in place
  Exchange& operator=(const Exchange&) = delete;

  // Sends an order. What becomes of it is reported when it arrives; a refusal too.
  OrderId submit(const Order& order);

  // Answers an order that bears the identity of one seen before: a rejection on arrival.
  void duplicate(OrderId known, Instant at);

  // Asks for an order to stop working. False when it has ended or a cancel is under way already. Throws
  // std::invalid_argument for an order that never was.
  bool cancel(OrderId id, Instant at);

  // Takes all bars and rolls of the next instant, rolls first whatever their place, and appends to `out` all
  // reports up to and of this instant. Allocates nothing when nothing happens.
  void advance(std::span<const MarketEvent> events, std::vector<Report>& out);

  // The same for a whole block, instant after instant. A bad row is found before anything is done.
  void run(std::span<const MarketEvent> events, std::vector<Report>& out);

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
    ++head_;
  }
  Instant now() const { return at_; }
  std::size_t working() const { return pool_.size() - free_.size(); }
  const Ledger& ledger() const { return ledger_; }
  const std::vector<Terms>& terms() const { return terms_; }

 private:
  struct Market {
    Friction friction;
    std::vector<Slot> book;  // working orders as submitted
    std::int64_t day = -1;   // UTC day of the last bar
  };
  struct Meeting {
    Slot slot;
    std::size_t offer;
    Path path;
  };

  template <typename Work>
  void guarded(Work&& work);
  std::string culprit() const;
  void check(const MarketEvent& event, std::size_t row) const;
  void check_now(Instant at, const char* what) const;
  Instant arrival_of(Instant at) const;

  void wait(const Report& report);
  void withdraw_cancel(OrderId id);
  void tell(const Report& report) { out_->push_back(report); }
  void tell_end(Report::Kind kind, OrderId id, Reason reason);

  Reason refusal(const Order& order) const;
  Slot accept(const Working& order, Instant at, bool now);
  void retire(Working& order);
  void end(Working& order);
  void end(Working& order, Report::Kind kind, Reason reason);

  void step(std::span<const MarketEvent> events);
  void carry(const MarketEvent& roll);
  void charge(std::size_t i, Market& market, std::int64_t day);
  void settle();

  void gather(Market& market, const MarketEvent& bar);
  void match();
  void meet_one(const Meeting& meeting, const Path& path, std::vector<Meeting>& legs);
  Instant fill(Working& order, const Offer& offer, const Path& path, const Outcome& outcome,
               Lots lots, std::int64_t fee_e8);
  void flatten(std::size_t instrument);
  void protect(const Working& entry, Instant filled_at, std::size_t offer, const Path& path,
               std::vector<Meeting>& legs);

  std::vector<Terms> terms_;
  Ledger ledger_;
  Instant latency_ns_;
  std::vector<Market> markets_;
  Instant at_ = -1;
  bool unsettled_ = false;

  std::vector<Working> pool_;  // slots are reused once the instant in which their order ended is over
  std::vector<Slot> free_, retired_;
  std::vector<Slot> slots_;  // by OrderId: the slot, or what became of it
  std::int64_t accepted_ = 0;

  std::vector<Report> waiting_;  // reports on their way, by (instant, order of sending), from head_ on
  std::size_t head_ = 0;
  std::vector<Report>* out_ = nullptr;

  std::vector<Offer> offers_;  // of this instant
  std::vector<Meeting> meetings_, legs_;

  OrderId busy_order_ = none;  // what an Overflow was about
  std::int64_t busy_instrument_ = none;
  std::string failure_;
};

}  // namespace quorate::exchange
