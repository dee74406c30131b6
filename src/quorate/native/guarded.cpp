// A research run under limits: every order reviewed as the desk's would be, and the desk's duties when they fall.
#include <algorithm>
#include <utility>

#include "runner.hpp"

namespace quorate::exchange {
namespace {

// Whether an order says no more than the limits review: a market, limit or stop order, with a bracket or not.
bool plain(const Order& order) {
  return order.type <= Type::stop && !order.limit && order.force == Force::gtc && order.good_until == forever &&
         order.watch == Watch::any && order.trail == 0 && order.trail_bps == 0 && order.limit_offset == 0 &&
         !order.activation && order.display == 0 && !order.post_only && order.group == 0 && !order.shrinks &&
         order.after == none && order.session == forever;
}

}  // namespace

void Runner::guard(limits::Limits limits) {
  if (limits.size() != markets_.size()) throw std::invalid_argument("the limits are of other instruments");
  limits_ = std::move(limits);
  exchange_.state(true);  // their account is checked against it
}

// One instant in the order of a desk: reports, people, the market, and that it is closed.
void Runner::watch(std::span<const MarketEvent> rows) {
  for (const Report& report : fresh_) {
    limits_->operate(report.at - 1);
    limits_->on(report);
    obey();
  }
  limits_->operate(now_);
  for (const MarketEvent& row : rows) limits_->on(row);
  limits_->instant_closed(now_);
  obey();
}

// Entries taken back when the breaker fell; what is held closed too when it has halted.
void Runner::obey() {
  const limits::Duty duty = limits_->duty();
  if (duty == limits::Duty::none) return;
  for (const OrderId entry : limits_->entries()) exchange_.cancel(entry, now_);
  if (duty != limits::Duty::leave) return;
  std::vector<std::pair<std::int64_t, Lots>> held;
  for (std::size_t i = 0; i < limits_->size(); ++i) {
    const Lots lots = limits_->account().holding(i).lots;
    if (lots != 0 && limits_->orders().closing(i) == 0) held.emplace_back(static_cast<std::int64_t>(i), lots);
  }
  for (const auto& [instrument, lots] : held) leave(instrument, lots > 0, lots > 0 ? lots : -lots);
}

// Whether the limits let an order out: cut where it is too large, and only as long as its approval holds.
bool Runner::reviewed(Order& order) {
  if (!plain(order)) throw std::invalid_argument("a rulebook has no rule for an order of these terms");
  const auto i = place(order.instrument);
  const OrderId id = orders_ * family;  // the exchange's next number
  const limits::Answer answer = limits_->review(id, order, limits_->account().holding(i).mark);
  const auto stop = order.bracket ? order.bracket->stop : none;
  const auto target = order.bracket ? order.bracket->target.value_or(none) : none;
  reviews_.push_back({now_, answer.allowed ? id : vetoed, order.instrument, static_cast<std::int64_t>(order.side),
                      static_cast<std::int64_t>(order.type), static_cast<std::int64_t>(order.role), order.lots,
                      answer.lots, order.price.value_or(none), stop, target, answer.denied, answer.cut});
  if (!answer.allowed) return false;
  order.lots = answer.lots;
  order.expires_at = std::min(order.expires_at, limits_->expires_at(now_));
  return true;
}

}  // namespace quorate::exchange
