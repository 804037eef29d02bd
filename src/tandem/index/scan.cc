#include "tandem/index/scan.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "tandem/index/first_tiles.h"

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

}  // namespace

Scan::Scan(const ScanData& data, std::span<const float> query, const Wanted& wanted)
    : data_(data),
      wanted_(wanted),
      query_(data, query),
      scorer_(data, query, wanted),
      block_bounds_(data.block_count(), std::numeric_limits<float>::infinity()) {
  if (!query_.rules_nothing_out()) query_.BoundBoxes(data_.block_boxes, 0, block_bounds_);
}

void Scan::Run(size_t most_blocks) {
  const size_t first = ScanFirstBlocks(most_blocks);
  // What is left, with the k best of those blocks known: a heap from the largest bound on.
  std::vector<std::pair<float, uint32_t>> order;
  order.reserve(block_bounds_.size());
  for (size_t block = 0; block < block_bounds_.size(); ++block) {
    if (block_bounds_[block] == kScanned) continue;
    if (static_cast<double>(block_bounds_[block]) < Needed()) continue;
    order.emplace_back(block_bounds_[block], static_cast<uint32_t>(block));
  }
  std::make_heap(order.begin(), order.end());
  for (size_t scanned = first; scanned < most_blocks && !order.empty(); ++scanned) {
    if (static_cast<double>(order.front().first) < Needed()) break;
    Visit(order.front().second);
    std::pop_heap(order.begin(), order.end());
    order.pop_back();
  }
}

// The most promising blocks, together; how many they are.
size_t Scan::ScanFirstBlocks(size_t most_blocks) {
  if (query_.rules_nothing_out() || data_.n == 0) return 0;
  const size_t of_k = kFirstRowsOfEach * scorer_.LikelyRank() / kBlockRows;
  const size_t count = std::min(
      {std::clamp(of_k, kLeastFirstBlocks, kMostFirstBlocks), most_blocks, block_bounds_.size()});
  std::vector<uint32_t> tiles;
  tiles.reserve(count * kBlockTiles);
  for (size_t i = 0; i < count; ++i) {
    const auto best = std::max_element(block_bounds_.begin(), block_bounds_.end());
    *best = kScanned;
    const size_t begin = static_cast<size_t>(best - block_bounds_.begin()) * kBlockTiles;
    const size_t end = std::min(begin + kBlockTiles, data_.tile_count());
    for (size_t tile = begin; tile < end; ++tile) tiles.push_back(static_cast<uint32_t>(tile));
  }
  ScanFirstTiles(data_.Tiles(), query_, query_.codes(), tiles, scorer_.LikelyRank(), scorer_);
  return count;
}

void Scan::Visit(size_t block) {
  if (block_bounds_[block] == kScanned) return;
  if (static_cast<double>(block_bounds_[block]) < Needed()) return;
  block_bounds_[block] = kScanned;
  ScanBlock(block);
}

void Scan::ScanBlock(size_t block) {
  const size_t begin = block * kBlockTiles;
  const size_t count = std::min(kBlockTiles, data_.tile_count() - begin);
  if (query_.rules_nothing_out()) {
    for (size_t i = 0; i < count; ++i) scorer_.PickRows(data_.Tiles(), begin + i, ~uint64_t{0});
    return scorer_.Flush();
  }
  float bounds[kBlockTiles];
  query_.BoundBoxes(data_.tile_boxes, begin, std::span(bounds, count));
  const double needed = Needed();
  uint32_t tiles[kBlockTiles];
  size_t left = 0;
  for (size_t i = 0; i < count; ++i) {
    if (static_cast<double>(bounds[i]) < needed) continue;
    tiles[left++] = static_cast<uint32_t>(begin + i);
  }
  PickOf(data_.Tiles(), query_.codes(), std::span(tiles, left));
}

void Scan::PickOf(const TileSet& set, const QueryCodes& codes, std::span<const uint32_t> tiles) {
  const double needed = Needed();
  int32_t bars[kBlockTiles];
  uint64_t rows[kBlockTiles];
  for (size_t i = 0; i < tiles.size(); ++i) bars[i] = codes.Bar(set.Code(tiles[i]), needed);
  math::RowsAtLeast(codes.codes(), set.bytes, tiles, bars, rows);
  for (size_t i = 0; i < tiles.size(); ++i) scorer_.PickRows(set, tiles[i], rows[i]);
  scorer_.Flush();
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
    PickOf(admitted, *sketch_codes_, std::span(tiles).subspan(begin, count));
  }
}

void Scan::ScoreAdmitted() {
  wanted_.filter->ForEach([this](int32_t item) { scorer_.PickItem(item); });
  scorer_.Flush();
}

}  // namespace tandem::index
