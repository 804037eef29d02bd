// Vector kernels, compiled for every instruction set of the machine's family and chosen at run
// time (Highway). Results are the same in every call on one machine; between instruction sets
// sums round differently. Spans of a call have equal lengths; any length, any alignment.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tandem::math {

// sum of a_i b_i
float Dot(std::span<const float> a, std::span<const float> b);
// y += alpha x
void Axpy(float alpha, std::span<const float> x, std::span<float> y);
// The largest element; -infinity where there is none.
float Max(std::span<const float> x);
// x_i = exp(x_i - shift) in place, 0 where x_i - shift < -87; returns their sum. The relative
// error of an element is below 2e-7 for x_i - shift in [-87, 87].
float ExpSubtractSum(std::span<float> x, float shift);
// Rows as bfloat16 (the upper half of a float) in tiles of kTileRows, the coordinates of a tile
// side by side, so that a scan needs no sum across lanes and half of the bytes of float: a tile of
// w coordinates is uint32 [w, kTileRows / 2], and word [j, i] holds coordinate j of row i in its
// lower half and of row i + kTileRows / 2 in its upper half.
inline constexpr size_t kTileRows = 64;
// scores_r = query . row_r, products and sums in float: query [w], w >= 1, tiles [n / kTileRows] of
// w coordinates, scores [n], with n a multiple of kTileRows. A score depends on its row and the
// query alone, to the bit.
void ScoreTiles(std::span<const float> query, std::span<const uint32_t> tiles,
                std::span<float> scores);
// Writes the places i, ascending, with x_i >= threshold to `places` (room for all of x) and
// returns how many there are.
size_t PlacesAtLeast(std::span<const float> x, float threshold, std::span<int32_t> places);

// "AVX2", "AVX3", ...: what this machine runs.
std::string_view TargetName();

}  // namespace tandem::math
