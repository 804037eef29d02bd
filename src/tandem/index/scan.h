// The exact search of one query over ScanData: bounds of blocks, then of tiles, then bytes, then
// floats. A Scan is for one query and one thread; ScanData may be shared by many.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "tandem/index/scan_data.h"
#include "tandem/index/scan_query.h"
#include "tandem/index/scorer.h"

namespace tandem::index {

// Tiles of one block, and what their sums must reach.
struct BlockTiles {
  size_t count = 0;
  uint32_t tiles[kBlockTiles];
  int32_t bars[kBlockTiles];
};

class Scan {
 public:
  // All must outlive the scan. query [dimension], finite, for kCosine of length 1 or zero.
  Scan(const ScanData& data, std::span<const float> query, const Wanted& wanted);

  // One of these. Every block that may hold one of the k best, from the most promising one on.
  void Run();
  // Of those that the filter admits, where it admits few: bounds some of them one by one by their
  // sketches; each of them in one call.
  void ScanAdmitted(const TileSet& admitted);
  // All of those, where they are very few.
  void ScoreAll(std::span<const int32_t> admitted);
  // Or the most promising tiles alone, and then what ScanBatch (batch_scan.h) needs.
  void ScanBestTiles();

  // Best first; after that the scan is over.
  std::span<const Hit> Sorted() { return scorer_.Sorted(); }

  bool rules_nothing_out() const { return query_.rules_nothing_out(); }
  const QueryCodes& codes() const { return query_.codes(); }
  // The blocks that may hold one of the k best, by their bounds and what is known by now,
  // ascending, to `blocks` [all blocks]; how many. They stay, whoever scans them.
  size_t BlocksLeft(std::span<uint32_t> blocks) const;
  float BlockBound(size_t block) const { return block_bounds_[block]; }
  // Whether a block of this bound still may.
  bool MayReach(float bound) const { return static_cast<double>(bound) >= needed_; }
  // Scores what is pending, and says which tiles of a block may hold one of the k best then. Not
  // those of ScanBestTiles.
  void FindTiles(size_t block, BlockTiles& found);
  // Rows of such a tile whose sums reach its bar, to be scored by and by.
  void PickRows(size_t tile, uint64_t rows) { scorer_.PickRows(data_.Tiles(), tile, rows); }
  void Flush();

 private:
  std::vector<uint32_t> BestTiles(size_t wanted) const;
  // From the largest bound on: it, and the block in the lower 32 bits.
  std::vector<uint64_t> KeysOfBlocksLeft() const;
  void PickOf(const BlockTiles& found);
  void PickOf(const TileSet& set, const QueryCodes& codes, std::span<const uint32_t> tiles,
              std::span<const int32_t> bars);

  // More than the bound of a scanned block.
  static constexpr double kLeastNeeded = std::numeric_limits<double>::lowest();

  const ScanData& data_;
  const Wanted wanted_;
  ScanQuery query_;
  Scorer scorer_;
  std::optional<QueryCodes> sketch_codes_;  // once those that the filter admits are scanned
  std::vector<float> block_bounds_;         // [blocks], without q' . m; -infinity: all is scanned
  std::vector<uint16_t> scanned_;           // [blocks] a bit a tile: those of ScanBestTiles
  double needed_ = kLeastNeeded;            // what bounds must reach
};

}  // namespace tandem::index
