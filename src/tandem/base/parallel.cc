#include "tandem/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tandem/base/cgroup.h"
#include "tandem/base/env.h"
#include "tandem/base/thread_annotations.h"

namespace tandem {

ShardPlan PlanShards(size_t n, size_t min_rows, size_t max_shards) {
  if (n == 0) return {};
  const size_t by_rows = n / std::max<size_t>(min_rows, 1);
  return {n, std::clamp<size_t>(by_rows, 1, std::max<size_t>(max_shards, 1))};
}

// A started thread joins a run only while `body` is set, and the run ends only when all that
// joined have left. So a thread that wakes late neither delays a run nor sees its end.
struct Workers::State {
  Mutex mutex;
  CondVar work;  // a run began, or stop
  CondVar idle;  // the last joined thread left
  const std::function<void(size_t)>* body TANDEM_GUARDED_BY(mutex) = nullptr;
  size_t shards TANDEM_GUARDED_BY(mutex) = 0;
  uint64_t run TANDEM_GUARDED_BY(mutex) = 0;  // its number, so that no thread joins twice
  size_t joined TANDEM_GUARDED_BY(mutex) = 0;
  bool stop TANDEM_GUARDED_BY(mutex) = false;
  std::exception_ptr failure TANDEM_GUARDED_BY(mutex);  // the first of this run
  std::atomic<size_t> next_shard{0};
  std::vector<std::thread> threads;

  void TakeShards(const std::function<void(size_t)>& task, size_t count) {
    try {
      // Relaxed: the mutex orders the data, the counter only deals out numbers.
      for (size_t shard = next_shard.fetch_add(1, std::memory_order_relaxed); shard < count;
           shard = next_shard.fetch_add(1, std::memory_order_relaxed)) {
        task(shard);
      }
    } catch (...) {
      next_shard.store(count, std::memory_order_relaxed);
      MutexLock lock(mutex);
      if (failure == nullptr) failure = std::current_exception();
    }
  }

  // Whether there is one more.
  bool StartThread() {
    try {
      threads.emplace_back([this] { ThreadMain(); });
      return true;
    } catch (const std::system_error&) {
      return false;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  void ThreadMain() {
    uint64_t last_run = 0;
    while (true) {
      const std::function<void(size_t)>* task = nullptr;
      size_t count = 0;
      {
        MutexLock lock(mutex);
        while (!stop && (body == nullptr || run == last_run)) work.Wait(mutex);
        if (stop) return;
        last_run = run;
        task = body;
        count = shards;
        ++joined;
      }
      TakeShards(*task, count);
      MutexLock lock(mutex);
      if (--joined == 0) idle.NotifyOne();
    }
  }
};

Workers::Workers(size_t threads) : state_(std::make_unique<State>()) {
  for (size_t i = 1; i < threads; ++i) {
    if (!state_->StartThread()) return;
  }
}

Workers::~Workers() {
  {
    MutexLock lock(state_->mutex);
    state_->stop = true;
  }
  state_->work.NotifyAll();
  for (std::thread& thread : state_->threads) thread.join();
}

size_t Workers::threads() const { return state_->threads.size() + 1; }

void Workers::Run(size_t shards, const std::function<void(size_t)>& body) {
  State& state = *state_;
  if (shards <= 1 || state.threads.empty()) {
    for (size_t shard = 0; shard < shards; ++shard) body(shard);
    return;
  }
  {
    MutexLock lock(state.mutex);
    state.body = &body;
    state.shards = shards;
    ++state.run;
    state.next_shard.store(0, std::memory_order_relaxed);
  }
  if (shards > state.threads.size()) {
    state.work.NotifyAll();
  } else {
    for (size_t i = 1; i < shards; ++i) state.work.NotifyOne();
  }
  state.TakeShards(body, shards);
  std::exception_ptr failure;
  {
    MutexLock lock(state.mutex);
    state.body = nullptr;
    while (state.joined > 0) state.idle.Wait(state.mutex);
    failure = std::exchange(state.failure, nullptr);
  }
  if (failure != nullptr) std::rethrow_exception(failure);
}

size_t AvailableProcessors() {
  size_t count = 0;
  // A fixed cpu_set_t holds 1024 processors; the kernel answers EINVAL where it has more.
  for (size_t limit = CPU_SETSIZE; count == 0 && limit <= size_t{1} << 20; limit *= 2) {
    std::vector<cpu_set_t> set(limit / CPU_SETSIZE);
    const size_t bytes = set.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, set.data()) == 0) {
      count = static_cast<size_t>(CPU_COUNT_S(bytes, set.data()));
    }
  }
  if (count == 0) count = std::max<size_t>(std::thread::hardware_concurrency(), 1);
  const size_t quota = CgroupProcessors(Env::Posix());
  return quota == 0 ? count : std::min(count, quota);
}

}  // namespace tandem
