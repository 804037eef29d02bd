#include "tandem/model/two_tower.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace tandem::model {
namespace {

std::unique_ptr<TwoTower> Make(const ModelConfig& config) {
  return TwoTower::Create(config, {.users = 3, .items = 4, .categories = 2}, Rng(1)).value();
}

TEST(TwoTower, PopularityIsTheLastCoordinateOfADotProduct) {
  ModelConfig config;
  config.dimension = 4;
  config.popularity = PopularityTerm::kLastCoordinate;
  const auto tower = Make(config);
  const int64_t counts[] = {6, 0, 1, 1};  // (count + 1) / (8 + 4): 7/12, 1/12, 2/12, 2/12
  tower->SetPopularity(counts);
  Workers workers(1);
  nn::Tape tape(workers);
  const int32_t user[] = {0};
  const int32_t items[] = {0, 1, -1};
  const nn::Var query = tower->EncodeQueries(tape, {.users = user});
  const nn::Var item = tower->EncodeItems(tape, {.items = items});
  ASSERT_EQ(query.cols(), 4U);
  EXPECT_EQ(query.values()[3], 1.0F);
  EXPECT_FLOAT_EQ(item.values()[3], std::log(7.0F / 12));
  EXPECT_FLOAT_EQ(item.values()[7], std::log(1.0F / 12));
  EXPECT_FLOAT_EQ(item.values()[11], std::log(1.0F / 12));  // the unknown item
}

TEST(TwoTower, HistoryTowerOfNothingIsZero) {
  ModelConfig config;
  config.query = QueryFeature::kHistory;
  const auto tower = Make(config);
  Workers workers(1);
  nn::Tape tape(workers);
  const int32_t user[] = {-1};
  const int64_t offsets[] = {0, 0};
  const nn::Var query = tower->EncodeQueries(tape, {.users = user, .history_offsets = offsets});
  for (const float x : query.values()) EXPECT_EQ(x, 0.0F);
}

TEST(TwoTower, FactorsOfUnknownUserAndItemGiveTheMeanRating) {
  ModelConfig config;
  config.rating = RatingHead::kFactors;
  const auto tower = Make(config);
  tower->SetMeanRating(3.5F);
  Workers workers(1);
  nn::Tape tape(workers);
  const int32_t unknown[] = {-1};
  const int64_t offsets[] = {0, 0};
  const int32_t place[] = {0};
  const QueryInput query{.users = unknown, .history_offsets = offsets};
  const ItemInput item{.items = unknown};
  const Ratings ratings =
      tower->PredictRatings(tape, tower->EncodeQueries(tape, query), tower->EncodeItems(tape, item),
                            query, item, {.query_of = place, .item_of = place});
  EXPECT_FLOAT_EQ(ratings.prediction.scalar(), 3.5F);
}

TEST(TwoTower, ParametersHaveUniqueNames) {
  for (const RatingHead head : {RatingHead::kNone, RatingHead::kMlp, RatingHead::kFactors}) {
    ModelConfig config;
    config.rating = head;
    config.item = ItemFeatures::kIdAndCategories;
    const auto tower = Make(config);
    std::set<std::string> names;
    for (const nn::Parameter* parameter : tower->Parameters()) {
      EXPECT_TRUE(names.insert(parameter->name()).second) << parameter->name();
    }
  }
}

TEST(ModelConfig, NamesTheChoicesForAnUnknownWord) {
  const Status status = ParseQueryFeature("users").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("user_id, history"), std::string::npos) << status;
}

TEST(ModelConfig, RefusesADimensionOfNothing) {
  ModelConfig config;
  config.dimension = 0;
  EXPECT_FALSE(TwoTower::Create(config, {}, Rng(1)).ok());
}

}  // namespace
}  // namespace tandem::model
