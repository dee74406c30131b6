// The formulas of the figures, each once: equal to analysis/metrics.py, which names their sources.
#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quorate::lane {
namespace {

using exchange::day_ns;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double e8 = 1e8;
constexpr double noise = 1e-9;  // a deviation this small beside the mean is rounding, not risk
constexpr Instant growth_min_ns = 30 * day_ns;

double money(Wide amount_e8) { return static_cast<double>(amount_e8) / e8; }
double ratio(double part, double whole) { return whole != 0 ? part / whole : nan; }

// The UTC day that a close belongs to.
std::int64_t day_of(Instant at, bool moves_weekends) {
  const Instant before = at - 1;
  std::int64_t day = before / day_ns - (before < 0 && before % day_ns != 0 ? 1 : 0);
  if (moves_weekends) {
    const std::int64_t weekday = (day + 3) % 7;  // 1970-01-01 was a Thursday; Monday is 0
    if (weekday >= 5) day += 7 - weekday;
  }
  return day;
}

struct Risk {
  double volatility = nan, sharpe = nan, sortino = nan;
};

// Of simple daily returns, the first from the start; none when equity was ever gone or under two returns.
Risk risk_of(std::span<const std::int64_t> days, std::int64_t start_e8, double periods) {
  const std::size_t count = days.size();
  if (count < 2 || start_e8 <= 0) return {};
  for (std::size_t i = 0; i + 1 < count; ++i) {
    if (days[i] <= 0) return {};
  }
  const auto n = static_cast<double>(count);
  const auto change = [&](std::size_t i) {
    const auto before = static_cast<double>(i == 0 ? start_e8 : days[i - 1]);
    return static_cast<double>(days[i]) / before - 1.0;
  };
  double sum = 0, down = 0, squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = change(i);
    sum += value;
    if (value < 0) down += value * value;
  }
  const double mean = sum / n;
  for (std::size_t i = 0; i < count; ++i) {
    const double away = change(i) - mean;
    squares += away * away;
  }
  const double deviation = std::sqrt(squares / (n - 1)), downside = std::sqrt(down / n);
  const double root = std::sqrt(periods);
  const auto per = [&](double risk) {
    return risk > noise * std::fabs(mean) && risk > 0 ? mean / risk * root : nan;
  };
  return {deviation * root, per(deviation), per(downside)};
}

double growth_of(const Totals& totals, Instant interval_ns) {
  const Wide span = Wide{totals.last_at} - totals.first_at + interval_ns;
  if (totals.bars == 0 || span < growth_min_ns) return nan;
  if (totals.end_e8 <= 0) return -1.0;
  // Of the gain, which is exact, and not of the quotient, which has lost a small gain's digits.
  const double gain = static_cast<double>(totals.end_e8 - totals.start_e8) / static_cast<double>(totals.start_e8);
  return std::expm1(std::log1p(gain) * static_cast<double>(year_ns) / static_cast<double>(span));
}

}  // namespace

double Calendar::periods_per_year() const {
  return interval_ns <= day_ns ? days_per_year
                               : static_cast<double>(year_ns) / static_cast<double>(interval_ns);
}

std::vector<DayEnd> day_ends(std::span<const Instant> at, const Calendar& calendar) {
  std::vector<DayEnd> ends;
  const bool moves = calendar.sleeps() && calendar.interval_ns < day_ns;
  const bool every = !calendar.sleeps() && calendar.interval_ns <= day_ns;
  std::size_t bar = 0;
  while (bar < at.size()) {
    const std::int64_t day = day_of(at[bar], moves);
    // The first bar of a later day: doubling steps, then halving, since days are long and bars are many.
    std::size_t low = bar, step = 1;
    while (low + step < at.size() && day_of(at[low + step], moves) == day) {
      low += step;
      step *= 2;
    }
    for (; step > 0; step /= 2) {
      if (low + step < at.size() && day_of(at[low + step], moves) == day) low += step;
    }
    const std::size_t next = low + 1;
    std::int64_t days = 1;
    if (every && next < at.size()) days = day_of(at[next], moves) - day;
    ends.push_back({static_cast<std::int32_t>(low), static_cast<std::int32_t>(days)});
    bar = next;
  }
  return ends;
}

void Underwater::recover(Instant at) {
  const double fall = static_cast<double>(Wide{peak_} - trough_) / static_cast<double>(peak_);
  fall_ = std::max(fall_, fall);
  longest_ = std::max(longest_, at - top_at_);
}

