// The few directions in which most of the spread of a set of vectors lies.
//
// Orthogonal iteration on the covariance of an even sample of the rows (Golub and Van Loan, Matrix
// Computations, 8.2.4), in double, from a fixed start: the same rows give the same axes. The axes
// are orthonormal to rounding whatever the iteration has reached, so that bounds made with them
// hold; that they are principal only makes the bounds tight.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tandem::index {

struct PrincipalAxes {
  std::vector<double> mean;  // [d] of the sample
  std::vector<double> axes;  // [h, d], orthonormal rows, the one with the most spread first
  // [h]: the share of the spread that lies outside of axis i and those before it, 0 to 1.
  std::vector<double> tail_share;
};

// h axes of rows [n, d], 1 <= h <= d, n >= 1.
PrincipalAxes FindPrincipalAxes(std::span<const float> rows, size_t n, size_t d, size_t h);

}  // namespace tandem::index
