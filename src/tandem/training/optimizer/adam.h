// Adam (Kingma and Ba, 2015) with decoupled weight decay (AdamW: Loshchilov and Hutter, 2019),
// per element, t counting the steps from 1:
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   w -= learning_rate * (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + decay w)
// decay = weight_decay * parameter.weight_decay_scale(). Every element moves in every step, rows
// of a table that are not in the batch too (their g is 0): not the lazy variant.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/nn/tensor.h"
#include "tandem/training/optimizer/optimizer.h"

namespace tandem::optimizer {

struct AdamOptions {
  float learning_rate = 0.001F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float weight_decay = 0;
};

class Adam final : public Optimizer {
 public:
  // workers must outlive this.
  Adam(const AdamOptions& options, Workers& workers) : options_(options), workers_(&workers) {}

  void Step(std::span<nn::Parameter* const> parameters) override;
  void SetLearningRate(float learning_rate) override { options_.learning_rate = learning_rate; }

 private:
  struct Moments {
    nn::Tensor first;
    nn::Tensor second;
  };
  // One row or range; gradient null for zeros.
  void Update(const float* gradient, size_t n, float decay, float* first, float* second,
              float* value) const;

  AdamOptions options_;
  Workers* workers_;
  int64_t step_ = 0;
  float first_correction_ = 1;    // 1 / (1 - beta1^t)
  float second_correction_ = 1;   // 1 / (1 - beta2^t)
  std::vector<Moments> moments_;  // one for each parameter
};

}  // namespace tandem::optimizer
