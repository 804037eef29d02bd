// Parallel-for whose result does not depend on the number of threads.
//
// The caller cuts the work into shards whose number depends on the shape alone; a shard
// writes only what is its own, and sums over shards are made in shard order afterwards.
//
//   const ShardPlan plan = PlanShards(rows, /*min_rows=*/256, /*max_shards=*/16);
//   workers.Run(plan.count, [&](size_t shard) { ... plan.Begin(shard) ... plan.End(shard) ... });
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace tandem {

// [0, n) cut into `count` even ranges.
struct ShardPlan {
  size_t n = 0;
  size_t count = 0;
  size_t Begin(size_t shard) const { return n * shard / count; }
  size_t End(size_t shard) const { return n * (shard + 1) / count; }
};

// At most max_shards ranges of at least min_rows each; one where n is small, none where n = 0.
ShardPlan PlanShards(size_t n, size_t min_rows, size_t max_shards);

// A fixed set of threads. Run may be called from one thread at a time; a Run inside a Run is
// not allowed.
class Workers {
 public:
  // threads counts the calling thread too: Workers(1) starts none, and 0 is taken as 1. Where the
  // system gives no more threads, with those that it gave.
  explicit Workers(size_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  size_t threads() const;
  // Calls body(shard) once for each shard in [0, shards), from all threads; returns when all
  // are done. What a body throws, such as std::bad_alloc, ends the run: shards that nobody has
  // begun are left out, and when the others are done it is thrown here, of several the first.
  void Run(size_t shards, const std::function<void(size_t)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Processors this process may use: the smaller of its affinity and its cgroup's CPU quota
// (rounded up), at least 1.
size_t AvailableProcessors();

}  // namespace tandem
