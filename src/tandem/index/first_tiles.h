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

// Picks items of tiles of a set, each named once, in any order; the k best of those
// asked for are likely among the `likely_rank` best of them. query.rules_nothing_out() is false;
// `codes` are the query's for the set.
void ScanFirstTiles(const TileSet& set, const ScanQuery& query, const QueryCodes& codes,
                    std::span<const uint32_t> tiles, size_t likely_rank, Scorer& scorer);

}  // namespace tandem::index
