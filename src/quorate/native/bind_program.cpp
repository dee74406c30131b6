// The Python face of formulas' programs: operations by name, bars in as int64 arrays, stances and columns out.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <memory>
#include <stdexcept>

#include "program.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace quorate::formula;
using quorate::Change;
using quorate::ChangeSource;
using Input = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Pairs = nb::ndarray<nb::numpy, std::int32_t, nb::shape<-1, 2>>;
using Matrix = nb::ndarray<nb::numpy, double, nb::ndim<2>>;

// A program that is let alone while it is read without the GIL. The count itself is kept under the GIL.
struct Shelf : Program {
  using Program::Program;

  // Throws std::runtime_error while it is read in another thread.
  Program& open() {
    if (readers > 0) throw std::runtime_error("this program is at work in another thread");
    return *this;
  }
  int readers = 0;
};

class Reading {
 public:
  explicit Reading(Shelf& shelf) : shelf_(shelf) { ++shelf_.readers; }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() { --shelf_.readers; }

 private:
  Shelf& shelf_;
  nb::gil_scoped_release release_;  // taken back before the count goes down
};

// Six arrays kept alive, and what they look like from C++.
struct History {
  std::vector<Input> arrays;
  Bars bars;
};

History history(const Input& at, const Input& open, const Input& high, const Input& low, const Input& close,
                const Input& volume) {
  const std::vector<Input> arrays{at, open, high, low, close, volume};
  for (const Input& each : arrays) {
    if (each.shape(0) != at.shape(0)) {
      throw std::invalid_argument("at, open, high, low, close and volume must have one length");
    }
  }
  if (at.shape(0) > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw std::invalid_argument("more than 2^31 - 1 bars");
  }
  const auto span = [](const Input& array) {
    return std::span<const std::int64_t>(array.data(), array.shape(0));
  };
  return {arrays, {span(at), span(open), span(high), span(low), span(close), span(volume)}};
}

static_assert(sizeof(Change) == 2 * sizeof(std::int32_t));

Pairs pairs(std::vector<Change>&& changes) {
  static std::int32_t nothing[2] = {};
  if (changes.empty()) return Pairs(nothing, {0, 2}, nb::none());
  auto kept = std::make_unique<std::vector<Change>>(std::move(changes));
  auto* data = reinterpret_cast<std::int32_t*>(kept->data());
  const std::size_t rows = kept->size();
  nb::capsule owner(kept.release(), [](void* p) noexcept { delete static_cast<std::vector<Change>*>(p); });
  return Pairs(data, {rows, 2}, owner);
}

Matrix matrix(Shelf& program, const std::vector<NodeId>& nodes, const History& held) {
  const std::size_t rows = nodes.size();
  const std::size_t length = held.bars.size();
  std::unique_ptr<double[]> buffer(new double[rows * length + 1]);
  {
    const Reading reading(program);
    columns(program, nodes, held.bars, buffer.get());
  }
  double* data = buffer.release();
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<double*>(p); });
  return Matrix(data, {rows, length}, owner);
}

// One strategy followed bar by bar. A bar it refuses leaves it as it was: everything an operation could
// stumble over is looked at before the first of them moves.
class Follower {
 public:
  Follower(const Program& program, std::size_t head, const std::vector<NodeId>& nodes)
      : head_(program.heads().at(head)), nodes_(nodes), machine_(program, {head_}, nodes, word_bits * 4) {
    values_.assign(nodes.size(), quorate::undefined);
  }

  double step(std::int64_t at, std::int64_t open, std::int64_t high, std::int64_t low, std::int64_t close,
              std::int64_t volume) {
    if (at <= before_) throw std::invalid_argument("time must run forward");
    for (const std::int64_t each : {open, high, low, close}) {
      const std::int64_t ticks[1] = {each};
      if (first_beyond(ticks) == 0) throw std::invalid_argument("a price is beyond 2^45 ticks");
    }
    before_ = at;
    const Bars bars{{&at, 1}, {&open, 1}, {&high, 1}, {&low, 1}, {&close, 1}, {&volume, 1}};
    machine_.run(bars, [this](const Block& block) { look(block); });
    return stance_.now();
  }

  double value(std::size_t number) const { return values_.at(number); }
  double stance() const { return stance_.now(); }

 private:
  void look(const Block& block) {
    const std::size_t word = block.from / word_bits;
    const Word ones = Word{1} << (block.from % word_bits);
    const Wishes found = machine_.wishes(head_, word);
    stance_.follow({found.rise & ones, found.fall & ones, found.leave & ones});
    for (std::size_t k = 0; k < nodes_.size(); ++k) values_[k] = machine_.number(nodes_[k], block.from);
  }

