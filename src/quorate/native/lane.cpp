// The fast lane: between two fills nothing but the price moves, so a bar is only looked at when it can matter.
#include "lane.hpp"

#include <algorithm>

#include "exchange.hpp"
#include "wider.hpp"

namespace quorate::lane {
namespace {

using exchange::Offer;
using exchange::Outcome;
using exchange::Path;
using exchange::Terms;

constexpr std::size_t ahead = 8;  // changes for which the memory is asked beforehand

struct Beyond {};  // a number left the room in which the shortcuts are exact

std::int64_t within(Wide value) {
  if (value > room || value < -room) throw Beyond{};
  return static_cast<std::int64_t>(value);
}

// Divides by one number again and again: a product instead of a division, then put right to the last unit.
class Divisor {
 public:
  explicit Divisor(std::int64_t by) : by_(by), inverse_(1.0 / static_cast<double>(by)) {}
  // A value within the room, rounded up.
  std::int64_t up(std::int64_t value) const {
    auto quotient = static_cast<std::int64_t>(static_cast<double>(value) * inverse_);
    std::int64_t rest = value - quotient * by_;
    if (rest < 0 || rest >= by_) {
      const std::int64_t off = rest / by_ - (rest % by_ < 0 ? 1 : 0);
      quotient += off;
      rest -= off * by_;
    }
    return quotient + (rest > 0 ? 1 : 0);
  }

  std::int64_t by() const { return by_; }

 private:
  std::int64_t by_;
  double inverse_;
};

// What one tick of price costs in spread and slippage, in fine ticks, and how many of those a tick has.
struct Share {
  std::int64_t half, slip, fine;
};

Share share_of(const exchange::Friction& friction) {
  const exchange::MarketEvent tick{.at = 1, .kind = exchange::MarketEvent::bar, .instrument = 0, .start = 0,
                                   .open = 1, .high = 1, .low = 1, .close = 1, .volume = -1, .spread = -1};
  const Offer offer = friction.offer(tick, 0);
  return {static_cast<std::int64_t>(offer.half), offer.slip, offer.fine};
}

// size * delay / whole, rounded up, where the product may need more than 64 bits; 0 <= delay <= whole.
std::int64_t part_up(std::int64_t size, std::int64_t delay, std::int64_t whole) {
  auto part = static_cast<std::int64_t>(static_cast<double>(size) *
                                        (static_cast<double>(delay) / static_cast<double>(whole)));
  Wide rest = Wide{size} * delay - Wide{part} * whole;
  for (; rest > 0; rest -= whole) ++part;
  for (; rest <= -Wide{whole}; rest += whole) --part;
  return part;
}

// Cash and what is held at each close.
QUORATE_WIDER void worths(const Tape::Price* closes, std::int64_t* out, std::size_t count, std::int32_t held,
                          std::int64_t cash) {
  for (std::size_t i = 0; i < count; ++i) out[i] = cash + std::int64_t{held} * closes[i];
}

class Lane {
 public:
  Lane(const Tape& tape, const Settings& settings, Scratch& scratch, Record* record);
  Statistics run(std::span<const Change> changes);

 private:
  std::int64_t worth(std::int64_t price, Lots lots) const {
    const std::int64_t product = price * lots * worth_.numerator;
    if (worth_.denominator == 1) return product;
    return static_cast<std::int64_t>(exchange::divide_half_even(product, worth_.denominator));
  }
  std::int64_t equity(std::int64_t price) const { return cash_e8_ + worth(price, lots_); }
  std::int64_t fee(std::int64_t paid_e8, Lots lots) const {
    const std::int64_t taken = taker_.up((paid_e8 < 0 ? -paid_e8 : paid_e8) * terms_.taker.numerator);
    return terms_.commission.numerator == 0 ? taken
                                            : taken + commission_.up(lots * terms_.commission.numerator);
  }

  Lots target_of(std::int32_t stance_e6, Ticks close) const;
  bool turn(std::int32_t bar, Instant arrival);
  void advance(std::int32_t end);
  void stretch(std::int32_t end);
  void draw(std::int32_t end) const;
  void stand(std::int32_t end);
  void climb(std::int32_t end);
  void charge(std::int32_t bar);
  std::int32_t arrives(Instant arrival, std::int32_t bar) const;
  void trade(std::int32_t bar, Instant arrival, Lots signed_lots, Role role);
  Outcome price(std::int32_t bar, Instant arrival, std::int64_t sign, Instant& filled_at) const;
  Outcome at_open(std::int32_t bar, std::int64_t sign) const;
  Outcome met(std::int32_t bar, Instant arrival, std::int64_t sign, Instant& filled_at) const;
  bool affords(std::int64_t price, Lots signed_lots, std::int64_t fee_e8) const;

