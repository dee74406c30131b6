// The threads of a sweep: each takes the next number until none is left.
#include "sweep.hpp"

#include <stdexcept>
#include <string>

namespace quorate::lane {
namespace {

constexpr std::size_t threads_max = 4096;

std::string named(std::size_t number, const std::exception& error) {
  return "strategy " + std::to_string(number) + ": " + error.what();
}

}  // namespace

Sweep::Sweep(const Tape& tape, const ChangeSource& source, const Settings& settings, std::size_t threads)
    : tape_(tape), source_(source), settings_(settings), results_(source.size()), working_(threads),
      failed_(source.size()) {
  if (source.bars() != static_cast<std::size_t>(tape.size())) {
    throw std::invalid_argument("strategies over " + std::to_string(source.bars()) + " bars cannot run over " +
                                std::to_string(tape.size()));
  }
  if (threads == 0 || threads > threads_max) {
    throw std::invalid_argument("a sweep takes 1 to " + std::to_string(threads_max) + " threads");
  }
  threads_.reserve(threads);
  try {
    while (threads_.size() < threads) threads_.emplace_back([this] { work(); });
  } catch (...) {  // the system gave no more threads
    cancel();
    for (std::thread& thread : threads_) thread.join();
    throw;
  }
}

Sweep::~Sweep() {
  cancel();
  for (std::thread& thread : threads_) thread.join();
}

void Sweep::work() {
  std::size_t number = 0;
  try {
    Scratch scratch;
    std::vector<Change> changes;
    const auto own = source_.scratch();
    while (!stopped_.load(std::memory_order_relaxed)) {
      number = next_.fetch_add(1, std::memory_order_relaxed);
      if (number >= results_.size()) break;
      changes.clear();
      source_.changes(number, *own, changes);
      results_[number] = run(tape_, changes, settings_, scratch);
      done_.fetch_add(1, std::memory_order_relaxed);
    }
  } catch (const exchange::Overflow& error) {
    fail(number, std::make_exception_ptr(exchange::Overflow(named(number, error))));
  } catch (const std::invalid_argument& error) {
    fail(number, std::make_exception_ptr(std::invalid_argument(named(number, error))));
  } catch (...) {
    fail(number, std::current_exception());
  }
  working_.fetch_sub(1, std::memory_order_release);
}

void Sweep::fail(std::size_t number, std::exception_ptr error) {
  const std::scoped_lock lock(failing_);
  if (error_ == nullptr || number < failed_) {
    failed_ = number;
    error_ = std::move(error);
  }
  cancel();
}

const std::vector<Statistics>& Sweep::wait() {
  const std::scoped_lock lock(waiting_);  // two may wait at once
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  if (error_ != nullptr) std::rethrow_exception(error_);
  if (done() < size()) throw std::runtime_error("the sweep was stopped");
  return results_;
}

}  // namespace quorate::lane