  Head head_;
  std::vector<NodeId> nodes_;
  Machine machine_;
  quorate::formula::Stance stance_;
  std::vector<double> values_;
  std::int64_t before_ = std::numeric_limits<std::int64_t>::min();
};

// A plan that keeps its history alive.
class KeptPlan final : public ChangeSource {
 public:
  KeptPlan(const Program& program, History held, std::size_t memory)
      : held_(std::move(held)), plan_(program, held_.bars, memory) {}
  std::size_t size() const override { return plan_.size(); }
  std::size_t bars() const override { return plan_.bars(); }
  std::size_t groups() const { return plan_.groups(); }
  std::unique_ptr<Scratch> scratch() const override { return plan_.scratch(); }
  void changes(std::size_t number, Scratch& scratch, std::vector<Change>& out) const override {
    plan_.changes(number, scratch, out);
  }

 private:
  History held_;
  Plan plan_;
};

void bind_plan(nb::module_& m) {
  nb::class_<KeptPlan, ChangeSource>(m, "Plan", "All strategies of a program over one history.")
      .def(
          "__init__",
          [](KeptPlan* place, Shelf& program, const Input& at, const Input& open, const Input& high,
             const Input& low, const Input& close, const Input& volume, std::size_t memory) {
            History held = history(at, open, high, low, close, volume);
            const Reading reading(program);
            new (place) KeptPlan(program, std::move(held), memory);
          },
          "program"_a, "at"_a.noconvert(), "open"_a.noconvert(), "high"_a.noconvert(), "low"_a.noconvert(),
          "close"_a.noconvert(), "volume"_a.noconvert(), "memory"_a,
          "ValueError as for Program.changes. The arrays are kept, and must not be written to.")
      .def_prop_ro("groups", &KeptPlan::groups, "Groups that the strategies are computed in.");
}

}  // namespace

void bind_program(nb::module_& m) {
  nb::class_<Shelf>(m, "Program", "Operations over columns, and the strategies made of them.")
      .def(
          "__init__",
          [](Shelf* place, double tick, double lot, std::int64_t interval_ns) {
            new (place) Shelf(Units{tick, lot, interval_ns});
          },
          "tick"_a, "lot"_a, "interval_ns"_a, "ValueError: a unit that is not above 0.")
      .def(
          "add",
          [](Shelf& program, std::string_view op, std::vector<NodeId> inputs, double value, std::int64_t count,
             std::int64_t every_ns, std::string text) {
            return program.open().add(op, std::move(inputs), value, count, every_ns, std::move(text));
          },
          "op"_a, "inputs"_a, "value"_a = 0.0, "count"_a = 0, "every_ns"_a = 0,
           "text"_a = "", "The number of this operation. ValueError: one that does not exist or fit.")
      .def(
          "add_head",
          [](Shelf& program, std::optional<NodeId> rise, std::optional<NodeId> fall,
             std::optional<NodeId> leave, NodeId ready) {
            return program.open().add_head({rise, fall, leave, ready});
          },
          "rise"_a.none(), "fall"_a.none(), "leave"_a.none(), "ready"_a, "The number of this strategy.")
      .def("__len__", [](const Shelf& program) { return program.nodes().size(); })
      .def(
          "changes",
          [](Shelf& program, std::size_t head, const Input& at, const Input& open, const Input& high,
             const Input& low, const Input& close, const Input& volume) {
            const History held = history(at, open, high, low, close, volume);
            std::vector<Change> found;
            {
              const Reading reading(program);
              found = changes(program, head, held.bars);
            }
            return pairs(std::move(found));
          },
          "head"_a, "at"_a, "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a,
          "Where the strategy changes: int32 (m, 2), bar and stance in 1e-6. ValueError names a bad bar.")
      .def(
          "columns",
          [](Shelf& program, const std::vector<NodeId>& nodes, const Input& at, const Input& open,
             const Input& high, const Input& low, const Input& close, const Input& volume) {
            return matrix(program, nodes, history(at, open, high, low, close, volume));
          },
          "nodes"_a, "at"_a, "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a,
          "What each node gives on each bar: float64 (nodes, n); a condition gives 0 or 1.");
  nb::class_<Follower>(m, "Follower", "One strategy of a program, bar by bar. One thread at a time.")
      .def("__init__",
           [](Follower* place, const Shelf& program, std::size_t head, const std::vector<NodeId>& nodes) {
             new (place) Follower(program, head, nodes);
           }, "program"_a, "head"_a, "nodes"_a)
      .def("step", &Follower::step, "at"_a, "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a,
           "The stance after one more closed bar. ValueError, leaving all as it was: a bad bar.")
      .def("value", &Follower::value, "number"_a, "What the node of that place gave on the last bar.")
      .def_prop_ro("stance", &Follower::stance, "The stance as it is: -1, 0 or 1.");
  bind_plan(m);
}
