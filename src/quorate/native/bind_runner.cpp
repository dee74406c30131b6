// The Python face of research runs: the runner with its verbs, lines, and the bar that `on_bar` is given.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "runner.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace quorate;
using namespace quorate::exchange;
using Rows = nb::ndarray<const std::int64_t, nb::shape<-1, 10>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<nb::numpy, std::int64_t, nb::ndim<2>>;
using View = nb::ndarray<nb::numpy, const double, nb::ndim<1>>;
using Instants = nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<1>>;
using Stances = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Prices = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

struct LookAhead : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A closed bar as the strategy's code reads it: a copy, so that one kept aside stays what it was.
struct Now {
  nb::object instrument;  // its id
  std::int64_t interval_ns = 0, number = 0;
  Candle candle = {};
};

// A trade or a quote as the strategy's code reads it, a copy too.
struct Tick {
  nb::object instrument;
  double price_of_tick = 0, lot = 0;
  MarketEvent event = {};

  bool is_quote() const { return event.kind == MarketEvent::quote; }
  double price(bool quote, Ticks ticks) const {
    return quote == is_quote() ? static_cast<double>(ticks) * price_of_tick : std::nan("");
  }
  double units(bool quote, Lots lots) const {
    return quote == is_quote() && lots >= 0 ? static_cast<double>(lots) * lot : std::nan("");
  }
};

