#include "tandem/index/box_tree.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "tandem/base/large_vector.h"
#include "tandem/index/scan_data.h"
#include "tandem/index/select.h"

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

// Larger along the side is first, then the smaller item; no two items have one key.
uint64_t KeyOf(const Point& point, size_t side) {
  return uint64_t{OrderedBits(point.at[side])} << 32 | ~static_cast<uint32_t>(point.item);
}

class Splitter {
 public:
  Splitter(size_t n, const Sides& weights) : weights_(weights), keys_(n), scratch_(n), rest_(n) {}

  void Split(std::span<Point> points) {
    const size_t tiles = (points.size() + kTile - 1) / kTile;
    if (tiles <= 1) return;
    const size_t side = WidestSide(points, weights_);
    const size_t middle = FirstHalf(tiles) * kTile;
    Partition(points, side, LeastOfFirst(points, side, middle));
    Split(points.first(middle));
    Split(points.subspan(middle));
  }

 private:
  // The least of the `count` largest keys. A few of the points say about where it is, so that just
  // those near it have to be ordered.
  uint64_t LeastOfFirst(std::span<const Point> points, size_t side, size_t count) {
    const auto [low, high] = Around(points, side, count);
    size_t above = 0;
    size_t near = 0;
    for (const Point& point : points) {
      const uint64_t key = KeyOf(point, side);
      keys_[near] = key;
      above += static_cast<size_t>(key > high);
      near += static_cast<size_t>(key - low <= high - low);
    }
    if (above < count && count <= above + near) {
      SelectLargest(std::span(keys_).first(near), count - above, scratch_);
      return keys_[count - above - 1];
    }
    for (size_t i = 0; i < points.size(); ++i) keys_[i] = KeyOf(points[i], side);
    SelectLargest(std::span(keys_).first(points.size()), count, scratch_);
    return keys_[count - 1];
  }

  // Of an even sample, the keys a twelfth of it before and behind the place in question.
  static std::pair<uint64_t, uint64_t> Around(std::span<const Point> points, size_t side,
                                              size_t count) {
    constexpr size_t kSample = 512;
    if (points.size() <= 2 * kSample) return {0, std::numeric_limits<uint64_t>::max()};
    std::array<uint64_t, kSample> sample;
    for (size_t i = 0; i < kSample; ++i) {
      sample[i] = KeyOf(points[i * points.size() / kSample], side);
    }
    std::sort(sample.begin(), sample.end(), std::greater<>());
    const size_t place = count * kSample / points.size();
    constexpr size_t kMargin = kSample / 12;
    return {sample[std::min(place + kMargin, kSample - 1)],
            sample[place < kMargin ? 0 : place - kMargin]};
  }

  // Keys of at least so much first. Each point is written to both sides and one of two ends moves
  // on, without a branch.
  void Partition(std::span<Point> points, size_t side, uint64_t least) {
    size_t first = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      const Point point = points[i];
      points[first] = point;
      rest_[i - first] = point;
      first += static_cast<size_t>(KeyOf(point, side) >= least);
    }
    std::copy_n(rest_.begin(), points.size() - first,
                points.begin() + static_cast<std::ptrdiff_t>(first));
  }

  const Sides weights_;
  LargeVector<uint64_t> keys_;  // [n] as those that follow: anything before and after
  LargeVector<uint64_t> scratch_;
  LargeVector<Point> rest_;
};

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
  Splitter(points.size(), weights).Split(points);
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
