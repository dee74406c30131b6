// What an instant costs and settles besides trades: rolls, financing, funding, rates, liquidation, the books.
#include <stdexcept>
#include <utility>

#include "exchange.hpp"

namespace quorate::exchange {

// A roll, before anything trades in the next contract: prices shift, the position follows for two fees.
void Exchange::carry(const MarketEvent& roll) {
  busy_instrument_ = roll.instrument;
  const auto i = static_cast<std::size_t>(roll.instrument);
  const Ticks old = roll.open;
  const Ticks next = roll.close;
  markets_[i].ladder.clear();
  for (const Slot slot : markets_[i].book) {
    Working& order = pool_[static_cast<std::size_t>(slot)];
    busy_order_ = order.id;
    order.shift(Wide{next} - old);
  }
  busy_order_ = none;
  const Lots lots = ledger_.lots(i);
  if (lots == 0) return ledger_.roll(i, old, next, 0);
  const Lots held = lots < 0 ? -lots : lots;
  const Wide fees = add(terms_[i].fee_e8(old, held, false), terms_[i].fee_e8(next, held, false));
  const std::int64_t fee = narrow(fees, "the fee of a roll");
  ledger_.roll(i, old, next, fee);
  unsettled_ = true;
  tell({.at = at_, .kind = Report::Kind::rolled, .instrument = roll.instrument, .price = next,
        .money_e8 = fee, .best = old});
}

// Financing for the days since this instrument's last bar, on what was held over them.
void Exchange::charge(std::size_t i, Market& market, std::int64_t day) {
  const std::int64_t days = day - std::exchange(market.day, day);
  const Lots lots = ledger_.lots(i);
  if (lots == 0 || (market.funded && terms_[i].pays == Financing::both)) return;
  busy_order_ = none;
  busy_instrument_ = static_cast<std::int64_t>(i);
  const std::int64_t owed = narrow(terms_[i].financing_e8(ledger_.mark(i), lots, days), "financing");
  if (owed == 0) return;
  ledger_.pay(i, owed);
  unsettled_ = true;
  const Reason why = terms_[i].pays == Financing::both ? Reason::funding : Reason::borrow;
  tell({.at = at_, .kind = Report::Kind::charged, .instrument = busy_instrument_, .money_e8 = owed,
        .reason = why});
}

void Exchange::state_holdings() {
  const std::size_t place = out_->size();
  tell({.at = at_, .kind = Report::Kind::settled, .money_e8 = ledger_.cash_e8()});
  for (std::size_t i = 0; i < ledger_.size(); ++i) {
    if (ledger_.lots(i) == 0) continue;
    tell({.at = at_, .kind = Report::Kind::held, .instrument = static_cast<std::int64_t>(i),
          .lots = ledger_.lots(i)});
  }
  (*out_)[place].lots = static_cast<Lots>(out_->size() - place - 1);
}

void Exchange::settle() {
  unsettled_ = false;
  if (states_) state_holdings();
  for (std::size_t c = 1; c < ledger_.currencies(); ++c) {
    tell({.at = at_, .kind = Report::Kind::balance, .instrument = static_cast<std::int64_t>(c),
          .money_e8 = ledger_.cash_e8(c)});
  }
}

// ---- marks, funding, currencies ------------------------------------------------------------------------

void Exchange::check_money(const MarketEvent& event, std::size_t row) const {
  const std::string where = "row " + std::to_string(row) + ": ";
  const bool is_fx = event.kind == MarketEvent::fx;
  const bool known = is_fx || event.kind == MarketEvent::funding;
  if (!known) throw std::invalid_argument(where + "kind " + std::to_string(event.kind) + " is not known here");
  const std::size_t count = is_fx ? ledger_.currencies() : terms_.size();
  const auto place = static_cast<std::uint64_t>(event.instrument);
  if (place >= count || (is_fx && place == 0)) {
    throw std::invalid_argument(where + (is_fx ? "currency " : "instrument ") +
                                std::to_string(event.instrument) + " is not known here");
  }
  if (is_fx && (event.open <= 0 || event.close <= 0)) {
    throw std::invalid_argument(where + "a rate must be above 0");
  }
}

// What holds from the end of the instant on: marks, then rates, then funding on what is then held.
void Exchange::revalue(std::span<const MarketEvent> events) {
  bool funded = false;
  for (const MarketEvent& row : events) {
    const auto place = static_cast<std::size_t>(row.instrument);
    if (row.kind == MarketEvent::mark) ledger_.mark_officially(place, row.open);
    if (row.kind == MarketEvent::fx) ledger_.rate(place, {row.open, row.close});
    funded = funded || row.kind == MarketEvent::funding;
  }
  if (!funded) return;
  for (const MarketEvent& row : events) {
    if (row.kind == MarketEvent::funding) fund(row);
  }
}

void Exchange::fund(const MarketEvent& row) {
  const auto i = static_cast<std::size_t>(row.instrument);
  markets_[i].funded = true;
  const Lots lots = ledger_.lots(i);
  if (lots == 0) return;
  busy_order_ = none;
  busy_instrument_ = row.instrument;
  const std::int64_t owed = narrow(terms_[i].funding_e8(ledger_.mark(i), lots, row.open), "funding");
  if (owed == 0) return;
  ledger_.pay(i, owed);
  unsettled_ = true;
  tell({.at = at_, .kind = Report::Kind::charged, .instrument = row.instrument, .money_e8 = owed,
        .reason = Reason::funding});
}

// ---- liquidation ---------------------------------------------------------------------------------------

// Why an entry cannot be paid for at all.
Reason Exchange::unpayable(std::size_t instrument) const {
  if (bankrupt_) return Reason::bankrupt;
  return ledger_.has_rate(terms_[instrument].currency) ? Reason::none : Reason::no_rate;
}

// Exits positions, the worst first, while the account stands at or below its maintenance.
void Exchange::guard(Phase phase) {
  busy_order_ = busy_instrument_ = none;
  while (const std::optional<std::size_t> worst = margin_.due(phase)) liquidate(*worst, phase);
}

// Lets a liquidation that comes before a fill go first; whether the order is no more. A fill at the close
// comes after all of the bar, which then says nothing about what is held.
bool Exchange::forestalled(const Working& order, const Offer& offer, const Path& path,
                           const Outcome& outcome) {
  if (offer.is_tick()) return false;
  const std::size_t i = order.instrument;
  const bool closing = order.type == Type::on_close;
  const Ticks price = rules_.intrabar == Intrabar::pessimistic  ? outcome.worst
                      : rules_.intrabar == Intrabar::optimistic ? outcome.best
                                                                : outcome.price;
  if (closing || (!path.is_moment() && margin_.precedes(i, price, order.reduces()))) {
    guard(Phase::within);
    busy_order_ = order.id;
    busy_instrument_ = static_cast<std::int64_t>(i);
  }
  if (closing) margin_.close(i);
  return order.done;
}

void Exchange::liquidate(std::size_t i, Phase phase) {
  withdraw_entries();
  busy_order_ = none;
  busy_instrument_ = static_cast<std::int64_t>(i);
  const Lots held = ledger_.lots(i);
  const Lots lots = held < 0 ? -held : held;
  const Outcome exit = margin_.exit(i, phase, markets_[i].friction);
  const std::int64_t fee = narrow(terms_[i].liquidation_e8(exit.price, lots), "a liquidation fee");
  ledger_.trade(i, exit.price, -held, fee);
  unsettled_ = true;
  tell({.at = at_, .kind = Report::Kind::fill, .instrument = busy_instrument_, .role = Role::exit,
        .side = held < 0 ? Side::buy : Side::sell, .type = Type::market, .lots = lots, .price = exit.price,
        .money_e8 = fee, .filled_at = margin_.exit_at(i, phase, at_), .best = exit.best,
        .worst = exit.worst, .reason = Reason::liquidation});
  flatten(i);
  if (ledger_.holds()) return;
  const Wide equity = ledger_.sum([](std::size_t) { return Wide{0}; });
  if (equity <= 0) close_account(narrow(equity, "equity"));
}

// Ends every entry that has arrived, in all instruments.
void Exchange::withdraw_entries() {
  for (Market& market : markets_) {
    for (std::size_t place = 0; place < market.book.size();) {
      Working& order = pool_[static_cast<std::size_t>(market.book[place])];
      if (!order.reduces() && order.arrival <= at_) {
        end(order, Report::Kind::cancelled, Reason::liquidation);  // the next one moves up
      } else {
        ++place;
      }
    }
  }
}

// Nothing is left: what is still on its way is refused on arrival, and so is all that comes later.
void Exchange::close_account(std::int64_t equity_e8) {
  bankrupt_ = true;
  tell({.at = at_, .kind = Report::Kind::bankrupt, .money_e8 = equity_e8});
  for (std::size_t place = head_; place < waiting_.size(); ++place) {
    Report& waiting = waiting_[place];
    if (waiting.kind != Report::Kind::accepted) continue;
    Working* order = alive(waiting.order);
    if (!order) continue;
    waiting = {.at = waiting.at, .kind = Report::Kind::rejected, .order = waiting.order,
               .reason = Reason::bankrupt};
    end(*order);
  }
}

}  // namespace quorate::exchange
