// What a run was worth and what it risked: whole numbers of the books in, the figures people ask for out.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "events.hpp"
#include "room.hpp"

namespace quorate::lane {

using exchange::Instant;
using exchange::Lots;
using exchange::Role;
using exchange::Side;
using exchange::Ticks;
using exchange::Wide;

inline constexpr Instant year_ns = 365 * exchange::day_ns;

// One fill of one instrument. `bar`: the bar it was told at, `at` that bar's close.
struct Fill {
  std::int64_t bar;
  Instant at;
  Side side;
  Role role;
  Lots lots;
  Ticks price;
  std::int64_t fee_e8;
  Instant filled_at;
  Ticks best, worst;
  std::int64_t sign() const { return static_cast<std::int64_t>(side); }
};
static_assert(sizeof(Fill) == 10 * sizeof(std::int64_t));

// From flat to flat. `lots`: all that was ever entered. `entry_e8`, `exit_e8`: worth bought and sold, without
// sign. `pnl_e8` is after fees, without financing; `best_e8`, `worst_e8` the same at the fills' own bounds.
struct Trade {
  std::int64_t entry_bar, exit_bar;
  Instant opened_at, closed_at;
  Side side;
  Lots lots;
  std::int64_t entry_e8, exit_e8, fees_e8, pnl_e8, best_e8, worst_e8;
  Role exit_role;
};
static_assert(sizeof(Trade) == 13 * sizeof(std::int64_t));

// How a market's days are counted: `days_per_year` of its calendar, below 365 when it sleeps at weekends.
struct Calendar {
  double days_per_year;
  Instant interval_ns;
  bool sleeps() const { return days_per_year < 365; }
  double periods_per_year() const;
};

// The last bar of a day, and how many of its days that day's equity stands for: a market that never sleeps has
// every day, one without data keeps the equity of the day before.
struct DayEnd {
  std::int32_t bar;
  std::int32_t days;
};

// The day ends among bars stamped with their closes. A bar that closes at midnight closes the day it ends; what
// trades at a weekend, where markets sleep, belongs to Monday; bars of a day or longer are each their own.
std::vector<DayEnd> day_ends(std::span<const Instant> at, const Calendar& calendar);

// The deepest fall from a peak and the longest way from a peak to its recovery; the start is the first peak.
class Underwater {
 public:
  Underwater(std::int64_t start_e8, Instant start) : peak_(start_e8), trough_(start_e8), top_at_(start) {}

  std::int64_t peak() const { return peak_; }
  // Equity at a close, bars numbered from 0.
  void on(std::int64_t bar, Instant at, std::int64_t equity_e8) {
    if (equity_e8 >= peak_) {
      rise(bar, at, equity_e8);
    } else {
      sink(equity_e8);
    }
  }
  // Equity at or above the peak.
  void rise(std::int64_t bar, Instant at, std::int64_t equity_e8) {
    if (bar - top_ > 1) recover(at);
    peak_ = trough_ = equity_e8;
    top_ = bar;
    top_at_ = at;
  }
  // Equity below the peak, the least of some bars.
  void sink(std::int64_t equity_e8) { trough_ = equity_e8 < trough_ ? equity_e8 : trough_; }
  // Equity stands where it stood at the last top for some bars more.
  void stand(std::int64_t bar, Instant at) {
    top_ = bar;
    top_at_ = at;
  }
  void finish(std::int64_t bar, Instant at) {
    if (bar > top_) recover(at);
  }
  double fall() const { return fall_; }
  Instant longest() const { return longest_; }

 private:
  void recover(Instant at);

  std::int64_t peak_, trough_;
  std::int64_t top_ = -1;
  Instant top_at_;
  double fall_ = 0;
  Instant longest_ = 0;
};

// The trades of a run, counted as they close; deviations by Welford's recurrence.
class Tally {
 public:
  void add(const Trade& trade);

  std::int64_t trades = 0, longs = 0, wins = 0, losses = 0, losing_streak = 0;
  Wide won_e8 = 0, lost_e8 = 0;
  std::int64_t best_e8 = 0, worst_e8 = 0;
  Wide lasted_ns = 0;
  Instant lasted_max_ns = 0;
  double deviation_e8() const;  // n - 1; NaN under two

 private:
  std::int64_t streak_ = 0;
  double mean_ = 0, squares_ = 0;
};

// Turns the fills of one instrument into trades. The caller prices them: `paid_e8` is the worth of the signed
// lots at the fill's price, `better_e8` and `worse_e8` what its own bounds would have added to the result.
class TradeLog {
 public:
  explicit TradeLog(Room<Trade>* kept) : kept_(kept) {}
  void on(const Fill& fill, std::int64_t paid_e8, std::int64_t better_e8, std::int64_t worse_e8);
  // Out of all that is open and as much in again the other way: `paid_e8` and the fee of either fill.
  void turn(const Fill& fill, std::int64_t paid_e8);
  const Tally& tally() const { return tally_; }

 private:
  void begin(const Fill& fill);
  void close(const Fill& fill);

  Room<Trade>* kept_;
  Trade open_{};
  Lots lots_ = 0;
  std::int64_t flow_e8_ = 0;  // received less paid in the open trade
  Tally tally_;
};

// Adds to a sum; throws Overflow when it needs more than 63 bits.
inline void gather(std::int64_t& sum, std::int64_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) throw exchange::Overflow("a trade's sums need more than 63 bits");
}

