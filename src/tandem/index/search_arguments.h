// What every engine asks of its arguments, and how it takes them. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/item_index.h"
#include "tandem/index/metric.h"

namespace tandem::index {

// rows [n, d] of an index that is to be made. kInvalidArgument: n or d out of range, another number
// of them, one that is not finite (named by its row).
Status CheckRows(std::span<const float> rows, int64_t n, int64_t d);

// Of ItemIndex::Search, of an index [n, d]; what it says.
Status CheckSearch(std::span<const float> queries, const SearchOptions& options,
                   std::span<const int32_t> ids, std::span<const float> scores, size_t n, size_t d);

// Vectors [.., d] as an index of the metric holds and takes them: for kCosine of length 1, in
// `units`, else as they are.
std::span<const float> AsCompared(Metric metric, std::span<const float> vectors, size_t d,
                                  std::vector<float>& units);

// A score, summed in double: for those that are not finite when summed in float. Infinite where the
// score is no float; NaN for vectors that are not finite, which only a damaged file has.
float WideScore(Metric metric, std::span<const float> query, std::span<const float> row);

}  // namespace tandem::index
