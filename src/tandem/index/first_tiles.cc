#include "tandem/index/first_tiles.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tandem/base/large_vector.h"
#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

constexpr size_t kTile = math::kTileRows;
constexpr int32_t kAll = std::numeric_limits<int32_t>::min();
// Of the rank, while too few items are admitted: by what would have been enough, and a bit more.
constexpr double kGrowth = 1.2;
constexpr size_t kMostGrowth = 4;

class FirstTiles {
 public:
  FirstTiles(const TileSet& set, const ScanQuery& query, const QueryCodes& codes,
             std::span<const uint32_t> tiles, Scorer& scorer)
      : set_(set),
        query_(query),
        codes_(codes),
        tiles_(tiles),
        scorer_(scorer),
        sums_(tiles.size() * kTile),
        ends_(tiles.size(), std::numeric_limits<int32_t>::max()),
        bars_(tiles.size()),
        rows_(tiles.size()) {
    tile_codes_.reserve(tiles.size());
    for (const uint32_t tile : tiles) tile_codes_.push_back(set.Code(tile));
    lines_.reserve(tiles.size());
  }

  void Scan(size_t likely_rank) {
    math::RowSums(codes_.codes(), set_.bytes, tiles_, sums_.data());
    CopyRowsBehindTheEnd();
    double found = 0;
    const std::vector<float> largest = LargestBounds(2 * kMostGrowth * likely_rank);
    for (size_t rank = likely_rank; rank <= largest.size() / 2 && found < 1;) {
      const float bound = math::LeastOfLargest(largest, rank);
      for (size_t i = 0; i < tiles_.size(); ++i) bars_[i] = SumAt(lines_[i], bound);
      Pick();
      found = scorer_.Tighten();
      const double growth = std::min(kGrowth / std::max(found, 0.01), double{kMostGrowth});
      rank = static_cast<size_t>(static_cast<double>(rank) * growth) + 1;
    }
    const double needed = query_.Needed(scorer_.threshold());
    if (found >= 1) {
      math::SumBars(codes_.SumBarFor(needed), tile_codes_, bars_.data());
    } else {
      std::fill(bars_.begin(), bars_.end(), kAll);
    }
    Pick();
    scorer_.Flush();
  }

 private:
  // They are no items: like one that is, and the scorer passes over them.
  void CopyRowsBehindTheEnd() {
    for (size_t i = 0; i < tiles_.size(); ++i) {
      const size_t rows = set_.rows - tiles_[i] * kTile;
      if (rows >= kTile) continue;
      int32_t* const sums = sums_.data() + i * kTile;
      std::fill(sums + rows, sums + kTile, sums[0]);
    }
  }

  // The largest bounds of at least so many groups of rows, if there are so many rows: of the
  // largest of all rows, most are in different groups.
  std::vector<float> LargestBounds(size_t groups) {
    for (const TileCode& code : tile_codes_) lines_.push_back(codes_.BoundOf(code));
    const size_t columns = std::min((groups + kTile - 1) / kTile, tiles_.size());
    std::vector<float> largest(columns * kTile);
    math::LargestOfLines(lines_, sums_.data(), largest);
    return largest;
  }

  // About where a bound is reached: what is picked first is no matter for the result.
  static int32_t SumAt(const math::SumLine& line, float bound) {
    constexpr float kMost = 1 << 30;
    const float sum = (bound - line.b) / line.a;
    return static_cast<int32_t>(std::clamp(std::isnan(sum) ? 0.0F : sum, -kMost, kMost));
  }

  // Picks the rows whose sums reach the bars, unless they were picked before.
  void Pick() {
    math::SumsBetween(sums_.data(), bars_, ends_.data(), rows_.data());
    for (size_t i = 0; i < tiles_.size(); ++i) {
      if (rows_[i] != 0) scorer_.PickRows(set_, tiles_[i], rows_[i]);
      ends_[i] = std::min(ends_[i], bars_[i]);
    }
  }

  const TileSet& set_;
  const ScanQuery& query_;
  const QueryCodes& codes_;
  const std::span<const uint32_t> tiles_;
  Scorer& scorer_;
  std::vector<TileCode> tile_codes_;
  LargeVector<int32_t> sums_;  // [tiles, kTile]
  std::vector<int32_t> ends_;  // [tiles] sums from here on were picked
  std::vector<int32_t> bars_;  // [tiles] sums from here on are picked next
  std::vector<uint64_t> rows_;
  std::vector<math::SumLine> lines_;
};

}  // namespace

void ScanFirstTiles(const TileSet& set, const ScanQuery& query, const QueryCodes& codes,
                    std::span<const uint32_t> tiles, size_t likely_rank, Scorer& scorer) {
  FirstTiles(set, query, codes, tiles, scorer).Scan(likely_rank);
}

}  // namespace tandem::index
