#include "tandem/training/metric/regression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace tandem::metric {
namespace {

TEST(RegressionTest, MeansOverRows) {
  const std::vector<float> predictions = {1, 3, 5};
  const std::vector<float> labels = {2, 3, 1};
  // Differences -1, 0, 4: squares 1 + 0 + 16 = 17, absolutes 1 + 0 + 4 = 5.
  EXPECT_DOUBLE_EQ(Rmse(predictions, labels).value(), std::sqrt(17.0 / 3));
  EXPECT_DOUBLE_EQ(Mae(predictions, labels).value(), 5.0 / 3);
}

TEST(RegressionTest, RefusesWhatHasNoMean) {
  const std::vector<float> one = {1};
  const std::vector<float> two = {1, 2};
  const std::vector<float> nan = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(Rmse(one, two).status().message(), "1 predictions for 2 labels");
  EXPECT_EQ(Mae({}, {}).status().message(), "no rows to take a mean of");
  EXPECT_EQ(Rmse(nan, two).status().message(),
            "row 1: prediction nan, label 2, expected finite numbers");
}

}  // namespace
}  // namespace tandem::metric
