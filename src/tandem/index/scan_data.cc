#include "tandem/index/scan_data.h"

#include <algorithm>
#include <cmath>

#include "tandem/math/kernels.h"

namespace tandem::index {

void ScanData::CopyRow(size_t row, std::span<float> copy) const {
  const size_t begin = row * dimension;
  if (row_format == RowFormat::kInt8) {
    math::DecodeInt8(row_scales[row], row_codes.subspan(begin, dimension), copy);
  } else {
    std::copy_n(rows.data() + begin, dimension, copy.begin());
  }
}

double SquaredNorm(std::span<const float> x) {
  // Four sums, as one would wait for each addition.
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= x.size(); i += 4) {
    for (size_t j = 0; j < 4; ++j) {
      const auto value = static_cast<double>(x[i + j]);
      sums[j] += value * value;
    }
  }
  for (; i < x.size(); ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double RoundingOfSquares(size_t inner, size_t axes) {
  const auto d = static_cast<double>(inner + 2);
  return 2 * d * (1 + 2 * std::sqrt(static_cast<double>(axes))) * 0x1p-24;
}

}  // namespace tandem::index
