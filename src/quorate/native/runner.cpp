// The course of a research run: instants, orders out of stances, and the trades that the fills make up.
#include "runner.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace quorate::exchange {
namespace {

constexpr std::int64_t whole_e6 = 1'000'000;

Candle candle_of(const MarketEvent& bar, double tick, double lot) {
  const double volume = bar.volume < 0 ? std::numeric_limits<double>::quiet_NaN()
                                       : static_cast<double>(bar.volume) * lot;
  return {bar.start,
          bar.at,
          {static_cast<double>(bar.open) * tick, static_cast<double>(bar.high) * tick,
           static_cast<double>(bar.low) * tick, static_cast<double>(bar.close) * tick, volume}};
}

// Nothing can be carried over from or to a price that is not above zero.
[[noreturn]] void refuse_roll(const MarketEvent& roll) {
  throw std::invalid_argument("the roll of instrument " + std::to_string(roll.instrument) + " at " +
                              std::to_string(roll.at) + " from " + std::to_string(roll.open) + " to " +
                              std::to_string(roll.close) + " ticks: both must be above zero");
}

// What a price after a roll is worth before it.
double carried(const MarketEvent& roll) {
  return static_cast<double>(roll.open) / static_cast<double>(roll.close);
}

bool is_tick(const MarketEvent& row) {
  return row.kind == MarketEvent::trade || row.kind == MarketEvent::quote;
}

}  // namespace

Runner::Runner(std::vector<Terms> terms, std::vector<Scale> scales, std::span<const MarketEvent> rows,
               std::int64_t interval_ns, std::int64_t cash_e8, const Rules& rules, Size size)
    : exchange_(std::move(terms), cash_e8, rules),
      scales_(std::move(scales)),
      rows_(rows),
      interval_ns_(interval_ns),
      longest_ns_(rules.latency.longest()),
      cash_e8_(cash_e8),
      size_(size) {
  const std::size_t count = exchange_.terms().size();
  if (scales_.size() != count) throw std::invalid_argument("there must be one scale an instrument");
  if (size_.share.denominator <= 0 || (size_.lots < 0 && size_.share.numerator <= 0)) {
    throw std::invalid_argument("a size must be above zero");
  }
  markets_.resize(count);
  desires_.resize(count);
  worths_.resize(count);
  open_.resize(count);
  for (const MarketEvent& row : rows_) {
    if (row.kind == MarketEvent::bar) ++markets_[place(row.instrument)].bars;
    if (is_tick(row)) driven_ = markets_[place(row.instrument)].driven = true;
    if (row.kind == MarketEvent::roll && (row.open <= 0 || row.close <= 0)) refuse_roll(row);
  }
  if (driven_) check_driven();
  exchange_.state(false);
  for (std::size_t i = 0; i < count; ++i) {
    markets_[i].base = &make_stream(static_cast<std::int64_t>(i), interval_ns, markets_[i].bars);
  }
  at_.reserve(rows_.size());
  equity_.reserve(rows_.size());
  gross_.reserve(rows_.size());
}

std::size_t Runner::place(std::int64_t instrument) const {
  const auto i = static_cast<std::size_t>(instrument);  // a negative one wraps to one there never is
  if (i < markets_.size()) return i;
  throw std::invalid_argument("instrument " + std::to_string(instrument) + " is not known here");
}

// ---- what is seen --------------------------------------------------------------------------------------

Stream& Runner::make_stream(std::int64_t instrument, std::int64_t every_ns, std::size_t bars_max) {
  return streams_.emplace_back(instrument, every_ns, bars_max);
}

Stream& Runner::stream(std::int64_t instrument, std::int64_t every_ns) {
  Market& market = markets_[place(instrument)];
  if (every_ns == 0 || every_ns == interval_ns_) return *market.base;
  for (Longer& each : market.longer) {
    if (each.stream->interval_ns() == every_ns) return *each.stream;
  }
  Resampler resampler(interval_ns_, every_ns);
  if (market.base->size() > 0) columns(instrument, 0);
  Stream& made = make_stream(instrument, every_ns, market.bars);
  made.keep();
  for (std::size_t i = 0; i < market.base->size(); ++i) resampler.take(market.base->candle(i), made);
  market.longer.push_back({resampler, &made});
  return made;
}

