#include "tandem/index/scan_builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "tandem/base/large_vector.h"
#include "tandem/index/box_tree.h"
#include "tandem/index/inner_space.h"
#include "tandem/index/principal_axes.h"
#include "tandem/index/projected_rows.h"

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

constexpr size_t kAhead = 8;      // rows
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
float StepFor(float largest, float largest_rest) {
  return RoundUp(std::max(
      {static_cast<double>(largest) / 127, static_cast<double>(largest_rest) / 254, 0x1p-120}));
}

// Allows for sums of h squares in float, and for the 2^-16 that each number may be off. Where that
// is beyond floats, rows are too long for anything to be ruled out (kLargestNorm).
TileCode CodeOf(const math::Quantised& most, float step, size_t h) {
  const auto in_steps = [step](double x) {
    constexpr auto kMost = static_cast<double>(std::numeric_limits<float>::max());
    return RoundUp(std::min(static_cast<double>(step) * x, kMost));
  };
  const double widened = 1 + static_cast<double>(h) * 0x1p-23;
  const double off = std::sqrt(static_cast<double>(h)) * 0x1p-16;
  return {step, in_steps(std::sqrt(static_cast<double>(most.squared_error)) * widened + off),
          in_steps(std::sqrt(static_cast<double>(most.squared_norm)) * widened)};
}

struct Storage {
  std::vector<float> centre;
  std::vector<float> mean;
  std::vector<float> axes;
  LargeVector<uint8_t> tiles;
  LargeVector<TileCode> codes;
  LargeVector<uint8_t> sketches;
  std::vector<float> tile_boxes;
  std::vector<float> block_boxes;
  LargeVector<float> rows;
  LargeVector<int8_t> row_codes;
  LargeVector<float> row_scales;
  LargeVector<int32_t> item_of;
  LargeVector<int32_t> place_of;
};

class Builder {
 public:
  Builder(std::span<const float> rows, size_t n, size_t d, Metric metric, RowFormat format,
          RowOrder order)
      : rows_(rows), storage_(std::make_shared<Storage>()) {
    data_.space.metric = metric;
    data_.row_format = format;
    data_.row_order = order;
    data_.n = n;
    data_.dimension = d;
  }

  ScanData Build() {
    if (data_.metric() == Metric::kL2) ChooseCentre();
    ChooseAxes();
    Project();
    if (!(data_.largest_norm <= kLargestNorm)) WithoutAxes();
    Order();
    EncodeBlocks();
    data_.mean = storage_->mean;
    data_.axes = storage_->axes;
    data_.tiles = storage_->tiles;
    data_.codes = storage_->codes;
    data_.sketches = storage_->sketches;
    data_.tile_boxes = {storage_->tile_boxes, data_.tile_count()};
    data_.block_boxes = {storage_->block_boxes, data_.block_count()};
    data_.rows = data_.row_order == RowOrder::kItems ? rows_ : storage_->rows;
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

  void ChooseCentre() {
    CentreAndHeight found = FindCentreAndHeight(rows_, data_.dimension);
    storage_->centre = std::move(found.centre);
    data_.space.centre = storage_->centre;
    data_.space.height = found.height;
  }

  // Of rows whose products may overflow: no bound is good for anything.
  void WithoutAxes() {
    data_.axes_count = data_.inner();
    data_.groups = (data_.inner() + kGroup - 1) / kGroup;
    data_.sketch_groups = 0;
    storage_->mean.assign(data_.inner(), 0);
    storage_->axes.clear();
    Project();
  }

  void ChooseAxes() {
    const size_t inner = data_.inner();
    storage_->mean.assign(inner, 0);
    data_.axes_count = inner;
    data_.groups = (inner + kGroup - 1) / kGroup;
    if (data_.n < kLeastRows || inner < kLeastDimension || inner > kMostDimension) return;
    const RowSample sample = SampleRows();
    for (size_t i = 0; i < sample.count; ++i) {
      const auto row = std::span(sample.rows).subspan(i * inner, inner);
      if (std::sqrt(SquaredNorm(row)) > kLargestNorm) return;
    }
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
      data_.space.CopyRow(Row(i * step),
                          std::span(sample.rows).subspan(i * data_.inner(), data_.inner()));
    }
    return sample;
  }

  // The points of the tree, how far sketches must reach, and the largest norm.
  void Project() {
    points_.resize(data_.n);
    double largest_square = 0;
    ProjectedRows block = EmptyBlock();
    std::vector<float> rests(kBlockRows);
    for (size_t begin = 0; begin < data_.n; begin += kBlockRows) {
      const size_t count = std::min(kBlockRows, data_.n - begin);
      for (size_t i = 0; i < count; ++i) block.Set(i, Row(begin + i));
      block.Project(count);
      for (const double square : block.squares()) {
        if (square > largest_square || std::isnan(square)) largest_square = square;
      }
      const bool has_two = data_.axes_count > 1;
      block.Rests(has_two ? 2 : 1, rests);
      for (size_t i = 0; i < count; ++i) {
        const float* const parts = block.Columns(i);
        const float second = has_two ? parts[ProjectedRows::kStride] : 0;
        points_[begin + i] = {{parts[0], second, rests[i]}, static_cast<int32_t>(begin + i)};
      }
      if (data_.sketch_groups > 0) Reach(block, count, rests);
    }
    // Of x' - m, and of x' at most so much more.
    data_.largest_norm = std::sqrt(largest_square) + std::sqrt(SquaredNorm(storage_->mean));
  }

