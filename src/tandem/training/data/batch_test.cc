#include "tandem/training/data/batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::data {
namespace {

using Rows = std::vector<int32_t>;

// `rows` interactions of 40 users with 60 items.
Interactions Random(int64_t rows) {
  Interactions random;
  std::vector<std::string> tokens;
  for (int i = 0; i < 60; ++i) tokens.push_back(std::to_string(i));
  random.items = feature::Vocabulary::Build(tokens).value();
  tokens.resize(40);
  random.users = feature::Vocabulary::Build(tokens).value();
  Rng rng(7);
  for (int64_t i = 0; i < rows; ++i) {
    random.user.push_back(static_cast<int32_t>(rng.UniformInt(40)));
    random.item.push_back(static_cast<int32_t>(rng.UniformInt(60)));
    random.rating.push_back(static_cast<float>(i));
    random.time.push_back(0);
  }
  return random;
}

BatchPlan Plan(const Interactions& interactions, GroupBy group_by, int64_t size, bool reshuffle,
               uint64_t seed = 42) {
  BatchOptions options;
  options.group_by = group_by;
  options.size = size;
  options.reshuffle = reshuffle;
  options.seed = seed;
  return BatchPlan::Create(interactions, options).value();
}

std::vector<int64_t> Sorted(const std::vector<std::vector<int64_t>>& batches) {
  std::vector<int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  std::sort(all.begin(), all.end());
  return all;
}

TEST(MakeBatchTest, HoldsUsersAndItemsOnce) {
  Interactions interactions = Random(0);
  interactions.user = {5, 2, 5, 9};
  interactions.item = {7, 7, 3, 1};
  interactions.rating = {1, 2, 3, 4};
  interactions.time = {0, 0, 0, 0};
  const History history = MakeHistory(interactions);
  // Rows 2, 0, 1: users 5, 5, 2 and items 3, 7, 7.
  const Batch batch = MakeBatch(interactions, history, std::vector<int64_t>{2, 0, 1});
  EXPECT_EQ(batch.size(), 3);
  EXPECT_EQ(batch.queries, (Rows{2, 5}));
  EXPECT_EQ(batch.items, (Rows{3, 7}));
  EXPECT_EQ(batch.item_counts, (std::vector<float>{1, 2}));
  EXPECT_EQ(batch.query_of, (Rows{1, 1, 0}));
  EXPECT_EQ(batch.item_of, (Rows{0, 1, 1}));
  EXPECT_EQ(batch.ratings, (std::vector<float>{3, 1, 2}));
  EXPECT_EQ(batch.weights, (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(batch.history_offsets, (std::vector<int64_t>{0, 1, 3}));
  EXPECT_EQ(batch.history, (Rows{7, 3, 7}));
}

TEST(BatchPlanTest, ByInteractionCutsEveryRowIntoOneBatch) {
  const Interactions interactions = Random(1000);
  const BatchPlan plan = Plan(interactions, GroupBy::kInteraction, 300, false);
  EXPECT_EQ(plan.batches(), 4);
  const auto batches = plan.Epoch(0);
  ASSERT_EQ(batches.size(), 4u);
  EXPECT_EQ(batches[2].size(), 300u);
  EXPECT_EQ(batches[3].size(), 100u);
  std::vector<int64_t> all(1000);
  std::iota(all.begin(), all.end(), int64_t{0});
  EXPECT_EQ(Sorted(batches), all);
  EXPECT_FALSE(std::is_sorted(batches[0].begin(), batches[0].end()));
}

TEST(BatchPlanTest, FixedBatchesRepeatAndReshuffledOnesDoNot) {
  const Interactions interactions = Random(1000);
  const BatchPlan fixed = Plan(interactions, GroupBy::kInteraction, 300, false);
  EXPECT_EQ(fixed.Epoch(0), fixed.Epoch(5));
  const BatchPlan fresh = Plan(interactions, GroupBy::kInteraction, 300, true);
  EXPECT_NE(fresh.Epoch(0), fresh.Epoch(1));
  EXPECT_EQ(fresh.Epoch(1), fresh.Epoch(1));
  EXPECT_EQ(Sorted(fresh.Epoch(0)), Sorted(fresh.Epoch(1)));
  const BatchPlan other = Plan(interactions, GroupBy::kInteraction, 300, false, 43);
  EXPECT_NE(fixed.Epoch(0), other.Epoch(0));
}

TEST(BatchPlanTest, ByUserKeepsAUsersInteractionsTogether) {
  const Interactions interactions = Random(1000);
  const BatchPlan plan = Plan(interactions, GroupBy::kUser, 16, true);
  EXPECT_EQ(plan.batches(), 3);  // 16 + 16 + 8 of 40 users
  std::set<int32_t> seen;
  for (const std::vector<int64_t>& batch : plan.Epoch(3)) {
    std::set<int32_t> users;
    for (const int64_t row : batch) users.insert(interactions.user[static_cast<size_t>(row)]);
    EXPECT_LE(users.size(), 16u);
    for (const int32_t user : users) EXPECT_TRUE(seen.insert(user).second) << user;
  }
  EXPECT_EQ(seen.size(), 40u);
  EXPECT_EQ(Sorted(plan.Epoch(3)).size(), 1000u);
}

TEST(BatchPlanTest, SizeZeroIsOneBatch) {
  const Interactions interactions = Random(100);
  EXPECT_EQ(Plan(interactions, GroupBy::kUser, 0, false).batches(), 1);
  EXPECT_EQ(Plan(interactions, GroupBy::kInteraction, 0, false).Epoch(0)[0].size(), 100u);
}

TEST(BatchPlanTest, RefusesNothingAndNegativeSizes) {
  EXPECT_FALSE(BatchPlan::Create(Random(0), BatchOptions()).ok());
  BatchOptions options;
  options.size = -1;
  EXPECT_EQ(BatchPlan::Create(Random(10), options).status().message(),
            "batch size -1, expected >= 0");
}

}  // namespace
}  // namespace tandem::data
