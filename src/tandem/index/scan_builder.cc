#include "tandem/index/scan_builder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tandem/index/box_tree.h"
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

// Rows as bytes: the largest number is 127 steps. No scale is zero, so that codes are finite.
float ScaleOf(std::span<const float> row) {
  float largest = 0;
  for (const float x : row) largest = std::max(largest, std::abs(x));
  return std::max(largest / 127, 0x1p-120F);
}
int8_t CodeOf(float x, float scale) {
  return static_cast<int8_t>(std::clamp(std::round(x / scale), -127.0F, 127.0F));
}

// A step of bytes: codes of coordinates are within 127 of zero, of rests below 255; never zero.
float StepFor(float largest, double largest_rest) {
  return RoundUp(std::max({static_cast<double>(largest) / 127, largest_rest / 254, 0x1p-120}));
}

// The most that the bytes of several rows lose and say.
struct QuantisedMost {
  float squared_error = 0;
  float squared_norm = 0;

  void Add(const math::Quantised& row) {
    squared_error = std::max(squared_error, row.squared_error);
    squared_norm = std::max(squared_norm, row.squared_norm);
  }
  // Allows for sums of h squares in float, and for the 2^-16 that each number may be off.
  TileCode CodeOf(float step, size_t h) const {
    const auto of_step = static_cast<double>(step);
    const double widened = 1 + static_cast<double>(h) * 0x1p-23;
    const double off = std::sqrt(static_cast<double>(h)) * 0x1p-16;
    return {step,
            RoundUp(of_step * (std::sqrt(static_cast<double>(squared_error)) * widened + off)),
            RoundUp(of_step * std::sqrt(static_cast<double>(squared_norm)) * widened)};
  }
};

struct Storage {
  std::vector<float> mean;
  std::vector<float> axes;
  std::vector<uint8_t> tiles;
  std::vector<TileCode> codes;
  std::vector<uint8_t> sketches;
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
    EncodeBlocks();
    data_.mean = storage_->mean;
    data_.axes = storage_->axes;
    data_.tiles = storage_->tiles;
    data_.codes = storage_->codes;
    data_.sketches = storage_->sketches;
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

  // x' of a row.
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
    // Where memory counts, three axes and the rest.
    const size_t most_sketched = data_.row_format == RowFormat::kInt8 ? 1 : kMostSketchGroups;
    data_.sketch_groups = std::min(most_sketched, (h + 1) / kGroup);
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

  // The points of the tree, and what the axes leave of each row.
  void Project() {
    const size_t inner = data_.inner();
    const size_t h = data_.axes_count;
    rests_.resize(data_.n);
    points_.resize(data_.n);
    chunk_.resize(std::min(data_.n, kBlockRows) * inner);
    heads_.resize(std::min(data_.n, kBlockRows) * h);
    const double lost = RoundingOfSquares(inner, h);
    for (size_t begin = 0; begin < data_.n; begin += kBlockRows) {
      const size_t count = std::min(kBlockRows, data_.n - begin);
      for (size_t i = 0; i < count; ++i) {
        InnerRow(begin + i, std::span(chunk_).subspan(i * inner));
      }
      ProjectChunk(count);
      for (size_t i = 0; i < count; ++i) {
        const double square = SquaredNorm(std::span(chunk_).subspan(i * inner, inner));
        data_.largest_norm = std::max(data_.largest_norm, std::sqrt(square));
        FillPoint(begin + i, std::span(heads_).subspan(i * h, h), square, lost);
      }
    }
  }

