// Exact search: a scan of cheap upper bounds in bytes, and the scores, in float, of what they
// cannot rule out (scan_data.h has the bounds).
//
// A search visits blocks of 1,024 items from the most promising one on, passes over those whose
// bound is below the k-th best score so far, and inside over tiles of 64; of the tiles that are
// left it adds up bytes (AVX2, AVX-512 and its VNNI, or plain code, chosen at run time) and scores
// the few items that may still be among the k best. All bounds allow for what rounding can do: the
// results are those of scoring every item by math::Dot. Items that are excluded or not in the
// filter are passed over inside the scan; where a filter admits few, those alone are bounded one by
// one by sketches of theirs, or scored.
//
// Several queries at once add up a tile together (batch_scan.h), and share what is gathered for
// their filter.
//
// Memory: 4 d bytes an item for the rows, 8 for its place, 1 for each axis (a quarter to all of
// d), at most 16 for its sketch and less than 2 for bounds.
#pragma once

#include <memory>

#include "tandem/index/item_index.h"
#include "tandem/index/metric.h"
#include "tandem/index/scan_data.h"
#include "tandem/index/snapshot_file.h"

namespace tandem::index {

enum class RowOwnership {
  kCopied,
  kBorrowed,  // the caller's rows, which must outlive the index and stay as they are
};

struct ExactOptions {
  Metric metric = Metric::kDot;
  // kInt8: about a third of the memory; searches are exact over rows that are rounded to bytes, so
  // is_exact() is false.
  RowFormat rows = RowFormat::kFloat;
  // kBorrowed: a third of the memory, where rows are there anyway. What has to be changed is copied
  // all the same: rows of kCosine, and rows as kInt8.
  RowOwnership ownership = RowOwnership::kCopied;
};

class ExactIndex final : public ItemIndex {
 public:
  // Of rows [n, d]. kInvalidArgument: d < 1, a length other than n * d, a number that is not
  // finite (named by its row).
  static Result<std::unique_ptr<ExactIndex>> Create(std::span<const float> rows, int64_t n,
                                                    int64_t d, const ExactOptions& options = {});

  // From what Write has put into a file: mapped, not read, and nothing is computed.
  static Result<std::unique_ptr<ExactIndex>> Open(std::shared_ptr<const SnapshotFile> file);
  Status Write(SnapshotWriter& writer) const;

  Status Search(std::span<const float> queries, const SearchOptions& options,
                std::span<int32_t> ids, std::span<float> scores) const override;
  bool is_exact() const override { return data_.row_format == RowFormat::kFloat; }
  void CopyVector(int32_t row, std::span<float> vector) const override;
  int64_t size() const override { return static_cast<int64_t>(data_.n); }
  int64_t dimension() const override { return static_cast<int64_t>(data_.dimension); }
  RowFormat row_format() const { return data_.row_format; }
  Metric metric() const { return data_.metric(); }
  // The axes that the scan reads, h.
  int64_t axes() const { return static_cast<int64_t>(data_.axes_count); }

 private:
  explicit ExactIndex(ScanData data) : data_(std::move(data)) {}
  // `count` queries side by side; `first` is the place of their exclusion lists.
  void SearchBatch(std::span<const float> queries, size_t first, const SearchOptions& options,
                   std::span<int32_t> ids, std::span<float> scores) const;

  ScanData data_;
};

}  // namespace tandem::index
