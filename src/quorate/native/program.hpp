// A formula compiled: operations over columns, shared where equal, run over blocks of bars or bar by bar.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "change.hpp"
#include "kernels.hpp"

namespace quorate::formula {

using NodeId = std::uint32_t;

// What a strategy is made of: four conditions, of which `ready` gates the others. Where `leave` holds the
// stance is 0; else, where exactly one of `rise` and `fall` holds, it is 1 or -1; else it stays.
struct Head {
  std::optional<NodeId> rise;
  std::optional<NodeId> fall;
  std::optional<NodeId> leave;
  NodeId ready;
};

// The operations of one or of many strategies. Equal ones are one: what is shared is computed once.
class Program {
 public:
  // Throws std::invalid_argument when a unit is not finite and above 0.
  explicit Program(const Units& units);

  // The number of such an operation, new or known. Throws std::invalid_argument when it means nothing.
  NodeId add(std::string_view op, std::vector<NodeId> inputs, double value, std::int64_t count,
             std::int64_t every_ns, std::string text);
  // The number of a strategy. Throws std::invalid_argument where a condition is none.
  std::size_t add_head(const Head& head);

  const Units& units() const { return units_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Head>& heads() const { return heads_; }
  Type type(NodeId node) const;  // throws std::invalid_argument when there is no such node

 private:
  struct Less {
    bool operator()(const Node& a, const Node& b) const { return a.key() < b.key(); }
  };

  Units units_;
  std::vector<Node> nodes_;
  std::vector<Head> heads_;
  std::map<Node, NodeId, Less> known_;
};

// The conditions of a head on 64 bars, gated and cleared of contradictions: at most one holds on a bar.
struct Wishes {
  Word rise;
  Word fall;
  Word leave;
};

// Which of 64 bars end long, which short; none ends both.
struct Sides {
  Word up = 0;
  Word down = 0;
};

// A stance that follows its wishes.
class Stance {
 public:
  // The sides at the closes of the next 64 bars.
  Sides follow(const Wishes& wishes);
  // -1, 0 or 1 after the last of them.
  int now() const { return static_cast<int>(up_) - static_cast<int>(down_); }

 private:
  Word up_ = 0;  // 0 or 1
  Word down_ = 0;
};

// Tells the changes in a row of sides.
class Teller {
 public:
  explicit Teller(std::vector<Change>& out) : out_(out) {}
  // The next 64 bars, the first of which is bar number `first`.
  void tell(const Sides& sides, std::size_t first);

 private:
  std::vector<Change>& out_;
  Sides before_;  // the last bar's, in the lowest bit
};

// A program at work. Deterministic and single-threaded; whatever way a history is cut into calls, the
// results are the same bits, for every operation keeps its own past.
class Machine {
 public:
  // Computes only what these nodes and heads need. `block`: bars at a time, a multiple of 64.
  Machine(const Program& program, const std::vector<Head>& heads, const std::vector<NodeId>& nodes,
          std::size_t block);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // The next bars. After each block `seen(block)` may read the results at the block's places.
  template <class Seen>
  void run(const Bars& bars, Seen seen) {
    for (std::size_t done = 0; done < bars.size();) {
      const Block block = next(bars, done);
      for (const Step& step : shared_.steps) step(block);
      at_ = block.to;
      seen(block);
      done += block.count();
    }
  }

  double number(NodeId node, std::size_t place) const;  // 0 or 1 for a condition
  Wishes wishes(const Head& head, std::size_t word) const;

 private:
  Block next(const Bars& bars, std::size_t done);
  void allot(const Program& program, const std::vector<bool>& live);

  std::size_t block_;
  Shared shared_;
  std::vector<std::unique_ptr<Numbers>> numbers_;
  std::vector<std::unique_ptr<Truths>> truths_;
  std::vector<Cells> cells_;  // by node, null where not needed
  std::size_t at_ = 0;        // the next place of the block
  std::size_t first_ = 0;     // bars before place 0
};

// A head's changes over a history; what `nodes` gave on each bar, one column of bars.size() after the other.
std::vector<Change> changes(const Program& program, std::size_t head, const Bars& bars);
void columns(const Program& program, const std::vector<NodeId>& nodes, const Bars& bars, double* out);

// All heads of a program over one history: what a sweep runs. The stances of all heads are computed in one
// pass over the history, so that a column that many share is computed once; where they would take more than
// `memory` bytes, in groups, each by whoever asks for one of them.
class Plan final : public ChangeSource {
 public:
  // The program is copied; the bars must outlive the plan. Throws as Machine does.
  Plan(const Program& program, const Bars& bars, std::size_t memory);

  std::size_t size() const override { return program_.heads().size(); }
  std::size_t bars() const override { return bars_.size(); }
  std::size_t groups() const;
  std::unique_ptr<ChangeSource::Scratch> scratch() const override;
  void changes(std::size_t number, ChangeSource::Scratch& scratch, std::vector<Change>& out) const override;

 private:
  struct Group final : ChangeSource::Scratch {
    std::optional<std::size_t> number;
    std::vector<Sides> sides;  // by head, then by word
  };
  void compute(std::size_t number, Group& group) const;

  Program program_;
  Bars bars_;
  std::size_t group_size_;
  Group all_;  // of the only group, where there is one
};

}  // namespace quorate::formula
