// The limits as a fold: what reports, bars and people do to the account, the reservations and the breaker.
#include "limits.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace quorate::limits {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument(why); }

std::vector<Terms> terms_of(const std::vector<Traded>& traded) {
  std::vector<Terms> terms;
  for (const Traded& each : traded) terms.push_back(each.terms);
  return terms;
}

void check_ratio(const std::string& what, const Ratio& ratio, std::int64_t least) {
  if (ratio.denominator > 0 && ratio.numerator >= least) return;
  refuse(what + " must not be " + std::to_string(ratio.numerator) + "/" + std::to_string(ratio.denominator));
}

void check_traded(const Traded& each) {
  const std::string name = "instrument " + each.terms.name + ": ";
  check_ratio(name + "worth", each.terms.worth, 1);
  check_ratio(name + "taker", each.terms.taker, 0);
  check_ratio(name + "commission", each.terms.commission, 0);
  check_ratio(name + "margin", each.terms.margin, 1);
  check_ratio(name + "lot", each.lot, 1);
  if (each.lots_max < 0) refuse(name + "lots_max must not be negative");
}

void check_numbers(const Numbers& numbers) {
  for (const Cap* cap : {&numbers.trade, &numbers.position, &numbers.gross, &numbers.net, &numbers.leverage,
                         &numbers.stop_risk, &numbers.margin, &numbers.day, &numbers.drawdown, &numbers.hour,
                         &numbers.order}) {
    check_ratio("a share of the rulebook", cap->share, 1);
    if (cap->money_e8 && *cap->money_e8 < 0) refuse("an amount of the rulebook must not be negative");
  }
  check_ratio("the collar", numbers.collar, 1);
  for (const std::int64_t count :
       {numbers.approval_ttl_s, numbers.stop_ticks_min, numbers.positions_max, numbers.contracts_max, numbers.streak_max,
        numbers.streak_pause_s, numbers.orders_per_minute_max, numbers.duplicate_window_s,
        numbers.bars_old_max}) {
    if (count <= 0) refuse("a count of the rulebook must be above zero, not " + std::to_string(count));
  }
}

}  // namespace

Limits::Limits(std::vector<Traded> traded, const Numbers& numbers, std::int64_t cash_e8,
               std::optional<Instant> cool_down, Instant until)
    : traded_(std::move(traded)), numbers_(numbers), account_(terms_of(traded_), cash_e8),
      orders_(traded_.size()), watch_(cash_e8), bars_(traded_.size()), cool_down_(cool_down), until_(until) {
  for (const Traded& each : traded_) check_traded(each);
  check_numbers(numbers_);
  if (cool_down && *cool_down < 0) refuse("cool_down must not be negative");
}

// ---- failing closed ------------------------------------------------------------------------------------

void Limits::check_time(Instant at) const {
  if (at < at_) refuse("time ran backwards: " + std::to_string(at) + " came after " + std::to_string(at_));
}

std::size_t Limits::place_of(std::int64_t instrument) const {
  const auto place = static_cast<std::size_t>(instrument);  // a negative one wraps to one there never is
  if (place < traded_.size()) return place;
  refuse("instrument " + std::to_string(instrument) + " is not known here");
}

// Books that failed are closed for good: nothing is folded into them any more.
template <typename Work>
void Limits::guarded(Instant at, Work&& work) {
  check_time(at);
  at_ = at;
  if (!failure_.empty()) return;
  busy_ = none;
  try {
    work();
  } catch (const Overflow& error) {
    fail(error.what());
  } catch (const Inconsistent& error) {
    fail(error.what());
  }
}

void Limits::fail(const char* why) {
  const bool named = busy_ != none;
  failure_ = (named ? "instrument " + traded_[static_cast<std::size_t>(busy_)].terms.name : "the account");
  failure_ += std::string(": ") + why;
  down(at_, Breaker::halted, Rule::books);
  resume_at_ = forever;
}

// ---- the breaker ---------------------------------------------------------------------------------------

void Limits::down(Instant at, Breaker to, Rule rule) {
  if (to > breaker_) move(at, to, rule);
}

void Limits::move(Instant at, Breaker to, Rule rule) {
  moves_.push_back({at, breaker_, to, rule});
  breaker_ = to;
  resume_at_ = forever;
  if (to == Breaker::normal) return;
  duty_ = std::max(duty_, to == Breaker::halted ? Duty::leave : Duty::cancel_entries);
  if (cool_down_ && Wide{at} + *cool_down_ <= until_) resume_at_ = at + *cool_down_;
}

void Limits::halt(Instant at) {
  guarded(at, [&] { down(at, Breaker::halted, Rule::halt); });
}

