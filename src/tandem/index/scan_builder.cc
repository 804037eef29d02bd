#include "tandem/index/scan_builder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tandem/index/principal_axes.h"
#include "tandem/math/matmul.h"

namespace tandem::index {
namespace {

constexpr size_t kTile = math::kTileRows;
constexpr size_t kGroup = math::kTileGroup;

// Axes pay where many items have many coordinates.
constexpr size_t kLeastRows = 256;
constexpr size_t kLeastDimension = 4;
constexpr size_t kMostDimension = 4096;
constexpr size_t kMostAxes = 127;
// The axes hold all of the spread of the items but this: where more is left, too many items reach
// the bound and are scored, which costs about as much as the bytes of four axes of all items.
constexpr double kTailShare = 0.03;

constexpr size_t kSample = 8192;  // rows that the axes are found from
constexpr size_t kChunk = 4096;   // rows in a product

double SquaredNorm(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

float RoundUp(double x) {
  const auto nearest = static_cast<float>(x);
  return static_cast<double>(nearest) < x
             ? std::nextafter(nearest, std::numeric_limits<float>::infinity())
             : nearest;
}

// What the tree splits by, and whose it is.
struct Point {
  std::array<float, 3> at;  // along two axes, norm of the rest
  int32_t item;
};

// Half of the tiles of a range, whole blocks where there are some.
size_t FirstHalf(size_t tiles) {
  const size_t half = (tiles + 1) / 2;
  if (tiles <= kBlockTiles) return half;
  return (half + kBlockTiles - 1) / kBlockTiles * kBlockTiles;
}

// The side along which a sample of the points is spread most. Spread counts by `weights`: the mean
// squares of all items, as queries are mostly long where items are.
size_t WidestSide(std::span<const Point> points, const std::array<double, 3>& weights) {
  const size_t step = std::max<size_t>(points.size() / 256, 1);
  std::array<double, 3> sum = {};
  std::array<double, 3> squares = {};
  double count = 0;
  for (size_t i = 0; i < points.size(); i += step, ++count) {
    for (size_t side = 0; side < 3; ++side) {
      const auto x = static_cast<double>(points[i].at[side]);
      sum[side] += x;
      squares[side] += x * x;
    }
  }
  std::array<double, 3> spread = {};
  for (size_t side = 0; side < 3; ++side) {
    spread[side] = weights[side] * (squares[side] - sum[side] * sum[side] / count);
  }
  return static_cast<size_t>(std::max_element(spread.begin(), spread.end()) - spread.begin());
}

// Puts points in the order of a k-d tree whose leaves are tiles.
void OrderByTree(std::span<Point> points, const std::array<double, 3>& weights) {
  const size_t tiles = (points.size() + kTile - 1) / kTile;
  if (tiles <= 1) return;
  const size_t side = WidestSide(points, weights);
  const size_t middle = FirstHalf(tiles) * kTile;
  std::nth_element(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(middle),
                   points.end(), [side](const Point& a, const Point& b) {
                     return a.at[side] != b.at[side] ? a.at[side] > b.at[side] : a.item < b.item;
                   });
  OrderByTree(points.first(middle), weights);
  OrderByTree(points.subspan(middle), weights);
}

// Rows as bytes: the largest number is 127 steps. No scale is zero, so that codes are finite.
float ScaleOf(std::span<const float> row) {
  float largest = 0;
  for (const float x : row) largest = std::max(largest, std::abs(x));
  return std::max(largest / 127, 0x1p-120F);
}
int8_t CodeOf(float x, float scale) {
  return static_cast<int8_t>(std::clamp(std::round(x / scale), -127.0F, 127.0F));
}

struct Storage {
  std::vector<float> mean;
  std::vector<float> axes;
  std::vector<uint8_t> tiles;
  std::vector<TileCode> codes;
  std::vector<float> tile_boxes;
  std::vector<float> block_boxes;
  std::vector<float> rows;
  std::vector<int8_t> row_codes;
  std::vector<float> row_scales;
  std::vector<int32_t> item_of;
  std::vector<int32_t> place_of;
};

class Builder {
 public:
  Builder(std::span<const float> rows, size_t n, size_t d, Metric metric, RowFormat format)
      : rows_(rows), storage_(std::make_shared<Storage>()) {
    data_.metric = metric;
    data_.row_format = format;
    data_.n = n;
    data_.dimension = d;
  }

  ScanData Build() {
    for (size_t i = 0; i < data_.n; ++i) {
      data_.largest_norm = std::max(data_.largest_norm, InnerNorm(Row(i)));
    }
    ChooseAxes();
    Project();
    Order();
    EncodeTiles();
    CopyRows();
    data_.mean = storage_->mean;
    data_.axes = storage_->axes;
    data_.tiles = storage_->tiles;
    data_.codes = storage_->codes;
    data_.tile_boxes = {storage_->tile_boxes, data_.tile_count()};
    data_.block_boxes = {storage_->block_boxes, data_.block_count()};
    data_.rows = storage_->rows;
    data_.row_codes = storage_->row_codes;
    data_.row_scales = storage_->row_scales;
    data_.item_of = storage_->item_of;
    data_.place_of = storage_->place_of;
    data_.owner = storage_;
    return std::move(data_);
  }

 private:
  std::span<const float> Row(size_t i) const {
    return rows_.subspan(i * data_.dimension, data_.dimension);
  }

  double InnerNorm(std::span<const float> row) const {
    const double square = SquaredNorm(row);
    return std::sqrt(data_.metric == Metric::kL2 ? square + square * square / 4 : square);
  }

  // x' of rows [begin, begin + count).
  void Inner(size_t begin, size_t count, std::span<float> to) const {
    for (size_t i = 0; i < count; ++i) InnerRow(begin + i, to.subspan(i * data_.inner()));
  }
  void InnerRow(size_t i, std::span<float> to) const {
    const std::span<const float> row = Row(i);
    std::copy(row.begin(), row.end(), to.begin());
    if (data_.metric == Metric::kL2) {
      to[data_.dimension] = static_cast<float>(-SquaredNorm(row) / 2);
    }
  }

  void ChooseAxes() {
    const size_t inner = data_.inner();
    storage_->mean.assign(inner, 0);
    data_.axes_count = inner;
    data_.groups = (inner + kGroup - 1) / kGroup;
    if (data_.n < kLeastRows || inner < kLeastDimension || inner > kMostDimension) return;
    if (data_.largest_norm > kLargestNorm) return;
    const RowSample sample = SampleRows();
    PrincipalAxes found =
        FindPrincipalAxes(sample.rows, sample.count, inner, std::min(inner, kMostAxes));
    size_t groups = 1;
    size_t most = (found.tail_share.size() + 1) / kGroup;
    // Where memory counts, five bytes for eight numbers.
    if (data_.row_format == RowFormat::kInt8) most = std::max<size_t>(most * 5 / 8, 1);
    while (groups < most && found.tail_share[groups * kGroup - 2] > kTailShare) ++groups;
    const size_t h = std::min(groups * kGroup - 1, found.tail_share.size());
    data_.groups = groups;
    data_.axes_count = h;
    storage_->mean.assign(found.mean.begin(), found.mean.end());
    storage_->axes.assign(found.axes.begin(),
                          found.axes.begin() + static_cast<std::ptrdiff_t>(h * inner));
  }

  struct RowSample {
    std::vector<float> rows;
    size_t count = 0;
  };
  RowSample SampleRows() const {
    const size_t step = (data_.n + kSample - 1) / kSample;
    RowSample sample;
    sample.count = (data_.n + step - 1) / step;
    sample.rows.resize(sample.count * data_.inner());
    for (size_t i = 0; i < sample.count; ++i) {
      InnerRow(i * step, std::span(sample.rows).subspan(i * data_.inner()));
    }
    return sample;
  }

  // heads_ [n, h] = (x' - m) W', and the points of the tree.
  void Project() {
    const size_t inner = data_.inner();
    const size_t h = data_.axes_count;
    heads_.resize(data_.n * h);
    rests_.resize(data_.n);
    points_.resize(data_.n);
    std::vector<float> chunk(std::min(data_.n, kChunk) * inner);
    const double lost = RoundingOfSquares(inner, h);
    for (size_t begin = 0; begin < data_.n; begin += kChunk) {
      const size_t count = std::min(kChunk, data_.n - begin);
      Inner(begin, count, chunk);
      for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < inner; ++j) chunk[i * inner + j] -= storage_->mean[j];
      }
      const std::span<float> heads = std::span(heads_).subspan(begin * h, count * h);
      if (storage_->axes.empty()) {
        std::copy_n(chunk.begin(), heads.size(), heads.begin());
      } else {
        math::MatMul(math::Transpose::kNo, math::Transpose::kYes, 1,
                     {chunk.data(), count, inner, inner}, {storage_->axes.data(), h, inner, inner},
                     0, {heads.data(), count, h, h});
      }
      for (size_t i = 0; i < count; ++i) {
        const double square = SquaredNorm(std::span(chunk).subspan(i * inner, inner));
        data_.largest_norm = std::max(data_.largest_norm, std::sqrt(square));
        FillPoint(begin + i, heads.subspan(i * h, h), square, lost);
      }
    }
  }

