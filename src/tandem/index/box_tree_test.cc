#include "tandem/index/box_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/scan_data.h"

namespace tandem::index {
namespace {

constexpr size_t kTile = math::kTileRows;

std::vector<Point> RandomPoints(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<Point> points(n);
  for (size_t i = 0; i < n; ++i) {
    // Few values, so that many are alike.
    points[i] = {{rng.Normal(), static_cast<float>(rng.UniformInt(7)), rng.UniformFloat()},
                 static_cast<int32_t>(i)};
  }
  return points;
}

TEST(OrderByTree, KeepsEveryPoint) {
  for (const size_t n : {0U, 1U, 63U, 64U, 65U, 1000U, 1024U, 5000U, 20'000U}) {
    const std::vector<Point> before = RandomPoints(n, n);
    std::vector<Point> after = before;
    OrderByTree(after);
    std::sort(after.begin(), after.end(),
              [](const Point& a, const Point& b) { return a.item < b.item; });
    for (size_t i = 0; i < n; ++i) {
      EXPECT_EQ(after[i].item, before[i].item);
      EXPECT_EQ(after[i].at, before[i].at);
    }
  }
}

// 20,000 points make 313 tiles; the first split is behind 160 of them, whole blocks of 16, along
// the side that is spread most: here all others are constant.
TEST(OrderByTree, SplitsBlocksAlongTheWidestSide) {
  for (size_t side = 0; side < 3; ++side) {
    std::vector<Point> points = RandomPoints(20'000, 5);
    for (Point& point : points) {
      const float x = point.at[0];
      point.at = {1, 1, 1};
      point.at[side] = 1 + x / 8;
    }
    OrderByTree(points);
    for (size_t begin = 0; begin + kBlockRows < points.size(); begin += kBlockRows) {
      const auto smaller = [side](const Point& a, const Point& b) {
        return a.at[side] < b.at[side];
      };
      const auto middle = points.begin() + static_cast<std::ptrdiff_t>(begin + kBlockRows);
      EXPECT_GE(std::min_element(points.begin(), middle, smaller)->at[side],
                std::max_element(middle, points.end(), smaller)->at[side]);
    }
  }
}

// One value everywhere: the smaller item is first.
TEST(OrderByTree, OrdersTiesByItem) {
  std::vector<Point> points = RandomPoints(4096, 1);
  for (Point& point : points) point.at = {2, 2, 2};
  std::reverse(points.begin(), points.end());
  OrderByTree(points);
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(points[i].item) / kTile, i / kTile) << i;
  }
}

TEST(BoxesOf, HoldTheirPointsAndTouchThem) {
  const std::vector<Point> points = RandomPoints(200, 3);
  const std::vector<float> sides = BoxesOf(points, kTile);
  ASSERT_EQ(sides.size(), Boxes::kSides * 4);
  for (size_t box = 0; box < 4; ++box) {
    float low = points[box * kTile].at[0];
    float high = low;
    float rest = 0;
    for (size_t i = box * kTile; i < std::min<size_t>((box + 1) * kTile, 200); ++i) {
      low = std::min(low, points[i].at[0]);
      high = std::max(high, points[i].at[0]);
      rest = std::max(rest, points[i].at[2]);
    }
    EXPECT_EQ(sides[box], low);
    EXPECT_EQ(sides[4 + box], high);
    EXPECT_EQ(sides[16 + box], rest);
  }
}

}  // namespace
}  // namespace tandem::index
