#include "tandem/index/ivf_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/naive_index.h"
#include "tandem/index/testing/seal.h"
#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

std::vector<float> Normals(size_t n, Rng& rng) {
  std::vector<float> values(n);
  for (float& x : values) x = rng.Normal();
  return values;
}

void Normalise(std::span<float> rows, size_t d) {
  for (size_t begin = 0; begin < rows.size(); begin += d) {
    const std::span<float> row = rows.subspan(begin, d);
    const float norm = std::sqrt(math::Dot(row, row));
    for (float& x : row) x /= norm;
  }
}

// Of unit length, coordinate j of them with a spread of (j + 1)^-0.4, as trained embeddings have.
std::vector<float> Unit(size_t n, size_t d, Rng& rng) {
  std::vector<float> rows = Normals(n * d, rng);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] *= std::pow(static_cast<float>(i % d + 1), -0.4F);
  }
  Normalise(rows, d);
  return rows;
}

// Around 50 centres.
std::vector<float> Clustered(size_t n, size_t d, std::span<const float> centres, Rng& rng) {
  std::vector<float> rows = Normals(n * d, rng);
  for (size_t i = 0; i < n; ++i) {
    const size_t centre = rng.UniformInt(centres.size() / d);
    for (size_t j = 0; j < d; ++j)
      rows[i * d + j] = 0.5F * rows[i * d + j] + centres[centre * d + j];
  }
  return rows;
}

struct Answer {
  std::vector<int32_t> ids;
  std::vector<float> scores;
};

Answer Ask(const ItemIndex& index, std::span<const float> queries, const SearchOptions& options) {
  const size_t room =
      queries.size() / static_cast<size_t>(index.dimension()) * static_cast<size_t>(options.k);
  Answer answer{std::vector<int32_t>(room), std::vector<float>(room)};
  const Status status = index.Search(queries, options, answer.ids, answer.scores);
  EXPECT_TRUE(status.ok()) << status;
  return answer;
}

double Recall(const IvfIndex& index, std::span<const float> rows, std::span<const float> queries,
              const SearchOptions& options) {
  const NaiveIndex naive(rows, index.dimension(), index.metric());
  const Answer got = Ask(index, queries, options);
  const Answer want = Ask(naive, queries, options);
  const auto k = static_cast<size_t>(options.k);
  size_t hits = 0;
  for (size_t i = 0; i < got.ids.size(); i += k) {
    const std::set<int32_t> found(got.ids.begin() + static_cast<ptrdiff_t>(i),
                                  got.ids.begin() + static_cast<ptrdiff_t>(i + k));
    for (size_t j = i; j < i + k; ++j) hits += found.count(want.ids[j]);
  }
  return static_cast<double>(hits) / static_cast<double>(got.ids.size());
}

// As many as there are, each once, none that is left out; true scores, best first, ties by row.
void ExpectSound(const Answer& answer, std::span<const float> rows, std::span<const float> query,
                 size_t k, std::span<const int32_t> exclude, const Bitmap* filter) {
  const size_t d = query.size();
  std::set<int32_t> allowed;
  for (int32_t i = 0; static_cast<size_t>(i) * d < rows.size(); ++i) {
    if (filter != nullptr && !filter->Contains(i)) continue;
    if (!std::binary_search(exclude.begin(), exclude.end(), i)) allowed.insert(i);
  }
  const size_t want = std::min(k, allowed.size());
  for (size_t i = 0; i < k; ++i) {
    const int32_t item = answer.ids[i];
    if (i >= want) {
      EXPECT_EQ(item, -1);
      EXPECT_EQ(answer.scores[i], -std::numeric_limits<float>::infinity());
      continue;
    }
    ASSERT_EQ(allowed.erase(item), 1U) << "place " << i << " item " << item;
    EXPECT_EQ(answer.scores[i], math::Dot(query, rows.subspan(static_cast<size_t>(item) * d, d)));
    if (i == 0) continue;
    EXPECT_TRUE(answer.scores[i - 1] > answer.scores[i] ||
                (answer.scores[i - 1] == answer.scores[i] && answer.ids[i - 1] < item));
  }
}

