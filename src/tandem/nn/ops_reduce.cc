#include "tandem/nn/ops.h"
#include "tandem/nn/ranges.h"

namespace tandem::nn {

namespace {

Var SumTimes(Var x, float factor) {
  Tape& tape = x.tape();
  const Var out = tape.NewVar(1, 1, tape.NeedsGradient(x));
  double sum = 0;
  for (const float v : x.values()) sum += static_cast<double>(v);
  tape.MutableValue(out).data[0] = static_cast<float>(sum * static_cast<double>(factor));
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, x, factor](Tape& t) {
    const float gradient = t.Gradient(out).data[0] * factor;
    float* dx = t.Gradient(x).data;
    for (size_t i = 0; i < x.values().size(); ++i) dx[i] += gradient;
  });
  return out;
}

}  // namespace

Var Sum(Var x) { return SumTimes(x, 1.0F); }

Var Mean(Var x) {
  TANDEM_NN_CHECK(!x.values().empty(), "Mean");
  return SumTimes(x, 1.0F / static_cast<float>(x.values().size()));
}

Var SquaredError(Var prediction, std::span<const float> targets, std::span<const float> weights,
                 Reduction reduction) {
  const std::span<const float> p = prediction.values();
  TANDEM_NN_CHECK(prediction.cols() == 1 && p.size() == targets.size(), "SquaredError");
  TANDEM_NN_CHECK(weights.empty() || weights.size() == p.size(), "SquaredError");
  TANDEM_NN_CHECK(!p.empty(), "SquaredError");
  Tape& tape = prediction.tape();
  const Var out = tape.NewVar(1, 1, tape.NeedsGradient(prediction));
  const double divisor = reduction == Reduction::kMean ? static_cast<double>(p.size()) : 1.0;
  const std::span<float> slopes = tape.Scratch(p.size());
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double weight = weights.empty() ? 1.0 : static_cast<double>(weights[i]);
    const double error = static_cast<double>(p[i]) - static_cast<double>(targets[i]);
    sum += weight * error * error;
    slopes[i] = static_cast<float>(2 * weight * error / divisor);
  }
  tape.MutableValue(out).data[0] = static_cast<float>(sum / divisor);
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, prediction, slopes](Tape& t) {
    const float gradient = t.Gradient(out).data[0];
    float* dp = t.Gradient(prediction).data;
    for (size_t i = 0; i < slopes.size(); ++i) dp[i] += gradient * slopes[i];
  });
  return out;
}

}  // namespace tandem::nn