  void FillPoint(size_t i, std::span<const float> head, double square, double lost) {
    const double of_head = SquaredNorm(head);
    rests_[i] = storage_->axes.empty()
                    ? 0
                    : RoundUp(std::sqrt(std::max(square - of_head, 0.0) + lost * square));
    const float first = head[0];
    const float second = head.size() > 1 ? head[1] : 0;
    const std::array<float, 2> two = {first, second};
    const double rest = std::max(square - SquaredNorm(two), 0.0) + lost * square;
    points_[i] = {{first, second, RoundUp(std::sqrt(rest))}, static_cast<int32_t>(i)};
  }

  void Order() {
    std::array<double, 3> weights = {};
    for (const Point& point : points_) {
      for (size_t side = 0; side < 3; ++side) {
        const auto x = static_cast<double>(point.at[side]);
        weights[side] += x * x;
      }
    }
    OrderByTree(points_, weights);
    storage_->item_of.resize(data_.n);
    storage_->place_of.resize(data_.n);
    for (size_t place = 0; place < data_.n; ++place) {
      const int32_t item = points_[place].item;
      storage_->item_of[place] = item;
      storage_->place_of[static_cast<size_t>(item)] = static_cast<int32_t>(place);
    }
    storage_->tile_boxes = BoxesOf(kTile, data_.tile_count());
    storage_->block_boxes = BoxesOf(kBlockRows, data_.block_count());
  }

