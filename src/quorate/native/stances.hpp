// Stances given as arrays, one number a bar, read as the changes they make.
#pragma once

#include <span>
#include <vector>

#include "change.hpp"

namespace quorate {

// Appends the changes in stances of -1, 0 or 1; the stance before the first bar is 0. std::invalid_argument names
// the bar of any other number.
void changes_of(std::span<const std::int8_t> stances, std::vector<Change>& out);

// The same for numbers from -1 to 1, rounded to 1e-6; NaN leaves the stance as it is.
void changes_of(std::span<const double> stances, std::vector<Change>& out);

// Rows of stances, one strategy a row, read in place.
template <typename Stance>
class StanceMatrix final : public ChangeSource {
 public:
  StanceMatrix(std::span<const Stance> rows, std::size_t bars) : rows_(rows), bars_(bars) {}
  std::size_t size() const override { return bars_ == 0 ? 0 : rows_.size() / bars_; }
  std::size_t bars() const override { return bars_; }
  std::unique_ptr<Scratch> scratch() const override { return std::make_unique<Scratch>(); }
  void changes(std::size_t number, Scratch&, std::vector<Change>& out) const override {
    changes_of(rows_.subspan(number * bars_, bars_), out);
  }

 private:
  std::span<const Stance> rows_;
  std::size_t bars_;
};

// Changes found before, one list a strategy.
class ChangeLists final : public ChangeSource {
 public:
  ChangeLists(std::vector<std::vector<Change>> lists, std::size_t bars) : lists_(std::move(lists)), bars_(bars) {}
  std::size_t size() const override { return lists_.size(); }
  std::size_t bars() const override { return bars_; }
  std::unique_ptr<Scratch> scratch() const override { return std::make_unique<Scratch>(); }
  void changes(std::size_t number, Scratch&, std::vector<Change>& out) const override {
    out.insert(out.end(), lists_[number].begin(), lists_[number].end());
  }

 private:
  std::vector<std::vector<Change>> lists_;
  std::size_t bars_;
};

}  // namespace quorate