Stream& Runner::columns(std::int64_t instrument, std::int64_t every_ns) {
  Stream& wanted = stream(instrument, every_ns);
  if (!wanted.kept()) remember(place(instrument));
  return wanted;
}

Line& Runner::line(std::int64_t instrument, std::int64_t every_ns, std::string_view indicator,
                   std::string_view column) {
  Stream& over = stream(instrument, every_ns);
  return (over.size() > 0 ? columns(instrument, every_ns) : over).line(indicator, column);
}

// What nobody asked for until now: the bars so far, by the same steps as they were shown.
void Runner::remember(std::size_t i) {
  Stream& base = *markets_[i].base;
  base.keep();
  double adjust = 1.0;
  for (const MarketEvent& event : rows_.first(shown_)) {
    if (static_cast<std::size_t>(event.instrument) != i) continue;
    if (event.kind == MarketEvent::roll) adjust *= carried(event);
    if (event.kind != MarketEvent::bar) continue;
    base.remember(candle_of(event, scales_[i].tick * adjust, scales_[i].lot));
  }
}

std::size_t Runner::subscribe(std::int64_t instrument, std::int64_t every_ns) {
  const Stream& wanted = stream(instrument, every_ns);
  subscriptions_.push_back({&wanted, wanted.size()});
  markets_[place(instrument)].told.push_back(subscriptions_.size() - 1);
  return subscriptions_.size() - 1;
}

std::int64_t Runner::timer(Instant at, std::int64_t every_ns) {
  if (at <= now_ || every_ns < 0) throw std::invalid_argument("a timer rings later than now");
  timers_.push_back({at, every_ns});
  timer_due_ = std::min(timer_due_, at);
  return static_cast<std::int64_t>(timers_.size()) - 1;
}

// ---- the course of the run -----------------------------------------------------------------------------

void Runner::run(Listener& listener) {
  for (std::size_t first = 0, next = 0; first < rows_.size(); first = next) {
    const Instant at = rows_[first].at;
    for (next = first + 1; next < rows_.size() && rows_[next].at == at;) ++next;
    if (timer_due_ < at) ring(at - 1, listener);
    fresh_.clear();
    const std::size_t met = driven_ ? inform(first, next) : first;
    const bool quiet = next - met == 1 && exchange_.pass(rows_[met]);
    if (!quiet) exchange_.advance(rows_.subspan(met, next - met), fresh_);
    now_ = at;
    for (const Report& report : fresh_) note(report);
    if (limits_) watch(rows_.subspan(first, next - first));
    if (heard_ != 0 && !fresh_.empty()) hear(listener);
    for (std::size_t row = met; row < next; ++row) show(rows_[row]);
    shown_ = next;
    tell(listener);
    if (ticks_heard_) tell_ticks(rows_.subspan(met, next - met), listener);
    if (waiting_) decide_waiting();
    if (timer_due_ <= at) ring(at, listener);
    if (limits_) obey();
    revalue(rows_.subspan(first, next - first));
    // A curve of bars' closes and of the end, as without ticks.
    if (!driven_ || next == rows_.size() || !is_tick(rows_[first])) sample();
  }
  check_books();
}

void Runner::hear(Listener& listener) {
  for (const Report& report : fresh_) {
    if ((heard_ >> static_cast<unsigned>(report.kind)) & 1U) listener.on_report(report);
  }
}

// A bar holds what its ticks did, which the exchange has met already: it closes, and orders never meet it.
std::size_t Runner::inform(std::size_t first, std::size_t next) {
  while (first < next && rows_[first].kind == MarketEvent::bar && markets_[place(rows_[first].instrument)].driven) {
    show(rows_[first++]);
  }
  shown_ = first;
  return first;
}

