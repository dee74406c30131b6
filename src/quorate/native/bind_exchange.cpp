// The Python face of the native exchange: rows in and rows out as int64 matrices, and the words of help().
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "exchange.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace quorate::exchange;
using Rows = nb::ndarray<const std::int64_t, nb::shape<-1, 10>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<nb::numpy, std::int64_t, nb::shape<-1, 16>>;
using Pair = std::pair<std::int64_t, std::int64_t>;
using Steps = std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>>;

// An exchange that is let alone while it runs without the GIL. The flag itself is kept under the GIL.
class Shared {
 public:
  Shared(std::vector<Terms> terms, std::int64_t cash_e8, Instant latency_ns)
      : exchange_(std::move(terms), cash_e8, latency_ns) {}

  // Throws std::runtime_error while `run` is under way in another thread.
  Exchange& exchange() {
    if (running_) throw std::runtime_error("this exchange is at work in another thread");
    return exchange_;
  }

  Shared(std::vector<Terms> terms, std::int64_t cash_e8, Rules rules)
      : exchange_(std::move(terms), cash_e8, std::move(rules)) {}

  void run(std::span<const MarketEvent> events, std::vector<Report>& out) {
    Exchange& free = exchange();
    const Running mark(running_);
    nb::gil_scoped_release release;  // taken back before the mark goes, also when run throws
    free.run(events, out);
  }

 private:
  struct Running {
    explicit Running(bool& flag) : flag(flag) { flag = true; }
    ~Running() { flag = false; }
    bool& flag;
  };

  Exchange exchange_;
  bool running_ = false;
};

using MarketRow = std::array<std::int64_t, 10>;
using ReportRow = std::array<std::int64_t, 16>;

// Both rows are structs of nothing but int64, so a C-contiguous matrix of them is an array of the struct.
std::span<const MarketEvent> events_of(const Rows& rows) {
  return {reinterpret_cast<const MarketEvent*>(rows.data()), rows.shape(0)};
}

Table table_of(std::vector<Report>&& reports) {
  static std::int64_t nothing[16] = {};
  if (reports.empty()) return Table(nothing, {0, 16}, nb::none());
  auto kept = std::make_unique<std::vector<Report>>(std::move(reports));
  auto* data = reinterpret_cast<std::int64_t*>(kept->data());
  const std::size_t rows = kept->size();
  nb::capsule owner(kept.release(), [](void* p) noexcept { delete static_cast<std::vector<Report>*>(p); });
  return Table(data, {rows, 16}, owner);
}

template <typename Enum>
Enum checked(std::int64_t value, std::int64_t least, std::int64_t most, const char* what) {
  if (value < least || value > most || (what == std::string_view("side") && value == 0)) {
    throw std::invalid_argument(std::string(what) + " " + std::to_string(value) + " is not known here");
  }
  return static_cast<Enum>(value);
}

OrderId submit(Shared& shared, Instant at, std::int64_t instrument, std::int64_t side, std::int64_t type,
               std::int64_t role, Lots lots, std::optional<Ticks> price, std::optional<Ticks> stop,
               std::optional<Ticks> target, Instant expires_at) {
  if (target && !stop) throw std::invalid_argument("a bracket with a target needs a stop");
  Order order{.at = at,
              .instrument = instrument,
              .side = checked<Side>(side, -1, 1, "side"),
              .type = checked<Type>(type, 0, 2, "type"),
              .role = checked<Role>(role, 0, 3, "role"),
              .lots = lots,
              .price = price,
              .bracket = std::nullopt,
              .expires_at = expires_at};
  if (stop) order.bracket = Bracket{*stop, target};
  return shared.exchange().submit(order);
}

OrderId submit_order(Shared& shared, const Order& order) { return shared.exchange().submit(order); }

