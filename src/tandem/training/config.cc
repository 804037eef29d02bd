#include "tandem/training/config.h"

#include <cmath>

namespace tandem::training {
namespace {

Status CheckRange(std::string_view key, double value, double low, double high) {
  if (std::isfinite(value) && value >= low && value <= high) return {};
  return InvalidArgumentError(key, " is ", value, ", expected ", low, " to ", high);
}

}  // namespace

Status Validate(const TrainingConfig& config) {
  if (config.data.train.empty()) {
    return InvalidArgumentError("data.train is empty; it names the file of interactions");
  }
  if (config.data.split != "random" && config.data.split != "time") {
    return InvalidArgumentError("data.split is '", config.data.split,
                                "'; the choices are random, time");
  }
  constexpr double kLarge = 1e9;
  TANDEM_RETURN_IF_ERROR(CheckRange("data.test_fraction", config.data.test_fraction, 1e-6, 0.999));
  TANDEM_RETURN_IF_ERROR(CheckRange("retrieval.weight", config.retrieval.weight, 0, kLarge));
  TANDEM_RETURN_IF_ERROR(
      CheckRange("retrieval.temperature", config.retrieval.temperature, 1e-6, kLarge));
  TANDEM_RETURN_IF_ERROR(
      CheckRange("retrieval.history_dropout", config.retrieval.history_dropout, 0, 0.999));
  TANDEM_RETURN_IF_ERROR(CheckRange("rating.weight", config.rating.weight, 0, kLarge));
  TANDEM_RETURN_IF_ERROR(CheckRange("rating.l2", config.rating.l2, 0, kLarge));
  TANDEM_RETURN_IF_ERROR(CheckRange("rating.prior", config.rating.prior, 0, kLarge));
  TANDEM_RETURN_IF_ERROR(
      CheckRange("optimizer.learning_rate", config.optimizer.learning_rate, 1e-12, 1e6));
  TANDEM_RETURN_IF_ERROR(CheckRange("optimizer.beta1", config.optimizer.beta1, 0, 0.9999999));
  TANDEM_RETURN_IF_ERROR(CheckRange("optimizer.beta2", config.optimizer.beta2, 0, 0.9999999));
  TANDEM_RETURN_IF_ERROR(
      CheckRange("optimizer.weight_decay", config.optimizer.weight_decay, 0, kLarge));
  TANDEM_RETURN_IF_ERROR(CheckRange("optimizer.cooldown", config.optimizer.cooldown, 0, 1));
  TANDEM_RETURN_IF_ERROR(CheckRange("training.epochs", static_cast<double>(config.epochs), 1, 1e6));
  TANDEM_RETURN_IF_ERROR(
      CheckRange("training.batch_size", static_cast<double>(config.batch_size), 0, 1e8));
  return model::Validate(config.model);
}

}  // namespace tandem::training
