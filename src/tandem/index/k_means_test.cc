#include "tandem/index/k_means.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace tandem::index {
namespace {

std::vector<float> Normals(size_t n, Rng rng) {
  std::vector<float> values(n);
  for (float& x : values) x = rng.Normal();
  return values;
}

TEST(KMeans, TheNearestCentroidIsTheNaiveOne) {
  Workers workers(2);
  const size_t w = 5;
  const std::vector<float> points = Normals(3000 * w, Rng(1));
  const std::vector<float> centroids = Normals(77 * w, Rng(2));
  const std::vector<int32_t> nearest = NearestCentroids(points, w, centroids, workers);
  ASSERT_EQ(nearest.size(), 3000U);
  const auto distance = [&](size_t point, size_t centroid) {
    double sum = 0;
    for (size_t j = 0; j < w; ++j) {
      const auto gap = static_cast<double>(points[point * w + j] - centroids[centroid * w + j]);
      sum += gap * gap;
    }
    return sum;
  };
  for (size_t i = 0; i < 3000; ++i) {
    const double got = distance(i, static_cast<size_t>(nearest[i]));
    for (size_t c = 0; c < 77; ++c) EXPECT_LE(got, distance(i, c) + 1e-5);
  }
}

TEST(KMeans, RoundsBringCentroidsNearer) {
  Workers workers(1);
  std::vector<float> points = Normals(4000 * 3, Rng(3));
  const auto loss = [&](int iterations) {
    const std::vector<float> centroids =
        FindCentroids(points, 3, 20, iterations, 1000, Rng(4), workers);
    const std::vector<int32_t> nearest = NearestCentroids(points, 3, centroids, workers);
    double sum = 0;
    for (size_t i = 0; i < 4000 * 3; ++i) {
      const float gap = points[i] - centroids[static_cast<size_t>(nearest[i / 3]) * 3 + i % 3];
      sum += static_cast<double>(gap * gap);
    }
    return sum;
  };
  const double start = loss(0);
  const double one = loss(1);
  const double eight = loss(8);
  EXPECT_LT(one, 0.95 * start);
  EXPECT_LT(eight, 0.95 * one);
}

TEST(KMeans, AListForEachPointKeepsThePoints) {
  Workers workers(1);
  const std::vector<float> points = {0, 10, 20, 30};
  const std::vector<float> centroids = FindCentroids(points, 1, 4, 3, 24, Rng(5), workers);
  EXPECT_EQ(std::set<float>(centroids.begin(), centroids.end()), (std::set<float>{0, 10, 20, 30}));
}

TEST(KMeans, IsTheSameAtAnyNumberOfThreads) {
  const std::vector<float> points = Normals(20'000 * 4, Rng(6));
  Workers one(1);
  Workers three(3);
  EXPECT_EQ(FindCentroids(points, 4, 60, 4, 100, Rng(7), one),
            FindCentroids(points, 4, 60, 4, 100, Rng(7), three));
}

}  // namespace
}  // namespace tandem::index
