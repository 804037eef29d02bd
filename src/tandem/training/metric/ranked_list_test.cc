#include "tandem/training/metric/ranked_list.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tandem::metric {
namespace {

using Rows = std::vector<int32_t>;

TEST(RankedListTest, ValuesByHand) {
  const Rows ranked = {4, 7, 1, 9};
  const Rows relevant = {1, 2, 7};  // hits at places 2 and 3
  EXPECT_DOUBLE_EQ(RecallAt(2, ranked, relevant), 1.0 / 3);
  EXPECT_DOUBLE_EQ(RecallAt(4, ranked, relevant), 2.0 / 3);
  EXPECT_DOUBLE_EQ(ReciprocalRankAt(1, ranked, relevant), 0);
  EXPECT_DOUBLE_EQ(ReciprocalRankAt(4, ranked, relevant), 0.5);
  // DCG@3 = 1/log2(3) + 1/log2(4), ideal 1/log2(2) + 1/log2(3) + 1/log2(4).
  const double third = 1 / std::log2(3.0);
  EXPECT_DOUBLE_EQ(NdcgAt(3, ranked, relevant), (third + 0.5) / (1 + third + 0.5));
  // With k = 2 the ideal list has two places only.
  EXPECT_DOUBLE_EQ(NdcgAt(2, ranked, relevant), third / (1 + third));
}

TEST(RankedListTest, APerfectListHasOne) {
  EXPECT_DOUBLE_EQ(NdcgAt(10, Rows{3, 1}, Rows{1, 3}), 1);
  EXPECT_DOUBLE_EQ(RecallAt(10, Rows{3, 1}, Rows{1, 3}), 1);
  EXPECT_DOUBLE_EQ(ReciprocalRankAt(10, Rows{3, 1}, Rows{1, 3}), 1);
}

TEST(RankedListTest, EmptyPlacesAndNothingRelevantGiveZero) {
  EXPECT_EQ(RecallAt(3, Rows{-1, -1}, Rows{1}), 0);
  EXPECT_EQ(NdcgAt(3, Rows{1}, {}), 0);
  EXPECT_EQ(RecallAt(3, Rows{1}, {}), 0);
  EXPECT_EQ(ReciprocalRankAt(3, {}, Rows{1}), 0);
}

}  // namespace
}  // namespace tandem::metric
