#include "tandem/training/solver/bias.h"

#include <numeric>

namespace tandem::solver {
namespace {

double BiasOf(const std::vector<double>& biases, int32_t row) {
  return row < 0 ? 0 : biases[static_cast<size_t>(row)];
}

// One side's biases, given the other's.
void Solve(const data::Interactions& interactions, const std::vector<int32_t>& side,
           const std::vector<int32_t>& other, const std::vector<double>& other_bias, double mean,
           double regularisation, std::vector<double>& bias) {
  std::vector<double> sum(bias.size(), 0);
  std::vector<double> count(bias.size(), regularisation);
  for (size_t i = 0; i < side.size(); ++i) {
    if (side[i] < 0) continue;
    const auto row = static_cast<size_t>(side[i]);
    sum[row] += static_cast<double>(interactions.rating[i]) - mean - BiasOf(other_bias, other[i]);
    count[row] += 1;
  }
  for (size_t row = 0; row < bias.size(); ++row) {
    bias[row] = count[row] > 0 ? sum[row] / count[row] : 0;
  }
}

}  // namespace

double BiasModel::Predict(int32_t user, int32_t item) const {
  return mean + BiasOf(user_bias, user) + BiasOf(item_bias, item);
}

Result<BiasModel> SolveBias(const data::Interactions& interactions, const BiasOptions& options) {
  if (interactions.size() == 0) {
    return InvalidArgumentError("the bias model needs at least one interaction, got none");
  }
  BiasModel model;
  model.mean = std::accumulate(interactions.rating.begin(), interactions.rating.end(), 0.0) /
               static_cast<double>(interactions.size());
  model.user_bias.assign(static_cast<size_t>(interactions.users.size()), 0);
  model.item_bias.assign(static_cast<size_t>(interactions.items.size()), 0);
  for (int sweep = 0; sweep < options.sweeps; ++sweep) {
    Solve(interactions, interactions.item, interactions.user, model.user_bias, model.mean,
          options.regularisation, model.item_bias);
    Solve(interactions, interactions.user, interactions.item, model.item_bias, model.mean,
          options.regularisation, model.user_bias);
  }
  return model;
}

}  // namespace tandem::solver
