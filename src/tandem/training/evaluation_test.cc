#include "tandem/training/evaluation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tandem/bundle/query.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/training/metric/top_k_accuracy.h"

namespace tandem::training {
namespace {

using bundle::testing::TinyBundle;
using bundle::testing::TinyItemId;
using bundle::testing::TinyUserId;

// Rows of the ids given, by vocabularies in an order of their own.
data::Interactions Rows(const std::vector<std::string>& users,
                        const std::vector<std::string>& items, const std::vector<float>& ratings) {
  data::Interactions rows;
  std::vector<std::string> user_tokens(users.rbegin(), users.rend());
  std::vector<std::string> item_tokens(items.rbegin(), items.rend());
  rows.users = feature::Vocabulary::Build(user_tokens).value();
  rows.items = feature::Vocabulary::Build(item_tokens).value();
  for (size_t i = 0; i < users.size(); ++i) {
    rows.user.push_back(rows.users.Find(users[i]) - 1);
    rows.item.push_back(rows.items.Find(items[i]) - 1);
    rows.rating.push_back(ratings[i]);
    rows.time.push_back(0);
  }
  return rows;
}

// 300 rows of known and unknown users and items.
data::Interactions RandomRows(uint64_t seed) {
  Rng rng(seed);
  std::vector<std::string> users;
  std::vector<std::string> items;
  std::vector<float> ratings;
  for (int i = 0; i < 300; ++i) {
    users.push_back(TinyUserId(static_cast<int64_t>(rng.UniformInt(43))));
    items.push_back(TinyItemId(static_cast<int64_t>(rng.UniformInt(62))));
    ratings.push_back(rng.UniformFloat(1, 5));
  }
  return Rows(users, items, ratings);
}

// The definition, a row at a time: the share of rows whose item has fewer than k better ones.
double NaiveAccuracy(const bundle::Bundle& bundle, const data::Interactions& test, int64_t k,
                     bool leave_out_seen, bool by_popularity) {
  const auto d = static_cast<size_t>(bundle.dimension());
  double hits = 0;
  for (size_t row = 0; row < test.user.size(); ++row) {
    const std::string& user = test.users.Token(test.user[row] + 1);
    const int32_t item = bundle.ItemRow(test.items.Token(test.item[row] + 1));
    const int32_t user_row = bundle.UserRow(user);
    const std::span<const float> query = bundle::UserEmbedding(bundle, user);
    const auto is_seen = [&](int32_t other) {
      if (!leave_out_seen || user_row < 0) return false;
      const auto history = bundle.users.history[user_row];
      return std::find(history.begin(), history.end(), other) != history.end();
    };
    const auto score = [&](int32_t other) {
      const auto at = static_cast<size_t>(other);
      if (by_popularity) return static_cast<double>(bundle.items.popularity[at]);
      double sum = 0;
      for (size_t j = 0; j < d; ++j) {
        sum += static_cast<double>(query[j]) *
               static_cast<double>(bundle.items.embeddings[at * d + j]);
      }
      return sum;
    };
    if (item < 0 || is_seen(item)) continue;
    int64_t better = 0;
    for (int32_t other = 0; other < bundle.items.ids.size(); ++other) {
      if (!is_seen(other) && score(other) > score(item)) ++better;
    }
    if (better < k) ++hits;
  }
  return hits / static_cast<double>(test.size());
}

TEST(EvaluateBundle, AgreesWithTheDefinition) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const bundle::Bundle bundle = TinyBundle(seed);
    const data::Interactions test = RandomRows(seed);
    Workers workers(2);
    const auto table = EvaluateBundle(bundle, test, workers);
    ASSERT_TRUE(table.ok()) << table.status();
    ASSERT_EQ(table->size(), 2U);
    for (const bool by_popularity : {false, true}) {
      const Metrics& metrics = (*table)[by_popularity ? 1 : 0];
      for (size_t i = 0; i < std::size(metric::kUsualKs); ++i) {
        const int64_t k = metric::kUsualKs[i];
        EXPECT_DOUBLE_EQ(metrics.accuracy[i], NaiveAccuracy(bundle, test, k, true, by_popularity))
            << metrics.name << " at " << k;
        EXPECT_DOUBLE_EQ(metrics.accuracy_all[i],
                         NaiveAccuracy(bundle, test, k, false, by_popularity))
            << metrics.name << " at " << k;
      }
    }
    double squares = 0;
    for (size_t i = 0; i < test.user.size(); ++i) {
      const int32_t user[] = {bundle.UserRow(test.users.Token(test.user[i] + 1))};
      const int32_t item[] = {bundle.ItemRow(test.items.Token(test.item[i] + 1))};
      const float predicted = bundle::PredictRatings(bundle, user, item).value()[0];
      squares += std::pow(static_cast<double>(predicted - test.rating[i]), 2);
    }
    EXPECT_NEAR(table->front().rmse.value(), std::sqrt(squares / 300), 1e-5);
    EXPECT_FALSE(table->back().rmse.has_value()) << "popularity predicts no ratings";
  }
}

TEST(EvaluateBundle, WithoutARatingHeadHasNoRmse) {
  bundle::testing::TinyOptions options;
  options.config.rating = model::RatingHead::kNone;
  Workers workers(1);
  const auto table = EvaluateBundle(TinyBundle(1, options), RandomRows(1), workers).value();
  EXPECT_FALSE(table.front().rmse.has_value());
  EXPECT_FALSE(table.front().mae.has_value());
  EXPECT_EQ(ModelMetrics(table.front()).size(), 2 * std::size(metric::kUsualKs));
}

TEST(EvaluateBundle, RefusesNoRows) {
  Workers workers(1);
  EXPECT_EQ(EvaluateBundle(TinyBundle(1), {}, workers).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(CountTrainedOn, CountsTheRowsOfAUsersHistory) {
  // The second user has seen every item but the first three, the first user none, and nobody is
  // the user "nobody".
  const data::Interactions test =
      Rows({TinyUserId(1), TinyUserId(1), TinyUserId(1), TinyUserId(0), "nobody"},
           {TinyItemId(3), TinyItemId(59), TinyItemId(0), TinyItemId(3), TinyItemId(3)},
           {1, 1, 1, 1, 1});
  EXPECT_EQ(CountTrainedOn(TinyBundle(1), test), 2);
}

}  // namespace
}  // namespace tandem::training
