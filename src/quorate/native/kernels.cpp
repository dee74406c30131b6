// The operations: series, indicators, arithmetic, comparisons, logic and looking back; never forward.
#include "kernels.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

namespace quorate::formula {

Shared::Shared(const Units& units, std::size_t block, std::size_t sums_back)
    : units_(units), sums_(block, sums_back + 1, 0) {}

const Clock& Shared::clock(std::int64_t every_ns) {
  std::unique_ptr<Clock>& found = clocks_[every_ns];
  if (!found) {
    found = std::make_unique<Clock>(units_, every_ns);
    steps.push_back([clock = found.get()](const Block& block) { clock->run(block); });
  }
  return *found;
}

const std::uint64_t* Shared::sums() {
  if (!summed_) {
    steps.push_back([sums = sums_.data()](const Block& block) {
      const bool fit = running_sum(block.bars.close.data(), sums, block.from, block.to);
      if (!fit) check_ticks("close", block.bars.close, block);
    });
    summed_ = true;
  }
  return sums_.data();
}

const Shared::Rows& Shared::indicator(const std::string& text, std::int64_t every_ns) {
  const Clock& source = clock(every_ns);
  std::unique_ptr<Rows>& found = indicators_[{text, every_ns}];
  if (!found) {
    const Spec spec = parse_indicator(text);
    found = std::make_unique<Rows>(Rows{{}, spec.columns.size()});
    std::shared_ptr<Indicator> indicator = spec.make();
    steps.push_back([indicator, &source, rows = found.get()](const Block&) {
      const std::vector<Closed>& closed = source.closed();
      rows->cells.resize(closed.size() * rows->width);
      for (std::size_t i = 0; i < closed.size(); ++i) {
        indicator->update(closed[i].bar, rows->cells.data() + i * rows->width);
      }
    });
  }
  return *found;
}

void Shared::roll() { sums_.roll(); }

namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;

std::size_t count_of(const Node& node) {
  if (node.count < 1 || node.count > 100'000) {
    throw std::invalid_argument("a number of bars must be from 1 to 100000: it is " + std::to_string(node.count));
  }
  return static_cast<std::size_t>(node.count);
}

std::size_t none(const Node&) { return 0; }
std::size_t one(const Node&) { return 1; }
std::size_t back(const Node& node) { return count_of(node); }

// ---- leaves --------------------------------------------------------------------------------------------

// Writes what each closed bar gives from its place on, and what was there before until then.
template <class Value>
void hold(const Clock& clock, double* out, const Block& block, Value value) {
  const std::vector<Closed>& closed = clock.closed();
  if (clock.fine()) {
    for (std::size_t k = 0; k < block.count(); ++k) out[block.from + k] = value(k);
    return;
  }
  std::size_t i = block.from;
  double now = out[static_cast<std::ptrdiff_t>(i) - 1];
  for (std::size_t k = 0; k < closed.size(); ++k) {
    while (i < closed[k].place) out[i++] = now;
    now = value(k);
  }
  while (i < block.to) out[i++] = now;
}

Step constant(const Wiring& w) {
  return [out = w.out.numbers, value = w.node.value](const Block& block) {
    std::fill(out + block.from, out + block.to, value);
  };
}

Step truth(const Wiring& w) {
  return [out = w.out.truths](const Block& block) { fill(out, block.from, block.to, true); };
}

// A price of the bars, or of the last closed bar of a timeframe.
template <std::span<const std::int64_t> Bars::* fine, double Ohlcv::* coarse>
Step price(const Wiring& w) {
  if (w.node.every_ns != 0) {
    const Clock& clock = w.shared.clock(w.node.every_ns);
    return [&clock, out = w.out.numbers](const Block& block) {
      hold(clock, out, block, [&clock](std::size_t k) { return clock.closed()[k].bar.*coarse; });
    };
  }
  return [out = w.out.numbers, tick = w.shared.units().tick](const Block& block) {
    check_ticks("a price", block.bars.*fine, block);
    const std::int64_t* ticks = (block.bars.*fine).data();
    double* to = out + block.from;
    for (std::size_t i = 0; i < block.count(); ++i) to[i] = static_cast<double>(ticks[i]) * tick;
  };
}

Step volume(const Wiring& w) {
  const Clock& clock = w.shared.clock(w.node.every_ns);
  return [&clock, out = w.out.numbers](const Block& block) {
    hold(clock, out, block, [&clock](std::size_t k) { return clock.closed()[k].bar.volume; });
  };
}

// Whole spans since 1970 of the close, modulo: hours of the day, days of the week from Monday on.
template <std::int64_t span_ns, std::int64_t shift, std::int64_t modulus>
Step calendar(const Wiring& w) {
  return [out = w.out.numbers](const Block& block) {
    for (std::size_t i = 0; i < block.count(); ++i) {
      const std::int64_t at = block.bars.at[i];
      const std::int64_t spans = at / span_ns - (at % span_ns < 0) + shift;
      out[block.from + i] = static_cast<double>((spans % modulus + modulus) % modulus);
    }
  };
}

// One output of an indicator of the catalogue; `value` says which.
Step indicator(const Wiring& w) {
  const Clock& clock = w.shared.clock(w.node.every_ns);
  const Shared::Rows& rows = w.shared.indicator(w.node.text, w.node.every_ns);
  if (!(w.node.value >= 0.0 && w.node.value < static_cast<double>(rows.width))) {
    throw std::invalid_argument("indicator '" + w.node.text + "' has no such output");
  }
  return [&clock, &rows, out = w.out.numbers, k = static_cast<std::size_t>(w.node.value)](const Block& block) {
    const double* cell = rows.cells.data() + k;
    hold(clock, out, block, [cell, &rows](std::size_t i) { return cell[i * rows.width]; });
  };
}

// The exact mean of the last n closes, from integer sums.
Step mean(const Wiring& w) {
  const std::size_t n = count_of(w.node);
  const double tick = w.shared.units().tick;
  double* out = w.out.numbers;
  if (w.node.every_ns == 0) {
    return [n, tick, out, sums = w.shared.sums()](const Block& block) {
      mean_of_ticks(sums, out, n, tick, block.from, block.to);
      if (block.first + block.from >= n - 1) return;
      const std::size_t defined = std::min(block.to, n - 1 - block.first);
      std::fill(out + block.from, out + defined, undefined);
    };
  }
  struct State {
    std::vector<std::int64_t> last;  // ring of the last n closes
    std::size_t seen = 0;
    std::int64_t sum = 0;
  };
  const Clock& clock = w.shared.clock(w.node.every_ns);
  return [n, tick, out, &clock, state = State{std::vector<std::int64_t>(n)}](const Block& block) mutable {
    hold(clock, out, block, [&](std::size_t k) {
      const std::int64_t close = clock.closed()[k].close;
      std::int64_t& oldest = state.last[state.seen++ % n];
      state.sum += close - oldest;
      oldest = close;
      return state.seen < n ? undefined : static_cast<double>(state.sum) / static_cast<double>(n) * tick;
    });
  };
}

// ---- arithmetic ----------------------------------------------------------------------------------------

template <class F>
Step unary(const Wiring& w, F f) {
  return [a = w.inputs[0].numbers, out = w.out.numbers, f](const Block& block) {
    for (std::size_t i = block.from; i < block.to; ++i) out[i] = f(a[i]);
  };
}

template <class F>
Step binary(const Wiring& w, F f) {
  return [a = w.inputs[0].numbers, b = w.inputs[1].numbers, out = w.out.numbers, f](const Block& block) {
    for (std::size_t i = block.from; i < block.to; ++i) out[i] = f(a[i], b[i]);
  };
}

Step add(const Wiring& w) { return binary(w, [](double a, double b) { return a + b; }); }
Step sub(const Wiring& w) { return binary(w, [](double a, double b) { return a - b; }); }
Step mul(const Wiring& w) { return binary(w, [](double a, double b) { return a * b; }); }
// Nothing is known of a quotient by zero; an infinity would compare as if something were.
Step div(const Wiring& w) { return binary(w, [](double a, double b) { return b == 0.0 ? undefined : a / b; }); }
Step least(const Wiring& w) { return binary(w, [](double a, double b) { return a != a || a < b ? a : b; }); }
Step most(const Wiring& w) { return binary(w, [](double a, double b) { return a != a || a > b ? a : b; }); }
Step neg(const Wiring& w) { return unary(w, [](double a) { return -a; }); }
Step absolute(const Wiring& w) { return unary(w, [](double a) { return std::fabs(a); }); }

// ---- comparisons and logic -----------------------------------------------------------------------------

template <Relation relation>
Step related(const Wiring& w) {
  return [a = w.inputs[0].numbers, b = w.inputs[1].numbers, out = w.out.truths](const Block& block) {
    compare(relation, a, b, out, block.from, block.to);
  };
}

Step cross_above(const Wiring& w) {
  return [a = w.inputs[0].numbers, b = w.inputs[1].numbers, out = w.out.truths](const Block& block) {
    cross(a, b, out, block.from, block.to);
  };
}

// Whole words, those begun in an earlier call once more: each is a function of the same words of the inputs.
template <class F>
Step wordwise(const Wiring& w, F f) {
  const Word* a = w.inputs[0].truths;
  const Word* b = w.inputs.size() > 1 ? w.inputs[1].truths : a;
  return [a, b, out = w.out.truths, f](const Block& block) {
    for (std::size_t i = block.from / word_bits; i < words(block.to); ++i) out[i] = f(a[i], b[i]);
  };
}

Step both(const Wiring& w) { return wordwise(w, [](Word a, Word b) { return a & b; }); }
Step either(const Wiring& w) { return wordwise(w, [](Word a, Word b) { return a | b; }); }
Step negation(const Wiring& w) { return wordwise(w, [](Word a, Word) { return ~a; }); }

// Whether the number has been defined once, on this bar or one before it.
Step ready(const Wiring& w) {
  return [a = w.inputs[0].numbers, out = w.out.truths, known = false](const Block& block) mutable {
    std::size_t first = block.from;
    while (!known && first < block.to && std::isnan(a[first])) ++first;
    known = known || first < block.to;
    fill(out, block.from, first, false);
    fill(out, first, block.to, true);
  };
}

// ---- looking back --------------------------------------------------------------------------------------

Step lag(const Wiring& w) {
  return [n = count_of(w.node), a = w.inputs[0].numbers, out = w.out.numbers](const Block& block) {
    const double* before = a - n;
    std::copy(before + block.from, before + block.to, out + block.from);
  };
}

Step lag_truth(const Wiring& w) {
  const std::size_t n = count_of(w.node);
  return [far = n / word_bits, near = n % word_bits, a = w.inputs[0].truths, out = w.out.truths](const Block& block) {
    for (std::size_t i = block.from / word_bits; i < words(block.to); ++i) {
      const Word* word = a + i - far;
      out[i] = near == 0 ? *word : (*word << near) | (*(word - 1) >> (word_bits - near));
    }
  };
}

template <void (*search)(const double*, double*, std::size_t, std::size_t, std::size_t, std::vector<double>&)>
Step extreme(const Wiring& w) {
  std::vector<double> scratch;
  return [n = count_of(w.node), a = w.inputs[0].numbers, out = w.out.numbers,
          scratch](const Block& block) mutable { search(a, out, n, block.from, block.to, scratch); };
}

// Whether it has been true on each of the last n bars.
Step streak(const Wiring& w) {
  return [n = count_of(w.node), a = w.inputs[0].truths, out = w.out.truths,
          run = std::size_t{0}](const Block& block) mutable {
    for (std::size_t i = block.from; i < block.to; ++i) {
      run = bit(a, i) ? run + 1 : 0;
      fill(out, i, i + 1, run >= n);
    }
  };
}

// Bars since it was last true, 0 on a bar where it is; undefined before the first time.
Step since(const Wiring& w) {
  return [a = w.inputs[0].truths, out = w.out.numbers, bars = undefined](const Block& block) mutable {
    for (std::size_t i = block.from; i < block.to; ++i) out[i] = bars = bit(a, i) ? 0.0 : bars + 1.0;
  };
}

}  // namespace

