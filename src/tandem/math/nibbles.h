// Inner products of rows of 4-bit codes with a query of signed bytes, in 16-bit sums that cannot
// overflow: the scan of an approximate index. Compiled for every instruction set of the machine's
// family and chosen at run time (Highway); every one gives the same integers. Thread-safe.
//
// Codes are 0..15. A row of w codes, w a multiple of four, takes w / 2 bytes in tiles of
// kNibbleRows rows: byte [g, r, b] of a tile, a row-major [w / 4, kNibbleRows, 2], holds code
// 4 g + b of row r in its lower half and code 4 g + 2 + b in its upper one. (Two bytes of a row
// side by side are one 16-bit lane after vpmaddubsw, so that no sum crosses lanes.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tandem::math {

inline constexpr size_t kNibbleRows = 32;
// The sum of |query_j| that keeps every sum within 16 bits: 15 * 2184 < 2^15.
inline constexpr int32_t kNibbleQuerySum = 2184;

// Puts the codes [w] of row r < kNibbleRows into a tile [16 w]; the others stay.
void SetNibbles(std::span<const uint8_t> codes, size_t r, std::span<uint8_t> tile);

// query [w] with |query_j| <= 127 and their sum at most kNibbleQuerySum; tiles [count, 16 w], at
// an even address. Writes the rows (tile * kNibbleRows + r, ascending) whose sum is at least
// `threshold`, and these sums, and returns their number; places and sums have room for
// count * kNibbleRows.
size_t NibbleSumsAtLeast(std::span<const int8_t> query, std::span<const uint8_t> tiles,
                         int32_t threshold, std::span<int32_t> places, std::span<int16_t> sums);

}  // namespace tandem::math