bool Limits::resume(Instant at) {
  bool resumed = false;
  guarded(at, [&] {
    if (breaker_ == Breaker::normal) return;
    const std::int64_t equity = account_.equity_e8();
    move(at, Breaker::normal, Rule::resume);
    watch_.rebase(equity);
    losses_in_a_row_ = 0;
    last_loss_at_ = Sent::long_ago;
    resumed = true;
  });
  return resumed;
}

void Limits::operate(Instant until) {
  if (resume_at_ > until || resume_at_ == forever) return;
  resume(std::exchange(resume_at_, forever));
}

void Limits::instant_closed(Instant at) {
  guarded(at, [&] {
    const std::int64_t equity = account_.equity_e8();
    watch_.mark(at, equity);
    if (breaker_ == Breaker::halted) return;
    struct Watcher {
      const Cap& cap;
      std::int64_t base_e8;
      Breaker to;
      Rule rule;
    };
    const Watcher watchers[] = {
        {numbers_.day, watch_.day_start_e8(), Breaker::reducing, Rule::daily_loss},
        {numbers_.drawdown, watch_.peak_e8(), Breaker::halted, Rule::drawdown},
        {numbers_.hour, watch_.hour_high_e8(), Breaker::halted, Rule::hour_loss},
    };
    for (const Watcher& each : watchers) {
      if (each.cap.reached(equity, each.base_e8)) down(at, each.to, each.rule);
    }
  });
}

// ---- events --------------------------------------------------------------------------------------------

void Limits::on(const MarketEvent& event) {
  const std::size_t i = place_of(event.instrument);
  guarded(event.at, [&] {
    busy_ = event.instrument;
    if (event.kind == MarketEvent::bar) {
      bars_[i] = {event.at, event.start, event.close, true};
      account_.mark(i, event.close);
    } else if (event.kind == MarketEvent::roll) {
      account_.shift(i, event.close);
    }
  });
}

void Limits::on(const Report& report) {
  using Kind = Report::Kind;
  const bool named = report.kind == Kind::accepted || report.kind == Kind::fill ||
                     report.kind == Kind::rolled || report.kind == Kind::charged || report.kind == Kind::held;
  if (named) place_of(report.instrument);
  guarded(report.at, [&] {
    if (named) busy_ = report.instrument;
    fold(report);
  });
}

void Limits::fold(const Report& report) {
  using Kind = Report::Kind;
  const auto i = static_cast<std::size_t>(report.instrument);
  switch (report.kind) {
    case Kind::accepted:
      if (!orders_.accepted(report)) down(report.at, Breaker::halted, Rule::approved_only);
      return;
    case Kind::fill: return fold_fill(report);
    case Kind::replaced: return orders_.resized(report);
    case Kind::bankrupt: return;  // the books show it, and every order is refused from now on
    case Kind::rejected:
    case Kind::cancelled:
    case Kind::expired: return orders_.ended(report.order, report.kind == Kind::rejected);
    case Kind::rolled: return account_.carry(i, report.best, report.price, report.money_e8);
    case Kind::charged: return account_.pay(report.money_e8);
    case Kind::settled:
      told_held_ = report.lots;
      if (account_.reconcile(report.money_e8) != told_held_) {
        throw Inconsistent("the positions differ from the venue's");
      }
      return;
    case Kind::held:
      if (--told_held_ < 0 || account_.holding(i).lots != report.lots) {
        throw Inconsistent("a position differs from the venue's");
      }
      return;
    default: throw Inconsistent("a report of a kind that is not known here");
  }
}

void Limits::fold_fill(const Report& report) {
  if (report.lots <= 0) throw Inconsistent("a fill of no lots");
  const auto i = static_cast<std::size_t>(report.instrument);
  const auto profit = account_.fill(i, report.lots * sign_of(report.side), report.price, report.money_e8);
  if (profit && *profit < 0) {
    losses_in_a_row_ += 1;
    last_loss_at_ = report.at;
  } else if (profit && *profit > 0) {
    losses_in_a_row_ = 0;
  }
  if (!orders_.filled(report)) down(report.at, Breaker::halted, Rule::approved_only);
  if (report.role == Role::entry && breaker_ == Breaker::halted) duty_ = Duty::leave;
}

bool Limits::may_cancel(OrderId order) const {
  const auto found = orders_.working().find(order);
  if (found == orders_.working().end() || found->second.role != Role::stop) return true;
  const Reserved& stop = found->second;
  const Lots held = account_.holding(stop.instrument).lots;
  if (held == 0 || (held > 0) == (stop.side == Side::buy)) return true;
  return orders_.protecting(stop, order) >= magnitude(held);
}

std::vector<OrderId> Limits::entries() const {
  std::vector<OrderId> found;
  for (const auto& [order, each] : orders_.working()) {
    if (each.role == Role::entry) found.push_back(order);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace quorate::limits
