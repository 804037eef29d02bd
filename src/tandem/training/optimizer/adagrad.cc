#include "tandem/training/optimizer/adagrad.h"

#include <algorithm>
#include <cmath>

namespace tandem::optimizer {

void Adagrad::Update(std::span<const float> gradient, float* accumulator, float* value) const {
  for (size_t i = 0; i < gradient.size(); ++i) {
    const float g = gradient[i];
    accumulator[i] += g * g;
    value[i] -= options_.learning_rate * g / std::sqrt(accumulator[i] + options_.epsilon);
  }
}

void Adagrad::Step(std::span<nn::Parameter* const> parameters) {
  for (size_t i = accumulators_.size(); i < parameters.size(); ++i) {
    accumulators_.emplace_back(parameters[i]->rows(), parameters[i]->cols());
    const std::span<float> start = accumulators_.back().values();
    std::fill(start.begin(), start.end(), options_.initial_accumulator);
  }
  for (size_t p = 0; p < parameters.size(); ++p) {
    nn::Parameter& parameter = *parameters[p];
    if (!parameter.has_gradient()) continue;
    float* accumulator = accumulators_[p].data();
    float* value = parameter.value().data();
    if (parameter.kind() == nn::ParameterKind::kDense) {
      const std::span<const float> gradient = parameter.dense_gradient().values();
      const ShardPlan plan = PlanShards(gradient.size(), 8192, 16);
      workers_->Run(plan.count, [&](size_t shard) {
        const size_t begin = plan.Begin(shard);
        Update(gradient.subspan(begin, plan.End(shard) - begin), accumulator + begin,
               value + begin);
      });
    } else {
      const nn::SparseRows& gradient = parameter.sparse_gradient();
      const std::span<const int32_t> rows = gradient.SortedRows();
      const ShardPlan plan = PlanShards(rows.size(), 256, 16);
      workers_->Run(plan.count, [&](size_t shard) {
        for (size_t i = plan.Begin(shard); i < plan.End(shard); ++i) {
          const size_t at = static_cast<size_t>(rows[i]) * parameter.cols();
          Update(gradient.RowValues(rows[i]), accumulator + at, value + at);
        }
      });
    }
    parameter.ClearGradient();
  }
}

}  // namespace tandem::optimizer
