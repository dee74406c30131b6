// The life of an order from arrival to end, and the course of an instant: rolls, financing, matching, marks.
#include "exchange.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace quorate::exchange {
namespace {

// What slots_ holds for an order that has no slot.
constexpr Slot never = -1;  // a leg that has not come to life
constexpr Slot ended = -2;

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument(why); }

void check_next(Instant at, Instant last, std::size_t row) {
  if (at > last && at < forever) return;
  refuse("row " + std::to_string(row) + ": instant " + std::to_string(at) + " cannot come after " +
         std::to_string(last));
}

void check_ratio(const Terms& terms, const char* what, const Ratio& ratio, std::int64_t least) {
  if (ratio.denominator > 0 && ratio.numerator >= least) return;
  refuse("instrument " + terms.name + ": " + what + " must not be " + std::to_string(ratio.numerator) + "/" +
         std::to_string(ratio.denominator));
}

void check_terms(const Terms& terms) {
  check_ratio(terms, "worth", terms.worth, 1);
  check_ratio(terms, "half_spread", terms.half_spread, 0);
  check_ratio(terms, "slippage", terms.slippage, 0);
  check_ratio(terms, "taker", terms.taker, 0);
  check_ratio(terms, "maker", terms.maker, -int64_max);
  check_ratio(terms, "commission", terms.commission, 0);
  check_ratio(terms, "financing", terms.financing, 0);
  check_ratio(terms, "margin", terms.margin, 1);
}

}  // namespace

Exchange::Exchange(std::vector<Terms> terms, std::int64_t cash_e8, Instant latency_ns)
    : terms_(std::move(terms)), ledger_(terms_, cash_e8), latency_ns_(latency_ns) {
  if (latency_ns < 0) refuse("latency_ns must not be negative, but is " + std::to_string(latency_ns));
  for (const Terms& each : terms_) {
    check_terms(each);
    markets_.push_back({Friction(each), {}, -1});
  }
}

// ---- failing closed ------------------------------------------------------------------------------------

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

std::string Exchange::culprit() const {
  if (busy_instrument_ == none) return "the account";
  const std::string& name = terms_[static_cast<std::size_t>(busy_instrument_)].name;
  return busy_order_ == none ? "instrument " + name
                             : "order " + std::to_string(busy_order_) + " of " + name;
}

void Exchange::check(const MarketEvent& event, std::size_t row) const {
  const auto count = static_cast<std::uint64_t>(terms_.size());
  const bool known = static_cast<std::uint64_t>(event.instrument) < count;
  if (known && (event.kind == MarketEvent::bar || event.kind == MarketEvent::roll)) return;
  const char* what = known ? "kind" : "instrument";
  const std::int64_t value = known ? event.kind : event.instrument;
  refuse("row " + std::to_string(row) + ": " + what + " " + std::to_string(value) + " is not known here");
}

void Exchange::check_now(Instant at, const char* what) const {
  if (at >= at_) return;
  refuse(std::string(what) + " is of " + std::to_string(at) + ", the market is at " + std::to_string(at_));
}

Instant Exchange::arrival_of(Instant at) const {
  const Wide arrival = Wide{at} + latency_ns_;
  if (arrival >= forever) refuse("instant " + std::to_string(at) + " is too late: nothing would arrive");
  return static_cast<Instant>(arrival);
}

bool Exchange::knows(OrderId id) const {
  const auto place = static_cast<std::uint64_t>(id);  // a negative one wraps to one there never is
  return place < slots_.size() && slots_[place] != never;
}

// ---- reports -------------------------------------------------------------------------------------------

void Exchange::wait(const Report& report) {
  // Nearly always the last: delays are constant, and orders are sent as time goes on.
  const auto later = [](Instant at, const Report& other) { return at < other.at; };
  const auto first = waiting_.begin() + static_cast<std::ptrdiff_t>(head_);
  waiting_.insert(std::upper_bound(first, waiting_.end(), report.at, later), report);
}

void Exchange::withdraw_cancel(OrderId id) {
  const auto first = waiting_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto gone = std::find_if(first, waiting_.end(), [id](const Report& report) {
    return report.kind == Report::Kind::cancelled && report.order == id;
  });
  if (gone != waiting_.end()) waiting_.erase(gone);
}

