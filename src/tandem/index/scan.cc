#include "tandem/index/scan.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "tandem/index/first_tiles.h"
#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

constexpr float kScanned = -std::numeric_limits<float>::infinity();

// The blocks that a scan begins with hold so many times the items that it likely needs, and are so
// many.
constexpr size_t kFirstRowsOfEach = 16;
constexpr size_t kLeastFirstBlocks = 2;
constexpr size_t kMostFirstBlocks = 8;

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
  if (!query_.rules_nothing_out()) query_.BoundBoxes(data_.block_boxes, 0, block_bounds_);
}

void Scan::Run() {
  if (query_.rules_nothing_out()) {
    for (size_t tile = 0; tile < data_.tile_count(); ++tile) PickRows(tile, ~uint64_t{0});
    return Flush();
  }
  ScanFirstBlocks();
  // What is left, with the k best of those blocks known: a heap from the largest bound on.
  std::vector<std::pair<float, uint32_t>> order;
  order.reserve(block_bounds_.size());
  for (size_t block = 0; block < block_bounds_.size(); ++block) {
    if (MayReach(block)) order.emplace_back(block_bounds_[block], static_cast<uint32_t>(block));
  }
  std::make_heap(order.begin(), order.end());
  // The tiles of a block are on their way while those of the one before are added up.
  BlockTiles blocks[2];
  BlockTiles* now = &blocks[0];
  BlockTiles* next = &blocks[1];
  while (!order.empty() && MayReach(order.front().second)) {
    FindTiles(order.front().second, *next);
    Prefetch(data_, *next);
    PickOf(*now);
    std::swap(now, next);
    std::pop_heap(order.begin(), order.end());
    order.pop_back();
  }
  PickOf(*now);
  Flush();
}

void Scan::ScanFirstBlocks() {
  if (data_.n == 0) return;
  const size_t of_k = kFirstRowsOfEach * scorer_.LikelyRank() / kBlockRows;
  const size_t count =
      std::min(std::clamp(of_k, kLeastFirstBlocks, kMostFirstBlocks), block_bounds_.size());
  const float least = math::LeastOfLargest(block_bounds_, count);
  std::vector<uint32_t> tiles;
  tiles.reserve(count * kBlockTiles);
  for (size_t block = 0; block < block_bounds_.size(); ++block) {
    if (block_bounds_[block] < least || tiles.size() == count * kBlockTiles) continue;
    block_bounds_[block] = kScanned;
    const size_t begin = block * kBlockTiles;
    const size_t end = std::min(begin + kBlockTiles, data_.tile_count());
    for (size_t tile = begin; tile < end; ++tile) tiles.push_back(static_cast<uint32_t>(tile));
  }
  ScanFirstTiles(data_.Tiles(), query_, query_.codes(), tiles, scorer_.LikelyRank(), scorer_);
}

size_t Scan::BlocksLeft(std::span<uint32_t> blocks) const {
  const double needed = Needed();
  size_t count = 0;
  for (size_t block = 0; block < block_bounds_.size(); ++block) {
    blocks[count] = static_cast<uint32_t>(block);
    count += static_cast<size_t>(static_cast<double>(block_bounds_[block]) >= needed);
  }
  return count;
}

void Scan::FindTiles(size_t block, BlockTiles& found) {
  Flush();
  const size_t begin = block * kBlockTiles;
  const size_t count = std::min(kBlockTiles, data_.tile_count() - begin);
  const double needed = Needed();
  float bounds[kBlockTiles];
  int32_t bars[kBlockTiles];
  query_.BoundBoxes(data_.tile_boxes, begin, std::span(bounds, count));
  query_.codes().Bars(data_.codes.subspan(begin, count), needed, bars);
  found.count = 0;
  for (size_t i = 0; i < count; ++i) {
    found.tiles[found.count] = static_cast<uint32_t>(begin + i);
    found.bars[found.count] = bars[i];
    found.count += static_cast<size_t>(static_cast<double>(bounds[i]) >= needed);
  }
}

void Scan::PickOf(const BlockTiles& found) {
  PickOf(data_.Tiles(), query_.codes(), std::span(found.tiles, found.count), found.bars);
}

void Scan::ScanAdmitted(const TileSet& admitted) {
  if (query_.rules_nothing_out()) {
    for (size_t i = 0; i < admitted.tile_count(); ++i) scorer_.PickRows(admitted, i, ~uint64_t{0});
    return scorer_.Flush();
  }
  std::vector<uint32_t> tiles(admitted.tile_count());
  std::iota(tiles.begin(), tiles.end(), 0);
  if (!sketch_codes_.has_value()) {
    sketch_codes_ = query_.SketchCodes();
    return ScanFirstTiles(admitted, query_, *sketch_codes_, tiles,
                          kSketchRanks * wanted_.LikelyRank(), scorer_);
  }
  for (size_t begin = 0; begin < tiles.size(); begin += kBlockTiles) {
    const size_t count = std::min(kBlockTiles, tiles.size() - begin);
    int32_t bars[kBlockTiles];
    std::fill_n(bars, count, sketch_codes_->Bar(data_.sketch_code, Needed()));
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

void Scan::ScoreAdmitted() {
  wanted_.filter->ForEach([this](int32_t item) { scorer_.PickItem(item); });
  scorer_.Flush();
}

}  // namespace tandem::index
