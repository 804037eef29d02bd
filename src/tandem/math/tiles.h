// Scans of rows that are stored as bytes in tiles: which rows of a tile have an inner product of
// at least so much?
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

// Bit r is set where query . row r >= threshold. query [4 g], g >= 1, tile
// [g, kTileRows, 4].
uint64_t TileRowsAtLeast(std::span<const int8_t> query, const uint8_t* tile, int32_t threshold);

// out_i = a x_i + b y_i + c z_i, all of one length: upper bounds of the scores in boxes.
void WeightedSum(float a, const float* x, float b, const float* y, float c, const float* z,
                 std::span<float> out);

// codes_j = x_j / step to the nearest integer + kCodeOffset, for |x_j| at most 127 step and step
// at least 2^-120, and what that loses, in steps: the squared norms of x / step - code, each number
// of it within 2^-16, and of the codes.
inline constexpr int kCodeOffset = 128;
struct Quantised {
  float squared_error;
  float squared_norm;
};
Quantised QuantiseRow(std::span<const float> x, float step, std::span<uint8_t> codes);

}  // namespace tandem::math
