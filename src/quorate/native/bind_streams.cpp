// The Python face of streams on their own: closed bars pushed in as they come, and the lines over them.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <deque>
#include <memory>
#include <stdexcept>
#include <tuple>

#include "lines.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace quorate;
using View = nb::ndarray<nb::numpy, const double, nb::ndim<1>>;
using Instants = nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<1>>;

// The bars of one instrument as a desk comes to know them, and longer ones made of them: the same streams,
// lines and steps that a research run has, fed from outside.
class Streams {
 public:
  Streams(std::int64_t interval_ns, std::size_t bars_max)
      : bars_max_(bars_max), base_(0, interval_ns, bars_max) {
    base_.keep();
  }

  // Returns nothing; prices already carried over rolls, in currency.
  void push(std::int64_t start, std::int64_t at, double open, double high, double low, double close,
            double volume) {
    const Candle candle{start, at, {open, high, low, close, volume}};
    base_.push(candle);
    for (Longer& each : longer_) each.resampler.take(candle, each.stream);
  }

  Stream& stream(std::int64_t every_ns) {
    if (every_ns == 0 || every_ns == base_.interval_ns()) return base_;
    for (Longer& each : longer_) {
      if (each.stream.interval_ns() == every_ns) return each.stream;
    }
    const Resampler resampler(base_.interval_ns(), every_ns);  // throws before anything is made
    Longer& made = longer_.emplace_back(resampler, every_ns, bars_max_);
    for (std::size_t i = 0; i < base_.size(); ++i) made.resampler.take(base_.candle(i), made.stream);
    return made.stream;
  }

 private:
  struct Longer {
    Longer(const Resampler& by, std::int64_t every_ns, std::size_t bars_max)
        : resampler(by), stream(0, every_ns, bars_max) {
      stream.keep();
    }
    Resampler resampler;
    Stream stream;
  };

  std::size_t bars_max_;
  Stream base_;
  std::deque<Longer> longer_;
};

View column(nb::handle self, std::int64_t every_ns, std::size_t which) {
  const Stream& stream = nb::cast<Streams&>(self).stream(every_ns);
  if (which >= Stream::columns) throw std::out_of_range("no such column");
  return View(stream.column(static_cast<Stream::Column>(which)), {stream.size()}, self);
}

Instants instants(nb::handle self, std::int64_t every_ns) {
  const Stream& stream = nb::cast<Streams&>(self).stream(every_ns);
  return Instants(stream.at(), {stream.size()}, self);
}

using Shown = std::tuple<std::int64_t, std::int64_t, double, double, double, double, double>;

Shown candle(Streams& streams, std::int64_t every_ns, std::size_t number) {
  const Stream& stream = streams.stream(every_ns);
  if (number >= stream.size()) throw std::out_of_range("no such bar yet");
  const Candle at = stream.candle(number);
  const Ohlcv& bar = at.ohlcv;
  return {at.start, at.at, bar.open, bar.high, bar.low, bar.close, bar.volume};
}

}  // namespace

void bind_streams(nb::module_& m) {
  nb::class_<Streams>(m, "Streams", "Closed bars of one instrument, pushed in as they come; lines over them.")
      .def(nb::init<std::int64_t, std::size_t>(), "interval_ns"_a, "bars_max"_a)
      .def("push", &Streams::push, "start"_a, "at"_a, "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a,
           "One closed bar, in currency and base units, carried over rolls.")
      .def("line", [](Streams& s, std::int64_t every, const std::string& indicator,
                      const std::string& column) -> Line& { return s.stream(every).line(indicator, column); },
           "every_ns"_a, "indicator"_a, "column"_a, nb::rv_policy::reference_internal)
      .def("bars", [](Streams& s, std::int64_t every) { return s.stream(every).size(); }, "every_ns"_a)
      .def("candle", &candle, "every_ns"_a, "number"_a, "(start, at, open, high, low, close, volume) of a bar.")
      .def("view", &column, "every_ns"_a, "column"_a, "All so far of a column, without a copy.")
      .def("instants", &instants, "every_ns"_a, "When each bar closed, ns.");
}
