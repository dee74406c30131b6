// The 26 limits on one order, and the review that asks them all, cuts once and reserves what passes.
#include <algorithm>
#include <utility>

#include "limits.hpp"

namespace quorate::limits {
namespace {

constexpr Lots twice(Lots step) { return step <= int64_max / 2 ? 2 * step : int64_max; }

// The most lots in [0, asked] whose cost fits. `cost` grows with lots, almost in proportion to them: a guess
// by proportion, then doubling steps and bisection. Exact, and two or three costs as a rule.
template <typename Cost>
Lots most_lots(const Cost& cost, Wide room_e8, Lots asked) {
  const Wide whole = cost(asked);
  if (whole <= room_e8) return asked;
  if (room_e8 <= 0) return 0;
  auto low = static_cast<Lots>(divide(multiply(room_e8, asked), whole).quotient);
  Lots high = low;
  for (Lots step = 1; low > 0 && cost(low) > room_e8; step = twice(step)) {
    high = low;
    low = step < low ? low - step : 0;
  }
  if (high == low) {
    high = low + 1;
    for (Lots step = 1; high < asked && cost(high) <= room_e8; step = twice(step)) {
      low = high;
      high = step < asked - high ? high + step : asked;
    }
  }
  while (high - low > 1) {
    const Lots middle = low + (high - low) / 2;
    (cost(middle) <= room_e8 ? low : high) = middle;
  }
  return low;
}

// The least distance, on the order's winning side, from its prices to a target; negated, to a stop.
Wide nearest(const Asked& asked, Ticks leg, std::int64_t sign) {
  const auto away = [&](Ticks price) { return (Wide{leg} - price) * sign; };
  Wide least = away(asked.reference);
  if (asked.limit) least = std::min(least, away(*asked.limit));
  if (asked.trigger) least = std::min(least, away(*asked.trigger));
  return least;
}

}  // namespace

const std::array<Limits::Check, rule_count> Limits::checks = {
    &Limits::units, &Limits::terms, &Limits::once, &Limits::direction, &Limits::stop, &Limits::target,
    &Limits::last_bar, &Limits::collar, &Limits::slip_of_size, &Limits::trade, &Limits::position,
    &Limits::gross, &Limits::net, &Limits::leverage, &Limits::open_positions, &Limits::instrument_cap,
    &Limits::stop_risk, &Limits::contracts, &Limits::margin, &Limits::daily_loss, &Limits::drawdown,
    &Limits::hour_loss, &Limits::streak, &Limits::minute, &Limits::duplicate, &Limits::breaker_down,
};

Asked asked_of(OrderId id, const Order& order, Ticks reference) {
  Asked asked{.id = id, .at = order.at, .instrument = order.instrument, .side = order.side,
              .type = order.type, .role = order.role, .lots = order.lots, .reference = reference,
              .limit = {}, .trigger = {}, .stop = {}, .target = {}};
  (order.type == Type::stop ? asked.trigger : asked.limit) = order.price;
  if (order.bracket) {
    asked.stop = order.bracket->stop;
    asked.target = order.bracket->target;
  }
  return asked;
}

// ---- the review ----------------------------------------------------------------------------------------

Answer Limits::review(const Asked& asked) {
  check_time(asked.at);
  at_ = asked.at;
  totals_.reset();
  busy_ = asked.instrument;
  if (!failure_.empty()) return {false, 0, every_rule | bit_of(Rule::books), 0};
  Findings found = ask(asked);
  const std::uint32_t cut = found.cut;
  Asked sized = asked;
  if (found.denied == 0 && cut != 0) {
    sized.lots = found.lots;
    found = ask(sized);
    found.denied |= found.cut;  // an order is cut once; whoever still finds it too large denies it
  }
  if (found.denied != 0) return {false, 0, found.denied, cut};
  try {
    orders_.reserve(asked.id, {place(asked), asked.role, asked.side, sized.lots});
  } catch (const Overflow& error) {
    fail(error.what());
  } catch (const Inconsistent& error) {
    fail(error.what());
  }
  if (!failure_.empty()) return {false, 0, every_rule | bit_of(Rule::books), cut};
  sent_.add(at_, {asked.instrument, asked.side, sized.lots, asked.reduces()});
  return {true, sized.lots, 0, cut};
}

// Rules that calculate are not fed an order whose units are wrong: then all deny.
Limits::Findings Limits::ask(const Asked& asked) {
  Findings found{.denied = 0, .cut = 0, .lots = asked.lots};
  const std::size_t rules = asked.reduces() ? first_of_entries : rule_count;
  if (place(asked) >= traded_.size()) found.denied = every_rule;
  for (std::size_t rule = 0; rule < rules && found.denied != every_rule; ++rule) {
    const Finding finding = find(rule, asked);
    if (finding.answer == Finding::allow) continue;
    if (finding.answer == Finding::deny) {
      found.denied |= rule == 0 ? every_rule : 1U << rule;
    } else {
      found.cut |= 1U << rule;
      found.lots = std::min(found.lots, finding.lots);
    }
  }
  return found;
}

// One rule's finding; a rule that cannot calculate, or whose cut does not cut, denies, and the desk halts.
Limits::Finding Limits::find(std::size_t rule, const Asked& asked) {
  try {
    const Finding finding = (this->*checks[rule])(asked);
    if (finding.answer != Finding::reduce || finding.lots < asked.lots) return finding;
  } catch (const Overflow&) {
  }
  down(at_, Breaker::halted, static_cast<Rule>(rule));
  return {Finding::deny};
}

// ---- what is held and asked for --------------------------------------------------------------------------

Wide Limits::on_side(std::size_t i, Side side) const {
  const Wide held = Wide{account_.holding(i).lots} * sign_of(side);
  return std::max<Wide>(held, 0) + orders_.entering(i, side);
}

Lots Limits::larger_side(std::size_t i) const {
  const Wide buy = on_side(i, Side::buy);
  const Wide sell = on_side(i, Side::sell);
  return narrow(buy >= sell ? buy : -sell, "exposure in lots");
}

// What one instrument adds to the nets of both sides; the larger is its absolute exposure.
Limits::Sides Limits::sides_e8(std::size_t i) const {
  const Holding& held = account_.holding(i);
  const Lots hedge = orders_.closing(i) != 0 ? 0 : held.lots;
  const Lots buy = narrow(on_side(i, Side::buy), "exposure in lots");
  const Lots sell = narrow(on_side(i, Side::sell), "exposure in lots");
  const Terms& terms = account_.terms(i);
  return {terms.worth_e8(held.mark, buy != 0 ? buy : std::min<Lots>(hedge, 0)),
          terms.worth_e8(held.mark, sell != 0 ? sell : std::min<Lots>(-hedge, 0))};
}

Wide Limits::margin_e8(std::size_t i) const {
  return account_.terms(i).margin_e8(account_.holding(i).mark, larger_side(i));
}

const Limits::Totals& Limits::totals() const {
  if (totals_) return *totals_;
  Totals sum;
  for (std::size_t i = 0; i < traded_.size(); ++i) {
    if (account_.holding(i).lots == 0 && !orders_.enters(i)) continue;
    sum.open += 1;
    if (traded_[i].is_future) {
      sum.futures_margin = add(sum.futures_margin, margin_e8(i));
      continue;
    }
    const Sides sides = sides_e8(i);
    sum.gross = add(sum.gross, std::max(sides.buy, sides.sell));
    sum.net_buy = add(sum.net_buy, sides.buy);
    sum.net_sell = add(sum.net_sell, sides.sell);
  }
  return totals_.emplace(sum);
}

// The highest price at which the order's exposure could count.
Ticks Limits::highest_price(const Asked& asked) const {
  Ticks price = std::max(last_close(asked), asked.reference);
  if (asked.limit) price = std::max(price, *asked.limit);
  if (asked.trigger) price = std::max(price, *asked.trigger);
  return price;
}

// The price at which an entry would stand farthest from its stop, slippage aside.
Ticks Limits::worst_entry(const Asked& asked) const {
  if (asked.type == Type::limit && asked.limit) return *asked.limit;
  const Ticks last = last_close(asked) != 0 ? last_close(asked) : asked.reference;
  const bool buys = asked.side == Side::buy;
  Ticks price = buys ? std::max(asked.reference, last) : std::min(asked.reference, last);
  if (asked.trigger) price = buys ? std::max(price, *asked.trigger) : std::min(price, *asked.trigger);
  return price;
}

// ---- schema, sanity, bracket -----------------------------------------------------------------------------

Limits::Finding Limits::units(const Asked& asked) const {
  bool right = asked.lots > 0 && asked.reference > 0;
  for (const auto& price : {asked.limit, asked.trigger, asked.stop, asked.target}) {
    right = right && (!price || *price > 0);
  }
  return {right ? Finding::allow : Finding::deny};
}

// A type that the desk does not have is denied, whatever its prices.
Limits::Finding Limits::terms(const Asked& asked) const {
  const bool known = asked.type == Type::market || asked.type == Type::limit || asked.type == Type::stop;
  const bool right = known && asked.limit.has_value() == (asked.type == Type::limit) &&
                     asked.trigger.has_value() == (asked.type == Type::stop) &&
                     (asked.role != Role::stop || asked.type == Type::stop) &&
                     (asked.role != Role::target || asked.type == Type::limit) &&
                     !(asked.reduces() && asked.stop);
  return {right ? Finding::allow : Finding::deny};
}

Limits::Finding Limits::once(const Asked& asked) const {
  return {asked.id < 0 || orders_.knows(asked.id) ? Finding::deny : Finding::allow};
}

Limits::Finding Limits::direction(const Asked& asked) const {
  const std::size_t i = place(asked);
  const Wide held = Wide{account_.holding(i).lots} * asked.sign();
  const Lots closing = orders_.closing(i);
  if (!asked.reduces()) {
    const bool against = held < 0 && closing < -held;
    const Side opposite = asked.side == Side::buy ? Side::sell : Side::buy;
    return {against || orders_.entering(i, opposite) != 0 ? Finding::deny : Finding::allow};
  }
  if (held >= 0) return {Finding::deny};
  const Wide room = -held - (asked.role == Role::exit ? closing : 0);  // legs cancel each other
  if (asked.lots <= room) return {Finding::allow};
  return cut_to(room);
}

Limits::Finding Limits::stop(const Asked& asked) const {
  if (!asked.stop) return {Finding::deny};
  const Wide distance = nearest(asked, *asked.stop, -asked.sign());
  return {distance > 0 && distance >= numbers_.stop_ticks_min ? Finding::allow : Finding::deny};
}

Limits::Finding Limits::target(const Asked& asked) const {
  const bool right = !asked.stop || !asked.target || nearest(asked, *asked.target, asked.sign()) > 0;
  return {right ? Finding::allow : Finding::deny};
}

// ---- freshness, price, rate ------------------------------------------------------------------------------

Limits::Finding Limits::last_bar(const Asked& asked) const {
  const LastBar& bar = bars_[place(asked)];
  const Wide interval = Wide{bar.at} - bar.start;
  const Wide age = Wide{at_} - bar.at;
  const bool fresh = bar.seen && interval > 0 && age >= 0 && age <= multiply(interval, numbers_.bars_old_max);
  return {fresh ? Finding::allow : Finding::deny};
}

Limits::Finding Limits::collar(const Asked& asked) const {
  const Ticks last = last_close(asked);
  if (last <= 0) return {Finding::deny};
  Wide away = magnitude(Wide{asked.reference} - last);
  if (asked.limit) away = std::max(away, magnitude(Wide{*asked.limit} - last));
  if (asked.trigger) away = std::max(away, magnitude(Wide{*asked.trigger} - last));
  const bool near = multiply(away, numbers_.collar.denominator) <= multiply(last, numbers_.collar.numerator);
  return {near ? Finding::allow : Finding::deny};
}

Limits::Finding Limits::slip_of_size(const Asked& asked) const {
  const Terms& terms = traded(asked).terms;
  const Ticks price = highest_price(asked);
  const bool future = traded(asked).is_future;
  const Wide size = future ? terms.margin_e8(price, asked.lots) : terms.worth_e8(price, asked.lots);
  return {numbers_.order.holds(size, account_.equity_e8()) ? Finding::allow : Finding::deny};
}

Limits::Finding Limits::minute(const Asked&) const {
  const bool few = sent_.since(Wide{at_} - minute_ns + 1) < numbers_.orders_per_minute_max;
  return {few ? Finding::allow : Finding::deny};
}

Limits::Finding Limits::duplicate(const Asked& asked) const {
  const Wide window = Wide{numbers_.duplicate_window_s} * second_ns;
  const Like like{asked.instrument, asked.side, asked.lots, asked.reduces()};
  const Wide since = Wide{at_} - sent_.last_like(like, at_ - window);
  return {since >= window ? Finding::allow : Finding::deny};
}

// ---- exposure --------------------------------------------------------------------------------------------

// Notional of lots before and asked for, and of others, within a cap; futures have limits of their own.
Limits::Finding Limits::within(const Cap& cap, const Asked& asked, Wide before, Wide others) const {
  const Terms& terms = traded(asked).terms;
  const Ticks price = highest_price(asked);
  const Lots all = narrow(before + asked.lots, "exposure in lots");
  const auto worth = [&](Lots lots) { return terms.worth_e8(price, lots); };
  const std::int64_t equity = account_.equity_e8();
  if (cap.holds(add(others, worth(all)), equity)) return {Finding::allow};
  return cut_to(most_lots(worth, add(cap.of(equity), -others), all) - before);
}

Limits::Finding Limits::trade(const Asked& asked) const {
  if (traded(asked).is_future) return {Finding::allow};
  return within(numbers_.trade, asked, 0, 0);
}

Limits::Finding Limits::position(const Asked& asked) const {
  if (traded(asked).is_future) return {Finding::allow};
  return within(numbers_.position, asked, on_side(asked), 0);
}

Limits::Finding Limits::fits_gross(const Cap& cap, const Asked& asked) const {
  if (traded(asked).is_future) return {Finding::allow};
  const Sides own = sides_e8(place(asked));
  return within(cap, asked, on_side(asked), add(totals().gross, -std::max(own.buy, own.sell)));
}

Limits::Finding Limits::gross(const Asked& asked) const { return fits_gross(numbers_.gross, asked); }

Limits::Finding Limits::leverage(const Asked& asked) const { return fits_gross(numbers_.leverage, asked); }

Limits::Finding Limits::net(const Asked& asked) const {
  if (traded(asked).is_future) return {Finding::allow};
  const Sides own = sides_e8(place(asked));
  const bool buys = asked.side == Side::buy;
  const Wide all = buys ? totals().net_buy : totals().net_sell;
  return within(numbers_.net, asked, on_side(asked), add(all, -(buys ? own.buy : own.sell)));
}

Limits::Finding Limits::open_positions(const Asked& asked) const {
  const std::int64_t after = totals().open + (larger_side(place(asked)) == 0 ? 1 : 0);
  return {after <= numbers_.positions_max ? Finding::allow : Finding::deny};
}

Limits::Finding Limits::instrument_cap(const Asked& asked) const {
  const Lots most = traded(asked).lots_max;
  const Wide before = on_side(asked);
  if (most == 0 || before + asked.lots <= most) return {Finding::allow};
  return cut_to(most - before);
}

// ---- risk, futures ---------------------------------------------------------------------------------------

// What the trade loses from its worst entry to the stop, fees both ways included.
Limits::Finding Limits::stop_risk(const Asked& asked) const {
  if (!asked.stop) return {Finding::deny};
  const Terms& terms = traded(asked).terms;
  const Ticks entry = worst_entry(asked);
  const Ticks stop = *asked.stop;
  const Ticks distance = narrow(magnitude(Wide{entry} - stop), "the way to the stop");
  const auto loss = [&](Lots lots) {
    const Wide fees = add(terms.fee_e8(entry, lots, false), terms.fee_e8(stop, lots, false));
    return add(terms.worth_e8(distance, lots), fees);
  };
  const Wide before = on_side(asked);
  const Lots all = narrow(before + asked.lots, "exposure in lots");
  const std::int64_t equity = account_.equity_e8();
  if (numbers_.stop_risk.holds(loss(all), equity)) return {Finding::allow};
  return cut_to(most_lots(loss, numbers_.stop_risk.of(equity), all) - before);
}

Limits::Finding Limits::contracts(const Asked& asked) const {
  const Traded& future = traded(asked);
  if (!future.is_future) return {Finding::allow};
  const Wide contracts = multiply(numbers_.contracts_max, future.lot.denominator);
  const Wide most = divide(contracts, future.lot.numerator).quotient;
  const Wide before = on_side(asked);
  if (before + asked.lots <= most) return {Finding::allow};
  return cut_to(most - before);
}

Limits::Finding Limits::margin(const Asked& asked) const {
  if (!traded(asked).is_future) return {Finding::allow};
  const Terms& terms = traded(asked).terms;
  const Ticks price = highest_price(asked);
  const auto margin = [&](Lots lots) { return terms.margin_e8(price, lots); };
  const Wide before = on_side(asked);
  const Lots all = narrow(before + asked.lots, "exposure in lots");
  const Wide others = add(totals().futures_margin, -margin_e8(place(asked)));
  const std::int64_t equity = account_.equity_e8();
  if (numbers_.margin.holds(add(others, margin(all)), equity)) return {Finding::allow};
  return cut_to(most_lots(margin, add(numbers_.margin.of(equity), -others), all) - before);
}

// ---- losses, breaker -------------------------------------------------------------------------------------

Limits::Finding Limits::daily_loss(const Asked&) const {
  return {numbers_.day.reached(account_.equity_e8(), watch_.day_start_e8()) ? Finding::deny : Finding::allow};
}

Limits::Finding Limits::drawdown(const Asked&) const {
  return {numbers_.drawdown.reached(account_.equity_e8(), watch_.peak_e8()) ? Finding::deny : Finding::allow};
}

Limits::Finding Limits::hour_loss(const Asked&) const {
  return {numbers_.hour.reached(account_.equity_e8(), watch_.hour_high_e8()) ? Finding::deny : Finding::allow};
}

Limits::Finding Limits::streak(const Asked&) const {
  const Wide left = last_loss_at_ + Wide{numbers_.streak_pause_s} * second_ns - at_;
  const bool paused = losses_in_a_row_ >= numbers_.streak_max && left > 0;
  return {paused ? Finding::deny : Finding::allow};
}

Limits::Finding Limits::breaker_down(const Asked&) const {
  return {breaker_ == Breaker::normal ? Finding::allow : Finding::deny};
}

}  // namespace quorate::limits