  const Tape& tape_;
  const Settings& settings_;
  const Terms& terms_;
  const exchange::Ratio worth_;
  exchange::Friction friction_;
  std::int64_t half_, slip_;  // in fine ticks a tick of price
  Divisor taker_, commission_, margin_, fine_;
  bool free_;      // nothing but fees: a fill at the open is a fill at the open's very price
  bool coarse_;    // fine ticks of any price leave room too
  mutable Instant walked_ns_ = 0;  // the bar length that walk_ is for
  mutable std::int64_t walk_ = 0;
  bool financed_;
  Lots lots_max_;  // the most whose worth, fee and margin stay in their room
  std::int64_t price_max_;
  Lots lots_full_ = 0;  // of a full stance, where it is a number of lots

  std::int32_t next_ = 0;  // bars before are accounted for
  std::int64_t cash_e8_;
  Lots lots_ = 0;
  std::size_t day_end_ = 0, day_start_ = 0;
  Underwater water_;
  Totals totals_;
  std::vector<std::int64_t>& days_;
  Record* record_;
  TradeLog log_;
};

Lane::Lane(const Tape& tape, const Settings& settings, Scratch& scratch, Record* record)
    : tape_(tape), settings_(settings), terms_(settings.terms), worth_(settings.terms.worth),
      friction_(settings.terms), half_(share_of(friction_).half), slip_(share_of(friction_).slip),
      taker_(terms_.taker.denominator), commission_(terms_.commission.denominator),
      margin_(terms_.margin.denominator), fine_(share_of(friction_).fine), cash_e8_(settings.cash_e8),
      water_(settings.cash_e8, tape.at(0) - tape.calendar().interval_ns), days_(scratch.days),
      record_(record), log_(record == nullptr ? nullptr : &record->trades) {
  free_ = !tape.is_quoted() && terms_.half_spread.numerator == 0 && terms_.slippage.numerator == 0 &&
          settings.latency_ns == 0;
  financed_ = terms_.pays != exchange::Financing::nobody && terms_.financing.numerator != 0;
  price_max_ = 2 * tape.price_max();  // prices with costs lie beyond those of bars
  const Wide a_lot = Wide{worth_.numerator} * price_max_;
  const Wide most = std::max({std::int64_t{1}, terms_.taker.numerator, terms_.margin.numerator});
  const bool small = a_lot <= room && a_lot * most <= room;
  lots_max_ = small ? static_cast<Lots>(room / (a_lot * most)) : 0;
  lots_max_ = std::min(lots_max_, room / std::max(std::int64_t{1}, terms_.commission.numerator));
  const Wide dearest = Wide{fine_.by()} + half_ + 3 * Wide{slip_};  // of a tick, in fine ticks
  coarse_ = 8 * price_max_ * dearest <= room;
  days_.clear();
  scratch.stepped = false;
  totals_.start_e8 = settings.cash_e8;
  if (settings.size.of == Size::Of::lots) lots_full_ = wanted(settings.size, full_e6, 0, 0);
  within(settings.cash_e8);
}

// Accounts for the bars before `end`, with nothing but financing changing what is held.
void Lane::advance(std::int32_t end) {
  if (financed_) {
    const auto starts = tape_.day_starts();
    for (; day_start_ < starts.size() && starts[day_start_] < end; ++day_start_) {
      if (lots_ == 0) continue;
      stretch(starts[day_start_]);
      charge(starts[day_start_]);
    }
  }
  stretch(end);
}

// Bars with the same cash and lots: equity rises and falls with the close alone.
void Lane::stretch(std::int32_t end) {
  if (end <= next_) return;
  if (lots_ == 0) {
    stand(end);
  } else {
    const Tape::Range closes = tape_.closes(next_, end);
    const std::int64_t one = equity(closes.low), other = equity(closes.high);
    if (std::max(one, other) >= water_.peak()) {
      climb(end);
    } else {
      water_.sink(std::min(one, other));
    }
    totals_.exposed += end - next_;
    const double held = static_cast<double>(lots_) * static_cast<double>(worth_.numerator);
    totals_.equity_sum += held / static_cast<double>(worth_.denominator) *
                          static_cast<double>(closes.sum);
  }
  totals_.equity_sum += static_cast<double>(end - next_) * static_cast<double>(cash_e8_);
  if (record_ != nullptr) draw(end);
  const auto ends = tape_.day_ends();
  for (; day_end_ < ends.size() && ends[day_end_].bar < end; ++day_end_) {
    const DayEnd& day = ends[day_end_];
    days_.insert(days_.end(), static_cast<std::size_t>(day.days), equity(tape_.close(day.bar)));
  }
  next_ = end;
}

// The curve of those bars. It may run on over bars to come, which are drawn again: whole steps need no remainder.
void Lane::draw(std::int32_t end) const {
  constexpr std::int32_t step = 8;
  std::int64_t* out = record_->curve.data();
  const std::int64_t held = lots_ * worth_.numerator;
  if (worth_.denominator != 1 || held != static_cast<std::int32_t>(held)) {
    for (std::int32_t bar = next_; bar < end; ++bar) out[bar] = equity(tape_.close(bar));
    return;
  }
  const std::int32_t count = std::min((end - next_ + step - 1) / step * step, tape_.size() - next_);
  worths(tape_.closes_from(next_), out + next_, static_cast<std::size_t>(count), static_cast<std::int32_t>(held),
         cash_e8_);
}

void Lane::stand(std::int32_t end) {
  if (cash_e8_ < water_.peak()) return water_.sink(cash_e8_);
  water_.rise(next_, tape_.at(next_), cash_e8_);
  water_.stand(end - 1, tape_.at(end - 1));
}

// Bar by bar, where a new peak is among them.
void Lane::climb(std::int32_t end) {
  for (std::int32_t bar = next_; bar < end; ++bar) {
    const std::int64_t now = equity(tape_.close(bar));
    if (now >= water_.peak()) {
      water_.rise(bar, tape_.at(bar), now);
    } else {
      water_.sink(now);
    }
  }
}

// Financing at the first bar of a day, on what was held until then.
void Lane::charge(std::int32_t bar) {
  if (lots_ == 0) return;
  const std::int64_t days = tape_.at(bar) / exchange::day_ns - tape_.at(bar - 1) / exchange::day_ns;
  const std::int64_t owed = within(terms_.financing_e8(tape_.close(bar - 1), lots_, days));
  if (owed == 0) return;
  cash_e8_ = within(Wide{cash_e8_} - owed);
  totals_.financing_e8 += owed;
}

// The first bar after one that an order meets; size() when none is left.
std::int32_t Lane::arrives(Instant arrival, std::int32_t bar) const {
  for (++bar; bar < tape_.size(); ++bar) {
    bar = tape_.thawed(bar);
    if (bar < tape_.size() && tape_.at(bar) > arrival) break;
  }
  return std::min(bar, tape_.size());
}

Outcome Lane::price(std::int32_t bar, Instant arrival, std::int64_t sign, Instant& filled_at) const {
  const Instant start = tape_.start(bar);
  const Instant lasted = std::max<Instant>(tape_.at(bar) - start, 1);
  const bool prompt = coarse_ && arrival <= start + (settings_.latency_ns < lasted ? settings_.latency_ns : 0);
  filled_at = std::max(start, arrival);
  if (prompt && free_) {
    const Ticks open = tape_.open(bar);
    return {open, open, open, false};
  }
  const Outcome taken = prompt ? at_open(bar, sign) : met(bar, arrival, sign, filled_at);
  const auto [least, most] = std::minmax({taken.price, taken.best, taken.worst});
  if (least < -price_max_ || most > price_max_) throw Beyond{};
  return taken;
}

// The same as exchange::meet for an order at the open, where everything fits 64 bits.
Outcome Lane::at_open(std::int32_t bar, std::int64_t sign) const {
  constexpr int worst_slippage = 3;  // as in matching.cpp
  const auto i = static_cast<std::size_t>(bar);
  const Columns& c = tape_.columns();
  const std::int64_t open = c.open[i], high = c.high[i], low = c.low[i], fine = fine_.by();
  const std::int64_t quoted = c.spread.empty() ? -1 : c.spread[i];
  if (quoted > tape_.price_max()) throw Beyond{};
  const std::int64_t half = quoted >= 0 ? quoted * (fine / 2) : std::abs(open) * half_;
  const std::int64_t slip = std::abs(open) * slip_;
  std::int64_t late = 0, doubt = half;
  if (settings_.latency_ns > 0) {
    const Instant lasted = std::max<Instant>(c.at[i] - c.start[i], 1);
    late = part_up((high - low) * fine, std::min(settings_.latency_ns, lasted), 2 * lasted);
    if (walked_ns_ != lasted) walk_ = exchange::walk(settings_.latency_ns, walked_ns_ = lasted);
    doubt += part_up((high - low) * fine, walk_, std::int64_t{1} << exchange::walk_bits);
  }
  const std::int64_t base = sign * open * fine + half;
  std::int64_t likely = base + slip + late, best = base - doubt;
  std::int64_t worst = base + worst_slippage * slip + late + doubt;
  if (high > low) {
    const auto [least, most] = std::minmax({sign * low * fine, sign * high * fine});
    likely = std::min(likely, most + half);
    best = std::min(std::max(best, least), likely);
    worst = std::min(worst, most + half);
  }
  return {sign * fine_.up(likely), sign * fine_.up(best), sign * fine_.up(worst), false};
}

// Any other order, and any other bar, as the exchange does it.
Outcome Lane::met(std::int32_t bar, Instant arrival, std::int64_t sign, Instant& filled_at) const {
  const exchange::MarketEvent event = tape_.event(bar);
  const Offer offer = friction_.offer(event, settings_.latency_ns);
  const exchange::Working order{.id = 0, .number = 0, .arrival = arrival, .instrument = 0, .lots = 1,
                                .bracket = std::nullopt, .side = static_cast<Side>(sign),
                                .type = exchange::Type::market, .role = Role::entry};
  Path path = exchange::opening(offer);
  auto outcome = meet(order, offer, path);
  if (!outcome) {
    path = exchange::whole(offer);
    outcome = meet(order, offer, path);
  }
  const auto middle = static_cast<Instant>(exchange::divide(Wide{event.start} + event.at, 2).quotient);
  filled_at = std::max(path.is_moment() ? event.start : middle, arrival);
  return *outcome;
}

// Whether equity after the trade covers the initial margin of all that would be held.
bool Lane::affords(std::int64_t price, Lots signed_lots, std::int64_t fee_e8) const {
  const std::int64_t after = std::abs(worth(price, lots_ + signed_lots));
  const std::int64_t needed = margin_.by() == 1 ? after * terms_.margin.numerator
                                                : margin_.up(after * terms_.margin.numerator);
  return needed <= cash_e8_ - fee_e8 + worth(price, lots_);
}

void Lane::trade(std::int32_t bar, Instant arrival, Lots signed_lots, Role role) {
  const std::int64_t sign = signed_lots < 0 ? -1 : 1;
  const Lots lots = signed_lots * sign, after = lots_ + signed_lots;
  if (lots > lots_max_ || after > lots_max_ || after < -lots_max_) throw Beyond{};
  Instant filled_at = 0;
  const Outcome met = price(bar, arrival, sign, filled_at);
  const std::int64_t paid = worth(met.price, signed_lots);
  const std::int64_t owed = fee(paid, lots);
  if (role == Role::entry && !affords(met.price, signed_lots, owed)) {
    ++totals_.refused;
    return;
  }
  cash_e8_ -= paid + owed;  // three numbers with room to spare
  if (cash_e8_ > room || cash_e8_ < -room) throw Beyond{};
  lots_ = after;
  std::int64_t better = 0, worse = 0;
  if (met.best != met.worst) {
    better = paid - worth(met.best, signed_lots);
    worse = paid - worth(met.worst, signed_lots);
    totals_.better_e8 += better;
    totals_.worse_e8 += worse;
  }
  totals_.fees_e8 += owed;
  totals_.traded_e8 += paid * sign;
  ++totals_.fills;
  const Fill fill{.bar = bar, .at = tape_.at(bar), .side = static_cast<Side>(sign), .role = role, .lots = lots,
                  .price = met.price, .fee_e8 = owed, .filled_at = filled_at, .best = met.best,
                  .worst = met.worst};
  log_.on(fill, paid, better, worse);
  if (record_ != nullptr) record_->fills.push_back(fill);
}

// Out and in again the other way, at an open that costs nothing but fees: both fills are worth the same. False, and
// nothing is done, where it is not as plain as that.
bool Lane::turn(std::int32_t bar, Instant arrival) {
  const Instant start = tape_.start(bar);
  const Lots after = -lots_, lots = after < 0 ? lots_ : after;
  if (!free_ || !coarse_ || lots_ == 0 || arrival > start || lots > lots_max_) return false;
  const Ticks open = tape_.open(bar);
  const std::int64_t sign = after < 0 ? -1 : 1;
  const std::int64_t paid = worth(open, after), owed = fee(paid, lots);
  const std::int64_t between = cash_e8_ - paid - owed, left = between - paid - owed;
  const std::int64_t margin = (paid < 0 ? -paid : paid) * terms_.margin.numerator;
  const bool fits = between <= room && between >= -room && left <= room && left >= -room;
  if (!fits || (margin_.by() == 1 ? margin : margin_.up(margin)) > between - owed) return false;
  cash_e8_ = left;
  lots_ = after;
  totals_.fees_e8 += 2 * owed;
  totals_.traded_e8 += 2 * Wide{paid * sign};
  totals_.fills += 2;
  Fill fill{.bar = bar, .at = tape_.at(bar), .side = static_cast<Side>(sign), .role = Role::exit, .lots = lots,
            .price = open, .fee_e8 = owed, .filled_at = start, .best = open, .worst = open};
  log_.turn(fill, paid);
  if (record_ == nullptr) return true;
  record_->fills.push_back(fill);
  fill.role = Role::entry;
  record_->fills.push_back(fill);
  return true;
}

Lots Lane::target_of(std::int32_t stance_e6, Ticks close) const {
  if (settings_.size.of == Size::Of::lots) {
    if (stance_e6 == full_e6) return lots_full_;
    if (stance_e6 == -full_e6) return -lots_full_;
  }
  return wanted(settings_.size, stance_e6, equity(close), worth(close, 1));
}

Statistics Lane::run(std::span<const Change> changes) {
  std::int32_t stance = 0, met = -1;  // acted on; the bar of the last fill
  if (record_ != nullptr) {
    record_->fills.reserve(2 * changes.size());
    record_->trades.reserve(changes.size());
  }
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (i + ahead < changes.size()) tape_.expect(changes[i + ahead].bar, !free_);
    while (i + 1 < changes.size() && changes[i + 1].bar <= met) ++i;
    if (changes[i].stance_e6 == stance) continue;
    stance = changes[i].stance_e6;
    const std::int32_t bar = std::max(changes[i].bar, met);
    advance(bar + 1);
    const Ticks close = tape_.close(bar);
    const Lots target = target_of(stance, close);
    const bool turns = (target < 0) != (lots_ < 0);
    const Lots kept = turns || lots_ == 0 ? 0 : (lots_ < 0 ? std::max(lots_, target) : std::min(lots_, target));
    if (kept == lots_ && target == kept) continue;
    const Wide arrival = Wide{tape_.at(bar)} + settings_.latency_ns;
    if (arrival >= exchange::forever) throw Beyond{};
    met = arrives(static_cast<Instant>(arrival), bar);
    if (met == tape_.size()) break;
    advance(met);
    if (financed_ && day_start_ < tape_.day_starts().size() && tape_.day_starts()[day_start_] == met) {
      ++day_start_;
      charge(met);
    }
    if (target == -lots_ && turn(met, static_cast<Instant>(arrival))) continue;
    if (kept != lots_) trade(met, static_cast<Instant>(arrival), kept - lots_, Role::exit);
    if (target != kept) trade(met, static_cast<Instant>(arrival), target - kept, Role::entry);
  }
  advance(tape_.size());
  const std::int32_t last = tape_.size() - 1;
  water_.finish(last, tape_.at(last));
  totals_.bars = tape_.size();
  totals_.first_at = tape_.at(0);
  totals_.last_at = tape_.at(last);
  totals_.end_e8 = equity(tape_.close(last));
  return conclude(totals_, water_, log_.tally(), days_, tape_.calendar());
}

}  // namespace

std::optional<Statistics> run_fast(const Tape& tape, std::span<const Change> changes, const Settings& settings,
                                   Scratch& scratch, Record* record) {
  try {
    return Lane(tape, settings, scratch, record).run(changes);
  } catch (const Beyond&) {
  } catch (const exchange::Overflow&) {
  }  // the exchange says what is right, and where it ends
  return std::nullopt;
}

}  // namespace quorate::lane
