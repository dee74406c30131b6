// When a strategy changes its mind: the one thing that whoever decides hands to whoever trades it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace quorate {

// From the close of this bar on the stance is so, in 1e-6: -1'000'000 all short, 0 flat, 1'000'000 all long.
// Lists of changes are sorted by bar, one a bar at most, and every entry differs from the one before.
struct Change {
  std::int32_t bar;
  std::int32_t stance_e6;
};

// Many strategies over one history, told by number: what a sweep runs. Every const method may be called by
// several threads at once, each with a scratch of its own.
class ChangeSource {
 public:
  struct Scratch {
    virtual ~Scratch() = default;
  };
  virtual ~ChangeSource() = default;
  virtual std::size_t size() const = 0;  // strategies
  virtual std::size_t bars() const = 0;  // of the history they were made for
  virtual std::unique_ptr<Scratch> scratch() const = 0;
  virtual void changes(std::size_t number, Scratch& scratch, std::vector<Change>& out) const = 0;
};

}  // namespace quorate
