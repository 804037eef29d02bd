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

// How the coordinates y of a tile became bytes: y is near scale * (code - kCodeOffset).
struct TileCode {
  float scale;
  float error;  // of any row, largest |y - what its bytes say|
  float norm;   // of any row, largest |what its bytes say|
};
// What the sums of tiles must reach, from what bounds must: bars_i is the largest integer that is
// not above (needed - by_norm norm_i - by_error error_i) / (scale scale_i) + offset, but for
// rounding in double, and within 2^30 of zero. scale is positive.
struct SumBar {
  double needed;
  double by_norm;
  double by_error;
  double scale;
  double offset;
};
void SumBars(const SumBar& bar, std::span<const TileCode> codes, int32_t* bars);

// out_i = a x_i + b y_i + c z_i, all of one length: upper bounds of the scores in boxes.
void WeightedSum(float a, const float* x, float b, const float* y, float c, const float* z,
                 std::span<float> out);

// Numbers of the rows of a tile: number j of row r at columns[j * stride + r].
// The largest |x| of h numbers.
float LargestMagnitude(const float* columns, size_t stride, size_t h);

// Bytes of h numbers of each row: x / step to the nearest integer + kCodeOffset, for |x| at most
// 127 step and step at least 2^-120. With rests [kTileRows], 0 to 254 steps, a byte more: no less
// than rest / step. Bytes that are left are 0. tile [g, kTileRows, 4], 4 g at least h, or h + 1.
// What that loses, in steps, of the row of which it is most: the squared norm of x / step - code,
// each number of it within 2^-16, and that of the codes.
inline constexpr int kCodeOffset = 128;
struct Quantised {
  float squared_error;
  float squared_norm;
};
Quantised QuantiseTile(const float* columns, size_t stride, size_t h, const float* rests,
                       float step, std::span<uint8_t> tile);

}  // namespace tandem::math
