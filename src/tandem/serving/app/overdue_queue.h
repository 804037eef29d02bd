// Calls back for what is still there some time after it was added, the same time for all.
//
// Cheap for what comes and goes in time: adding is a push under a lock, and nothing is cancelled.
// Thread-safe.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "tandem/base/thread_annotations.h"

namespace tandem::app {

template <typename T>
class OverdueQueue {
 public:
  using Callback = std::function<void(const std::shared_ptr<T>&)>;

  // Calls `overdue` on a thread of its own; it should not block.
  OverdueQueue(std::chrono::steady_clock::duration patience, Callback overdue)
      : patience_(patience), overdue_(std::move(overdue)), thread_([this] { Run(); }) {}
  // Nothing is called back after it.
  ~OverdueQueue() {
    {
      MutexLock lock(mutex_);
      stopped_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }
  OverdueQueue(const OverdueQueue&) = delete;
  OverdueQueue& operator=(const OverdueQueue&) = delete;

  void Add(const std::shared_ptr<T>& one) TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (waiting_.empty()) changed_.NotifyAll();
    waiting_.push_back({std::chrono::steady_clock::now() + patience_, one});
  }

 private:
  struct Waiting {
    std::chrono::steady_clock::time_point due;
    std::weak_ptr<T> one;
  };

  void Run() {
    for (std::weak_ptr<T> next; Next(next);) {
      const std::shared_ptr<T> one = next.lock();
      if (one != nullptr) overdue_(one);
    }
  }

  // Waits until the first is due; false at the end.
  bool Next(std::weak_ptr<T>& next) TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!stopped_) {
      if (waiting_.empty()) {
        changed_.Wait(mutex_);
        continue;
      }
      const auto left = waiting_.front().due - std::chrono::steady_clock::now();
      if (left <= std::chrono::steady_clock::duration::zero()) {
        next = std::move(waiting_.front().one);
        waiting_.pop_front();
        return true;
      }
      changed_.WaitFor(mutex_, left);
    }
    return false;
  }

  const std::chrono::steady_clock::duration patience_;
  const Callback overdue_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<Waiting> waiting_ TANDEM_GUARDED_BY(mutex_);
  bool stopped_ TANDEM_GUARDED_BY(mutex_) = false;

  std::thread thread_;  // last
};

}  // namespace tandem::app
