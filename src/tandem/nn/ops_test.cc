#include "tandem/nn/ops.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tandem/nn/gradient_check.h"
#include "tandem/nn/layers.h"

namespace tandem::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::Pointwise;

constexpr double kTolerance = 1e-3;

// Values with |x| in [0.3, 1], away from the kink of ReLU.
Parameter RandomParameter(const char* name, ParameterKind kind, size_t rows, size_t cols) {
  Parameter p = MakeParameter(name, kind, rows, cols, Initializer::Uniform(0.7F), Rng(11));
  for (float& x : p.value().values()) x += x > 0 ? 0.3F : -0.3F;
  return p;
}

class OpsTest : public ::testing::Test {
 protected:
  Var Make(std::initializer_list<float> values, size_t rows, size_t cols) {
    return Constant(tape_, std::vector<float>(values), rows, cols);
  }

  Workers workers_{2};
  Tape tape_{workers_, Rng(1)};
  Parameter a_ = RandomParameter("a", ParameterKind::kDense, 4, 3);
  Parameter b_ = RandomParameter("b", ParameterKind::kDense, 4, 3);
  Parameter w_ = RandomParameter("w", ParameterKind::kDense, 3, 5);
  Parameter bias_ = RandomParameter("bias", ParameterKind::kDense, 1, 5);
  Parameter table_ = RandomParameter("table", ParameterKind::kTable, 6, 3);

  double Check(std::vector<Parameter*> parameters, const std::function<Var(Tape&)>& build) {
    return MaxGradientError(parameters, build);
  }
};

TEST_F(OpsTest, ElementwiseValues) {
  const Var x = Make({1, -2, 3, 0}, 2, 2);
  const Var y = Make({4, 5, -6, 7}, 2, 2);
  EXPECT_THAT(Add(x, y).values(), ElementsAre(5, 3, -3, 7));
  EXPECT_THAT(Subtract(x, y).values(), ElementsAre(-3, -7, 9, -7));
  EXPECT_THAT(Multiply(x, y).values(), ElementsAre(4, -10, -18, 0));
  EXPECT_THAT(Scale(x, -2).values(), ElementsAre(-2, 4, -6, 0));
  EXPECT_THAT(Relu(x).values(), ElementsAre(1, 0, 3, 0));
  EXPECT_THAT(RowDot(x, y).values(), ElementsAre(-6, -18));  // 4 - 10, -18 + 0
  EXPECT_THAT(Concat(x, y).values(), ElementsAre(1, -2, 4, 5, 3, 0, -6, 7));
  EXPECT_FLOAT_EQ(Sum(x).scalar(), 2);
  EXPECT_FLOAT_EQ(Mean(x).scalar(), 0.5F);
  const int32_t rows[] = {1, 1, 0};
  EXPECT_THAT(Gather(x, rows).values(), ElementsAre(3, 0, 3, 0, 1, -2));
}

TEST_F(OpsTest, DenseValues) {
  const Var x = Make({1, 2, 3, 4}, 2, 2);
  const Var w = Make({1, 0, -1, 2, 1, -3}, 2, 3);
  const Var bias = Make({10, 20, 30}, 1, 3);
  // [1 2; 3 4] x [1 0 -1; 2 1 -3] = [5 2 -7; 11 4 -15]
  EXPECT_THAT(MatMul(x, w).values(), ElementsAre(5, 2, -7, 11, 4, -15));
  EXPECT_THAT(AddBias(MatMul(x, w), bias).values(), ElementsAre(15, 22, 23, 21, 24, 15));
  Parameter weight("w", ParameterKind::kDense, Tensor(2, 3));
  std::copy(w.values().begin(), w.values().end(), weight.value().data());
  Parameter shift("b", ParameterKind::kDense, Tensor(1, 3));
  shift.value().values()[1] = -3;
  EXPECT_THAT(Dense(x, weight, shift, Activation::kRelu).values(), ElementsAre(5, 0, 0, 11, 1, 0));
}

