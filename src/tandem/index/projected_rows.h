// Rows of a block, centred and turned to the axes of an index (scan_data.h): a column an axis, so
// that what is done with each row is done with many at once. For one thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tandem/index/metric.h"
#include "tandem/index/scan_data.h"

namespace tandem::index {

// x' of a row: the row, and for L2 what makes the distance an inner product.
void CopyInnerRow(Metric metric, std::span<const float> row, std::span<float> inner);

class ProjectedRows {
 public:
  // mean [inner]; axes [h, inner] outlive this, empty: the coordinates.
  ProjectedRows(Metric metric, std::span<const float> mean, std::span<const float> axes, size_t h);

  // Row i of at most kBlockRows.
  void Set(size_t i, std::span<const float> row);
  // After the rows 0 to count - 1 are set.
  void Project(size_t count);

  // The parts of the rows from `row` on along the first axis, those along the next kStride later;
  // zeros behind the last row of the last tile.
  static constexpr size_t kStride = kBlockRows;
  const float* Columns(size_t row) const { return columns_.data() + row; }
  // Of each row, |x' - m|^2.
  std::span<const double> squares() const { return squares_; }
  // Of each row, the norm of what the first axes leave, rounding allowed for: to `rests` [count].
  void Rests(size_t axes, std::span<float> rests) const;

 private:
  const Metric metric_;
  const std::span<const float> mean_;
  const std::span<const float> axes_;
  const size_t h_;
  std::vector<float> rows_;      // [kBlockRows, inner] x', then x' - m
  std::vector<float> columns_;   // [h, kStride]
  std::vector<double> squares_;  // [count]
};

}  // namespace tandem::index
