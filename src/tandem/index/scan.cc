#include "tandem/index/scan.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "tandem/base/large_vector.h"
#include "tandem/index/first_tiles.h"
#include "tandem/index/select.h"
#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

constexpr float kScanned = -std::numeric_limits<float>::infinity();

// A scan begins with a tile for each item that it likely needs, within these limits: the best of
// the best blocks, about so many of a block. More blocks have better tiles, and more bounds to look
// at.
constexpr size_t kLeastFirstTiles = 32;
constexpr size_t kMostFirstTiles = 128;
constexpr size_t kFirstTilesOfBlock = 4;

// Bounds by sketches are looser: the best k by score are among so many times k by them.
constexpr size_t kSketchRanks = 4;

void Prefetch(const ScanData& data, const BlockTiles& found) {
  for (size_t i = 0; i < found.count; ++i) data.PrefetchTile(found.tiles[i]);
}

}  // namespace

Scan::Scan(const ScanData& data, std::span<const float> query, const Wanted& wanted)
    : data_(data),
      wanted_(wanted),
      query_(data, query),
      scorer_(data, query, wanted),
      block_bounds_(data.block_count(), std::numeric_limits<float>::infinity()) {
  if (!query_.rules_nothing_out()) query_.BoundBoxes(data_.block_boxes, block_bounds_);
}

void Scan::Run() {
  if (query_.rules_nothing_out()) {
    for (size_t tile = 0; tile < data_.tile_count(); ++tile) PickRows(tile, ~uint64_t{0});
    return Flush();
  }
  ScanBestTiles();
  // The tiles of a block are on their way while those of the one before are added up.
  BlockTiles blocks[2];
  BlockTiles* now = &blocks[0];
  BlockTiles* next = &blocks[1];
  const std::vector<uint64_t> keys = KeysOfBlocksLeft();
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto block = static_cast<uint32_t>(keys[i]);
    if (!MayReach(BlockBound(block))) break;
    if (i + 1 < keys.size()) query_.PrefetchBounds(static_cast<uint32_t>(keys[i + 1]));
    FindTiles(block, *next);
    Prefetch(data_, *next);
    PickOf(*now);
    std::swap(now, next);
  }
  PickOf(*now);
  Flush();
}

void Scan::ScanBestTiles() {
  if (data_.n == 0) return;
  const size_t wanted = std::clamp(scorer_.LikelyRank(), kLeastFirstTiles, kMostFirstTiles);
  scanned_.assign(block_bounds_.size(), 0);
  std::vector<uint32_t> tiles;
  if (data_.tile_count() <= wanted) {
    tiles.resize(data_.tile_count());
    std::iota(tiles.begin(), tiles.end(), 0);
    std::fill(block_bounds_.begin(), block_bounds_.end(), kScanned);
  } else {
    tiles = BestTiles(wanted);
    for (const uint32_t tile : tiles) {
      data_.PrefetchTile(tile);
      scanned_[tile / kBlockTiles] |= static_cast<uint16_t>(1U << tile % kBlockTiles);
    }
  }
  ScanFirstTiles(data_.Tiles(), query_, query_.codes(), tiles, scorer_.LikelyRank(), scorer_);
  Flush();
}

// About so many, at most twice that, of the blocks that likely have them.
std::vector<uint32_t> Scan::BestTiles(size_t wanted) const {
  LargeVector<uint32_t> blocks(block_bounds_.size());
  const size_t most = std::min(wanted / kFirstTilesOfBlock, blocks.size());
  const float least_block = math::LeastOfLargest(block_bounds_, most);
  const size_t found = math::IndicesAtLeast(block_bounds_, least_block, blocks.data());
  blocks.resize(std::min(found, 2 * most));  // of bounds that are alike there are more: any do
  LargeVector<float> bounds(blocks.size() * kBlockTiles);
  std::vector<uint32_t> tiles;
  tiles.reserve(bounds.size());
  for (const size_t block : blocks) {
    const size_t begin = block * kBlockTiles;
    const size_t count = std::min(kBlockTiles, data_.tile_count() - begin);
    query_.BoundTiles(begin, std::span(bounds).subspan(tiles.size(), count));
    for (size_t i = 0; i < count; ++i) tiles.push_back(static_cast<uint32_t>(begin + i));
  }
  if (tiles.empty()) return tiles;  // bounds of a damaged file are no numbers
  bounds.resize(tiles.size());
  const float least = math::LeastOfLargest(bounds, std::min(wanted, tiles.size()));
  LargeVector<uint32_t> best(tiles.size());
  best.resize(std::min(math::IndicesAtLeast(bounds, least, best.data()), 2 * wanted));
  for (size_t i = 0; i < best.size(); ++i) tiles[i] = tiles[best[i]];
  tiles.resize(best.size());
  return tiles;
}

