// The conformance suite of ItemIndex: every implementation against NaiveIndex. Numbers are
// small multiples of 1/8, so that every sum is exact and ties are true ties in every order.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/naive_index.h"
#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

std::vector<float> Eighths(size_t n, int64_t range, Rng& rng) {
  std::vector<float> values(n);
  for (float& x : values) {
    const auto step = static_cast<int64_t>(rng.UniformInt(static_cast<uint64_t>(2 * range + 1)));
    x = static_cast<float>(step - range) / 8;
  }
  return values;
}

std::vector<std::vector<int32_t>> RandomLists(size_t lists, int64_t n, double share, Rng& rng) {
  std::vector<std::vector<int32_t>> all(lists);
  for (auto& list : all) {
    for (int32_t item = 0; item < n; ++item) {
      if (static_cast<double>(rng.UniformFloat()) < share) list.push_back(item);
    }
  }
  return all;
}

// All queries at once and each alone.
void ExpectEqual(const ItemIndex& index, const NaiveIndex& naive, std::span<const float> queries,
                 int64_t k, const std::vector<std::vector<int32_t>>& lists, const Bitmap* filter) {
  const auto width = static_cast<size_t>(index.dimension());
  const auto length = static_cast<size_t>(k);
  const size_t q = queries.size() / width;
  const std::vector<std::span<const int32_t>> exclude(lists.begin(), lists.end());
  SearchOptions options;
  options.k = k;
  options.exclude = exclude;
  options.filter = filter;
  std::vector<int32_t> want_ids(q * length), ids(q * length);
  std::vector<float> want_scores(q * length), scores(q * length);
  ASSERT_TRUE(naive.Search(queries, options, want_ids, want_scores).ok());
  const Status status = index.Search(queries, options, ids, scores);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ids, want_ids);
  EXPECT_EQ(scores, want_scores);
  std::fill(ids.begin(), ids.end(), -2);
  for (size_t i = 0; i < q; ++i) {
    if (!lists.empty()) options.exclude = std::span(exclude).subspan(i, 1);
    const Status alone = index.Search(queries.subspan(i * width, width), options,
                                      std::span(ids).subspan(i * length, length),
                                      std::span(scores).subspan(i * length, length));
    ASSERT_TRUE(alone.ok()) << alone;
  }
  EXPECT_EQ(ids, want_ids);
  EXPECT_EQ(scores, want_scores);
}

// With rows of its own and with those of the caller.
void ExpectEqualToNaive(std::span<const float> rows, std::span<const float> queries, int64_t d,
                        int64_t k, const std::vector<std::vector<int32_t>>& lists,
                        const Bitmap* filter = nullptr, Metric metric = Metric::kDot) {
  const auto n = static_cast<int64_t>(rows.size()) / d;
  const NaiveIndex naive(rows, d, metric);
  for (const RowOwnership ownership : {RowOwnership::kCopied, RowOwnership::kBorrowed}) {
    const ExactOptions options = {.metric = metric, .ownership = ownership};
    const auto exact = ExactIndex::Create(rows, n, d, options).value();
    ExpectEqual(*exact, naive, queries, k, lists, filter);
  }
}

TEST(ExactIndex, EqualsTheNaiveRankingForRandomShapes) {
  Rng rng(7);
  for (int round = 0; round < 150; ++round) {
    const auto n = static_cast<int64_t>(rng.UniformInt(700));
    const auto d = static_cast<int64_t>(1 + rng.UniformInt(40));
    const auto k = static_cast<int64_t>(1 + rng.UniformInt(30));
    const int64_t range = 1 + static_cast<int64_t>(rng.UniformInt(16));  // small: many ties
    const std::vector<float> rows = Eighths(static_cast<size_t>(n * d), range, rng);
    const std::vector<float> queries = Eighths(static_cast<size_t>(3 * d), range, rng);
    SCOPED_TRACE(StrCat("n ", n, " d ", d, " k ", k));
    ExpectEqualToNaive(rows, queries, d, k, {});
    ExpectEqualToNaive(rows, queries, d, k, RandomLists(3, n, 0.3, rng));
    Bitmap allowed(static_cast<size_t>(n));
    const std::vector<std::vector<int32_t>> members = RandomLists(1, n, 0.2, rng);
    for (const int32_t item : members[0]) allowed.Set(item);
    ExpectEqualToNaive(rows, queries, d, k, {}, &allowed);
    ExpectEqualToNaive(rows, queries, d, k, RandomLists(3, n, 0.3, rng), &allowed);
    // Squares of eighths and their sums are exact too.
    ExpectEqualToNaive(rows, queries, d, k, {}, nullptr, Metric::kL2);
    ExpectEqualToNaive(rows, queries, d, k, RandomLists(3, n, 0.3, rng), &allowed, Metric::kL2);
  }
}

