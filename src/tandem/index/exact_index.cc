#include "tandem/index/exact_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tandem/index/admitted.h"
#include "tandem/index/batch_scan.h"
#include "tandem/index/scan.h"
#include "tandem/index/scan_builder.h"
#include "tandem/index/scan_snapshot.h"
#include "tandem/index/search_arguments.h"

namespace tandem::index {
namespace {

// A filter that admits a of n items admits few where to bound each of them by its sketch takes less
// than to scan for the k n / a best of all, among which are the k best of those: the one takes a
// time as a, the other as the root of n k n / a. Measured from 100,000 to a million items, k = 10
// and 100.
constexpr double kSketchTime = 0.77;  // in that of the other
bool AdmitsFew(double admitted, double n, double k) {
  return kSketchTime * admitted < n * std::sqrt(k / admitted);
}

// To score so many, and so many for each of the best, takes as long as to bound them by sketches.
constexpr size_t kScored = 320;
constexpr size_t kScoredOfEach = 5;

void Put(std::span<const Hit> hits, std::span<int32_t> ids, std::span<float> scores) {
  for (size_t i = 0; i < hits.size(); ++i) {
    ids[i] = hits[i].item;
    scores[i] = hits[i].score;
  }
  std::fill(ids.begin() + std::ssize(hits), ids.end(), -1);
  std::fill(scores.begin() + std::ssize(hits), scores.end(),
            -std::numeric_limits<float>::infinity());
}

// Queries at once: each takes up to 32 bytes for each of its k best, all together 32 MB or what one
// query takes.
constexpr size_t kMostBest = 1'000'000;
size_t BatchFor(size_t k) {
  return std::clamp<size_t>(kMostBest / std::max<size_t>(k, 1), 1, kMostBatch);
}

// By how many items a filter admits.
enum class Way { kScan, kScanAdmitted, kScoreAdmitted };
Way WayOf(const ScanData& data, const Wanted& wanted) {
  if (wanted.filter == nullptr) return Way::kScan;
  if (wanted.admitted <= kScored + kScoredOfEach * wanted.k) return Way::kScoreAdmitted;
  const bool few = AdmitsFew(static_cast<double>(wanted.admitted), static_cast<double>(data.n),
                             static_cast<double>(wanted.k));
  return few && data.sketch_groups > 0 ? Way::kScanAdmitted : Way::kScan;
}

}  // namespace

Result<std::unique_ptr<ExactIndex>> ExactIndex::Create(std::span<const float> rows, int64_t n,
                                                       int64_t d, const ExactOptions& options) {
  TANDEM_RETURN_IF_ERROR(CheckRows(rows, n, d));
  const auto count = static_cast<size_t>(n);
  const auto dimension = static_cast<size_t>(d);
  std::vector<float> units;
  rows = AsCompared(options.metric, rows, dimension, units);
  const bool borrow = options.ownership == RowOwnership::kBorrowed && units.empty();
  const RowOrder order = borrow ? RowOrder::kItems : RowOrder::kPlaces;
  return std::unique_ptr<ExactIndex>(
      new ExactIndex(BuildScanData(rows, count, dimension, options.metric, options.rows, order)));
}

Result<std::unique_ptr<ExactIndex>> ExactIndex::Open(std::shared_ptr<const SnapshotFile> file) {
  const SnapshotFile& opened = *file;  // which the data keep
  TANDEM_ASSIGN_OR_RETURN(ScanData data, ReadScanData(std::move(file)));
  if (data.dimension > kMaxDimension) {
    return opened.Damaged("exact.shape", "vectors of ", data.dimension, " dimensions, at most ",
                          kMaxDimension);
  }
  return std::unique_ptr<ExactIndex>(new ExactIndex(std::move(data)));
}

Status ExactIndex::Write(SnapshotWriter& writer) const { return WriteScanData(data_, writer); }

void ExactIndex::CopyVector(int32_t row, std::span<float> vector) const {
  const size_t kept = data_.RowOf(row);
  if (kept < data_.n) {  // else the file is damaged
    data_.CopyRow(kept, vector);
  } else {
    std::fill(vector.begin(), vector.end(), 0.0F);
  }
}

Status ExactIndex::Search(std::span<const float> queries, const SearchOptions& options,
                          std::span<int32_t> ids, std::span<float> scores) const {
  const size_t d = data_.dimension;
  TANDEM_RETURN_IF_ERROR(CheckSearch(queries, options, ids, scores, data_.n, d));
  std::vector<float> units;
  queries = AsCompared(data_.metric(), queries, d, units);
  const auto k = static_cast<size_t>(options.k);
  const size_t q = queries.size() / d;
  const size_t batch = BatchFor(std::min(k, data_.n));
  for (size_t begin = 0; begin < q; begin += batch) {
    const size_t count = std::min(batch, q - begin);
    SearchBatch(queries.subspan(begin * d, count * d), begin, options,
                ids.subspan(begin * k, count * k), scores.subspan(begin * k, count * k));
  }
  return {};
}

void ExactIndex::SearchBatch(std::span<const float> queries, size_t first,
                             const SearchOptions& options, std::span<int32_t> ids,
                             std::span<float> scores) const {
  const size_t d = data_.dimension;
  const size_t count = queries.size() / d;
  const auto k = static_cast<size_t>(options.k);
  Wanted wanted = {.k = std::min(k, data_.n), .filter = options.filter, .admitted = data_.n};
  if (options.filter != nullptr) wanted.admitted = options.filter->Count();
  const Way way = WayOf(data_, wanted);
  std::vector<Scan> scans;
  scans.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (!options.exclude.empty()) wanted.exclude = options.exclude[first + i];
    scans.emplace_back(data_, queries.subspan(i * d, d), wanted);
  }
  if (way == Way::kScan) ScanBatch(data_, scans);
  if (way == Way::kScoreAdmitted) {
    const std::vector<int32_t> admitted = options.filter->Rows();
    for (Scan& scan : scans) scan.ScoreAll(admitted);
  }
  if (way == Way::kScanAdmitted) {
    Admitted admitted(data_, *options.filter, wanted.admitted);
    while (admitted.Next()) {
      for (Scan& scan : scans) scan.ScanAdmitted(admitted.Tiles());
    }
  }
  for (size_t i = 0; i < count; ++i) {
    Put(scans[i].Sorted(), ids.subspan(i * k, k), scores.subspan(i * k, k));
  }
}

}  // namespace tandem::index
