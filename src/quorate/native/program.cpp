// Builds programs, lays out their columns and runs them; tells where a stance changes.
#include "program.hpp"

#include <bit>
#include <cmath>
#include <stdexcept>

namespace quorate::formula {
namespace {

constexpr std::size_t block_alone = 1024;   // bars at a time: what one strategy touches stays in the cache
constexpr std::size_t block_many = 1024;
constexpr std::int32_t whole_e6 = 1'000'000;

std::size_t to_words(std::size_t bits) { return words(bits) * word_bits; }

// Without what is beyond the last bar.
Wishes within(const Wishes& wishes, std::size_t word, std::size_t to) {
  if (to >= (word + 1) * word_bits) return wishes;
  const Word ones = (Word{1} << (to % word_bits)) - 1;
  return {wishes.rise & ones, wishes.fall & ones, wishes.leave & ones};
}

}  // namespace

// ---- program -------------------------------------------------------------------------------------------

Program::Program(const Units& units) : units_(units) {
  const auto good = [](double x) { return std::isfinite(x) && x > 0.0; };
  if (!good(units.tick) || !good(units.lot) || units.interval_ns <= 0) {
    throw std::invalid_argument("tick, lot and interval must be above 0");
  }
}

Type Program::type(NodeId node) const {
  if (node >= nodes_.size()) throw std::invalid_argument("there is no node " + std::to_string(node));
  return op_kinds()[nodes_[node].kind].result;
}

NodeId Program::add(std::string_view op, std::vector<NodeId> inputs, double value, std::int64_t count,
                    std::int64_t every_ns, std::string text) {
  std::size_t kind = 0;
  while (kind < op_kinds().size() && op_kinds()[kind].name != op) ++kind;
  if (kind == op_kinds().size()) throw std::invalid_argument("unknown operation '" + std::string(op) + "'");
  const OpKind& is = op_kinds()[kind];
  bool fits = inputs.size() == is.inputs.size() && !std::isnan(value);  // a NaN has no place in an order
  for (std::size_t i = 0; fits && i < inputs.size(); ++i) fits = type(inputs[i]) == is.inputs[i];
  if (!fits) throw std::invalid_argument("operation '" + std::string(op) + "' has other inputs");
  Node node{kind, std::move(inputs), value, count, every_ns, std::move(text)};
  const auto [found, fresh] = known_.try_emplace(node, static_cast<NodeId>(nodes_.size()));
  if (fresh) nodes_.push_back(std::move(node));
  return found->second;
}

std::size_t Program::add_head(const Head& head) {
  for (const std::optional<NodeId>& each : {head.rise, head.fall, head.leave, std::optional(head.ready)}) {
    if (each && type(*each) != Type::truth) throw std::invalid_argument("a head is made of conditions");
  }
  heads_.push_back(head);
  return heads_.size() - 1;
}

// ---- stance --------------------------------------------------------------------------------------------

namespace {

// A latch over 64 bars: set by `set`, cleared by `clear` (never both), else as before; `state` goes in and
// out. It is the carry of an addition: a bar that sets generates one, a bar that does not clear hands it on.
Word latch(Word set, Word clear, Word& state) {
  const Word a = ~clear;  // generates or hands on
  const Word half = a + set;
  const Word sum = half + state;
  const Word over = Word{half < a} | Word{sum < half};
  const Word carried = a ^ set ^ sum;  // what came into each bar from the one before
  state = over;
  return (carried >> 1) | (over << (word_bits - 1));
}

}  // namespace

Sides Stance::follow(const Wishes& wishes) {
  const Word up = latch(wishes.rise, wishes.fall | wishes.leave, up_);
  return {up, latch(wishes.fall, wishes.rise | wishes.leave, down_)};
}

void Teller::tell(const Sides& sides, std::size_t first) {
  Word changed = (sides.up ^ (sides.up << 1 | before_.up)) | (sides.down ^ (sides.down << 1 | before_.down));
  before_ = {sides.up >> (word_bits - 1), sides.down >> (word_bits - 1)};
  for (; changed != 0; changed &= changed - 1) {
    const int i = std::countr_zero(changed);
    const int side = static_cast<int>(sides.up >> i & 1) - static_cast<int>(sides.down >> i & 1);
    out_.push_back({static_cast<std::int32_t>(first + static_cast<std::size_t>(i)), side * whole_e6});
  }
}

// ---- machine -------------------------------------------------------------------------------------------

namespace {

std::vector<bool> needed(const Program& program, const std::vector<Head>& heads, const std::vector<NodeId>& nodes) {
  std::vector<bool> live(program.nodes().size(), false);
  const auto need = [&](std::optional<NodeId> node) {
    if (node) program.type(*node), live[*node] = true;
  };
  for (const Head& head : heads) need(head.rise), need(head.fall), need(head.leave), need(head.ready);
  for (const NodeId node : nodes) need(node);
  for (std::size_t i = live.size(); i-- > 0;) {  // inputs have smaller numbers than what uses them
    if (!live[i]) continue;
    for (const NodeId input : program.nodes()[i].inputs) live[input] = true;
  }
  return live;
}

std::size_t longest_mean(const Program& program, const std::vector<bool>& live) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < live.size(); ++i) {
    const Node& node = program.nodes()[i];
    if (live[i] && node.every_ns == 0 && op_kinds()[node.kind].name == "sma" && node.count > 0) {
      longest = std::max(longest, static_cast<std::size_t>(node.count));
    }
  }
  return std::min<std::size_t>(longest, 100'000);  // a longer one is refused when it is made
}

}  // namespace

