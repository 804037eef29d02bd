// The user and item bias model: rating(u, i) = mean + user_bias[u] + item_bias[i].
//
// Solved by alternating regularised means (Koren, 2009): an item's bias is the sum of what is
// left of its ratings, divided by (regularisation + their count), then the same for users.
// Deterministic; the struct is a plain value, safe to read from many threads.
#pragma once

#include <cstdint>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/training/data/dataset.h"

namespace tandem::solver {

struct BiasOptions {
  double regularisation = 5;  // in ratings: a row with that many keeps half of its bias
  int sweeps = 20;            // of both sides
};

struct BiasModel {
  double mean = 0;
  std::vector<double> user_bias;  // [u]
  std::vector<double> item_bias;  // [n]

  // -1 stands for an unknown user or item, whose bias is 0.
  double Predict(int32_t user, int32_t item) const;
};

// kInvalidArgument: no interactions.
Result<BiasModel> SolveBias(const data::Interactions& interactions,
                            const BiasOptions& options = {});

}  // namespace tandem::solver