double Tally::deviation_e8() const {
  return trades < 2 ? nan : std::sqrt(squares_ / static_cast<double>(trades - 1));
}

Statistics conclude(const Totals& totals, const Underwater& water, const Tally& tally,
                    std::span<const std::int64_t> days, const Calendar& calendar) {
  const double periods = calendar.periods_per_year();
  const Risk risk = risk_of(days, totals.start_e8, periods);
  const double growth = growth_of(totals, calendar.interval_ns);
  const auto n = static_cast<double>(tally.trades);
  const auto wins = static_cast<double>(tally.wins), losses = static_cast<double>(tally.losses);
  const double won = money(tally.won_e8), lost = -money(tally.lost_e8);
  const Wide likely = Wide{totals.end_e8} - totals.start_e8;
  const auto bars = static_cast<double>(totals.bars);
  const double mean = bars > 0 ? totals.equity_sum / bars : 0;
  const double expectancy = ratio(money(tally.won_e8 + tally.lost_e8), n);
  const double deviation = tally.deviation_e8() / e8;
  const bool any = tally.trades > 0;
  return {
      .end = money(totals.end_e8),
      .total_return = static_cast<double>(totals.end_e8) / static_cast<double>(totals.start_e8) - 1.0,
      .cagr = growth,
      .volatility = risk.volatility,
      .sharpe = risk.sharpe,
      .sortino = risk.sortino,
      .calmar = water.fall() > 0 ? growth / water.fall() : nan,
      .max_drawdown = water.fall(),
      .max_drawdown_duration_ns = static_cast<double>(water.longest()),
      .pnl_pessimistic = money(likely + totals.worse_e8),
      .pnl_likely = money(likely),
      .pnl_optimistic = money(likely + totals.better_e8),
      .trades = n,
      .long_trades = static_cast<double>(tally.longs),
      .short_trades = static_cast<double>(tally.trades - tally.longs),
      .wins = wins,
      .losses = losses,
      .win_rate = ratio(wins, n),
      .profit_factor = tally.losses > 0 ? won / lost : nan,
      .payoff = tally.wins > 0 && tally.losses > 0 ? (won / wins) / (lost / losses) : nan,
      .expectancy = expectancy,
      .best_trade = any ? money(tally.best_e8) : nan,
      .worst_trade = any ? money(tally.worst_e8) : nan,
      .duration_mean_ns = any ? static_cast<double>(tally.lasted_ns / tally.trades) : nan,
      .duration_max_ns = any ? static_cast<double>(tally.lasted_max_ns) : nan,
      .sqn = deviation > 0 ? std::sqrt(n) * expectancy / deviation : nan,
      .losing_streak = static_cast<double>(tally.losing_streak),
      .exposure = ratio(static_cast<double>(totals.exposed), bars),
      .turnover = mean > 0 ? std::fabs(static_cast<double>(totals.traded_e8)) / mean : nan,
      .fees = money(totals.fees_e8),
      .financing = money(totals.financing_e8),
      .fills = static_cast<double>(totals.fills),
      .refused = static_cast<double>(totals.refused),
      .bars = bars,
      .days = static_cast<double>(days.size()),
      .periods_per_year = periods,
  };
}

Statistics summarise(std::span<const Instant> at, std::span<const std::int64_t> equity_e8, const Tally& tally,
                     Totals totals, const Calendar& calendar) {
  const std::size_t count = at.size();
  Underwater water(totals.start_e8, count > 0 ? at[0] - calendar.interval_ns : 0);
  totals.equity_sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    water.on(static_cast<std::int64_t>(i), at[i], equity_e8[i]);
    totals.equity_sum += static_cast<double>(equity_e8[i]);
  }
  totals.bars = static_cast<std::int64_t>(count);
  totals.end_e8 = totals.start_e8;
  if (count > 0) {
    water.finish(totals.bars - 1, at.back());
    totals.first_at = at.front();
    totals.last_at = at.back();
    totals.end_e8 = equity_e8.back();
  }
  std::vector<std::int64_t> days;
  for (const DayEnd& end : day_ends(at, calendar)) {
    days.insert(days.end(), static_cast<std::size_t>(end.days), equity_e8[static_cast<std::size_t>(end.bar)]);
  }
  return conclude(totals, water, tally, days, calendar);
}

}  // namespace quorate::lane
