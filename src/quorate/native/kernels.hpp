// What each operation of a formula does to a block of bars: the table of operations, and their wiring.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "clock.hpp"
#include "columns.hpp"

namespace quorate::formula {

enum class Type { number, truth };

// One operation on the results of others. What `value`, `count`, `every_ns` and `text` mean is the kind's
// affair: a constant, a number of bars, a timeframe (0: the bars themselves), an indicator's written name.
struct Node {
  std::size_t kind;
  std::vector<std::uint32_t> inputs;
  double value;
  std::int64_t count;
  std::int64_t every_ns;
  std::string text;

  auto key() const { return std::tie(kind, inputs, value, count, every_ns, text); }
};

// A result's block: one of the two, by its type.
struct Cells {
  double* numbers = nullptr;
  Word* truths = nullptr;
};

using Step = std::function<void(const Block&)>;  // keeps its own state from block to block

// What several operations of one machine use together: made for the first of them, run before it.
class Shared {
 public:
  // `sums_back`: the longest exact mean of the fine bars.
  Shared(const Units& units, std::size_t block, std::size_t sums_back);

  const Units& units() const { return units_; }
  const Clock& clock(std::int64_t every_ns);
  const std::uint64_t* sums();  // running sums of the closes in ticks
  // An indicator's rows, one for each bar that closed in the block, `width` numbers each.
  struct Rows {
    std::vector<double> cells;
    std::size_t width;
  };
  const Rows& indicator(const std::string& text, std::int64_t every_ns);

  std::vector<Step> steps;  // in the order in which they must run

  void roll();

 private:
  Units units_;
  Sums sums_;
  bool summed_ = false;
  std::map<std::int64_t, std::unique_ptr<Clock>> clocks_;
  std::map<std::pair<std::string, std::int64_t>, std::unique_ptr<Rows>> indicators_;
};

struct Wiring {
  const Node& node;
  std::vector<Cells> inputs;
  Cells out;
  Shared& shared;
};

// One line of the table of operations.
struct OpKind {
  std::string_view name;
  std::vector<Type> inputs;
  Type result;
  std::size_t (*reach)(const Node&);  // cells of history read from each input
  std::size_t own;                    // cells of history read from its own result
  Step (*make)(const Wiring&);        // throws std::invalid_argument on a node that means nothing
};

const std::vector<OpKind>& op_kinds();

}  // namespace quorate::formula
