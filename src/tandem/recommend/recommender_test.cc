#include "tandem/recommend/recommender.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "tandem/base/rng.h"
#include "tandem/bundle/query.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/index/exact_index.h"

namespace tandem::recommend {
namespace {

using bundle::testing::TinyBundle;
using bundle::testing::TinyOptions;
using bundle::testing::TinyUserId;

std::vector<int32_t> RowsOf(const std::vector<Recommendation>& items) {
  std::vector<int32_t> rows;
  for (const Recommendation& item : items) rows.push_back(item.item);
  return rows;
}

// All items but `seen` by `score`, best first, ties by smaller row; the first n.
template <typename Score>
std::vector<int32_t> NaiveBest(const bundle::Bundle& bundle, std::span<const int32_t> seen, int n,
                               Score score) {
  std::vector<int32_t> rows;
  for (int32_t row = 0; row < bundle.items.ids.size(); ++row) {
    if (std::find(seen.begin(), seen.end(), row) == seen.end()) rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [&](int32_t a, int32_t b) { return score(a) > score(b); });
  rows.resize(std::min(rows.size(), static_cast<size_t>(n)));
  return rows;
}

double InnerProduct(const bundle::Bundle& bundle, std::span<const float> query, int32_t item) {
  double sum = 0;
  const size_t begin = static_cast<size_t>(item) * query.size();
  for (size_t j = 0; j < query.size(); ++j) {
    sum += static_cast<double>(query[j]) * static_cast<double>(bundle.items.embeddings[begin + j]);
  }
  return sum;
}

// A bundle whose item embeddings, and so whose scores for any integer query, are small integers:
// exact in float in any order of summation, with many ties.
bundle::Bundle BundleOfTies(uint64_t seed) {
  bundle::Bundle bundle = TinyBundle(seed);
  Rng rng(seed);
  for (float& value : bundle.items.embeddings) value = static_cast<float>(rng.UniformInt(3)) - 1;
  bundle.index = index::ExactIndex::Create(bundle.items.embeddings, bundle.items.ids.size(),
                                           bundle.dimension())
                     .value();
  return bundle;
}

TEST(TopItems, AgreesWithAFullSortOnRandomBundles) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    TinyOptions options;
    options.items = 5 + static_cast<int64_t>(seed) * 30;
    options.config.popularity =
        seed % 2 == 0 ? model::PopularityTerm::kLastCoordinate : model::PopularityTerm::kNone;
    const bundle::Bundle bundle = TinyBundle(seed, options);
    for (int64_t user = 0; user < options.users; ++user) {
      const std::string id = TinyUserId(user);
      const std::span<const float> query = bundle::UserEmbedding(bundle, id);
      const std::span<const int32_t> seen = SeenBy(bundle, id);
      const int n = 1 + static_cast<int>(user);
      const auto items = TopItems(bundle, query, seen, n);
      ASSERT_TRUE(items.ok()) << items.status();
      const auto score = [&](int32_t row) { return InnerProduct(bundle, query, row); };
      EXPECT_EQ(RowsOf(*items), NaiveBest(bundle, seen, n, score)) << seed << " user " << id;
      for (const Recommendation& item : *items) {
        EXPECT_NEAR(item.score, score(item.item), 1e-4);
        EXPECT_FALSE(std::binary_search(seen.begin(), seen.end(), item.item)) << item.item;
      }
    }
  }
}

TEST(TopItems, PutsTheSmallerRowFirstAmongTies) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const bundle::Bundle bundle = BundleOfTies(seed);
    Rng rng(seed + 100);
    std::vector<float> query(8);
    for (float& value : query) value = static_cast<float>(rng.UniformInt(3)) - 1;
    const auto score = [&](int32_t row) { return InnerProduct(bundle, query, row); };
    const std::span<const int32_t> seen = SeenBy(bundle, TinyUserId(7));
    EXPECT_EQ(RowsOf(TopItems(bundle, query, seen, 30).value()),
              NaiveBest(bundle, seen, 30, score));
  }
  // A query of zeros ties all: the rows in order.
  const std::vector<float> zeros(8, 0.0F);
  EXPECT_EQ(RowsOf(TopItems(BundleOfTies(1), zeros, {}, 4).value()),
            (std::vector<int32_t>{0, 1, 2, 3}));
}

TEST(TopItems, GivesFewerOnlyWhereTheCatalogueHasNoMore) {
  const bundle::Bundle bundle = TinyBundle(1);
  // The second user has seen all 60 items but rows 0, 1 and 2.
  const std::string user = TinyUserId(1);
  const auto left = TopItems(bundle, bundle::UserEmbedding(bundle, user), SeenBy(bundle, user), 10);
  std::vector<int32_t> rows = RowsOf(left.value());
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(TopItems(bundle, bundle.users.unknown, {}, kMaxResults).value().size(), 60U);
  std::vector<int32_t> all(60);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_TRUE(TopItems(bundle, bundle.users.unknown, all, 1).value().empty());
}