const std::vector<OpKind>& op_kinds() {
  constexpr Type number = Type::number;
  constexpr Type yes = Type::truth;
  static const std::vector<OpKind> kinds = {
      {"number", {}, number, none, 0, constant},
      {"true", {}, yes, none, 0, truth},
      {"open", {}, number, none, 1, price<&Bars::open, &Ohlcv::open>},
      {"high", {}, number, none, 1, price<&Bars::high, &Ohlcv::high>},
      {"low", {}, number, none, 1, price<&Bars::low, &Ohlcv::low>},
      {"close", {}, number, none, 1, price<&Bars::close, &Ohlcv::close>},
      {"volume", {}, number, none, 1, volume},
      {"hour", {}, number, none, 0, calendar<hour_ns, 0, 24>},
      {"weekday", {}, number, none, 0, calendar<24 * hour_ns, 3, 7>},  // 1970-01-01 was a Thursday
      {"indicator", {}, number, none, 1, indicator},
      {"sma", {}, number, none, 1, mean},
      {"add", {number, number}, number, none, 0, add},
      {"sub", {number, number}, number, none, 0, sub},
      {"mul", {number, number}, number, none, 0, mul},
      {"div", {number, number}, number, none, 0, div},
      {"min", {number, number}, number, none, 0, least},
      {"max", {number, number}, number, none, 0, most},
      {"neg", {number}, number, none, 0, neg},
      {"abs", {number}, number, none, 0, absolute},
      {"lag", {number}, number, back, 0, lag},
      {"highest", {number}, number, back, 0, extreme<highest>},
      {"lowest", {number}, number, back, 0, extreme<lowest>},
      {"since", {yes}, number, none, 0, since},
      {"lt", {number, number}, yes, none, 0, related<Relation::lt>},
      {"le", {number, number}, yes, none, 0, related<Relation::le>},
      {"eq", {number, number}, yes, none, 0, related<Relation::eq>},
      {"ne", {number, number}, yes, none, 0, related<Relation::ne>},
      {"cross_above", {number, number}, yes, one, 0, cross_above},
      {"and", {yes, yes}, yes, none, 0, both},
      {"or", {yes, yes}, yes, none, 0, either},
      {"not", {yes}, yes, none, 0, negation},
      {"lag_truth", {yes}, yes, back, 0, lag_truth},
      {"streak", {yes}, yes, none, 0, streak},
      {"ready", {number}, yes, none, 0, ready},
  };
  return kinds;
}

}  // namespace quorate::formula
