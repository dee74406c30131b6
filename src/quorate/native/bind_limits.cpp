// The Python face of the compiled limits: the same rows as the exchange's, and one call for each review.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <set>
#include <tuple>

#include "limits.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace quorate::limits;
using Rows = nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Pair = std::pair<std::int64_t, std::int64_t>;
using Plain = nb::typed<nb::dict, nb::str, nb::object>;

Ratio ratio_of(const Pair& pair) { return {pair.first, pair.second}; }

// Reads a rulebook's numbers by key, and knows which keys nobody read.
class Reader {
 public:
  explicit Reader(const Plain& numbers) : numbers_(numbers) {}

  std::int64_t count(const char* key) { return value<std::int64_t>(key); }
  Ratio share(const char* key) { return ratio_of(value<Pair>(key)); }
  Cap cap(const char* share_key, const char* money_key = nullptr) {
    Cap cap{share(share_key), std::nullopt};
    if (money_key != nullptr) cap.money_e8 = value<std::optional<std::int64_t>>(money_key);
    return cap;
  }

  // Throws std::invalid_argument for a number that no limit here has asked for.
  void finish() const {
    for (const auto& [key, value] : numbers_) {
      const auto name = nb::cast<std::string>(key);
      if (!read_.contains(name)) throw std::invalid_argument("'" + name + "' is no limit known here");
    }
  }

 private:
  template <typename T>
  T value(const char* key) {
    read_.insert(key);
    if (!numbers_.contains(key)) throw std::invalid_argument(std::string("'") + key + "' is missing");
    T found{};
    if (!nb::try_cast<T>(numbers_[key], found)) {
      throw std::invalid_argument(std::string("'") + key + "' needs more than 63 bits, or is no such number");
    }
    return found;
  }

  const Plain& numbers_;
  std::set<std::string> read_;
};

Numbers numbers_of(const Plain& plain) {
  Reader read(plain);
  const Numbers numbers{
      .approval_ttl_s = read.count("approval_ttl_s"),
      .stop_ticks_min = read.count("bracket.stop_ticks_min"),
      .trade = read.cap("exposure.trade_share", "exposure.trade_money"),
      .position = read.cap("exposure.position_share"),
      .gross = read.cap("exposure.gross_share", "exposure.gross_money"),
      .net = read.cap("exposure.net_share"),
      .leverage = read.cap("exposure.leverage_max"),
      .positions_max = read.count("exposure.positions_max"),
      .stop_risk = read.cap("risk.trade_share"),
      .contracts_max = read.count("futures.contracts_max"),
      .margin = read.cap("futures.margin_share"),
      .day = read.cap("losses.day_share", "losses.day_money"),
      .drawdown = read.cap("losses.drawdown_share"),
      .hour = read.cap("losses.hour_share"),
      .streak_max = read.count("losses.streak_max"),
      .streak_pause_s = read.count("losses.streak_pause_s"),
      .orders_per_minute_max = read.count("rate.orders_per_minute_max"),
      .duplicate_window_s = read.count("rate.duplicate_window_s"),
      .collar = read.share("price.collar_share"),
      .order = read.cap("price.order_share_max"),
      .bars_old_max = read.count("freshness.bars_old_max"),
  };
  read.finish();
  return numbers;
}

Traded traded_of(std::string name, Pair worth, Pair taker, Pair commission, Pair margin, Pair lot,
                 bool is_future, Lots lots_max) {
  Terms terms{};
  terms.name = std::move(name);
  terms.worth = ratio_of(worth);
  terms.taker = ratio_of(taker);
  terms.commission = ratio_of(commission);
  terms.margin = ratio_of(margin);
  return {std::move(terms), ratio_of(lot), is_future, lots_max};
}

// A row is a struct of nothing but int64. Throws std::invalid_argument for rows of another width.
template <typename Row>
void each_row(const Rows& rows, Limits& limits) {
  constexpr std::size_t width = sizeof(Row) / sizeof(std::int64_t);
  if (rows.shape(1) != width) {
    throw std::invalid_argument("rows have " + std::to_string(rows.shape(1)) + " columns, not " +
                                std::to_string(width));
  }
  const auto* first = reinterpret_cast<const Row*>(rows.data());
  for (const Row* row = first; row != first + rows.shape(0); ++row) limits.on(*row);
}

std::tuple<bool, Lots, std::uint32_t, std::uint32_t> review(
    Limits& limits, OrderId id, Instant at, std::int64_t instrument, std::int64_t side, std::int64_t type,
    std::int64_t role, Lots lots, Ticks reference, std::optional<Ticks> limit, std::optional<Ticks> trigger,
    std::optional<Ticks> stop, std::optional<Ticks> target) {
  if (side != 1 && side != -1) throw std::invalid_argument("side must be 1 or -1");
  if (role < 0 || role > 3) throw std::invalid_argument("role must be from 0 to 3");
  const Answer answer = limits.review(Asked{id, at, instrument, static_cast<Side>(side),
                                            static_cast<Type>(type), static_cast<Role>(role), lots, reference,
                                            limit, trigger, stop, target});
  return {answer.allowed, answer.lots, answer.denied, answer.cut};
}

const Holding& holding_of(const Limits& limits, std::int64_t instrument) {
  const auto place = static_cast<std::size_t>(instrument);
  if (place >= limits.size()) {
    throw std::out_of_range("instrument " + std::to_string(instrument) + " is not known here");
  }
  return limits.account().holding(place);
}

