#include "tandem/training/data/history.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::data {
namespace {

Interactions Sample() {
  Interactions sample;
  sample.users = feature::Vocabulary::Build({"a", "b", "c"}).value();
  sample.items = feature::Vocabulary::Build({"x", "y", "z"}).value();
  //            twice x by a: the one at time 9 is later, whatever its place
  sample.user = {0, 2, 0, 0, 2, -1, 2};
  sample.item = {0, 2, 2, 0, 1, 1, -1};
  sample.rating = {5, 4, 3, 2, 1, 1, 1};
  sample.time = {9, 1, 1, 8, 1, 1, 1};
  return sample;
}

TEST(HistoryTest, ListsItemsOfEachUserSortedAndOnce) {
  const History history = MakeHistory(Sample());
  EXPECT_EQ(history.users(), 3);
  EXPECT_EQ(history.offsets, (std::vector<int64_t>{0, 2, 2, 4}));
  EXPECT_EQ(history.items, (std::vector<int32_t>{0, 2, 1, 2}));
  EXPECT_EQ(history.ratings, (std::vector<float>{5, 3, 1, 4}));
  EXPECT_TRUE(history.ItemsOf(1).empty());
  EXPECT_EQ(history.ItemsOf(2)[0], 1);
  EXPECT_EQ(history.RatingsOf(2)[1], 4);
}

TEST(HistoryTest, TheLaterPlaceWinsAtEqualTimes) {
  Interactions sample = Sample();
  sample.time[0] = 8;
  EXPECT_EQ(MakeHistory(sample).ratings[0], 2);
}

TEST(PopularityTest, CountsSharesAndOrder) {
  const std::vector<int64_t> counts = ItemCounts(Sample());
  EXPECT_EQ(counts, (std::vector<int64_t>{2, 2, 2}));
  const std::vector<float> shares = SamplingProbabilities(std::vector<int64_t>{1, 0, 3});
  EXPECT_EQ(shares, (std::vector<float>{0.25f, 0.0f, 0.75f}));
  EXPECT_EQ(SamplingProbabilities(std::vector<int64_t>{0, 0}), (std::vector<float>{0, 0}));
  EXPECT_EQ(ByPopularity(std::vector<int64_t>{1, 3, 1, 3}), (std::vector<int32_t>{1, 3, 0, 2}));
}

}  // namespace
}  // namespace tandem::data
