// Weighted sums of squares, the l2 part of a loss.
#pragma once

#include <span>

#include "tandem/nn/ops.h"

namespace tandem::task {

// sum over rows of weights_i |x_i|^2: x [n, d], weights [n] -> [1, 1].
nn::Var WeightedSquares(nn::Var x, std::span<const float> weights);

}  // namespace tandem::task
