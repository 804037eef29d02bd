#include "tandem/nn/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tandem::nn {

namespace {

std::vector<float> GradientOf(const Parameter& parameter) {
  std::vector<float> result(parameter.value().size(), 0.0F);
  if (!parameter.has_gradient()) return result;
  if (parameter.kind() == ParameterKind::kDense) {
    const std::span<const float> values = parameter.dense_gradient().values();
    result.assign(values.begin(), values.end());
    return result;
  }
  const SparseRows& rows = parameter.sparse_gradient();
  for (const int32_t row : rows.SortedRows()) {
    const std::span<const float> values = rows.RowValues(row);
    std::copy(values.begin(), values.end(),
              result.begin() +
                  static_cast<std::ptrdiff_t>(row) * static_cast<std::ptrdiff_t>(parameter.cols()));
  }
  return result;
}

}  // namespace

double MaxGradientError(std::span<Parameter* const> parameters,
                        const std::function<Var(Tape&)>& build, float h) {
  Workers workers(1);
  const Rng rng(17);
  std::vector<float> weights;
  for (Parameter* parameter : parameters) parameter->ClearGradient();
  {
    Tape tape(workers, rng);
    const Var out = build(tape);
    Rng draw = rng.Fork("weights");
    for (size_t i = 0; i < out.values().size(); ++i) weights.push_back(draw.UniformFloat(0.5F, 1));
    tape.Backward(out, weights);
  }
  // The same random streams in every evaluation: each is the first step of its tape.
  const auto evaluate = [&] {
    Tape tape(workers, rng, Recording::kOff, Mode::kTraining);
    const Var out = build(tape);
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      sum += static_cast<double>(weights[i]) * static_cast<double>(out.values()[i]);
    }
    return sum;
  };
  double worst = 0;
  for (Parameter* parameter : parameters) {
    const std::vector<float> gradient = GradientOf(*parameter);
    for (size_t i = 0; i < gradient.size(); ++i) {
      float& x = parameter->value().values()[i];
      const float before = x;
      const auto at = [&](float offset) {
        x = before + offset;
        return evaluate();
      };
      const double near = at(h) - at(-h);
      const double far = at(2 * h) - at(-2 * h);
      x = before;
      const double numeric = (8 * near - far) / (12 * static_cast<double>(h));
      const double taped = static_cast<double>(gradient[i]);
      const double size = std::max({1.0, std::abs(numeric), std::abs(taped)});
      worst = std::max(worst, std::abs(numeric - taped) / size);
    }
  }
  for (Parameter* parameter : parameters) parameter->ClearGradient();
  return worst;
}

}  // namespace tandem::nn
