#include "tandem/index/batch_scan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/base/large_vector.h"

namespace tandem::index {
namespace {

// Who adds up which tiles of a block.
struct BlockWork {
  struct Tile {
    size_t count = 0;
    uint32_t scans[kMostBatch];
    int32_t bars[kMostBatch];
  };
  size_t first_tile = 0;
  std::array<Tile, kBlockTiles> tiles;
};

struct Visit {
  uint32_t scan;
  float bound;  // of the block, for the scan
};

class BatchScan {
 public:
  BatchScan(const ScanData& data, std::span<Scan> scans)
      : data_(data), scans_(scans), ends_(data.block_count()) {}

  void Run() {
    for (Scan& scan : scans_) scan.ScanBestTiles();
    CopyCodes();
    ListVisits();
    // The tiles of a block are on their way while those of the one before are added up.
    BlockWork works[2];
    BlockWork* now = &works[0];
    BlockWork* next = &works[1];
    for (size_t block = 0; block < ends_.size(); ++block) {
      if (Visits(block).empty()) continue;
      Prepare(block, *next);
      AddUp(*now);
      std::swap(now, next);
    }
    AddUp(*now);
    for (Scan& scan : scans_) scan.Flush();
  }

 private:
  void CopyCodes() {
    for (const Scan& scan : scans_) {
      const std::span<const int8_t> codes = scan.codes().codes();
      codes_.insert(codes_.end(), codes.begin(), codes.end());
    }
  }

  // The scans that may have to visit each block: counted, then put in their places.
  void ListVisits() {
    LargeVector<uint32_t> blocks;
    std::vector<size_t> counts;
    for (const Scan& scan : scans_) {
      const size_t before = blocks.size();
      blocks.resize(before + ends_.size());
      counts.push_back(scan.BlocksLeft(std::span(blocks).subspan(before)));
      blocks.resize(before + counts.back());
    }
    for (const uint32_t block : blocks) ++ends_[block];
    size_t total = 0;
    for (size_t& end : ends_) total += std::exchange(end, total);
    visits_.resize(total);
    const uint32_t* block = blocks.data();
    for (uint32_t i = 0; i < scans_.size(); ++i) {
      for (size_t left = counts[i]; left > 0; --left, ++block) {
        visits_[ends_[*block]++] = {i, scans_[i].BlockBound(*block)};
      }
    }
  }

  std::span<const Visit> Visits(size_t block) const {
    const size_t begin = block == 0 ? 0 : ends_[block - 1];
    return std::span(visits_).subspan(begin, ends_[block] - begin);
  }

  void Prepare(size_t block, BlockWork& work) {
    work.first_tile = block * kBlockTiles;
    for (BlockWork::Tile& tile : work.tiles) tile.count = 0;
    BlockTiles found;
    for (const Visit& visit : Visits(block)) {
      if (!scans_[visit.scan].MayReach(visit.bound)) continue;
      scans_[visit.scan].FindTiles(block, found);
      for (size_t i = 0; i < found.count; ++i) {
        BlockWork::Tile& tile = work.tiles[found.tiles[i] - work.first_tile];
        tile.scans[tile.count] = visit.scan;
        tile.bars[tile.count++] = found.bars[i];
      }
    }
    for (size_t i = 0; i < kBlockTiles; ++i) {
      if (work.tiles[i].count > 0) data_.PrefetchTile(work.first_tile + i);
    }
  }

  void AddUp(const BlockWork& work) {
    uint64_t rows[kMostBatch];
    for (size_t i = 0; i < kBlockTiles; ++i) {
      const BlockWork::Tile& tile = work.tiles[i];
      if (tile.count == 0) continue;
      math::RowsAtLeastForEach(codes_.data(), std::span(tile.scans, tile.count),
                               TileBytes(work.first_tile + i), tile.bars, rows);
      for (size_t j = 0; j < tile.count; ++j) {
        if (rows[j] != 0) scans_[tile.scans[j]].PickRows(work.first_tile + i, rows[j]);
      }
    }
  }

  std::span<const uint8_t> TileBytes(size_t tile) const {
    return data_.tiles.subspan(tile * data_.tile_bytes(), data_.tile_bytes());
  }

  const ScanData& data_;
  const std::span<Scan> scans_;
  std::vector<int8_t> codes_;  // [scans, 4 groups]
  std::vector<size_t> ends_;   // [blocks] of a block's visits
  std::vector<Visit> visits_;  // those of a block side by side
};

}  // namespace

void ScanBatch(const ScanData& data, std::span<Scan> scans) {
  const auto alone = [](const Scan& scan) { return scan.rules_nothing_out(); };
  if (scans.size() > 1 && std::none_of(scans.begin(), scans.end(), alone)) {
    return BatchScan(data, scans).Run();
  }
  for (Scan& scan : scans) scan.Run();
}

}  // namespace tandem::index
