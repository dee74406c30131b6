// The door to a run: what is checked before it, how it is sized, and which way it goes.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "exchange.hpp"
#include "lane.hpp"

namespace quorate::lane {
namespace {

using exchange::Terms;

void check_ratio(const char* what, const exchange::Ratio& ratio) {
  constexpr std::int64_t most = std::int64_t{1} << 40;
  if (ratio.numerator >= 0 && ratio.numerator < most && ratio.denominator > 0 && ratio.denominator < most) return;
  throw std::invalid_argument(std::string(what) + " must not be " + std::to_string(ratio.numerator) + "/" +
                              std::to_string(ratio.denominator));
}

void check(const Tape& tape, std::span<const Change> changes, const Settings& settings) {
  const auto bars = static_cast<std::size_t>(tape.size());
  const exchange::Exchange venue({settings.terms}, settings.cash_e8, settings.latency_ns);  // checks them
  check_ratio("a size", settings.size.amount);
  if (settings.cash_e8 <= 0) throw std::invalid_argument("start cash must be above zero");
  if (!settings.target.empty() && settings.stop.empty()) {
    throw std::invalid_argument("targets need stops: a bracket has a stop and perhaps a target");
  }
  for (const auto& each : {settings.stop, settings.target}) {
    if (!each.empty() && each.size() != bars) {
      throw std::invalid_argument("stops and targets need one distance a bar");
    }
  }
  std::int32_t last = -1;
  for (const Change& change : changes) {
    if (change.bar <= last || change.bar >= tape.size() || change.stance_e6 > full_e6 ||
        change.stance_e6 < -full_e6) {
      throw std::invalid_argument("a change of stance to " + std::to_string(change.stance_e6) + "e-6 at bar " +
                                  std::to_string(change.bar) + " after bar " + std::to_string(last) +
                                  " makes no sense");
    }
    last = change.bar;
  }
}

}  // namespace

Lots wanted(const Size& size, std::int32_t stance_e6, std::int64_t equity_e8, Wide lot_worth_e8) {
  if (stance_e6 == 0) return 0;
  const std::int64_t sign = stance_e6 < 0 ? -1 : 1;
  Wide whole = Wide{sign * stance_e6} * size.amount.numerator;
  Wide part = Wide{full_e6} * size.amount.denominator;
  // Nearly always exact at once, and cheaper than a division in 128 bits.
  double guess = static_cast<double>(sign * stance_e6) * static_cast<double>(size.amount.numerator) /
                 (1e6 * static_cast<double>(size.amount.denominator));
  if (size.of == Size::Of::equity) {
    if (equity_e8 <= 0 || lot_worth_e8 <= 0) return 0;
    whole *= equity_e8;
    const bool vast = lot_worth_e8 > exchange::int64_max && lot_worth_e8 > (Wide{1} << 126) / part;
    if (vast) return 0;  // more than all equity there can be
    part *= lot_worth_e8;
    guess *= static_cast<double>(equity_e8) / static_cast<double>(lot_worth_e8);
  }
  if (guess < 9e15) {
    const auto lots = static_cast<std::int64_t>(guess);
    const Wide rest = whole - part * lots;
    if (rest >= 0 && rest < part) return sign * lots;
  }
  return sign * exchange::narrow(whole / part, "lots");
}

Statistics run(const Tape& tape, std::span<const Change> changes, const Settings& settings, Scratch& scratch,
               Record* record, bool stepped) {
  check(tape, changes, settings);
  const auto begin = [&] {
    if (record == nullptr) return;
    *record = {};
    record->curve.resize(static_cast<std::size_t>(tape.size()));
  };
  begin();
  if (!stepped && tape.is_narrow() && settings.stop.empty()) {
    if (const auto done = run_fast(tape, changes, settings, scratch, record)) return *done;
    begin();
  }
  return run_stepped(tape, changes, settings, scratch, record);
}

}  // namespace quorate::lane
