// The Python face of the fast lane: arrays in, matrices out, and the words of help().
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "stances.hpp"
#include "sweep.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace quorate;
using namespace quorate::lane;
using Column = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Stances8 = nb::ndarray<const std::int8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Stances64 = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Pairs = nb::ndarray<const std::int32_t, nb::shape<-1, 2>, nb::c_contig, nb::device::cpu>;
using Pair = std::pair<std::int64_t, std::int64_t>;
template <typename Number>
using Matrix = nb::ndarray<nb::numpy, Number, nb::ndim<2>>;
template <std::size_t dimensions>
using View = nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<dimensions>>;

std::span<const std::int64_t> span(const Column& column) { return {column.data(), column.shape(0)}; }

static_assert(sizeof(Change) == 2 * sizeof(std::int32_t));
std::vector<Change> changes_from(const Pairs& pairs) {
  const auto* data = reinterpret_cast<const Change*>(pairs.data());
  return {data, data + pairs.shape(0)};
}

// Rows that are structs of one kind of number, handed over as a matrix that owns them.
template <typename Number, typename Row>
Matrix<Number> matrix_of(std::vector<Row> rows) {
  static_assert(sizeof(Row) % sizeof(Number) == 0);
  constexpr std::size_t width = sizeof(Row) / sizeof(Number);
  static Number nothing[width] = {};
  if (rows.empty()) return Matrix<Number>(nothing, {0, width}, nb::none());
  auto kept = std::make_unique<std::vector<Row>>(std::move(rows));
  auto* data = reinterpret_cast<Number*>(kept->data());
  const std::size_t count = kept->size();
  nb::capsule owner(kept.release(), [](void* p) noexcept { delete static_cast<std::vector<Row>*>(p); });
  return Matrix<Number>(data, {count, width}, owner);
}

// The same, read in place: its owner keeps it, unchanged.
template <typename Row>
View<2> view_of(nb::handle owner, const Room<Row>& rows) {
  static_assert(sizeof(Row) % sizeof(std::int64_t) == 0);
  constexpr std::size_t width = sizeof(Row) / sizeof(std::int64_t);
  static const std::int64_t nothing[width] = {};
  const auto* data = rows.empty() ? nothing : reinterpret_cast<const std::int64_t*>(rows.data());
  return View<2>(data, {rows.size(), width}, owner);
}

// A tape with the arrays it reads.
struct History {
  History(const std::vector<Column>& eight, const Calendar& calendar)
      : columns(eight), tape(columns_of(columns), calendar) {}
  static Columns columns_of(const std::vector<Column>& c) {
    if (c.size() != 8) throw std::invalid_argument("a tape has eight columns");
    return {.at = span(c[0]), .start = span(c[1]), .open = span(c[2]), .high = span(c[3]), .low = span(c[4]),
            .close = span(c[5]), .volume = span(c[6]), .spread = span(c[7])};
  }
  std::vector<Column> columns;
  Tape tape;
};

struct Wanted {
  Settings settings;
  std::optional<Column> stop, target;
};

// A run with what it takes to look closer: what was not recorded is, by running again, when somebody asks.
struct Kept {
  const Record& record(const History& history, const Wanted& wanted) {
    if (&history.tape != tape || history.tape.size() != bars) {
      throw std::invalid_argument("a run is looked at over the tape that it ran over");
    }
    if (!kept) {
      Record made;
      Scratch scratch;
      run(history.tape, changes, wanted.settings, scratch, &made, stepped);
      kept = std::move(made);
    }
    return *kept;
  }
  Statistics statistics;
  std::vector<Change> changes;
  bool stepped = false;
  std::int32_t bars = 0;
  const Tape* tape = nullptr;  // never followed: it may be gone
  std::optional<Record> kept;
};

template <typename Stances>
StanceMatrix<std::remove_const_t<typename Stances::Scalar>> source_of(const Stances& stances) {
  return {{stances.data(), stances.shape(0) * stances.shape(1)}, stances.shape(1)};
}

