#include "tandem/index/principal_axes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tandem/base/rng.h"

namespace tandem::index {
namespace {

double Along(const PrincipalAxes& found, size_t d, size_t a, size_t b) {
  double sum = 0;
  for (size_t j = 0; j < d; ++j) sum += found.axes[a * d + j] * found.axes[b * d + j];
  return sum;
}

void ExpectOrthonormal(const PrincipalAxes& found, size_t h, size_t d) {
  for (size_t a = 0; a < h; ++a) {
    for (size_t b = 0; b <= a; ++b) {
      EXPECT_NEAR(Along(found, d, a, b), a == b ? 1 : 0, 1e-13) << a << " " << b;
    }
  }
}

TEST(PrincipalAxes, FindsTheDirectionsOfTheSpread) {
  // Spread 25 along (3, 4, 0) / 5, 1 across it in the plane, nothing out of it.
  Rng rng(1);
  std::vector<float> rows;
  for (int i = 0; i < 2000; ++i) {
    const float along = 5 * rng.Normal();
    const float across = rng.Normal();
    rows.insert(rows.end(),
                {7 + (3 * along - 4 * across) / 5, -2 + (4 * along + 3 * across) / 5, 1});
  }
  const PrincipalAxes one = FindPrincipalAxes(rows, 2000, 3, 1);
  EXPECT_NEAR(std::abs(one.axes[0]), 0.6, 0.02);
  EXPECT_NEAR(std::abs(one.axes[1]), 0.8, 0.02);
  EXPECT_NEAR(one.tail_share.back(), 1.0 / 26, 0.01);
  EXPECT_NEAR(one.mean[0], 7, 0.4);
  EXPECT_NEAR(one.mean[2], 1, 1e-6);
  const PrincipalAxes two = FindPrincipalAxes(rows, 2000, 3, 2);
  EXPECT_NEAR(two.tail_share.back(), 0, 1e-9);
  EXPECT_NEAR(two.tail_share.front(), 1.0 / 26, 0.01);
  ExpectOrthonormal(two, 2, 3);
}

TEST(PrincipalAxes, AreOrthonormalWhereThereIsNoSpread) {
  for (const float value : {0.0F, 2.5F}) {
    const std::vector<float> rows(40 * 6, value);
    const PrincipalAxes found = FindPrincipalAxes(rows, 40, 6, 4);
    ExpectOrthonormal(found, 4, 6);
    EXPECT_EQ(found.tail_share.back(), 0);
  }
}

TEST(PrincipalAxes, AreOrthonormalWhereTheSpreadHasFewerDimensionsThanAsked) {
  Rng rng(2);
  std::vector<float> rows(500 * 8, 0.0F);
  for (size_t i = 0; i < 500; ++i) rows[i * 8 + 3] = rng.Normal();
  const PrincipalAxes found = FindPrincipalAxes(rows, 500, 8, 8);
  ExpectOrthonormal(found, 8, 8);
  EXPECT_NEAR(found.tail_share.back(), 0, 1e-9);
}

TEST(PrincipalAxes, AreTheSameEachTime) {
  Rng rng(3);
  std::vector<float> rows(40'000 * 16);
  for (float& x : rows) x = rng.Normal();
  const PrincipalAxes a = FindPrincipalAxes(rows, 40'000, 16, 4);
  EXPECT_EQ(a.axes, FindPrincipalAxes(rows, 40'000, 16, 4).axes);
  // Even spread: four of sixteen directions hold about a quarter.
  EXPECT_NEAR(a.tail_share.back(), 0.75, 0.05);
}

}  // namespace
}  // namespace tandem::index
