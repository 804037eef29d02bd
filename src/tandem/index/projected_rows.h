// Rows of a block, centred and turned to the axes of an index (scan_data.h): a column an axis, so
// that what is done with each row is done with many at once. For one thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tandem/index/inner_space.h"
#include "tandem/index/scan_data.h"

namespace tandem::index {

class ProjectedRows {
 public:
  // mean [inner]; axes [h, inner] outlive this, empty: the coordinates.
  ProjectedRows(const InnerSpace& space, std::span<const float> mean, std::span<const float> axes,
                size_t h);

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
  const InnerSpace space_;
  const std::span<const float> mean_;
  const std::span<const float> axes_;
  const size_t h_;
  std::vector<float> rows_;      // [kBlockRows, inner] x', then x' - m
  std::vector<float> columns_;   // [h, kStride]
  std::vector<double> squares_;  // [count]
};

}  // namespace tandem::index
