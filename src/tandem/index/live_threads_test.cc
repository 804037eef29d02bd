// LiveIndex used by many threads: what a search may find while others write and merge. Run under
// the thread sanitizer too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tandem/base/log.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/live_index.h"

namespace tandem::index {
namespace {

using Floats = std::vector<float>;
using ::testing::ElementsAre;

Neighbor Near(std::string id, float score) { return {std::move(id), score}; }

Result<std::unique_ptr<ItemIndex>> Exact(std::span<const float> rows, int64_t n, int64_t d) {
  TANDEM_ASSIGN_OR_RETURN(std::unique_ptr<ItemIndex> index, ExactIndex::Create(rows, n, d));
  return index;
}

// A merge that stands still after it took its rows, until it is let go.
struct Gate {
  std::latch begun{1};
  std::latch go{1};
  std::atomic<int> builds = 0;

  Result<std::unique_ptr<ItemIndex>> Build(std::span<const float> rows, int64_t n, int64_t d) {
    if (++builds == 2) {  // the first one made the base
      begun.count_down();
      go.wait();
    }
    return Exact(rows, n, d);
  }
};

LiveOptions Gated(Gate& gate, bool background) {
  return {.merge_at = 3,
          .merge_in_background = background,
          .build = [&gate](std::span<const float> rows, int64_t n, int64_t d) {
            return gate.Build(rows, n, d);
          }};
}

TEST(LiveThreadsTest, ChangesDuringAMergeAreInTheAnswersAtOnceAndAfterIt) {
  Gate gate;
  const auto index = LiveIndex::Create(1, Gated(gate, false)).value();
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(index->Upsert(id, Floats{1}).ok());
  ASSERT_TRUE(index->Flush().ok());
  for (const char* id : {"d", "e", "f"}) ASSERT_TRUE(index->Upsert(id, Floats{2}).ok());
  ASSERT_TRUE(index->Delete("a").ok());

  std::thread merger([&index] { EXPECT_TRUE(index->Flush().ok()); });
  gate.begun.wait();
  ASSERT_TRUE(index->Delete("b").ok());             // of the old base
  ASSERT_TRUE(index->Upsert("d", Floats{5}).ok());  // of the old log, anew
  ASSERT_TRUE(index->Delete("e").ok());             // of the old log
  ASSERT_TRUE(index->Upsert("g", Floats{4}).ok());  // new
  ASSERT_TRUE(index->Upsert("h", Floats{3}).ok());  // new and gone
  ASSERT_TRUE(index->Delete("h").ok());
  ASSERT_TRUE(index->Upsert("a", Floats{-1}).ok());  // was gone before
  const auto answer =
      ElementsAre(Near("d", 5), Near("g", 4), Near("f", 2), Near("c", 1), Near("a", -1));
  EXPECT_THAT(*index->Search(Floats{1}, 9), answer);
  EXPECT_EQ(index->stats().merges, 1);
  gate.go.count_down();
  merger.join();

  EXPECT_EQ(index->stats().merges, 2);
  EXPECT_EQ(index->stats().base, 5);     // b c d e f
  EXPECT_EQ(index->stats().pending, 7);  // b, d and e of the base; d, g, h and a of the log
  EXPECT_THAT(*index->Search(Floats{1}, 9), answer);
  EXPECT_EQ(index->size(), 5);
  for (const char* gone : {"b", "e", "h"}) EXPECT_FALSE(index->Contains(gone));
  ASSERT_TRUE(index->Flush().ok());
  EXPECT_EQ(index->stats().pending, 0);
  EXPECT_EQ(index->stats().base, 5);
  EXPECT_THAT(*index->Search(Floats{1}, 9), answer);
}

TEST(LiveThreadsTest, TheDestructorWaitsForAMergeInTheBackground) {
  Gate gate;
  auto index = LiveIndex::Create(1, Gated(gate, true)).value();
  ASSERT_TRUE(index->Upsert("a", Floats{1}).ok());
  ASSERT_TRUE(index->Flush().ok());
  for (const char* id : {"b", "c", "d"}) ASSERT_TRUE(index->Upsert(id, Floats{1}).ok());
  gate.begun.wait();
  std::thread destroyer([&index] { index.reset(); });
  gate.go.count_down();
  destroyer.join();
  EXPECT_EQ(gate.builds, 2);
}

TEST(LiveThreadsTest, AFailedMergeInTheBackgroundIsLoggedAndTriedAgainAfterAsManyChanges) {
  std::atomic<int> errors = 0;
  SetLogSink([&errors](LogLevel level, std::string_view) {
    if (level == LogLevel::kError) ++errors;
  });
  std::atomic<int> builds = 0;
  const auto build = [&builds](std::span<const float> rows, int64_t n,
                               int64_t d) -> Result<std::unique_ptr<ItemIndex>> {
    if (++builds == 1) return UnavailableError("not now");
    return Exact(rows, n, d);
  };
  {
    const auto index = LiveIndex::Create(1, {.merge_at = 4, .build = build}).value();
    int id = 0;
    const auto add = [&] { ASSERT_TRUE(index->Upsert(std::to_string(id++), Floats{1}).ok()); };
    while (id < 4) add();
    while (index->stats().last_merge_error.ok()) std::this_thread::yield();
    EXPECT_EQ(index->stats().pending, 4);
    while (id < 7) add();
    EXPECT_EQ(builds, 1);
    add();  // 8 wait
    while (index->stats().merges == 0) std::this_thread::yield();
    EXPECT_TRUE(index->stats().last_merge_error.ok());
    EXPECT_EQ(index->size(), 8);
  }
  SetLogSink({});
  EXPECT_EQ(errors, 1);
}

// Version v of an id is its vector (v): odd ones are upserted, even ones deleted. Each id has one
// writer, which notes the version before it begins and when it is done; so a search that began when
// `done` was d and ended when `begun` was b must find an odd version of d..b or, where there is an
// even one among them, nothing.
TEST(LiveThreadsTest, ASearchFindsWhatWasDoneBeforeItBeganAndNothingThatWasUndone) {
  constexpr size_t kIds = 12;
  constexpr size_t kWriters = 3;
  constexpr int kVersions = 2'000;
  struct Progress {
    std::atomic<int> begun = 0;
    std::atomic<int> done = 0;
  };
  std::array<Progress, kIds> progress;
  std::atomic<int> failures = 0;
  const auto index = LiveIndex::Create(1, {.merge_at = 64}).value();
  // Two ids that are always written together.
  const std::vector<std::string> twins = {"left", "right"};
  ASSERT_TRUE(index->Upsert(twins, Floats{-1, -1}).ok());

  std::atomic<size_t> writing = kWriters;
  const auto write = [&](size_t writer) {
    for (int version = 1; version <= kVersions; ++version) {
      for (size_t id = writer; id < kIds; id += kWriters) {
        progress[id].begun = version;
        const std::string name = std::to_string(id);
        const Status status = version % 2 == 1
                                  ? index->Upsert(name, Floats{static_cast<float>(version)})
                                  : index->Delete(name);
        if (!status.ok()) ++failures;
        progress[id].done = version;
      }
      const auto twin = static_cast<float>(-version);
      if (writer == 0 && !index->Upsert(twins, Floats{twin, twin}).ok()) ++failures;
      if (writer == 1 && version % 100 == 0 && !index->Flush().ok()) ++failures;
    }
    --writing;
  };
  const auto read = [&] {
    while (writing > 0) {
      std::array<int, kIds> done;
      for (size_t id = 0; id < kIds; ++id) done[id] = progress[id].done;
      const auto found = index->Search(Floats{1}, kIds + 2).value();
      std::array<int, kIds> version{};
      std::vector<float> twin_scores;
      for (const Neighbor& hit : found) {
        if (hit.score < 0) {
          twin_scores.push_back(hit.score);
        } else {
          version[std::stoul(hit.id)] = static_cast<int>(hit.score);
        }
      }
      if (twin_scores.size() != 2 || twin_scores[0] != twin_scores[1]) ++failures;
      for (size_t id = 0; id < kIds; ++id) {
        const int begun = progress[id].begun;
        const bool gone_at_some_moment = done[id] % 2 == 0 || begun > done[id];
        const bool right = version[id] == 0 ? gone_at_some_moment
                                            : version[id] % 2 == 1 && version[id] >= done[id] &&
                                                  version[id] <= begun;
        if (!right) ++failures;
      }
    }
  };
  std::vector<std::thread> threads;
  for (size_t writer = 0; writer < kWriters; ++writer) threads.emplace_back(write, writer);
  for (int reader = 0; reader < 2; ++reader) threads.emplace_back(read);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(index->size(), 2);           // the last version, an even one, deletes all but the twins
  EXPECT_GE(index->stats().merges, 20);  // there were changes between any two of its Flushes
}

}  // namespace
}  // namespace tandem::index
