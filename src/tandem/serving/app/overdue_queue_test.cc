#include "tandem/serving/app/overdue_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace tandem::app {
namespace {

using std::chrono::milliseconds;

TEST(OverdueQueueTest, CallsBackForWhatIsStillThereAfterItsTime) {
  std::vector<int> late;
  std::atomic<int> calls = 0;
  OverdueQueue<int> queue(milliseconds(20), [&](const std::shared_ptr<int>& one) {
    late.push_back(*one);
    ++calls;
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto first = std::make_shared<int>(1);
  const auto third = std::make_shared<int>(3);
  queue.Add(first);
  queue.Add(std::make_shared<int>(2));  // gone at once
  queue.Add(third);
  while (calls < 2) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(20));
  EXPECT_THAT(late, ::testing::ElementsAre(1, 3));
}

TEST(OverdueQueueTest, NothingIsCalledBackAfterItsEnd) {
  std::atomic<int> calls = 0;
  const auto one = std::make_shared<int>(1);
  {
    OverdueQueue<int> queue(std::chrono::hours(1), [&](const auto&) { ++calls; });
    queue.Add(one);
  }
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(one.use_count(), 1);
}

TEST(OverdueQueueTest, ManyThreadsMayAdd) {
  std::atomic<int> calls = 0;
  OverdueQueue<int> queue(milliseconds(1), [&](const auto&) { ++calls; });
  std::vector<std::shared_ptr<int>> all(400);
  for (auto& one : all) one = std::make_shared<int>(0);
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (size_t i = 0; i < 100; ++i) queue.Add(all[100 * t + i]);
      });
    }
  }
  while (calls < 400) std::this_thread::sleep_for(milliseconds(1));
}

}  // namespace
}  // namespace tandem::app