TEST_F(OpsTest, BagCombines) {
  Parameter table("t", ParameterKind::kTable, Tensor(3, 2));
  const float values[] = {100, 100, 1, 2, 3, 6};
  std::copy(std::begin(values), std::end(values), table.value().data());
  const int64_t offsets[] = {0, 2, 2, 3};  // {1, 2}, {}, {2}
  const int32_t ids[] = {1, 2, 2};
  const float weights[] = {3, 1, 2};
  EXPECT_THAT(Bag(tape_, table, offsets, ids).values(), ElementsAre(2, 4, 0, 0, 3, 6));
  EXPECT_THAT(Bag(tape_, table, offsets, ids, {}, Combiner::kSum).values(),
              ElementsAre(4, 8, 0, 0, 3, 6));
  // (3 (1, 2) + (3, 6)) / (3 + 1) = (1.5, 3)
  EXPECT_THAT(Bag(tape_, table, offsets, ids, weights).values(), ElementsAre(1.5F, 3, 0, 0, 3, 6));
  // (6, 12) / sqrt(9 + 1), (6, 12) / 2
  const float root = std::sqrt(10.0F);
  EXPECT_THAT(Bag(tape_, table, offsets, ids, weights, Combiner::kSqrtN).values(),
              ElementsAre(FloatEq(6 / root), FloatEq(12 / root), 0, 0, 3, 6));
}

TEST_F(OpsTest, SquaredErrorValues) {
  const Var p = Make({1, 2, 3, 4}, 4, 1);
  const float targets[] = {1, 4, 2, 0};
  const float weights[] = {5, 1, 2, 0};
  EXPECT_FLOAT_EQ(SquaredError(p, targets).scalar(), 5.25F);          // (0 + 4 + 1 + 16) / 4
  EXPECT_FLOAT_EQ(SquaredError(p, targets, weights).scalar(), 1.5F);  // (4 + 2) / 4
  EXPECT_FLOAT_EQ(SquaredError(p, targets, weights, Reduction::kSum).scalar(), 6);
}

TEST_F(OpsTest, DropoutKeepsTheExpectationAndActsInTrainingOnly) {
  const std::vector<float> ones(20000, 1.0F);
  const Var x = Constant(tape_, ones, 200, 100);
  const Var y = Dropout(x, 0.75F, 3);
  size_t zeros = 0;
  for (const float v : y.values()) {
    if (v == 0) {
      ++zeros;
    } else {
      EXPECT_FLOAT_EQ(v, 4);  // 1 / (1 - 0.75)
    }
  }
  // Standard deviation sqrt(20000 * .75 * .25) = 61.
  EXPECT_NEAR(static_cast<double>(zeros), 15000, 250);
  Tape inference(workers_, Rng(1), Recording::kOn, Mode::kInference);
  EXPECT_THAT(Dropout(Constant(inference, ones, 1, 20000), 0.75F, 3).values(),
              Pointwise(FloatEq(), ones));
}

TEST_F(OpsTest, GradientsOfElementwiseOps) {
  const auto a = [&](Tape& t) { return Variable(t, a_); };
  const auto b = [&](Tape& t) { return Variable(t, b_); };
  EXPECT_LT(Check({&a_, &b_}, [&](Tape& t) { return Add(a(t), b(t)); }), kTolerance);
  EXPECT_LT(Check({&a_, &b_}, [&](Tape& t) { return Subtract(a(t), b(t)); }), kTolerance);
  EXPECT_LT(Check({&a_, &b_}, [&](Tape& t) { return Multiply(a(t), b(t)); }), kTolerance);
  EXPECT_LT(Check({&a_}, [&](Tape& t) { return Multiply(a(t), a(t)); }), kTolerance);
  EXPECT_LT(Check({&a_, &b_}, [&](Tape& t) { return RowDot(a(t), b(t)); }), kTolerance);
  EXPECT_LT(Check({&a_, &b_}, [&](Tape& t) { return Concat(a(t), b(t)); }), kTolerance);
  EXPECT_LT(Check({&a_}, [&](Tape& t) { return Scale(a(t), -1.5F); }), kTolerance);
  EXPECT_LT(Check({&a_}, [&](Tape& t) { return Relu(a(t)); }), kTolerance);
  EXPECT_LT(Check({&a_}, [&](Tape& t) { return Dropout(a(t), 0.4F, 0); }), kTolerance);
}

