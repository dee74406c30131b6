// Trades, quotes, mark and index prices, each met where it stands among the rows of its instant.
#include "exchange.hpp"

namespace quorate::exchange {
namespace {

// Whether a plain order could have to do with a trade or a quote at all. Hot: asked for every working order.
bool may_reach(const Working& order, const MarketEvent& event) {
  if (order.type == Type::market) return true;
  const bool buys = order.side == Side::buy;
  const Ticks price = event.kind == MarketEvent::quote && buys ? event.close : event.open;
  return buys == (order.type == Type::limit) ? price <= order.price : price >= order.price;
}

}  // namespace

void Exchange::tick(const MarketEvent& event) {
  if (event.kind > MarketEvent::index) return;  // settles at the end of the instant
  const auto i = static_cast<std::size_t>(event.instrument);
  Market& market = markets_[i];
  const std::int64_t day = at_ / day_ns;
  if (market.day != day) charge(i, market, day);
  if (event.kind == MarketEvent::mark || event.kind == MarketEvent::index) {
    if (!market.book.empty()) watch_tick(market, event);
    return;
  }
  const bool nothing = event.kind == MarketEvent::trade && event.volume == 0;
  if (!market.book.empty() && !nothing) gather_tick(market, event);
  if (orphans_) end_orphans();
  if (!meetings_.empty()) match_tick();
  offers_.clear();
  if (event.kind == MarketEvent::trade && rules_.queue) {
    for (const Slot slot : market.book) queue_up(at_slot(slot), event);
  }
  market.seen = at_;
}

// The arrived orders meet the row as a bar of one moment; those whose time is over leave the book.
void Exchange::gather_tick(Market& market, const MarketEvent& event) {
  const bool quote = event.kind == MarketEvent::quote;
  moment_ = event;
  moment_.start = event.at;
  if (!quote) {
    moment_.high = moment_.low = moment_.close = event.open;
    moment_.spread = -1;
  }
  Offer offer = quote ? market.friction.quote(moment_) : market.friction.offer(moment_, 0);
  offer.aggressor = quote ? 0 : event.close;
  if (capped_ && quote) {
    if (event.high >= 0) offer.left[0] = rules_.share(event.high);
    if (event.low >= 0) offer.left[1] = rules_.share(event.low);
  } else if (capped_ && event.volume >= 0) {
    offer.left[0] = rules_.share(event.volume);
  }
  const Path path = opening(offer);
  bool sweep = false;
  for (const Slot slot : market.book) {
    Working& order = at_slot(slot);
    if (order.until <= event.at) {
      retire(order);
      sweep = true;
    } else if (order.arrival < event.at) {
      if (quote && rules_.queue) queue_up(order, event);
      if (order.special || may_reach(order, event)) meetings_.push_back({slot, 0, path});
    }
  }
  if (sweep) std::erase_if(market.book, [&](Slot slot) { return at_slot(slot).done; });
  offers_.push_back(offer);
}

void Exchange::match_tick() {
  legs_.clear();
  sort(true);
  for (std::size_t next = 0; next < meetings_.size(); ++next) {
    const Meeting meeting = meetings_[next];
    meet_one(meeting, meeting.path, Part::tick);
    meetings_.insert(meetings_.end(), legs_.begin(), legs_.end());
    legs_.clear();
  }
  meetings_.clear();
}

// A mark or index price sets off the triggers that watch it; what they become meets the next row.
void Exchange::watch_tick(Market& market, const MarketEvent& event) {
  const Watch kind = event.kind == MarketEvent::mark ? Watch::mark : Watch::index;
  for (const Slot slot : market.book) {
    Working& order = at_slot(slot);
    if (!order.dormant || order.wanted.watch != kind) continue;
    if (order.arrival >= event.at || order.until <= event.at) continue;
    busy_order_ = order.id;
    busy_instrument_ = event.instrument;
    if (is_trailing(order.type)) {
      order.trail(event.open);
      if (!order.peak) continue;
    }
    const bool above = event.open >= order.price, below = event.open <= order.price;
    const bool rising = (order.side == Side::buy) == is_stop(order.type);
    if (rising ? above : below) trigger(order, event.at);
  }
}

}  // namespace quorate::exchange
