// From gradients to new values.
//
// Step reads and clears the gradient of every parameter it is given and changes its value. The
// state of a parameter (accumulators, moments) is kept by its place in the span: give the same
// parameters in the same order in every step. One step on a table with a sparse gradient gives
// the same values as on a dense one with zeros in the untouched rows. Bits do not depend on the
// number of workers. Not thread-safe.
#pragma once

#include <span>

#include "tandem/nn/parameter.h"

namespace tandem::optimizer {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual void Step(std::span<nn::Parameter* const> parameters) = 0;
  // From the next step on.
  virtual void SetLearningRate(float learning_rate) = 0;
};

}  // namespace tandem::optimizer
