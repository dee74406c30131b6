// The life of an order from its sending to its end, what is told of it, and what is linked to it.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "exchange.hpp"

namespace quorate::exchange {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument(why); }

Instant end_of_day(Instant at) {
  const Wide end = (divide(at, day_ns).quotient + 1) * day_ns;
  return end < forever ? static_cast<Instant>(end) : forever;
}

// Prices are mirrored for sellers: the one int64 that cannot be negated is none.
void check_prices(const Order& order) {
  std::optional<Ticks> stop, target;
  if (order.bracket) stop = order.bracket->stop, target = order.bracket->target;
  for (const auto& each : {order.price, stop, target, order.limit, order.activation}) {
    if (each && !fits(*each)) refuse("a price of an order needs more than 63 bits");
  }
}

}  // namespace

Instant Exchange::arrival_of(Instant at, OrderId id, std::uint64_t purpose) const {
  const Wide arrival = Wide{at} + rules_.latency.of(at, id, purpose);
  if (arrival >= forever) refuse("instant " + std::to_string(at) + " is too late: nothing would arrive");
  return static_cast<Instant>(arrival);
}

bool Exchange::knows(OrderId id) const {
  const auto place = static_cast<std::uint64_t>(id);  // a negative one wraps to one there never is
  return place < slots_.size() && slots_[place] != never;
}

Working* Exchange::alive(OrderId id) {
  const Slot slot = slots_[static_cast<std::size_t>(id)];
  return slot >= 0 ? &at_slot(slot) : nullptr;
}

// ---- reports -------------------------------------------------------------------------------------------

