#include "tandem/training/task/penalty.h"

namespace tandem::task {

nn::Var WeightedSquares(nn::Var x, std::span<const float> weights) {
  const nn::Var row = nn::Constant(x.tape(), weights, 1, weights.size());
  return nn::MatMul(row, nn::RowDot(x, x));
}

}  // namespace tandem::task