void Scan::Flush() {
  scorer_.Flush();
  needed_ = std::max(query_.Needed(scorer_.threshold()), kLeastNeeded);
}

size_t Scan::BlocksLeft(std::span<uint32_t> blocks) const {
  return math::IndicesAtLeast(block_bounds_, RoundUp(needed_), blocks.data());
}

std::vector<uint64_t> Scan::KeysOfBlocksLeft() const {
  LargeVector<uint32_t> blocks(block_bounds_.size());
  blocks.resize(BlocksLeft(blocks));
  std::vector<uint64_t> keys(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    keys[i] = uint64_t{OrderedBits(BlockBound(blocks[i]))} << 32 | blocks[i];
  }
  std::vector<uint64_t> scratch(keys.size());
  SortDescending(keys, scratch);
  return keys;
}

void Scan::FindTiles(size_t block, BlockTiles& found) {
  Flush();
  const size_t begin = block * kBlockTiles;
  const size_t count = std::min(kBlockTiles, data_.tile_count() - begin);
  found.count = query_.TilesInReach(begin, count, needed_, found.tiles, found.bars);
  if (scanned_[block] == 0) return;
  size_t left = 0;
  for (size_t i = 0; i < found.count; ++i) {
    found.tiles[left] = found.tiles[i];
    found.bars[left] = found.bars[i];
    left += static_cast<size_t>((scanned_[block] >> (found.tiles[i] - begin) & 1) == 0);
  }
  found.count = left;
}

void Scan::PickOf(const BlockTiles& found) {
  PickOf(data_.Tiles(), query_.codes(), std::span(found.tiles, found.count), found.bars);
}

void Scan::ScanAdmitted(const TileSet& admitted) {
  if (query_.rules_nothing_out()) {
    for (size_t i = 0; i < admitted.tile_count(); ++i) scorer_.PickRows(admitted, i, ~uint64_t{0});
    return Flush();
  }
  std::vector<uint32_t> tiles(admitted.tile_count());
  std::iota(tiles.begin(), tiles.end(), 0);
  if (!sketch_codes_.has_value()) {
    sketch_codes_ = query_.SketchCodes();
    ScanFirstTiles(admitted, query_, *sketch_codes_, tiles, kSketchRanks * wanted_.LikelyRank(),
                   scorer_);
    return Flush();
  }
  for (size_t begin = 0; begin < tiles.size(); begin += kBlockTiles) {
    const size_t count = std::min(kBlockTiles, tiles.size() - begin);
    int32_t bars[kBlockTiles];
    std::fill_n(bars, count, sketch_codes_->Bar(data_.sketch_code, needed_));
    PickOf(admitted, *sketch_codes_, std::span(tiles).subspan(begin, count), bars);
    Flush();
  }
}

// Of at most kBlockTiles tiles, those rows whose sums reach the bars.
void Scan::PickOf(const TileSet& set, const QueryCodes& codes, std::span<const uint32_t> tiles,
                  std::span<const int32_t> bars) {
  uint64_t rows[kBlockTiles];
  math::RowsAtLeast(codes.codes(), set.bytes, tiles, bars.data(), rows);
  for (size_t i = 0; i < tiles.size(); ++i) {
    if (rows[i] != 0) scorer_.PickRows(set, tiles[i], rows[i]);
  }
}

void Scan::ScoreAll(std::span<const int32_t> admitted) {
  for (const int32_t item : admitted) scorer_.PickItem(item);
  Flush();
}

}  // namespace tandem::index
