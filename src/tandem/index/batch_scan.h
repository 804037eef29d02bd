// Scans of several queries side by side.
//
// Alone, a query waits for the memory of nearly every tile that it adds up. At a million items 64
// queries add up ten times as many tiles as there are different ones among them: here they go
// through the tiles together, so that each is read once and added up for all while it is near.
#pragma once

#include <span>

#include "tandem/index/scan.h"

namespace tandem::index {

// So many at most.
inline constexpr size_t kMostBatch = 64;

// As Run of each, all over `data`. The same answers, whoever else asks.
void ScanBatch(const ScanData& data, std::span<Scan> scans);

}  // namespace tandem::index
