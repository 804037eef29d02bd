#include "tandem/training/task/penalty.h"

#include <gtest/gtest.h>

namespace tandem::task {
namespace {

TEST(WeightedSquares, WeighsTheSquaredLengthOfEachRow) {
  // Rows (3, 4) and (1, 2) with weights 2 and 10: 2 * 25 + 10 * 5 = 100; the gradient of the
  // first row is 2 * 2 * (3, 4) = (12, 16).
  Workers workers(1);
  nn::Parameter table =
      nn::MakeParameter("t", nn::ParameterKind::kDense, 2, 2, nn::Initializer::Zeros(), Rng(1));
  const float values[] = {3, 4, 1, 2};
  std::copy(std::begin(values), std::end(values), table.value().data());
  nn::Tape tape(workers, Rng(1));
  const float weights[] = {2, 10};
  const nn::Var loss = WeightedSquares(nn::Variable(tape, table), weights);
  EXPECT_FLOAT_EQ(loss.scalar(), 100);
  tape.Backward(loss);
  EXPECT_FLOAT_EQ(table.dense_gradient().row(0)[0], 12);
  EXPECT_FLOAT_EQ(table.dense_gradient().row(0)[1], 16);
  EXPECT_FLOAT_EQ(table.dense_gradient().row(1)[1], 40);
}

}  // namespace
}  // namespace tandem::task
