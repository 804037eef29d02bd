// What makes the scores of a metric inner products: q' . x' of inner() numbers.
//
// Dot is one as it is, and cosine of vectors of length 1. For L2, with a point c amid the rows and
// a height s, half their typical distance from it,
//   x' = (x - c, -|x - c|^2 / (2 s)),  q' = (q - c, s):
//   q' . x' = (|q - c|^2 - |q - x|^2) / 2.
// c and s change no answer. They keep the numbers of x' alike, and what rounding does to them
// small, whatever the unit and the origin of the rows.
//
// A view: the centre must outlive it. Thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tandem/index/metric.h"

namespace tandem::index {

struct InnerSpace {
  Metric metric = Metric::kDot;
  std::span<const float> centre;  // c [dimension] of kL2, else empty
  float height = 1;               // s

  size_t Width(size_t dimension) const { return dimension + (metric == Metric::kL2 ? 1 : 0); }
  // x' and q', to `to` [Width].
  void CopyRow(std::span<const float> row, std::span<float> to) const;
  void CopyQuery(std::span<const float> query, std::span<float> to) const;

 private:
  void CopyCentred(std::span<const float> from, std::span<float> to) const;
};

// c and s of rows [n, d]: the mean and half the typical distance from it, of an even sample. Zeros
// and 1 where these are beyond kLargestNorm (scan_data.h).
struct CentreAndHeight {
  std::vector<float> centre;  // [d]
  float height = 1;
};
CentreAndHeight FindCentreAndHeight(std::span<const float> rows, size_t d);

}  // namespace tandem::index
