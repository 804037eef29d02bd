// Annoy's own C++ (annoylib.h as Debian ships it) and Tandem on the same files: the same answers.
#include <annoylib.h>
#include <gtest/gtest.h>
#include <kissrandom.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/rng.h"
#include "tandem/index/annoy/annoy_file.h"
#include "tandem/index/annoy/annoy_index.h"
#include "tandem/index/annoy/annoy_writer.h"

namespace tandem::index::annoy {
namespace {

constexpr size_t kItems = 700;

// What Annoy takes for a vector of floats: itself, or bits in words.
std::vector<float> Pack(const std::vector<float>& vector, float) { return vector; }
std::vector<uint64_t> Pack(const std::vector<float>& vector, uint64_t) {
  std::vector<uint64_t> words((vector.size() + 63) / 64);
  for (size_t i = 0; i < vector.size(); ++i) {
    if (vector[i] > 0.5F) words[i / 64] |= uint64_t{1} << (i % 64);
  }
  return words;
}

std::vector<std::vector<float>> Vectors(size_t n, int dimension, uint64_t seed) {
  Rng rng(seed);
  std::vector<std::vector<float>> vectors(n, std::vector<float>(static_cast<size_t>(dimension)));
  for (auto& vector : vectors) {
    for (float& x : vector) x = rng.Normal();
  }
  return vectors;
}

std::string PathOf(std::string_view name) {
  return (std::filesystem::path(::testing::TempDir()) /
          StrCat("annoylib_test_", getpid(), "_", name))
      .string();
}

// Of 25 queries with each of four search_k. Sums of floats are in another order here and there: one
// answer in a hundred may take another turn.
template <typename T>
void ExpectSameAnswers(const AnnoyIndex& ours, const ::AnnoyIndexInterface<int32_t, T>& theirs,
                       int dimension) {
  int different = 0;
  const auto queries = Vectors(25, dimension, 9);
  for (const int search_k : {-1, 5, 200, 1'000'000}) {
    for (const auto& query : queries) {
      std::vector<int32_t> ids;
      std::vector<T> distances;
      theirs.get_nns_by_vector(Pack(query, T()).data(), 20, search_k, &ids, &distances);
      const auto found = ours.SearchByVector(query, 20, search_k).value();
      ASSERT_EQ(found.size(), ids.size());
      bool same = true;
      for (size_t i = 0; i < ids.size(); ++i) {
        same = same && found[i].id == ids[i];
        const auto distance = static_cast<double>(distances[i]);
        EXPECT_NEAR(double{found[i].distance}, distance, 1e-3 * (1 + std::abs(distance)));
      }
      different += same ? 0 : 1;
    }
  }
  EXPECT_LE(different, 1);  // of 100
}

template <typename Distance, typename T>
void ExpectAnnoylibIsUnderstood(AnnoyMetric metric, int dimension, size_t n, int32_t gap) {
  SCOPED_TRACE(StrCat(AnnoyMetricName(metric), " ", dimension, " ", n, " ", gap));
  const auto vectors = Vectors(n, dimension, 3);
  const auto f = static_cast<int>(Pack(vectors[0], T()).size());
  ::AnnoyIndex<int32_t, T, Distance, Kiss64Random, AnnoyIndexSingleThreadedBuildPolicy> theirs(f);
  for (size_t i = 0; i < n; ++i) {
    theirs.add_item(static_cast<int32_t>(i) * gap, Pack(vectors[i], T()).data());
  }
  theirs.build(5);
  const std::string path = PathOf(AnnoyMetricName(metric));
  ASSERT_TRUE(theirs.save(path.c_str()));
  const auto file = AnnoyFile::Open(Env::Posix(), path, {metric, dimension});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->n_items(), theirs.get_n_items());
  EXPECT_EQ((*file)->n_trees(), theirs.get_n_trees());
  ExpectSameAnswers<T>(AnnoyIndex(*file), theirs, dimension);
  std::filesystem::remove(path);
}

TEST(AnnoylibTest, FilesOfAnnoylibAreReadAndSearchedAsAnnoylibDoes) {
  for (const int32_t gap : {1, 3}) {
    for (const size_t n : {size_t{1}, size_t{2}, size_t{15}, kItems}) {
      for (const int dimension : {2, 33}) {
        ExpectAnnoylibIsUnderstood<Angular, float>(AnnoyMetric::kAngular, dimension, n, gap);
        ExpectAnnoylibIsUnderstood<Euclidean, float>(AnnoyMetric::kEuclidean, dimension, n, gap);
        ExpectAnnoylibIsUnderstood<Manhattan, float>(AnnoyMetric::kManhattan, dimension, n, gap);
        ExpectAnnoylibIsUnderstood<DotProduct, float>(AnnoyMetric::kDot, dimension, n, gap);
        ExpectAnnoylibIsUnderstood<Hamming, uint64_t>(AnnoyMetric::kHamming, 40 * dimension, n,
                                                      gap);
      }
    }
  }
}

template <typename Distance>
void ExpectUnderstoodByAnnoylib(AnnoyMetric metric, int dimension, size_t n, int32_t gap) {
  SCOPED_TRACE(StrCat(AnnoyMetricName(metric), " ", dimension, " ", n, " ", gap));
  std::vector<float> rows;
  std::vector<int32_t> ids;
  for (const auto& vector : Vectors(n, dimension, 4)) {
    ids.push_back(static_cast<int32_t>(ids.size()) * gap);
    rows.insert(rows.end(), vector.begin(), vector.end());
  }
  BuildOptions options;
  options.metric = metric;
  options.trees = 5;
  const std::string bytes = BuildAnnoyFile(rows, dimension, ids, options).value();
  const std::string path = PathOf(AnnoyMetricName(metric));
  ASSERT_TRUE(Env::Posix().WriteFile(path, bytes).ok());
  ::AnnoyIndex<int32_t, float, Distance, Kiss64Random, AnnoyIndexSingleThreadedBuildPolicy> theirs(
      dimension);
  ASSERT_TRUE(theirs.load(path.c_str()));
  EXPECT_EQ(theirs.get_n_items(), ids.back() + 1);
  if (n > 1) {
    EXPECT_EQ(theirs.get_n_trees(), 5);
  }
  const auto file = AnnoyFile::Parse(bytes, {metric, dimension});
  ASSERT_TRUE(file.ok()) << file.status();
  ExpectSameAnswers<float>(AnnoyIndex(*file), theirs, dimension);
  std::filesystem::remove(path);
}

TEST(AnnoylibTest, FilesOfTandemAreReadAndSearchedByAnnoylib) {
  for (const int32_t gap : {1, 3}) {
    for (const size_t n : {size_t{1}, size_t{2}, size_t{15}, kItems}) {
      for (const int dimension : {2, 33}) {
        ExpectUnderstoodByAnnoylib<Angular>(AnnoyMetric::kAngular, dimension, n, gap);
        ExpectUnderstoodByAnnoylib<Euclidean>(AnnoyMetric::kEuclidean, dimension, n, gap);
        ExpectUnderstoodByAnnoylib<Manhattan>(AnnoyMetric::kManhattan, dimension, n, gap);
        ExpectUnderstoodByAnnoylib<DotProduct>(AnnoyMetric::kDot, dimension, n, gap);
      }
    }
  }
}

}  // namespace
}  // namespace tandem::index::annoy