// Arrays made from a copy of numbers, owned by Python.
template <typename Array, typename T>
Array copy_of(const T* data, std::size_t size) {
  auto kept = std::make_unique<T[]>(size);
  std::copy(data, data + size, kept.get());
  T* raw = kept.release();
  nb::capsule owner(raw, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return Array(raw, {size}, owner);
}

// What has been sampled so far, read in place: room for all of it was made before, and no sample changes.
Instants samples(nb::handle owner, const Room<std::int64_t>& from) {
  static const std::int64_t nothing = 0;
  return {from.empty() ? &nothing : from.data(), {from.size()}, owner};
}

template <typename Row>
Table table_of(const std::vector<Row>& rows) {
  constexpr std::size_t width = sizeof(Row) / sizeof(std::int64_t);
  auto kept = std::make_unique<std::vector<Row>>(rows);
  auto* data = reinterpret_cast<std::int64_t*>(kept->data());
  nb::capsule owner(kept.release(), [](void* p) noexcept { delete static_cast<std::vector<Row>*>(p); });
  return Table(data, {rows.size(), width}, owner);
}

std::vector<double> last(const double* data, std::size_t size, std::size_t count) {
  const std::size_t first = count < size ? size - count : 0;
  return {data + first, data + size};
}

nb::ndarray<nb::numpy, double, nb::ndim<1>> recent(const double* data, std::size_t size, std::size_t count) {
  const std::vector<double> kept = last(data, size, count);
  return copy_of<nb::ndarray<nb::numpy, double, nb::ndim<1>>>(kept.data(), kept.size());
}

// line[0] is now, line[-1] the bar before. There is no other way to go.
double back(const Line& line, std::int64_t place) {
  if (place > 0) throw LookAhead(line.name() + "[" + std::to_string(place) + "] is a bar that is yet to come");
  return line.back(std::size_t{0} - static_cast<std::size_t>(place));
}

// Another line, or a level. As the interpreter's own methods of one argument: whatever stands between it and
// the question costs more than the question.
template <auto ask_line, auto ask_level>
PyObject* against(PyObject* self, PyObject* other) noexcept {
  static const nb::handle lines = nb::type<Line>();
  if (!nb::inst_ready(self)) return PyErr_Format(PyExc_TypeError, "this line was never made");
  const Line& line = *nb::inst_ptr<Line>(self);
  if (nb::handle(other).type().is(lines) && nb::inst_ready(other))
    return PyBool_FromLong((line.*ask_line)(*nb::inst_ptr<Line>(other)));
  const double level = PyFloat_AsDouble(other);
  if (level == -1.0 && PyErr_Occurred() != nullptr) return nullptr;
  return PyBool_FromLong((line.*ask_level)(level));
}

using AskLine = bool (Line::*)(const Line&) const;
using AskLevel = bool (Line::*)(double) const;
PyMethodDef line_methods[] = {
    {"crossed_above", &against<static_cast<AskLine>(&Line::crossed_above), static_cast<AskLevel>(&Line::crossed_above)>,
     METH_O, "Whether this bar brought it from at or below another line, or a level, to above."},
    {"crossed_below", &against<static_cast<AskLine>(&Line::crossed_below), static_cast<AskLevel>(&Line::crossed_below)>,
     METH_O, "The same from at or above to below."},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot line_slots[] = {{Py_tp_methods, line_methods}, {0, nullptr}};

double lag(const Line& line, std::int64_t bars) {
  if (bars < 0) throw LookAhead("a lag of " + std::to_string(bars) + " bars is a bar that is yet to come");
  return line.back(static_cast<std::size_t>(bars));
}

// Hands what happens to Python: only to those methods that are there.
class Hands final : public Listener {
 public:
  Hands(const Runner& runner, nb::object on_bar, nb::object on_report, nb::object on_timer, nb::object on_tick)
      : runner_(runner),
        on_bar_(std::move(on_bar)),
        on_report_(std::move(on_report)),
        on_timer_(std::move(on_timer)),
        on_tick_(std::move(on_tick)) {
    for (const Terms& each : runner.exchange().terms()) names_.push_back(nb::str(each.name.c_str()));
    if (nb::hasattr(on_bar_, "__func__")) {  // a bound method's two halves, so that each bar need not part them
      self_ = on_bar_.attr("__self__");
      on_bar_ = on_bar_.attr("__func__");
    }
  }

  void on_bar(std::size_t subscription, const Stream& stream, std::size_t number) override {
    while (bars_.size() <= subscription) bars_.emplace_back();
    nb::object& shown = bars_[subscription];
    // The same object again, unless somebody kept it: then that one is theirs, unchanged.
    if (!shown.is_valid() || Py_REFCNT(shown.ptr()) != 1) {
      shown = nb::cast(Now{names_[static_cast<std::size_t>(stream.instrument())], stream.interval_ns()});
    }
    Now& now = *nb::inst_ptr<Now>(shown);
    now.number = static_cast<std::int64_t>(number);
    now.candle = number + 1 == stream.size() ? stream.last() : stream.candle(number);
    PyObject* arguments[] = {nullptr, self_.ptr(), shown.ptr()};
    const std::size_t first = self_.is_valid() ? 1 : 2;
    nb::object answer = nb::steal(PyObject_Vectorcall(on_bar_.ptr(), arguments + first,
                                                      (3 - first) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
    if (!answer.is_valid()) throw nb::python_error();
  }

  void on_report(const Report& report) override {
    on_report_(static_cast<std::int64_t>(report.kind), report.order, report.instrument,
               static_cast<std::int64_t>(report.role), static_cast<std::int64_t>(report.side), report.lots,
               report.price, report.money_e8, report.at, static_cast<std::int64_t>(report.reason));
  }

  void on_timer(std::int64_t timer) override { on_timer_(timer); }

  void on_tick(const MarketEvent& event) override {
    if ((++ticks_ & 0xffff) == 0 && PyErr_CheckSignals() != 0) throw nb::python_error();
    const auto i = static_cast<std::size_t>(event.instrument);
    on_tick_(Tick{names_[i], runner_.price_of(event.instrument), runner_.lot_of(event.instrument), event});
  }

 private:
  const Runner& runner_;
  std::size_t ticks_ = 0;
  nb::object self_, on_bar_, on_report_, on_timer_, on_tick_;
  std::vector<nb::object> names_, bars_;
};

// Follows a stance a bar, with optional limits, stops and targets in ticks, where below 1 is none.
class Follower final : public Listener {
 public:
  Follower(Runner& runner, Stances stances, Prices limits, Prices stops, Prices targets)
      : runner_(runner), stances_(stances), limits_(limits), stops_(stops), targets_(targets) {}

  void on_bar(std::size_t, const Stream& stream, std::size_t number) override {
    if ((number & 0xffff) == 0 && PyErr_CheckSignals() != 0) throw nb::python_error();
    const double stance = stances_.data()[number];
    if (stance != stance) return;
    const auto stance_e6 = static_cast<std::int64_t>(std::llround(stance * 1e6));
    if (stance_e6 == runner_.stance_e6(stream.instrument())) return;
    const auto at = [number](const Prices& prices) -> std::optional<Ticks> {
      const Ticks ticks = prices.shape(0) == 0 ? 0 : prices.data()[number];
      return ticks > 0 ? std::optional(ticks) : std::nullopt;
    };
    std::optional<Bracket> bracket;
    if (const auto stop = at(stops_)) bracket = Bracket{*stop, at(targets_)};
    runner_.target(stream.instrument(), stance_e6, at(limits_), bracket);
  }
  void on_report(const Report&) override {}
  void on_timer(std::int64_t) override {}

 private:
  Runner& runner_;
  Stances stances_;
  Prices limits_, stops_, targets_;
};

// A runner that keeps its rows, and refuses to be run twice.
class Desk {
 public:
  Desk(std::vector<Terms> terms, const std::vector<std::pair<double, double>>& scales, Rows rows,
       std::int64_t interval_ns, std::int64_t cash_e8, const Rules& rules,
       std::pair<std::int64_t, std::int64_t> share, Lots lots)
      : rows_(rows),
        runner(std::move(terms), scales_of(scales),
               {reinterpret_cast<const MarketEvent*>(rows_.data()), rows_.shape(0)}, interval_ns, cash_e8,
               rules, {{share.first, share.second}, lots}) {}

  void expect_fresh() const {
    if (started_) throw std::invalid_argument("a runner runs once");
  }
  void start() {
    expect_fresh();
    started_ = true;
  }

  bool shows(std::int64_t kind) const {
    const auto* row = reinterpret_cast<const MarketEvent*>(rows_.data());
    return std::any_of(row, row + rows_.shape(0), [kind](const MarketEvent& e) { return e.kind == kind; });
  }

 private:
  static std::vector<Scale> scales_of(const std::vector<std::pair<double, double>>& pairs) {
    std::vector<Scale> scales;
    for (const auto& [tick, lot] : pairs) scales.push_back({tick, lot});
    return scales;
  }

  Rows rows_;
  bool started_ = false;

 public:
  Runner runner;
};

OrderId submit(Desk& desk, std::int64_t instrument, std::int64_t side, std::int64_t type, std::int64_t role,
               Lots lots, std::optional<Ticks> price, std::optional<Ticks> stop, std::optional<Ticks> target,
               Instant expires_at) {
  if (side * side != 1 || type < 0 || type > 2 || role < 0 || role > 1 || (target && !stop)) {
    throw std::invalid_argument("an order's side, type, role or bracket is not known here");
  }
  Order order{.at = 0, .instrument = instrument, .side = static_cast<Side>(side),
              .type = static_cast<Type>(type), .role = static_cast<Role>(role), .lots = lots, .price = price,
              .bracket = std::nullopt, .expires_at = expires_at};
  if (stop) order.bracket = Bracket{*stop, target};
  return desk.runner.submit(order);
}

bool want(Desk& desk, std::int64_t instrument, double stance, std::optional<Ticks> limit,
          std::optional<Ticks> stop, std::optional<Ticks> target) {
  if (!(stance >= -1.0 && stance <= 1.0)) {
    throw std::invalid_argument("a stance is a number from -1 to 1, not " + std::to_string(stance));
  }
  if (target && !stop) throw std::invalid_argument("a bracket with a target needs a stop");
  std::optional<Bracket> bracket;
  if (stop) bracket = Bracket{*stop, target};
  return desk.runner.target(instrument, static_cast<std::int64_t>(std::llround(stance * 1e6)), limit, bracket);
}

void run(Desk& desk, nb::object on_bar, nb::object on_report, nb::object on_timer, nb::object on_tick) {
  desk.start();
  if (!on_tick.is_none()) desk.runner.listen_ticks();
  Hands hands(desk.runner, std::move(on_bar), std::move(on_report), std::move(on_timer), std::move(on_tick));
  desk.runner.run(hands);
}

void follow(Desk& desk, Stances stances, Prices limits, Prices stops, Prices targets) {
  desk.expect_fresh();
  const std::size_t bars = stances.shape(0);
  const auto fits = [bars](const Prices& prices) { return prices.shape(0) == 0 || prices.shape(0) == bars; };
  desk.runner.subscribe(0, 0);
  if (bars != desk.runner.stream(0, 0).room() || !fits(limits) || !fits(stops) || !fits(targets)) {
    throw std::invalid_argument("there must be one stance, and one price of each kind or none, a bar");
  }
  for (std::size_t i = 0; i < bars; ++i) {
    const double stance = stances.data()[i];
    if (stance == stance && !(stance >= -1.0 && stance <= 1.0)) {
      throw std::invalid_argument("bar " + std::to_string(i) + ": a stance is a number from -1 to 1, not " +
                                  std::to_string(stance));
    }
  }
  desk.start();
  Follower follower(desk.runner, stances, limits, stops, targets);
  desk.runner.run(follower);
}

// Views of what is filled so far. What they look into holds nothing beyond it.
View view(nb::handle self, std::int64_t instrument, std::int64_t every_ns, std::size_t column) {
  const Stream& stream = nb::cast<Desk&>(self).runner.columns(instrument, every_ns);
  if (column >= Stream::columns) throw std::out_of_range("no such column");
  return View(stream.column(static_cast<Stream::Column>(column)), {stream.size()}, self);
}

Instants instants(nb::handle self, std::int64_t instrument, std::int64_t every_ns) {
  const Stream& stream = nb::cast<Desk&>(self).runner.columns(instrument, every_ns);
  return Instants(stream.at(), {stream.size()}, self);
}

void bind_tick(nb::module_& m) {
  nb::class_<Tick>(m, "Tick", "A trade or a quote: prices in currency, sizes in base units, NaN where it has none.")
      .def_prop_ro("is_quote", &Tick::is_quote)
      .def_prop_ro("price", [](const Tick& t) { return t.price(false, t.event.open); }, "Of a trade.")
      .def_prop_ro("size", [](const Tick& t) { return t.units(false, t.event.volume); }, "Of a trade.")
      .def_prop_ro("side", [](const Tick& t) { return t.is_quote() ? 0 : t.event.close; },
                   "Who took, of a trade: 1 a buyer, -1 a seller, 0 unknown.")
      .def_prop_ro("bid", [](const Tick& t) { return t.price(true, t.event.open); })
      .def_prop_ro("ask", [](const Tick& t) { return t.price(true, t.event.close); })
      .def_prop_ro("bid_size", [](const Tick& t) { return t.units(true, t.event.low); })
      .def_prop_ro("ask_size", [](const Tick& t) { return t.units(true, t.event.high); })
      .def_prop_ro("at", [](const Tick& t) { return t.event.at; }, "When it happened, in ns.")
      .def_prop_ro("instrument", [](const Tick& t) { return t.instrument; }, "The id of what it is of.");
}

void bind_line(nb::module_& m) {
  bind_tick(m);
  nb::exception<LookAhead>(m, "LookAhead", PyExc_IndexError);
  nb::class_<Line>(m, "Line", nb::type_slots(line_slots), "One number a closed bar: an indicator's column. NaN while undefined.")
      .def_prop_ro("value", &Line::now, "After the last closed bar.")
      .def("__float__", &Line::now)
      .def_prop_ro("name", &Line::name)
      .def("__len__", [](const Line& line) { return line.values().size(); })
      .def("__getitem__", &back, "place"_a, "line[0] is now, line[-1] the bar before. LookAhead above 0.")
      .def("lag", &lag, "bars"_a, "The value so many bars ago. LookAhead below 0.")
      .def("last", [](const Line& line, std::size_t count) {
             return recent(line.values().data(), line.values().size(), count);
           }, "count"_a, "Up to so many last values, oldest first: a copy.")
      .def("__gt__", [](const Line& a, const Line& b) { return a.now() > b.now(); })
      .def("__gt__", [](const Line& a, double b) { return a.now() > b; })
      .def("__lt__", [](const Line& a, const Line& b) { return a.now() < b.now(); })
      .def("__lt__", [](const Line& a, double b) { return a.now() < b; });
  nb::class_<Now>(m, "ClosedBar", "A closed bar: prices in currency, volume in base units, instants in ns.")
      .def_prop_ro("open", [](const Now& now) { return now.candle.ohlcv.open; })
      .def_prop_ro("high", [](const Now& now) { return now.candle.ohlcv.high; })
      .def_prop_ro("low", [](const Now& now) { return now.candle.ohlcv.low; })
      .def_prop_ro("close", [](const Now& now) { return now.candle.ohlcv.close; })
      .def_prop_ro("volume", [](const Now& now) { return now.candle.ohlcv.volume; }, "NaN when unknown.")
      .def_prop_ro("start", [](const Now& now) { return now.candle.start; }, "When it opened.")
      .def_prop_ro("at", [](const Now& now) { return now.candle.at; }, "When it closed.")
      .def_prop_ro("instrument", [](const Now& now) { return now.instrument; }, "The id of what it is of.")
      .def_ro("interval_ns", &Now::interval_ns)
      .def_ro("number", &Now::number, "Its place among the bars of its stream, from 0.");
}

// What came of it so far.
void bind_results(nb::class_<Desk>& runner) {
  runner
      .def_prop_ro("now", [](Desk& d) { return d.runner.now(); })
      .def_prop_ro("cash_e8", [](Desk& d) { return d.runner.exchange().ledger().cash_e8(); })
      .def_prop_ro("equity_e8", [](Desk& d) { return d.runner.exchange().ledger().equity_e8(); })
      .def_prop_ro("reviews", [](Desk& d) { return table_of(d.runner.reviews()); }, nb::rv_policy::automatic)
      .def_prop_ro("moves", [](Desk& d) {
             std::vector<std::tuple<Instant, std::int64_t, std::int64_t, std::int64_t>> moves;
             if (!d.runner.limits()) return moves;
             for (const auto& each : d.runner.limits()->moves()) {
               moves.emplace_back(each.at, static_cast<std::int64_t>(each.before),
                                  static_cast<std::int64_t>(each.after), static_cast<std::int64_t>(each.rule));
             }
             return moves;
           })
      .def_prop_ro("orders", [](Desk& d) { return d.runner.orders(); })
      .def_prop_ro("unsized", [](Desk& d) { return d.runner.unsized(); })
      .def_prop_ro("fees_e8", [](Desk& d) { return d.runner.fees_e8(); })
      .def_prop_ro("traded", [](Desk& d) { return d.runner.traded_e8(); })
      .def_prop_ro("charges_e8", [](Desk& d) { return d.runner.charges_e8(); })
      .def_prop_ro("reports", [](Desk& d) { return table_of(d.runner.reports()); }, nb::rv_policy::automatic)
      .def_prop_ro("trades", [](Desk& d) { return table_of(d.runner.trades()); }, nb::rv_policy::automatic)
      .def_prop_ro("at", [](nb::handle_t<Desk> d) { return samples(d, nb::cast<Desk&>(d).runner.at()); })
      .def_prop_ro("equity", [](nb::handle_t<Desk> d) { return samples(d, nb::cast<Desk&>(d).runner.equity()); })
      .def_prop_ro("gross", [](nb::handle_t<Desk> d) { return samples(d, nb::cast<Desk&>(d).runner.gross()); });
}

}  // namespace

void bind_runner(nb::module_& m) {
  bind_line(m);
  auto runner = nb::class_<Desk>(m, "Runner", "One research run over market rows. One thread at a time.")
      .def(nb::init<std::vector<Terms>, const std::vector<std::pair<double, double>>&, Rows, std::int64_t,
                    std::int64_t, const Rules&, std::pair<std::int64_t, std::int64_t>, Lots>(),
           "terms"_a, "scales"_a, "rows"_a.noconvert(), "interval_ns"_a, "cash_e8"_a, "rules"_a,
           "share"_a, "lots"_a)
      .def("line",
           [](Desk& desk, std::int64_t instrument, std::int64_t every_ns, const std::string& indicator,
              const std::string& column) -> Line& {
             return desk.runner.line(instrument, every_ns, indicator, column);
           },
           "instrument"_a, "every_ns"_a, "indicator"_a, "column"_a, nb::rv_policy::reference_internal)
      .def("subscribe", [](Desk& d, std::int64_t i, std::int64_t every) { d.runner.subscribe(i, every); },
           "instrument"_a, "every_ns"_a)
      .def("listen", [](Desk& d, std::int64_t kind) { d.runner.listen(static_cast<Report::Kind>(kind)); },
           "kind"_a)
      .def("timer", [](Desk& d, Instant at, std::int64_t every) { return d.runner.timer(at, every); }, "at"_a,
           "every_ns"_a)
      .def("run", &run, "on_bar"_a, "on_report"_a.none(), "on_timer"_a.none(), "on_tick"_a = nb::none())
      .def("follow", &follow, "stances"_a.noconvert(), "limits"_a.noconvert(), "stops"_a.noconvert(),
           "targets"_a.noconvert())
      .def("target", &want, "instrument"_a, "stance"_a, "limit"_a = nb::none(), "stop"_a = nb::none(),
           "target"_a = nb::none())
      .def("submit", &submit, "instrument"_a, "side"_a, "type"_a, "role"_a, "lots"_a, "price"_a = nb::none(),
           "stop"_a = nb::none(), "target"_a = nb::none(), "expires_at"_a = forever)
      .def("submit_order", [](Desk& d, const Order& order) { return d.runner.submit(order); }, "order"_a,
           "An order with all its terms, sent now.")
      .def("replace", [](Desk& d, OrderId order, std::optional<Lots> lots, std::optional<Ticks> price) {
             return d.runner.replace(order, lots, price);
           }, "order"_a, "lots"_a = nb::none(), "price"_a = nb::none())
      .def("shows", &Desk::shows, "kind"_a, "Whether any of the rows is of this kind.")
      .def("close", [](Desk& d, std::int64_t i) { return d.runner.close(i); }, "instrument"_a)
      .def("guard", [](Desk& d, const quorate::limits::Limits& limits) { d.runner.guard(limits); }, "limits"_a)
      .def("cancel", [](Desk& d, OrderId order) { return d.runner.cancel(order); }, "order"_a)
      .def("state", [](Desk& d, OrderId order) {
             const OrderState& state = d.runner.state(order);
             return std::make_tuple(static_cast<std::int64_t>(state.status), state.lots, state.filled);
           }, "order"_a)
      .def("held", [](Desk& d, std::int64_t i) { return d.runner.held(i); }, "instrument"_a)
      .def("leaving", [](Desk& d, std::int64_t i) { return d.runner.leaving(i); }, "instrument"_a)
      .def("mark", [](Desk& d, std::int64_t i) {
             d.runner.held(i);  // refuses an instrument that is not known
             return d.runner.exchange().ledger().mark(static_cast<std::size_t>(i));
           }, "instrument"_a)
      .def("tick_now", [](Desk& d, std::int64_t i) { return d.runner.price_of(i); }, "instrument"_a)
      .def("stance_e6", [](Desk& d, std::int64_t i) { return d.runner.stance_e6(i); }, "instrument"_a)
      .def("unrealised_e8", [](Desk& d, std::int64_t i) { return d.runner.unrealised_e8(i); }, "instrument"_a)
      .def("entry", [](Desk& d, std::int64_t i) {
             const Trade& trade = d.runner.open_trade(i);
             return std::make_pair(trade.entry_e8, trade.entry_lots);
           }, "instrument"_a)
      .def("bars", [](Desk& d, std::int64_t i, std::int64_t every) { return d.runner.stream(i, every).size(); },
           "instrument"_a, "every_ns"_a)
      .def("last", [](Desk& d, std::int64_t i, std::int64_t every, std::size_t column, std::size_t count) {
             if (column >= Stream::columns) throw std::out_of_range("no such column");
             const Stream& stream = d.runner.columns(i, every);
             return recent(stream.column(static_cast<Stream::Column>(column)), stream.size(), count);
           }, "instrument"_a, "every_ns"_a, "column"_a, "count"_a)
      .def("view", &view, "instrument"_a, "every_ns"_a, "column"_a, nb::rv_policy::reference)
      .def("instants", &instants, "instrument"_a, "every_ns"_a, nb::rv_policy::reference);
  bind_results(runner);
}