TEST(IvfIndex, FindsKOfWhatIsAdmittedForRandomShapes) {
  Rng rng(5);
  for (int round = 0; round < 40; ++round) {
    const size_t n = rng.UniformInt(900);
    const size_t d = 1 + rng.UniformInt(40);
    const size_t k = 1 + rng.UniformInt(30);
    const std::vector<float> rows = Normals(n * d, rng);
    const std::vector<float> query = Normals(d, rng);
    const auto index =
        IvfIndex::Create(rows, static_cast<int64_t>(n), static_cast<int64_t>(d)).value();
    EXPECT_FALSE(index->is_exact());
    ASSERT_EQ(index->size(), static_cast<int64_t>(n));
    SCOPED_TRACE(StrCat("n ", n, " d ", d, " k ", k));
    for (const float share : {0.0F, 0.01F, 0.3F, 0.95F, 1.0F}) {
      Bitmap filter(n);
      std::vector<int32_t> exclude;
      for (int32_t i = 0; i < static_cast<int32_t>(n); ++i) {
        if (rng.UniformFloat() < share) filter.Set(i);
        if (rng.UniformFloat() < share) exclude.push_back(i);
      }
      const std::vector<std::span<const int32_t>> lists = {exclude};
      SearchOptions options;
      options.k = static_cast<int64_t>(k);
      ExpectSound(Ask(*index, query, options), rows, query, k, {}, nullptr);
      options.filter = &filter;
      ExpectSound(Ask(*index, query, options), rows, query, k, {}, &filter);
      options.exclude = lists;
      ExpectSound(Ask(*index, query, options), rows, query, k, exclude, &filter);
      options.filter = nullptr;
      ExpectSound(Ask(*index, query, options), rows, query, k, exclude, nullptr);
    }
  }
}

