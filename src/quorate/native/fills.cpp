// One order and one row: whether it meets it, what it may take, and all that follows from a fill.
#include <algorithm>
#include <utility>

#include "exchange.hpp"

namespace quorate::exchange {

// One order on one path; the legs that its fill brings to life wait in legs_.
void Exchange::meet_one(const Meeting& meeting, const Path& path, Part part) {
  Working& order = at_slot(meeting.slot);
  if (order.done) return;
  busy_order_ = order.id;
  busy_instrument_ = static_cast<std::int64_t>(order.instrument);
  Offer offer = offers_[meeting.offer];
  offer.latency_ns = order.delay_ns;
  if (impacts_ && offer.bar->kind != MarketEvent::quote) {
    offer.extra = add(offer.extra, rules_.impact_slip(offer, order.lots));
  }
  Path lived = path;
  bool over = false;  // whether this was its one chance
  std::optional<Outcome> outcome;
  if (order.special) {
    outcome = meet_special(order, offer, lived, part, over);
  } else if (part == Part::tick) {
    outcome = meet_tick(order, offer, order.arrival < markets_[order.instrument].seen, rules_.queue);
  } else {
    outcome = meet(order, offer, path);
  }
  if (outcome && !order.done) execute(meeting, offer, lived, *outcome);
  if (orphans_) end_orphans();
  Working& rest = at_slot(meeting.slot);  // legs may have moved the pool
  if (!over || rest.done) return;
  end(rest, Report::Kind::cancelled, is_session(rest.type) ? Reason::missed : Reason::immediate);
  if (orphans_) end_orphans();
}

std::optional<Outcome> Exchange::meet_special(Working& order, Offer& offer, Path& path, Part part,
                                              bool& over) {
  if (is_session(order.type)) return meet_session(order, offer, path, part, over);
  const bool woken = order.dormant;
  if (woken) {
    const std::optional<Path> left =
        is_trailing(order.type) ? follow(order, offer, path, part) : awaken(order, offer, path, part);
    if (!left) return std::nullopt;
    path = *left;
    offer.latency_ns = 0;  // it was there already
  }
  const bool lived = order.arrival <= offer.prompt();
  const bool at_once = woken && order.type == Type::market;
  over = order.is_immediate() && (woken || part != Part::opening || lived);
  if (at_once && part != Part::tick) {
    const Outcome taken = take_start(order, offer, path);
    return is_trailing(order.wanted.type) && part == Part::rest ? widened(taken, order, offer) : taken;
  }
  if (part == Part::tick) {
    const bool rested = order.arrival < markets_[order.instrument].seen;
    std::optional<Outcome> outcome = meet_tick(order, offer, !woken && rested, rules_.queue);
    if (outcome && order.wanted.post_only && !outcome->maker) refuse_rest(order, Reason::post_only);
    return outcome;
  }
  if (order.is_immediate()) return over ? meet_at_once(order, offer, path, woken || lived) : std::nullopt;
  std::optional<Outcome> outcome = meet(order, offer, path);
  if (outcome && order.wanted.post_only && !outcome->maker) refuse_rest(order, Reason::post_only);
  return outcome;
}

// An order for the open takes the first price of the session, one for the close the last; both only if they
// were there in time and the price is within their limit.
std::optional<Outcome> Exchange::meet_session(const Working& order, const Offer& offer, Path& path, Part part,
                                              bool& over) const {
  const MarketEvent& bar = *offer.bar;
  const Instant session = order.wanted.session;
  std::optional<Outcome> outcome;
  if (part == Part::tick) {
    if (bar.at < session) return std::nullopt;
    outcome = meet_tick(order, offer, false, false);
  } else if (order.type == Type::on_open) {
    if (bar.start < session) return std::nullopt;
    const bool lived = order.arrival <= offer.prompt();
    if (part != Part::opening || !lived) {
      over = part != Part::opening;
      return std::nullopt;
    }
    outcome = take_open(order, offer);
  } else {
    if (bar.at < session || part == Part::opening) return std::nullopt;
    path = {offer.close, offer.close, offer.close};
    if (bar.start < session) outcome = take_close(order, offer);
  }
  over = true;
  if (!outcome || !order.wanted.limit) return outcome;
  if (order.sign() * outcome->price > order.sign() * *order.wanted.limit) return std::nullopt;
  outcome->cap(*order.wanted.limit, order.sign());
  return outcome;
}

// What may be traded of what was met: never more than is held of what reduces, than its share of the volume,
// than an iceberg shows, than equity covers.
void Exchange::execute(const Meeting& meeting, const Offer& offer, const Path& path, Outcome outcome) {
  Working& order = at_slot(meeting.slot);
  if (margin_.watched() && forestalled(order, offer, path, outcome)) return;
  const std::size_t i = order.instrument;
  const std::int64_t sign = order.sign();
  const Lots held = ledger_.lots(i) * sign;
  const bool hopeful = rules_.intrabar == Intrabar::optimistic;
  Working* rival = order.sibling == no_slot || offer.is_tick() ? nullptr : &at_slot(order.sibling);
  const bool target_first = hopeful && rival && order.type == Type::limit;
  if (target_first && is_beyond(*rival, offer, path)) return;
  Lots most = order.lots;
  if (order.reduces()) {
    most = std::min(most, -held);
    if (most <= 0) return end(order, Report::Kind::cancelled, Reason::nothing_to_reduce);
  } else if (held < 0) {
    return refuse_rest(order, Reason::would_turn);
  } else if (const Reason reason = unpayable(i); reason != Reason::none) {
    return refuse_rest(order, reason);
  }
  const bool pessimistic = rules_.intrabar == Intrabar::pessimistic;
  if (pessimistic && outcome.maker && !offer.is_tick() && only_touches(order, offer, path)) return;
  Lots& left = offers_[meeting.offer].left_for(order.side);
  const bool uncapped = left == int64_max;
  Lots lots = std::min({most, outcome.most, left});
  const bool iceberg = order.wanted.display > 0 && lots < most && !meeting.again;
  if (iceberg) lots = std::min(lots, order.wanted.display);
  if (lots <= 0 || (order.wanted.force == Force::fok && lots < most)) return;
  if (pessimistic) outcome.price = outcome.worst;
  if (hopeful) outcome.price = outcome.best;
  const std::int64_t fee = narrow(terms_[i].fee_e8(outcome.price, lots, outcome.maker), "a fee");
  if (!order.reduces() && !ledger_.affords(i, outcome.price, lots * sign, fee)) {
    return refuse_rest(order, Reason::margin);
  }
  if (rival && order.type == Type::stop) outcome = with_rival(outcome, order, *rival, offer, path);
  if (target_first) outcome = with_stop(outcome, order, *rival, offer, path);
  if (!uncapped) left -= lots;
  if (outcome.most != int64_max) offers_[meeting.offer].queued += lots;
  // At the open when both bar and order were there, later in the bar its middle, at its close the close.
  const MarketEvent& bar = *offer.bar;
  const auto middle = static_cast<Instant>(divide(Wide{bar.start} + bar.at, 2).quotient);
  const bool closing = order.type == Type::on_close;
  const Instant filled_at =
      closing ? bar.at : std::max(path.is_moment() ? bar.start : middle, order.arrival);
  const Path after = closing ? path : aftermath(order, offer, outcome, path, hopeful);
  const Working was = order;  // legs may move the pool
  if (margin_.watched() && !path.is_moment()) margin_.touch(i, outcome.price, ledger_.lots(i) == 0);
  trade(order, lots, most, outcome, fee, filled_at, capped_ && uncapped);
  if (was.bracket) protect(was, lots, filled_at, meeting.offer, after);
  if (was.leads) release(was.id, filled_at, meeting.offer, after);
  if (iceberg && !at_slot(meeting.slot).done) legs_.push_back({meeting.slot, meeting.offer, path, true});
}

// Books and reports a fill, and ends or makes smaller what it leaves no room for.
void Exchange::trade(Working& order, Lots lots, Lots most, const Outcome& outcome, std::int64_t fee_e8,
                     Instant filled_at, bool uncapped) {
  const std::size_t i = order.instrument;
  const bool over = lots == most;
  const Slot sibling = order.sibling;
  const std::int64_t group = order.wanted.group;
  ledger_.trade(i, outcome.price, lots * order.sign(), fee_e8);
  unsettled_ = true;
  order.filled += lots;
  order.lots -= lots;
  if (over) {
    end(order);
  } else {
    order.ahead = std::min(order.ahead, Lots{0});
    if (order.wanted.type == Type::market_to_limit && order.type == Type::market) {
      order.type = Type::limit;
      order.price = outcome.price;
      order.arrival = filled_at;
    }
    if (order.wanted.display > 0) stand_last(order);  // what an iceberg shows next
  }
  tell({.at = at_, .kind = Report::Kind::fill, .order = order.id, .instrument = busy_instrument_,
        .role = order.role, .side = order.side, .type = order.wanted.type, .lots = lots,
        .price = outcome.price, .money_e8 = fee_e8, .filled_at = filled_at, .best = outcome.best,
        .worst = outcome.worst, .maker = outcome.maker,
        .reason = uncapped ? Reason::uncapped : Reason::none});
  if (over && order.lots > 0) tell_end(Report::Kind::cancelled, order.id, Reason::flat);
  if (sibling != no_slot) {
    over ? end(at_slot(sibling), Report::Kind::cancelled, Reason::oco) : shrink(at_slot(sibling), lots);
  }
  if (order.id % family != 0) {  // a leg: what is left of its entry would be without protection
    Working* entry = alive(order.id - order.id % family);
    if (entry) end(*entry, Report::Kind::cancelled, Reason::oco);
  }
  if (group != 0) {
    for (const Slot slot : family_of(group, none)) {
      Working& other = at_slot(slot);
      if (other.id == order.id || other.done) continue;
      other.wanted.shrinks ? shrink(other, lots) : end(other, Report::Kind::cancelled, Reason::oco);
    }
  }
  if (ledger_.lots(i) == 0) flatten(i);
}

void Exchange::shrink(Working& order, Lots lots) {
  if (order.lots <= lots) return end(order, Report::Kind::cancelled, Reason::oco);
  order.lots -= lots;
  tell({.at = at_, .kind = Report::Kind::replaced, .order = order.id, .lots = order.lots + order.filled,
        .price = order.price});
}

// With nothing left to reduce, every exit and leg that has arrived ends, and with its legs an entry.
void Exchange::flatten(std::size_t instrument) {
  std::vector<OrderId> entries;
  std::vector<Slot>& book = markets_[instrument].book;
  for (std::size_t place = 0; place < book.size();) {
    Working& other = at_slot(book[place]);
    if (other.reduces() && other.arrival <= at_) {
      if (other.id % family != 0) entries.push_back(other.id - other.id % family);
      end(other, Report::Kind::cancelled, Reason::flat);  // the next one moves up
    } else {
      ++place;
    }
  }
  for (const OrderId id : entries) {
    if (Working* entry = alive(id)) end(*entry, Report::Kind::cancelled, Reason::flat);
  }
}

// Brings an entry's legs to life, a stop and perhaps a target, one cancelling the other; or lets them grow.
void Exchange::protect(const Working& entry, Lots lots, Instant filled_at, std::size_t offer,
                       const Path& path) {
  if (entry.filled > 0) {
    for (const OrderId id : {stop_of(entry.id), target_of(entry.id)}) {
      if (!knows(id)) continue;
      Working* leg = alive(id);
      if (!leg) continue;
      leg->lots += lots;
      tell({.at = at_, .kind = Report::Kind::replaced, .order = id, .lots = leg->lots + leg->filled,
            .price = leg->price});
    }
    return;
  }
  const bool meets = !offers_[offer].is_tick();  // a moment has no rest to live through
  Working leg{.id = stop_of(entry.id), .number = 0, .arrival = filled_at, .instrument = entry.instrument,
              .lots = lots, .price = entry.bracket->stop, .bracket = std::nullopt,
              .side = entry.side == Side::buy ? Side::sell : Side::buy, .type = Type::stop,
              .role = Role::stop, .delay_ns = entry.delay_ns};
  leg.wanted.type = Type::stop;
  const Slot stop = accept(leg, at_, true);
  if (meets) legs_.push_back({stop, offer, path});
  if (!entry.bracket->target) return;
  leg.id = target_of(entry.id);
  leg.price = *entry.bracket->target;
  leg.type = leg.wanted.type = Type::limit;
  leg.role = Role::target;
  const Slot target = accept(leg, at_, true);
  if (meets) legs_.push_back({target, offer, path});
  if (meets && rules_.intrabar == Intrabar::optimistic) std::swap(legs_.back(), legs_[legs_.size() - 2]);
  at_slot(stop).sibling = target;
  at_slot(target).sibling = stop;
}

// The orders that waited for this one's first fill are at work from now on.
void Exchange::release(OrderId parent, Instant filled_at, std::size_t offer, const Path& path) {
  for (const Slot slot : family_of(0, parent)) {
    Working& child = at_slot(slot);
    child.wanted.after = none;
    child.arrival = std::max(child.wanted.at + child.delay_ns, filled_at);
    if (child.instrument == static_cast<std::size_t>(busy_instrument_) && !offers_[offer].is_tick() &&
        child.arrival < at_) {
      legs_.push_back({slot, offer, path});
    }
  }
}

}  // namespace quorate::exchange
