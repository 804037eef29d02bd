#include "tandem/index/score_space.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::index {
namespace {

// Coordinate j with a deviation of deviations[j].
std::vector<float> Spread(size_t n, const std::vector<float>& deviations, uint64_t seed) {
  Rng rng(seed);
  const size_t d = deviations.size();
  std::vector<float> rows(n * d);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = deviations[i % d] * rng.Normal();
  return rows;
}

std::vector<double> Map(const std::vector<double>& map, const std::vector<double>& x) {
  std::vector<double> result(map.size() / x.size(), 0);
  for (size_t i = 0; i < map.size(); ++i) result[i / x.size()] += map[i] * x[i % x.size()];
  return result;
}

TEST(ScoreSpace, AllAxesGiveTheScore) {
  const std::vector<float> deviations = {5, 1, 3, 0.5F, 2};
  const size_t d = 5;
  std::vector<float> rows = Spread(500, deviations, 1);
  for (size_t i = 0; i < rows.size(); i += d) rows[i + 1] += 7;  // a mean
  const std::vector<float> queries = Spread(300, {1, 2, 3, 4, 5}, 2);
  for (const bool with_queries : {false, true}) {
    const ScoreSpace space =
        FindScoreSpace(rows, 500, d, d, 25, with_queries ? queries : std::vector<float>());
    for (size_t i = 0; i < 100; ++i) {
      std::vector<double> item(d), query(d);
      double score = 0;
      double shift = 0;
      for (size_t j = 0; j < d; ++j) {
        query[j] = static_cast<double>(queries[i * d + j]);
        item[j] = (static_cast<double>(rows[i * d + j]) - space.mean[j]) / 25;
        score += query[j] * static_cast<double>(rows[i * d + j]);
        shift += query[j] * space.mean[j];
      }
      const std::vector<double> y = Map(space.item_map, item);
      const std::vector<double> u = Map(space.query_map, query);
      double sum = 0;
      for (size_t j = 0; j < d; ++j) sum += u[j] * y[j];
      EXPECT_NEAR(shift + 25 * sum, score, 1e-5 * (1 + std::abs(score)));
    }
    EXPECT_NEAR(space.tail_share[d - 1], 0, 1e-6);
  }
}

// Items spread most along coordinate 0, queries along coordinate 1, where 3 * 4 > 5 * 1: the first
// axis is coordinate 1. For queries like the items it is coordinate 0.
TEST(ScoreSpace, TheFirstAxisIsWhereScoresDifferMost) {
  const std::vector<float> rows = Spread(4000, {5, 3, 1}, 3);
  const std::vector<float> queries = Spread(4000, {1, 4, 1}, 4);
  const ScoreSpace asked = FindScoreSpace(rows, 4000, 3, 1, 20, queries);
  EXPECT_GT(std::abs(asked.item_map[1]), 10 * std::abs(asked.item_map[0]));
  const ScoreSpace alike = FindScoreSpace(rows, 4000, 3, 1, 20, {});
  EXPECT_GT(std::abs(alike.item_map[0]), 10 * std::abs(alike.item_map[1]));
}

}  // namespace
}  // namespace tandem::index