// All that an order can be asked for; -1, 0 and 2**63 - 1 where the field says so.
Order order_of(Instant at, std::int64_t instrument, std::int64_t side, std::int64_t type, std::int64_t role,
               Lots lots, std::optional<Ticks> price, std::optional<Ticks> stop, std::optional<Ticks> target,
               Instant expires_at, std::optional<Ticks> limit, std::int64_t force, Instant good_until,
               std::int64_t watch, Ticks trail, std::int64_t trail_bps, Ticks limit_offset,
               std::optional<Ticks> activation, Lots display, bool post_only, std::int64_t group,
               bool shrinks, OrderId after, Instant session) {
  if (target && !stop) throw std::invalid_argument("a bracket with a target needs a stop");
  Order order{.at = at, .instrument = instrument, .side = checked<Side>(side, -1, 1, "side"),
              .type = checked<Type>(type, 0, 10, "type"), .role = checked<Role>(role, 0, 3, "role"),
              .lots = lots, .price = price, .bracket = std::nullopt, .expires_at = expires_at, .limit = limit,
              .force = checked<Force>(force, 0, 4, "time in force"), .good_until = good_until,
              .watch = checked<Watch>(watch, 0, 4, "watch"), .trail = trail, .trail_bps = trail_bps,
              .limit_offset = limit_offset, .activation = activation, .display = display,
              .post_only = post_only, .group = group, .shrinks = shrinks, .after = after, .session = session};
  if (stop) order.bracket = Bracket{*stop, target};
  return order;
}

Rules rules_of(const Latency& latency, Pair participation, Pair range_slippage, Pair impact,
               std::int64_t intrabar, bool queue) {
  const auto ratio = [](const Pair& pair) { return Ratio{pair.first, pair.second}; };
  return {.latency = latency, .participation = ratio(participation), .range_slippage = ratio(range_slippage),
          .impact = ratio(impact), .intrabar = checked<Intrabar>(intrabar, -1, 1, "intrabar path"),
          .queue = queue};
}

Table head(Shared& shared) {
  const Report* first = shared.exchange().head();
  return table_of(first ? std::vector<Report>{*first} : std::vector<Report>{});
}

std::size_t place_of(const Exchange& exchange, std::int64_t instrument) {
  const auto place = static_cast<std::size_t>(instrument);  // a negative one wraps to one there never is
  if (place < exchange.terms().size()) return place;
  throw std::out_of_range("instrument " + std::to_string(instrument) + " is not known here");
}

Lots lots_of(Shared& shared, std::int64_t instrument) {
  const Exchange& exchange = shared.exchange();
  return exchange.ledger().lots(place_of(exchange, instrument));
}

Ticks mark_of(Shared& shared, std::int64_t instrument) {
  const Exchange& exchange = shared.exchange();
  return exchange.ledger().mark(place_of(exchange, instrument));
}

Terms terms_of(std::string name, Pair worth, Pair half_spread, Pair slippage, Pair taker, Pair maker,
               Pair commission, Pair financing, Pair margin, std::int64_t pays) {
  const auto ratio = [](const Pair& pair) { return Ratio{pair.first, pair.second}; };
  return {std::move(name), ratio(worth), ratio(half_spread), ratio(slippage), ratio(taker), ratio(maker),
          ratio(commission), ratio(financing), ratio(margin), checked<Financing>(pays, 0, 2, "financing of")};
}

// How the account carries an instrument.
void bind_clearing(nb::class_<Terms>& terms) {
  terms.def(
      "clear",
      [](Terms& self, const Steps& tiers, Pair liquidation, std::size_t currency, bool shortable) {
        if (currency > 255) throw std::invalid_argument("a currency's number must be below 256");
        self.tiers.clear();
        for (const auto& [floor_e8, numerator, denominator, deduction_e8] : tiers) {
          self.tiers.push_back({floor_e8, {numerator, denominator}, deduction_e8});
        }
        self.liquidation = {liquidation.first, liquidation.second};
        self.currency = currency;
        self.shortable = shortable;
      },
      "tiers"_a, "liquidation"_a, "currency"_a, "shortable"_a,
      "tiers: (floor_e8, numerator, denominator, deduction_e8) of the maintenance table. liquidation: of\n"
      "the worth. currency: its number, 0 for the account's. shortable: whether entries may sell.");
}

