#include "tandem/training/solver/bias.h"

#include <gtest/gtest.h>

namespace tandem::solver {
namespace {

data::Interactions TwoByTwo() {
  data::Interactions rows;
  rows.users = feature::Vocabulary::Build({"a", "b"}).value();
  rows.items = feature::Vocabulary::Build({"x", "y"}).value();
  rows.user = {0, 0, 1};
  rows.item = {0, 1, 0};
  rows.rating = {5, 3, 4};
  rows.time = {0, 0, 0};
  return rows;
}

TEST(SolveBias, OneSweepIsTwoRegularisedMeans) {
  // mean = (5 + 3 + 4) / 3 = 4. With regularisation 1 and all user biases 0:
  // item x has 1 and 0 left: (1 + 0) / (1 + 2) = 1/3; item y has -1 left: -1 / (1 + 1) = -1/2.
  // user a then has 1 - 1/3 and -1 + 1/2 left: (2/3 - 1/2) / (1 + 2) = 1/18;
  // user b has 0 - 1/3 left: (-1/3) / (1 + 1) = -1/6.
  const BiasModel model = SolveBias(TwoByTwo(), {.regularisation = 1, .sweeps = 1}).value();
  EXPECT_DOUBLE_EQ(model.mean, 4);
  EXPECT_DOUBLE_EQ(model.item_bias[0], 1.0 / 3);
  EXPECT_DOUBLE_EQ(model.item_bias[1], -1.0 / 2);
  EXPECT_NEAR(model.user_bias[0], 1.0 / 18, 1e-12);
  EXPECT_NEAR(model.user_bias[1], -1.0 / 6, 1e-12);
}

TEST(SolveBias, UnknownRowsGetTheMeanAndTheOtherSidesBias) {
  const BiasModel model = SolveBias(TwoByTwo(), {.regularisation = 1, .sweeps = 1}).value();
  EXPECT_DOUBLE_EQ(model.Predict(-1, -1), 4);
  EXPECT_DOUBLE_EQ(model.Predict(-1, 0), 4 + 1.0 / 3);
  EXPECT_DOUBLE_EQ(model.Predict(0, -1), 4 + model.user_bias[0]);
}

TEST(SolveBias, RefusesNoInteractions) {
  EXPECT_EQ(SolveBias({}).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem::solver
