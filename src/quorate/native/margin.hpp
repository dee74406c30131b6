// When an account can no longer carry what it holds, and what its forced exits cost.
#pragma once

#include <optional>
#include <vector>

#include "ledger.hpp"
#include "matching.hpp"

namespace quorate::exchange {

// The moments of an instant at which maintenance is tested, and the prices it is tested at.
enum class Phase {
  opening,  // before anything trades: bars at their open, all else at its mark
  within,   // after it: each position at the adverse extreme of its bar, all of them at once
  closing,  // when marks, rates and funding of the instant are known: everything at its mark
};

// Cross margin over the whole account, once any instrument has a maintenance table. The account must go when
// equity, less the maintenance of all that is held, is at or below zero. The worst position, the one with the
// largest maintenance, goes first and whole, at the first tick from where the phase starts towards its
// extreme at which the account stands so, all others at their own extreme: never at a later, better price.
// The exit then pays half the spread and slippage, not beyond the bar's extreme and half the spread. An
// instrument with mark prices is tested at these alone and exits at its last price.
class Margin {
 public:
  // Throws std::invalid_argument for a table that makes no sense or jumps: at each floor, both rates less
  // their deductions must give the same. That makes the first tick above unique.
  Margin(const std::vector<Terms>& terms, const Ledger& ledger);

  // Whether any instrument has a table. Hot; nothing below need be called when not.
  bool watched() const { return watched_; }

  // A new instant, and a bar of it, before anything trades.
  void begin(Instant at) { at_ = at; }
  void see(const MarketEvent& bar);

  // A fill within the bar: no liquidation can be at a better price than what the position has been through.
  void touch(std::size_t i, Ticks price, bool was_flat);

  // The bar is over for an instrument: what is held from now on has met nothing of it but the close.
  void close(std::size_t i);

  // The position that must go now, if any. Throws Overflow, as all below.
  std::optional<std::size_t> due(Phase phase) const;

  // Equity less maintenance at the marks, in the account's currency, rounded down.
  Wide free_e8() const { return excess(Phase::closing, ledger_.size(), 0); }

  // Whether a fill within the bar comes after a liquidation that the bar makes due: at or beyond its price, or
  // on the favourable side, where the order of events is not known.
  bool precedes(std::size_t i, Ticks price, bool reduces) const;

  // The exit of all that is held of a position that is due, with costs.
  Outcome exit(std::size_t i, Phase phase, const Friction& friction) const;

  // When the exit is modelled to be.
  Instant exit_at(std::size_t i, Phase phase, Instant now) const;

 private:
  // What an instrument's bar of the current instant is known to have been through. Ends are widened to hold
  // open and close; `dip` and `peak` are the worst prices a long or a short has met for sure.
  struct Seen {
    MarketEvent bar = {.at = -1, .kind = 0, .instrument = 0, .start = 0, .open = 0, .high = 0, .low = 0,
                       .close = 0, .volume = -1, .spread = -1};
    Ticks dip = 0;
    Ticks peak = 0;
  };

  bool is_now(std::size_t i) const { return seen_[i].bar.at == at_ && !ledger_.is_marked(i); }
  Ticks start(std::size_t i, Phase phase) const;
  Ticks extreme(std::size_t i, Phase phase) const;
  Ticks threshold(std::size_t i, Phase phase) const;
  Wide excess(Phase phase, std::size_t moved, Ticks price) const;

  const std::vector<Terms>& terms_;
  const Ledger& ledger_;
  std::vector<Seen> seen_;
  Instant at_ = -1;
  bool watched_ = false;
};

}  // namespace quorate::exchange
