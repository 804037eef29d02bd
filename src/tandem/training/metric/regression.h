// Errors of predicted ratings. Sums are in double, in the order of the rows. Pure functions.
//
// kInvalidArgument: lengths that differ, no rows, a prediction or label that is not finite
// (named by its place).
#pragma once

#include <span>

#include "tandem/base/status.h"

namespace tandem::metric {

// sqrt(mean (prediction - label)^2); both [m].
Result<double> Rmse(std::span<const float> predictions, std::span<const float> labels);

// mean |prediction - label|; both [m].
Result<double> Mae(std::span<const float> predictions, std::span<const float> labels);

}  // namespace tandem::metric
