// The begin of a scan, when no score is known that others must reach: a few tiles together.
//
// The k items of the largest bounds are scored first; what they reach rules out nearly all others,
// so that little more than k items are scored, where a scan tile by tile scores several times as
// many on its way up.
#pragma once

#include <cstdint>
#include <span>

#include "tandem/index/scan_data.h"
#include "tandem/index/scan_query.h"
#include "tandem/index/scorer.h"

namespace tandem::index {

// At least one tile, each once, in any order; nothing of them was picked. query.rules_nothing_out() is false.
void ScanFirstTiles(const ScanData& data, const ScanQuery& query, std::span<const uint32_t> tiles,
                    Scorer& scorer);

}  // namespace tandem::index