TEST(TopItems, RefusesOtherDimensionsAndOddQueries) {
  const bundle::Bundle bundle = TinyBundle(1);
  for (const size_t length : {0U, 7U, 9U, 16U}) {
    const std::vector<float> query(length, 1.0F);
    const Status status = TopItems(bundle, query, {}, 3).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << length;
    EXPECT_NE(status.message().find("expected 8"), std::string::npos) << status;
  }
  std::vector<float> query(8, 1.0F);
  query[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(TopItems(bundle, query, {}, 3).status().code(), StatusCode::kInvalidArgument);
}

TEST(Recommender, RefusesCountsOutOfRange) {
  const bundle::Bundle bundle = TinyBundle(1);
  for (const int n : {0, -1, std::numeric_limits<int>::min(), kMaxResults + 1}) {
    for (const Status& status : {TopItems(bundle, bundle.users.unknown, {}, n).status(),
                                 PopularItems(bundle, {}, n).status()}) {
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << n;
      EXPECT_NE(status.message().find(StrCat(n)), std::string::npos) << status;
      EXPECT_NE(status.message().find("1 to 1000"), std::string::npos) << status;
    }
  }
  EXPECT_EQ(TopItems(bundle, bundle.users.unknown, {}, 1).value().size(), 1U);
  EXPECT_EQ(PopularItems(bundle, {}, kMaxResults).value().size(), 60U);
}

TEST(PopularItems, AgreesWithAFullSortByCountWithoutWhatWasSeen) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const bundle::Bundle bundle = TinyBundle(seed);
    // Forty users and sixty items: some counts are equal, and ties go to the smaller row.
    const auto count = [&](int32_t row) {
      return bundle.items.popularity[static_cast<size_t>(row)];
    };
    for (int64_t user = 0; user < 40; ++user) {
      const std::span<const int32_t> seen = SeenBy(bundle, TinyUserId(user));
      const auto items = PopularItems(bundle, seen, 12).value();
      EXPECT_EQ(RowsOf(items), NaiveBest(bundle, seen, 12, count)) << seed << " user " << user;
      for (const Recommendation& item : items) {
        EXPECT_EQ(item.score, static_cast<float>(count(item.item)));
      }
    }
  }
}

TEST(Recommend, IsByEmbeddingForAKnownUserAndByPopularityForOthers) {
  const bundle::Bundle bundle = TinyBundle(1);
  const std::string user = TinyUserId(9);
  const std::span<const float> query = bundle::UserEmbedding(bundle, user);
  EXPECT_EQ(RowsOf(Recommend(bundle, user, 20).value()),
            RowsOf(TopItems(bundle, query, SeenBy(bundle, user), 20).value()));
  EXPECT_EQ(RowsOf(Recommend(bundle, user, 20, SeenItems::kInclude).value()),
            RowsOf(TopItems(bundle, query, {}, 20).value()));
  for (const SeenItems seen : {SeenItems::kExclude, SeenItems::kInclude}) {
    EXPECT_EQ(RowsOf(Recommend(bundle, "nobody", 20, seen).value()),
              RowsOf(PopularItems(bundle, {}, 20).value()));
  }
  EXPECT_EQ(Recommend(bundle, user, 0).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Recommend(bundle, "nobody", 0).status().code(), StatusCode::kInvalidArgument);
}

// The first n of the whole ranking that are allowed.
std::vector<int32_t> Allowed(const std::vector<Recommendation>& ranking,
                             const AllowedItems& allowed, size_t n) {
  std::vector<int32_t> rows;
  for (const Recommendation& item : ranking) {
    if (rows.size() < n && allowed->Contains(item.item)) rows.push_back(item.item);
  }
  return rows;
}

TEST(FilterItems, LeaveOutOfEveryAnswerWhatDoesNotPass) {
  const bundle::Bundle bundle = TinyBundle(1);
  for (const char* filter :
       {"category = Comedy", "category IN (Drama, Western) AND NOT category = Comedy",
        "category IS MISSING OR popularity < 9", "category = Western", "popularity >= 0"}) {
    const auto allowed = FilterItems(bundle, filter);
    ASSERT_TRUE(allowed.ok()) << allowed.status();
    for (int64_t user = 0; user < 40; ++user) {
      const std::string id = TinyUserId(user);
      for (const SeenItems seen : {SeenItems::kExclude, SeenItems::kInclude}) {
        EXPECT_EQ(RowsOf(Recommend(bundle, id, 12, seen, *allowed).value()),
                  Allowed(Recommend(bundle, id, 60, seen).value(), *allowed, 12))
            << filter << " user " << id;
      }
    }
    EXPECT_EQ(RowsOf(Recommend(bundle, "nobody", 12, SeenItems::kExclude, *allowed).value()),
              Allowed(PopularItems(bundle, {}, 60).value(), *allowed, 12));
  }
  EXPECT_FALSE(FilterItems(bundle, "").value().has_value());
  // Odd rows, 30 of 60.
  EXPECT_EQ(FilterItems(bundle, "category = Comedy").value()->Count(), 30U);
}

TEST(FilterItems, NameTheAttributesThereAreWhereOneIsUnknown) {
  EXPECT_EQ(FilterItems(TinyBundle(1), "genre = Comedy").status(),
            InvalidArgumentError("filter, at byte 1: there is no attribute \"genre\"; known: "
                                 "\"category\" (category), \"popularity\" (number)"));
}

TEST(SeenBy, IsTheHistoryOfAKnownUserAndNothingForOthers) {
  const bundle::Bundle bundle = TinyBundle(1);
  EXPECT_TRUE(SeenBy(bundle, TinyUserId(0)).empty()) << "known, but new";
  const std::span<const int32_t> second = SeenBy(bundle, TinyUserId(1));
  ASSERT_EQ(second.size(), 57U);
  EXPECT_EQ(second.front(), 3);
  EXPECT_EQ(second.back(), 59);
  EXPECT_TRUE(SeenBy(bundle, "41").empty());
  EXPECT_TRUE(SeenBy(bundle, "").empty());
}

}  // namespace
}  // namespace tandem::recommend
