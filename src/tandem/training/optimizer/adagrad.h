// Adagrad as Keras has it (Duchi, Hazan and Singer, 2011), per element:
//   accumulator += g^2; w -= learning_rate * g / sqrt(accumulator + epsilon)
// An element whose gradient is zero does not change, so that a table needs only the rows of the
// step. Rows that were in the batch twice come summed (nn::SparseRows), before the square.
#pragma once

#include <span>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/nn/tensor.h"
#include "tandem/training/optimizer/optimizer.h"

namespace tandem::optimizer {

struct AdagradOptions {
  float learning_rate = 0.1F;
  float initial_accumulator = 0.1F;
  float epsilon = 1e-7F;
};

class Adagrad final : public Optimizer {
 public:
  // workers must outlive this.
  Adagrad(const AdagradOptions& options, Workers& workers)
      : options_(options), workers_(&workers) {}

  void Step(std::span<nn::Parameter* const> parameters) override;
  void SetLearningRate(float learning_rate) override { options_.learning_rate = learning_rate; }

 private:
  void Update(std::span<const float> gradient, float* accumulator, float* value) const;

  AdagradOptions options_;
  Workers* workers_;
  std::vector<nn::Tensor> accumulators_;  // one for each parameter
};

}  // namespace tandem::optimizer