void Runner::check_driven() const {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const MarketEvent& event = rows_[row];
    if (event.kind > MarketEvent::roll || !markets_[place(event.instrument)].driven) continue;
    const std::string which = "row " + std::to_string(row) + ": ";
    if (event.kind == MarketEvent::roll) throw std::invalid_argument(which + "what ticks drive does not roll");
    if (row == 0 || rows_[row - 1].at != event.at) continue;
    const MarketEvent& before = rows_[row - 1];
    if (before.kind == MarketEvent::bar && markets_[place(before.instrument)].driven) continue;
    throw std::invalid_argument(which + "a bar of what ticks drive stands before all else of its instant");
  }
}

void Runner::tell_ticks(std::span<const MarketEvent> rows, Listener& listener) {
  for (const MarketEvent& row : rows) {
    if (is_tick(row)) listener.on_tick(row);
  }
}

void Runner::show(const MarketEvent& event) {
  Market& market = markets_[place(event.instrument)];
  if (event.kind == MarketEvent::roll) {
    market.adjust *= carried(event);
    return;
  }
  if (event.kind != MarketEvent::bar) return;
  const Scale& scale = scales_[static_cast<std::size_t>(event.instrument)];
  const Candle candle = candle_of(event, scale.tick * market.adjust, scale.lot);
  market.base->push(candle);
  for (Longer& each : market.longer) each.resampler.take(candle, *each.stream);
  due_.insert(due_.end(), market.told.begin(), market.told.end());
}

// In the order of subscription. What is subscribed to meanwhile has nothing to tell yet.
void Runner::tell(Listener& listener) {
  if (!std::is_sorted(due_.begin(), due_.end())) std::sort(due_.begin(), due_.end());
  for (const std::size_t i : due_) {
    while (subscriptions_[i].seen < subscriptions_[i].stream->size()) {
      const std::size_t number = subscriptions_[i].seen++;
      listener.on_bar(i, *subscriptions_[i].stream, number);
    }
  }
  due_.clear();
}

void Runner::ring(Instant until, Listener& listener) {
  while (timer_due_ <= until) {
    const auto earlier = [](const Timer& a, const Timer& b) { return a.at < b.at; };
    const auto due = std::min_element(timers_.begin(), timers_.end(), earlier);
    const auto number = static_cast<std::int64_t>(due - timers_.begin());
    now_ = std::max(now_, due->at);
    const bool again = due->every_ns > 0 && due->every_ns < forever - due->at;
    due->at = again ? due->at + due->every_ns : forever;
    timer_due_ = std::min_element(timers_.begin(), timers_.end(), earlier)->at;
    listener.on_timer(number);
  }
}

void Runner::sample() {
  const Ledger& ledger = exchange_.ledger();
  at_.push_back(now_);
  if (ledger.size() == 1) {  // nearly always, and 63 bits nearly always do
    const Ratio& worth = exchange_.terms()[0].worth;
    std::int64_t paid, all, equity;
    const bool wide = __builtin_mul_overflow(ledger.mark(0), ledger.lots(0), &paid) ||
                      __builtin_mul_overflow(paid, worth.numerator, &all) || all < -int64_max ||
                      __builtin_add_overflow(ledger.cash_e8(), all, &equity) || equity < -int64_max;
    if (!wide && worth.denominator == 1) {
      equity_.push_back(equity);
      gross_.push_back(all < 0 ? -all : all);
      return;
    }
    revalue(0);
  }
  equity_.push_back(narrow(add(ledger.cash_e8(), worth_e8_), "equity"));
  gross_.push_back(narrow(gross_e8_, "exposure"));
}

// Takes over what lots are worth by now. Only a fill or a row of its own can have changed that of an instrument, so
// that an instant costs what happens in it, however many there are. One alone is valued where it is asked for.
void Runner::revalue(std::span<const MarketEvent> rows) {
  if (worths_.size() == 1) return;
  for (const Report& report : fresh_) revalue(report.instrument);
  for (const MarketEvent& event : rows) revalue(event.instrument);
}