using Moved = std::tuple<Instant, std::int64_t, std::int64_t, std::int64_t>;

std::vector<Moved> moves_of(const Limits& limits) {
  std::vector<Moved> moves;
  for (const Move& move : limits.moves()) {
    moves.emplace_back(move.at, static_cast<std::int64_t>(move.before), static_cast<std::int64_t>(move.after),
                       static_cast<std::int64_t>(move.rule));
  }
  return moves;
}

using Left = std::tuple<OrderId, std::int64_t, std::int64_t, std::int64_t, Lots>;

std::vector<Left> working_of(const Limits& limits) {
  std::vector<Left> working;
  for (const auto& [order, each] : limits.orders().working()) {
    working.emplace_back(order, static_cast<std::int64_t>(each.instrument),
                         static_cast<std::int64_t>(each.role), static_cast<std::int64_t>(each.side), each.left);
  }
  return working;
}

void bind_events(nb::class_<Limits>& limits) {
  limits
      .def("watch", [](Limits& l, const Rows& rows) { each_row<MarketEvent>(rows, l); }, "rows"_a.noconvert(),
           "Market rows as the exchange takes them; bars and rolls count.")
      .def("hear", [](Limits& l, const Rows& rows) { each_row<Report>(rows, l); }, "rows"_a.noconvert(),
           "Report rows as the exchange gives them.")
      .def("instant_closed", &Limits::instant_closed, "at"_a, "No more rows bear this instant.")
      .def("halt", &Limits::halt, "at"_a, "A person stops the desk.")
      .def("resume", &Limits::resume, "at"_a, "People take the breaker up; False when that changes nothing.")
      .def("operate", &Limits::operate, "until"_a, "The automatic operator resumes if that is due by then.")
      .def("review", &review, "id"_a, "at"_a, "instrument"_a, "side"_a, "type"_a, "role"_a, "lots"_a,
           "reference"_a, "limit"_a = nb::none(), "trigger"_a = nb::none(), "stop"_a = nb::none(),
           "target"_a = nb::none(), "(allowed, lots, bits of the rules that denied, of those that cut).")
      .def("may_cancel", &Limits::may_cancel, "order"_a,
           "False when held lots would be left without a working stop.")
      .def("duty", [](Limits& l) { return static_cast<std::int64_t>(l.duty()); },
           "What events since the last call ask of the desk: 0 nothing, 1 cancel entries, 2 leave.")
      .def("expires_at", &Limits::expires_at, "at"_a, "When an order approved at an instant must have arrived.");
}

void bind_readings(nb::class_<Limits>& limits) {
  limits.def("lots", [](Limits& l, std::int64_t i) { return holding_of(l, i).lots; }, "instrument"_a)
      .def("mark", [](Limits& l, std::int64_t i) { return holding_of(l, i).mark; }, "instrument"_a)
      .def("entries", &Limits::entries, "Working entries by number.")
      .def_prop_ro("working", &working_of, "(order, instrument, role, side, lots left) of all that may fill.")
      .def_prop_ro("moves", &moves_of, "(at, before, after, rule) of every move of the breaker.")
      .def_prop_ro("breaker", [](Limits& l) { return static_cast<std::int64_t>(l.breaker()); })
      .def_prop_ro("halted_now", &Limits::halted_now, "Whether `duty` would say: leave.")
      .def_prop_ro("resume_at", &Limits::resume_at, "2**63 - 1 for never.")
      .def_prop_ro("failure", [](Limits& l) { return l.failure(); }, "Why the books are closed; or nothing.")
      .def_prop_ro("cash_e8", [](Limits& l) { return l.account().cash_e8(); })
      .def_prop_ro("equity_e8", [](Limits& l) { return l.account().equity_e8(); })
      .def_prop_ro("day_start_e8", [](Limits& l) { return l.watch().day_start_e8(); })
      .def_prop_ro("peak_e8", [](Limits& l) { return l.watch().peak_e8(); })
      .def_prop_ro("hour_high_e8", [](Limits& l) { return l.watch().hour_high_e8(); })
      .def_prop_ro("losses_in_a_row", &Limits::losses_in_a_row)
      .def_prop_ro("last_loss_at", &Limits::last_loss_at);
}

}  // namespace

void bind_limits(nb::module_& m) {
  nb::class_<Traded>(m, "Traded", "What the limits know of one instrument, as ratios.")
      .def("__init__",
           [](Traded* self, std::string name, Pair worth, Pair taker, Pair commission, Pair margin, Pair lot,
              bool is_future, Lots lots_max) {
             new (self) Traded(
                 traded_of(std::move(name), worth, taker, commission, margin, lot, is_future, lots_max));
           },
           "name"_a, "worth"_a, "taker"_a, "commission"_a, "margin"_a, "lot"_a, "is_future"_a, "lots_max"_a);
  nb::class_<Limits> limits(m, "Limits", "The rulebook's numeric limits of one desk, in whole numbers.");
  limits.def("__init__",
             [](Limits* self, std::vector<Traded> traded, const Plain& numbers, std::int64_t cash_e8,
                std::optional<Instant> cool_down, Instant until) {
               new (self) Limits(std::move(traded), numbers_of(numbers), cash_e8, cool_down, until);
             },
             "traded"_a, "numbers"_a, "cash_e8"_a, "cool_down"_a = nb::none(), "until"_a = forever);
  bind_events(limits);
  bind_readings(limits);
}
