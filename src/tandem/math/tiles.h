// Scans of rows that are stored as bytes in tiles: the inner products of a query with all rows of a
// tile, or which of them are at least so much.
//
// A tile is kTileRows rows of 4 g coordinates as bytes [g, kTileRows, 4]: the four coordinates of
// a group side by side, as the byte products of AVX2 and of VNNI take them. Coordinates are
// unsigned, those of a query signed and within kMostQueryCode of zero, so that the sum of two
// products fits into 16 bits (2 * 255 * 64 = 32,640). Sums are exact integers and so the same on
// every instruction set. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tandem::math {

inline constexpr size_t kTileRows = 64;
inline constexpr size_t kTileGroup = 4;
inline constexpr int kMostQueryCode = 64;

// Of some tiles of many: bit r of rows_i is set where query . row r of tile which_i is at least
// thresholds_i. query [4 g], g >= 1, tiles [any, g, kTileRows, 4].
void RowsAtLeast(std::span<const int8_t> query, const uint8_t* tiles,
                 std::span<const uint32_t> which, const int32_t* thresholds, uint64_t* rows);
// Of one tile, for some queries of many: bit r of rows_i is set where query which_i . row r is at
// least thresholds_i. queries [any, 4 g], tile [g, kTileRows, 4].
void RowsAtLeastForEach(const int8_t* queries, std::span<const uint32_t> which,
                        std::span<const uint8_t> tile, const int32_t* thresholds, uint64_t* rows);

// Row which_i, of rows [any, 4 groups], becomes row i of tiles [which / kTileRows, groups,
// kTileRows, 4]; rows behind the last are anything.
void GatherTiles(const uint8_t* rows, size_t groups, std::span<const int32_t> which,
                 uint8_t* tiles);

// sums_i_r = query . row r of tile which_i, sums [which, kTileRows].
void RowSums(std::span<const int8_t> query, const uint8_t* tiles, std::span<const uint32_t> which,
             int32_t* sums);
// Bit r of rows_i is set where least_i <= sums_i_r < end_i.
void SumsBetween(const int32_t* sums, std::span<const int32_t> least, const int32_t* end,
                 uint64_t* rows);
// A line a sum + b for the sums of a tile.
struct SumLine {
  float a;
  float b;
};
// largest_c_r = the largest a_i sums_i_r + b_i of i = c, c + C, c + 2 C, ...; largest [C,
// kTileRows], C at most the number of lines.
void LargestOfLines(std::span<const SumLine> lines, const int32_t* sums, std::span<float> largest);

}  // namespace tandem::math