  void Reach(const ProjectedRows& block, size_t count, std::span<float> rests) {
    block.Rests(data_.sketch_axes(), rests);
    for (size_t i = 0; i < count; ++i) largest_rest_ = std::max(largest_rest_, rests[i]);
    for (size_t r = 0; r < count; r += kTile) {
      largest_sketched_ = std::max(
          largest_sketched_,
          math::LargestMagnitude(block.Columns(r), ProjectedRows::kStride, data_.sketch_axes()));
    }
  }

  ProjectedRows EmptyBlock() const {
    return {data_.space, storage_->mean, storage_->axes, data_.axes_count};
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
    storage_->tiles.resize(data_.tile_count() * data_.tile_bytes());
    storage_->codes.resize(data_.tile_count());
    storage_->sketches.resize(data_.n * data_.sketch_bytes());
    const size_t numbers = data_.n * data_.dimension;
    if (data_.row_format == RowFormat::kInt8) {
      storage_->row_codes.reserve(numbers);
      storage_->row_scales.reserve(data_.n);
    } else if (data_.row_order == RowOrder::kPlaces) {
      storage_->rows.reserve(numbers);
    }
    ProjectedRows block = EmptyBlock();
    math::Quantised sketched = {0, 0};
    for (size_t begin = 0; begin < data_.n; begin += kBlockRows) {
      const std::span<const Point> points =
          std::span(points_).subspan(begin, std::min(kBlockRows, data_.n - begin));
      for (size_t i = 0; i < points.size(); ++i) {
        // Rows come in any order: they are on their way while others are copied.
        if (i + kAhead < points.size()) PrefetchRow(static_cast<size_t>(points[i + kAhead].item));
        const std::span<const float> row = Row(static_cast<size_t>(points[i].item));
        block.Set(i, row);
        if (data_.row_order == RowOrder::kPlaces) AppendRow(row);
      }
      block.Project(points.size());
      EncodeTiles(block, begin, points.size());
      if (data_.sketch_groups > 0) EncodeSketches(block, points, sketched);
    }
    if (data_.sketch_groups > 0) {
      data_.sketch_code =
          CodeOf(sketched, StepFor(largest_sketched_, largest_rest_), data_.sketch_axes());
    }
  }

  void PrefetchRow(size_t item) const {
    const std::span<const float> row = Row(item);
    for (size_t j = 0; j < row.size(); j += 16) __builtin_prefetch(row.data() + j);
  }

  void EncodeTiles(const ProjectedRows& block, size_t begin, size_t count) {
    const size_t h = data_.axes_count;
    // Without axes nothing is left, and there may be no byte for it.
    const bool has_rest = !storage_->axes.empty();
    rests_.assign(kBlockRows, 0);
    if (has_rest) block.Rests(h, rests_);
    for (size_t r = 0; r < count; r += kTile) {
      const size_t tile = (begin + r) / kTile;
      const float* const columns = block.Columns(r);
      const float largest = math::LargestMagnitude(columns, ProjectedRows::kStride, h);
      const float rest = *std::max_element(rests_.begin() + static_cast<std::ptrdiff_t>(r),
                                           rests_.begin() + static_cast<std::ptrdiff_t>(r + kTile));
      const float step = StepFor(largest, rest);
      const math::Quantised most = math::QuantiseTile(
          columns, ProjectedRows::kStride, h, has_rest ? rests_.data() + r : nullptr, step,
          std::span(storage_->tiles).subspan(tile * data_.tile_bytes(), data_.tile_bytes()));
      storage_->codes[tile] = CodeOf(most, step, h);
    }
  }

  void EncodeSketches(const ProjectedRows& block, std::span<const Point> points,
                      math::Quantised& most) {
    const size_t bytes = data_.sketch_bytes();
    const float step = StepFor(largest_sketched_, largest_rest_);
    block.Rests(data_.sketch_axes(), rests_);
    std::vector<uint8_t> tile(kTile * bytes);
    for (size_t r = 0; r < points.size(); r += kTile) {
      const math::Quantised lost =
          math::QuantiseTile(block.Columns(r), ProjectedRows::kStride, data_.sketch_axes(),
                             rests_.data() + r, step, tile);
      most.squared_error = std::max(most.squared_error, lost.squared_error);
      most.squared_norm = std::max(most.squared_norm, lost.squared_norm);
      for (size_t i = r; i < std::min(r + kTile, points.size()); ++i) {
        uint8_t* const to = storage_->sketches.data() + static_cast<size_t>(points[i].item) * bytes;
        for (size_t group = 0; group < data_.sketch_groups; ++group) {
          std::memcpy(to + group * kGroup, tile.data() + (group * kTile + i - r) * kGroup, kGroup);
        }
      }
    }
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
  std::vector<float> rests_;  // [kBlockRows] norms of what the axes leave of a block's rows
  LargeVector<Point> points_;
  float largest_sketched_ = 0;  // part of any row along the axes of the sketches
  float largest_rest_ = 0;      // norm of what those leave
};

}  // namespace

ScanData BuildScanData(std::span<const float> rows, size_t n, size_t d, Metric metric,
                       RowFormat format, RowOrder order) {
  if (format == RowFormat::kFloat) return Builder(rows, n, d, metric, format, order).Build();
  // Bounds are those of the rows as they are kept, so that a search is exact over them.
  std::vector<float> rounded(rows.size());
  for (size_t i = 0; i < n; ++i) {
    const std::span<const float> row = rows.subspan(i * d, d);
    const float scale = ScaleOf(row);
    for (size_t j = 0; j < d; ++j) {
      rounded[i * d + j] = scale * static_cast<float>(CodeOf(row[j], scale));
    }
  }
  return Builder(rounded, n, d, metric, format, RowOrder::kPlaces).Build();
}

}  // namespace tandem::index
