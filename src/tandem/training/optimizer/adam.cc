#include "tandem/training/optimizer/adam.h"

#include <algorithm>
#include <cmath>

namespace tandem::optimizer {

void Adam::Update(const float* gradient, size_t n, float decay, float* first, float* second,
                  float* value) const {
  const float b1 = options_.beta1;
  const float b2 = options_.beta2;
  for (size_t i = 0; i < n; ++i) {
    const float g = gradient == nullptr ? 0.0F : gradient[i];
    first[i] = b1 * first[i] + (1 - b1) * g;
    second[i] = b2 * second[i] + (1 - b2) * g * g;
    const float direction = first[i] * first_correction_ /
                            (std::sqrt(second[i] * second_correction_) + options_.epsilon);
    value[i] -= options_.learning_rate * (direction + decay * value[i]);
  }
}

void Adam::Step(std::span<nn::Parameter* const> parameters) {
  ++step_;
  const double t = static_cast<double>(step_);
  first_correction_ =
      static_cast<float>(1 / (1 - std::pow(static_cast<double>(options_.beta1), t)));
  second_correction_ =
      static_cast<float>(1 / (1 - std::pow(static_cast<double>(options_.beta2), t)));
  for (size_t i = moments_.size(); i < parameters.size(); ++i) {
    const nn::Parameter& parameter = *parameters[i];
    moments_.push_back({nn::Tensor(parameter.rows(), parameter.cols()),
                        nn::Tensor(parameter.rows(), parameter.cols())});
  }
  for (size_t p = 0; p < parameters.size(); ++p) {
    nn::Parameter& parameter = *parameters[p];
    const float decay = options_.weight_decay * parameter.weight_decay_scale();
    float* first = moments_[p].first.data();
    float* second = moments_[p].second.data();
    float* value = parameter.value().data();
    const size_t d = parameter.cols();
    const bool dense = parameter.kind() == nn::ParameterKind::kDense;
    const float* dense_gradient =
        dense && parameter.has_gradient() ? parameter.dense_gradient().data() : nullptr;
    const nn::SparseRows* sparse_gradient =
        !dense && parameter.has_gradient() ? &parameter.sparse_gradient() : nullptr;
    const std::span<const int32_t> rows =
        sparse_gradient == nullptr ? std::span<const int32_t>() : sparse_gradient->SortedRows();
    const ShardPlan plan = PlanShards(parameter.rows(), std::max<size_t>(1, 8192 / (d + 1)), 16);
    workers_->Run(plan.count, [&](size_t shard) {
      const size_t begin = plan.Begin(shard);
      const size_t end = plan.End(shard);
      if (rows.empty()) {
        const float* gradient = dense_gradient == nullptr ? nullptr : dense_gradient + begin * d;
        Update(gradient, (end - begin) * d, decay, first + begin * d, second + begin * d,
               value + begin * d);
        return;
      }
      auto next = std::lower_bound(rows.begin(), rows.end(), static_cast<int32_t>(begin));
      for (size_t row = begin; row < end; ++row) {
        const bool touched = next != rows.end() && static_cast<size_t>(*next) == row;
        const float* gradient = touched ? sparse_gradient->RowValues(*next).data() : nullptr;
        if (touched) ++next;
        Update(gradient, d, decay, first + row * d, second + row * d, value + row * d);
      }
    });
    parameter.ClearGradient();
  }
}

}  // namespace tandem::optimizer
