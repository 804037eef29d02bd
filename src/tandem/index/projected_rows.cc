#include "tandem/index/projected_rows.h"

#include <algorithm>
#include <cmath>

#include "tandem/math/matmul.h"

namespace tandem::index {

ProjectedRows::ProjectedRows(const InnerSpace& space, std::span<const float> mean,
                             std::span<const float> axes, size_t h)
    : space_(space),
      mean_(mean),
      axes_(axes),
      h_(h),
      rows_(kBlockRows * mean.size()),
      columns_(h * kStride) {}

void ProjectedRows::Set(size_t i, std::span<const float> row) {
  space_.CopyRow(row, std::span(rows_).subspan(i * mean_.size(), mean_.size()));
}

void ProjectedRows::Project(size_t count) {
  const size_t inner = mean_.size();
  squares_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    float* const row = rows_.data() + i * inner;
    for (size_t j = 0; j < inner; ++j) row[j] -= mean_[j];
    squares_[i] = SquaredNorm(std::span(row, inner));
  }
  if (axes_.empty()) {
    for (size_t j = 0; j < h_; ++j) {
      for (size_t i = 0; i < count; ++i) columns_[j * kStride + i] = rows_[i * inner + j];
    }
  } else {
    math::MatMul(math::Transpose::kNo, math::Transpose::kYes, 1, {axes_.data(), h_, inner, inner},
                 {rows_.data(), count, inner, inner}, 0, {columns_.data(), h_, count, kStride});
  }
  for (size_t j = 0; j < h_; ++j) {
    float* const column = columns_.data() + j * kStride;
    std::fill(column + count, column + kStride, 0.0F);
  }
}

void ProjectedRows::Rests(size_t axes, std::span<float> rests) const {
  const size_t count = squares_.size();
  std::vector<double> left(squares_);
  for (size_t j = 0; j < axes; ++j) {
    const float* const column = columns_.data() + j * kStride;
    for (size_t i = 0; i < count; ++i) {
      const auto x = static_cast<double>(column[i]);
      left[i] -= x * x;
    }
  }
  const double lost = RoundingOfSquares(mean_.size(), h_);
  for (size_t i = 0; i < count; ++i) {
    // As floats, the processor takes several roots at once. Three roundings are less than a part of
    // 2^-22 together, and what is lost of the least squares is less than 2^-148.
    const auto square = static_cast<float>(std::max(left[i], 0.0) + lost * squares_[i]);
    rests[i] = std::sqrt(square) * (1 + 0x1p-22F) + 0x1p-74F;
  }
}

}  // namespace tandem::index
