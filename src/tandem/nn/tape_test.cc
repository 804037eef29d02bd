#include "tandem/nn/tape.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tandem/nn/layers.h"
#include "tandem/nn/softmax.h"

namespace tandem::nn {
namespace {

using ::testing::ElementsAre;

Parameter MakeDense(std::initializer_list<float> values, size_t rows, size_t cols) {
  Tensor tensor(rows, cols);
  std::copy(values.begin(), values.end(), tensor.data());
  return Parameter("p", ParameterKind::kDense, std::move(tensor));
}

TEST(Tape, SumsTheGradientOfAValueThatIsUsedTwice) {
  // f = sum(x * x + 3 x) at x = (2, -1): df/dx = 2x + 3 = (7, 1).
  Workers workers(1);
  Tape tape(workers, Rng(1));
  Parameter p = MakeDense({2, -1}, 1, 2);
  const Var x = Variable(tape, p);
  const Var loss = Sum(Add(Multiply(x, x), Scale(x, 3)));
  EXPECT_FLOAT_EQ(loss.scalar(), 8);  // 4 + 6 + 1 - 3
  tape.Backward(loss);
  EXPECT_THAT(p.dense_gradient().values(), ElementsAre(7, 1));
}

TEST(Tape, AddsToTheGradientOverSeveralSteps) {
  Workers workers(1);
  Tape tape(workers, Rng(1));
  Parameter p = MakeDense({1}, 1, 1);
  for (int i = 0; i < 3; ++i) {
    tape.Reset();
    tape.Backward(Scale(Variable(tape, p), 2));
  }
  EXPECT_THAT(p.dense_gradient().values(), ElementsAre(6));
}

TEST(Tape, LeavesGradientsAloneWhereItDoesNotRecord) {
  Workers workers(1);
  Tape tape(workers);
  const EmbeddingTable table("t", 5, 3, Initializer::Uniform(), Rng(2));
  const int32_t ids[] = {4, 4};
  const Var out = table.Lookup(tape, ids);
  EXPECT_FALSE(tape.NeedsGradient(out));
  EXPECT_FALSE(table.table.has_gradient());
  EXPECT_EQ(out.values()[0], table.table.value().row(4)[0]);
}

TEST(Tape, BackwardOfWhatDependsOnNoParameterDoesNothing) {
  Workers workers(1);
  Tape tape(workers, Rng(1));
  const float values[] = {1, 2};
  tape.Backward(Sum(Constant(tape, values, 1, 2)));
}

// One step of a small model with every kind of memory use.
Var Step(Tape& tape, const EmbeddingTable& users, const EmbeddingTable& items, const Mlp& mlp) {
  const int32_t ids[] = {1, 2, 3, 1};
  const int32_t columns[] = {0, 1, 2, 3};
  const float targets[] = {1, 0, 1, 0};
  const Var q = users.Lookup(tape, ids);
  const Var c = items.Lookup(tape, ids);
  const Var rating = mlp.Forward(Dropout(Concat(q, c), 0.5F, 1));
  return Add(SquaredError(rating, targets), SoftmaxCrossEntropy(q, c, {}, {columns, columns, {}}));
}

TEST(Tape, AllocatesNothingFromTheSecondStepOn) {
  Workers workers(2);
  const Rng rng(4);
  Tape tape(workers, rng);
  const EmbeddingTable users("u", 5, 8, Initializer::Uniform(), rng);
  const EmbeddingTable items("i", 5, 8, Initializer::Uniform(), rng);
  const int64_t units[] = {512, 256, 1};
  Mlp mlp("mlp", 16, units, rng);
  tape.Backward(Step(tape, users, items, mlp));
  tape.Reset();
  const size_t capacity = tape.capacity();
  for (int i = 0; i < 5; ++i) {
    tape.Backward(Step(tape, users, items, mlp));
    tape.Reset();
    EXPECT_EQ(tape.capacity(), capacity);
  }
}

TEST(Tape, StreamsDifferByStepPurposeAndIndexAndRepeatBySeed) {
  Workers workers(1);
  Tape tape(workers, Rng(9));
  Tape twin(workers, Rng(9));
  const uint64_t first = tape.Stream("dropout", 0).Next();
  EXPECT_EQ(twin.Stream("dropout", 0).Next(), first);
  EXPECT_NE(tape.Stream("dropout", 1).Next(), first);
  EXPECT_NE(tape.Stream("negatives", 0).Next(), first);
  tape.Reset();
  EXPECT_NE(tape.Stream("dropout", 0).Next(), first);
}

TEST(TapeDeathTest, NamesTheOpOfAShapeThatDoesNotFit) {
  Workers workers(1);
  Tape tape(workers);
  const float values[] = {1, 2};
  const Var a = Constant(tape, values, 1, 2);
  const Var b = Constant(tape, values, 2, 1);
  EXPECT_DEATH(Add(a, b), "Add");
  EXPECT_DEATH(MatMul(a, a), "MatMul");
}

}  // namespace
}  // namespace tandem::nn
