#include "tandem/index/scan_snapshot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "tandem/index/inner_space_snapshot.h"

namespace tandem::index {
namespace {

struct Shape {
  uint64_t metric;
  uint64_t row_format;
  uint64_t n;
  uint64_t dimension;
  uint64_t axes_count;
  uint64_t groups;
  uint64_t has_axes;       // 0: the coordinates are the axes
  uint64_t sketch_groups;  // 0: no sketches
  double largest_norm;
};

constexpr uint64_t kMostDimensions = 1 << 20;
constexpr size_t kAhead = 16;  // rows

bool IsUsable(const Shape& shape) {
  const uint64_t inner = shape.dimension + (shape.metric == uint64_t{2} ? 1 : 0);
  return shape.metric < kMetrics.size() && shape.row_format <= 1 &&
         shape.n <= uint64_t{std::numeric_limits<int32_t>::max()} && shape.dimension >= 1 &&
         shape.dimension <= kMostDimensions && shape.axes_count >= 1 && shape.axes_count <= inner &&
         shape.groups <= kMostDimensions && shape.axes_count <= shape.groups * math::kTileGroup &&
         shape.has_axes <= 1 && shape.sketch_groups <= kMostSketchGroups &&
         shape.sketch_groups * math::kTileGroup <= shape.axes_count + 1 &&
         std::isfinite(shape.largest_norm) && shape.largest_norm >= 0;
}

Status CheckCodes(const SnapshotFile& file, std::string_view section,
                  std::span<const TileCode> codes) {
  for (size_t i = 0; i < codes.size(); ++i) {
    const bool usable = std::isfinite(codes[i].scale) && codes[i].scale > 0 &&
                        std::isfinite(codes[i].error) && std::isfinite(codes[i].norm);
    if (!usable) return file.Damaged(section, "number ", i, " has no usable scale");
  }
  return {};
}

// In the order of the tiles.
Status WriteRows(const ScanData& data, SnapshotWriter& writer) {
  if (data.row_order == RowOrder::kPlaces) return writer.Add<float>("exact.rows", data.rows);
  TANDEM_RETURN_IF_ERROR(writer.Begin("exact.rows"));
  std::vector<float> rows;
  for (size_t begin = 0; begin < data.n; begin += kBlockRows) {
    const size_t count = std::min(kBlockRows, data.n - begin);
    rows.resize(count * data.dimension);
    for (size_t i = 0; i < count; ++i) {
      // They come in any order: they are on their way while others are copied.
      if (i + kAhead < count) data.PrefetchRow(data.RowAt(begin + i + kAhead));
      data.CopyRow(data.RowAt(begin + i),
                   std::span(rows).subspan(i * data.dimension, data.dimension));
    }
    TANDEM_RETURN_IF_ERROR(writer.Append<float>(rows));
  }
  return {};
}

}  // namespace

Status WriteScanData(const ScanData& data, SnapshotWriter& writer) {
  const Shape shape = {static_cast<uint64_t>(data.metric()),
                       static_cast<uint64_t>(data.row_format),
                       data.n,
                       data.dimension,
                       data.axes_count,
                       data.groups,
                       data.axes.empty() ? uint64_t{0} : uint64_t{1},
                       data.sketch_groups,
                       data.largest_norm};
  TANDEM_RETURN_IF_ERROR(writer.Add<Shape>("exact.shape", std::span(&shape, 1)));
  TANDEM_RETURN_IF_ERROR(WriteInnerSpace(data.space, writer));
  TANDEM_RETURN_IF_ERROR(writer.Add<float>("exact.mean", data.mean));
  TANDEM_RETURN_IF_ERROR(writer.Add<float>("exact.axes", data.axes));
  TANDEM_RETURN_IF_ERROR(writer.Add<TileCode>("exact.codes", data.codes));
  TANDEM_RETURN_IF_ERROR(writer.Add<float>("exact.tile_boxes", data.tile_boxes.sides));
  TANDEM_RETURN_IF_ERROR(writer.Add<float>("exact.block_boxes", data.block_boxes.sides));
  TANDEM_RETURN_IF_ERROR(writer.Add<int32_t>("exact.item_of", data.item_of));
  TANDEM_RETURN_IF_ERROR(writer.Add<int32_t>("exact.place_of", data.place_of));
  TANDEM_RETURN_IF_ERROR(writer.Add<uint8_t>("exact.tiles", data.tiles));
  TANDEM_RETURN_IF_ERROR(
      writer.Add<TileCode>("exact.sketch_code", std::span(&data.sketch_code, 1)));
  TANDEM_RETURN_IF_ERROR(writer.Add<uint8_t>("exact.sketches", data.sketches));
  if (data.row_format == RowFormat::kFloat) return WriteRows(data, writer);
  TANDEM_RETURN_IF_ERROR(writer.Add<float>("exact.row_scales", data.row_scales));
  return writer.Add<int8_t>("exact.row_codes", data.row_codes);
}

Result<ScanData> ReadScanData(std::shared_ptr<const SnapshotFile> file) {
  TANDEM_ASSIGN_OR_RETURN(const Shape shape, file->Value<Shape>("exact.shape"));
  if (!IsUsable(shape)) return file->Damaged("exact.shape", "no shape of an index");
  ScanData data;
  TANDEM_ASSIGN_OR_RETURN(
      data.space, ReadInnerSpace(*file, static_cast<Metric>(shape.metric), shape.dimension));
  data.row_format = static_cast<RowFormat>(shape.row_format);
  data.n = shape.n;
  data.dimension = shape.dimension;
  data.axes_count = shape.axes_count;
  data.groups = shape.groups;
  data.sketch_groups = shape.sketch_groups;
  data.largest_norm = shape.largest_norm;
  const uint64_t inner = data.inner();
  const uint64_t tiles = data.tile_count();
  const uint64_t blocks = data.block_count();
  TANDEM_ASSIGN_OR_RETURN(data.mean, file->Section<float>("exact.mean", inner));
  TANDEM_ASSIGN_OR_RETURN(
      data.axes, file->Section<float>("exact.axes", shape.has_axes * shape.axes_count * inner));
  TANDEM_ASSIGN_OR_RETURN(data.codes, file->Section<TileCode>("exact.codes", tiles));
  TANDEM_ASSIGN_OR_RETURN(data.tile_boxes.sides,
                          file->Section<float>("exact.tile_boxes", Boxes::kSides * tiles));
  TANDEM_ASSIGN_OR_RETURN(data.block_boxes.sides,
                          file->Section<float>("exact.block_boxes", Boxes::kSides * blocks));
  data.tile_boxes.count = tiles;
  data.block_boxes.count = blocks;
  TANDEM_ASSIGN_OR_RETURN(data.item_of, file->Section<int32_t>("exact.item_of", shape.n));
  TANDEM_ASSIGN_OR_RETURN(data.place_of, file->Section<int32_t>("exact.place_of", shape.n));
  TANDEM_ASSIGN_OR_RETURN(data.tiles,
                          file->Section<uint8_t>("exact.tiles", tiles * data.tile_bytes()));
  TANDEM_ASSIGN_OR_RETURN(data.sketch_code, file->Value<TileCode>("exact.sketch_code"));
  TANDEM_ASSIGN_OR_RETURN(data.sketches,
                          file->Section<uint8_t>("exact.sketches", shape.n * data.sketch_bytes()));
  const uint64_t numbers = shape.n * shape.dimension;
  if (data.row_format == RowFormat::kFloat) {
    TANDEM_ASSIGN_OR_RETURN(data.rows, file->Section<float>("exact.rows", numbers));
  } else {
    TANDEM_ASSIGN_OR_RETURN(data.row_scales, file->Section<float>("exact.row_scales", shape.n));
    TANDEM_ASSIGN_OR_RETURN(data.row_codes, file->Section<int8_t>("exact.row_codes", numbers));
  }
  TANDEM_RETURN_IF_ERROR(file->CheckFinite("exact.mean", data.mean));
  TANDEM_RETURN_IF_ERROR(file->CheckFinite("exact.axes", data.axes));
  TANDEM_RETURN_IF_ERROR(CheckCodes(*file, "exact.codes", data.codes));
  TANDEM_RETURN_IF_ERROR(CheckCodes(*file, "exact.sketch_code", std::span(&data.sketch_code, 1)));
  data.owner = std::move(file);
  return data;
}

}  // namespace tandem::index
