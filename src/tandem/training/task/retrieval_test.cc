#include "tandem/training/task/retrieval.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tandem::task {
namespace {

TEST(LogQBias, IsTheNegativeLogOfTheClippedProbability) {
  const float probabilities[] = {0.25F, 1.0F, 0.0F, 2.0F};
  const std::vector<float> bias = LogQBias(probabilities);
  EXPECT_FLOAT_EQ(bias[0], std::log(4.0F));
  EXPECT_FLOAT_EQ(bias[1], 0.0F);
  EXPECT_FLOAT_EQ(bias[2], std::log(1e6F));
  EXPECT_FLOAT_EQ(bias[3], 0.0F);
}

}  // namespace
}  // namespace tandem::task
