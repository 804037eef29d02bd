#include "tandem/cli/index_truth.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tandem/base/memory_env.h"

namespace tandem::cli {
namespace {

// Items on a line: row i is (i, 1).
index::IndexFile Line(int64_t n, index::Metric metric = index::Metric::kDot) {
  std::vector<float> rows;
  for (int64_t i = 0; i < n; ++i) {
    rows.push_back(static_cast<float>(i));
    rows.push_back(1);
  }
  index::ExactOptions options;
  options.metric = metric;
  return {.file = nullptr,
          .engine = "exact",
          .metric = metric,
          .index = index::ExactIndex::Create(rows, n, 2, options).value(),
          .ids = index::IdMap::Identity(n),
          .attributes = index::AttributeTable(n)};
}

constexpr float kDirections[] = {1, 0, -1, 0};  // the largest rows, the smallest ones
const Vectors kQueries = {.n = 2, .d = 2, .values = kDirections, .owner = nullptr};

TEST(IndexTruth, IsTheKthBestScoreOfAllRows) {
  const index::IndexFile index = Line(1000);  // more than a block of rows
  Workers workers(2);
  const auto tops = FindTrueTops(index, kQueries, Restriction(), 3, workers);
  ASSERT_EQ(tops.size(), 2u);
  EXPECT_EQ(tops[0].kth, 997);  // of 999, 998, 997
  EXPECT_EQ(tops[1].kth, -2);   // of 0, -1, -2
  EXPECT_EQ(tops[0].count, 3);
}

TEST(IndexTruth, FollowsTheMetric) {
  Workers workers(1);
  // |(1, 0) - (i, 1)|^2 = (i - 1)^2 + 1: 1, then 2 for rows 0 and 2.
  const auto l2 = FindTrueTops(Line(5, index::Metric::kL2), kQueries, Restriction(), 2, workers);
  EXPECT_EQ(l2[0].kth, -2);
  // i / sqrt(i^2 + 1): the second best is that of row 3.
  const auto cosine =
      FindTrueTops(Line(5, index::Metric::kCosine), kQueries, Restriction(), 2, workers);
  EXPECT_NEAR(cosine[0].kth, 3 / std::sqrt(10.0), 1e-7);
}

TEST(IndexTruth, KnowsOnlyWhatMayBeFound) {
  MemoryEnv env;
  const index::IndexFile index = Line(5);
  ASSERT_TRUE(env.WriteFile("lists", "4 3\n0 1 2 3\n").ok());
  const auto restriction = Restriction::Read(env, {"lists", ""}, index, 2);
  ASSERT_TRUE(restriction.ok()) << restriction.status();
  Workers workers(1);
  const auto tops = FindTrueTops(index, kQueries, *restriction, 2, workers);
  EXPECT_EQ(tops[0].kth, 1);  // rows 2 and 1 are left in front
  EXPECT_EQ(tops[1].kth, -4);
  EXPECT_EQ(tops[1].count, 1);
}

TEST(IndexTruth, RecallCountsItemsThatReachTheKthScoreOnce) {
  const index::IndexFile index = Line(5);
  Workers workers(1);
  const auto tops = FindTrueTops(index, kQueries, Restriction(), 2, workers);
  const auto recall = [&](std::vector<int32_t> rows) {
    return Recall(index, kQueries, tops, rows);
  };
  EXPECT_EQ(recall({4, 3, 0, 1}), 1);
  EXPECT_EQ(recall({3, 4, 1, 0}), 1);     // in any order
  EXPECT_EQ(recall({4, 2, 0, 1}), 0.75);  // row 2 does not reach 3
  EXPECT_EQ(recall({4, 4, 0, 0}), 0.5);   // twice is once
  EXPECT_EQ(recall({4, -1, -1, -1}), 0.25);
}

TEST(IndexTruth, OfTiesAnyWillDo) {
  const std::vector<float> rows = {1, 0, 1, 0, 1, 0, 0, 0};
  index::IndexFile index = Line(4);
  index.index = index::ExactIndex::Create(rows, 4, 2).value();
  const Vectors query = {
      .n = 1, .d = 2, .values = std::span(kDirections).first(2), .owner = nullptr};
  Workers workers(1);
  const auto tops = FindTrueTops(index, query, Restriction(), 2, workers);
  EXPECT_EQ(Recall(index, query, tops, std::vector<int32_t>{0, 1}), 1);
  EXPECT_EQ(Recall(index, query, tops, std::vector<int32_t>{2, 1}), 1);
  EXPECT_EQ(Recall(index, query, tops, std::vector<int32_t>{2, 3}), 0.5);
}

TEST(IndexTruth, OfNothingToBeFoundAllIsFound) {
  MemoryEnv env;
  const index::IndexFile index = Line(2);
  ASSERT_TRUE(env.WriteFile("lists", "0 1\n0 1\n").ok());
  const auto restriction = Restriction::Read(env, {"lists", ""}, index, 2);
  ASSERT_TRUE(restriction.ok()) << restriction.status();
  Workers workers(1);
  const auto tops = FindTrueTops(index, kQueries, *restriction, 2, workers);
  EXPECT_EQ(tops[0].count, 0);
  EXPECT_EQ(Recall(index, kQueries, tops, std::vector<int32_t>{-1, -1, -1, -1}), 1);
}

}  // namespace
}  // namespace tandem::cli