// Half of the items, so that most of the first that are picked are left out.
TEST(ExactIndex, LeavesOutExclusionsOfALargeCatalogue) {
  Rng rng(23);
  const int64_t n = 140'000;
  const std::vector<float> rows = Eighths(static_cast<size_t>(2 * n), 16, rng);
  ExpectEqualToNaive(rows, Eighths(2, 16, rng), 2, 20, RandomLists(1, n, 0.5, rng));
}

TEST(ExactIndex, PadsWhereExclusionsLeaveFewerThanK) {
  const std::vector<float> rows = {1, 2, 3};
  const std::vector<float> query = {1};
  ExpectEqualToNaive(rows, query, 1, 5, {{0, 2}});
  ExpectEqualToNaive(rows, query, 1, 2, {{0, 1, 2}});
}

TEST(ExactIndex, ZerosDuplicatesAndNegativeScoresAreRankedByRow) {
  ExpectEqualToNaive(std::vector<float>(600, 0.0F), std::vector<float>{1, 1}, 2, 4, {});
  ExpectEqualToNaive(std::vector<float>(600, 1.0F), std::vector<float>{-1, -1}, 2, 4, {});
}

// All rows are the same but for their length, so that the bound is reached by every score, and
// every product is a multiple of the least denormal, 2^-149: nothing is rounded.
TEST(ExactIndex, FindsDenormalScores) {
  std::vector<float> rows;
  for (int i = 0; i < 900; ++i) rows.push_back(std::ldexp(static_cast<float>(1 + i % 7), -100));
  ExpectEqualToNaive(rows, std::vector<float>{std::ldexp(1.0F, -49)}, 1, 200, {});
}

// Real numbers: the scores are those of a full ranking by the same dot product.
TEST(ExactIndex, EqualsTheFullRankingByTheDotProductForRealNumbers) {
  Rng rng(11);
  for (const size_t d : {1U, 5U, 16U, 32U, 33U}) {
    std::vector<float> rows(1500 * d), query(d);
    for (float& x : rows) x = rng.Normal();
    for (float& x : query) x = rng.Normal();
    const auto index = ExactIndex::Create(rows, 1500, static_cast<int64_t>(d)).value();
    std::vector<std::pair<float, int32_t>> ranking;
    for (int32_t i = 0; i < 1500; ++i) {
      const std::span<const float> row = std::span(rows).subspan(static_cast<size_t>(i) * d, d);
      ranking.emplace_back(-math::Dot(query, row), i);
    }
    std::sort(ranking.begin(), ranking.end());
    std::vector<int32_t> ids(100);
    std::vector<float> scores(100);
    ASSERT_TRUE(index->Search(query, {.k = 100, .exclude = {}}, ids, scores).ok());
    for (size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(ids[i], ranking[i].second);
      EXPECT_EQ(scores[i], -ranking[i].first);
    }
  }
}

// Most of the spread in the first few coordinates, multiples of 1/8 in all.
std::vector<float> Flat(size_t n, size_t d, Rng& rng) {
  std::vector<float> rows = Eighths(n * d, 1, rng);
  for (size_t i = 0; i < n; ++i) {
    const std::vector<float> head = Eighths(3, 40, rng);
    for (size_t j = 0; j < head.size(); ++j) rows[i * d + j] = head[j] - 3;
  }
  return rows;
}

TEST(ExactIndex, WithFewAxesEqualsTheNaiveRanking) {
  Rng rng(13);
  for (int round = 0; round < 12; ++round) {
    const auto n = static_cast<int64_t>(1024 + rng.UniformInt(1500));
    const auto d = static_cast<int64_t>(16 + rng.UniformInt(24));
    const auto k = static_cast<int64_t>(1 + rng.UniformInt(120));
    const std::vector<float> rows = Flat(static_cast<size_t>(n), static_cast<size_t>(d), rng);
    const std::vector<float> queries = Eighths(static_cast<size_t>(5 * d), 16, rng);
    ASSERT_LT(ExactIndex::Create(rows, n, d).value()->axes(), d);
    SCOPED_TRACE(StrCat("n ", n, " d ", d, " k ", k));
    ExpectEqualToNaive(rows, queries, d, k, {});
    ExpectEqualToNaive(rows, queries, d, k, {}, nullptr, Metric::kL2);
    for (const double share : {0.0, 0.005, 0.05, 0.5, 1.0}) {
      Bitmap allowed(static_cast<size_t>(n));
      const std::vector<std::vector<int32_t>> members = RandomLists(1, n, share, rng);
      for (const int32_t item : members[0]) allowed.Set(item);
      ExpectEqualToNaive(rows, queries, d, k, RandomLists(5, n, 0.3, rng), &allowed);
    }
  }
}