  // heads_ = (x' - m) W' of the first rows of chunk_, from which m is taken off.
  void ProjectChunk(size_t count) {
    const size_t inner = data_.inner();
    const size_t h = data_.axes_count;
    if (storage_->axes.empty()) {
      std::copy_n(chunk_.begin(), count * inner, heads_.begin());
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < inner; ++j) chunk_[i * inner + j] -= storage_->mean[j];
    }
    math::MatMul(math::Transpose::kNo, math::Transpose::kYes, 1,
                 {chunk_.data(), count, inner, inner}, {storage_->axes.data(), h, inner, inner}, 0,
                 {heads_.data(), count, h, h});
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
    if (data_.sketch_groups == 0) return;
    for (const float x : head.first(data_.sketch_axes())) {
      largest_sketched_ = std::max(largest_sketched_, std::abs(x));
    }
    largest_rest_ = std::max(largest_rest_, RestOfSketch(i, head));
  }

  // The norm of all that the sketch of an item leaves.
  double RestOfSketch(size_t item, std::span<const float> head) const {
    const auto left = static_cast<double>(rests_[item]);
    return std::sqrt(SquaredNorm(head.subspan(data_.sketch_axes())) + left * left);
  }

  void Order() {
    OrderByTree(points_);
    storage_->item_of.resize(data_.n);
    storage_->place_of.resize(data_.n);
    for (size_t place = 0; place < data_.n; ++place) {
      const int32_t item = points_[place].item;
      storage_->item_of[place] = item;
      storage_->place_of[static_cast<size_t>(item)] = static_cast<int32_t>(place);
    }
    storage_->tile_boxes = BoxesOf(points_, kTile);
    storage_->block_boxes = BoxesOf(points_, kBlockRows);
  }

  // Tiles and rows, block by block: the rows of a block are projected once more, which costs less
  // than to keep what Project has found and to gather it.
  void EncodeBlocks() {
    storage_->sketches.resize(data_.n * data_.sketch_bytes());
    const float sketch_step = StepFor(largest_sketched_, largest_rest_);
    QuantisedMost sketched;
    storage_->tiles.resize(data_.tile_count() * data_.tile_bytes(), 0);
    storage_->codes.resize(data_.tile_count());
    const size_t numbers = data_.n * data_.dimension;
    if (data_.row_format == RowFormat::kInt8) {
      storage_->row_codes.reserve(numbers);
      storage_->row_scales.reserve(data_.n);
    } else {
      storage_->rows.reserve(numbers);
    }
    const size_t h = data_.axes_count;
    for (size_t begin = 0; begin < data_.n; begin += kBlockRows) {
      const std::span<const Point> points =
          std::span(points_).subspan(begin, std::min(kBlockRows, data_.n - begin));
      for (size_t i = 0; i < points.size(); ++i) {
        const auto item = static_cast<size_t>(points[i].item);
        InnerRow(item, std::span(chunk_).subspan(i * data_.inner()));
        AppendRow(Row(item));
      }
      ProjectChunk(points.size());
      for (size_t i = 0; i < points.size() && data_.sketch_groups > 0; ++i) {
        sketched.Add(EncodeSketch(static_cast<size_t>(points[i].item),
                                  std::span(heads_).subspan(i * h, h), sketch_step));
      }
      for (size_t r = 0; r < points.size(); r += kTile) {
        const size_t count = std::min(kTile, points.size() - r);
        EncodeTile((begin + r) / kTile, points.subspan(r, count),
                   std::span(heads_).subspan(r * h, count * h));
      }
    }
    if (data_.sketch_groups > 0) {
      data_.sketch_code = sketched.CodeOf(sketch_step, data_.sketch_axes());
    }
  }

  math::Quantised EncodeSketch(size_t item, std::span<const float> head, float step) {
    const size_t axes = data_.sketch_axes();
    const std::span<uint8_t> bytes =
        std::span(storage_->sketches).subspan(item * data_.sketch_bytes(), data_.sketch_bytes());
    bytes[axes] = static_cast<uint8_t>(std::ceil(RestOfSketch(item, head) / step));
    return math::QuantiseRow(head.first(axes), step, bytes.first(axes));
  }

  void EncodeTile(size_t tile, std::span<const Point> points, std::span<const float> heads) {
    const size_t h = data_.axes_count;
    float largest = 0;
    for (const float x : heads) largest = std::max(largest, std::abs(x));
    float largest_rest = 0;
    for (const Point& point : points) {
      largest_rest = std::max(largest_rest, rests_[static_cast<size_t>(point.item)]);
    }
    const float step = StepFor(largest, static_cast<double>(largest_rest));
    uint8_t* const bytes = storage_->tiles.data() + tile * data_.tile_bytes();
    std::vector<uint8_t>& row = row_bytes_;
    row.assign(data_.groups * kGroup, 0);
    QuantisedMost most;
    for (size_t r = 0; r < points.size(); ++r) {
      most.Add(math::QuantiseRow(heads.subspan(r * h, h), step, std::span(row).first(h)));
      if (h < row.size()) {
        const float rest = rests_[static_cast<size_t>(points[r].item)];
        row[h] = static_cast<uint8_t>(std::ceil(static_cast<double>(rest) / step));
      }
      for (size_t group = 0; group < data_.groups; ++group) {
        std::memcpy(bytes + (group * kTile + r) * kGroup, row.data() + group * kGroup, kGroup);
      }
    }
    storage_->codes[tile] = most.CodeOf(step, h);
  }

  void AppendRow(std::span<const float> row) {
    if (data_.row_format == RowFormat::kFloat) {
      storage_->rows.insert(storage_->rows.end(), row.begin(), row.end());
      return;
    }
    const float scale = ScaleOf(row);
    storage_->row_scales.push_back(scale);
    for (const float x : row) storage_->row_codes.push_back(CodeOf(x, scale));
  }

  std::span<const float> rows_;
  std::shared_ptr<Storage> storage_;
  ScanData data_;
  std::vector<float> chunk_;  // [kBlockRows, inner] x' of some rows, then x' - m
  std::vector<float> heads_;  // [kBlockRows, h] and their parts along the axes
  std::vector<float> rests_;  // [n] norms of what the axes leave
  std::vector<Point> points_;
  std::vector<uint8_t> row_bytes_;
  float largest_sketched_ = 0;
  double largest_rest_ = 0;  // of what the sketches leave
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
