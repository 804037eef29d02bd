// How rows become the bytes of tiles (math/tiles.h), and what bounds their products with a query:
// boxes around tiles, and what sums of bytes must reach. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tandem/math/tiles.h"

namespace tandem::math {

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

// a x_i + b y_i + c z_i, upper bounds of the scores in boxes.
struct BoxBounds {
  float a;
  const float* x;
  float b;
  const float* y;
  float c;
  const float* z;
};
void BoundBoxes(const BoxBounds& bounds, std::span<float> out);
// Of as many tiles as there are codes, those whose bound is at least `least`: `first` more than
// their place, ascending, to which, and what their sums must reach (SumBars) to bars; how many.
// which and bars [codes].
size_t BoxesInReach(const BoxBounds& bounds, float least, const SumBar& bar,
                    std::span<const TileCode> codes, uint32_t first, uint32_t* which,
                    int32_t* bars);

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