void Runner::revalue(std::int64_t instrument) {
  const auto i = static_cast<std::size_t>(instrument);
  if (i >= worths_.size()) return;
  const Ledger& ledger = exchange_.ledger();
  if (ledger.lots(i) == 0 && worths_[i] == 0) return;
  const Wide worth = exchange_.terms()[i].worth_e8(ledger.mark(i), ledger.lots(i));
  worth_e8_ = add(worth_e8_, add(worth, -worths_[i]));
  gross_e8_ = add(gross_e8_, add(magnitude(worth), -magnitude(worths_[i])));
  worths_[i] = worth;
}

// ---- orders --------------------------------------------------------------------------------------------

OrderId Runner::submit(Order order) {
  Desire& desire = desires_[place(order.instrument)];  // refuses one that is not known
  order.at = now_;
  if (limits_ && !reviewed(order)) return vetoed;
  const OrderId id = exchange_.submit(order);
  if (limits_ && id != reviews_.back().order) throw std::logic_error("an order left under another number");
  const auto place = static_cast<std::size_t>(id);
  if (states_.size() <= place) states_.resize(place + family);
  states_[place] = {Status::sent, order.lots, 0};
  ++orders_;
  if (order.role == Role::exit && order.type == Type::market) {
    if (desire.exits.size() >= 8) leaving(order.instrument);  // the dead must not pile up
    desire.exits.push_back(id);
  }
  return id;
}

Lots Runner::leaving(std::int64_t instrument) {
  std::vector<OrderId>& exits = desires_[place(instrument)].exits;
  std::erase_if(exits, [this](OrderId id) { return !alive(id); });
  Lots lots = 0;
  for (const OrderId id : exits) {
    const OrderState& state = states_[static_cast<std::size_t>(id)];
    lots += state.lots - state.filled;
  }
  return lots;
}

// Lots of a stance, rounded down, from the equity at this instant's close.
Lots Runner::sized(std::size_t i, std::int64_t stance_e6) const {
  const std::int64_t part = stance_e6 < 0 ? -stance_e6 : stance_e6;
  if (size_.lots >= 0) return static_cast<Lots>(divide(Wide{size_.lots} * part, whole_e6).quotient);
  const Ledger& ledger = exchange_.ledger();
  const Wide worth = magnitude(exchange_.terms()[i].worth_e8(ledger.mark(i), 1));
  const std::int64_t equity = ledger.equity_e8();
  if (worth == 0 || equity <= 0) return 0;
  const Wide wanted = multiply(multiply(equity, size_.share.numerator), part);
  const Wide each = multiply(multiply(worth, size_.share.denominator), whole_e6);
  return narrow(divide(wanted, each).quotient, "a size");
}

bool Runner::alive(OrderId id) const {
  if (id < 0) return false;
  const Status status = states_[static_cast<std::size_t>(id)].status;
  return status == Status::sent || status == Status::working;
}

// Whether what the last decision sent may still change what is held: then the next decision waits. An entry at
// a limit may rest for ever, so it is taken back instead; no bar closes before the cancel is there, unless
// that takes as long as a bar.
bool Runner::settled(Desire& desire) {
  if (alive(desire.exit)) return false;
  if (!alive(desire.entry)) return true;
  if (!desire.rests) return false;
  exchange_.cancel(desire.entry, now_);
  return longest_ns_ < interval_ns_;
}

OrderId Runner::leave(std::int64_t instrument, bool is_long, Lots lots) {
  return submit({.at = now_, .instrument = instrument, .side = is_long ? Side::sell : Side::buy,
                 .type = Type::market, .role = Role::exit, .lots = lots, .price = std::nullopt,
                 .bracket = std::nullopt});
}