TEST(IvfIndex, PassesOverExclusionsThatAreNoItems) {
  const std::vector<float> rows = {1, 2, 3};
  const auto index = IvfIndex::Create(rows, 3, 1).value();
  const std::vector<int32_t> exclude = {-5, 2, 3, 2'000'000'000};
  const std::vector<std::span<const int32_t>> lists = {exclude};
  SearchOptions options;
  options.k = 3;
  options.exclude = lists;
  EXPECT_EQ(Ask(*index, std::vector<float>{1}, options).ids, (std::vector<int32_t>{1, 0, -1}));
}

// All approximate scores are the same: every item is a candidate until there are enough.
TEST(IvfIndex, ZerosDuplicatesAndZeroQueriesGiveKItems) {
  for (const float value : {0.0F, 1.0F, 1e30F, 1e-40F}) {
    const std::vector<float> rows(600, value);
    const auto index = IvfIndex::Create(rows, 300, 2).value();
    for (const float q : {0.0F, 1.0F, -1.0F}) {
      const std::vector<float> query(2, q);
      SearchOptions options;
      options.k = 40;
      ExpectSound(Ask(*index, query, options), rows, query, 40, {}, nullptr);
    }
  }
}

TEST(IvfIndex, ReachesTheTargetOnUnitVectors) {
  Rng rng(7);
  const std::vector<float> rows = Unit(20'000, 48, rng);
  const std::vector<float> queries = Unit(150, 48, rng);
  for (const double target : {0.9, 0.99}) {
    IvfOptions options;
    options.target_recall = target;
    options.threads = 2;
    const auto index = IvfIndex::Create(rows, 20'000, 48, options).value();
    SCOPED_TRACE(target);
    EXPECT_LT(index->efforts()[0].lists, index->lists() / 2);
    for (const IvfEffort& effort : index->efforts()) {
      EXPECT_GE(effort.measured_recall, target) << effort.k;
      SearchOptions search;
      search.k = effort.k;
      // Two standard errors of 150 queries, as if three of an answer were independent.
      const double error = 2 * std::sqrt(target * (1 - target) / 450);
      EXPECT_GE(Recall(*index, rows, queries, search), target - error) << effort.k;
    }
  }
}

TEST(IvfIndex, ReachesTheTargetOnClustersWithSampleQueriesAFilterAndExclusions) {
  Rng rng(9);
  const std::vector<float> centres = Normals(size_t{50} * 24, rng);
  const std::vector<float> rows = Clustered(20'000, 24, centres, rng);
  const std::vector<float> sample = Clustered(300, 24, centres, rng);
  const std::vector<float> queries = Clustered(100, 24, centres, rng);
  IvfOptions options;
  options.sample_queries = sample;
  options.threads = 2;
  const auto index = IvfIndex::Create(rows, 20'000, 24, options).value();
  EXPECT_LT(index->efforts()[0].lists, index->lists() / 2);
  // Two standard errors of 100 queries, as if three of an answer were independent: 0.025.
  const double least = 0.95 - 0.025;
  SearchOptions search;
  EXPECT_GE(Recall(*index, rows, queries, search), least);
  for (const float share : {0.5F, 0.05F, 0.002F}) {
    Bitmap filter(20'000);
    for (int32_t i = 0; i < 20'000; ++i) {
      if (rng.UniformFloat() < share) filter.Set(i);
    }
    search.filter = &filter;
    EXPECT_GE(Recall(*index, rows, queries, search), least) << share;
  }
  search.filter = nullptr;
  search.k = 60;
  const Answer seen = Ask(*index, queries, search);
  std::vector<std::vector<int32_t>> lists(100);
  for (size_t i = 0; i < 100; ++i) {
    lists[i].assign(seen.ids.begin() + static_cast<ptrdiff_t>(60 * i),
                    seen.ids.begin() + static_cast<ptrdiff_t>(60 * i + 60));
    std::sort(lists[i].begin(), lists[i].end());
  }
  const std::vector<std::span<const int32_t>> exclude(lists.begin(), lists.end());
  search.k = 10;
  search.exclude = exclude;
  EXPECT_GE(Recall(*index, rows, queries, search), least);
}

TEST(IvfIndex, ReachesTheTargetInEveryMetric) {
  Rng rng(15);
  const std::vector<float> centres = Normals(size_t{50} * 16, rng);
  const std::vector<float> rows = Clustered(6000, 16, centres, rng);
  const std::vector<float> queries = Clustered(100, 16, centres, rng);
  for (const Metric metric : kMetrics) {
    IvfOptions options;
    options.metric = metric;
    const auto index = IvfIndex::Create(rows, 6000, 16, options).value();
    SCOPED_TRACE(MetricName(metric));
    EXPECT_EQ(index->metric(), metric);
    EXPECT_LT(index->efforts()[0].lists, index->lists() / 2);
    SearchOptions search;
    EXPECT_GE(Recall(*index, rows, queries, search), 0.925);
    const Answer got = Ask(*index, queries, search);
    const Answer want = Ask(NaiveIndex(rows, 16, metric), queries, search);
    EXPECT_EQ(got.ids[0], want.ids[0]);
    EXPECT_NEAR(got.scores[0], want.scores[0], 1e-4);
  }
}

TEST(IvfIndex, IsTheSameAtAnyNumberOfThreads) {
  Rng rng(11);
  const std::vector<float> rows = Unit(5000, 20, rng);
  const std::vector<float> queries = Unit(20, 20, rng);
  IvfOptions options;
  const auto one = IvfIndex::Create(rows, 5000, 20, options).value();
  options.threads = 3;
  const auto three = IvfIndex::Create(rows, 5000, 20, options).value();
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(one->efforts()[i].lists, three->efforts()[i].lists);
    EXPECT_EQ(one->efforts()[i].candidates, three->efforts()[i].candidates);
    EXPECT_EQ(one->efforts()[i].measured_recall, three->efforts()[i].measured_recall);
  }
  SearchOptions search;
  EXPECT_EQ(Ask(*one, queries, search).ids, Ask(*three, queries, search).ids);
}

TEST(IvfIndex, CopiesTheVectorOfARow) {
  Rng rng(13);
  const std::vector<float> rows = Normals(size_t{300} * 7, rng);
  const auto index = IvfIndex::Create(rows, 300, 7).value();
  std::vector<float> vector(7);
  for (int32_t i = 0; i < 300; ++i) {
    index->CopyVector(i, vector);
    for (size_t j = 0; j < 7; ++j) EXPECT_EQ(vector[j], rows[static_cast<size_t>(i) * 7 + j]);
  }
}

TEST(IvfIndex, RefusesWhatDoesNotFitAndSaysWhat) {
  std::vector<float> rows = {1, 2, 3, 4};
  EXPECT_FALSE(IvfIndex::Create(rows, 3, 2).ok());
  EXPECT_FALSE(IvfIndex::Create(rows, 2, 0).ok());
  IvfOptions options;
  options.target_recall = 1;
  EXPECT_NE(IvfIndex::Create(rows, 2, 2, options).status().message().find("recall"),
            std::string::npos);
  options.target_recall = 0.9;
  options.sample_queries = std::span(rows).first(3);
  EXPECT_NE(IvfIndex::Create(rows, 2, 2, options).status().message().find("sample"),
            std::string::npos);
  const auto index = IvfIndex::Create(rows, 2, 2).value();
  std::vector<int32_t> ids(1);
  std::vector<float> scores(1);
  const std::vector<float> query = {1, 2};
  SearchOptions search;
  search.k = 0;
  EXPECT_FALSE(index->Search(query, search, ids, scores).ok());
  search.k = 2;
  EXPECT_FALSE(index->Search(query, search, ids, scores).ok());
  search.k = 1;
  EXPECT_TRUE(index->Search(query, search, ids, scores).ok());
  const Bitmap filter(3);
  search.filter = &filter;
  EXPECT_FALSE(index->Search(query, search, ids, scores).ok());
  search.filter = nullptr;
  EXPECT_FALSE(index->Search(std::vector<float>{1, std::nanf("")}, search, ids, scores).ok());
  rows[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(IvfIndex::Create(rows, 2, 2).status().message().find("item 1"), std::string::npos);
}

std::string Bytes(const IvfIndex& index) {
  MemoryEnv env;
  const auto writer = SnapshotWriter::Create(env, "i").value();
  EXPECT_TRUE(index.Write(*writer).ok());
  EXPECT_TRUE(writer->Finish().ok());
  return *env.ReadFile("i");
}

Result<std::unique_ptr<IvfIndex>> OpenBytes(const std::string& bytes) {
  MemoryEnv env;
  TANDEM_RETURN_IF_ERROR(env.WriteFile("i", bytes));
  TANDEM_ASSIGN_OR_RETURN(auto file, SnapshotFile::Open(env, "i"));
  return IvfIndex::Open(std::move(file));
}

TEST(IvfIndex, IsTheSameOutOfItsFile) {
  Rng rng(17);
  for (const Metric metric : kMetrics) {
    for (const size_t n : {0U, 1U, 700U}) {
      const std::vector<float> rows = Normals(n * 9, rng);
      const std::vector<float> queries = Normals(45, rng);
      IvfOptions options;
      options.metric = metric;
      const auto index = IvfIndex::Create(rows, static_cast<int64_t>(n), 9, options).value();
      const std::string bytes = Bytes(*index);
      const auto again = OpenBytes(bytes);
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ((*again)->metric(), metric);
      EXPECT_EQ((*again)->efforts()[1].measured_recall, index->efforts()[1].measured_recall);
      SearchOptions search;
      search.k = 20;
      EXPECT_EQ(Ask(**again, queries, search).ids, Ask(*index, queries, search).ids);
      EXPECT_EQ(Ask(**again, queries, search).scores, Ask(*index, queries, search).scores);
      EXPECT_EQ(Bytes(**again), bytes);
    }
  }
}

TEST(IvfIndex, CutAtEveryByteIsRefused) {
  Rng rng(19);
  const std::string good = Bytes(*IvfIndex::Create(Normals(size_t{40} * 3, rng), 40, 3).value());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(OpenBytes(good.substr(0, size)).ok()) << size;
  }
}

// Damage behind matching checksums: an error, or an index that can be searched, in bounds.
TEST(IvfIndex, RandomDamageNeverLeavesTheFile) {
  Rng rng(21);
  const int32_t n = 60;
  const std::string good = Bytes(*IvfIndex::Create(Normals(size_t{n} * 5, rng), n, 5).value());
  Bitmap half(n);
  for (int32_t i = 0; i < n; i += 2) half.Set(i);
  int searched = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = good;
    for (int edit = 0; edit < 3; ++edit) {
      bytes[rng.UniformInt(bytes.size())] = static_cast<char>(rng.UniformInt(256));
    }
    const auto index = OpenBytes(testing::Seal(bytes));
    if (!index.ok() || (*index)->size() != n || (*index)->dimension() != 5) continue;
    ++searched;
    SearchOptions search;
    search.k = 30;
    for (const Bitmap* filter : {static_cast<const Bitmap*>(nullptr), &std::as_const(half)}) {
      search.filter = filter;
      for (const int32_t item : Ask(**index, Normals(5, rng), search).ids) {
        ASSERT_TRUE(item >= -1 && item < n) << item;
      }
    }
    std::vector<float> vector(5);
    for (int32_t i = 0; i < n; ++i) (*index)->CopyVector(i, vector);
  }
  EXPECT_GT(searched, 100);
}

}  // namespace
}  // namespace tandem::index
