// What ExactIndex has beside the seam (item_index_test.cc): metrics, rows as bytes, whose rows.
// Its file: exact_index_file_test.cc.
#include "tandem/index/exact_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/bitmap.h"
#include "tandem/index/naive_index.h"
#include "tandem/index/testing/search.h"

namespace tandem::index {
namespace {

using testing::Found;
using testing::Normals;
using testing::Search;

// Rows that are not of length 1 are off by 2^-24 in each number once they are, and so are the
// sums: items may change places where their cosines are that near.
TEST(ExactIndexCosine, FindsTheBestCosinesWhateverTheLengths) {
  Rng rng(3);
  const size_t n = 3000;
  for (const size_t d : {2U, 9U, 48U}) {
    std::vector<float> rows = Normals(n * d, rng);
    for (size_t i = 0; i < n; ++i) {
      const float length = std::exp(3 * rng.Normal());
      for (size_t j = 0; j < d; ++j) rows[i * d + j] *= length;
    }
    std::fill_n(rows.begin() + static_cast<std::ptrdiff_t>(7 * d), d, 0.0F);
    const std::vector<float> queries = Normals(4 * d, rng);
    const auto index =
        ExactIndex::Create(rows, n, static_cast<int64_t>(d), {.metric = Metric::kCosine}).value();
    const NaiveIndex naive(rows, static_cast<int64_t>(d), Metric::kCosine);
    const Found got = Search(*index, queries, 20);
    const Found want = Search(naive, queries, 20);
    const Found all = Search(naive, queries, n);
    for (size_t i = 0; i < got.ids.size(); ++i) {
      EXPECT_NEAR(got.scores[i], want.scores[i], 1e-6) << d << " " << i;
      const auto begin = all.ids.begin() + static_cast<std::ptrdiff_t>(i / 20 * n);
      const auto place = std::find(begin, begin + n, got.ids[i]) - begin;
      const float exact = all.scores[i / 20 * n + static_cast<size_t>(place)];
      EXPECT_NEAR(got.scores[i], exact, 1e-6) << d << " " << i;
    }
  }
}

TEST(ExactIndexCosine, AVectorOfZerosScoresZero) {
  const auto index =
      ExactIndex::Create(std::vector<float>{0, 0, -1, 0, 3, 4}, 3, 2, {.metric = Metric::kCosine})
          .value();
  const Found found = Search(*index, std::vector<float>{2, 0}, 3);
  EXPECT_EQ(found.ids, (std::vector<int32_t>{2, 0, 1}));
  EXPECT_FLOAT_EQ(found.scores[0], 0.6F);  // (3, 4) / 5 along (1, 0)
  EXPECT_EQ(found.scores[1], 0);
  EXPECT_EQ(Search(*index, std::vector<float>{0, 0}, 3).ids, (std::vector<int32_t>{0, 1, 2}));
}

// Far from the origin, where q . x and |x|^2 are a million times the distances.
TEST(ExactIndexL2, FindsTheNearestFarFromTheOrigin) {
  Rng rng(5);
  const size_t n = 2000;
  const size_t d = 12;
  std::vector<float> rows = Normals(n * d, rng);
  for (float& x : rows) x = std::round(x * 8) / 8 + 1024;
  std::vector<float> queries = Normals(3 * d, rng);
  for (float& x : queries) x = std::round(x * 8) / 8 + 1024;
  const auto index = ExactIndex::Create(rows, n, d, {.metric = Metric::kL2}).value();
  const Found got = Search(*index, queries, 30);
  const Found want = Search(NaiveIndex(rows, d, Metric::kL2), queries, 30);
  EXPECT_EQ(got.ids, want.ids);
  EXPECT_EQ(got.scores, want.scores);
}

TEST(ExactIndex, GivesBackTheVectorsThatItHolds) {
  Rng rng(7);
  const std::vector<float> rows = Normals(1000 * 6, rng);
  const auto floats = ExactIndex::Create(rows, 1000, 6).value();
  const auto bytes = ExactIndex::Create(rows, 1000, 6, {.rows = RowFormat::kInt8}).value();
  std::vector<float> vector(6);
  for (int32_t row = 0; row < 1000; ++row) {
    const std::span<const float> want = std::span(rows).subspan(static_cast<size_t>(row) * 6, 6);
    floats->CopyVector(row, vector);
    EXPECT_TRUE(std::equal(want.begin(), want.end(), vector.begin())) << row;
    bytes->CopyVector(row, vector);
    float largest = 0;
    for (const float x : want) largest = std::max(largest, std::abs(x));
    // Half a step of largest / 127, and its rounding.
    for (size_t j = 0; j < 6; ++j) EXPECT_NEAR(vector[j], want[j], largest / 253) << row;
  }
}

// Numbers in eighths, so that sums are exact and ties are many; 6,000 items, of which filters of
// these shares go each way for k of 10: scored alone up to 370, by sketches up to 840, by blocks
// beyond.
TEST(ExactIndex, AnswersFiltersOfEveryShareAsARankingOfAllDoes) {
  Rng rng(11);
  const size_t n = 6000;
  const size_t q = 5;
  for (const size_t d : {5U, 12U, 24U, 40U}) {
    std::vector<float> rows = Normals(n * d, rng);
    for (float& x : rows) x = std::round(x * 8) / 8;
    std::vector<float> queries = Normals(q * d, rng);
    for (float& x : queries) x = std::round(x * 8) / 8;
    std::vector<std::vector<int32_t>> seen(q);
    for (auto& items : seen) {
      for (int32_t item = 0; item < 6000; item += 1 + static_cast<int32_t>(rng.UniformInt(60))) {
        items.push_back(item);
      }
    }
    const std::vector<std::span<const int32_t>> exclude(seen.begin(), seen.end());
    for (const Metric metric : {Metric::kDot, Metric::kL2}) {
      const auto index =
          ExactIndex::Create(rows, n, static_cast<int64_t>(d), {.metric = metric}).value();
      const NaiveIndex naive(rows, static_cast<int64_t>(d), metric);
      for (const uint64_t admitted :
           {3U, 30U, 61U, 63U, 90U, 130U, 150U, 500U, 990U}) {  // of 1,000
        Bitmap filter(n);
        for (int32_t item = 0; item < 6000; ++item) {
          if (rng.UniformInt(1000) < admitted) filter.Set(item);
        }
        for (const int64_t k : {1, 10, 300}) {
          const SearchOptions options = {.k = k, .exclude = exclude, .filter = &filter};
          Found got{std::vector<int32_t>(q * static_cast<size_t>(k)),
                    std::vector<float>(q * static_cast<size_t>(k))};
          Found want = got;
          ASSERT_TRUE(index->Search(queries, options, got.ids, got.scores).ok());
          ASSERT_TRUE(naive.Search(queries, options, want.ids, want.scores).ok());
          EXPECT_EQ(got.ids, want.ids) << d << " " << admitted << " " << k;
          EXPECT_EQ(got.scores, want.scores) << d << " " << admitted << " " << k;
        }
      }
    }
  }
}

// 150 queries are 64, 64 and 22 side by side; 20,000 items are 20 blocks, of which most are passed
// over. One query is so long that nothing may be ruled out, for any that is beside it.
TEST(ExactIndex, AnswersManyQueriesSideBySideAsOneByOne) {
  Rng rng(13);
  const size_t n = 20'000;
  const size_t d = 12;
  const size_t q = 150;
  const std::vector<float> rows = Normals(n * d, rng);
  std::vector<float> queries = Normals(q * d, rng);
  for (size_t j = 0; j < d; ++j) queries[130 * d + j] = 2e18F;
  std::vector<std::vector<int32_t>> seen(q);
  for (size_t i = 0; i < q; ++i) {
    for (int32_t item = 0; item < 20'000; item += 1 + static_cast<int32_t>(rng.UniformInt(9))) {
      if (i % 3 == 0) seen[i].push_back(item);
    }
  }
  const std::vector<std::span<const int32_t>> exclude(seen.begin(), seen.end());
  const auto index = ExactIndex::Create(rows, n, d).value();
  for (const size_t k : {1U, 10U, 700U}) {
    SearchOptions options = {.k = static_cast<int64_t>(k), .exclude = exclude};
    Found got{std::vector<int32_t>(q * k), std::vector<float>(q * k)};
    Found want = got;
    ASSERT_TRUE(index->Search(queries, options, got.ids, got.scores).ok());
    for (size_t i = 0; i < q; ++i) {
      options.exclude = std::span(exclude).subspan(i, 1);
      ASSERT_TRUE(index
                      ->Search(std::span(queries).subspan(i * d, d), options,
                               std::span(want.ids).subspan(i * k, k),
                               std::span(want.scores).subspan(i * k, k))
                      .ok());
    }
    EXPECT_EQ(got.ids, want.ids) << k;
    EXPECT_EQ(got.scores, want.scores) << k;
  }
}

TEST(ExactIndex, WithRowsAsBytesIsExactOverTheRowsThatItHolds) {
  Rng rng(9);
  for (const Metric metric : kMetrics) {
    const std::vector<float> rows = Normals(1500 * 24, rng);
    const auto index =
        ExactIndex::Create(rows, 1500, 24, {.metric = metric, .rows = RowFormat::kInt8}).value();
    EXPECT_FALSE(index->is_exact());
    std::vector<float> held(rows.size());
    for (int32_t row = 0; row < 1500; ++row) {
      index->CopyVector(row, std::span(held).subspan(static_cast<size_t>(row) * 24, 24));
    }
    const std::vector<float> queries = Normals(5 * 24, rng);
    // Cosine: what is held is nearly of length 1, and scored as it is.
    const Metric of_held = metric == Metric::kCosine ? Metric::kDot : metric;
    std::vector<float> units = queries;
    if (metric == Metric::kCosine) {
      for (size_t i = 0; i < 5; ++i) ToUnitLength(std::span(units).subspan(i * 24, 24));
    }
    const auto exact = ExactIndex::Create(held, 1500, 24, {.metric = of_held}).value();
    const Found got = Search(*index, queries, 40);
    const Found want = Search(*exact, units, 40);
    EXPECT_EQ(got.ids, want.ids) << MetricName(metric);
    EXPECT_EQ(got.scores, want.scores) << MetricName(metric);
  }
}

// Rows of kCosine have to be made of length 1, and those of kInt8 rounded.
TEST(ExactIndex, CopiesBorrowedRowsThatItHasToChange) {
  Rng rng(15);
  for (const ExactOptions& options :
       {ExactOptions{.metric = Metric::kCosine}, ExactOptions{.rows = RowFormat::kInt8}}) {
    std::vector<float> rows = Normals(300 * 4, rng);
    const std::vector<float> queries = Normals(2 * 4, rng);
    const Found want = Search(*ExactIndex::Create(rows, 300, 4, options).value(), queries, 300);
    ExactOptions borrowed = options;
    borrowed.ownership = RowOwnership::kBorrowed;
    const auto index = ExactIndex::Create(rows, 300, 4, borrowed).value();
    std::fill(rows.begin(), rows.end(), 0.0F);
    EXPECT_EQ(Search(*index, queries, 300).ids, want.ids);
  }
}

}  // namespace
}  // namespace tandem::index