// Hot, so inline: a fast run spends much of its time here.
inline void Tally::add(const Trade& trade) {
  const std::int64_t pnl = trade.pnl_e8;
  best_e8 = trades == 0 ? pnl : std::max(best_e8, pnl);
  worst_e8 = trades == 0 ? pnl : std::min(worst_e8, pnl);
  ++trades;
  longs += trade.side == Side::buy;
  wins += pnl > 0;
  losses += pnl < 0;
  won_e8 += pnl > 0 ? pnl : 0;
  lost_e8 += pnl < 0 ? pnl : 0;
  streak_ = pnl < 0 ? streak_ + 1 : 0;
  losing_streak = std::max(losing_streak, streak_);
  const Instant lasted = trade.closed_at - trade.opened_at;
  lasted_ns += lasted;
  lasted_max_ns = std::max(lasted_max_ns, lasted);
  const double away = static_cast<double>(pnl) - mean_;
  mean_ += away / static_cast<double>(trades);
  squares_ += away * (static_cast<double>(pnl) - mean_);
}

inline void TradeLog::on(const Fill& fill, std::int64_t paid_e8, std::int64_t better_e8, std::int64_t worse_e8) {
  const Lots signed_lots = fill.lots * fill.sign();
  if (lots_ == 0) begin(fill);
  const std::int64_t worth = paid_e8 < 0 ? -paid_e8 : paid_e8;
  if (fill.side == open_.side) {
    gather(open_.lots, fill.lots);
    gather(open_.entry_e8, worth);
  } else {
    gather(open_.exit_e8, worth);
  }
  lots_ += signed_lots;
  gather(flow_e8_, -paid_e8);
  gather(open_.fees_e8, fill.fee_e8);
  gather(open_.best_e8, better_e8);
  gather(open_.worst_e8, worse_e8);
  if (lots_ == 0) close(fill);
}

inline void TradeLog::turn(const Fill& fill, std::int64_t paid_e8) {
  const std::int64_t worth = paid_e8 < 0 ? -paid_e8 : paid_e8;
  gather(open_.exit_e8, worth);
  gather(flow_e8_, -paid_e8);
  gather(open_.fees_e8, fill.fee_e8);
  close(fill);
  begin(fill);
  lots_ = fill.lots * fill.sign();
  open_.lots = fill.lots;
  open_.entry_e8 = worth;
  open_.fees_e8 = fill.fee_e8;
  flow_e8_ = -paid_e8;
}

inline void TradeLog::begin(const Fill& fill) {
  open_ = {.entry_bar = fill.bar, .exit_bar = 0, .opened_at = fill.filled_at, .closed_at = 0,
           .side = fill.side, .lots = 0, .entry_e8 = 0, .exit_e8 = 0, .fees_e8 = 0, .pnl_e8 = 0,
           .best_e8 = 0, .worst_e8 = 0, .exit_role = Role::exit};
  flow_e8_ = 0;
}

inline void TradeLog::close(const Fill& fill) {
  open_.exit_bar = fill.bar;
  open_.closed_at = fill.at;
  open_.exit_role = fill.role;
  open_.pnl_e8 = flow_e8_;
  gather(open_.pnl_e8, -open_.fees_e8);
  gather(open_.best_e8, open_.pnl_e8);
  gather(open_.worst_e8, open_.pnl_e8);
  tally_.add(open_);
  if (kept_ != nullptr) kept_->push_back(open_);
}

// What a run's books add up to. `traded_e8`: worth of all fills. `better_e8`, `worse_e8`: what the fills' own
// bounds would have added. `equity_sum`: over all bars, 1e-8. `exposed`: bars that closed with a position.
struct Totals {
  std::int64_t start_e8 = 0, end_e8 = 0;
  Wide fees_e8 = 0, financing_e8 = 0, traded_e8 = 0, better_e8 = 0, worse_e8 = 0;
  std::int64_t bars = 0, exposed = 0, fills = 0, refused = 0;
  double equity_sum = 0;
  Instant first_at = 0, last_at = 0;
};

// The figures of one run; NaN where one is undefined. Fractions: 0.05 is 5 %. Money in currency, `_ns` in
// nanoseconds. Definitions are analysis/metrics.py's; `sqn` is sqrt(n) x mean / deviation of trade results.
struct Statistics {
  double end, total_return, cagr, volatility, sharpe, sortino, calmar, max_drawdown, max_drawdown_duration_ns;
  double pnl_pessimistic, pnl_likely, pnl_optimistic;
  double trades, long_trades, short_trades, wins, losses, win_rate, profit_factor, payoff, expectancy;
  double best_trade, worst_trade, duration_mean_ns, duration_max_ns, sqn, losing_streak;
  double exposure, turnover, fees, financing, fills, refused, bars, days, periods_per_year;
};

inline constexpr std::array statistic_names = {
    "end", "total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown",
    "max_drawdown_duration_ns", "pnl_pessimistic", "pnl_likely", "pnl_optimistic", "trades", "long_trades",
    "short_trades", "wins", "losses", "win_rate", "profit_factor", "payoff", "expectancy", "best_trade",
    "worst_trade", "duration_mean_ns", "duration_max_ns", "sqn", "losing_streak", "exposure", "turnover", "fees",
    "financing", "fills", "refused", "bars", "days", "periods_per_year",
};
static_assert(sizeof(Statistics) == statistic_names.size() * sizeof(double));

// `days`: equity at the close of each day, 1e-8.
Statistics conclude(const Totals& totals, const Underwater& water, const Tally& tally,
                    std::span<const std::int64_t> days, const Calendar& calendar);

// The same from a whole curve: equity after each bar. `totals` needs its sums of money and counts of bars held,
// fills and refusals; the rest is taken from the curve.
Statistics summarise(std::span<const Instant> at, std::span<const std::int64_t> equity_e8, const Tally& tally,
                     Totals totals, const Calendar& calendar);

}  // namespace quorate::lane