void Exchange::wait(const Report& report) {
  // Nearly always the last: delays are constant, and orders are sent as time goes on.
  const auto later = [](Instant at, const Report& other) { return at < other.at; };
  const auto first = waiting_.begin() + static_cast<std::ptrdiff_t>(head_);
  waiting_.insert(std::upper_bound(first, waiting_.end(), report.at, later), report);
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

// ---- sending -------------------------------------------------------------------------------------------

Reason Exchange::refusal(const Order& order) const {
  if (order.instrument < 0 || static_cast<std::size_t>(order.instrument) >= terms_.size()) {
    return Reason::unknown_instrument;
  }
  if (order.lots <= 0) return Reason::no_quantity;
  const bool second = order.type == Type::stop_limit || order.type == Type::limit_if_touched;
  if ((order.type == Type::limit && !order.price) || (second && !order.limit)) {
    return Reason::limit_without_price;
  }
  const bool triggered = order.type == Type::stop || order.type == Type::stop_limit || is_touched(order.type);
  if (triggered && !order.price) return Reason::stop_without_price;
  if (order.bracket && order.reduces()) return Reason::bracket_on_exit;
  if (bankrupt_) return Reason::bankrupt;
  const bool shorts = order.side == Side::sell && !order.reduces();
  if (shorts && !terms_[static_cast<std::size_t>(order.instrument)].shortable) return Reason::not_shortable;
  return special_refusal(order);
}

// What does not go together.
Reason Exchange::special_refusal(const Order& order) const {
  const bool trails = is_trailing(order.type);
  if (trails && (order.trail < 0 || order.trail_bps < 0 || (order.trail > 0) == (order.trail_bps > 0))) {
    return Reason::no_trail;
  }
  const bool conditional = is_stop(order.type) || is_touched(order.type);
  const bool second =
      order.type == Type::stop_limit || order.type == Type::limit_if_touched || is_session(order.type);
  const bool immediate = order.force == Force::ioc || order.force == Force::fok;
  const bool dated = order.force == Force::day || order.force == Force::gtd;
  const bool wrong =
      (!trails && (order.trail != 0 || order.trail_bps != 0 || order.activation)) ||
      (trails && order.price) || order.limit_offset < 0 ||
      (order.limit_offset != 0 && order.type != Type::trailing_stop_limit) || (order.limit && !second) ||
      (order.watch != Watch::any && !conditional) || (order.post_only && order.type != Type::limit) ||
      ((immediate || is_session(order.type)) && (order.post_only || order.display != 0)) ||
      (immediate && is_session(order.type)) || (!dated && order.good_until != forever) ||
      (order.force == Force::gtd && order.good_until == forever) || order.display < 0 ||
      order.display > order.lots || order.group < 0 || (order.group == 0 && order.shrinks) ||
      (order.session != forever && !is_session(order.type));
  if (wrong) return Reason::unusable;
  const bool orphan = order.after != none &&
                      (!knows(order.after) || slots_[static_cast<std::size_t>(order.after)] == ended);
  return orphan ? Reason::no_parent : Reason::none;
}

// What is more than a market, limit or stop order.
void Exchange::prepare(Working& working, const Order& order) {
  working.special = order.type > Type::stop || order.watch != Watch::any || working.is_immediate() ||
                    order.post_only || order.display > 0;
  if (!working.special) return;
  working.dormant = is_stop(order.type) || is_touched(order.type);
  if (order.type == Type::market_to_limit) working.type = Type::market;
  if (is_session(order.type) && order.session == forever) {
    const Instant next = end_of_day(working.arrival);
    const bool midnight = next - day_ns == working.arrival && order.type == Type::on_open;
    working.wanted.session = midnight ? working.arrival : next;
  }
}

OrderId Exchange::submit(const Order& order) {
  OrderId id = none;
  guarded([&] {
    check_now(order.at, "an order");
    check_prices(order);
    const auto next = static_cast<OrderId>(slots_.size());
    const Instant arrival = arrival_of(order.at, next, 0);
    const Reason reason = refusal(order);
    id = next;
    slots_.insert(slots_.end(), {ended, never, never});
    Instant until = order.good_until;
    if (order.force == Force::day && until == forever) until = end_of_day(arrival);
    if (reason != Reason::none) {
      wait({.at = arrival, .kind = Report::Kind::rejected, .order = id, .reason = reason});
    } else if (arrival > order.expires_at || arrival > until) {
      wait({.at = arrival, .kind = Report::Kind::expired, .order = id});
    } else {
      Working working{.id = id, .number = 0, .arrival = arrival,
                      .instrument = static_cast<std::size_t>(order.instrument), .lots = order.lots,
                      .bracket = order.bracket, .side = order.side, .type = order.type, .role = order.role,
                      .heard = arrival, .delay_ns = arrival - order.at, .wanted = order};
      if (order.price) working.price = *order.price;
      if (order.type == Type::market) working.price = 0;
      prepare(working, order);
      if (until != forever) working.until = until + 1;
      working.expects = until != forever;
      Working* parent = order.after == none ? nullptr : alive(order.after);
      if (parent && parent->filled == 0) {
        parent->leads = true;
        working.arrival = forever;
      } else {
        working.wanted.after = none;
      }
      accept(working, arrival, false);
      if (until != forever) wait({.at = until + 1, .kind = Report::Kind::expired, .order = id});
    }
  });
  return id;
}

void Exchange::duplicate(OrderId known, Instant at) {
  guarded([&] {
    check_now(at, "an order");
    if (!knows(known)) refuse("there never was an order " + std::to_string(known));
    wait({.at = arrival_of(at, known, 0), .kind = Report::Kind::rejected, .order = known,
          .reason = Reason::duplicate});
  });
}

Slot Exchange::accept(const Working& order, Instant at, bool now) {
  Slot slot = static_cast<Slot>(pool_.size());
  if (free_.empty()) {
    pool_.push_back(order);
  } else {
    slot = free_.back();
    free_.pop_back();
    at_slot(slot) = order;
  }
  at_slot(slot).number = ++accepted_;
  slots_[static_cast<std::size_t>(order.id)] = slot;
  Market& market = markets_[order.instrument];
  market.book.push_back(slot);
  market.soonest = std::min(market.soonest, order.until);
  if (market.ladder.stands()) market.ladder.add(at_slot(slot), slot);
  const OrderId place = order.id % family;
  const Report report{.at = at, .kind = Report::Kind::accepted, .order = order.id,
                      .parent = place == 0 ? none : order.id - place,
                      .instrument = static_cast<std::int64_t>(order.instrument), .role = order.role,
                      .side = order.side, .type = order.wanted.type, .lots = order.lots,
                      .price = order.price};
  now ? tell(report) : wait(report);
  return slot;
}

// ---- changing ------------------------------------------------------------------------------------------

bool Exchange::cancel(OrderId id, Instant at) {
  bool asked = false;
  guarded([&] {
    check_now(at, "a cancel");
    if (!knows(id)) refuse("there never was an order " + std::to_string(id) + " to cancel");
    Working* order = alive(id);
    if (!order || order->cancelling) return;
    const Instant until = std::max(arrival_of(at, id, 1), order->heard);
    if (until >= order->until) return;  // its time is over before
    if (order->expects) {
      withdraw([id, until](const Report& report) {
        return report.order == id && (report.kind == Report::Kind::expired ||
                                      (report.kind == Report::Kind::replaced && report.at == until));
      });
    }
    order->until = until;
    Market& market = markets_[order->instrument];
    market.soonest = std::min(market.soonest, until);
    order->cancelling = order->expects = asked = true;
    wait({.at = until, .kind = Report::Kind::cancelled, .order = id, .reason = Reason::asked});
  });
  return asked;
}

bool Exchange::replace(OrderId id, Instant at, std::optional<Lots> lots, std::optional<Ticks> price) {
  bool asked = false;
  guarded([&] {
    check_now(at, "a change");
    if (!knows(id)) refuse("there never was an order " + std::to_string(id) + " to change");
    if (price && !fits(*price)) refuse("a price of an order needs more than 63 bits");
    if (lots && *lots <= 0) refuse("a change of order " + std::to_string(id) + " to no lots: cancel it");
    Working* order = alive(id);
    if (!order || order->cancelling) return;
    if (price && !order->has_price()) refuse("order " + std::to_string(id) + " has no price to change");
    const auto purpose = 2 + static_cast<std::uint64_t>(order->changes);
    const Instant arrival = std::max(arrival_of(at, id, purpose), order->heard);
    if (arrival >= order->until) return;
    order->changes += 1;
    order->heard = arrival;
    order->expects = asked = true;
    const auto later = [](Instant when, const Change& other) { return when < other.at; };
    changes_.insert(std::upper_bound(changes_.begin(), changes_.end(), arrival, later),
                    {arrival, id, lots, price});
    wait({.at = arrival, .kind = Report::Kind::replaced, .order = id,
          .lots = lots.value_or(order->lots + order->filled), .price = price.value_or(order->price)});
  });
  return asked;
}

// The changes that have arrived take effect, before anything of this instant.
void Exchange::arrive() {
  const auto due = std::find_if(changes_.begin(), changes_.end(),
                                [this](const Change& change) { return change.at > at_; });
  for (auto each = changes_.begin(); each != due; ++each) change(*each);
  changes_.erase(changes_.begin(), due);
  if (orphans_) end_orphans();
}

void Exchange::change(const Change& change) {
  Working* order = alive(change.order);
  if (!order || change.at >= order->until) return;
  bool keeps = true;
  if (change.price && order->has_price() && *change.price != order->price) {
    order->price = *change.price;
    keeps = false;
  }
  if (change.lots) {
    const Lots rest = *change.lots - order->filled;
    if (rest <= 0) return end(*order, Report::Kind::cancelled, Reason::asked);
    keeps &= rest <= order->lots;
    order->lots = rest;
  }
  if (keeps) return;
  if (order->arrival != forever) order->arrival = change.at;
  order->ahead = -1;
  stand_last(*order);
}

// Behind all others of its price; under its new number the ladder has to be told of it anew.
void Exchange::stand_last(Working& order) {
  order.number = ++accepted_;
  Ladder& ladder = markets_[order.instrument].ladder;
  if (ladder.stands()) ladder.add(order, slots_[static_cast<std::size_t>(order.id)]);
}

// ---- ending --------------------------------------------------------------------------------------------

// The order works no more: nothing finds it again, and its slot is free after this instant.
void Exchange::retire(Working& order) {
  order.done = true;
  if (order.sibling != no_slot) at_slot(order.sibling).sibling = no_slot;
  orphans_ |= order.leads;
  retired_.push_back(std::exchange(slots_[static_cast<std::size_t>(order.id)], ended));
}

// The same for one that is not being swept from its book anyway; what is on its way to it finds nothing.
void Exchange::end(Working& order) {
  std::vector<Slot>& book = markets_[order.instrument].book;
  book.erase(std::find(book.begin(), book.end(), slots_[static_cast<std::size_t>(order.id)]));
  if (order.expects) {
    withdraw([id = order.id](const Report& report) {
      return report.order == id &&
             (report.kind == Report::Kind::cancelled || report.kind == Report::Kind::expired ||
              report.kind == Report::Kind::replaced);
    });
  }
  retire(order);
}

void Exchange::end(Working& order, Report::Kind kind, Reason reason) {
  end(order);
  tell_end(kind, order.id, reason);
}

// What the venue will not do: the whole order, or what is left of it.
void Exchange::refuse_rest(Working& order, Reason reason) {
  end(order, order.filled > 0 ? Report::Kind::cancelled : Report::Kind::rejected, reason);
}

// Orders of one group, or that wait for one order, as they came.
std::vector<Slot> Exchange::family_of(std::int64_t group, OrderId after) {
  std::vector<Slot> found;
  for (const Working& each : pool_) {
    const bool one = group != 0 ? each.wanted.group == group : each.wanted.after == after;
    if (one && !each.done) found.push_back(slots_[static_cast<std::size_t>(each.id)]);
  }
  std::sort(found.begin(), found.end(),
            [&](Slot a, Slot b) { return at_slot(a).number < at_slot(b).number; });
  return found;
}

// An order whose first fill others waited for has ended without one: they never will come to life.
void Exchange::end_orphans() {
  while (orphans_) {
    Working* first = nullptr;
    for (Working& each : pool_) {
      if (each.done || each.wanted.after == none || alive(each.wanted.after)) continue;
      if (!first || each.number < first->number) first = &each;
    }
    if (!first) orphans_ = false;
    if (first) end(*first, Report::Kind::cancelled, Reason::parent);
  }
}

}  // namespace quorate::exchange
