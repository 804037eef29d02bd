#include "tandem/training/metric/top_k_accuracy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::metric {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Owns what a TopKInput looks at.
struct Case {
  int64_t dimension = 1;
  std::vector<float> queries, items, weights;
  std::vector<int32_t> query_of, item_of, seen;
  std::vector<int64_t> seen_offsets;

  TopKInput View() const {
    TopKInput input;
    input.dimension = dimension;
    input.queries = queries;
    input.items = items;
    input.query_of = query_of;
    input.item_of = item_of;
    input.weights = weights;
    input.seen_offsets = seen_offsets;
    input.seen = seen;
    return input;
  }
};

std::vector<double> Accuracy(const Case& data, const std::vector<int64_t>& ks) {
  Workers workers(1);
  return TopKAccuracy(data.View(), ks, workers).value();
}

std::string Refusal(const Case& data, const std::vector<int64_t>& ks = {1}) {
  Workers workers(1);
  return TopKAccuracy(data.View(), ks, workers).status().message();
}

// One query of value 1: an item's score is its own number.
Case OneQuery() {
  Case data;
  data.queries = {1};
  data.items = {5, 3, 3, 1};
  data.query_of = {0, 0, 0, 0};
  data.item_of = {0, 1, 2, 3};
  return data;
}

TEST(TopKAccuracyTest, CountsStrictlyGreaterScoresSoThatTiesAreHits) {
  // Ranks 0, 1, 1, 3: one of four at 1, three at 2 (the tie counts for both), all at 4.
  EXPECT_EQ(Accuracy(OneQuery(), {1, 2, 3, 4}), (std::vector<double>{0.25, 0.75, 0.75, 1}));
}

TEST(TopKAccuracyTest, WeightsTheMean) {
  Case data = OneQuery();
  data.weights = {1, 0, 0, 3};
  EXPECT_EQ(Accuracy(data, {1, 4}), (std::vector<double>{0.25, 1}));
}

TEST(TopKAccuracyTest, LeavesSeenItemsOut) {
  Case data = OneQuery();
  data.seen_offsets = {0, 2};
  data.seen = {0, 2};
  // Items 0 and 2 are misses; 1 has rank 0 and 3 has rank 1 among items 1 and 3.
  EXPECT_EQ(Accuracy(data, {1, 2, 100}), (std::vector<double>{0.25, 0.5, 0.5}));
}

TEST(TopKAccuracyTest, UnknownItemsAndScoresThatAreNotFiniteAreMisses) {
  Case data = OneQuery();
  data.items[1] = kNan;
  data.items[2] = std::numeric_limits<float>::infinity();
  data.item_of[3] = -1;
  // Only item 0 is left; the infinite score ranks above it, the NaN nowhere.
  EXPECT_EQ(Accuracy(data, {1, 2}), (std::vector<double>{0, 0.25}));
}

// The definition, word for word.
std::vector<double> Naive(const Case& data, const std::vector<int64_t>& ks) {
  const size_t d = static_cast<size_t>(data.dimension);
  const auto score = [&data, d](int32_t query, size_t item) {
    float sum = 0;
    for (size_t j = 0; j < d; ++j) {
      sum += data.queries[static_cast<size_t>(query) * d + j] * data.items[item * d + j];
    }
    return sum;
  };
  std::vector<double> hits(ks.size(), 0);
  for (size_t i = 0; i < data.query_of.size(); ++i) {
    const int32_t query = data.query_of[i];
    const size_t first = static_cast<size_t>(data.seen_offsets[static_cast<size_t>(query)]);
    const size_t last = static_cast<size_t>(data.seen_offsets[static_cast<size_t>(query) + 1]);
    const std::vector<int32_t> seen(data.seen.begin() + static_cast<std::ptrdiff_t>(first),
                                    data.seen.begin() + static_cast<std::ptrdiff_t>(last));
    const auto is_seen = [&seen](size_t item) {
      return std::find(seen.begin(), seen.end(), static_cast<int32_t>(item)) != seen.end();
    };
    if (data.item_of[i] < 0 || is_seen(static_cast<size_t>(data.item_of[i]))) continue;
    const float bar = score(query, static_cast<size_t>(data.item_of[i]));
    int64_t rank = 0;
    for (size_t item = 0; item < data.items.size() / d; ++item) {
      if (!is_seen(item) && score(query, item) > bar) ++rank;
    }
    for (size_t j = 0; j < ks.size(); ++j) hits[j] += rank < ks[j] ? 1 : 0;
  }
  for (double& hit : hits) hit /= static_cast<double>(data.query_of.size());
  return hits;
}

