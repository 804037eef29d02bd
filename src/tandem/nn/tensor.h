// A matrix of floats that owns its memory: [rows, cols], row-major, rows without a gap, the
// first element aligned to 64 bytes. Movable, copied only by Clone. Not thread-safe for writes.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "tandem/base/aligned_buffer.h"
#include "tandem/math/matrix.h"

namespace tandem::nn {

class Tensor {
 public:
  Tensor() = default;  // [0, 0]
  // All zero.
  Tensor(size_t rows, size_t cols) : rows_(rows), cols_(cols), data_(rows * cols) { SetZero(); }

  Tensor Clone() const {
    Tensor copy(rows_, cols_);
    if (size() > 0) std::memcpy(copy.data(), data(), size() * sizeof(float));
    return copy;
  }

  size_t rows() const { return rows_; }
  size_t cols() const { return cols_; }
  size_t size() const { return rows_ * cols_; }
  bool empty() const { return size() == 0; }

  float* data() { return data_.data(); }
  const float* data() const { return data_.data(); }
  std::span<float> values() { return {data(), size()}; }
  std::span<const float> values() const { return {data(), size()}; }
  std::span<float> row(size_t i) { return {data() + i * cols_, cols_}; }
  std::span<const float> row(size_t i) const { return {data() + i * cols_, cols_}; }
  math::MatrixView view() { return {data(), rows_, cols_, cols_}; }
  math::ConstMatrixView view() const { return {data(), rows_, cols_, cols_}; }

  void SetZero() {
    if (size() > 0) std::memset(data(), 0, size() * sizeof(float));
  }

 private:
  size_t rows_ = 0;
  size_t cols_ = 0;
  AlignedBuffer<float> data_;
};

}  // namespace tandem::nn
