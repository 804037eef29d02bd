#include "tandem/training/data/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tandem::data {
namespace {

TEST(SplitRandomlyTest, TakesEveryRowOnce) {
  const Split split = SplitRandomly(1000, 0.2, 7).value();
  EXPECT_EQ(split.test.size(), 200u);
  EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
  EXPECT_TRUE(std::is_sorted(split.test.begin(), split.test.end()));
  std::vector<int64_t> all = split.train;
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), 1000u);
  for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<int64_t>(i));
}

TEST(SplitRandomlyTest, DependsOnTheSeedAlone) {
  EXPECT_EQ(SplitRandomly(1000, 0.2, 7).value().test, SplitRandomly(1000, 0.2, 7).value().test);
  EXPECT_NE(SplitRandomly(1000, 0.2, 7).value().test, SplitRandomly(1000, 0.2, 8).value().test);
}

TEST(SplitRandomlyTest, LeavesARowOnEitherSide) {
  EXPECT_EQ(SplitRandomly(2, 0.01, 1).value().test.size(), 1u);
  EXPECT_EQ(SplitRandomly(2, 0.99, 1).value().train.size(), 1u);
}

TEST(SplitRandomlyTest, RefusesWhatCannotBeSplit) {
  EXPECT_EQ(SplitRandomly(1, 0.5, 1).status().message(),
            "cannot split 1 rows, expected at least 2");
  EXPECT_FALSE(SplitRandomly(10, 0, 1).ok());
  EXPECT_FALSE(SplitRandomly(10, 1, 1).ok());
  EXPECT_FALSE(SplitRandomly(10, std::nan(""), 1).ok());
}

TEST(SplitByTimeTest, TheLatestRowsAreTheTest) {
  // Five rows, two fifths: times 9 (row 1) and the later row of the two at time 5 (row 3).
  const std::vector<int64_t> times = {5, 9, 1, 5, 2};
  const Split split = SplitByTime(times, 0.4).value();
  EXPECT_EQ(split.test, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(split.train, (std::vector<int64_t>{0, 2, 4}));
}

}  // namespace
}  // namespace tandem::data
