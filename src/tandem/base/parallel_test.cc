#include "tandem/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem {
namespace {

TEST(PlanShardsTest, CutsIntoAdjacentEvenRanges) {
  for (size_t n = 0; n < 200; ++n) {
    for (const size_t min_rows : {0u, 1u, 3u, 64u, 1000u}) {
      for (const size_t max_shards : {0u, 1u, 2u, 7u, 300u}) {
        const ShardPlan plan = PlanShards(n, min_rows, max_shards);
        ASSERT_EQ(plan.count == 0, n == 0);
        ASSERT_LE(plan.count, std::max<size_t>(max_shards, 1));
        size_t next = 0;
        for (size_t shard = 0; shard < plan.count; ++shard) {
          ASSERT_EQ(plan.Begin(shard), next);
          next = plan.End(shard);
          const size_t rows = next - plan.Begin(shard);
          ASSERT_GE(rows, n / plan.count);
          ASSERT_LE(rows, n / plan.count + 1);
          if (plan.count > 1) {
            ASSERT_GE(rows, min_rows);
          }
        }
        ASSERT_EQ(next, n);
      }
    }
  }
}

TEST(PlanShardsTest, KeepsToBothBounds) {
  EXPECT_EQ(PlanShards(1000, 256, 16).count, 3u);  // 1000 / 256 = 3.9
  EXPECT_EQ(PlanShards(100'000, 256, 16).count, 16u);
  EXPECT_EQ(PlanShards(255, 256, 16).count, 1u);
}

TEST(WorkersTest, RunsEachShardExactlyOnce) {
  for (const size_t threads : {0u, 1u, 2u, 5u}) {
    Workers workers(threads);
    EXPECT_EQ(workers.threads(), std::max<size_t>(threads, 1));
    for (const size_t shards : {0u, 1u, 2u, 3u, 100u, 1000u}) {
      std::vector<std::atomic<int>> seen(shards);
      workers.Run(shards, [&](size_t shard) { seen.at(shard).fetch_add(1); });
      for (const auto& count : seen) ASSERT_EQ(count.load(), 1);
    }
  }
}

TEST(WorkersTest, ThrowsWhatAShardThrowsWhenAllHaveLeftAndGoesOnToBeUsed) {
  for (const size_t threads : {1U, 2U, 4U}) {
    Workers workers(threads);
    for (size_t bad = 0; bad < 20; ++bad) {
      std::atomic<int> inside = 0;
      const auto run = [&] {
        workers.Run(20, [&](size_t shard) {
          inside.fetch_add(1);
          std::this_thread::yield();
          inside.fetch_sub(1);
          if (shard == bad) throw std::bad_alloc();
        });
      };
      EXPECT_THROW(run(), std::bad_alloc) << threads << " threads, shard " << bad;
      EXPECT_EQ(inside.load(), 0);
      std::atomic<int> done = 0;
      workers.Run(20, [&](size_t) { done.fetch_add(1); });
      EXPECT_EQ(done.load(), 20);
    }
  }
}

// Each on a thread of its own, as each waits for the other.
TEST(WorkersTest, OfSeveralFailuresOneIsThrown) {
  Workers workers(2);
  std::atomic<int> waiting = 0;
  EXPECT_THROW(workers.Run(2,
                           [&](size_t) {
                             waiting.fetch_add(1);
                             while (waiting.load() < 2) std::this_thread::yield();
                             throw std::runtime_error("both");
                           }),
               std::runtime_error);
}

// Sums of floats depend on their order, so equality here is that of every bit.
std::vector<float> SumsOfShards(Workers& workers) {
  constexpr size_t kRows = 10'007;
  const ShardPlan plan = PlanShards(kRows, 64, 32);
  std::vector<float> sums(plan.count, 0.0f);
  const Rng rng(11);
  workers.Run(plan.count, [&](size_t shard) {
    Rng mine = rng.Fork("rows", shard);
    for (size_t row = plan.Begin(shard); row < plan.End(shard); ++row) sums[shard] += mine.Normal();
  });
  return sums;
}

TEST(WorkersTest, ResultsDoNotDependOnTheNumberOfThreads) {
  Workers one(1);
  Workers two(2);
  Workers five(5);
  const std::vector<float> expected = SumsOfShards(one);
  EXPECT_EQ(expected.size(), 32u);
  EXPECT_EQ(SumsOfShards(two), expected);
  EXPECT_EQ(SumsOfShards(five), expected);
}

// Plain, not atomic, memory: a run that returned too early or a thread that joined too late would
// be seen by the thread sanitizer, and mostly by the sums as well.
TEST(WorkersTest, ManySmallRunsSeeTheWritesOfThoseBefore) {
  Workers workers(4);
  std::vector<int> counts(7, 0);
  constexpr int kRuns = 20'000;
  for (int run = 0; run < kRuns; ++run) {
    const size_t shards = static_cast<size_t>(run) % counts.size() + 1;
    workers.Run(shards, [&](size_t shard) { ++counts[shard]; });
  }
  // Shard s is in a run of s + 1 or more shards; 20000 = 7 * 2857 + 1.
  EXPECT_EQ(counts[0], kRuns);
  for (size_t shard = 1; shard < counts.size(); ++shard) {
    EXPECT_EQ(counts[shard], 2857 * static_cast<int>(counts.size() - shard));
  }
}

// Each body waits for the other, so that one thread alone would never end.
TEST(WorkersTest, ShardsRunAtTheSameTime) {
  Workers workers(2);
  std::atomic<int> arrived{0};
  workers.Run(2, [&](size_t) {
    arrived.fetch_add(1);
    while (arrived.load() < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived.load(), 2);
}

TEST(WorkersTest, MayBeMadeAndDroppedWithoutARun) {
  for (int i = 0; i < 200; ++i) Workers workers(3);
}

TEST(AvailableProcessorsTest, IsAtLeastOneAndNoMoreThanTheMachineHas) {
  EXPECT_GE(AvailableProcessors(), 1u);
  const size_t all = std::thread::hardware_concurrency();
  if (all > 0) {
    EXPECT_LE(AvailableProcessors(), all);
  }
}

}  // namespace
}  // namespace tandem
