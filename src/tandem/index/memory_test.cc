// What happens where memory runs out, and how much a search takes: with an operator new that
// counts, and refuses what a thread has asked it to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/live_index.h"

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

thread_local int64_t allocations_until_failure = kNever;  // of this thread, from then on
std::atomic<int64_t> bytes_now = 0;
std::atomic<int64_t> most_bytes = 0;

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// These have an operator new of their own, and see what is freed by another one than it came from.
constexpr bool kCounts = false;
#else
constexpr bool kCounts = true;

// Of the whole test program; everything but the counting is as it was.
// Not inlined: gcc would take malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (allocations_until_failure != kNever && --allocations_until_failure < 0) {
    allocations_until_failure = 0;
    throw std::bad_alloc();
  }
  void* const memory = std::malloc(bytes > 0 ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  const auto size = static_cast<int64_t>(::malloc_usable_size(memory));
  const int64_t now = bytes_now.fetch_add(size, std::memory_order_relaxed) + size;
  int64_t most = most_bytes.load(std::memory_order_relaxed);
  while (now > most && !most_bytes.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  bytes_now.fetch_sub(static_cast<int64_t>(::malloc_usable_size(memory)),
                      std::memory_order_relaxed);
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  operator delete(memory);
}

#endif

namespace tandem::index {
namespace {

using Floats = std::vector<float>;

TEST(MemoryTest, AMergeThatRunsOutOfMemoryAnywhereKeepsTheOldBase) {
  if (!kCounts) GTEST_SKIP() << "memory is not counted";
  // What is computed once in a program is there by now.
  const auto make = [] {
    auto index = LiveIndex::Create(2, {.merge_in_background = false}).value();
    EXPECT_TRUE(index->Upsert("a", Floats{1, 0}).ok());
    EXPECT_TRUE(index->Upsert("b", Floats{2, 0}).ok());
    EXPECT_TRUE(index->Flush().ok());
    EXPECT_TRUE(index->Upsert("c", Floats{3, 0}).ok());
    EXPECT_TRUE(index->Delete("a").ok());
    return index;
  };
  const auto found = [](const LiveIndex& index) {
    std::vector<std::string> ids;
    const std::vector<Neighbor> neighbors = index.Search(Floats{1, 0}, 9).value();
    for (const Neighbor& neighbor : neighbors) ids.push_back(neighbor.id);
    return ids;
  };
  const std::vector<std::string> want = {"c", "b"};
  EXPECT_TRUE(make()->Flush().ok());
  int failures = 0;
  for (bool failed = true; failed; ++failures) {
    ASSERT_LT(failures, 5000) << "never succeeds";
    const auto index = make();
    allocations_until_failure = failures;
    const Status status = index->Flush();
    allocations_until_failure = kNever;
    failed = !status.ok();
    EXPECT_EQ(found(*index), want) << failures;
    EXPECT_EQ(index->stats().merges, failed ? 1 : 2);
    EXPECT_EQ(index->stats().last_merge_error.ok(), !failed);
    if (!failed) break;
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
    EXPECT_FALSE(status.message().empty());
    ASSERT_TRUE(index->Upsert("d", Floats{0, 1}).ok()) << failures;
    ASSERT_TRUE(index->Flush().ok());
    EXPECT_EQ(index->stats().base, 3);
  }
  EXPECT_GT(failures, 20);
}

// 64 queries of a batch, each with room for 150,000 items of 8 bytes twice and for 100,000 answers,
// would be 205 MB.
TEST(MemoryTest, ABatchThatAsksForVeryManyItemsTakesNoMoreThanAFew) {
  if (!kCounts) GTEST_SKIP() << "memory is not counted";
  constexpr int64_t kItems = 100'000;
  constexpr size_t kQueries = 64;
  Rng rng(1);
  Floats rows(2 * kItems);
  for (float& x : rows) x = rng.Normal();
  const auto index = ExactIndex::Create(rows, kItems, 2).value();
  Floats queries(2 * kQueries);
  for (float& x : queries) x = rng.Normal();
  std::vector<int32_t> ids(kQueries * kItems);
  Floats scores(ids.size());
  const int64_t before = bytes_now;
  most_bytes = before;
  ASSERT_TRUE(index->Search(queries, {.k = kItems}, ids, scores).ok());
  EXPECT_LT(most_bytes - before, 64 << 20);
  for (size_t q = 0; q < kQueries; q += 9) {
    std::vector<int32_t> alone(kItems);
    Floats alone_scores(kItems);
    ASSERT_TRUE(
        index->Search(std::span(queries).subspan(2 * q, 2), {.k = kItems}, alone, alone_scores)
            .ok());
    EXPECT_TRUE(
        std::equal(alone.begin(), alone.end(), ids.begin() + static_cast<int64_t>(q) * kItems));
  }
}

}  // namespace
}  // namespace tandem::index
