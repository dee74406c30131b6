// The extension module `_native`: names and arrays only; what a call means is said in quorate/native/*.py.
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
  nb::class_<Panel>(m, "Panel")
      .def(nb::init<const Names&>(), "names"_a)
      .def(
          "update",
          [](Panel& panel, double open, double high, double low, double close, double volume) {
            panel.update({open, high, low, close, volume});
          },
          "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a)
      .def("values", &values)
      .def("value", &Panel::value, "index"_a)
      .def("index", &Panel::index, "column"_a)
      .def("reset", &Panel::reset)
      .def_prop_ro("columns", &Panel::columns)
      .def_prop_ro("bars", &Panel::bars)
      .def_prop_ro("warmup", &Panel::warmup);
  m.def("compute", &compute, "names"_a, "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a);
  m.def("columns", [](const Names& names) { return Panel(names).columns(); }, "names"_a);
  m.def("indicator_forms", &quorate::indicator_forms);
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Quorate's native core.";
  bind_tape(m);
}
