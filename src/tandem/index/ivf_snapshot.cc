// IvfIndex in a file. Sections, all named "ivf.": shape (one Shape), query_map, centroids, steps,
// list_begin, tile_begin, codes, item_of, place_of, rows: ivf_index.h says what is in them.
#include <limits>

#include "tandem/index/inner_space_snapshot.h"
#include "tandem/index/ivf_search.h"
#include "tandem/math/nibbles.h"

namespace tandem::index {
namespace {

constexpr uint64_t kMostAxes = 256;
constexpr int64_t kMostEffort = int64_t{1} << 31;

struct Effort {
  int64_t k;
  int64_t lists;
  int64_t candidates;
  double measured_recall;
};

struct Shape {
  uint64_t metric;
  uint64_t n;
  uint64_t dimension;
  uint64_t head;
  uint64_t part;
  uint64_t lists;
  double target_recall;
  Effort efforts[2];
};

bool IsShare(double x) { return x >= 0 && x <= 1; }

bool IsUsable(const Effort& effort) {
  return effort.k >= 1 && effort.k < kMostEffort && effort.lists >= 1 &&
         effort.lists < kMostEffort && effort.candidates >= 1 && effort.candidates < kMostEffort &&
         IsShare(effort.measured_recall);
}

bool IsUsable(const Shape& shape) {
  const uint64_t most_lists = shape.n > 0 ? shape.n : 1;
  return shape.metric < kMetrics.size() &&
         shape.n <= uint64_t{std::numeric_limits<int32_t>::max()} && shape.dimension >= 1 &&
         shape.dimension <= uint64_t{kMaxDimension} && shape.head >= 4 && shape.head % 4 == 0 &&
         shape.head <= kMostAxes && shape.part >= 1 && shape.part <= shape.head &&
         shape.lists >= 1 && shape.lists <= most_lists && IsShare(shape.target_recall) &&
         IsUsable(shape.efforts[0]) && IsUsable(shape.efforts[1]) &&
         shape.efforts[0].k < shape.efforts[1].k;
}

}  // namespace

Status IvfIndex::Write(SnapshotWriter& writer) const {
  Shape shape = {static_cast<uint64_t>(metric()),
                 item_of_.size(),
                 dimension_,
                 head_,
                 part_,
                 lists_,
                 target_recall_,
                 {}};
  for (size_t i = 0; i < efforts_.size(); ++i) {
    const IvfEffort& effort = efforts_[i];
    shape.efforts[i] = {effort.k, effort.lists, effort.candidates, effort.measured_recall};
  }
  TANDEM_RETURN_IF_ERROR(writer.Add<Shape>("ivf.shape", std::span(&shape, 1)));
  TANDEM_RETURN_IF_ERROR(WriteInnerSpace(space_, writer));
  TANDEM_RETURN_IF_ERROR(writer.Add<float>("ivf.query_map", query_map_));
  TANDEM_RETURN_IF_ERROR(writer.Add<float>("ivf.centroids", centroids_));
  TANDEM_RETURN_IF_ERROR(writer.Add<float>("ivf.steps", steps_));
  TANDEM_RETURN_IF_ERROR(writer.Add<uint32_t>("ivf.list_begin", list_begin_));
  TANDEM_RETURN_IF_ERROR(writer.Add<uint32_t>("ivf.tile_begin", tile_begin_));
  TANDEM_RETURN_IF_ERROR(writer.Add<uint8_t>("ivf.codes", codes_));
  TANDEM_RETURN_IF_ERROR(writer.Add<int32_t>("ivf.item_of", item_of_));
  TANDEM_RETURN_IF_ERROR(writer.Add<int32_t>("ivf.place_of", place_of_));
  return writer.Add<float>("ivf.rows", rows_);
}

Result<std::unique_ptr<IvfIndex>> IvfIndex::Open(std::shared_ptr<const SnapshotFile> file) {
  TANDEM_ASSIGN_OR_RETURN(const Shape shape, file->Value<Shape>("ivf.shape"));
  if (!IsUsable(shape)) return file->Damaged("ivf.shape", "no shape of an index");
  std::unique_ptr<IvfIndex> index(new IvfIndex());
  index->dimension_ = shape.dimension;
  TANDEM_ASSIGN_OR_RETURN(
      index->space_, ReadInnerSpace(*file, static_cast<Metric>(shape.metric), shape.dimension));
  index->head_ = shape.head;
  index->part_ = shape.part;
  index->lists_ = shape.lists;
  index->target_recall_ = shape.target_recall;
  for (size_t i = 0; i < index->efforts_.size(); ++i) {
    const Effort& effort = shape.efforts[i];
    index->efforts_[i] = {effort.k, effort.lists, effort.candidates, effort.measured_recall};
  }
  TANDEM_ASSIGN_OR_RETURN(index->query_map_,
                          file->Section<float>("ivf.query_map", shape.head * index->width()));
  TANDEM_ASSIGN_OR_RETURN(index->centroids_,
                          file->Section<float>("ivf.centroids", (shape.part + 1) * shape.lists));
  TANDEM_ASSIGN_OR_RETURN(index->steps_, file->Section<float>("ivf.steps", shape.lists));
  TANDEM_ASSIGN_OR_RETURN(index->list_begin_,
                          file->Section<uint32_t>("ivf.list_begin", shape.lists + 1));
  TANDEM_ASSIGN_OR_RETURN(index->tile_begin_,
                          file->Section<uint32_t>("ivf.tile_begin", shape.lists + 1));
  TANDEM_ASSIGN_OR_RETURN(index->item_of_, file->Section<int32_t>("ivf.item_of", shape.n));
  TANDEM_ASSIGN_OR_RETURN(index->place_of_, file->Section<int32_t>("ivf.place_of", shape.n));
  TANDEM_ASSIGN_OR_RETURN(index->rows_,
                          file->Section<float>("ivf.rows", shape.n * shape.dimension));
  TANDEM_RETURN_IF_ERROR(file->CheckFinite("ivf.query_map", index->query_map_));
  TANDEM_RETURN_IF_ERROR(file->CheckFinite("ivf.centroids", index->centroids_));
  TANDEM_RETURN_IF_ERROR(file->CheckFinite("ivf.steps", index->steps_));
  uint32_t row = 0;
  uint32_t tile = 0;
  constexpr auto kRows = static_cast<uint32_t>(math::kNibbleRows);
  for (size_t list = 0; list <= index->lists_; ++list) {
    if (index->list_begin_[list] != row || index->tile_begin_[list] != tile) {
      return file->Damaged("ivf.list_begin", "list ", list, " does not begin where the one before ",
                           "it ends");
    }
    if (list == index->lists_) break;
    const uint32_t next = index->list_begin_[list + 1];
    if (next < row || next > shape.n || index->steps_[list] < 0) {
      return file->Damaged("ivf.list_begin", "list ", list, " has no usable end or step");
    }
    tile += (next - row + kRows - 1) / kRows;
    row = next;
  }
  if (row != shape.n) {
    return file->Damaged("ivf.list_begin", "lists of ", row, " items, expected ", shape.n);
  }
  TANDEM_ASSIGN_OR_RETURN(
      index->codes_,
      file->Section<uint8_t>("ivf.codes", uint64_t{tile} * (shape.head / 2) * kRows));
  index->owner_ = std::move(file);
  return index;
}

}  // namespace tandem::index
