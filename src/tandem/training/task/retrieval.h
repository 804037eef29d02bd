// Corrections of the retrieval loss that are made before the softmax.
#pragma once

#include <span>
#include <vector>

namespace tandem::task {

// [n] what a logQ correction adds to the logit of each candidate: -log(clip(p, 1e-6, 1)) for its
// probability p of being met in a batch (Yi et al., 2019; the clip of TensorFlow Recommenders).
std::vector<float> LogQBias(std::span<const float> probabilities);

}  // namespace tandem::task