Machine::Machine(const Program& program, const std::vector<Head>& heads, const std::vector<NodeId>& nodes,
                 std::size_t block)
    : block_(to_words(block)),
      shared_(program.units(), block_, longest_mean(program, needed(program, heads, nodes))) {
  const std::vector<bool> live = needed(program, heads, nodes);
  allot(program, live);
  for (std::size_t i = 0; i < live.size(); ++i) {
    if (!live[i]) continue;
    const Node& node = program.nodes()[i];
    Wiring wiring{node, {}, cells_[i], shared_};
    for (const NodeId input : node.inputs) wiring.inputs.push_back(cells_[input]);
    Step step = op_kinds()[node.kind].make(wiring);  // may first add steps that it needs
    shared_.steps.push_back(std::move(step));
  }
}

void Machine::allot(const Program& program, const std::vector<bool>& live) {
  std::vector<std::size_t> tails(live.size(), 0);
  for (std::size_t i = 0; i < live.size(); ++i) {
    if (!live[i]) continue;
    const Node& node = program.nodes()[i];
    const OpKind& kind = op_kinds()[node.kind];
    tails[i] = std::max(tails[i], kind.own);
    for (const NodeId input : node.inputs) tails[input] = std::max(tails[input], kind.reach(node));
  }
  cells_.resize(live.size());
  for (std::size_t i = 0; i < live.size(); ++i) {
    if (!live[i]) continue;
    if (program.type(static_cast<NodeId>(i)) == Type::number) {
      numbers_.push_back(std::make_unique<Numbers>(block_, tails[i], undefined));
      cells_[i].numbers = numbers_.back()->data();
    } else {
      const std::size_t tail = tails[i] == 0 ? 0 : words(tails[i]) + 1;
      truths_.push_back(std::make_unique<Truths>(block_ / word_bits, tail, Word{0}));
      cells_[i].truths = truths_.back()->data();
    }
  }
}

Block Machine::next(const Bars& bars, std::size_t done) {
  if (at_ == block_) {
    for (const auto& each : numbers_) each->roll();
    for (const auto& each : truths_) each->roll();
    shared_.roll();
    first_ += block_;
    at_ = 0;
  }
  const std::size_t count = std::min(bars.size() - done, block_ - at_);
  return {bars.slice(done, count), at_, at_ + count, first_};
}

