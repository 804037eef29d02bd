#include "tandem/index/projected_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::index {
namespace {

// Along the axes (0.6, 0.8) and (0.8, -0.6), as near as floats are, with the mean (1, 2).
TEST(ProjectedRows, AreCentredAndTurned) {
  const std::vector<float> mean = {1, 2};
  const std::vector<float> axes = {0.6F, 0.8F, 0.8F, -0.6F};
  ProjectedRows rows(InnerSpace{}, mean, axes, 2);
  rows.Set(0, std::vector<float>{2, 2});  // (1, 0) from the mean
  rows.Set(1, std::vector<float>{1, 7});  // (0, 5)
  rows.Project(2);
  EXPECT_EQ(rows.squares()[0], 1);
  EXPECT_EQ(rows.squares()[1], 25);
  EXPECT_FLOAT_EQ(rows.Columns(0)[0], 0.6F);
  EXPECT_FLOAT_EQ(rows.Columns(1)[0], 4);
  EXPECT_FLOAT_EQ(rows.Columns(1)[ProjectedRows::kStride], -3);
  EXPECT_EQ(rows.Columns(2)[0], 0);
  EXPECT_EQ(rows.Columns(63)[ProjectedRows::kStride], 0);
}

// x' = (x - c, -|x - c|^2 / (2 s)): of (4, 6) from (1, 2) at a height of 2, -25 / 4.
TEST(ProjectedRows, OfL2HaveTheSquareBehindThem) {
  const std::vector<float> mean = {0, 0, 0};
  const std::vector<float> centre = {1, 2};
  ProjectedRows rows(InnerSpace{.metric = Metric::kL2, .centre = centre, .height = 2}, mean, {}, 3);
  rows.Set(0, std::vector<float>{4, 6});
  rows.Project(1);
  EXPECT_EQ(rows.Columns(0)[2 * ProjectedRows::kStride], -6.25F);
}

// Of the coordinates nothing is rounded: what is left of them in double is a lower bound, and the
// upper one is near it where it is not far below the norm.
TEST(ProjectedRows, RestsAreUpperBoundsAtEveryScale) {
  Rng rng(2);
  const size_t d = 12;
  const std::vector<float> mean(d);
  for (const float scale : {1e-44F, 1e-38F, 1e-20F, 1.0F, 1e18F}) {
    ProjectedRows rows(InnerSpace{}, mean, {}, d);
    std::vector<std::vector<float>> set(100, std::vector<float>(d));
    for (size_t i = 0; i < set.size(); ++i) {
      for (float& x : set[i]) x = scale * rng.Normal();
      rows.Set(i, set[i]);
    }
    rows.Project(set.size());
    for (size_t axes = 0; axes <= d; ++axes) {
      std::vector<float> rests(set.size());
      rows.Rests(axes, rests);
      for (size_t i = 0; i < set.size(); ++i) {
        const double rest = std::sqrt(SquaredNorm(std::span(set[i]).subspan(axes)));
        const double norm = std::sqrt(SquaredNorm(set[i]));
        EXPECT_GE(static_cast<double>(rests[i]), rest) << scale << " " << axes;
        // sqrt(rest^2 + lost norm^2) <= rest + sqrt(lost) norm, lost = 2 * 14 * (1 + 2 sqrt 12) /
        // 2^24.
        EXPECT_LE(static_cast<double>(rests[i]), rest * (1 + 1e-6) + 0.0037 * norm + 0x1p-73);
      }
    }
  }
}

}  // namespace
}  // namespace tandem::index