bool Runner::close(std::int64_t instrument) {
  const Lots lots = held(instrument);
  Desire& desire = desires_[place(instrument)];
  if (!target(instrument, 0, std::nullopt, std::nullopt) && lots != 0 && !alive(desire.exit)) {
    desire.exit = leave(instrument, lots > 0, lots > 0 ? lots : -lots);
  }
  return lots != 0;
}

bool Runner::target(std::int64_t instrument, std::int64_t stance_e6, std::optional<Ticks> limit,
                    std::optional<Bracket> bracket) {
  const std::size_t i = place(instrument);
  Desire& desire = desires_[i];
  if (stance_e6 == desire.wanted_e6) return false;
  desire.wanted_e6 = stance_e6;
  desire.limit = limit;
  desire.bracket = bracket;
  decide(i);
  return true;
}

// Brings the account to the stance that is wanted, unless orders are still on their way.
void Runner::decide(std::size_t i) {
  Desire& desire = desires_[i];
  desire.waits = false;
  if (desire.wanted_e6 == desire.stance_e6) return;
  if (!settled(desire)) {
    desire.waits = waiting_ = true;
    return;
  }
  desire.stance_e6 = desire.wanted_e6;
  desire.entry = desire.exit = none;
  const auto instrument = static_cast<std::int64_t>(i);
  const Lots held = exchange_.ledger().lots(i);
  const Lots size = held < 0 ? -held : held;
  const Lots wanted = desire.stance_e6 == 0 ? 0 : sized(i, desire.stance_e6);
  if (desire.stance_e6 != 0 && wanted == 0) ++unsized_;
  const bool stays = wanted != 0 && (held > 0) == (desire.stance_e6 > 0);
  const Lots kept = stays ? std::min(wanted, size) : 0;  // the same side: only the difference trades
  if (size > kept) desire.exit = leave(instrument, held > 0, size - kept);
  if (wanted <= kept) return;
  desire.rests = desire.limit.has_value();
  desire.entry = submit({.at = now_, .instrument = instrument,
                         .side = desire.stance_e6 > 0 ? Side::buy : Side::sell,
                         .type = desire.rests ? Type::limit : Type::market, .role = Role::entry,
                         .lots = wanted - kept, .price = desire.limit, .bracket = desire.bracket});
}

void Runner::decide_waiting() {
  waiting_ = false;
  for (std::size_t i = 0; i < desires_.size(); ++i) {
    if (desires_[i].waits) decide(i);
  }
}

// ---- the books -----------------------------------------------------------------------------------------

void Runner::note(const Report& report) {
  using Kind = Report::Kind;
  if (report.order != none) {
    if (states_.size() <= static_cast<std::size_t>(report.order)) {
      states_.resize(static_cast<std::size_t>(report.order) + 1);
    }
    OrderState& state = states_[static_cast<std::size_t>(report.order)];
    if (report.kind == Kind::accepted) state = {Status::working, report.lots, state.filled};
    if (report.kind == Kind::replaced) state.lots = report.lots;
    if (report.kind == Kind::fill) {
      state.filled += report.lots;
      if (state.filled >= state.lots) state.status = Status::filled;
    }
    const bool filled = state.status == Status::filled;
    if (report.kind == Kind::cancelled && !filled) state.status = Status::cancelled;
    if (report.kind == Kind::rejected && !filled) state.status = Status::rejected;
    if (report.kind == Kind::expired && !filled) state.status = Status::expired;
  }
  if (report.kind == Kind::fill) note_fill(report);
  if (report.kind == Kind::rolled) note_roll(report);
  if (report.kind == Kind::charged) charges_e8_ = narrow(Wide{charges_e8_} + report.money_e8, "charges");
  if (report.kind != Kind::accepted && report.kind != Kind::settled && report.kind != Kind::held) {
    kept_.push_back(report);
  }
}

