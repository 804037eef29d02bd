// Views of matrices of floats: row-major, not owning, row i begins at data + i * stride.
#pragma once

#include <cstddef>

namespace tandem::math {

struct MatrixView {
  float* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;
  size_t stride = 0;  // floats from one row to the next, at least cols
};

struct ConstMatrixView {
  const float* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;
  size_t stride = 0;

  ConstMatrixView() = default;
  ConstMatrixView(const float* d, size_t r, size_t c, size_t s)
      : data(d), rows(r), cols(c), stride(s) {}
  ConstMatrixView(const MatrixView& view)  // NOLINT(google-explicit-constructor)
      : data(view.data), rows(view.rows), cols(view.cols), stride(view.stride) {}
};

}  // namespace tandem::math