// One run of a strategy of a source, kept with its fills and trades.
Kept run_one(const History& history, const ChangeSource& source, std::size_t number, const Wanted& wanted,
             bool stepped, bool recorded) {
  if (number >= source.size()) throw nb::index_error("there is no such strategy");
  if (source.bars() != static_cast<std::size_t>(history.tape.size())) {
    throw std::invalid_argument("a strategy over " + std::to_string(source.bars()) + " bars cannot run over " +
                                std::to_string(history.tape.size()));
  }
  Kept kept;
  kept.tape = &history.tape;
  kept.bars = history.tape.size();
  nb::gil_scoped_release release;
  const auto own = source.scratch();
  source.changes(number, *own, kept.changes);
  Scratch scratch;
  Record* record = recorded ? &kept.kept.emplace() : nullptr;
  kept.statistics = run(history.tape, kept.changes, wanted.settings, scratch, record, stepped);
  kept.stepped = scratch.stepped;
  return kept;
}

Matrix<std::int32_t> changes_in(const ChangeSource& source, std::size_t number) {
  if (number >= source.size()) throw nb::index_error("there is no such strategy");
  std::vector<Change> changes;
  {
    nb::gil_scoped_release release;
    const auto own = source.scratch();
    source.changes(number, *own, changes);
  }
  return matrix_of<std::int32_t>(std::move(changes));
}

Matrix<double> wait(Sweep& sweep) {
  std::vector<Statistics> results;
  {
    nb::gil_scoped_release release;
    results = sweep.wait();
  }
  return matrix_of<double>(std::move(results));
}

// Any run's figures. `sums`: those of Totals in the order of backtest.py's summarise; they end as doubles anyway.
Matrix<double> summary(const Column& at, const Column& equity_e8,
                       const nb::ndarray<const std::int64_t, nb::shape<-1, 13>, nb::c_contig, nb::device::cpu>& trades,
                       std::int64_t cash_e8, const std::vector<double>& sums, double days_per_year,
                       Instant interval_ns) {
  if (sums.size() != 8 || at.shape(0) != equity_e8.shape(0)) {
    throw std::invalid_argument("instants and equity differ in length, or the sums are not eight");
  }
  Tally tally;
  const auto* rows = reinterpret_cast<const Trade*>(trades.data());
  for (std::size_t i = 0; i < trades.shape(0); ++i) tally.add(rows[i]);
  Totals totals;
  totals.start_e8 = cash_e8;
  totals.fees_e8 = static_cast<exchange::Wide>(sums[0]);
  totals.financing_e8 = static_cast<exchange::Wide>(sums[1]);
  totals.traded_e8 = static_cast<exchange::Wide>(sums[2]);
  totals.better_e8 = static_cast<exchange::Wide>(sums[3]);
  totals.worse_e8 = static_cast<exchange::Wide>(sums[4]);
  totals.exposed = static_cast<std::int64_t>(sums[5]);
  totals.fills = static_cast<std::int64_t>(sums[6]);
  totals.refused = static_cast<std::int64_t>(sums[7]);
  const Calendar calendar{days_per_year, interval_ns};
  return matrix_of<double>(
      std::vector<Statistics>{summarise(span(at), span(equity_e8), tally, totals, calendar)});
}

void bind_sources(nb::module_& m) {
  nb::class_<ChangeSource>(m, "ChangeSource", "Many strategies over one history, told by number.")
      .def("__len__", &ChangeSource::size)
      .def_prop_ro("size", &ChangeSource::size, "How many strategies.")
      .def_prop_ro("bars", &ChangeSource::bars, "How many bars they were made for.")
      .def("changes", &changes_in, "number"_a, "A strategy's changes: int32 (m, 2), bar and stance in 1e-6.");
  nb::class_<StanceMatrix<std::int8_t>, ChangeSource>(m, "Signals", "Stances -1, 0, 1: a strategy a row.")
      .def("__init__", [](StanceMatrix<std::int8_t>* self, const Stances8& stances) {
             new (self) StanceMatrix<std::int8_t>(source_of(stances));
           }, "stances"_a.noconvert(), nb::keep_alive<1, 2>());
  nb::class_<StanceMatrix<double>, ChangeSource>(m, "Stances", "Stances in [-1, 1], NaN for no change.")
      .def("__init__", [](StanceMatrix<double>* self, const Stances64& stances) {
             new (self) StanceMatrix<double>(source_of(stances));
           }, "stances"_a.noconvert(), nb::keep_alive<1, 2>());
  nb::class_<ChangeLists, ChangeSource>(m, "ChangeLists", "Changes found before: int32 (m, 2) a strategy.")
      .def("__init__", [](ChangeLists* self, const std::vector<Pairs>& lists, std::size_t bars) {
             std::vector<std::vector<Change>> read;
             for (const Pairs& list : lists) read.push_back(changes_from(list));
             new (self) ChangeLists(std::move(read), bars);
           }, "lists"_a, "bars"_a);
}

}  // namespace

