#include "tandem/bundle/query.h"

#include <gtest/gtest.h>

#include "tandem/base/rng.h"
#include "tandem/bundle/testing/tiny_bundle.h"

namespace tandem::bundle {
namespace {

using testing::TinyBundle;
using testing::TinyOptions;

TEST(UserEmbedding, IsTheUnknownOneForAUserThatIsNotThere) {
  const Bundle bundle = TinyBundle(1);
  const std::span<const float> known = UserEmbedding(bundle, testing::TinyUserId(5));
  EXPECT_EQ(known.data(), bundle.users.embeddings.data() + 5 * 8);
  EXPECT_EQ(UserEmbedding(bundle, "nobody").data(), bundle.users.unknown.data());
  EXPECT_EQ(UserEmbedding(bundle, "").data(), bundle.users.unknown.data());
}

TEST(EncodeHistory, OfAUsersOwnHistoryIsTheirEmbedding) {
  TinyOptions options;
  options.config.query = model::QueryFeature::kHistory;
  const Bundle bundle = TinyBundle(2, options);
  for (int32_t user = 0; user < 40; ++user) {
    const auto encoded = EncodeHistory(bundle, bundle.users.history[user]);
    ASSERT_TRUE(encoded.ok()) << encoded.status();
    const std::span<const float> expected = EmbeddingOfRow(bundle, user);
    EXPECT_EQ(*encoded, std::vector<float>(expected.begin(), expected.end())) << user;
  }
}

TEST(EncodeHistory, IsRefusedByATowerOfIds) {
  const int32_t item[] = {3};
  EXPECT_EQ(EncodeHistory(TinyBundle(1), item).status().code(), StatusCode::kFailedPrecondition);
}

// Users in any order, each many times, across blocks: as if each pair were asked for alone.
TEST(PredictRatings, OfManyPairsAreThoseOfEachAlone) {
  for (const model::RatingHead head : {model::RatingHead::kMlp, model::RatingHead::kFactors}) {
    TinyOptions options;
    options.config.rating = head;
    const Bundle bundle = TinyBundle(3, options);
    Rng rng(4);
    std::vector<int32_t> users;
    std::vector<int32_t> items;
    for (int i = 0; i < 2500; ++i) {
      users.push_back(static_cast<int32_t>(rng.UniformInt(41)) - 1);
      items.push_back(static_cast<int32_t>(rng.UniformInt(61)) - 1);
    }
    const auto ratings = PredictRatings(bundle, users, items);
    ASSERT_TRUE(ratings.ok()) << ratings.status();
    ASSERT_EQ(ratings->size(), users.size());
    for (size_t i = 0; i < users.size(); ++i) {
      const float alone = PredictRatings(bundle, {&users[i], 1}, {&items[i], 1}).value()[0];
      // Products of other shapes may round their sums in another order.
      EXPECT_NEAR((*ratings)[i], alone, 1e-5F) << users[i] << " " << items[i];
    }
  }
}

TEST(PredictRatings, RefusesOddPairsAndAModelWithoutAHead) {
  const int32_t rows[] = {0, 1};
  EXPECT_EQ(PredictRatings(TinyBundle(1), rows, {rows, 1}).status().code(),
            StatusCode::kInvalidArgument);
  TinyOptions options;
  options.config.rating = model::RatingHead::kNone;
  EXPECT_EQ(PredictRatings(TinyBundle(1, options), rows, rows).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_TRUE(PredictRatings(TinyBundle(1), {}, {}).value().empty());
}

}  // namespace
}  // namespace tandem::bundle
