// What an exact scan reads: items as bytes along a few axes, what bounds the scores of 64 and of
// 1,024 of them, and the rows themselves.
//
// Inside, every metric is an inner product q' . x' of inner() numbers (inner_space.h). With the
// mean m of the x', h orthonormal axes W and x' - m = W y + r,
//   q' . x' <= q' . m + (W' q') . y + |rest of q'| |r|                     (Cauchy, Schwarz)
// where the sum of h + 1 products is of bytes, with what the bytes lose added to the bound.
//
// Items stand in the order of a k-d tree over their parts along the first two axes and the norm of
// the rest, so that the 64 of a tile and the 1,024 of a block are alike, and most are passed over
// by one bound.
//
// For filters that admit few there is a sketch of each item by its id: the first axes as bytes and
// the norm of all the rest, by which the admitted are bounded one by one.
//
// Spans of memory that `owner` keeps: the index's own, or a mapped file. Immutable.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "tandem/index/inner_space.h"
#include "tandem/index/metric.h"
#include "tandem/math/tile_bounds.h"

namespace tandem::index {

inline constexpr size_t kBlockTiles = 16;
inline constexpr size_t kMostSketchGroups = 4;
inline constexpr size_t kBlockRows = kBlockTiles * math::kTileRows;

using math::TileCode;

// Bounds on the items of a tile or a block, an array for each side of the box: over its items, the
// least and the largest part along the first two axes, and the largest norm of the rest.
struct Boxes {
  static constexpr size_t kSides = 5;
  std::span<const float> sides;  // [kSides, count]: low 1, high 1, low 2, high 2, rest
  size_t count = 0;

  const float* Side(size_t side) const { return sides.data() + side * count; }
};

// How rows are kept for scoring.
enum class RowFormat {
  kFloat,
  kInt8,  // a byte a number and a scale a row: a quarter of the memory, scores of rounded rows
};

// Which of the rows that are kept as floats is that of an item.
enum class RowOrder {
  kPlaces,  // its place: rows stand as the tiles do
  kItems,   // the item: somebody else's rows, as they were given
};

// Tiles of rows that are items, in some order.
struct TileSet {
  const uint8_t* bytes = nullptr;   // (math/tiles.h)
  std::span<const TileCode> codes;  // of each tile, or one for all
  size_t rows = 0;
  std::span<const int32_t> items;  // of the rows; empty: they are the places of ScanData

  size_t tile_count() const { return (rows + math::kTileRows - 1) / math::kTileRows; }
  const TileCode& Code(size_t tile) const { return codes[codes.size() == 1 ? 0 : tile]; }
};

struct ScanData {
  InnerSpace space;  // q' and x'
  RowFormat row_format = RowFormat::kFloat;
  size_t n = 0;
  size_t dimension = 0;
  size_t axes_count = 0;                   // h
  size_t groups = 0;                       // of four codes: h, the norm of the rest, zeros
  double largest_norm = 0;                 // of x' and of x' - m
  std::span<const float> mean;             // [inner]
  std::span<const float> axes;             // [h, inner]; empty: the coordinates, and no rest
  std::span<const uint8_t> tiles;          // [tiles] (math/tiles.h)
  std::span<const TileCode> codes;         // [tiles]
  Boxes tile_boxes;                        // of each tile
  Boxes block_boxes;                       // of each block
  size_t sketch_groups = 0;                // of four bytes; 0: no sketches
  std::span<const uint8_t> sketches;       // [n, 4 sketch_groups] axes, then the norm of the rest
  TileCode sketch_code = {1, 0, 0};        // of all
  RowOrder row_order = RowOrder::kPlaces;  // of rows; that of row_codes is the tiles'
  // One of the two:
  std::span<const float> rows;        // [n, dimension]
  std::span<const int8_t> row_codes;  // [n, dimension]
  std::span<const float> row_scales;  // [n] of row_codes
  std::span<const int32_t> item_of;   // [n] the item of each place
  std::span<const int32_t> place_of;  // [n] and back
  std::shared_ptr<const void> owner;

  TileSet Tiles() const { return {.bytes = tiles.data(), .codes = codes, .rows = n}; }
  // Rows have numbers, as they are kept: that of the item at a place,
  size_t RowAt(size_t place) const {
    return row_order == RowOrder::kPlaces ? place : static_cast<size_t>(item_of[place]);
  }
  // and that of an item; of a damaged file perhaps n or more.
  size_t RowOf(int32_t item) const {
    const auto index = static_cast<size_t>(item);
    return row_order == RowOrder::kPlaces ? static_cast<size_t>(place_of[index]) : index;
  }
  // To `copy` [dimension].
  void CopyRow(size_t row, std::span<float> copy) const;
  // Has a row that is kept as floats on its way.
  void PrefetchRow(size_t row) const {
    constexpr size_t kLine = 64 / sizeof(float);
    const float* const numbers = rows.data() + row * dimension;
    for (size_t j = 0; j < dimension; j += kLine) __builtin_prefetch(numbers + j);
  }

  Metric metric() const { return space.metric; }
  size_t inner() const { return space.Width(dimension); }
  size_t tile_count() const { return (n + math::kTileRows - 1) / math::kTileRows; }
  size_t block_count() const { return (n + kBlockRows - 1) / kBlockRows; }
  size_t sketch_bytes() const { return sketch_groups * math::kTileGroup; }
  size_t sketch_axes() const { return sketch_bytes() - 1; }
  size_t tile_bytes() const { return groups * math::kTileRows * math::kTileGroup; }
  // Has the bytes of a tile on their way. The processor goes on by itself to the end of a page;
  // to ask for each line took a tenth longer, as few can be asked for at once.
  void PrefetchTile(size_t tile) const {
    constexpr size_t kPage = 4096;
    const uint8_t* const bytes = tiles.data() + tile * tile_bytes();
    for (size_t i = 0; i < tile_bytes(); i += kPage) __builtin_prefetch(bytes + i);
  }
};

// Beyond this, products of floats could overflow: every item is scored.
inline constexpr double kLargestNorm = 1e18;

// |x|^2, summed in double.
double SquaredNorm(std::span<const float> x);
// The nearest float that is not less; x is not NaN.
inline float RoundUp(double x) {
  const auto nearest = static_cast<float>(x);
  if (static_cast<double>(nearest) >= x) return nearest;
  if (nearest == 0) return std::numeric_limits<float>::denorm_min();
  // The next one, without a call.
  return std::bit_cast<float>(std::bit_cast<uint32_t>(nearest) + (nearest > 0 ? 1U : ~0U));
}

// What rounding can take from the square of a norm, in parts of it: sums of d products in float,
// and axes that are orthonormal in float only.
double RoundingOfSquares(size_t inner, size_t axes);

}  // namespace tandem::index