void bind_lane(nb::module_& m) {
  bind_sources(m);
  nb::class_<History>(m, "Tape", "One instrument's bars made ready for many runs.")
      .def("__init__", [](History* self, const std::vector<Column>& columns, double days_per_year,
                          Instant interval_ns) {
             new (self) History(columns, Calendar{days_per_year, interval_ns});
           }, "columns"_a, "days_per_year"_a, "interval_ns"_a,
           "columns: at, start, open, high, low, close, volume, spread; read in place, so unchanged from now on.")
      .def_prop_ro("size", [](const History& h) { return h.tape.size(); }, "Bars.");
  nb::class_<Wanted>(m, "RunSettings", "What every run of a sweep shares.")
      .def("__init__", [](Wanted* self, const exchange::Terms& terms, Instant latency_ns, std::int64_t cash_e8,
                          bool of_equity, Pair amount, std::optional<Column> stop, std::optional<Column> target) {
             const Size size{of_equity ? Size::Of::equity : Size::Of::lots, {amount.first, amount.second}};
             new (self) Wanted{{.terms = terms, .latency_ns = latency_ns, .cash_e8 = cash_e8, .size = size,
                                .stop = stop ? span(*stop) : std::span<const std::int64_t>{},
                                .target = target ? span(*target) : std::span<const std::int64_t>{}},
                               stop, target};
           }, "terms"_a, "latency_ns"_a, "cash_e8"_a, "of_equity"_a, "amount"_a, "stop"_a = nb::none(),
           "target"_a = nb::none(), "amount: a share of equity, or lots, as an exact ratio.");
  nb::class_<Kept>(m, "Run", "One finished run.")
      .def("statistics", [](const Kept& kept) {
             return matrix_of<double>(std::vector<Statistics>{kept.statistics});
           }, "float64 (1, k): the columns of statistic_names().")
      .def_ro("stepped", &Kept::stepped, "Whether it went bar by bar through the exchange.")
      .def("fills", [](nb::handle_t<Kept> self, const History& history, const Wanted& wanted) {
             return view_of(self, nb::cast<Kept&>(self).record(history, wanted).fills);
           }, "tape"_a, "settings"_a, "int64 (k, 10), read-only.")
      .def("trades", [](nb::handle_t<Kept> self, const History& history, const Wanted& wanted) {
             return view_of(self, nb::cast<Kept&>(self).record(history, wanted).trades);
           }, "tape"_a, "settings"_a, "int64 (k, 13), read-only.")
      .def("equity", [](nb::handle_t<Kept> self, const History& history, const Wanted& wanted) {
             const auto& curve = nb::cast<Kept&>(self).record(history, wanted).curve;
             return View<1>(curve.data(), {curve.size()}, self);
           }, "tape"_a, "settings"_a, "int64 (n,), read-only: equity at every close, 1e-8.");
  m.def("run_lane", &run_one, "tape"_a, "source"_a, "number"_a, "settings"_a, "stepped"_a = false,
        "recorded"_a = false, "One strategy of a source; without the GIL.");
  m.def("summarise", &summary, "at"_a, "equity_e8"_a, "trades"_a, "cash_e8"_a, "sums"_a, "days_per_year"_a, "interval_ns"_a,
        "float64 (1, k): the figures of any run.");
  m.def("statistic_names", [] {
    return std::vector<std::string>(statistic_names.begin(), statistic_names.end());
  });
  nb::class_<Sweep>(m, "Sweep", "All strategies of a source, in threads of its own from now on.")
      .def("__init__", [](Sweep* self, const History& history, const ChangeSource& source, const Wanted& wanted,
                          std::size_t threads) {
             new (self) Sweep(history.tape, source, wanted.settings, threads);
           }, "tape"_a, "source"_a, "settings"_a, "threads"_a, nb::keep_alive<1, 2>(), nb::keep_alive<1, 3>(),
           nb::keep_alive<1, 4>())
      .def_prop_ro("size", &Sweep::size, "Runs in all.")
      .def_prop_ro("done", &Sweep::done, "Runs finished.")
      .def_prop_ro("is_over", &Sweep::is_over, "Whether no thread is at work any more.")
      .def("cancel", &Sweep::cancel, "Begins no further run.")
      .def("wait", &wait, "float64 (runs, k), the columns of statistic_names(); waits without the GIL.");
}
