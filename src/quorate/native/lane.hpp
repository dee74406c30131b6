// Whole runs of one instrument from the changes of a stance: market orders at the next bar, in whole numbers.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "change.hpp"
#include "costs.hpp"
#include "history.hpp"
#include "room.hpp"
#include "statistics.hpp"

namespace quorate::lane {

// What a full stance holds: a share of equity at the decision's close, or so many lots.
struct Size {
  enum class Of : std::int64_t { equity = 0, lots = 1 };
  Of of;
  exchange::Ratio amount;
};

// `stop`, `target`: distances in ticks from the close of each bar, one a bar, 0 or less for none; empty: none.
struct Settings {
  exchange::Terms terms;
  Instant latency_ns;
  std::int64_t cash_e8;
  Size size;
  std::span<const Ticks> stop, target;
};

// All that happened in a run, where somebody wants to see it. `trades`: the closed ones, in the order they
// closed. `curve`: equity at the close of every bar, 1e-8.
struct Record {
  Room<Fill> fills;
  Room<Trade> trades;
  Room<std::int64_t> curve;
};

// What a thread works with; it may be used for one run after another.
struct Scratch {
  std::vector<std::int64_t> days;
  bool stepped = false;  // the last run went bar by bar through the exchange
};

// A run of one strategy. At the close of each bar with a change, the account is brought to the stance: lots are
// |stance| x size, rounded down; what is too much goes by an exit order, what lacks comes by an entry order, the
// exit first. They arrive `latency_ns` later and meet the next bar that trades. Decisions wait while orders are
// on their way, and then only the newest counts. A stance is sized when it changes and not again.
//
// Equal to the integer to the same orders at exchange::Exchange: done by shortcuts where all numbers stay far
// from 63 bits, else, or with stops, or when `stepped` asks for it, by that exchange itself, bar after bar.
// std::invalid_argument: settings or changes that make no sense. Overflow: as the exchange.
Statistics run(const Tape& tape, std::span<const Change> changes, const Settings& settings, Scratch& scratch,
               Record* record = nullptr, bool stepped = false);

// Signed lots that a stance means at a close. None under one lot, without equity, or at a worthless price.
Lots wanted(const Size& size, std::int32_t stance_e6, std::int64_t equity_e8, Wide lot_worth_e8);

inline constexpr std::int32_t full_e6 = 1'000'000;  // a full stance
inline constexpr std::int64_t room = std::int64_t{1} << 61;  // sums of two such numbers and more fit 63 bits

// The run by shortcuts, on a narrow tape without stops; none when a number left the room they are exact in.
std::optional<Statistics> run_fast(const Tape& tape, std::span<const Change> changes, const Settings& settings,
                                   Scratch& scratch, Record* record);

// The run bar by bar through the exchange.
Statistics run_stepped(const Tape& tape, std::span<const Change> changes, const Settings& settings,
                       Scratch& scratch, Record* record);

}  // namespace quorate::lane