void Runner::note_fill(const Report& fill) {
  const auto i = static_cast<std::size_t>(fill.instrument);
  const Terms& terms = exchange_.terms()[i];
  const auto bar = static_cast<std::int64_t>(markets_[i].base->size());  // the one that is being told
  Trade& trade = open_[i];
  if (trade.entry_lots == trade.exit_lots) {
    trade = {};
    trade.instrument = fill.instrument;
    trade.side = static_cast<std::int64_t>(fill.side);
    trade.opened_at = fill.filled_at;
    trade.opened_bar = bar;
    trade.order = fill.order;
  }
  const bool enters = static_cast<std::int64_t>(fill.side) == trade.side;
  const Lots lots = fill.lots * static_cast<std::int64_t>(fill.side);
  const Wide paid = terms.worth_e8(fill.price, lots);
  traded_e8_ = add(traded_e8_, terms.worth_e8(fill.price, fill.lots));
  const auto grow = [](std::int64_t& sum, Wide by, const char* what) { sum = narrow(add(sum, by), what); };
  grow(enters ? trade.entry_lots : trade.exit_lots, fill.lots, "lots of a trade");
  grow(enters ? trade.entry_e8 : trade.exit_e8, magnitude(paid), "a trade");
  grow(trade.fees_e8, fill.money_e8, "fees of a trade");
  fees_e8_ = narrow(Wide{fees_e8_} + fill.money_e8, "fees");
  trade.pnl_e8 = narrow(Wide{trade.pnl_e8} - paid - fill.money_e8, "a trade's profit");
  trade.best_e8 = narrow(trade.best_e8 + paid - terms.worth_e8(fill.best, lots), "a trade's bounds");
  trade.worst_e8 = narrow(trade.worst_e8 + paid - terms.worth_e8(fill.worst, lots), "a trade's bounds");
  if (trade.entry_lots != trade.exit_lots) return;
  Trade& closed = trades_.emplace_back(trade);
  closed.closed_at = fill.at;
  closed.exited_at = fill.filled_at;
  closed.closed_bar = bar;
  closed.exit_role = static_cast<std::int64_t>(fill.role);
  closed.best_e8 = narrow(Wide{closed.best_e8} + closed.pnl_e8, "a trade's bounds");
  closed.worst_e8 = narrow(Wide{closed.worst_e8} + closed.pnl_e8, "a trade's bounds");
}

// Out of the old contract at its last price, into the next: the trade goes on, dearer by the fees.
void Runner::note_roll(const Report& roll) {
  const auto i = static_cast<std::size_t>(roll.instrument);
  const Terms& terms = exchange_.terms()[i];
  Trade& trade = open_[i];
  const Lots lots = (trade.entry_lots - trade.exit_lots) * trade.side;
  const Wide moved = add(terms.worth_e8(roll.price, lots), -terms.worth_e8(roll.best, lots));
  trade.fees_e8 = narrow(Wide{trade.fees_e8} + roll.money_e8, "fees of a trade");
  fees_e8_ = narrow(Wide{fees_e8_} + roll.money_e8, "fees");
  trade.pnl_e8 = narrow(Wide{trade.pnl_e8} - moved - roll.money_e8, "a trade's profit");
}

std::int64_t Runner::unrealised_e8(std::int64_t instrument) const {
  const std::size_t i = place(instrument);
  const Ledger& ledger = exchange_.ledger();
  if (ledger.lots(i) == 0) return 0;
  return narrow(add(open_[i].pnl_e8, exchange_.terms()[i].worth_e8(ledger.mark(i), ledger.lots(i))), "profit");
}

// The second witness: start cash and every trade, open ones at their marks, less financing, is the equity.
void Runner::check_books() const {
  Wide told = Wide{cash_e8_} - charges_e8_;
  for (const Trade& trade : trades_) told += trade.pnl_e8;
  for (std::size_t i = 0; i < markets_.size(); ++i) told += unrealised_e8(static_cast<std::int64_t>(i));
  if (told == exchange_.ledger().equity_e8()) return;
  throw std::logic_error("the trades do not add up to the exchange's equity");
}

}  // namespace quorate::exchange
