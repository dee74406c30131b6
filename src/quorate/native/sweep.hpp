// Many runs over one tape, on all cores: results in the order asked for, the same as from one thread.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "lane.hpp"

namespace quorate::lane {

// Runs in threads of its own from the start on; whoever owns it may look on, stop it, and must wait for it. The
// tape, the source and the settings outlive it, unchanged.
class Sweep {
 public:
  // `threads`: at least one. std::invalid_argument: a source made for another number of bars.
  Sweep(const Tape& tape, const ChangeSource& source, const Settings& settings, std::size_t threads);
  ~Sweep();  // cancels and waits
  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;

  std::size_t size() const { return results_.size(); }
  std::size_t done() const { return done_.load(std::memory_order_relaxed); }  // runs finished
  bool is_over() const { return working_.load(std::memory_order_acquire) == 0; }
  // Begins no further run; those under way come to their end.
  void cancel() { stopped_.store(true, std::memory_order_relaxed); }
  // Waits for all threads. Throws what the first run that failed threw, by number; std::runtime_error when it was
  // cancelled before its last run.
  const std::vector<Statistics>& wait();

 private:
  void work();
  void fail(std::size_t number, std::exception_ptr error);

  const Tape& tape_;
  const ChangeSource& source_;
  const Settings settings_;
  std::vector<Statistics> results_;
  std::atomic<std::size_t> next_ = 0, done_ = 0, working_;
  std::atomic<bool> stopped_ = false;
  std::mutex failing_, waiting_;
  std::size_t failed_;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace quorate::lane
