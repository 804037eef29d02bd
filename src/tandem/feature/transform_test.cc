#include "tandem/feature/transform.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::feature {
namespace {

using Parts = std::vector<std::string_view>;

TEST(LookupTest, GivesZeroForUnknownTokens) {
  const Vocabulary ids = Vocabulary::FromTokens({"a", "b"}).value();
  EXPECT_EQ(Lookup(ids, Parts{"b", "z", "a"}), (std::vector<int32_t>{2, 0, 1}));
}

TEST(SplitListTest, DropsEmptyParts) {
  EXPECT_EQ(SplitList("Drama|Sci-Fi", "|"), (Parts{"Drama", "Sci-Fi"}));
  EXPECT_EQ(SplitList("|a||b|", "|"), (Parts{"a", "b"}));
  EXPECT_EQ(SplitList("a::b", "::"), (Parts{"a", "b"}));
  EXPECT_EQ(SplitList("a b", ""), (Parts{"a b"}));
  EXPECT_TRUE(SplitList("", "|").empty());
}

TEST(HashBucketTest, SpreadsEvenlyAndSaltsIndependently) {
  // 10,000 tokens in 10 buckets: 1,000 each, with a deviation of sqrt(10000 * .1 * .9) = 30.
  std::vector<int> counts(10, 0);
  int same = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string token = std::to_string(i);
    const int64_t bucket = HashBucket(token, 10);
    ASSERT_EQ(bucket, HashBucket(token, 10));
    ++counts[static_cast<size_t>(bucket)];
    same += bucket == HashBucket(token, 10, 1) ? 1 : 0;
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
  EXPECT_NEAR(same, 1000, 150);
}

TEST(BucketizeTest, ABoundaryBelongsToTheBucketAboveIt) {
  const Bucketize bucketize = Bucketize::Create({0, 1.5}).value();
  EXPECT_EQ(bucketize.buckets(), 3);
  EXPECT_EQ(bucketize(-1), 0);
  EXPECT_EQ(bucketize(0), 1);
  EXPECT_EQ(bucketize(1.4), 1);
  EXPECT_EQ(bucketize(1.5), 2);
  EXPECT_EQ(bucketize(std::numeric_limits<double>::infinity()), 2);
  EXPECT_EQ(bucketize(std::nan("")), 0);
}

TEST(BucketizeTest, RefusesBoundariesThatDoNotAscend) {
  EXPECT_EQ(Bucketize::Create({1, 1}).status().message(),
            "boundary 2 is 1, expected finite and strictly ascending boundaries");
  EXPECT_FALSE(Bucketize::Create({std::nan("")}).ok());
}

TEST(NormalizeTest, FitsMeanAndPopulationDeviation) {
  // Mean (1 + 3 + 5) / 3 = 3, variance (4 + 0 + 4) / 3 = 8/3.
  const Normalize normalize = Normalize::Fit(std::vector<double>{1, 3, 5}).value();
  EXPECT_DOUBLE_EQ(normalize.mean(), 3);
  EXPECT_DOUBLE_EQ(normalize.deviation(), std::sqrt(8.0 / 3));
  EXPECT_FLOAT_EQ(normalize(5), static_cast<float>(2 / std::sqrt(8.0 / 3)));
  EXPECT_FLOAT_EQ(Normalize::Fit(std::vector<double>{7, 7}).value()(9), 2);
}

TEST(NormalizeTest, RefusesWhatCannotScale) {
  EXPECT_FALSE(Normalize::Create(0, 0).ok());
  EXPECT_FALSE(Normalize::Create(std::nan(""), 1).ok());
  EXPECT_FALSE(Normalize::Fit({}).ok());
  EXPECT_FALSE(Normalize::Fit(std::vector<double>{1, std::nan("")}).ok());
}

}  // namespace
}  // namespace tandem::feature
