#include "tandem/training/task/retrieval.h"

#include <algorithm>
#include <cmath>

namespace tandem::task {

std::vector<float> LogQBias(std::span<const float> probabilities) {
  std::vector<float> bias(probabilities.size());
  std::transform(probabilities.begin(), probabilities.end(), bias.begin(),
                 [](float p) { return -std::log(std::clamp(p, 1e-6F, 1.0F)); });
  return bias;
}

}  // namespace tandem::task