  std::vector<float> BoxesOf(size_t size, size_t count) const {
    std::vector<float> sides(Boxes::kSides * count);
    for (size_t box = 0; box < count; ++box) {
      const size_t begin = box * size;
      for (size_t place = begin; place < std::min(begin + size, data_.n); ++place) {
        const std::array<float, 3>& at = points_[place].at;
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

  void EncodeTiles() {
    storage_->tiles.resize(data_.tile_count() * data_.tile_bytes(), 0);
    storage_->codes.resize(data_.tile_count());
    for (size_t tile = 0; tile < data_.tile_count(); ++tile) EncodeTile(tile);
  }

  void EncodeTile(size_t tile) {
    const size_t h = data_.axes_count;
    const size_t begin = tile * kTile;
    const size_t count = std::min(kTile, data_.n - begin);
    float largest = 0;
    float largest_rest = 0;
    for (size_t r = 0; r < count; ++r) {
      const auto item = static_cast<size_t>(storage_->item_of[begin + r]);
      for (size_t j = 0; j < h; ++j) {
        largest = std::max(largest, std::abs(heads_[item * h + j]));
      }
      largest_rest = std::max(largest_rest, rests_[item]);
    }
    // Codes of coordinates are within 127 of zero, of rests below 255; no scale is zero.
    const double scale = std::max(
        {static_cast<double>(largest) / 127, static_cast<double>(largest_rest) / 254, 0x1p-120});
    TileCode& code = storage_->codes[tile];
    code.scale = RoundUp(scale);
    const auto step = static_cast<double>(code.scale);
    uint8_t* const bytes = storage_->tiles.data() + tile * data_.tile_bytes();
    double worst = 0;
    double norm = 0;
    for (size_t r = 0; r < count; ++r) {
      const auto item = static_cast<size_t>(storage_->item_of[begin + r]);
      double error = 0;
      double square = 0;
      for (size_t j = 0; j < h; ++j) {
        const auto y = static_cast<double>(heads_[item * h + j]);
        const double ratio = y / step;
        const int whole = static_cast<int>(ratio + (ratio < 0 ? -0.5 : 0.5));
        const double near = step * whole;
        error += (y - near) * (y - near);
        square += near * near;
        bytes[j / kGroup * kTile * kGroup + r * kGroup + j % kGroup] =
            static_cast<uint8_t>(whole + kCodeOffset);
      }
      if (h < data_.groups * kGroup) {
        bytes[h / kGroup * kTile * kGroup + r * kGroup + h % kGroup] =
            static_cast<uint8_t>(std::ceil(static_cast<double>(rests_[item]) / step));
      }
      worst = std::max(worst, error);
      norm = std::max(norm, square);
    }
    code.error = RoundUp(std::sqrt(worst));
    code.norm = RoundUp(std::sqrt(norm));
  }

  void CopyRows() {
    const size_t d = data_.dimension;
    const bool as_bytes = data_.row_format == RowFormat::kInt8;
    storage_->rows.reserve(as_bytes ? 0 : data_.n * d);
    storage_->row_codes.reserve(as_bytes ? data_.n * d : 0);
    for (const int32_t item : storage_->item_of) {
      const std::span<const float> row = Row(static_cast<size_t>(item));
      if (as_bytes) {
        const float scale = ScaleOf(row);
        storage_->row_scales.push_back(scale);
        for (const float x : row) storage_->row_codes.push_back(CodeOf(x, scale));
      } else {
        storage_->rows.insert(storage_->rows.end(), row.begin(), row.end());
      }
    }
  }

  std::span<const float> rows_;
  std::shared_ptr<Storage> storage_;
  ScanData data_;
  std::vector<float> heads_;
  std::vector<float> rests_;
  std::vector<Point> points_;
};

}  // namespace

ScanData BuildScanData(std::span<const float> rows, size_t n, size_t d, Metric metric,
                       RowFormat format) {
  if (format == RowFormat::kFloat) return Builder(rows, n, d, metric, format).Build();
  // Bounds are those of the rows as they are kept, so that a search is exact over them.
  std::vector<float> rounded(rows.size());
  for (size_t i = 0; i < n; ++i) {
    const std::span<const float> row = rows.subspan(i * d, d);
    const float scale = ScaleOf(row);
    for (size_t j = 0; j < d; ++j) {
      rounded[i * d + j] = scale * static_cast<float>(CodeOf(row[j], scale));
    }
  }
  return Builder(rounded, n, d, metric, format).Build();
}

}  // namespace tandem::index
