#include "tandem/index/exact_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tandem/index/admitted.h"
#include "tandem/index/scan.h"
#include "tandem/index/scan_builder.h"
#include "tandem/index/scan_snapshot.h"

namespace tandem::index {
namespace {

// Queries that go through the blocks side by side, and the blocks that each scans before, so that
// it knows nearly the score that the others must reach.
constexpr size_t kBatch = 64;
constexpr size_t kOwnBlocks = 4;

// A filter that admits less than one in so many items admits few, or so few, and some hundred more,
// that to gather their sketches takes longer than to score them.
constexpr size_t kSketchShare = 6;
constexpr size_t kScoreShare = 64;

void Put(std::span<const Hit> hits, std::span<int32_t> ids, std::span<float> scores) {
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = i < hits.size() ? hits[i].item : -1;
    scores[i] = i < hits.size() ? hits[i].score : -std::numeric_limits<float>::infinity();
  }
}

// By how many items a filter admits.
enum class Way { kScan, kScanAdmitted, kScoreAdmitted };
Way WayOf(const ScanData& data, const Wanted& wanted) {
  if (wanted.filter == nullptr) return Way::kScan;
  if (wanted.admitted <= data.n / kScoreShare + 256) return Way::kScoreAdmitted;
  const bool few = wanted.admitted <= data.n / kSketchShare;
  return few && data.sketch_groups > 0 ? Way::kScanAdmitted : Way::kScan;
}

}  // namespace

Result<std::unique_ptr<ExactIndex>> ExactIndex::Create(std::span<const float> rows, int64_t n,
                                                       int64_t d, const ExactOptions& options) {
  if (d < 1 || n < 0 || n > std::numeric_limits<int32_t>::max()) {
    return InvalidArgumentError("an index of ", n, " items of ", d,
                                " dimensions; expected 0 to 2^31 - 1 items of at least one");
  }
  const auto count = static_cast<size_t>(n);
  const auto dimension = static_cast<size_t>(d);
  if (rows.size() / dimension != count || rows.size() % dimension != 0) {
    return InvalidArgumentError("got ", rows.size(), " numbers for ", n, " items of ", d);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!std::isfinite(rows[i])) {
      return InvalidArgumentError("item ", i / dimension, " has a number that is not finite");
    }
  }
  std::vector<float> units;
  if (options.metric == Metric::kCosine) {
    units.assign(rows.begin(), rows.end());
    for (size_t i = 0; i < count; ++i) {
      ToUnitLength(std::span(units).subspan(i * dimension, dimension));
    }
    rows = units;
  }
  return std::unique_ptr<ExactIndex>(
      new ExactIndex(BuildScanData(rows, count, dimension, options.metric, options.rows)));
}

Result<std::unique_ptr<ExactIndex>> ExactIndex::Open(std::shared_ptr<const SnapshotFile> file) {
  TANDEM_ASSIGN_OR_RETURN(ScanData data, ReadScanData(std::move(file)));
  return std::unique_ptr<ExactIndex>(new ExactIndex(std::move(data)));
}

Status ExactIndex::Write(SnapshotWriter& writer) const { return WriteScanData(data_, writer); }

void ExactIndex::CopyVector(int32_t row, std::span<float> vector) const {
  const auto place = static_cast<size_t>(data_.place_of[static_cast<size_t>(row)]);
  if (place < data_.n) {  // else the file is damaged
    data_.CopyRow(place, vector);
  } else {
    std::fill(vector.begin(), vector.end(), 0.0F);
  }
}

Status ExactIndex::Search(std::span<const float> queries, const SearchOptions& options,
                          std::span<int32_t> ids, std::span<float> scores) const {
  if (options.k < 1) return InvalidArgumentError("k is ", options.k, ", expected at least 1");
  const auto k = static_cast<size_t>(options.k);
  const size_t d = data_.dimension;
  const size_t q = queries.size() / d;
  if (queries.size() % d != 0 || ids.size() != q * k || scores.size() != q * k) {
    return InvalidArgumentError("got ", queries.size(), " query numbers, room for ", ids.size(),
                                " ids and ", scores.size(), " scores; expected q * ", d,
                                " and q * ", k);
  }
  if (!options.exclude.empty() && options.exclude.size() != q) {
    return InvalidArgumentError("got ", options.exclude.size(), " exclusion lists for ", q,
                                " queries");
  }
  if (options.filter != nullptr && options.filter->size() != data_.n) {
    return InvalidArgumentError("the filter is for ", options.filter->size(),
                                " items; the index has ", data_.n);
  }
  for (const float x : queries) {
    if (!std::isfinite(x)) return InvalidArgumentError("a query has a number that is not finite");
  }
  std::vector<float> units;
  if (data_.metric == Metric::kCosine) {
    units.assign(queries.begin(), queries.end());
    for (size_t i = 0; i < q; ++i) ToUnitLength(std::span(units).subspan(i * d, d));
    queries = units;
  }
  for (size_t begin = 0; begin < q; begin += kBatch) {
    const size_t count = std::min(kBatch, q - begin);
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
  const size_t own_blocks = count == 1 ? data_.block_count() : kOwnBlocks;
  std::vector<Scan> scans;
  scans.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (!options.exclude.empty()) wanted.exclude = options.exclude[first + i];
    scans.emplace_back(data_, queries.subspan(i * d, d), wanted);
    if (way == Way::kScan) scans.back().Run(own_blocks);
    if (way == Way::kScoreAdmitted) scans.back().ScoreAdmitted();
  }
  if (way == Way::kScanAdmitted) {
    Admitted admitted(data_, *options.filter);
    while (admitted.Next()) {
      for (Scan& scan : scans) scan.ScanAdmitted(admitted.Tiles());
    }
  }
  // Queries that share a block share what of it is in the cache.
  for (size_t block = 0; count > 1 && way == Way::kScan && block < data_.block_count(); ++block) {
    for (Scan& scan : scans) scan.Visit(block);
  }
  for (size_t i = 0; i < count; ++i) {
    Put(scans[i].Sorted(), ids.subspan(i * k, k), scores.subspan(i * k, k));
  }
}

}  // namespace tandem::index
