// The exact search of one query over ScanData: bounds of blocks, then of tiles, then bytes, then
// floats. A Scan is for one query and one thread; ScanData may be shared by many.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tandem/index/scan_data.h"
#include "tandem/index/scan_query.h"
#include "tandem/index/scorer.h"

namespace tandem::index {

class Scan {
 public:
  // All must outlive the scan. query [dimension], finite, for kCosine of length 1 or zero.
  Scan(const ScanData& data, std::span<const float> query, const Wanted& wanted);

  // Scans the blocks from the most promising one on, at most so many.
  void Run(size_t most_blocks);
  // Scans a block unless it was scanned or cannot hold any of the k best: for several scans that
  // go through the blocks side by side.
  void Visit(size_t block);
  // Best first; after that the scan is over.
  std::span<const Hit> Sorted() { return scorer_.Sorted(); }

  // Instead of Run and Visit, where the filter admits few: bounds some of them one by one by their
  // sketches; each of them in one call.
  void ScanAdmitted(const TileSet& admitted);
  // Or scores them all, where they are very few.
  void ScoreAdmitted();

 private:
  double Needed() const { return query_.Needed(scorer_.threshold()); }
  size_t ScanFirstBlocks(size_t most_blocks);
  void ScanBlock(size_t block);
  // Of at most kBlockTiles tiles, those rows that may reach what is needed.
  void PickOf(const TileSet& set, const QueryCodes& codes, std::span<const uint32_t> tiles);

  const ScanData& data_;
  const Wanted wanted_;
  ScanQuery query_;
  Scorer scorer_;
  std::optional<QueryCodes> sketch_codes_;  // once those that the filter admits are scanned
  std::vector<float> block_bounds_;         // [blocks], without q' . m; -infinity: scanned
};

}  // namespace tandem::index
