// The extension module `_native`: names, arrays and the words of help(), no logic.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>

#include "panel.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Input = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<nb::numpy, double, nb::ndim<1>>;
using Matrix = nb::ndarray<nb::numpy, double, nb::ndim<2>>;
using Names = std::vector<std::string>;

std::span<const double> span(const Input& array) { return {array.data(), array.shape(0)}; }

// A buffer that the array returned to Python will own.
struct Buffer {
  explicit Buffer(std::size_t size) : data(new double[size]), size(size) {}
  nb::capsule release() {
    return nb::capsule(data.release(), [](void* p) noexcept { delete[] static_cast<double*>(p); });
  }
  std::unique_ptr<double[]> data;
  std::size_t size;
};

Vector values(const quorate::Panel& panel) {
  const auto row = panel.values();
  Buffer buffer(row.size());
  double* data = buffer.data.get();
  std::copy(row.begin(), row.end(), data);
  return Vector(data, {row.size()}, buffer.release());
}

Matrix compute(const Names& names, const Input& open, const Input& high, const Input& low,
               const Input& close, const Input& volume) {
  quorate::Panel panel(names);
  const quorate::History history{span(open), span(high), span(low), span(close), span(volume)};
  const std::size_t rows = history.size();
  const std::size_t width = panel.columns().size();
  Buffer buffer(rows * width);
  double* data = buffer.data.get();
  {
    nb::gil_scoped_release release;
    quorate::compute(panel, history, {data, buffer.size});
  }
  return Matrix(data, {rows, width}, buffer.release());
}

void bind_tape(nb::module_& m) {
  using quorate::Panel;
  nb::class_<Panel>(m, "Panel",
                    "Several indicators fed by one stream of closed bars. One thread at a time.")
      .def(nb::init<const Names&>(), "names"_a,
           "ValueError: an unknown or badly written name (the message lists the known forms), or a column\n"
           "asked for twice.")
      .def(
          "update",
          [](Panel& panel, double open, double high, double low, double close, double volume) {
            panel.update({open, high, low, close, volume});
          },
          "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a,
          "Takes one closed bar; volume is NaN when unknown. ValueError, leaving the panel as it was: a\n"
          "price that is NaN, infinite or beyond 1e100, a volume that is negative, infinite or beyond it.")
      .def("values", &values, "The row after the last bar: a fresh float64 array (k,), NaN while undefined.")
      .def("value", &Panel::value, "index"_a,
           "One number of the row. IndexError when there is no such column.")
      .def("index", &Panel::index, "column"_a, "The place of a column. ValueError names those there are.")
      .def("reset", &Panel::reset, "Back to a state equal to a new panel's.")
      .def_prop_ro("columns", &Panel::columns, "The k column names, in the order asked for.")
      .def_prop_ro("bars", &Panel::bars, "Bars taken since the start.")
      .def_prop_ro("warmup", &Panel::warmup, "Bars until every column is defined.");
  m.def("compute", &compute, "names"_a, "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a,
        "The rows a new Panel(names) shows after each bar of five arrays (n,): float64 (n, k).");
  m.def("columns", [](const Names& names) { return Panel(names).columns(); }, "names"_a,
        "The columns that Panel(names) has.");
  m.def("indicator_forms", &quorate::indicator_forms, "Every known form, such as 'macd:fast:slow:signal'.");
}

}  // namespace

void bind_exchange(nb::module_& m);  // bind_exchange.cpp
void bind_limits(nb::module_& m);    // bind_limits.cpp
void bind_lane(nb::module_& m);      // bind_lane.cpp
void bind_program(nb::module_& m);   // bind_program.cpp; its plans are one of the lane's change sources
void bind_runner(nb::module_& m);    // bind_runner.cpp
void bind_streams(nb::module_& m);   // bind_streams.cpp

NB_MODULE(_native, m) {
  m.doc() = "Quorate's native core.";
  bind_tape(m);
  bind_exchange(m);
  bind_limits(m);
  bind_lane(m);
  bind_program(m);
  bind_runner(m);
  bind_streams(m);
}
