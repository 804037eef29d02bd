// The conformance of every ItemIndex to filters: a filtered answer is the full ranking of the same
// index without what the filter leaves out.
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/filter.h"
#include "tandem/index/naive_index.h"

namespace tandem::index {
namespace {

struct Answer {
  std::vector<int32_t> ids;
  std::vector<float> scores;
};

Answer Search(const ItemIndex& index, std::span<const float> queries,
              const SearchOptions& options) {
  const size_t q = queries.size() / static_cast<size_t>(index.dimension());
  Answer answer;
  answer.ids.resize(q * static_cast<size_t>(options.k));
  answer.scores.resize(answer.ids.size());
  const Status status = index.Search(queries, options, answer.ids, answer.scores);
  EXPECT_TRUE(status.ok()) << status;
  return answer;
}

// The first k of the full ranking [q, n] that the filter lets pass.
Answer PostFiltered(const Answer& full, size_t q, size_t n, size_t k, const Bitmap& filter) {
  Answer answer;
  for (size_t i = 0; i < q; ++i) {
    for (size_t j = i * n; j < (i + 1) * n && answer.ids.size() < (i + 1) * k; ++j) {
      if (full.ids[j] < 0 || !filter.Contains(full.ids[j])) continue;
      answer.ids.push_back(full.ids[j]);
      answer.scores.push_back(full.scores[j]);
    }
    answer.ids.resize((i + 1) * k, -1);
    answer.scores.resize((i + 1) * k, -std::numeric_limits<float>::infinity());
  }
  return answer;
}

std::vector<float> RandomNumbers(size_t n, bool eighths, Rng& rng) {
  std::vector<float> values(n);
  for (float& x : values) {
    x = eighths ? static_cast<float>(rng.UniformInt(17)) / 8 - 1 : rng.Normal();
  }
  return values;
}

// Every row of a share, rows in stretches (blocks that pass as a whole or not at all), and counts
// that are about k.
std::vector<Bitmap> Filters(size_t n, size_t k, Rng& rng) {
  std::vector<Bitmap> filters = {Bitmap(n), Bitmap::All(n)};
  for (const float share : {0.001F, 0.01F, 0.1F, 0.5F, 0.9F, 0.999F}) {
    Bitmap scattered(n);
    Bitmap stretches(n);
    bool in = false;
    for (size_t row = 0; row < n; ++row) {
      if (rng.UniformFloat() < share) scattered.Set(static_cast<int32_t>(row));
      if (row % 100 == 0) in = rng.UniformFloat() < share;
      if (in) stretches.Set(static_cast<int32_t>(row));
    }
    filters.push_back(scattered);
    filters.push_back(stretches);
  }
  for (const size_t count : {size_t{1}, k - 1, k, k + 1}) {
    Bitmap some(n);
    for (size_t i = 0; i < count; ++i) some.Set(static_cast<int32_t>(rng.UniformInt(n)));
    filters.push_back(some);
  }
  return filters;
}

void ExpectFilteredIsPostFiltered(const ItemIndex& index, const std::vector<float>& queries,
                                  size_t k, Rng& rng) {
  const auto n = static_cast<size_t>(index.size());
  const size_t q = queries.size() / static_cast<size_t>(index.dimension());
  std::vector<std::vector<int32_t>> lists(q);
  for (auto& list : lists) {
    for (size_t row = 0; row < n; ++row) {
      if (rng.UniformInt(5) == 0) list.push_back(static_cast<int32_t>(row));
    }
  }
  const std::vector<std::span<const int32_t>> exclude(lists.begin(), lists.end());
  for (const bool excluding : {false, true}) {
    SearchOptions options;
    options.k = static_cast<int64_t>(n);
    if (excluding) options.exclude = exclude;
    const Answer full = Search(index, queries, options);
    options.k = static_cast<int64_t>(k);
    for (const Bitmap& filter : Filters(n, k, rng)) {
      SCOPED_TRACE(StrCat("n ", n, " k ", k, " passing ", filter.Count(), excluding ? " -" : ""));
      options.filter = &filter;
      const Answer got = Search(index, queries, options);
      const Answer want = PostFiltered(full, q, n, k, filter);
      EXPECT_EQ(got.ids, want.ids);
      EXPECT_EQ(got.scores, want.scores);
    }
  }
}

TEST(FilteredSearch, OfTheExactIndexIsTheFullRankingPostFiltered) {
  Rng rng(41);
  for (const size_t n : {1U, 63U, 64U, 1000U, 5000U}) {
    for (const size_t d : {3U, 32U}) {
      for (const bool eighths : {true, false}) {
        const std::vector<float> rows = RandomNumbers(n * d, eighths, rng);
        const auto index =
            ExactIndex::Create(rows, static_cast<int64_t>(n), static_cast<int64_t>(d));
        ASSERT_TRUE(index.ok()) << index.status();
        const std::vector<float> queries = RandomNumbers(3 * d, eighths, rng);
        ExpectFilteredIsPostFiltered(**index, queries, 1, rng);
        ExpectFilteredIsPostFiltered(**index, queries, 10, rng);
      }
    }
  }
}

TEST(FilteredSearch, OfTheNaiveIndexIsTheFullRankingPostFiltered) {
  Rng rng(43);
  const NaiveIndex index(RandomNumbers(500 * 4, true, rng), 4);
  ExpectFilteredIsPostFiltered(index, RandomNumbers(2 * 4, true, rng), 10, rng);
}

// Products with (1): 1, 2, 3, 4. Comedies of 1990 and later are the rows 0 and 3.
TEST(FilteredSearch, FindsOnlyWhatAnExpressionLetsPass) {
  AttributeTable table(4);
  ASSERT_TRUE(table.AddNumbers("year", {1990, 1980, 2000, 1999}).ok());
  ASSERT_TRUE(table
                  .AddCategories("genre", std::vector<std::string>{"Comedy", "Drama"},
                                 std::vector<int64_t>{0, 1, 2, 3, 5},
                                 std::vector<int32_t>{0, 0, 1, 0, 1})
                  .ok());
  const auto filter = EvaluateFilter("genre = Comedy AND year >= 1990", table);
  ASSERT_TRUE(filter.ok()) << filter.status();
  const auto index = ExactIndex::Create(std::vector<float>{1, 2, 3, 4}, 4, 1).value();
  SearchOptions options;
  options.k = 3;
  options.filter = &*filter;
  EXPECT_EQ(Search(*index, std::vector<float>{1}, options).ids, (std::vector<int32_t>{3, 0, -1}));
}

}  // namespace
}  // namespace tandem::index
