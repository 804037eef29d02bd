// Makes what an exact scan reads (scan_data.h) from rows.
#pragma once

#include "tandem/index/scan_data.h"

namespace tandem::index {

// rows [n, d], finite, d >= 1, for kCosine each of length 1 or zero: copied, unless they are kept
// as kFloat in the order of kItems. Deterministic.
ScanData BuildScanData(std::span<const float> rows, size_t n, size_t d, Metric metric,
                       RowFormat format, RowOrder order = RowOrder::kPlaces);

}  // namespace tandem::index