void Exchange::drain(Instant until, std::vector<Report>& out) {
  while (head_ < waiting_.size() && waiting_[head_].at <= until) out.push_back(waiting_[head_++]);
  if (head_ == waiting_.size() || head_ >= 4096) {  // rarely: what was taken must not pile up
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void Exchange::tell_end(Report::Kind kind, OrderId id, Reason reason) {
  tell({.at = at_, .kind = kind, .order = id, .reason = reason});
}

// ---- orders --------------------------------------------------------------------------------------------

Reason Exchange::refusal(const Order& order) const {
  if (order.instrument < 0 || static_cast<std::size_t>(order.instrument) >= terms_.size()) {
    return Reason::unknown_instrument;
  }
  if (order.lots <= 0) return Reason::no_quantity;
  if (order.type == Type::limit && !order.price) return Reason::limit_without_price;
  if (order.type == Type::stop && !order.price) return Reason::stop_without_price;
  return order.bracket && order.reduces() ? Reason::bracket_on_exit : Reason::none;
}

OrderId Exchange::submit(const Order& order) {
  OrderId id = none;
  guarded([&] {
    check_now(order.at, "an order");
    const Instant arrival = arrival_of(order.at);
    id = static_cast<OrderId>(slots_.size());
    slots_.insert(slots_.end(), {ended, never, never});
    const Reason reason = refusal(order);
    if (reason != Reason::none) {
      wait({.at = arrival, .kind = Report::Kind::rejected, .order = id, .reason = reason});
    } else if (arrival > order.expires_at) {
      wait({.at = arrival, .kind = Report::Kind::expired, .order = id});
    } else {
      Working working{.id = id, .number = 0, .arrival = arrival,
                      .instrument = static_cast<std::size_t>(order.instrument), .lots = order.lots,
                      .bracket = order.bracket, .side = order.side, .type = order.type, .role = order.role};
      if (order.type != Type::market) working.price = *order.price;
      accept(working, arrival, false);
    }
  });
  return id;
}

void Exchange::duplicate(OrderId known, Instant at) {
  guarded([&] {
    check_now(at, "an order");
    if (!knows(known)) refuse("there never was an order " + std::to_string(known));
    wait({.at = arrival_of(at), .kind = Report::Kind::rejected, .order = known, .reason = Reason::duplicate});
  });
}

bool Exchange::cancel(OrderId id, Instant at) {
  bool asked = false;
  guarded([&] {
    check_now(at, "a cancel");
    if (!knows(id)) refuse("there never was an order " + std::to_string(id) + " to cancel");
    const Slot slot = slots_[static_cast<std::size_t>(id)];
    if (slot == ended) return;
    Working& order = pool_[static_cast<std::size_t>(slot)];
    if (order.until != forever) return;
    order.until = arrival_of(at);
    wait({.at = order.until, .kind = Report::Kind::cancelled, .order = id, .reason = Reason::asked});
    asked = true;
  });
  return asked;
}

Slot Exchange::accept(const Working& order, Instant at, bool now) {
  Slot slot = static_cast<Slot>(pool_.size());
  if (free_.empty()) {
    pool_.push_back(order);
  } else {
    slot = free_.back();
    free_.pop_back();
    pool_[static_cast<std::size_t>(slot)] = order;
  }
  pool_[static_cast<std::size_t>(slot)].number = ++accepted_;
  slots_[static_cast<std::size_t>(order.id)] = slot;
  markets_[order.instrument].book.push_back(slot);
  const OrderId place = order.id % family;
  const Report report{.at = at, .kind = Report::Kind::accepted, .order = order.id,
                      .parent = place == 0 ? none : order.id - place,
                      .instrument = static_cast<std::int64_t>(order.instrument), .role = order.role,
                      .side = order.side, .type = order.type, .lots = order.lots, .price = order.price};
  now ? tell(report) : wait(report);
  return slot;
}

// The order works no more: nothing finds it again, and its slot is free after this instant.
void Exchange::retire(Working& order) {
  order.done = true;
  if (order.sibling != no_slot) pool_[static_cast<std::size_t>(order.sibling)].sibling = no_slot;
  retired_.push_back(std::exchange(slots_[static_cast<std::size_t>(order.id)], ended));
}

// The same for one that is not being swept from its book anyway; a cancel still on its way finds nothing.
void Exchange::end(Working& order) {
  std::vector<Slot>& book = markets_[order.instrument].book;
  book.erase(std::find(book.begin(), book.end(), slots_[static_cast<std::size_t>(order.id)]));
  if (order.until != forever) withdraw_cancel(order.id);
  retire(order);
}

void Exchange::end(Working& order, Report::Kind kind, Reason reason) {
  end(order);
  tell_end(kind, order.id, reason);
}

// ---- the course of an instant --------------------------------------------------------------------------

void Exchange::advance(std::span<const MarketEvent> events, std::vector<Report>& out) {
  if (events.empty()) return;
  guarded([&] {
    const Instant at = events[0].at;
    check_next(at, at_, 0);
    for (std::size_t row = 0; row < events.size(); ++row) {
      check(events[row], row);
      if (events[row].at != at) refuse("row " + std::to_string(row) + ": another instant than row 0");
    }
    out_ = &out;
    step(events);
  });
}

void Exchange::run(std::span<const MarketEvent> events, std::vector<Report>& out) {
  guarded([&] {
    Instant last = at_;
    for (std::size_t row = 0; row < events.size(); ++row) {
      check(events[row], row);
      if (row == 0 || events[row].at != last) check_next(events[row].at, last, row);
      last = events[row].at;
    }
    out_ = &out;
    for (std::size_t first = 0, next = 0; first < events.size(); first = next) {
      while (next < events.size() && events[next].at == events[first].at) ++next;
      step(events.subspan(first, next - first));
    }
  });
}

void Exchange::step(std::span<const MarketEvent> events) {
  const Instant at = events[0].at;
  if (head_ < waiting_.size()) drain(at, *out_);
  at_ = at;
  const std::int64_t day = at / day_ns;
  for (const MarketEvent& event : events) {
    if (event.kind == MarketEvent::roll) carry(event);
  }
  for (const MarketEvent& bar : events) {
    if (bar.kind != MarketEvent::bar) continue;
    const auto i = static_cast<std::size_t>(bar.instrument);
    Market& market = markets_[i];
    if (market.day != day) charge(i, market, day);
    const bool frozen = bar.volume == 0 && bar.high <= bar.low;  // nothing trades
    if (!market.book.empty() && !frozen) gather(market, bar);
  }
  if (!meetings_.empty()) match();
  offers_.clear();
  for (const MarketEvent& bar : events) {
    if (bar.kind == MarketEvent::bar) ledger_.mark(static_cast<std::size_t>(bar.instrument), bar.close);
  }
  if (unsettled_) settle();
  if (!retired_.empty()) {
    free_.insert(free_.end(), retired_.begin(), retired_.end());
    retired_.clear();
  }
}

// ---- matching ------------------------------------------------------------------------------------------

// The arrived orders that the bar reaches at all; cancelled ones leave the book, reported already.
void Exchange::gather(Market& market, const MarketEvent& bar) {
  const Offer offer = market.friction.offer(bar, latency_ns_);
  const Path path = whole(offer);
  bool sweep = false;
  for (const Slot slot : market.book) {
    Working& order = pool_[static_cast<std::size_t>(slot)];
    if (order.until <= bar.at) {
      retire(order);
      sweep = true;
    } else if (order.arrival < bar.at && reaches(order, offer, path)) {
      meetings_.push_back({slot, offers_.size(), path});
    }
  }
  const auto is_done = [&](Slot slot) { return pool_[static_cast<std::size_t>(slot)].done; };
  if (sweep) std::erase_if(market.book, is_done);
  offers_.push_back(offer);
}

// All orders meet the open, then the rest of their bars; legs join as they come to life.
void Exchange::match() {
  const auto order_of = [&](const Meeting& meeting) -> const Working& {
    return pool_[static_cast<std::size_t>(meeting.slot)];
  };
  const auto exits_first = [&](const Meeting& a, const Meeting& b) {
    const Working &x = order_of(a), &y = order_of(b);
    return std::pair(!x.reduces(), x.number) < std::pair(!y.reduces(), y.number);
  };
  const auto stops_first = [&](const Meeting& a, const Meeting& b) {
    const Working &x = order_of(a), &y = order_of(b);
    return std::pair(x.type != Type::stop, x.number) < std::pair(y.type != Type::stop, y.number);
  };
  if (meetings_.size() > 1) std::stable_sort(meetings_.begin(), meetings_.end(), exits_first);
  for (const Meeting& meeting : meetings_) meet_one(meeting, opening(offers_[meeting.offer]), legs_);
  if (meetings_.size() > 1) std::stable_sort(meetings_.begin(), meetings_.end(), stops_first);
  meetings_.insert(meetings_.end(), legs_.begin(), legs_.end());
  for (std::size_t next = 0; next < meetings_.size(); ++next) {
    legs_.clear();
    const Meeting meeting = meetings_[next];
    meet_one(meeting, meeting.path, legs_);
    meetings_.insert(meetings_.end(), legs_.begin(), legs_.end());
  }
  meetings_.clear();
  legs_.clear();
}

// One order on one path; appends the legs that its fill brought to life.
void Exchange::meet_one(const Meeting& meeting, const Path& path, std::vector<Meeting>& legs) {
  Working& order = pool_[static_cast<std::size_t>(meeting.slot)];
  if (order.done) return;
  const Offer& offer = offers_[meeting.offer];
  const std::size_t i = order.instrument;
  busy_order_ = order.id;
  busy_instrument_ = static_cast<std::int64_t>(i);
  std::optional<Outcome> outcome = meet(order, offer, path);
  if (!outcome) return;
  const std::int64_t sign = order.sign();
  const Lots held = ledger_.lots(i) * sign;
  Lots lots = order.lots;
  if (order.reduces()) {
    lots = std::min(lots, -held);
    if (lots <= 0) return end(order, Report::Kind::cancelled, Reason::nothing_to_reduce);
  } else if (held < 0) {
    return end(order, Report::Kind::rejected, Reason::would_turn);
  }
  const std::int64_t fee = narrow(terms_[i].fee_e8(outcome->price, lots, outcome->maker), "a fee");
  if (!order.reduces() && !ledger_.affords(i, outcome->price, lots * sign, fee)) {
    return end(order, Report::Kind::rejected, Reason::margin);
  }
  if (order.sibling != no_slot && order.type == Type::stop) {
    outcome = with_rival(*outcome, order, pool_[static_cast<std::size_t>(order.sibling)], offer, path);
  }
  const Instant filled_at = fill(order, offer, path, *outcome, lots, fee);
  if (!order.bracket) return;
  const Working entry = order;  // legs may move the pool
  protect(entry, filled_at, meeting.offer, aftermath(entry, offer, *outcome, path), legs);
}

// Books and reports a fill, and ends what it makes void; returns its modelled instant: at the open when both
// bar and order were there, later in the bar its middle.
Instant Exchange::fill(Working& order, const Offer& offer, const Path& path, const Outcome& outcome,
                       Lots lots, std::int64_t fee_e8) {
  const MarketEvent& bar = *offer.bar;
  const std::size_t i = order.instrument;
  const auto middle = static_cast<Instant>(divide(Wide{bar.start} + bar.at, 2).quotient);
  const Instant filled_at = std::max(path.is_moment() ? bar.start : middle, order.arrival);
  ledger_.trade(i, outcome.price, lots * order.sign(), fee_e8);
  unsettled_ = true;
  const Slot sibling = order.sibling;
  end(order);
  tell({.at = at_, .kind = Report::Kind::fill, .order = order.id, .instrument = busy_instrument_,
        .role = order.role, .side = order.side, .type = order.type, .lots = lots, .price = outcome.price,
        .money_e8 = fee_e8, .filled_at = filled_at, .best = outcome.best, .worst = outcome.worst,
        .maker = outcome.maker});
  if (lots < order.lots) tell_end(Report::Kind::cancelled, order.id, Reason::flat);
  if (sibling != no_slot) end(pool_[static_cast<std::size_t>(sibling)], Report::Kind::cancelled, Reason::oco);
  if (ledger_.lots(i) == 0) flatten(i);
  return filled_at;
}

// With nothing left to reduce, every exit and leg that has arrived ends.
void Exchange::flatten(std::size_t instrument) {
  std::vector<Slot>& book = markets_[instrument].book;
  for (std::size_t place = 0; place < book.size();) {
    Working& other = pool_[static_cast<std::size_t>(book[place])];
    if (other.reduces() && other.arrival <= at_) {
      end(other, Report::Kind::cancelled, Reason::flat);  // the next one moves up
    } else {
      ++place;
    }
  }
}

// Brings an entry's legs to life: a stop and perhaps a target, one cancelling the other.
void Exchange::protect(const Working& entry, Instant filled_at, std::size_t offer, const Path& path,
                       std::vector<Meeting>& legs) {
  Working leg{.id = stop_of(entry.id), .number = 0, .arrival = filled_at, .instrument = entry.instrument,
              .lots = entry.lots, .price = entry.bracket->stop, .bracket = std::nullopt,
              .side = entry.side == Side::buy ? Side::sell : Side::buy, .type = Type::stop,
              .role = Role::stop};
  const Slot stop = accept(leg, at_, true);
  legs.push_back({stop, offer, path});
  if (!entry.bracket->target) return;
  leg.id = target_of(entry.id);
  leg.price = *entry.bracket->target;
  leg.type = Type::limit;
  leg.role = Role::target;
  const Slot target = accept(leg, at_, true);
  legs.push_back({target, offer, path});
  pool_[static_cast<std::size_t>(stop)].sibling = target;
  pool_[static_cast<std::size_t>(target)].sibling = stop;
}

}  // namespace quorate::exchange
