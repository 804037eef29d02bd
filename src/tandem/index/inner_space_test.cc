#include "tandem/index/inner_space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/scan_builder.h"
#include "tandem/index/scan_query.h"

namespace tandem::index {
namespace {

TEST(InnerSpace, OfDotIsTheSpaceItself) {
  const InnerSpace space;
  EXPECT_EQ(space.Width(2), 2);
  std::vector<float> to(2);
  space.CopyRow(std::vector<float>{3, 4}, to);
  EXPECT_EQ(to, (std::vector<float>{3, 4}));
  space.CopyQuery(std::vector<float>{5, 6}, to);
  EXPECT_EQ(to, (std::vector<float>{5, 6}));
}

// c = (1, 2), s = 4, x = (4, 6), q = (1, 3): x' = (3, 4, -25 / 8), q' = (0, 1, 4), q' . x' = 4 - 25
// / 2;
// (|q - c|^2 - |q - x|^2) / 2 = (1 - (9 + 9)) / 2.
TEST(InnerSpace, OfL2MakesTheDistanceAnInnerProduct) {
  const std::vector<float> centre = {1, 2};
  const InnerSpace space = {.metric = Metric::kL2, .centre = centre, .height = 4};
  ASSERT_EQ(space.Width(2), 3);
  std::vector<float> x(3);
  std::vector<float> q(3);
  space.CopyRow(std::vector<float>{4, 6}, x);
  space.CopyQuery(std::vector<float>{1, 3}, q);
  EXPECT_EQ(x, (std::vector<float>{3, 4, -3.125F}));
  EXPECT_EQ(q, (std::vector<float>{0, 1, 4}));
  EXPECT_EQ(q[0] * x[0] + q[1] * x[1] + q[2] * x[2], -8.5F);
}

// Mean (2, 0), distances 5 and 5: half of that.
TEST(InnerSpace, IsCentredAndAsHighAsRowsAreFar) {
  const CentreAndHeight found = FindCentreAndHeight(std::vector<float>{5, 4, -1, -4}, 2);
  EXPECT_EQ(found.centre, (std::vector<float>{2, 0}));
  EXPECT_EQ(found.height, 2.5);
}

TEST(InnerSpace, OfRowsThatAreOneOrNoneOrTooLongHasAHeightOfOne) {
  for (const std::vector<float>& rows :
       {std::vector<float>{}, std::vector<float>{7, 7}, std::vector<float>{3e38F, 0, -3e38F, 0}}) {
    const CentreAndHeight found = FindCentreAndHeight(rows, 2);
    EXPECT_EQ(found.height, 1);
    EXPECT_EQ(found.centre[0], rows.size() == 2 ? 7 : 0);
  }
}

// The share of the tiles that a bound leaves for the ten nearest of 5,000.
double ShareOfTilesLeft(std::span<const float> rows, std::span<const float> query, size_t d) {
  const size_t n = rows.size() / d;
  const ScanData data = BuildScanData(rows, n, d, Metric::kL2, RowFormat::kFloat);
  std::vector<double> scores(n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) {
      const double off = static_cast<double>(query[j]) - static_cast<double>(rows[i * d + j]);
      scores[i] -= off * off;
    }
  }
  std::nth_element(scores.begin(), scores.begin() + 9, scores.end(), std::greater<>());
  const ScanQuery asked(data, query);
  std::vector<float> bounds(data.tile_count());
  asked.BoundBoxes(data.tile_boxes, bounds);
  const double needed = asked.Needed(static_cast<float>(scores[9]));
  return static_cast<double>(std::count_if(
             bounds.begin(), bounds.end(),
             [needed](float bound) { return static_cast<double>(bound) >= needed; })) /
         static_cast<double>(bounds.size());
}

// Nearest is nearest in any unit and from any origin, and is found with as little.
TEST(InnerSpace, OfL2RulesOutAsMuchInAnyUnitAndFromAnyOrigin) {
  Rng rng(5);
  const size_t n = 5000;
  const size_t d = 8;
  std::vector<float> rows(n * d);
  std::vector<float> query(d);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = rng.Normal() / std::sqrt(static_cast<float>(1 + i % d));
  }
  for (size_t j = 0; j < d; ++j) query[j] = rng.Normal() / std::sqrt(static_cast<float>(1 + j));
  const double share = ShareOfTilesLeft(rows, query, d);
  EXPECT_LT(share, 0.65);
  for (const float scale : {1e-6F, 0.01F, 30.0F, 1e6F}) {
    for (const float origin : {0.0F, 100.0F}) {
      const auto moved = [&](std::vector<float> from) {
        for (float& x : from) x = scale * (x + origin);
        return from;
      };
      EXPECT_NEAR(ShareOfTilesLeft(moved(rows), moved(query), d), share, 0.02)
          << scale << " " << origin;
    }
  }
  // Nor does one that is far from all others, at 20 times its distance, take much from them.
  for (size_t j = 0; j < d; ++j) rows[7 * d + j] *= 20;
  EXPECT_NEAR(ShareOfTilesLeft(rows, query, d), share, 0.1);
}

}  // namespace
}  // namespace tandem::index
