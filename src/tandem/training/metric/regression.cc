#include "tandem/training/metric/regression.h"

#include <cmath>

namespace tandem::metric {
namespace {

Status Check(std::span<const float> predictions, std::span<const float> labels) {
  if (predictions.size() != labels.size()) {
    return InvalidArgumentError(predictions.size(), " predictions for ", labels.size(), " labels");
  }
  if (labels.empty()) return InvalidArgumentError("no rows to take a mean of");
  for (size_t i = 0; i < labels.size(); ++i) {
    if (!std::isfinite(predictions[i]) || !std::isfinite(labels[i])) {
      return InvalidArgumentError("row ", i, ": prediction ", predictions[i], ", label ", labels[i],
                                  ", expected finite numbers");
    }
  }
  return {};
}

double Difference(std::span<const float> predictions, std::span<const float> labels, size_t i) {
  return static_cast<double>(predictions[i]) - static_cast<double>(labels[i]);
}

}  // namespace

Result<double> Rmse(std::span<const float> predictions, std::span<const float> labels) {
  TANDEM_RETURN_IF_ERROR(Check(predictions, labels));
  double sum = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const double difference = Difference(predictions, labels, i);
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(labels.size()));
}

Result<double> Mae(std::span<const float> predictions, std::span<const float> labels) {
  TANDEM_RETURN_IF_ERROR(Check(predictions, labels));
  double sum = 0;
  for (size_t i = 0; i < labels.size(); ++i) sum += std::abs(Difference(predictions, labels, i));
  return sum / static_cast<double>(labels.size());
}

}  // namespace tandem::metric
