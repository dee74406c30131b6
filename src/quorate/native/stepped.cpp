// A run of stances bar by bar through the exchange: what the fast lane must equal, and what goes where it cannot.
#include <algorithm>
#include <stdexcept>

#include "exchange.hpp"
#include "lane.hpp"

namespace quorate::lane {
namespace {

using exchange::Exchange;
using exchange::Report;

class Stepped {
 public:
  Stepped(const Tape& tape, const Settings& settings, Scratch& scratch, Record* record)
      : tape_(tape), settings_(settings), venue_({settings.terms}, settings.cash_e8, settings.latency_ns),
        equity_(scratch.days), record_(record), log_(record == nullptr ? nullptr : &record->trades) {
    totals_.start_e8 = settings.cash_e8;
    equity_.clear();
    scratch.stepped = true;
  }

  Statistics run(std::span<const Change> changes) {
    std::int32_t wanted_e6 = 0;
    std::size_t next = 0;
    for (std::int32_t bar = 0; bar < tape_.size(); ++bar) {
      step(bar);
      if (next < changes.size() && changes[next].bar == bar) wanted_e6 = changes[next++].stance_e6;
      if (pending_ == 0 && wanted_e6 != stance_e6_) decide(bar, wanted_e6);
    }
    if (record_ != nullptr) std::copy(equity_.begin(), equity_.end(), record_->curve.begin());
    return summarise(tape_.columns().at, equity_, log_.tally(), totals_, tape_.calendar());
  }

 private:
  const exchange::Terms& terms() const { return settings_.terms; }

  void step(std::int32_t bar) {
    const exchange::MarketEvent event = tape_.event(bar);
    reports_.clear();
    venue_.advance({&event, 1}, reports_);
    for (const Report& report : reports_) hear(report, bar);
    const auto& ledger = venue_.ledger();
    equity_.push_back(ledger.equity_e8());
    totals_.exposed += ledger.lots(0) != 0;
  }

  void hear(const Report& report, std::int32_t bar) {
    const bool asked = report.order % exchange::family == 0;  // no leg of a bracket
    switch (report.kind) {
      case Report::Kind::fill:
        book(report, bar);
        pending_ -= asked;
        break;
      case Report::Kind::rejected:
        ++totals_.refused;
        pending_ -= asked;
        break;
      case Report::Kind::expired:
        pending_ -= asked;
        break;
      case Report::Kind::cancelled:  // of a fill too, when less was left to reduce: then it was counted there
        pending_ -= asked && report.order != filled_;
        break;
      case Report::Kind::charged:
        totals_.financing_e8 += report.money_e8;
        break;
      default:
        break;
    }
  }

  void book(const Report& report, std::int32_t bar) {
    filled_ = report.order;
    const Fill fill{.bar = bar, .at = report.at, .side = report.side, .role = report.role, .lots = report.lots,
                    .price = report.price, .fee_e8 = report.money_e8, .filled_at = report.filled_at,
                    .best = report.best, .worst = report.worst};
    const Lots lots = fill.lots * fill.sign();
    const Wide paid = terms().worth_e8(fill.price, lots);
    const Wide better = paid - terms().worth_e8(fill.best, lots), worse = paid - terms().worth_e8(fill.worst, lots);
    totals_.fees_e8 += fill.fee_e8;
    totals_.traded_e8 += paid * fill.sign();
    totals_.better_e8 += better;
    totals_.worse_e8 += worse;
    ++totals_.fills;
    log_.on(fill, exchange::narrow(paid, "a payment"), exchange::narrow(better, "an interval"),
            exchange::narrow(worse, "an interval"));
    if (record_ != nullptr) record_->fills.push_back(fill);
  }

  void decide(std::int32_t bar, std::int32_t stance_e6) {
    stance_e6_ = stance_e6;
    const auto& ledger = venue_.ledger();
    const Ticks close = tape_.columns().close[static_cast<std::size_t>(bar)];
    const Lots held = ledger.lots(0);
    const Lots target = wanted(settings_.size, stance_e6, ledger.equity_e8(), terms().worth_e8(close, 1));
    Lots kept = 0;  // of what is held
    if (held > 0 && target > 0) kept = held < target ? held : target;
    if (held < 0 && target < 0) kept = held > target ? held : target;
    if (kept != held) send(bar, kept - held, Role::exit);
    if (target != kept) send(bar, target - kept, Role::entry);
  }

  void send(std::int32_t bar, Lots lots, Role role) {
    const auto i = static_cast<std::size_t>(bar);
    exchange::Order order{.at = tape_.at(bar), .instrument = 0, .side = lots < 0 ? Side::sell : Side::buy,
                          .type = exchange::Type::market, .role = role, .lots = lots < 0 ? -lots : lots,
                          .price = std::nullopt, .bracket = std::nullopt};
    if (role == Role::entry && !settings_.stop.empty() && settings_.stop[i] > 0) {
      const std::int64_t sign = lots < 0 ? -1 : 1;
      const Wide close = tape_.columns().close[i];
      order.bracket = exchange::Bracket{exchange::narrow(close - sign * Wide{settings_.stop[i]}, "a stop"), {}};
      if (!settings_.target.empty() && settings_.target[i] > 0) {
        order.bracket->target = exchange::narrow(close + sign * Wide{settings_.target[i]}, "a target");
      }
    }
    venue_.submit(order);
    ++pending_;
  }

  const Tape& tape_;
  const Settings& settings_;
  Exchange venue_;
  std::vector<Report> reports_;
  std::vector<std::int64_t>& equity_;
  Record* record_;
  TradeLog log_;
  Totals totals_;
  std::int32_t stance_e6_ = 0;         // acted on
  int pending_ = 0;                    // orders on their way
  exchange::OrderId filled_ = exchange::none;
};

}  // namespace

Statistics run_stepped(const Tape& tape, std::span<const Change> changes, const Settings& settings,
                       Scratch& scratch, Record* record) {
  return Stepped(tape, settings, scratch, record).run(changes);
}

}  // namespace quorate::lane
