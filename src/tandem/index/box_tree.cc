#include "tandem/index/box_tree.h"

#include <algorithm>

#include "tandem/index/scan_data.h"

namespace tandem::index {
namespace {

constexpr size_t kTile = math::kTileRows;

using Sides = std::array<double, 3>;

// Half of the tiles of a range, whole blocks where there are some.
size_t FirstHalf(size_t tiles) {
  const size_t half = (tiles + 1) / 2;
  if (tiles <= kBlockTiles) return half;
  return (half + kBlockTiles - 1) / kBlockTiles * kBlockTiles;
}

// The side along which a sample of the points is spread most. Spread counts by `weights`.
size_t WidestSide(std::span<const Point> points, const Sides& weights) {
  const size_t step = std::max<size_t>(points.size() / 256, 1);
  Sides sum = {};
  Sides squares = {};
  double count = 0;
  for (size_t i = 0; i < points.size(); i += step, ++count) {
    for (size_t side = 0; side < 3; ++side) {
      const auto x = static_cast<double>(points[i].at[side]);
      sum[side] += x;
      squares[side] += x * x;
    }
  }
  Sides spread = {};
  for (size_t side = 0; side < 3; ++side) {
    spread[side] = weights[side] * (squares[side] - sum[side] * sum[side] / count);
  }
  return static_cast<size_t>(std::max_element(spread.begin(), spread.end()) - spread.begin());
}

void Split(std::span<Point> points, const Sides& weights) {
  const size_t tiles = (points.size() + kTile - 1) / kTile;
  if (tiles <= 1) return;
  const size_t side = WidestSide(points, weights);
  const size_t middle = FirstHalf(tiles) * kTile;
  std::nth_element(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(middle),
                   points.end(), [side](const Point& a, const Point& b) {
                     return a.at[side] != b.at[side] ? a.at[side] > b.at[side] : a.item < b.item;
                   });
  Split(points.first(middle), weights);
  Split(points.subspan(middle), weights);
}

}  // namespace

void OrderByTree(std::span<Point> points) {
  // Mean squares: queries are mostly long where items are, so that a score spreads by the product.
  Sides weights = {};
  for (const Point& point : points) {
    for (size_t side = 0; side < 3; ++side) {
      const auto x = static_cast<double>(point.at[side]);
      weights[side] += x * x;
    }
  }
  Split(points, weights);
}

std::vector<float> BoxesOf(std::span<const Point> points, size_t size) {
  const size_t count = (points.size() + size - 1) / size;
  std::vector<float> sides(Boxes::kSides * count);
  for (size_t box = 0; box < count; ++box) {
    const size_t begin = box * size;
    for (size_t place = begin; place < std::min(begin + size, points.size()); ++place) {
      const std::array<float, 3>& at = points[place].at;
      const bool is_first = place == begin;
      for (size_t axis = 0; axis < 2; ++axis) {
        float& low = sides[2 * axis * count + box];
        float& high = sides[(2 * axis + 1) * count + box];
        low = is_first ? at[axis] : std::min(low, at[axis]);
        high = is_first ? at[axis] : std::max(high, at[axis]);
      }
      float& rest = sides[4 * count + box];
      rest = is_first ? at[2] : std::max(rest, at[2]);
    }
  }
  return sides;
}

}  // namespace tandem::index