// Scores of great size beside small differences: what is lost by rounding must not lose an item.
TEST(ExactIndex, WithFewAxesEqualsTheFullRankingForRealNumbersFarFromTheOrigin) {
  Rng rng(17);
  const size_t n = 4000;
  const size_t d = 32;
  for (const float offset : {0.0F, 1000.0F, -1e6F}) {
    std::vector<float> rows(n * d), query(d);
    for (size_t i = 0; i < n * d; ++i) {
      rows[i] = rng.Normal() * (i % d < 4 ? 3.0F : 0.3F) + offset;
    }
    for (float& x : query) x = rng.Normal();
    const auto index = ExactIndex::Create(rows, static_cast<int64_t>(n), 32).value();
    ASSERT_LT(index->axes(), 32);
    std::vector<std::pair<float, int32_t>> ranking;
    for (size_t i = 0; i < n; ++i) {
      const std::span<const float> row = std::span(rows).subspan(i * d, d);
      ranking.emplace_back(-math::Dot(query, row), static_cast<int32_t>(i));
    }
    std::sort(ranking.begin(), ranking.end());
    std::vector<int32_t> ids(50);
    std::vector<float> scores(50);
    ASSERT_TRUE(index->Search(query, {.k = 50, .exclude = {}}, ids, scores).ok());
    for (size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(ids[i], ranking[i].second) << offset << " " << i;
      EXPECT_EQ(scores[i], -ranking[i].first) << offset << " " << i;
    }
  }
}

TEST(ExactIndex, WithFewAxesAnswersQueriesWhoseBoundsWouldOverflow) {
  Rng rng(19);
  const std::vector<float> rows = Flat(1100, 16, rng);
  const auto index = ExactIndex::Create(rows, 1100, 16).value();
  ASSERT_LT(index->axes(), 16);
  std::vector<float> small(16), large(16);
  for (size_t j = 0; j < 16; ++j) {
    small[j] = Eighths(1, 16, rng)[0];
    large[j] = std::ldexp(small[j], 100);  // the same ranking, times 2^100
  }
  std::vector<int32_t> want(20), ids(20);
  std::vector<float> want_scores(20), scores(20);
  ASSERT_TRUE(index->Search(small, {.k = 20, .exclude = {}}, want, want_scores).ok());
  ASSERT_TRUE(index->Search(large, {.k = 20, .exclude = {}}, ids, scores).ok());
  EXPECT_EQ(ids, want);
}

TEST(ExactIndex, RanksItemsWhoseBoundsWouldOverflow) {
  Rng rng(29);
  const std::vector<float> rows = Flat(1100, 16, rng);
  std::vector<float> large = rows;
  for (float& x : large) x = std::ldexp(x, 100);
  const std::vector<float> query = Eighths(16, 16, rng);
  const auto index = ExactIndex::Create(rows, 1100, 16).value();
  const auto of_large = ExactIndex::Create(large, 1100, 16).value();
  std::vector<int32_t> want(20), ids(20);
  std::vector<float> scores(20);
  ASSERT_TRUE(index->Search(query, {.k = 20, .exclude = {}}, want, scores).ok());
  ASSERT_TRUE(of_large->Search(query, {.k = 20, .exclude = {}}, ids, scores).ok());
  EXPECT_EQ(ids, want);
}

TEST(ExactIndex, RefusesAFilterOfAnotherSize) {
  const auto index = ExactIndex::Create(std::vector<float>{1, 2}, 2, 1).value();
  const Bitmap filter(3);
  SearchOptions options;
  options.k = 1;
  options.filter = &filter;
  std::vector<int32_t> ids(1);
  std::vector<float> scores(1);
  EXPECT_FALSE(index->Search(std::vector<float>{1}, options, ids, scores).ok());
}

TEST(ExactIndex, RefusesWhatIsNotFiniteAndNamesTheRow) {
  std::vector<float> rows = {1, 2, 3, 4};
  rows[2] = std::numeric_limits<float>::quiet_NaN();
  const Status status = ExactIndex::Create(rows, 2, 2).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("item 1"), std::string::npos) << status;
}

TEST(ExactIndex, RefusesShapesThatDoNotFit) {
  const std::vector<float> rows = {1, 2, 3, 4};
  EXPECT_FALSE(ExactIndex::Create(rows, 3, 2).ok());
  EXPECT_FALSE(ExactIndex::Create(rows, 2, 0).ok());
  const auto index = ExactIndex::Create(rows, 2, 2).value();
  std::vector<int32_t> ids(1);
  std::vector<float> scores(1);
  const std::vector<float> query = {1, 2};
  EXPECT_FALSE(index->Search(query, {.k = 0}, ids, scores).ok());
  EXPECT_FALSE(index->Search(query, {.k = 2}, ids, scores).ok());
  EXPECT_FALSE(index->Search(rows, {.k = 1}, ids, scores).ok());
}

}  // namespace
}  // namespace tandem::index
