#include "tandem/training/optimizer/optimizer.h"

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tandem/base/rng.h"
#include "tandem/training/optimizer/adagrad.h"
#include "tandem/training/optimizer/adam.h"

namespace tandem::optimizer {
namespace {

using nn::Parameter;
using nn::ParameterKind;

Parameter Scalar(float value) {
  Parameter p("p", ParameterKind::kDense, nn::Tensor(1, 1));
  p.value().values()[0] = value;
  return p;
}

// One step with the given gradient; the new value.
float StepScalar(Optimizer& optimizer, Parameter& p, float gradient) {
  p.dense_gradient().values()[0] = gradient;
  p.TouchGradient();
  Parameter* parameters[] = {&p};
  optimizer.Step(parameters);
  return p.value().values()[0];
}

TEST(Adagrad, FollowsTheFormulaOfKeras) {
  Workers workers(1);
  Adagrad adagrad({0.5F, 0.1F, 1e-7F}, workers);
  Parameter p = Scalar(1);
  // acc = .1 + 4; w = 1 - .5 * 2 / sqrt(4.1 + 1e-7) = 0.5061352
  EXPECT_NEAR(StepScalar(adagrad, p, 2), 1 - 1 / std::sqrt(4.1), 1e-6);
  // acc = 4.1 + 1; w += .5 * 1 / sqrt(5.1)
  EXPECT_NEAR(StepScalar(adagrad, p, -1), 1 - 1 / std::sqrt(4.1) + 0.5 / std::sqrt(5.1), 1e-6);
}

TEST(Adam, FollowsTheFormulaWithDecoupledDecay) {
  Workers workers(1);
  AdamOptions options;
  options.learning_rate = 0.1F;
  options.beta1 = 0.9F;
  options.beta2 = 0.99F;
  options.epsilon = 0;
  options.weight_decay = 0.5F;
  Adam adam(options, workers);
  Parameter p = Scalar(1);
  // Step 1: m / (1 - .9) = g, v / (1 - .99) = g^2: direction sign(g) = 1.
  // w = 1 - .1 (1 + .5 * 1) = .85
  EXPECT_NEAR(StepScalar(adam, p, 4), 0.85, 1e-6);
  // Step 2, g = 0: m = .9 * .4 = .36, over 1 - .81 = .19; v = .99 * .16 = .1584, over
  // 1 - .9801 = .0199; w = .85 - .1 (1.894737 / sqrt(7.959799) + .5 * .85)
  const double direction = (0.36 / 0.19) / std::sqrt(0.1584 / 0.0199);
  EXPECT_NEAR(StepScalar(adam, p, 0), 0.85 - 0.1 * (direction + 0.425), 1e-5);
}

TEST(Adam, DecayScaleLeavesAParameterOut) {
  Workers workers(1);
  AdamOptions options;
  options.learning_rate = 0.1F;
  options.weight_decay = 1;
  Adam adam(options, workers);
  Parameter p = Scalar(2);
  p.set_weight_decay_scale(0);
  EXPECT_EQ(StepScalar(adam, p, 0), 2);
}

TEST(Adam, DecaysAParameterThatTookNoPart) {
  Workers workers(1);
  AdamOptions options;
  options.learning_rate = 0.1F;
  options.weight_decay = 1;
  Adam adam(options, workers);
  Parameter p = Scalar(2);
  Parameter* parameters[] = {&p};
  adam.Step(parameters);
  EXPECT_FLOAT_EQ(p.value().values()[0], 1.8F);  // 2 - .1 * 1 * 2
}

// Each optimizer, made anew.
using Make = std::function<std::unique_ptr<Optimizer>(Workers&)>;

std::vector<Make> AllOptimizers() {
  return {[](Workers& workers) { return std::make_unique<Adagrad>(AdagradOptions{}, workers); },
          [](Workers& workers) {
            AdamOptions options;
            options.learning_rate = 0.01F;
            options.weight_decay = 0.1F;
            return std::make_unique<Adam>(options, workers);
          }};
}

constexpr size_t kRows = 1200;
constexpr size_t kCols = 17;

Parameter MakeTable(ParameterKind kind) {
  return nn::MakeParameter("t", kind, kRows, kCols, nn::Initializer::Uniform(1), Rng(6));
}

// Five steps that touch some rows, some of them twice.
void FiveSteps(const Make& make, size_t threads, Parameter& p) {
  Workers workers(threads);
  const std::unique_ptr<Optimizer> optimizer = make(workers);
  for (uint64_t step = 0; step < 5; ++step) {
    Rng rng = Rng(7).Fork("step", step);
    for (int i = 0; i < 900; ++i) {
      const auto row = static_cast<int32_t>(rng.UniformInt(kRows));
      const std::span<float> gradient = p.kind() == ParameterKind::kDense
                                            ? p.dense_gradient().row(static_cast<size_t>(row))
                                            : p.sparse_gradient().Row(row);
      for (float& g : gradient) g += rng.Normal();
    }
    p.TouchGradient();
    Parameter* parameters[] = {&p};
    optimizer->Step(parameters);
  }
}

TEST(Optimizer, SparseEqualsDense) {
  for (const Make& make : AllOptimizers()) {
    Parameter sparse = MakeTable(ParameterKind::kTable);
    Parameter dense = MakeTable(ParameterKind::kDense);
    FiveSteps(make, 1, sparse);
    FiveSteps(make, 1, dense);
    EXPECT_THAT(sparse.value().values(), ::testing::ElementsAreArray(dense.value().values()));
  }
}

TEST(Optimizer, HasTheSameBitsAtOneAndTwoThreads) {
  for (const Make& make : AllOptimizers()) {
    Parameter one = MakeTable(ParameterKind::kTable);
    Parameter two = MakeTable(ParameterKind::kTable);
    FiveSteps(make, 1, one);
    FiveSteps(make, 2, two);
    EXPECT_THAT(one.value().values(), ::testing::ElementsAreArray(two.value().values()));
  }
}

TEST(Optimizer, ClearsTheGradient) {
  for (const Make& make : AllOptimizers()) {
    Parameter p = MakeTable(ParameterKind::kTable);
    FiveSteps(make, 1, p);
    EXPECT_FALSE(p.has_gradient());
    EXPECT_EQ(p.sparse_gradient().size(), 0U);
  }
}

TEST(Optimizer, LearningRateChangesFromTheNextStepOn) {
  for (const Make& make : AllOptimizers()) {
    Workers workers(1);
    const std::unique_ptr<Optimizer> optimizer = make(workers);
    Parameter p = Scalar(1);
    optimizer->SetLearningRate(0);
    EXPECT_EQ(StepScalar(*optimizer, p, 1), 1);
  }
}

}  // namespace
}  // namespace tandem::optimizer