// Small whole numbers, so that every order of summing gives the same scores, with many ties.
Case Random(uint64_t seed) {
  Rng rng(seed);
  Case data;
  data.dimension = 7;
  const size_t queries = 90 + rng.UniformInt(50);
  const size_t items = 150 + rng.UniformInt(80);
  for (size_t i = 0; i < queries * 7; ++i) {
    data.queries.push_back(static_cast<float>(rng.UniformInt(7)) - 3);
  }
  for (size_t i = 0; i < items * 7; ++i) {
    data.items.push_back(static_cast<float>(rng.UniformInt(7)) - 3);
  }
  data.seen_offsets = {0};
  for (size_t query = 0; query < queries; ++query) {
    for (size_t item = 0; item < items; ++item) {
      if (rng.UniformInt(10) == 0) data.seen.push_back(static_cast<int32_t>(item));
    }
    data.seen_offsets.push_back(static_cast<int64_t>(data.seen.size()));
  }
  for (int i = 0; i < 1000; ++i) {
    data.query_of.push_back(static_cast<int32_t>(rng.UniformInt(queries)));
    data.item_of.push_back(static_cast<int32_t>(rng.UniformInt(items + 1)) - 1);
  }
  return data;
}

TEST(TopKAccuracyTest, AgreesWithTheDefinitionAtAnyThreadCount) {
  const std::vector<int64_t> ks = {1, 5, 10, 50, 100};
  Workers two(2);
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Case data = Random(seed);
    const std::vector<double> expected = Naive(data, ks);
    EXPECT_EQ(Accuracy(data, ks), expected);
    EXPECT_EQ(TopKAccuracy(data.View(), ks, two).value(), expected);
  }
}

TEST(TopKAccuracyTest, RefusesShapesThatDoNotFit) {
  Case data = OneQuery();
  data.item_of[2] = 4;
  EXPECT_EQ(Refusal(data), "item_of[2] is 4, expected -1 to 3");
  data = OneQuery();
  data.query_of[1] = -1;
  EXPECT_EQ(Refusal(data), "query_of[1] is -1, expected 0 to 0");
  EXPECT_EQ(Refusal(OneQuery(), {0}), "k is 0, expected 1 or more");
  data = OneQuery();
  data.weights = {0, 0, 0, 0};
  EXPECT_EQ(Refusal(data), "the weights of all interactions are 0");
  data = OneQuery();
  data.seen_offsets = {0, 1};
  EXPECT_EQ(Refusal(data), "seen_offsets do not cut 0 seen items into 1 lists");
  EXPECT_EQ(Refusal(Case()), "no interactions to evaluate");
}

// Finds nothing; only says how well it would.
class FakeIndex final : public index::ItemIndex {
 public:
  explicit FakeIndex(bool is_exact) : is_exact_(is_exact) {}
  Status Search(std::span<const float>, const index::SearchOptions&, std::span<int32_t>,
                std::span<float>) const override {
    return {};
  }
  bool is_exact() const override { return is_exact_; }
  void CopyVector(int32_t, std::span<float>) const override {}
  int64_t size() const override { return 0; }
  int64_t dimension() const override { return 1; }

 private:
  bool is_exact_;
};

TEST(CheckExactTest, RefusesAnApproximateIndex) {
  EXPECT_TRUE(CheckExact(FakeIndex(true)).ok());
  EXPECT_EQ(CheckExact(FakeIndex(false)).code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace tandem::metric
