#include "tandem/index/published.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

namespace tandem::index {
namespace {

// Counts those that live, and is recognisably broken once destroyed.
struct Counted {
  Counted(int n, std::atomic<int>* count) : number(n), negated(-n), living(count) { ++*living; }
  ~Counted() {
    number = negated = 1;
    --*living;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int number;
  int negated;
  std::atomic<int>* living;
};

TEST(PublishedTest, FreesWhatNobodyHoldsAndKeepsTheRest) {
  std::atomic<int> living = 0;
  {
    Published<Counted> cell(std::make_unique<Counted>(1, &living));
    auto first = std::make_unique<Published<Counted>::Hold>(cell.Read());
    cell.Publish(std::make_unique<Counted>(2, &living));
    EXPECT_EQ((*first)->number, 1);
    EXPECT_EQ(cell.Read()->number, 2);
    EXPECT_EQ(living, 2);
    cell.Publish(std::make_unique<Counted>(3, &living));  // nobody holds 2
    EXPECT_EQ((*first)->number, 1);
    EXPECT_EQ(living, 2);
    first.reset();
    cell.Publish(std::make_unique<Counted>(4, &living));  // nor 1 and 3 any more
    EXPECT_EQ(living, 1);
    EXPECT_EQ(cell.current().number, 4);
  }
  EXPECT_EQ(living, 0);
}

TEST(PublishedTest, HandsOutWhatWasReplacedInsteadOfDestroyingIt) {
  std::atomic<int> living = 0;
  Published<Counted> cell(std::make_unique<Counted>(1, &living));
  auto replaced = cell.Publish(std::make_unique<Counted>(2, &living));
  ASSERT_EQ(replaced.size(), 1U);
  EXPECT_EQ(replaced[0]->number, 1);
  EXPECT_EQ(living, 2);
}

TEST(PublishedTest, HoldsMoreThanItsFirstSlots) {
  std::atomic<int> living = 0;
  Published<Counted> cell(std::make_unique<Counted>(1, &living));
  std::deque<Published<Counted>::Hold> holds;
  for (int i = 0; i < 100; ++i) holds.push_back(cell.Read());  // 32 slots in the first place
  cell.Publish(std::make_unique<Counted>(2, &living));
  while (holds.size() > 1) holds.pop_front();  // the last one, in an added slot, stays
  cell.Publish(std::make_unique<Counted>(3, &living));
  EXPECT_EQ(holds.back()->number, 1);
  EXPECT_EQ(living, 2);
}

// Numbers a thread reads never go back and are never those of a destroyed value.
TEST(PublishedTest, ReadersOfManyThreadsSeeWholeValuesInOrder) {
  std::atomic<int> living = 0;
  constexpr int kLast = 20'000;
  Published<Counted> cell(std::make_unique<Counted>(1, &living));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&cell, &wrong] {
      for (int seen = 0; seen < kLast;) {
        const auto value = cell.Read();
        if (value->number < seen || value->negated != -value->number) ++wrong;
        seen = value->number;
      }
    });
  }
  for (int n = 2; n <= kLast; ++n) cell.Publish(std::make_unique<Counted>(n, &living));
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  cell.Publish(std::make_unique<Counted>(kLast + 1, &living));
  EXPECT_EQ(living, 1);
}

}  // namespace
}  // namespace tandem::index