double Machine::number(NodeId node, std::size_t place) const {
  const Cells& cells = cells_[node];
  return cells.numbers != nullptr ? cells.numbers[place] : bit(cells.truths, place) ? 1.0 : 0.0;
}

Wishes Machine::wishes(const Head& head, std::size_t word) const {
  const auto truths = [&](std::optional<NodeId> node) { return node ? cells_[*node].truths[word] : Word{0}; };
  const Word rise = truths(head.rise);
  const Word fall = truths(head.fall);
  const Word ready = truths(head.ready);
  const Word leave = truths(head.leave) & ready;
  return {rise & ~fall & ready & ~leave, fall & ~rise & ready & ~leave, leave};
}

// ---- whole histories -----------------------------------------------------------------------------------

std::vector<Change> changes(const Program& program, std::size_t number, const Bars& bars) {
  const Head& head = program.heads().at(number);
  Machine machine(program, {head}, {}, block_alone);
  Stance stance;
  std::vector<Change> out;
  Teller teller(out);
  machine.run(bars, [&](const Block& block) {  // each block but the last is full, and begins at place 0
    for (std::size_t w = 0; w < words(block.to); ++w) {
      teller.tell(stance.follow(within(machine.wishes(head, w), w, block.to)), block.first + w * word_bits);
    }
  });
  return out;
}

void columns(const Program& program, const std::vector<NodeId>& nodes, const Bars& bars, double* out) {
  Machine machine(program, {}, nodes, block_alone);
  machine.run(bars, [&](const Block& block) {
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      double* to = out + k * bars.size() + block.first;
      for (std::size_t i = block.from; i < block.to; ++i) to[i] = machine.number(nodes[k], i);
    }
  });
}

Plan::Plan(const Program& program, const Bars& bars, std::size_t memory) : program_(program), bars_(bars) {
  const std::size_t each = std::max<std::size_t>(1, words(bars.size()) * sizeof(Sides));
  group_size_ = std::max<std::size_t>(1, memory / each);
  if (groups() == 1) {
    compute(0, all_);
  } else if (size() > 0 && bars.size() > 0) {
    Group first;
    compute(0, first);  // what cannot be computed is refused here, not in the midst of a sweep
  }
}

std::size_t Plan::groups() const { return (size() + group_size_ - 1) / group_size_; }

std::unique_ptr<ChangeSource::Scratch> Plan::scratch() const { return std::make_unique<Group>(); }

void Plan::compute(std::size_t number, Group& group) const {
  if (group.number == number) return;
  group.number.reset();
  const std::size_t begin = number * group_size_;
  const std::size_t end = std::min(size(), begin + group_size_);
  const std::vector<Head> heads(program_.heads().begin() + static_cast<std::ptrdiff_t>(begin),
                                program_.heads().begin() + static_cast<std::ptrdiff_t>(end));
  const std::size_t length = words(bars_.size());
  group.sides.resize(heads.size() * length);
  std::vector<Stance> stances(heads.size());
  Machine machine(program_, heads, {}, block_many);
  machine.run(bars_, [&](const Block& block) {
    for (std::size_t k = 0; k < heads.size(); ++k) {
      Sides* to = group.sides.data() + k * length + block.first / word_bits;
      for (std::size_t w = 0; w < words(block.to); ++w) {
        to[w] = stances[k].follow(within(machine.wishes(heads[k], w), w, block.to));
      }
    }
  });
  group.number = number;
}

void Plan::changes(std::size_t number, ChangeSource::Scratch& scratch, std::vector<Change>& out) const {
  if (number >= size()) throw std::invalid_argument("there is no strategy " + std::to_string(number));
  Group& own = static_cast<Group&>(scratch);
  if (!all_.number) compute(number / group_size_, own);
  const Group& group = all_.number ? all_ : own;
  const std::size_t length = words(bars_.size());
  const Sides* sides = group.sides.data() + number % group_size_ * length;
  out.clear();
  Teller teller(out);
  for (std::size_t w = 0; w < length; ++w) teller.tell(sides[w], w * word_bits);
}

}  // namespace quorate::formula