void bind_account(nb::class_<Shared>& exchange) {
  exchange
      .def("deposit", [](Shared& s, std::int64_t currency, std::int64_t amount_e8) {
        s.exchange().deposit(currency, amount_e8);
      }, "currency"_a, "amount_e8"_a, "Pays money into the account.")
      .def("balance_e8", [](Shared& s, std::size_t currency) {
        const Ledger& ledger = s.exchange().ledger();
        if (currency < ledger.currencies()) return ledger.cash_e8(currency);
        throw std::out_of_range("currency " + std::to_string(currency) + " is not known here");
      }, "currency"_a, "Cash in one currency, in 1e-8 of it; below 0 when borrowed.")
      .def_prop_ro("free_e8", [](Shared& s) {
        return narrow(s.exchange().margin().free_e8(), "what is free");
      }, "Equity less maintenance at the marks.")
      .def_prop_ro("bankrupt", [](Shared& s) { return s.exchange().is_bankrupt(); },
                   "Whether a liquidation left nothing.");
}

Table advance(Shared& shared, const Rows& rows) {
  std::vector<Report> out;
  shared.exchange().advance(events_of(rows), out);
  return table_of(std::move(out));
}

Table run(Shared& shared, const Rows& rows) {
  std::vector<Report> out;
  shared.run(events_of(rows), out);
  return table_of(std::move(out));
}

// One instant of a few rows, where plain integers come and go faster than matrices.
std::vector<ReportRow> step(Shared& shared, const std::vector<MarketRow>& rows) {
  std::vector<Report> out;
  shared.exchange().advance({reinterpret_cast<const MarketEvent*>(rows.data()), rows.size()}, out);
  const auto* first = reinterpret_cast<const ReportRow*>(out.data());
  return {first, first + out.size()};
}

Table drain(Shared& shared, Instant until) {
  std::vector<Report> out;
  shared.exchange().drain(until, out);
  return table_of(std::move(out));
}

void bind_terms(nb::module_& m) {
  nb::class_<Terms> terms(m, "Terms", "One instrument's terms as exact ratios (numerator, denominator).");
  bind_clearing(terms);
  terms.def("__init__",
           [](Terms* self, std::string name, Pair worth, Pair half_spread, Pair slippage, Pair taker,
              Pair maker, Pair commission, Pair financing, Pair margin, std::int64_t pays) {
             new (self) Terms(terms_of(std::move(name), worth, half_spread, slippage, taker, maker,
                                       commission, financing, margin, pays));
           },
           "name"_a, "worth"_a, "half_spread"_a, "slippage"_a, "taker"_a, "maker"_a, "commission"_a,
           "financing"_a, "margin"_a, "pays"_a,
           "worth: 1e-8 currency of a tick times a lot. half_spread, slippage: of the price. taker, maker:\n"
           "of the worth. commission: 1e-8 currency a lot. financing: bps a year. margin: of the worth.\n"
           "pays: who pays financing, nobody (0), shorts (1) or both sides (2).");
}

void bind_rules(nb::module_& m) {
  nb::class_<Latency>(m, "Latency", "How long orders and cancels are under way, in ns.")
      .def(nb::init<Instant>(), "constant_ns"_a)
      .def_static("sampled", &Latency::sampled, "seed"_a, "quantiles_ns"_a,
                  "Drawn, by seed and order alone, between evenly spaced quantiles from 0 to 1.")
      .def_static("measured", &Latency::measured, "instants"_a, "delays_ns"_a,
                  "The delay last measured when something is sent.")
      .def("of", &Latency::of, "at"_a, "order"_a, "purpose"_a = 0,
           "The delay of an order (purpose 0), its cancel (1) or its changes (2 and on).");
  nb::class_<Rules>(m, "Rules", "How the simulated world behaves in one run.")
      .def("__init__",
           [](Rules* self, const Latency& latency, Pair participation, Pair range_slippage, Pair impact,
              std::int64_t intrabar, bool queue) {
             new (self) Rules(rules_of(latency, participation, range_slippage, impact, intrabar, queue));
           },
           "latency"_a, "participation"_a, "range_slippage"_a, "impact"_a, "intrabar"_a, "queue"_a,
           "participation: share of a row's volume, 0 any. range_slippage: of a bar's range. impact: of the\n"
           "price, times the root of lots over volume. intrabar: pessimistic (-1), likely, optimistic (1).");
  nb::class_<Order>(m, "Order", "One order with all its terms; `order` makes one.");
  m.def("order", &order_of,
        "at"_a, "instrument"_a, "side"_a, "type"_a, "role"_a, "lots"_a, "price"_a = nb::none(),
           "stop"_a = nb::none(), "target"_a = nb::none(), "expires_at"_a = forever, "limit"_a = nb::none(),
           "force"_a = 0, "good_until"_a = forever, "watch"_a = 0, "trail"_a = 0, "trail_bps"_a = 0,
           "limit_offset"_a = 0, "activation"_a = nb::none(), "display"_a = 0, "post_only"_a = false,
           "group"_a = 0, "shrinks"_a = false, "after"_a = none, "session"_a = forever,
           "An order in ticks, lots and ns; codes as in quorate.native.exchange.");
}

}  // namespace

