#include "tandem/nn/parameter.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tandem::nn {
namespace {

using ::testing::ElementsAre;

TEST(SparseRows, SumsDuplicatesAndListsRowsAscending) {
  SparseRows rows(10, 2);
  for (const int32_t row : {7, 2, 7, 0}) {
    rows.Row(row)[0] += 1;
    rows.Row(row)[1] += static_cast<float>(row);
  }
  EXPECT_EQ(rows.size(), 3U);
  EXPECT_THAT(rows.SortedRows(), ElementsAre(0, 2, 7));
  EXPECT_THAT(rows.RowValues(0), ElementsAre(1, 0));
  EXPECT_THAT(rows.RowValues(2), ElementsAre(1, 2));
  EXPECT_THAT(rows.RowValues(7), ElementsAre(2, 14));  // 1 + 1, 7 + 7
}

TEST(SparseRows, AddsToOldRowsAfterSorting) {
  SparseRows rows(10, 1);
  rows.Row(5)[0] = 5;
  rows.Row(3)[0] = 3;
  EXPECT_THAT(rows.SortedRows(), ElementsAre(3, 5));
  rows.Row(4)[0] = 4;
  rows.Row(5)[0] += 1;
  EXPECT_THAT(rows.SortedRows(), ElementsAre(3, 4, 5));
  EXPECT_THAT(rows.RowValues(5), ElementsAre(6));
  EXPECT_THAT(rows.RowValues(4), ElementsAre(4));
}

TEST(SparseRows, StartsFromZeroAfterClear) {
  SparseRows rows(4, 2);
  rows.Row(1)[0] = 9;
  rows.Clear();
  EXPECT_EQ(rows.size(), 0U);
  EXPECT_THAT(rows.Row(1), ElementsAre(0, 0));
  EXPECT_THAT(rows.SortedRows(), ElementsAre(1));
}

TEST(MakeParameter, DependsOnItsNameAndNotOnItsNeighbours) {
  const Rng rng(3);
  const auto make = [&](const char* name) {
    return MakeParameter(name, ParameterKind::kTable, 3, 4, Initializer::Uniform(), rng);
  };
  const Parameter a = make("a");
  const Parameter b = make("b");
  const Parameter again = make("a");
  EXPECT_THAT(std::vector<float>(again.value().values().begin(), again.value().values().end()),
              ::testing::ElementsAreArray(a.value().values()));
  EXPECT_NE(a.value().values()[0], b.value().values()[0]);
}

TEST(MakeParameter, StaysWithinItsDistribution) {
  const Rng rng(1);
  const auto make = [&](Initializer initializer) {
    return MakeParameter("w", ParameterKind::kDense, 100, 50, initializer, rng);
  };
  const Parameter zeros = make(Initializer::Zeros());
  for (const float x : zeros.value().values()) EXPECT_EQ(x, 0);
  const Parameter uniform = make(Initializer::Uniform());
  for (const float x : uniform.value().values()) {
    EXPECT_LE(std::abs(x), 0.05F);
  }
  float largest = 0;
  const Parameter glorot = make(Initializer::GlorotUniform());
  for (const float x : glorot.value().values()) largest = std::max(largest, std::abs(x));
  EXPECT_LE(largest, 0.2F);    // sqrt(6 / (100 + 50)) = 0.2
  EXPECT_GT(largest, 0.199F);  // of 5000 draws none above 0.199: probability e^-25
  double squares = 0;
  const Parameter normal = make(Initializer::Normal(0.05F));
  for (const float x : normal.value().values()) squares += static_cast<double>(x * x);
  EXPECT_NEAR(std::sqrt(squares / 5000), 0.05, 0.002);  // 4 standard errors
}

TEST(Parameter, ClearGradientForgetsWhatWasRecorded) {
  const Parameter dense("d", ParameterKind::kDense, Tensor(1, 2));
  dense.dense_gradient().values()[1] = 4;
  dense.TouchGradient();
  EXPECT_TRUE(dense.has_gradient());
  dense.ClearGradient();
  EXPECT_FALSE(dense.has_gradient());
  EXPECT_THAT(dense.dense_gradient().values(), ElementsAre(0, 0));
}

}  // namespace
}  // namespace tandem::nn