TEST_F(OpsTest, GradientsOfDenseOps) {
  const auto a = [&](Tape& t) { return Variable(t, a_); };
  EXPECT_LT(Check({&a_, &w_}, [&](Tape& t) { return MatMul(a(t), Variable(t, w_)); }), kTolerance);
  EXPECT_LT(
      Check({&a_, &w_, &bias_},
            [&](Tape& t) { return AddBias(MatMul(a(t), Variable(t, w_)), Variable(t, bias_)); }),
      kTolerance);
  EXPECT_LT(Check({&a_, &w_, &bias_}, [&](Tape& t) { return Dense(a(t), w_, bias_); }), kTolerance);
  // A small difference keeps every unit on its side of the kink.
  std::vector<Parameter*> all = {&a_, &w_, &bias_};
  const auto relu = [&](Tape& t) { return Dense(a(t), w_, bias_, Activation::kRelu); };
  EXPECT_LT(MaxGradientError(all, relu, 0.002F), 5e-3);
}

TEST_F(OpsTest, GradientsOfTables) {
  const int32_t ids[] = {2, 0, 2, 5, 2};
  EXPECT_LT(Check({&table_}, [&](Tape& t) { return Lookup(t, table_, ids); }), kTolerance);
  EXPECT_LT(Check({&table_}, [&](Tape& t) { return Variable(t, table_); }), kTolerance);
  EXPECT_LT(Check({&a_},
                  [&](Tape& t) {
                    const int32_t rows[] = {3, 0, 3};
                    return Gather(Variable(t, a_), rows);
                  }),
            kTolerance);
  const int64_t offsets[] = {0, 3, 3, 5};
  const float weights[] = {1, 0.5F, 2, 3, 0.25F};
  for (const Combiner combiner : {Combiner::kSum, Combiner::kMean, Combiner::kSqrtN}) {
    EXPECT_LT(Check({&table_}, [&](Tape& t) { return Bag(t, table_, offsets, ids, {}, combiner); }),
              kTolerance);
    EXPECT_LT(
        Check({&table_}, [&](Tape& t) { return Bag(t, table_, offsets, ids, weights, combiner); }),
        kTolerance);
  }
}

TEST_F(OpsTest, GradientsOfReductions) {
  const float targets[] = {1, 2, -1, 0.5F};
  const float weights[] = {1, 0, 2, 3};
  const auto dot = [&](Tape& t) { return RowDot(Variable(t, a_), Variable(t, b_)); };
  EXPECT_LT(Check({&a_}, [&](Tape& t) { return Sum(Variable(t, a_)); }), kTolerance);
  EXPECT_LT(Check({&a_}, [&](Tape& t) { return Mean(Variable(t, a_)); }), kTolerance);
  for (const Reduction reduction : {Reduction::kMean, Reduction::kSum}) {
    EXPECT_LT(Check({&a_, &b_},
                    [&](Tape& t) { return SquaredError(dot(t), targets, weights, reduction); }),
              kTolerance);
  }
}

TEST_F(OpsTest, AMultilayerPerceptronHasTheSameBitsAtOneAndTwoThreads) {
  const auto run = [](size_t threads) {
    Workers workers(threads);
    const Rng rng(5);
    Tape tape(workers, rng);
    const int64_t units[] = {64, 32, 1};
    Mlp mlp("mlp", 16, units, rng);
    const EmbeddingTable table("t", 1500, 16, Initializer::Normal(1), rng);
    std::vector<int32_t> ids(1500);
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7 % 1500);
    const std::vector<float> targets(ids.size(), 0.5F);
    const Var loss = SquaredError(mlp.Forward(table.Lookup(tape, ids)), targets);
    tape.Backward(loss);
    std::vector<float> bits = {loss.scalar()};
    for (const Parameter* p : mlp.Parameters()) {
      const std::span<const float> g = p->dense_gradient().values();
      bits.insert(bits.end(), g.begin(), g.end());
    }
    for (const int32_t row : table.table.sparse_gradient().SortedRows()) {
      const std::span<const float> g = table.table.sparse_gradient().RowValues(row);
      bits.insert(bits.end(), g.begin(), g.end());
    }
    return bits;
  };
  EXPECT_EQ(run(1), run(2));
}

}  // namespace
}  // namespace tandem::nn