void bind_exchange(nb::module_& m) {
  bind_terms(m);
  bind_rules(m);
  nb::class_<Shared> exchange(m, "Exchange", "A simulated exchange in whole numbers. One thread at a time.");
  bind_account(exchange);
  exchange.def(nb::init<std::vector<Terms>, std::int64_t, Instant>(), "terms"_a, "cash_e8"_a, "latency_ns"_a,
           "ValueError: a ratio or a latency that makes no sense.")
      .def(nb::init<std::vector<Terms>, std::int64_t, Rules>(), "terms"_a, "cash_e8"_a, "rules"_a)
      .def("submit_order", &submit_order, "order"_a, "The same for an order with all its terms.")
      .def("replace",
           [](Shared& s, OrderId order, Instant at, std::optional<Lots> lots, std::optional<Ticks> price) {
             return s.exchange().replace(order, at, lots, price);
           },
           "order"_a, "at"_a, "lots"_a = nb::none(), "price"_a = nb::none(),
           "Asks for other lots in all, another price, or both; False when nothing will come of it.")
      .def("head", &head, "The first report on its way as a table of one row, or of none.")
      .def("submit", &submit, "at"_a, "instrument"_a, "side"_a, "type"_a, "role"_a, "lots"_a,
           "price"_a = nb::none(), "stop"_a = nb::none(), "target"_a = nb::none(), "expires_at"_a = forever,
           "Sends an order and returns its number; its legs will be the next two.")
      .def("duplicate", [](Shared& s, OrderId known, Instant at) { s.exchange().duplicate(known, at); },
           "known"_a, "at"_a, "Answers a second order of a known identity: a rejection on arrival.")
      .def(
          "cancel", [](Shared& s, OrderId order, Instant at) { return s.exchange().cancel(order, at); },
          "order"_a, "at"_a, "Asks for an order to stop working; False when nothing will come of it.")
      .def("knows", [](Shared& s, OrderId order) { return s.exchange().knows(order); }, "order"_a,
           "Whether an order, or a leg, ever was.")
      .def("watch", &advance, "rows"_a.noconvert(), "One instant: int64 (n, 10) in, int64 (m, 16) out.")
      .def("step", &step, "rows"_a, "The same from and to plain integers, for an instant of a few rows.")
      .def("take", [](Shared& s) { s.exchange().take(); }, "Takes the first report on its way.")
      .def("run", &run, "rows"_a.noconvert(),
           "Many instants, without the GIL; rows must not change meanwhile.")
      .def("drain", &drain, "until"_a, "The reports on their way that are due at or before an instant.")
      .def("lots", &lots_of, "instrument"_a, "Signed lots held.")
      .def("mark", &mark_of, "instrument"_a, "The last price in ticks.")
      .def_prop_ro("cash_e8", [](Shared& s) { return s.exchange().ledger().cash_e8(); }, "1e-8 currency.")
      .def_prop_ro("equity_e8", [](Shared& s) { return s.exchange().ledger().equity_e8(); },
                   "Cash and the worth of all that is held.")
      .def_prop_ro("now", [](Shared& s) { return s.exchange().now(); }, "The last instant seen, or -1.")
      .def_prop_ro("working", [](Shared& s) { return s.exchange().working(); }, "Orders at work.")
      .def_prop_ro("due", [](Shared& s) { return s.exchange().due(); },
                   "The instant of the first report on its way; 2**63 - 1 when there is none.");
}
