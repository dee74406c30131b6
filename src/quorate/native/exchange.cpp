// The course of an instant: what is on its way arrives, rolls, financing, trades and quotes, bars, marks.
#include "exchange.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace quorate::exchange {
namespace {

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
    : Exchange(std::move(terms), cash_e8, Rules{.latency = Latency(latency_ns)}) {}

Exchange::Exchange(std::vector<Terms> terms, std::int64_t cash_e8, Rules rules)
    : terms_(std::move(terms)), ledger_(terms_, cash_e8), margin_(terms_, ledger_), rules_(std::move(rules)) {
  rules_.check();
  capped_ = rules_.participation.numerator > 0;
  impacts_ = rules_.impact.numerator > 0;
  for (const Terms& each : terms_) {
    check_terms(each);
    markets_.push_back({.friction = Friction(each), .book = {}});
  }
}

// ---- failing closed ------------------------------------------------------------------------------------

std::string Exchange::culprit() const {
  if (busy_instrument_ == none) return "the account";
  const std::string& name = terms_[static_cast<std::size_t>(busy_instrument_)].name;
  return busy_order_ == none ? "instrument " + name
                             : "order " + std::to_string(busy_order_) + " of " + name;
}

void Exchange::check(const MarketEvent& event, std::size_t row) const {
  const auto count = static_cast<std::uint64_t>(terms_.size());
  const bool known = static_cast<std::uint64_t>(event.instrument) < count;
  if (known && static_cast<std::uint64_t>(event.kind) <= MarketEvent::index) return;
  if (event.kind > MarketEvent::index) return check_money(event, row);
  const char* what = known ? "kind" : "instrument";
  const std::int64_t value = known ? event.kind : event.instrument;
  refuse("row " + std::to_string(row) + ": " + what + " " + std::to_string(value) + " is not known here");
}

void Exchange::check_now(Instant at, const char* what) const {
  if (at >= at_) return;
  refuse(std::string(what) + " is of " + std::to_string(at) + ", the market is at " + std::to_string(at_));
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

void Exchange::deposit(std::int64_t currency, std::int64_t amount_e8) {
  guarded([&] {
    if (static_cast<std::uint64_t>(currency) >= ledger_.currencies()) {
      throw std::invalid_argument("currency " + std::to_string(currency) + " is not known here");
    }
    if (amount_e8 < 0) throw std::invalid_argument("a deposit must not be negative");
    ledger_.deposit(static_cast<std::size_t>(currency), amount_e8);
  });
}

// Carries the books and all prices over into the next contract, also those that are still on their way.
void Exchange::roll(const MarketEvent& event) {
  carry(event);
  for (Change& change : changes_) {
    const Working* order = alive(change.order);
    if (!order || !change.price || order->instrument != static_cast<std::size_t>(event.instrument)) continue;
    change.price = narrow(Wide{*change.price} + event.close - event.open, "a rolled price");
  }
}

void Exchange::step(std::span<const MarketEvent> events) {
  const Instant at = events[0].at;
  if (head_ < waiting_.size()) drain(at, *out_);
  at_ = at;
  if (!changes_.empty()) arrive();
  const std::int64_t day = at / day_ns;
  const bool watched = margin_.watched();
  if (watched) margin_.begin(at);
  bool ticks = false;
  for (const MarketEvent& event : events) {
    if (event.kind == MarketEvent::roll) roll(event);
    ticks |= event.kind > MarketEvent::roll;
  }
  if (ticks) {
    for (const MarketEvent& event : events) {
      if (event.kind > MarketEvent::roll) tick(event);
    }
  }
  for (const MarketEvent& bar : events) {
    if (bar.kind != MarketEvent::bar) continue;
    const auto i = static_cast<std::size_t>(bar.instrument);
    Market& market = markets_[i];
    if (market.day != day) charge(i, market, day);
    if (watched && (ledger_.lots(i) != 0 || !market.book.empty())) margin_.see(bar);
    const bool frozen = bar.volume == 0 && bar.high <= bar.low;  // nothing trades
    if (!market.book.empty() && !frozen) gather(market, bar);
  }
  if (orphans_) end_orphans();
  // Extremes that leave something above maintenance leave it at the open and at the close too.
  const bool met = watched && !meetings_.empty();
  const bool risky = watched && margin_.due(Phase::within).has_value();
  if (risky) guard(Phase::opening);
  if (!meetings_.empty()) match();
  if (risky || met) guard(Phase::within);
  offers_.clear();
  const bool others = value(events);
  if (others) revalue(events);
  if (risky || met || (watched && others)) guard(Phase::closing);
  if (unsettled_) settle();
  if (!retired_.empty()) {
    free_.insert(free_.end(), retired_.begin(), retired_.end());
    retired_.clear();
  }
}

// Takes the last price of each instrument over into the books; whether there was more than bars.
bool Exchange::value(std::span<const MarketEvent> events) {
  bool others = false;
  for (const MarketEvent& event : events) {
    const auto i = static_cast<std::size_t>(event.instrument);
    if (event.kind == MarketEvent::bar) {
      ledger_.mark(i, event.close);
      continue;
    }
    others = true;
    if (event.kind == MarketEvent::trade) ledger_.mark(i, event.open);
    if (event.kind == MarketEvent::quote) {
      ledger_.mark(i, static_cast<Ticks>(divide(Wide{event.open} + event.close, 2).quotient));
    }
  }
  return others;
}

// ---- matching ------------------------------------------------------------------------------------------

// The arrived orders that the bar reaches at all; those whose time is over leave the book, reported already.
void Exchange::gather(Market& market, const MarketEvent& bar) {
  Offer offer = market.friction.offer(bar, 0);
  if (rules_.range_slippage.numerator > 0) offer.extra = rules_.range_slip(offer);
  if (capped_ && bar.volume >= 0) offer.left[0] = rules_.share(bar.volume);
  if (market.book.size() < Ladder::deep || market.soonest <= bar.at) {
    gather_all(market, offer);
  } else {
    gather_deep(market, offer);
  }
  offers_.push_back(offer);
}

void Exchange::gather_all(Market& market, const Offer& offer) {
  const Instant at = offer.bar->at;
  const Path path = whole(offer);
  bool sweep = false;
  Instant soonest = forever;
  for (const Slot slot : market.book) {
    Working& order = at_slot(slot);
    if (order.until <= at) {
      retire(order);
      sweep = true;
      continue;
    }
    soonest = std::min(soonest, order.until);
    if (order.arrival < at && (order.special || reaches(order, offer, path))) {
      meetings_.push_back({slot, offers_.size(), path});
    }
  }
  market.soonest = soonest;
  if (sweep) std::erase_if(market.book, [&](Slot slot) { return at_slot(slot).done; });
  if (market.ladder.stands() && market.book.size() < Ladder::deep) market.ladder.clear();
}

// The same for a book of many, none of which is over: meetings are put in order afterwards.
void Exchange::gather_deep(Market& market, const Offer& offer) {
  const Path path = whole(offer);
  const auto find = [&](const Rung& rung) -> const Working* {
    const Working& order = at_slot(rung.slot);
    return order.number == rung.number && !order.done ? &order : nullptr;
  };
  if (!market.ladder.stands()) {
    for (const Slot slot : market.book) market.ladder.add(at_slot(slot), slot);
  }
  market.ladder.tidy(find);
  market.ladder.visit(offer, [&](const Rung& rung) {
    const Working* order = find(rung);
    if (order == nullptr || order->arrival >= offer.bar->at) return;
    if (order->special || reaches(*order, offer, path)) meetings_.push_back({rung.slot, offers_.size(), path});
  });
}

// At the open exits go before entries; within a bar stops before limits, or after them seen with optimism;
// then better limits where volume is shared out, then who came first.
void Exchange::sort(bool opening) {
  if (meetings_.size() < 2) return;
  const bool shared = capped_ || rules_.queue;
  const bool limits_first = rules_.intrabar == Intrabar::optimistic;
  const auto key = [&](const Meeting& meeting) {
    const Working& order = at_slot(meeting.slot);
    const bool later = opening ? !order.reduces() : is_stop(order.type) == limits_first;
    const Ticks price = shared && order.type == Type::limit ? -order.sign() * order.price : -int64_max;
    return std::tuple(later, price, order.number);
  };
  std::stable_sort(meetings_.begin(), meetings_.end(),
                   [&](const Meeting& a, const Meeting& b) { return key(a) < key(b); });
}

// All orders meet the open, then the rest of their bars; legs join as they come to life.
void Exchange::match() {
  sort(true);
  for (std::size_t next = 0, count = meetings_.size(); next < count; ++next) {
    const Meeting meeting = meetings_[next];
    meet_one(meeting, opening(offers_[meeting.offer]), Part::opening);
  }
  sort(false);
  meetings_.insert(meetings_.end(), legs_.begin(), legs_.end());
  for (std::size_t next = 0; next < meetings_.size(); ++next) {
    legs_.clear();
    const Meeting meeting = meetings_[next];
    meet_one(meeting, meeting.path, Part::rest);
    meetings_.insert(meetings_.end(), legs_.begin(), legs_.end());
  }
  meetings_.clear();
  legs_.clear();
}

}  // namespace quorate::exchange
